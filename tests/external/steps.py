"""Recomputes methods that make steps, in both models, from the formulas of docs/methods.md, docs/symmetric.md and docs/observables.md.

    steps.py INSTANCE.npz RUN_DIR        a run of methods/*.toml with snapshots, and the instance exported from the same configuration

Random numbers are drawn again from the seeds in the run's config.toml (randomness.py). A state is Z = [F; G], and sym(N) drives it, or Z = U in the
symmetric model, and N does: lift() is what tells the models apart.
"""

import json
import sys
import tomllib
from functools import cached_property
from pathlib import Path

import numpy as np
from check import Report, U, fro, gap_sine, op_norm, read_table
from randomness import below, normals, words
from scipy.linalg import expm

PARTS = ["", "_measurement", "_noise", "_motion", "_discretisation", "_imposed", "_sampling"]


class Problem:
    """An exported instance."""

    def __init__(self, path):
        with np.load(path) as arrays:
            self.y, self.target = arrays["y"], arrays["target"]
            self.symmetric = "u0" in arrays
            self.start = arrays["u0"] if self.symmetric else np.vstack([arrays["f0"], arrays["g0"]])
            if "operator" in arrays:
                self.operator = arrays["operator"]
            else:  # rank-one measurements of the symmetric model
                self.inputs = arrays["left"]
                self.operator = self.inputs[:, :, None] * self.inputs[:, None, :] / np.sqrt(len(self.y))
        self.p, self.m, self.n = self.operator.shape
        self.flat = self.operator.reshape(self.p, -1)
        left, values, right = np.linalg.svd(self.target)
        self.rank = int(np.sum(values > 1e-10 * values[0]))
        self.left, self.values, self.right = left[:, : self.rank], values[: self.rank], right[: self.rank].T
        self.noise = self.y - self.flat @ self.target.ravel()
        self.inputs = getattr(self, "inputs", None)

    def split(self, z):
        return (z, z) if self.symmetric else (z[: self.m], z[self.m :])

    def product(self, z):
        f, g = self.split(z)
        return f @ g.T

    def lift(self, n):
        return n if self.symmetric else np.block([[np.zeros((self.m, self.m)), n], [n.T, np.zeros((self.n, self.n))]])

    def back(self, v):
        return (self.flat.T @ v).reshape(self.m, self.n)

    def residuals(self, z):
        return self.y - self.flat @ self.product(z).ravel()

    def drive(self, z):
        """N"""
        return self.back(self.residuals(z))

    def field(self, z):
        return self.lift(self.drive(z)) @ z

    def loss(self, z):
        return (0.25 if self.symmetric else 0.5) * fro(self.residuals(z)) ** 2


class Method:
    """One trajectory as a recurrence, and what its step uses in the place of N."""

    linear, forms = True, True  # the path between points is Z + sMZ; the columns of the perturbation exist

    def __init__(self, problem, step, table):
        self.problem, self.step, self.table = problem, step, table
        self.previous = None

    def drive(self, z, k):
        return self.problem.drive(z)

    def __call__(self, z, k):
        return z + self.step * self.problem.lift(self.drive(z, k)) @ z

    def parts(self, z, k):
        """(A*A - I)R of the step, A*(e), N_S - N"""
        problem = self.problem
        noise = problem.back(problem.noise)
        full = problem.drive(z)
        return full - noise - (problem.target - problem.product(z)), noise, self.drive(z, k) - full

    def path(self, z, m, s):
        return z + s * m @ z

    def shape(self, m, s):
        """𝓔(s) + sym(R(s))"""
        return m @ np.linalg.inv(np.eye(len(m)) + s * m)


class Exponential(Method):
    linear = False

    def path(self, z, m, s):
        return expm(s * m) @ z

    def shape(self, m, s):
        return m

    def __call__(self, z, k):
        return self.path(z, self.problem.lift(self.drive(z, k)), self.step)


class Cayley(Method):
    forms = False

    def __call__(self, z, k):
        half = self.step / 2 * self.problem.lift(self.drive(z, k))
        return np.linalg.solve(np.eye(len(half)) - half, z + half @ z)


class Momentum(Method):
    forms = False

    def __call__(self, z, k):
        old = z if self.previous is None else self.previous
        self.previous = z
        return z + self.step * self.problem.field(z) + self.table["momentum"] * (z - old)


