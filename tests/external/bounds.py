"""Recomputes bounds on deviations and on a flow's own error with dense Hessians, from the formulas of docs/bounds.md.

    bounds.py INSTANCE.npz RUN_DIR       the run of methods/bounds.toml
"""

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
from check import Report, fro, op_norm, read_table
from flows import law
from scipy.integrate import solve_ivp
from scipy.integrate._ivp import dop853_coefficients as dop853
from steps import METHODS, Problem, members

NODES = np.array([0.06, 0.18, 0.31, 0.46, 0.58, 0.69, 0.82, 0.94])  # where the defect of a dense output is looked at, in a step


def jacobian(problem, z):
    """Of A(FGᵀ), by columns: δZ in the order of z.ravel()."""
    f, g = problem.split(z)
    columns = []
    for i in range(z.size):
        unit = np.zeros(z.size)
        unit[i] = 1.0
        df, dg = problem.split(unit.reshape(z.shape))
        columns.append(problem.flat @ (df @ g.T + f @ dg.T).ravel())
    return np.array(columns).T


class Curvature:
    def __init__(self, problem, z, normal):
        (f, g), n = problem.split(z), problem.drive(z)
        j = jacobian(problem, z)
        self.hessian = j.T @ j - np.kron(problem.lift(n), np.eye(z.shape[1]))
        values = np.linalg.eigvalsh(self.hessian)
        self.least, self.greatest = values[0], values[-1]
        self.spread = op_norm(f) ** 2 + op_norm(g) ** 2
        self.gauss_newton = min(self.greatest + op_norm(n), normal * self.spread)
        self.exact_gauss_newton = op_norm(j) ** 2


def worst_of(curvature, j):
    """The envelope of an interval: the worse of its ends."""
    a, b = curvature[j], curvature[j + 1]
    return min(a.least, b.least), max(a.gauss_newton, b.gauss_newton)


def grow(u, least, gauss_newton, normal, gamma, tau, first_order):
    """u(τ) of u̇ = −λ_min u + min((3/2)√(λ_GN λ_A) u, (9/8)λ_GN) u + γ, integrated."""

    def rate(_, u):
        more = 0.0 if first_order else np.minimum(1.5 * np.sqrt(gauss_newton * normal) * u, 1.125 * gauss_newton)
        return (more - least) * u + gamma

    return solve_ivp(rate, (0, tau), [u], rtol=1e-11, atol=1e-16, method="DOP853").y[0, -1]


