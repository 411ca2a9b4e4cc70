"""Recomputes flows, modified flows and perturbed flows by SciPy's DOP853, and their columns, from the formulas of docs/perturbations.md and docs/methods.md.

    flows.py prepare CONFIG DIR          methods/flows.toml for both models, and files of matrices that it replays, into DIR/asymmetric and DIR/symmetric
    flows.py INSTANCE.npz RUN_DIR        a run of one of them
"""

import sys
import tomllib
from pathlib import Path

import numpy as np
from check import Report, fro, op_norm, read_table
from randomness import normal, normals, words
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.optimize import brentq
from steps import PARTS, Columns, Method, Problem, check_draws, compare

TIMES = np.array([0.0, 0.9, 2.0, 3.1, 4.0])  # of the replayed matrices: the last one holds until the horizon 4.5


def prepare(config, directory):
    text = Path(config).read_text()
    head, *trajectories = text.split("[[trajectory]]\n")
    rng = np.random.default_rng(1)
    half = lambda a: (a + a.transpose(0, 2, 1)) / 2
    for model in ("asymmetric", "symmetric"):
        folder = Path(directory) / model
        folder.mkdir(parents=True, exist_ok=True)
        symmetric = model == "symmetric"
        kept = [t for t in trajectories if not (symmetric and ("two_sided" in t or '"limit"' in t))]
        own = head.replace("[model]\n", f'[model]\nfactorization = "{model}"\n')
        (folder / "flows.toml").write_text(own + "".join("[[trajectory]]\n" + t for t in kept))
        tidy = half if symmetric else lambda a: a
        big, count = (8 if symmetric else 16), len(TIMES)
        draw = lambda rows, cols: 0.1 * rng.standard_normal((count, rows, cols))
        np.savez(folder / "shared.npz", t=TIMES, e=tidy(draw(8, 8)))
        np.savez(folder / "two_sided.npz", t=TIMES, e1=draw(8, 8), e2=draw(8, 8))
        np.savez(folder / "additive.npz", t=TIMES, p=draw(big, 4))
        np.savez(folder / "lifted.npz", t=TIMES, lifted=tidy(draw(big, big)))


class Flow(Method):
    """A plain flow: nothing is imposed."""

    additive = False
    jumps = ()

    def __init__(self, problem, table, perturbation, folder):
        super().__init__(problem, 0.0, table)
        self.own, self.folder = perturbation, folder

    def imposed(self, t, z):
        """𝓔 or P"""
        return np.zeros((len(z), len(z)))

    def enter(self, t, z):
        """At a jump."""

    def rate(self, t, z):
        push = self.imposed(t, z)
        return self.problem.field(z) + (push if self.additive else push @ z)


class Modified(Flow):
    forms = False

    def rate(self, t, z):
        """D − (η/2)∇²f∇f with D = −∇f, Ṅ = −A*A(D_F Gᵀ + F D_Gᵀ) and ∇²f∇f = sym(Ṅ)Z + sym(N)D."""
        problem = self.problem
        n = problem.lift(problem.drive(z))
        d = n @ z
        (f, g), (df, dg) = problem.split(z), problem.split(d)
        turned = -problem.back(problem.flat @ (df @ g.T + f @ dg.T).ravel())
        return d - self.table["step"] / 2 * (problem.lift(turned) @ z + n @ d)


