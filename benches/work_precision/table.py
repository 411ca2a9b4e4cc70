"""Evaluations at equal true error, from OUT_DIR/*.csv: a table on stdout, and the work-precision diagram OUT_DIR/work_precision.svg."""
import collections
import csv
import glob
import math
import os
import sys

OUT = sys.argv[1]
# Case, error, method, the one it is measured against, and what is aimed at.
GOALS = [
    ("k10a3_T20", 1e-8, "dop853", "scipy", 1.0),
    ("k2a6_T20", 1e-8, "dop853", "scipy", 1.0),
    ("k10a3_T60", 1e-7, "dop853", "scipy", 0.9),
    ("k2a6_T60", 1e-7, "dop853", "scipy", 0.9),
    ("k10a3_T20", 1e-8, "auto", "scipy", 1.0),
    ("k2a6_T20", 1e-8, "auto", "scipy", 1.0),
    ("k10a3_T60", 1e-7, "auto", "scipy", 0.9),
    ("k2a6_T60", 1e-7, "auto", "scipy", 0.9),
    ("k10a3_T2000", 1e-7, "auto", "dop853", 1 / 6),
    ("k10a6_T2000", 1e-7, "auto", "dop853", 1 / 10),
    ("k2a6_T2000", 1e-7, "auto", "dop853", 1 / 18),
    ("k10a3_T2000", 1e-7, "rkc2", "dop853", None),
    ("k10a6_T2000", 1e-7, "rkc2", "dop853", None),
    ("k2a6_T2000", 1e-7, "rkc2", "dop853", None),
]

runs = collections.defaultdict(list)
for name in ("pgflow.csv", "scipy.csv"):
    if os.path.exists(os.path.join(OUT, name)):
        for row in csv.DictReader(open(os.path.join(OUT, name))):
            runs[row["case"], int(row["seed"]), row["method"]].append((int(row["evaluations"]), float(row["error"])))


def front(points):
    """The runs that no cheaper run beats, by rising cost."""
    best, kept = math.inf, []
    for cost, error in sorted(points):
        if error < best:
            best = error
            kept.append((cost, error))
    return kept


def cost_at(points, target):
    """Evaluations at an error, log-log between neighbours of the front; the cheapest run's if that is good enough already ("<")."""
    kept = front(points)
    if kept and kept[0][1] <= target:
        return kept[0][0], "<"
    for (c0, e0), (c1, e1) in zip(kept, kept[1:]):
        if e1 <= target:
            s = math.log(e0 / target) / math.log(e0 / e1)
            return math.exp(math.log(c0) + s * math.log(c1 / c0)), ""
    return math.nan, "never"


print("| case | error | method | evaluations (geometric mean) | against | evaluations | ratio | worst seed | aim |")
print("|---|---|---|---|---|---|---|---|---|")
for case, target, method, other, aim in GOALS:
    seeds = sorted({seed for (c, seed, m) in runs if c == case and m == method} & {seed for (c, seed, m) in runs if c == case and m == other})
    if not seeds:
        continue
    mine = [cost_at(runs[case, seed, method], target) for seed in seeds]
    theirs = [cost_at(runs[case, seed, other], target) for seed in seeds]
    mean = lambda values: math.exp(sum(math.log(v) for v, _ in values) / len(values))
    mark = lambda values: "".join(sorted({flag for _, flag in values}))
    ratio = mean(mine) / mean(theirs)
    worst = max(a / b for (a, _), (b, _) in zip(mine, theirs))
    verdict = "" if aim is None else f"≤ {aim:.3f}: {'met' if ratio <= aim else 'MISSED'}"
    print(
        f"| {case} | {target:.0e} | {method} | {mark(mine)}{mean(mine):.0f} | {other} | {mark(theirs)}{mean(theirs):.0f} "
        f"| {ratio:.3f} (1/{1 / ratio:.1f}) | {worst:.3f} | {verdict} ({len(seeds)} seeds) |"
    )

try:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit()
cases = sorted({case for case, _, _ in runs})
figure, axes = plt.subplots(2, (len(cases) + 1) // 2, figsize=(16, 8), squeeze=False)
for axis, case in zip(axes.flat, cases):
    for method, colour in (("dop853", "C0"), ("auto", "C1"), ("rkc2", "C2"), ("scipy", "C3")):
        for index, seed in enumerate(sorted({s for (c, s, m) in runs if c == case and m == method})):
            kept = front(runs[case, seed, method])
            axis.loglog([e for _, e in kept], [c for c, _ in kept], colour + ".-", alpha=0.6, label=None if index else method)
    axis.set(title=case, xlabel="true error", ylabel="evaluations")
    axis.invert_xaxis()
    axis.legend()
figure.tight_layout()
figure.savefig(os.path.join(OUT, "work_precision.svg"))