def largest_defects(problem, kind, table, flow, times):
    """The largest ‖g‖ between recorded times; for flows by sampling, many times in each interval."""
    largest = np.zeros(len(times) - 1)
    if kind is not None:  # the chord between points, g at both of its ends
        method, z = METHODS[kind](problem, table["step"], table), problem.start
        per = round(times[1] / method.step)
        for k in range(per * len(largest)):
            after = method(z, k)
            chord = (after - z) / method.step
            largest[k // per] = max(largest[k // per], fro(chord - problem.field(z)), fro(chord - problem.field(after)))
            z = after
        return largest
    z = problem.start
    flow.enter(0.0, z)
    for j, (a, b) in enumerate(zip(times[:-1], times[1:])):
        rate = lambda t, v: flow.rate(t, v.reshape(problem.start.shape)).ravel()
        run = solve_ivp(rate, (a, b), z.ravel(), method="DOP853", rtol=1e-11, atol=1e-15, t_eval=np.linspace(a, b, 21))
        for t, column in zip(run.t, run.y.T):
            own = column.reshape(z.shape)
            largest[j] = max(largest[j], fro(flow.rate(t, own) - problem.field(own)))
        z = run.y[:, -1].reshape(z.shape)
    return largest


def interpolant(step):
    """u and u̇ of DOP853's dense output at a share of the step."""
    old, size, terms = step

    def at(x):
        y, slope = np.zeros_like(old), np.zeros_like(old)
        for i, term in enumerate(reversed(terms)):
            y = y + term
            factor, derivative = (x, 1.0) if i % 2 == 0 else (1 - x, -1.0)
            y, slope = y * factor, slope * factor + y * derivative
        return old + y, slope / size

    return at


def adaptive(problem, rtol, horizon):
    """DOP853 with the step-size control of docs/methods.md. Its steps, and the number of those that were rejected."""
    field = lambda z: problem.field(z)
    t, z = 0.0, problem.start
    rate = field(z)
    wanted, before, rejected, after_rejection, largest = min(0.05 * fro(z) / fro(rate), horizon), 1e-4, 0, False, 0.0
    steps = []
    while t < horizon:
        # The last step is stretched by 1 %; the last three are alike.
        left = horizon - t
        last = 1.01 * wanted >= left
        h = left if last else left / np.ceil(left / wanted / 1.01) if left < 3 * wanted else wanted
        k = np.zeros((16, *z.shape))
        k[0] = rate
        for s in range(1, 12):
            stage = z + h * np.tensordot(dop853.A[s, :s], k[:s], 1)
            k[s] = field(stage)
        new = z + h * np.tensordot(dop853.B, k[:12], 1)
        k[12] = field(new)
        e5, e3 = (fro(np.tensordot(e, k[:13], 1)) for e in (dop853.E5, dop853.E3))
        error = h * e5**2 / np.sqrt(e5**2 + 0.01 * e3**2)
        ratio = error / (rtol * max(fro(z), fro(new)))
        if ratio > 1:
            wanted, rejected, after_rejection = h * max(0.8 * ratio ** -(1 / 8 - 0.008), 0.2), rejected + 1, True
            continue
        for s in range(13, 16):
            k[s] = field(z + h * np.tensordot(dop853.A[s, :s], k[:s], 1))
        change = new - z
        terms = [change, h * k[0] - change, 2 * change - h * (k[12] + k[0]), *(h * np.tensordot(d, k, 1) for d in dop853.D)]
        steps.append((z, h, terms))
        factor = np.clip(0.8 * ratio ** -(1 / 8 - 0.008) * before**0.04, 0.2, 6)
        proposed = h * (min(factor, 1.0) if after_rejection else factor)
        if h >= wanted:
            wanted, before = proposed, max(ratio, 1e-4)
        else:
            wanted = max(proposed, wanted)
        # Within the region of stability, by Hairer's estimate of the largest rate.
        largest = max(0.97 * largest, fro(k[12] - k[11]) / fro(new - stage))
        wanted = min(wanted, 6.2 / largest)
        t, z, rate, after_rejection = (horizon if last else t + h), new, k[12], False
    return steps, rejected


def check_certificate(report, problem, config, entry, curvature, times, states, normal):
    """The defect along the recomputed steps, the bound from it, and the error itself."""
    bound, rtol = entry["error_bound"], next(t for t in config["trajectory"] if t["name"] == entry["name"])["flow"]["rtol"]
    steps, rejected = adaptive(problem, rtol, times[-1])
    counts = abs(len(steps) - entry["accepted"]) + abs(rejected - entry["rejected"])
    report.add("certificate: accepted and rejected steps", counts, 0.0, len(steps))
    defects, ends, finest = [], [], 0.0
    for step in steps:
        at = interpolant(step)
        defect = lambda x: fro(at(x)[1] - problem.field(at(x)[0]))
        defects.append(1.35 * max(map(defect, NODES)))
        finest = max(finest, *map(defect, np.linspace(0, 1, 400)))
        ends.append((ends[-1] if ends else 0.0) + step[1])
    ends[-1] = times[-1]
    report.add("certificate: largest defect, relative", abs(bound["largest_defect"] / max(defects) - 1), 1e-6, max(defects))
    report.add("certificate: largest defect is not exceeded", finest, bound["largest_defect"], finest)
    # The intervals end at samples and at steps.
    u, at_samples, grid = 0.0, [0.0], sorted({*times, *ends})
    for a, b in zip(grid[:-1], grid[1:]):
        j = int(np.searchsorted(times, b)) - 1
        gamma = defects[int(np.searchsorted(ends, b))]
        u = grow(u, *worst_of(curvature, j), normal, gamma, b - a, False)
        if b in times:
            at_samples.append(u)
    own = [np.sqrt(c.spread) * d + d * d / 2 for c, d in zip(curvature, at_samples)]
    sizes = [fro(problem.product(z)) for z in states]
    report.add("certificate: factors, relative", abs(bound["factors"] / max(at_samples) - 1), 1e-6, max(at_samples))
    report.add("certificate: product, relative", abs(bound["product"] / (max(own) / max(sizes)) - 1), 1e-6, bound["product"])
    flow, z, worst, worst_product = law(problem, {"flow": {}}, "."), problem.start, 0.0, 0.0
    rate = lambda t, v: flow.rate(t, v.reshape(problem.start.shape)).ravel()
    for a, b, theirs in zip(times[:-1], times[1:], states[1:]):
        z = solve_ivp(rate, (a, b), z.ravel(), method="DOP853", rtol=1e-13, atol=1e-16).y[:, -1].reshape(z.shape)
        worst = max(worst, fro(z - theirs))
        worst_product = max(worst_product, fro(problem.product(z) - problem.product(theirs)))
    report.add("certificate: the error is not above the bound", worst, bound["factors"], worst)
    report.add("certificate: nor is the product's", worst_product / max(sizes), bound["product"], worst_product / max(sizes))


def check_bounds(report, problem, config, directory):
    with np.load(directory / "snapshots.npz") as arrays:
        snapshots = {name: arrays[name] for name in arrays.files}
    manifest = json.loads((directory / "manifest.json").read_text())["trajectories"]
    rows = [row for row in read_table(directory / "trajectories.csv") if row["trajectory"] == "flow"]
    times = [float(row["t"]) for row in rows]
    states = [np.vstack([f, g]) for f, g in zip(snapshots["flow.f"], snapshots["flow.g"])]
    normal = op_norm(problem.flat) ** 2
    curvature = [Curvature(problem, z, normal) for z in states]
    for row, own in zip(rows, curvature, strict=True):
        scale = max(abs(own.least), abs(own.greatest))
        report.add("sharpness over the larger end", abs(float(row["sharpness"]) - own.greatest) / scale, 1e-10, own.greatest)
        report.add("curvature_min over the larger end", abs(float(row["curvature_min"]) - own.least) / scale, 1e-10, own.least)
        report.add("lambda_GN is not above its bound", own.exact_gauss_newton, own.gauss_newton * (1 + 1e-12), own.exact_gauss_newton)
    # Second differences of the loss along a direction: the Hessian is that of the loss.
    direction, h = np.random.default_rng(2).standard_normal(states[4].shape), 1e-3
    loss = lambda s: problem.loss(states[4] + s * direction)
    second = (-loss(2 * h) + 16 * loss(h) - 30 * loss(0) + 16 * loss(-h) - loss(-2 * h)) / (12 * h * h)
    exact = direction.ravel() @ curvature[4].hessian @ direction.ravel()
    report.add("the dense Hessian, by differences, relative", abs(second / exact - 1), 1e-7, exact)

    comparison, seen = read_table(directory / "comparison.csv"), set()
    for trajectory in config["trajectory"]:
        if trajectory["name"] == "flow":
            continue
        stepping = any(key in METHODS for key in trajectory)
        listed = members(trajectory) if stepping else [(trajectory["name"], None, None, None)]
        for name, kind, table, _ in listed:
            seen.add(name)
            flow = None if stepping else law(problem, trajectory, directory)
            gammas = largest_defects(problem, kind, table, flow, times)
            pairs = [row for row in comparison if row["trajectory"] == name]
            # Of perturbed flows pgflow raises ‖g‖ by a tenth, of modified ones by 35 %, and takes the largest of a step, which may be longer than the interval.
            wider = np.pad(gammas, 1, mode="edge")
            raised = (1.35 if "modified_flow" in trajectory else 1.1) * 1.001 * np.maximum(wider[:-2], np.maximum(wider[1:-1], wider[2:]))
            for column, first_order in (("bound", False), ("bound_first_order", True)):
                u, above, label = 0.0, 0.0, f"{kind or name}: {column}"
                for j, row in enumerate(pairs):
                    if j > 0:
                        step = lambda u, gamma: grow(u, *worst_of(curvature, j - 1), normal, gamma, times[j] - times[j - 1], first_order)
                        u, above = step(u, gammas[j - 1]), step(above, raised[j - 1])
                    theirs = float(row[column])
                    if stepping:  # λ_A is known to its residual, some 1e-8
                        report.add(f"{label}, relative", abs(theirs - u), 1e-6 * u, u)
                    else:
                        report.add(f"{label} is not below that of finer defects", u - theirs, 1e-5 * u, u)
                        report.add(f"{label} is not above that of raised defects", theirs - above, 1e-5 * above, u)
            for row in pairs:
                report.add(f"{kind or name}: the deviation is not above the bound", float(row["factor_deviation"]), float(row["bound"]))
    report.add("every comparison is looked at", float({row["trajectory"] for row in comparison} != seen), 0.0)
    check_certificate(report, problem, config, next(e for e in manifest if e["name"] == "flow"), curvature, times, states, normal)


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    report, directory = Report(), Path(arguments[1])
    check_bounds(report, Problem(arguments[0]), tomllib.loads((directory / "config.toml").read_text()), directory)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
