"""SciPy's DOP853 on the instances that the Rust part has exported: OUT_DIR CASE...

Writes OUT_DIR/scipy.csv. `atol` is tried at rtol/100 and rtol*alpha: the better for each error counts in the table.
"""
import os
import sys
import tomllib

import numpy as np
from scipy.integrate import solve_ivp

OUT, CASES = sys.argv[1], sys.argv[2:]
SEEDS = int(os.environ.get("SEEDS", "5"))


def flow(arrays):
    a, y, f0, g0 = arrays["operator"], arrays["y"], arrays["f0"], arrays["g0"]
    p, m, n = a.shape
    h, split = f0.shape[1], f0.size
    a = np.ascontiguousarray(a.reshape(p, m * n))

    def rate(_, z):
        f, g = z[:split].reshape(m, h), z[split:].reshape(n, h)
        drive = ((y - a @ (f @ g.T).ravel()) @ a).reshape(m, n)
        return np.concatenate([(drive @ g).ravel(), (drive.T @ f).ravel()])

    def product(z):
        return z[:split].reshape(m, h) @ z[split:].reshape(n, h).T

    return rate, product, np.concatenate([f0.ravel(), g0.ravel()])


def integrate(stem):
    """The runs: tolerances, evaluations and products at the end. Kept beside the instance, which does not change from build to build."""
    kept = stem + "_scipy.npz"
    if not os.path.exists(kept):
        config = tomllib.load(open(stem + ".toml", "rb"))
        horizon, alpha = config["record"]["horizon"], config["init"]["gaussian"]["scale"]
        arrays = np.load(stem + ".npz")
        rate, product, start = flow(arrays)
        runs = {"tolerances": [], "evaluations": [], "products": []}
        for rtol in 10.0 ** -np.arange(4, 9.51, 0.5):
            for atol in (rtol / 100, rtol * alpha):
                found = solve_ivp(rate, (0, horizon), start, method="DOP853", rtol=rtol, atol=atol, t_eval=[horizon])
                runs["tolerances"].append((rtol, atol))
                runs["evaluations"].append(found.nfev)
                runs["products"].append(product(found.y[:, -1]))
        np.savez(kept, size=np.linalg.norm(arrays["target"]), **runs)
    return np.load(kept)


with open(os.path.join(OUT, "scipy.csv"), "w") as table:
    table.write("case,seed,method,rtol,atol,evaluations,accepted,rejected,switches,error\n")
    for case in CASES:
        for seed in range(1, SEEDS + 1):
            stem = os.path.join(OUT, f"{case}_{seed}")
            runs = integrate(stem)
            products = runs["products"]
            reference = np.fromfile(stem + ".bin").reshape(products[0].shape, order="F")
            for (rtol, atol), evaluations, product in zip(runs["tolerances"], runs["evaluations"], products):
                error = np.linalg.norm(product - reference) / runs["size"]
                table.write(f"{case},{seed},scipy,{rtol:.3e},{atol:.3e},{evaluations},,,,{error:.6e}\n")
            table.flush()
            print(f"{case} seed {seed}", file=sys.stderr)