class Bounded(Flow):
    """A law in units of its bound."""

    def __init__(self, problem, table, perturbation, folder):
        super().__init__(problem, table, perturbation, folder)
        self.additive = self.own["form"] == "additive"
        self.index = 0

    def gaussian(self, index, rows, cols):
        drawn = normals(self.own["seed"], "perturb", [index], rows * cols).reshape(cols, rows).T
        return (drawn + drawn.T) / 2 if self.problem.symmetric and not self.additive else drawn

    def after(self, index, count):
        """The word that follows `count` normal numbers in a stream."""
        source = words(self.own["seed"], "perturb", index)
        for _ in range(count):
            normal(source)
        return next(source)

    def lifted(self, blocks):
        """𝓔 of the form's blocks."""
        problem = self.problem
        if self.own["form"] == "shared" or problem.symmetric and self.own["form"] == "lifted":
            return problem.lift(blocks[0])
        if self.own["form"] == "two_sided":
            zeros = lambda k: np.zeros((k, k))
            return np.block([[zeros(problem.m), blocks[0]], [blocks[1].T, zeros(problem.n)]])
        return blocks[0]

    def shapes(self):
        problem = self.problem
        whole = problem.m if problem.symmetric else problem.m + problem.n
        match self.own["form"]:
            case "additive":
                return [(whole, problem.start.shape[1])]
            case "lifted":
                return [(whole, whole)]
            case "two_sided":
                return [(problem.m, problem.n)] * 2
        return [(problem.m, problem.n)]

    def size(self, z):
        problem, sigma = self.problem, self.problem.values[-1]
        residual = op_norm(problem.target - problem.product(z))
        match self.own["relative_to"]:
            case "sigma_r":
                unit = sigma**1.5 if self.additive else sigma
            case "residual":
                unit = residual * op_norm(z) if self.additive else residual
            case "absolute":
                unit = 1.0
        return self.own["bound"] * unit

    def imposed(self, t, z):
        return self.size(z) * self.lifted(self.blocks(t, z))


class Constant(Bounded):
    def blocks(self, t, z):
        if not hasattr(self, "kept"):
            self.kept = [self.draw(block, *shape) for block, shape in enumerate(self.shapes())]
        return self.kept

    def draw(self, block, rows, cols):
        direction = self.own["constant"]["direction"]
        if direction == "rank_one" and self.problem.symmetric:
            u = normals(self.own["seed"], "perturb", [block], rows)[0]
            return np.outer(u, u) / fro(u) ** 2 * (1.0 if self.after(block, rows) >> 31 & 1 else -1.0)
        if direction == "rank_one":
            drawn = normals(self.own["seed"], "perturb", [block], rows + cols)[0]
            u, v = drawn[:rows], drawn[rows:]
            return np.outer(u, v) / fro(u) / fro(v)
        drawn = self.gaussian(block, rows, cols)
        if direction == "flat":
            left, _, right = np.linalg.svd(drawn, full_matrices=False)
            return left @ right
        return drawn / op_norm(drawn)


def haar(gaussian):
    q, r = np.linalg.qr(gaussian)
    return q * np.sign(np.diag(r))


class Rotating(Bounded):
    """exp(2πt/period K) W, in the symmetric model exp(θK) W exp(−θK), with exponentials of matrices."""

    def blocks(self, t, z):
        if not hasattr(self, "kept"):
            self.kept = [self.draw(block, *shape) for block, shape in enumerate(self.shapes())]
        turned = []
        for w, k in self.kept:
            turn = expm(2 * np.pi * t / self.own["rotating"]["period"] * k)
            turned.append(turn @ w @ turn.T if self.problem.symmetric else turn @ w)
        return turned

    def draw(self, block, rows, cols):
        source = Source(self.own["seed"], block)
        w = source.matrix(rows, cols)
        w = (w + w.T) / 2 if self.problem.symmetric else w
        basis, k = haar(source.matrix(rows, rows)), np.zeros((rows, rows))
        for i in range(0, rows - 1, 2):
            k += np.outer(basis[:, i + 1], basis[:, i]) - np.outer(basis[:, i], basis[:, i + 1])
        return w / op_norm(w), k


class Source:
    """Numbers of one stream, one after the other."""

    def __init__(self, seed, index):
        self.words = words(seed, "perturb", index)

    def matrix(self, rows, cols):
        return np.array([normal(self.words) for _ in range(rows * cols)]).reshape(cols, rows).T

    def unit(self):
        """Uniform below one."""
        return (next(self.words) >> 11) * 2.0**-53


class Modes(Bounded):
    """U diag(d(t)) Vᵀ, square blocks."""

    def blocks(self, t, z):
        if not hasattr(self, "kept"):
            self.kept = [self.draw(block, rows) for block, (rows, _) in enumerate(self.shapes())]
        return [(left * self.values(block, t)) @ right.T for block, (left, right) in enumerate(self.kept)]

    def draw(self, block, side):
        source = Source(self.own["seed"], block)
        left = haar(source.matrix(side, side))
        right = left if self.problem.symmetric else haar(source.matrix(side, side))
        self.more(source, block, side)
        return left, right