class Nesterov(Method):
    forms = False

    def __call__(self, z, k):
        old = z if self.previous is None else self.previous
        self.previous = z
        beta = self.table.get("momentum", max(k - 1, 0) / (k + 2))
        w = z + beta * (z - old)
        return w + self.step * self.problem.field(w)


class Stochastic(Method):
    def drive(self, z, k):
        problem, b = self.problem, self.table["batch"]
        source, order = words(self.table["seed"], "batch", k), list(range(problem.p))
        for i in range(b):
            other = i + below(source, problem.p - i)
            order[i], order[other] = order[other], order[i]
        chosen = np.zeros(problem.p)
        chosen[order[:b]] = problem.p / b
        return problem.back(chosen * problem.residuals(z))


class Fresh(Method):
    kept = None  # the last step's measurements

    def measurements(self, k):
        """(k, rows, e)"""
        problem, p, noise = self.problem, self.table["measurements"], self.table["noise"]
        if self.kept is None or self.kept[0] != k:
            size = problem.m * problem.n
            numbers = normals(self.table["seed"], "fresh", [k * 2**24 + i for i in range(p)], size + (noise > 0))
            rows = numbers[:, :size].reshape(p, problem.n, problem.m).transpose(0, 2, 1) / np.sqrt(p)
            rows = (rows + rows.transpose(0, 2, 1)) / 2 if problem.symmetric else rows
            self.kept = k, rows, noise * numbers[:, size] if noise > 0 else np.zeros(p)
        return self.kept

    def draw(self, z, k):
        _, rows, e = self.measurements(k)
        residual = self.problem.target - self.problem.product(z)
        back = lambda v: np.einsum("i,ijk->jk", v, rows)
        return back(np.einsum("ijk,jk->i", rows, residual)), back(e), residual

    def drive(self, z, k):
        seen, noise, _ = self.draw(z, k)
        return seen + noise

    def parts(self, z, k):
        seen, noise, residual = self.draw(z, k)
        return seen - residual, noise, np.zeros_like(noise)


class Scaled(Method):
    forms = False

    def __call__(self, z, k):
        problem, (f, g) = self.problem, self.problem.split(z)
        inverse = lambda a: np.linalg.inv(a.T @ a + self.table.get("damping", 0.0) * np.eye(a.shape[1]))
        n = problem.drive(z)
        if problem.symmetric:
            return z + self.step * n @ z @ inverse(z)
        return np.vstack([f + self.step * n @ g @ inverse(g), g + self.step * n.T @ f @ inverse(f)])


class Projected(Method):
    forms = False

    def __call__(self, z, k):
        values, vectors = np.linalg.eigh(self.problem.product(z) + 2 * self.step * self.problem.drive(z))
        top = np.argsort(values)[::-1][: z.shape[1]]
        return vectors[:, top] * np.sqrt(np.maximum(values[top], 0.0))


class Network(Method):
    forms = False

    def __call__(self, z, k):
        problem = self.problem
        outputs = np.sum((problem.inputs @ z) ** 2, axis=1)
        # The data are b_i/√p, the operator's rows x_i x_iᵀ/√p.
        b = np.sqrt(problem.p) * problem.y
        weights = (outputs - b) * (outputs <= self.table["threshold"]) / problem.p
        m = (problem.inputs * weights[:, None]).T @ problem.inputs
        tau = np.trace(problem.target) if self.table["trace"] == "known" else b.mean()
        c = fro(z) ** 2 - tau
        return (z - self.step * m @ z) / (1 - self.step * c)


METHODS = {
    "gradient_descent": Method,
    "exponential": Exponential,
    "cayley": Cayley,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "stochastic_gradient_descent": Stochastic,
    "fresh_measurements": Fresh,
    "scaled_descent": Scaled,
    "projected_descent": Projected,
    "quadratic_network": Network,
}


