"""The problems of the comparison, as configurations of pgflow."""

# m = n, r, h, p. A of size L takes 400 MB.
SIZES = {"S": (30, 2, 30, 600), "M": (50, 3, 50, 1500), "L": (100, 3, 100, 5000)}
STEP = 0.1
# What 8 and 32 descents differ in: the step sizes, and the seeds of their initial factors.
STEP_SIZES = [round(0.02 * k, 2) for k in range(1, 9)]
SEEDS = [1, 2, 3, 4]


def problem(size, record, trajectories):
    side, rank, width, measurements = SIZES[size]
    return f"""
name = "peers-{size}"
seed = 1
[target]
rows = {side}
cols = {side}
rank = {rank}
condition_number = 10.0
[sensing.gaussian]
measurements = {measurements}
[model]
width = {width}
[init.gaussian]
scale = 1e-3
{record}
{trajectories}
"""


def record(horizon, samples=2, evaluations=None):
    """Next to nothing is recorded, so that steps are timed and not observables."""
    text = f"""
[record]
horizon = {horizon}
samples = {samples}
snapshots = {str(samples == 2).lower()}
observables = ["relative_error"]
"""
    return text + (f"[record.stop]\nevaluations = {evaluations}\n" if evaluations else "")


def descents(steps, seeds=None):
    text = f"""
[[trajectory]]
name = "gd"
[trajectory.gradient_descent]
step = {steps}
"""
    return text + (f"[trajectory.init.gaussian]\nscale = 1e-3\nseed = {seeds}\n" if seeds else "")


def flow(rtol, name="flow", extra=""):
    return f"""
[[trajectory]]
name = "{name}"
[trajectory.flow]
method = "dop853"
rtol = {rtol}
{extra}
"""


# Periods of the perturbations of the mixed run, by the names of its perturbed flows.
PERIODS = {"constant-1": None, "constant-2": None, "rotating-1": 5.0, "rotating-2": 10.0}


def mixed(rtol, descending=True):
    """Two flows, eight descents (or none), four perturbed flows in the shared form."""
    text = flow(rtol, "flow", f"[trajectory.init.gaussian]\nscale = 1e-3\nseed = {SEEDS[:2]}") + (descents(STEP_SIZES) if descending else "")
    for seed, (name, period) in enumerate(PERIODS.items()):
        law = 'constant]\ndirection = "gaussian"' if period is None else f"rotating]\nperiod = {period}"
        force = f'[trajectory.perturbation]\nform = "shared"\nbound = 0.05\nrelative_to = "absolute"\nseed = {seed}\n[trajectory.perturbation.{law}'
        text += flow(rtol, name, force)
    return text


def transform_problem(side=1000, width=20, rank=5, oversampling=5.0):
    return f"""
name = "peers-hadamard"
seed = 1
[target]
rows = {side}
cols = {side}
rank = {rank}
condition_number = 2.0
[sensing.hadamard]
oversampling = {oversampling}
[model]
width = {width}
[init.gaussian]
scale = 1e-3
"""


def ensemble_problem(ensemble, side=200, measurements=10000):
    return f"""
name = "peers-{ensemble}"
seed = 1
[target]
rows = {side}
cols = {side}
rank = 3
condition_number = 2.0
[sensing.{ensemble}]
measurements = {measurements}
[model]
width = 20
[init.gaussian]
scale = 1e-3
{record(1.0)}
{descents(STEP)}
"""