class Smooth(Modes):
    def more(self, source, block, side):
        limit = np.pi / self.own["smooth"]["correlation_time"]
        self.waves = np.array([[(limit * source.unit(), 2 * np.pi * source.unit()) for _ in range(6)] for _ in range(side)])

    def values(self, block, t):
        return np.cos(self.waves[:, :, 0] * t + self.waves[:, :, 1]).mean(axis=1)


class OrnsteinUhlenbeck(Modes):
    def __init__(self, problem, table, perturbation, folder):
        super().__init__(problem, table, perturbation, folder)
        self.apart = self.own["ornstein_uhlenbeck"]["resolution"]
        self.jumps = self.apart * np.arange(1, 100)

    def enter(self, t, z):
        self.index = int(round(t / self.apart))

    def more(self, source, block, side):
        source, rho = Source(self.own["seed"], 2 + block), np.exp(-self.apart / self.own["ornstein_uhlenbeck"]["correlation_time"])
        free = source.matrix(side, 1)[:, 0] / 2
        path = [free]
        for _ in range(100):
            free = rho * free + 0.5 * np.sqrt(1 - rho**2) * source.matrix(side, 1)[:, 0]
            path.append(free)
        along = np.mod(np.array(path) + 1, 4)
        self.path = np.where(along > 2, 4 - along, along) - 1

    def values(self, block, t):
        share = t / self.apart - self.index
        return (1 - share) * self.path[self.index] + share * self.path[self.index + 1]


class Piecewise(Bounded):
    """The integrator is told each piece; at a jump the piece on its left counts."""

    def __init__(self, problem, table, perturbation, folder):
        super().__init__(problem, table, perturbation, folder)
        self.jumps = self.own["piecewise"]["interval"] * np.arange(1, 20)

    def enter(self, t, z):
        self.index = int(round(t / self.own["piecewise"]["interval"]))

    def blocks(self, t, z):
        drawn = [self.gaussian(2 * self.index + block, *shape) for block, shape in enumerate(self.shapes())]
        return [w / op_norm(w) for w in drawn]


class Adversary(Bounded):
    def blocks(self, t, z):
        problem, law = self.problem, self.own["adversarial"]
        f, g = problem.split(z)
        if law["against"] == "residual":
            r = problem.target - problem.product(z)
            h = r @ g @ g.T + f @ f.T @ r
        else:
            left, _, right = np.linalg.svd((problem.left.T @ f + problem.right.T @ g) / 2)
            u, v = left[:, problem.rank - 1], right[problem.rank - 1]
            h = np.outer(problem.left @ u, g @ v) + np.outer(f @ v, problem.right @ u)
        left, s, right = np.linalg.svd(h)
        smoothed = np.sqrt(1 + law["smoothing"] ** 2) * s / np.sqrt(s**2 + (law["smoothing"] * s[0]) ** 2)
        return [-(left * smoothed) @ right]


class Limit(Bounded):
    def blocks(self, t, z):
        if not hasattr(self, "kept"):
            self.kept = self.draw()
        return [self.kept]

    def draw(self):
        problem = self.problem
        beta = self.own["bound"] * {"sigma_r": 1.0, "absolute": 1 / problem.values[-1]}[self.own["relative_to"]]
        q = lambda x: (1 - x) * (beta**2 - x**2) / (1 - 2 * x)
        slope_of_q = lambda x: 2 * q(x) / (1 - 2 * x) - (beta**2 + 2 * x - 3 * x**2) / (1 - 2 * x)
        slope = lambda x: np.sqrt(x * x + 4 * q(x)) + x + 2 * slope_of_q(x)
        most = min(0.25, beta, 1 - beta)
        lam = brentq(slope, 0, most, xtol=1e-15) if slope(most) < 0 else most
        a = -(lam * (1 - lam) + beta**2) / beta
        s = np.sqrt(1 - a * a)
        drawn = normals(self.own["seed"], "perturb", [0], problem.m + problem.n)[0]
        across = []
        for vector, basis in zip((drawn[: problem.m], drawn[problem.m :]), problem.frames):
            vector = vector - basis @ (basis.T @ vector)
            across.append(vector / fro(vector))
        left, right = (np.column_stack([basis[:, -1], vector]) for basis, vector in zip(problem.frames, across))
        return left @ np.array([[a, s], [s, -a]]) @ right.T