def check_draws(report, problem, config):
    """Target, measurements, noise and initial factors, drawn again from their streams."""
    target, (ensemble, sensing), seed = config["target"], *config["sensing"].items(), config["seed"]
    m, n, p, symmetric = problem.m, problem.n, problem.p, problem.symmetric
    matrix = lambda tag, own, index, rows, cols: normals(own, tag, [index], rows * cols).reshape(cols, rows).T
    sigma = np.array(target.get("singular_values", np.zeros(problem.rank)))
    frames = []
    for index, side in enumerate((m, n)):
        gaussian = matrix("target", target.get("seed", seed), index, side, problem.rank)
        q, r = np.linalg.qr(gaussian)
        frames.append(gaussian / fro(gaussian, axis=0) if "columns" in target else q * np.sign(np.diag(r)))
    problem.frames = frames
    own = frames[0] @ frames[0].T if "columns" in target else (frames[0] * sigma) @ frames[0 if symmetric else 1].T
    report.add("draws: target", fro(own - problem.target), 1e-14)
    if ensemble == "gaussian":
        rows = normals(sensing["seed"], "sensing", range(p), m * n).reshape(p, n, m).transpose(0, 2, 1) / np.sqrt(p)
        rows = (rows + rows.transpose(0, 2, 1)) / 2 if symmetric else rows
    elif ensemble == "rank_one":
        drawn = normals(sensing["seed"], "sensing", range(p), m if symmetric else m + n)
        rows = drawn[:, :m, None] * drawn[:, None, (0 if symmetric else m) :] / np.sqrt(p)
    else:  # others are told by arrays, which check.py reads
        rows = problem.operator
    report.add("draws: measurements", np.max(np.abs(rows - problem.operator)), 1e-14)
    noise = sensing["noise"] * normals(sensing["seed"], "noise", [0], p)[0]
    report.add("draws: noise", np.max(np.abs(noise - problem.noise)), 1e-13)
    init, width = config["init"]["gaussian"], problem.start.shape[1]
    factors = [matrix("init", init["seed"], index, side, width) for index, side in enumerate((m, n))]
    own = init["scale"] * (factors[0] if symmetric else np.vstack(factors))
    report.add("draws: initial factors", np.max(np.abs(own - problem.start)), 1e-14)


def spectral_start(problem, scale, width):
    """[init.spectral] of = "data": the top singular triples of A*(y), up to the signs of the pairs."""
    drive = problem.back(problem.y)
    if problem.symmetric:
        values, vectors = np.linalg.eigh(drive)
        return scale * vectors[:, ::-1][:, :width] * np.sqrt(np.maximum(values[::-1][:width], 0.0))
    left, values, right = np.linalg.svd(drive)
    return scale * np.vstack([left[:, :width] * np.sqrt(values[:width]), right[:width].T * np.sqrt(values[:width])])


def members(table):
    """(name, kind, parameters, start table) of every member of a resolved [[trajectory]] with lists in the method's own table."""
    kind = next(key for key in table if key in METHODS)
    names = {"seed": {"fresh_measurements": "measurement_seed", "stochastic_gradient_descent": "batch_seed"}.get(kind)}
    result = [("", {})]
    for key in ("step", "momentum", "batch", "measurements", "threshold", "damping", "noise", "seed", "trace"):
        if key in table[kind]:
            value = table[kind][key]
            several = isinstance(value, list)
            label = lambda v: f",{names.get(key) or key}={str(v).removesuffix('.0')}" if several else ""
            result = [(name + label(v), own | {key: v}) for name, own in result for v in (value if several else [value])]
    return [(table["name"] + (f"[{name[1:]}]" if name else ""), kind, own, table.get("init")) for name, own in result]


