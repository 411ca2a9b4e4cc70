"""Recomputes what pgflow wrote with NumPy and SciPy, from the exported instance alone.

    check.py run INSTANCE.npz RUN_DIR              the run of configs/external.toml
    check.py symmetric INSTANCE.npz RUN_DIR        the run of configs/symmetric.toml, with snapshots
    check.py structured COMPACT DENSE              two exports of one structured ensemble
    check.py instances PLAIN NOISY SINGLE NOISE     three exports of one configuration: as it is, with noise of that
                                                   standard deviation, with f32 storage

Three kinds of agreement:
- trajectories: descent step by step, and the flow by SciPy's DOP853 at rtol 1e-12, against snapshots.npz;
- tables: every column of trajectories.csv, spectrum.csv and comparison.csv from the definitions, at the factors of snapshots.npz. The
  tolerances are rounding-error bounds: the textbook bound gamma(k) = k*u/(1 - k*u) for sums of k products, carried through the
  absolute values of the very data, so that no tolerance is a matter of taste; both sides round, hence a factor 2;
- instances: y = A(Y), streams that do not disturb each other, entries that are single-precision numbers.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

STEP, HORIZON, SAMPLES, RANK = 0.1, 50.0, 51, 2  # as in configs/external.toml
U = 2.0**-53
fro = np.linalg.norm


def gamma(k):
    return k * U / (1 - k * U)


def svd_error(m):
    """Error bound of computed singular values: a modest multiple of max(m, n) u sigma_1."""
    return 20 * max(m.shape) * U * np.linalg.norm(m, 2)


def op_norm(m):
    return np.linalg.norm(m, 2)


class Report:
    """Agreements: a difference and what it may be."""

    def __init__(self):
        self.rows = {}

    def add(self, name, difference, allowed, reference=None):
        """The worst case (largest difference over tolerance) of every name is kept; NaN is the worst of all."""
        difference, allowed = float(difference), float(allowed)
        ratio = difference / allowed if allowed > 0 else (0.0 if difference == 0 else np.inf)
        ratio = np.inf if np.isnan(ratio) else ratio
        count, old = self.rows.get(name, (0, None))
        best = (ratio, difference, allowed, reference)
        self.rows[name] = (count + 1, best if old is None or ratio > old[0] else old)

    def finish(self):
        print(f"{'check':<52} {'cases':>6} {'difference':>11} {'allowed':>9} {'of value':>10}")
        failed = 0
        for name, (count, (ratio, difference, allowed, reference)) in self.rows.items():
            bad = not ratio <= 1.0
            failed += bad
            value = "" if reference is None else f"{reference:.3e}"
            print(f"{name:<52} {count:>6} {difference:>11.1e} {allowed:>9.1e} {value:>10} {'FAILED' if bad else 'ok'}")
        print(f"{len(self.rows)} checks, {failed} failed")
        return 1 if failed or not self.rows else 0


class Instance:
    def __init__(self, path):
        with np.load(path) as arrays:
            self.operator = arrays["operator"]
            self.y, self.f0, self.g0 = arrays["y"], arrays["f0"], arrays["g0"]
            self.target = arrays["target"]
        self.p, self.m, self.n = self.operator.shape
        assert all(a.dtype == np.float64 for a in (self.operator, self.y, self.f0, self.g0, self.target)), "arrays are f64"
        assert self.target.shape == (self.m, self.n) and self.y.shape == (self.p,), "shapes of target and y"
        assert self.f0.shape[0] == self.m and self.g0.shape == (self.n, self.f0.shape[1]), "shapes of f0 and g0"
        self.flat = np.ascontiguousarray(self.operator).reshape(self.p, -1)
        self.absolute = np.abs(self.flat)
        left, _, right = np.linalg.svd(self.target)
        self.left, self.right = left[:, :RANK], right[:RANK].T

    def residuals(self, x):
        return self.y - self.flat @ x.ravel()

    def normal(self, f, g):
        return (self.flat.T @ self.residuals(f @ g.T)).reshape(self.m, self.n)


def descent(inst, steps):
    """Yields (k, F, G, eta * sum of squared gradient norms before step k)."""
    f, g, dissipation = inst.f0.copy(), inst.g0.copy(), 0.0
    for k in range(steps + 1):
        yield k, f, g, dissipation
        n = inst.normal(f, g)
        df, dg = n @ g, n.T @ f
        dissipation += STEP * (fro(df) ** 2 + fro(dg) ** 2)
        f, g = f + STEP * df, g + STEP * dg


def flow(inst, times):
    h, cut = inst.f0.shape[1], inst.f0.size

    def rate(_, z):
        f, g = z[:cut].reshape(-1, h), z[cut:].reshape(-1, h)
        n = inst.normal(f, g)
        return np.concatenate([(n @ g).ravel(), (n.T @ f).ravel()])

    start = np.concatenate([inst.f0.ravel(), inst.g0.ravel()])
    # Restarted at every recording time: SciPy's dense output would otherwise be the least accurate part.
    result = [start]
    for a, b in zip(times[:-1], times[1:]):
        result.append(solve_ivp(rate, (a, b), result[-1], method="DOP853", rtol=1e-12, atol=1e-18).y[:, -1])
    return [(z[:cut].reshape(-1, h), z[cut:].reshape(-1, h)) for z in result]


class Point:
    """The quantities at one sample, and bounds of the rounding errors of one side."""

    def __init__(self, inst, f, g):
        h = f.shape[1]
        self.f, self.g = f, g
        self.x = f @ g.T
        self.dx = gamma(h + 1) * (np.abs(f) @ np.abs(g).T)
        self.r = inst.residuals(self.x)
        mn = inst.m * inst.n
        # Four more roundings: the factor 1/sqrt(p) may be applied to entries or to sums, and its own rounding.
        self.dr = gamma(mn + 4) * (inst.absolute @ np.abs(self.x).ravel()) + inst.absolute @ self.dx.ravel() + 2 * U * np.abs(inst.y)
        self.n = (inst.flat.T @ self.r).reshape(inst.m, inst.n)
        back = inst.absolute.T @ (self.dr + gamma(inst.p + 4) * np.abs(self.r))
        self.dn = back.reshape(inst.m, inst.n)
        self.rate_f, self.rate_g = self.n @ g, self.n.T @ f
        self.drate_f = self.dn @ np.abs(g) + gamma(inst.n + 1) * np.abs(self.n) @ np.abs(g)
        self.drate_g = self.dn.T @ np.abs(f) + gamma(inst.m + 1) * np.abs(self.n).T @ np.abs(f)
        self.residual = inst.target - self.x
        self.dresidual = self.dx + U * np.abs(self.residual)
        self.imbalance = f.T @ f - g.T @ g
        self.dimbalance = gamma(inst.m + 1) * np.abs(f).T @ np.abs(f) + gamma(inst.n + 1) * np.abs(g).T @ np.abs(g)
        left, self.sigma, right = np.linalg.svd(self.x)
        self.left, self.right = left[:, :RANK], right[:RANK].T
        # From the factors by QR and a small SVD, or from the product: both are off by a multiple of u |F| |G|.
        self.dsigma = 20 * (inst.m + inst.n + h) * U * op_norm(f) * op_norm(g) + fro(self.dx)
        self.sigma = self.sigma[: min(inst.m, inst.n, h)]

    def product_rate(self):
        return self.rate_f @ self.g.T + self.f @ self.rate_g.T


def gap_sine(basis, other):
    """Sine of the largest principal angle between two spaces, without cancellation."""
    return op_norm(other - basis @ (basis.T @ other))


def effective_rank(sigma, dsigma):
    total = sigma.sum()
    share = sigma / total
    entropy = -np.sum(share[share > 0] * np.log(share[share > 0]))
    # |d(-s log s)| <= ds (1 + |log max(s, ds)|), ds from the shares' own error.
    dshare = (dsigma + share * len(sigma) * dsigma) / total
    error = np.sum(dshare * (1 + np.abs(np.log(np.maximum(share, dshare)))))
    return np.exp(entropy), np.exp(entropy) * (error + gamma(4 * len(sigma)) * (1 + entropy))


def expected(inst, point, start):
    """Column -> (value, bound of one side's rounding error), from the definitions."""
    size = inst.m * inst.n
    rn, drn = fro(point.r), fro(point.dr)
    grad = np.hypot(fro(point.rate_f), fro(point.rate_g))
    dgrad = np.hypot(fro(point.drate_f), fro(point.drate_g)) + gamma(size) * grad
    res, dres = fro(point.residual), fro(point.dresidual) + gamma(size) * fro(point.residual)
    drift, ddrift = point.imbalance - start.imbalance, point.dimbalance + start.dimbalance
    rip = point.n - point.residual
    gap = point.sigma[RANK - 1] - point.sigma[RANK]
    # Wedin: the space turns by the matrix's error over the gap; the target's own space likewise.
    dangle = 2 * point.dsigma / gap + 20 * max(inst.m, inst.n) * U / 0.5
    ynorm, tnorm = fro(inst.y), fro(inst.target)
    return {
        "loss": (0.5 * rn**2, rn * drn + 0.5 * drn**2 + gamma(inst.p) * rn**2),
        "grad_norm": (grad, dgrad),
        "residual_fro": (res, dres),
        "residual_op": (op_norm(point.residual), fro(point.dresidual) + svd_error(point.residual)),
        "relative_error": (res / tnorm, dres / tnorm + gamma(size) * res / tnorm),
        "train_error": (rn / ynorm, (drn + 2 * gamma(inst.p) * rn) / ynorm),
        "imbalance": (op_norm(point.imbalance), fro(point.dimbalance) + svd_error(point.imbalance)),
        "imbalance_drift": (op_norm(drift), fro(ddrift) + svd_error(drift)),
        "effective_rank": effective_rank(point.sigma, point.dsigma),
        "angle_left": (gap_sine(point.left, inst.left), dangle),
        "angle_right": (gap_sine(point.right, inst.right), dangle),
        "rip_error": (op_norm(rip), fro(point.dn) + fro(point.dresidual) + svd_error(rip)),
    }


def read_table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def by_trajectory(rows, name):
    return [row for row in rows if row["trajectory"] == name]


def check_trajectories(report, inst, snaps, times):
    """Snapshots against own descent and own integration; returns the descent's dissipation sums at samples."""
    every = round(HORIZON / (SAMPLES - 1) / STEP)
    mine, sums = [], []
    for k, f, g, dissipation in descent(inst, round(HORIZON / STEP)):
        if k % every == 0:
            mine.append((f, g))
            sums.append(dissipation)
    for name, own, allowed in (("gd", mine, 1e-10), ("flow", flow(inst, times), 1e-7)):
        for (f, g), theirs_f, theirs_g in zip(own, snaps[f"{name}.f"], snaps[f"{name}.g"], strict=True):
            for what, a, b in (("F Gt", theirs_f @ theirs_g.T, f @ g.T), ("F", theirs_f, f), ("G", theirs_g, g)):
                report.add(f"{name}: {what} recomputed, relative", fro(a - b) / fro(b), allowed)
    return mine, sums


def check_columns(report, inst, rows, name, points, t, sums):
    own_f0 = 0.5 * fro(points[0].r) ** 2
    for j, (row, point) in enumerate(zip(rows, points, strict=True)):
        report.add(f"{name}: t as in snapshots", abs(float(row["t"]) - t[j]), 0.0)
        step = "" if name == "flow" else str(round(t[j] / STEP))
        report.add(f"{name}: step column", float(row["step"] != step), 0.0)
        for column, (value, bound) in expected(inst, point, points[0]).items():
            report.add(f"{name}: {column}", abs(float(row[column]) - value), 2 * bound, value)
        near = np.abs(point.sigma - 1e-3 * point.sigma[0]) <= 2 * point.dsigma
        if not near.any():
            rank = int(np.sum(point.sigma > 1e-3 * point.sigma[0]))
            report.add(f"{name}: numerical_rank", abs(float(row["numerical_rank"]) - rank), 0.0, rank)
        defect = float(row["energy_defect"])
        if name == "gd":  # the method's weights are those of Euler: eta * |grad f|^2 at the left end of every step
            own = abs(0.5 * fro(point.r) ** 2 - own_f0 + sums[j]) / own_f0
            report.add("gd: energy_defect", abs(defect - own), 1e-10, own)
        else:  # dissipation is integrated by the pair's own weights: as accurate as the flow
            report.add("flow: energy_defect vanishes", defect, 1e-7)


def check_spectrum(report, rows, name, points, t):
    table = {}
    for row in rows:
        table.setdefault(float(row["t"]), []).append((int(row["index"]), float(row["singular_value"])))
    report.add(f"{name}: spectrum has every sample", float(sorted(table) != sorted(t)), 0.0)
    for time, point in zip(t, points):
        entries = sorted(table.get(time, []))
        report.add(f"{name}: spectrum indices", float([i for i, _ in entries] != list(range(1, len(point.sigma) + 1))), 0.0)
        for (_, theirs), own in zip(entries, point.sigma):
            report.add(f"{name}: singular_value", abs(theirs - own), 2 * point.dsigma, own)


def check_comparison(report, rows, flow_points, gd_points, t, own):
    for j, (row, a, b) in enumerate(zip(rows, flow_points, gd_points, strict=True)):
        names = (row["reference"], row["trajectory"], row["step"])
        report.add("comparison: names and step", float(names != ("flow", "gd", str(round(t[j] / STEP)))), 0.0)
        report.add("comparison: t", abs(float(row["t"]) - t[j]), 0.0)
        # k eta and the flow's recording time may differ in their last digits.
        late = 4 * U * t[j]
        d, dd = a.x - b.x, 2 * (fro(a.dx) + fro(b.dx)) + late * fro(a.product_rate())
        z = np.hypot(fro(a.f - b.f), fro(a.g - b.g))
        dz = late * np.hypot(fro(a.rate_f), fro(a.rate_g)) + 2 * gamma(a.f.size + a.g.size) * z
        report.add("comparison: product_deviation", abs(float(row["product_deviation"]) - fro(d)), dd + gamma(d.size) * fro(d), fro(d))
        report.add("comparison: product_deviation_op", abs(float(row["product_deviation_op"]) - op_norm(d)), dd + svd_error(d), op_norm(d))
        report.add("comparison: factor_deviation", abs(float(row["factor_deviation"]) - z), dz, z)
        mine = fro(own["flow"][j] - own["gd"][j])
        report.add("comparison: own flow, own descent", abs(float(row["product_deviation"]) - mine), 1e-7 * fro(a.x), mine)


def check_run(report, instance_path, directory):
    inst, directory = Instance(instance_path), Path(directory)
    with np.load(directory / "snapshots.npz") as arrays:
        snaps = {key: arrays[key] for key in arrays.files}
    times = [HORIZON * j / (SAMPLES - 1) for j in range(SAMPLES)]
    h = inst.f0.shape[1]
    for name in ("flow", "gd"):
        report.add(f"{name}: recording times", np.max(np.abs(snaps[f"{name}.t"] - times)), 4 * U * HORIZON)
        shapes = (snaps[f"{name}.f"].shape, snaps[f"{name}.g"].shape)
        assert shapes == ((SAMPLES, inst.m, h), (SAMPLES, inst.n, h)), f"snapshots of {name} have shapes {shapes}"
        start = max(np.max(np.abs(snaps[f"{name}.f"][0] - inst.f0)), np.max(np.abs(snaps[f"{name}.g"][0] - inst.g0)))
        report.add(f"{name}: starts at the exported factors", start, 0.0)
    mine, sums = check_trajectories(report, inst, snaps, times)
    points = {name: [Point(inst, f, g) for f, g in zip(snaps[f"{name}.f"], snaps[f"{name}.g"])] for name in ("flow", "gd")}
    table, spectrum = read_table(directory / "trajectories.csv"), read_table(directory / "spectrum.csv")
    for name in ("flow", "gd"):
        check_columns(report, inst, by_trajectory(table, name), name, points[name], snaps[f"{name}.t"], sums)
        check_spectrum(report, by_trajectory(spectrum, name), name, points[name], list(snaps[f"{name}.t"]))
    own = {"gd": [f @ g.T for f, g in mine], "flow": [f @ g.T for f, g in flow(inst, times)]}
    check_comparison(report, read_table(directory / "comparison.csv"), points["flow"], points["gd"], snaps["gd.t"], own)


def single_precision_error(entries):
    rounded = entries.astype(np.float32).astype(np.float64)
    return np.max(np.abs(entries - rounded) / np.abs(rounded))


def check_instances(report, plain_path, noisy_path, single_path, noise):
    plain, noisy, single = Instance(plain_path), Instance(noisy_path), Instance(single_path)
    for name, inst in (("plain", plain), ("f32", single)):
        report.add(f"{name}: y = A(Y), relative", fro(inst.residuals(inst.target)) / fro(inst.y), 1e-13)
    # Independent streams: noise changes y alone, storage changes the entries' rounding (and y with them) alone.
    for name, inst in (("noisy", noisy), ("f32", single)):
        for array in ("target", "f0", "g0") + (("operator",) if name == "noisy" else ()):
            report.add(f"{name}: {array} as without", float(not np.array_equal(getattr(inst, array), getattr(plain, array))), 0.0)
    e = noisy.residuals(noisy.target)
    report.add("noise: sample deviation over the nominal, less 1", abs(np.std(e) / noise - 1), 5 / np.sqrt(2 * len(e)))
    report.add("noise: mean over its standard error", abs(np.mean(e)) * np.sqrt(len(e)) / noise, 5.0)
    # Which entries are rounded, those of A_i or those of A_i/sqrt(p), is the ensemble's definition; the second is exact, the first is
    # a few roundings away from a single-precision number in what is exported.
    off = min(single_precision_error(single.operator), single_precision_error(single.operator * np.sqrt(single.p)))
    report.add("f32: entries are single precision, relative", off, 6 * U)
    relative = np.abs(single.operator - plain.operator) / np.abs(plain.operator)
    report.add("f32: entries are the f64 ones rounded, relative", np.max(relative), 2.0**-24 * (1 + 1e-6))
    report.add("f32: some entry is rounded at all (1 = none)", float(np.max(relative) < 2.0**-26), 0.0)
    scale = np.mean(plain.operator**2) * plain.p
    report.add("operator: mean square of the entries times p, less 1", abs(scale - 1), 6 * np.sqrt(2 / plain.operator.size))


def fwht(x):
    """The Walsh-Hadamard transform, not normalised."""
    h = 1
    while h < len(x):
        x = x.reshape(-1, 2, h)
        x = np.stack([x[:, 0] + x[:, 1], x[:, 0] - x[:, 1]], axis=1).ravel()
        h *= 2
    return x


def check_structured(report, compact_path, dense_path):
    """The arrays of a structured ensemble, read as docs/ensembles.md says, against its dense rows and its data."""
    with np.load(dense_path) as dense:
        operator, target, y = dense["operator"], dense["target"], dense["y"]
    p, m, n = operator.shape
    with np.load(compact_path) as arrays:
        kind = arrays["operator_kind"].item().decode()
        assert "operator" not in arrays and list(arrays["operator_shape"]) == [p, m, n], "a compact file"
        assert np.array_equal(arrays["y"], y) and np.array_equal(arrays["target"], target), "the same instance"
        match kind:
            case "rademacher":
                signs = 1.0 - 2.0 * np.unpackbits(arrays["sign_bits"], axis=1, count=m * n)
                measure = lambda x: signs @ x.ravel() / np.sqrt(p)
            case "rank_one":
                left, right = arrays["left"], arrays["right"]
                measure = lambda x: np.einsum("ij,jk,ik->i", left, x, right) / np.sqrt(p)
            case "hadamard":
                indices, signs = arrays["indices"], arrays["signs"]
                size = 1 << (m * n - 1).bit_length()

                def measure(x):
                    padded = np.zeros(size)
                    padded[: m * n] = (signs * x).ravel(order="F")
                    return fwht(padded)[indices] / np.sqrt(p)

            case "pauli":
                shifts, phases, j = arrays["shifts"], arrays["phases"], np.arange(m)
                parity = np.array([[bin(k).count("1") % 2 for k in row] for row in j & phases[:, None]])
                measure = lambda x: np.sqrt(m / p) * ((1 - 2 * parity) * x[j, j ^ shifts[:, None]]).sum(axis=1)
            case "entries":
                rows, cols = arrays["rows"], arrays["cols"]
                measure = lambda x: np.sqrt(m * n / p) * x[rows, cols]
    rng = np.random.default_rng(0)
    flat = operator.reshape(p, -1)
    for name, x in (("the target", target), ("a random matrix", rng.standard_normal((m, n)))):
        # Sums of mn products of at most three factors each, on both sides.
        allowed = 2 * gamma(m * n + 6) * np.max(np.abs(flat) @ np.abs(x).ravel())
        report.add(f"{kind}: compact and dense agree on {name}", np.max(np.abs(measure(x) - flat @ x.ravel())), allowed)
    report.add(f"{kind}: y = A(Y), relative", fro(measure(target) - y) / fro(y), 1e-13)
    if kind != "rank_one":
        report.add(f"{kind}: rows have the norm sqrt(mn/p), relative", np.max(np.abs(fro(flat, axis=1) / np.sqrt(m * n / p) - 1)), 1e-13)


def check_symmetric(report, instance_path, directory):
    """The symmetric model: descent step by step, every column at the snapshots, the adaptive subspace, the flow by SciPy."""
    with np.load(instance_path) as arrays:
        operator, y, target, u0 = arrays["operator"], arrays["y"], arrays["target"], arrays["u0"]
    p, d, _ = operator.shape
    report.add("symmetric: measurements equal their transposes", np.max(np.abs(operator - operator.transpose(0, 2, 1))), 0.0)
    flat, step, identity = operator.reshape(p, -1), 0.1, np.eye(d)
    residuals = lambda u: y - flat @ (u @ u.T).ravel()
    normal = lambda u: (flat.T @ residuals(u)).reshape(d, d)
    left = np.linalg.eigh(target)[1][:, ::-1][:, :RANK]
    values = np.linalg.eigvalsh(target)[::-1][:RANK]
    with np.load(Path(directory) / "snapshots.npz") as arrays:
        snaps = {name: arrays[name] for name in arrays.files}
    rows = read_table(Path(directory) / "trajectories.csv")
    name = "gd[step=0.1]"
    times, every = snaps[f"{name}.t"], round(snaps[f"{name}.t"][1] / step)

    # Descent, and the subspace carried along by orthonormal bases of its own.
    u, space, mine = u0.copy(), left, {}
    for k in range(every * (len(times) - 1) + 1):
        if k % every == 0:
            mine[k // every] = (u, space)
        growth = identity + step * normal(u)
        u, space = growth @ u, np.linalg.qr(growth @ space)[0]
    for j, theirs in enumerate(snaps[f"{name}.u"]):
        report.add("symmetric gd: U recomputed, relative", fro(theirs - mine[j][0]) / fro(theirs), 1e-11)

    def rate(_, z):
        v = z.reshape(d, -1)
        return (normal(v) @ v).ravel()

    z = u0.ravel()
    flow_times = snaps["flow.t"][::20]
    for a, b, theirs in zip(flow_times[:-1], flow_times[1:], snaps["flow.u"][20::20]):
        z = solve_ivp(rate, (a, b), z, method="DOP853", rtol=1e-12, atol=1e-18).y[:, -1]
        report.add("symmetric flow: U recomputed, relative", fro(theirs - z.reshape(d, -1)) / fro(theirs), 1e-7)

    for which in (name, "flow"):
        table = by_trajectory(rows, which)
        for j, (row, u) in enumerate(zip(table, snaps[f"{which}.u"], strict=True)):
            n, r, e, along = normal(u), residuals(u), target - u @ u.T, left.T @ u
            s = np.linalg.svd(u)[1] ** 2
            own = {
                "loss": 0.25 * r @ r,
                "grad_norm": fro(n @ u),
                "residual_fro": fro(e),
                "residual_op": op_norm(e),
                "relative_error": fro(e) / fro(target),
                "train_error": fro(r) / fro(y),
                "rip_error": op_norm(n - e),
                "signal_min": np.linalg.svd(along)[1][-1],
                "nuisance_left": op_norm(u - left @ along),
                "nuisance_right": op_norm(u - left @ along),
                "misalignment": op_norm(u) / np.linalg.svd(along)[1][-1],
                "effective_rank": np.exp(-np.sum(s / s.sum() * np.log(s / s.sum()))),
                "perturbation_measurement": op_norm(n - e),
                "perturbation_noise": 0.0,
                "perturbation_imposed": 0.0,
            }
            if which == "flow":
                own |= {"perturbation": op_norm(n - e), "perturbation_motion": 0.0, "perturbation_discretisation": 0.0}
            else:
                worst = np.zeros(3)
                for t in (0.0, step / 2, step):
                    inverse = np.linalg.inv(identity + t * n)
                    moved = u + t * n @ u
                    later = target - moved @ moved.T
                    worst = np.maximum(worst, [op_norm(n @ inverse - later), op_norm(e - later), op_norm(t * n @ n @ inverse)])
                own |= dict(zip(("perturbation", "perturbation_motion", "perturbation_discretisation"), worst))
                q = mine[j][1]
                zed = q @ (q.T @ u)
                own |= {
                    "adaptive_angle": gap_sine(left, q),
                    "adaptive_signal_min": np.linalg.svd(left.T @ zed)[1][-1],
                    "adaptive_signal": op_norm(zed),
                    "adaptive_error": op_norm(u - zed),
                }
            for column, value in own.items():
                # Norms of sums of some d terms, each of size one or that of the operator's image, at most 3 here.
                report.add(f"symmetric {which}: {column}", abs(float(row[column]) - value), 1e-12 * (1 + abs(value)), value)
            empty = [row[column] for column in ("imbalance", "imbalance_drift", "signal_gap")]
            empty += [row["adaptive_error"]] if which == "flow" else []
            report.add(f"symmetric {which}: undefined cells are empty", float(any(empty)), 0.0)
            phase = 3 if own["signal_min"] ** 2 >= values[-1] / 2 else 2 if own["signal_min"] > own["nuisance_left"] else 1
            report.add(f"symmetric {which}: phase", abs(float(row["phase"]) - phase), 0.0)


def main(arguments):
    report = Report()
    match arguments:
        case ["run", instance, directory]:
            check_run(report, instance, directory)
        case ["symmetric", instance, directory]:
            check_symmetric(report, instance, directory)
        case ["instances", plain, noisy, single, noise]:
            check_instances(report, plain, noisy, single, float(noise))
        case ["structured", compact, dense]:
            check_structured(report, compact, dense)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