class Replay(Bounded):
    def __init__(self, problem, table, perturbation, folder):
        super().__init__(problem, table, perturbation, folder)
        with np.load(Path(self.own["replay"]["file"])) as arrays:
            self.times = arrays["t"]
            self.matrices = [arrays[name] for name in ("e", "e1", "e2", "p", "lifted") if name in arrays]
        # At the times of the file the matrices have kinks, or jump.
        self.jumps = self.times[1:]

    def enter(self, t, z):
        self.index = int(np.sum(self.times <= t)) - 1

    def imposed(self, t, z):
        k = self.index
        if k + 1 == len(self.times) or self.own["replay"]["interpolation"] == "previous":
            return self.lifted([m[k] for m in self.matrices])
        share = (t - self.times[k]) / (self.times[k + 1] - self.times[k])
        return self.lifted([(1 - share) * m[k] + share * m[k + 1] for m in self.matrices])


class AsDescent(Flow):
    def __init__(self, problem, table, perturbation, folder):
        super().__init__(problem, table, perturbation, folder)
        self.eta = self.own["descent"]["step"]
        self.jumps = self.eta * np.arange(1, 100)

    def enter(self, t, z):
        self.since, self.m = t, self.problem.lift(self.problem.drive(z))

    def imposed(self, t, z):
        s = t - self.since
        return self.m @ np.linalg.inv(np.eye(len(self.m)) + s * self.m) - self.problem.lift(self.problem.drive(z))


LAWS = {
    "constant": Constant,
    "rotating": Rotating,
    "piecewise": Piecewise,
    "smooth": Smooth,
    "ornstein_uhlenbeck": OrnsteinUhlenbeck,
    "replay": Replay,
    "descent": AsDescent,
}


def law(problem, trajectory, folder):
    if "modified_flow" in trajectory:
        return Modified(problem, trajectory["modified_flow"], None, folder)
    own = trajectory.get("perturbation")
    if own is None:
        return Flow(problem, trajectory["flow"], None, folder)
    if "adversarial" in own:
        kind = Limit if own["adversarial"]["against"] == "limit" else Adversary
    else:
        kind = LAWS[next(key for key in own if key in LAWS)]
    return kind(problem, trajectory["flow"], own, folder)


def norm_of(flow, t, z):
    """‖𝓔‖, or None for additive forms, and what the columns say of its parts."""
    problem, push = flow.problem, flow.imposed(t, z)
    residual, noise = problem.target - problem.product(z), problem.back(problem.noise)
    whole = None if flow.additive else op_norm(problem.lift(problem.drive(z) - residual) + push)
    return [whole, op_norm(problem.drive(z) - residual - noise), op_norm(noise), 0.0, 0.0, op_norm(push), 0.0]


GAUSS = np.polynomial.legendre.leggauss(12)