class Columns:
    """The columns at one state, from their definitions."""

    def __init__(self, problem, z, start, method, k):
        self.problem, self.z, self.start, self.method, self.k = problem, z, start, method, k

    @cached_property
    def perturbation(self):
        """Norms of 𝓔 at the step's beginning, middle and end, and the columns of its parts."""
        problem, z, method, k = self.problem, self.z, self.method, self.k
        m, step = problem.lift(method.drive(z, k)), method.step
        # sym(M) has the eigenvalues ±‖N‖, so that this is η‖N‖ < 1 in the asymmetric model.
        if method.linear and 1 + step * np.linalg.eigvalsh(m)[0] <= 0:
            return None
        r = problem.target - problem.product(z)
        whole, motion, discretisation = [], 0.0, 0.0
        for s in (0.0, step / 2, step):
            later = problem.target - problem.product(method.path(z, m, s))
            whole.append(op_norm(method.shape(m, s) - problem.lift(later)))
            motion = max(motion, op_norm(r - later))
            discretisation = max(discretisation, op_norm(m - method.shape(m, s)))
        measurement, noise, sampling = (op_norm(part) for part in method.parts(z, k))
        return whole, dict(zip(PARTS, (max(whole), measurement, noise, motion, discretisation, 0.0, sampling)))

    def parted(self, sigma):
        """Whether the first r singular spaces are determined."""
        (f, g), r = self.problem.split(self.z), self.problem.rank
        following = sigma[r] if len(sigma) > r else 0.0
        return sigma[r - 1] - following > 2 * U * max(*self.problem.target.shape, f.shape[1]) * fro(f) * fro(g)

    def values(self):
        problem, z = self.problem, self.z
        (f, g), n, r, e = problem.split(z), problem.drive(z), problem.residuals(z), problem.target - problem.product(z)
        left, sigma, right = np.linalg.svd(problem.product(z))
        sigma = sigma[: min(problem.m, problem.n, z.shape[1])]
        share = sigma[sigma > 0] / sigma.sum()
        own = {
            "loss": problem.loss(z),
            "grad_norm": fro(problem.lift(n) @ z),
            "residual_fro": fro(e),
            "residual_op": op_norm(e),
            "relative_error": fro(e) / fro(problem.target),
            "train_error": fro(r) / fro(problem.y),
            "effective_rank": np.exp(-np.sum(share * np.log(share))),
            "numerical_rank": int(np.sum(sigma > 1e-3 * sigma[0])),
            "angle_left": gap_sine(left[:, : problem.rank], problem.left) if self.parted(sigma) else None,
            "angle_right": gap_sine(right[: problem.rank].T, problem.right) if self.parted(sigma) else None,
            "rip_error": op_norm(n - problem.back(problem.noise) - e),
        }
        if problem.symmetric:
            along = problem.left.T @ z
            own |= {"signal_min": np.linalg.svd(along)[1][-1], "misalignment": op_norm(z) / np.linalg.svd(along)[1][-1]}
            own["nuisance_left"] = own["nuisance_right"] = op_norm(z - problem.left @ along)
            own |= {"imbalance": None, "imbalance_drift": None, "signal_gap": None}
            rivals = [own["nuisance_left"]]
        else:
            f0, g0 = problem.split(self.start)
            signal, gap = (problem.left.T @ f + problem.right.T @ g) / 2, (problem.left.T @ f - problem.right.T @ g) / 2
            own |= {"signal_min": np.linalg.svd(signal)[1][-1], "signal_gap": op_norm(gap)}
            own["nuisance_left"] = op_norm(f - problem.left @ problem.left.T @ f)
            own["nuisance_right"] = op_norm(g - problem.right @ problem.right.T @ g)
            own["misalignment"] = np.sqrt(2) * op_norm(z) / (2 * own["signal_min"])
            own["imbalance"] = op_norm(f.T @ f - g.T @ g)
            own["imbalance_drift"] = op_norm(f.T @ f - g.T @ g - f0.T @ f0 + g0.T @ g0)
            rivals = [own["signal_gap"], own["nuisance_left"], own["nuisance_right"]]
        own["phase"] = 3 if own["signal_min"] ** 2 >= problem.values[-1] / 2 else 2 if own["signal_min"] > max(rivals) else 1
        own |= {f"perturbation{part}": None for part in PARTS}
        if self.method.forms and self.perturbation is not None:
            own |= {f"perturbation{part}": value for part, value in self.perturbation[1].items()}
        if problem.symmetric:
            own["generalisation_exact"] = np.sqrt(2 * fro(e) ** 2 + np.trace(e) ** 2)
            fresh = unseen(problem.m)
            own["generalisation_error"] = np.sqrt(np.mean(np.einsum("ij,jk,ik->i", fresh, e, fresh) ** 2))
        return own


UNSEEN = {}


def unseen(side):
    """4096 inputs, one after the other from stream `side` of the purpose "inputs" of the seed 0."""
    if side not in UNSEEN:
        UNSEEN[side] = normals(0, "inputs", [side], 4096 * side).reshape(4096, side)
    return UNSEEN[side]