def integrate(flow, times):
    """Yields (t, Z, columns of the perturbation, ∫‖∇f‖², ∫‖𝓔‖), restarted at recording times and jumps; at both the piece on the left counts."""
    problem, shape, end = flow.problem, flow.problem.start.shape, times[-1]
    marks = sorted({*times, *(t for t in flow.jumps if t < end)})
    # Times that differ by rounding are one.
    marks = [t for k, t in enumerate(marks) if k == 0 or t - marks[k - 1] > 1e-9]
    z, dissipation, integral = problem.start, 0.0, 0.0
    flow.enter(0.0, z)
    yield 0.0, z, norm_of(flow, 0.0, z), 0.0, 0.0

    def rate(t, flat):
        own = flat[:-1].reshape(shape)
        return np.append(flow.rate(t, own).ravel(), fro(problem.field(own)) ** 2)

    for a, b in zip(marks[:-1], marks[1:]):
        nodes = (a + b) / 2 + (b - a) / 2 * GAUSS[0] if flow.forms and not flow.additive else []
        result = solve_ivp(rate, (a, b), np.append(z.ravel(), dissipation), method="DOP853", rtol=1e-11, atol=1e-15, t_eval=[*nodes, b])
        for t, weight, column in zip(nodes, GAUSS[1], result.y.T):
            integral += (b - a) / 2 * weight * norm_of(flow, t, column[:-1].reshape(shape))[0]
        z, dissipation = result.y[:-1, -1].reshape(shape), result.y[-1, -1]
        if np.min(np.abs(np.array(times) - b)) < 1e-9:
            yield b, z, norm_of(flow, b, z), dissipation, integral
        if len(flow.jumps) and np.min(np.abs(np.array(flow.jumps) - b)) < 1e-9:
            flow.enter(b, z)


def check_flow(report, flow, name, snapshots, rows):
    problem = flow.problem
    label = f"{'symmetric ' if problem.symmetric else ''}{name}"
    stack = lambda j: snapshots[f"{name}.u"][j] if problem.symmetric else np.vstack([snapshots[f"{name}.f"][j], snapshots[f"{name}.g"][j]])
    times = [float(row["t"]) for row in rows]
    own_f0 = problem.loss(problem.start)
    # Errors at recording times: tens of the tolerance of a step.
    loose = max(1.0, flow.table.get("rtol", 1e-11) / 1e-10)
    for j, (t, z, parts, dissipation, integral) in enumerate(integrate(flow, times)):
        theirs, row = stack(j), rows[j]
        report.add(f"{label}: states recomputed, relative", fro(z - theirs) / fro(theirs), 1e-8 * loose)
        # The columns of the perturbation are taken at the states recomputed here; those of the run differ by the integrators' errors.
        forms, flow.forms = flow.forms, False
        values = Columns(problem, theirs, problem.start, flow, 0).values()
        flow.forms = forms
        values |= {f"perturbation{part}": value if forms else None for part, value in zip(PARTS, parts)}
        balance = abs(problem.loss(z) - own_f0 + dissipation) / own_f0
        whole = (integral if not flow.additive or j == 0 else None) if forms else None
        for column in row:
            if column == "energy_defect":
                report.add(f"{label}: energy_defect", abs(float(row[column]) - balance), 1e-7 * loose, balance)
            elif column == "perturbation_integral":
                # Three nodes a step; norms have kinks.
                compare(report, f"{label}: {column}", row[column], whole, 5e-4)
            elif column.startswith("perturbation"):
                compare(report, f"{label}: {column}", row[column], values[column], 1e-7 * loose)
            elif column not in ("trajectory", "step", "t"):
                compare(report, f"{label}: {column}", row[column], values[column])


def check(report, instance, directory):
    problem, directory = Problem(instance), Path(directory)
    config = tomllib.loads((directory / "config.toml").read_text())
    with np.load(directory / "snapshots.npz") as arrays:
        snapshots = {name: arrays[name] for name in arrays.files}
    check_draws(report, problem, config)
    table = read_table(directory / "trajectories.csv")
    seen = set()
    for trajectory in config["trajectory"]:
        steps = trajectory.get("modified_flow", {}).get("step")
        several = steps if isinstance(steps, list) else [None]
        for step in several:
            name = trajectory["name"] + (f"[step={step}]" if step is not None else "")
            if step is not None:
                trajectory = trajectory | {"modified_flow": trajectory["modified_flow"] | {"step": step}}
            rows = [row for row in table if row["trajectory"] == name]
            report.add(f"{name}: all samples", float(len(rows) != config["record"]["samples"]), 0.0)
            check_flow(report, law(problem, trajectory, directory), name, snapshots, rows)
            seen.add(name)
    report.add("every trajectory is looked at", float({row["trajectory"] for row in table} != seen), 0.0)


def main(arguments):
    report = Report()
    match arguments:
        case ["prepare", config, directory]:
            prepare(config, directory)
            return 0
        case [instance, directory]:
            check(report, instance, directory)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