def check_member(report, problem, name, kind, table, start, snapshots, rows):
    method = METHODS[kind](problem, table["step"], table)
    width = problem.start.shape[1]
    stack = lambda j: snapshots[f"{name}.u"][j] if problem.symmetric else np.vstack([snapshots[f"{name}.f"][j], snapshots[f"{name}.g"][j]])
    label = f"{'symmetric ' if problem.symmetric else ''}{kind}"
    z = problem.start
    if start and start.get("spectral", {}).get("of") == "data":
        z, theirs = spectral_start(problem, start["spectral"]["scale"], width), stack(0)
        # Each pair of singular vectors is defined up to a common sign.
        z = z * np.where(np.sum(z * theirs, axis=0) < 0, -1.0, 1.0)
        report.add(f"{label}: data-spectral start, relative", fro(z - theirs) / fro(theirs), 1e-12)
        z = theirs
    report.add(f"{label}: starts at the exported factors", fro(stack(0) - z), 0.0)

    first, dissipation, integral, space = z, 0.0, 0.0, problem.left
    samples = [int(row["step"]) for row in rows]
    for k in range(samples[-1] + 1):
        columns = Columns(problem, z, first, method, k)
        if k in samples:
            j = samples.index(k)
            theirs, row = stack(j), rows[j]
            same = problem.product(z) if kind == "projected_descent" else z
            other = problem.product(theirs) if kind == "projected_descent" else theirs
            report.add(f"{label}: states recomputed, relative", fro(same - other) / fro(other), 1e-11)
            report.add(f"{label}: times", abs(float(row["t"]) - k * method.step), 1e-14 * float(row["t"]))
            own = Columns(problem, theirs, first, method, k).values()
            own["perturbation_integral"] = integral if method.forms else None
            known = kind not in ("stochastic_gradient_descent", "fresh_measurements", "quadratic_network")
            balance = abs(problem.loss(z) - problem.loss(first) + dissipation) / problem.loss(first)
            own["energy_defect"] = balance if known or k == 0 else None
            if problem.symmetric:
                adaptive = ["adaptive_angle", "adaptive_signal_min", "adaptive_signal", "adaptive_error"]
                values = [None] * 4
                if kind == "gradient_descent":
                    zed = space @ (space.T @ theirs)
                    values = [gap_sine(problem.left, space), np.linalg.svd(problem.left.T @ zed)[1][-1], op_norm(zed), op_norm(theirs - zed)]
                own |= dict(zip(adaptive, values))
            for column in row:
                if column not in ("trajectory", "step", "t"):
                    compare(report, f"{label}: {column}", row[column], own[column])
        if k == samples[-1]:
            break
        if integral is not None and method.forms:
            integral = None if columns.perturbation is None else integral + method.step / 6 * np.dot([1, 4, 1], columns.perturbation[0])
        if problem.symmetric and kind == "gradient_descent":
            space = np.linalg.qr(space + method.step * problem.drive(z) @ space)[0]
        dissipation += method.step * fro(problem.field(z)) ** 2
        z = method(z, k)


def compare(report, name, cell, value, tolerance=1e-11):
    """Sums of some tens of terms of size one: 1e-11 leaves room for the growth of rounding errors over the steps."""
    if value is None or not np.isfinite(value):
        report.add(f"{name} is empty", float(cell != ""), 0.0)
    elif cell == "":
        report.add(f"{name}: not empty", 1.0, 0.0, value)
    else:
        report.add(name, abs(float(cell) - value), tolerance * (1 + abs(value)), value)


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    report, problem, directory = Report(), Problem(arguments[0]), Path(arguments[1])
    config = tomllib.loads((directory / "config.toml").read_text())
    with np.load(directory / "snapshots.npz") as arrays:
        snapshots = {name: arrays[name] for name in arrays.files}
    check_draws(report, problem, config)
    table = read_table(directory / "trajectories.csv")
    outcomes = {entry["name"]: entry["outcome"] for entry in json.loads((directory / "manifest.json").read_text())["trajectories"]}
    for trajectory in config["trajectory"]:
        for name, kind, own, start in members(trajectory):
            rows = [row for row in table if row["trajectory"] == name]
            report.add(f"{kind}: completed", float("completed" not in json.dumps(outcomes.pop(name))), 0.0)
            check_member(report, problem, name, kind, own, start, snapshots, rows)
    report.add("every trajectory is looked at", float(len(outcomes)), 0.0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
