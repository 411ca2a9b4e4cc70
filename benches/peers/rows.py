"""The rows of the table: what is timed, and against what."""

import sys
import time

import problems
import table
from problems import SIZES, STEP, descents, flow, problem, record
from table import Unavailable, alternate, difference, duration, entry, fastest, median

# Steps of a block, blocks.
STEPS = {"S": (400, 9), "M": (60, 9), "L": (8, 7)}
BATCH_STEPS = {("M", 8): 40, ("M", 32): 15, ("L", 8): 8, ("L", 32): 4}
FORMS = {
    "numpy": ("two products", "blocked 32", "blocked 128"),
    "torch": ("two products", "blocked 32", "blocked 128"),
    "jax": ("by hand", "autograd", "loop"),
}
BATCH_FORMS = {"numpy": ("by hand", "by hand, blocked 160", "by hand, blocked 500"), "torch": ("by hand",), "jax": ("vmap",)}
# Rounding of a few steps; of a whole flow its integrator's error.
AGREEMENT = 1e-11


def open_peers(run, instance, names):
    """Peers with an instance; those that cannot be had are left out, loudly."""
    found = {}
    for name in names:
        try:
            run.worker(name).ask("open", instance=instance)
            found[name] = run.worker(name)
        except Unavailable as problem_:
            print(f"!!! {name} SKIPPED: {problem_}", file=sys.stderr)
    return found


def numbers(size):
    side, _, _, p = SIZES[size]
    return p * side * side


def agree(run, what, ours, theirs, allowed=AGREEMENT):
    found = difference(ours, theirs)
    if not found <= allowed:
        raise SystemExit(f"{what} and pgflow disagree: {found:.1e}, allowed {allowed:.1e}; nothing is timed")
    return found


def step(size, storage="f64"):
    """One descent step, through pgflow's driver."""

    def row(run):
        rounds, blocks = STEPS[size]
        config = run.config(f"step-{size}-{storage}", problem(size, record(STEP * rounds), descents(STEP)))
        overrides = [f'sensing.gaussian.storage="{storage}"']
        pgflow = run.worker("pgflow")
        pgflow.ask("open", config=config, set=overrides)
        pgflow.ask("run")
        pgflow.ask("final", file=run.file("ours"))
        instance = run.instance(config, *overrides)
        peers = open_peers(run, instance, FORMS)
        jobs, forms, worst = {"pgflow": lambda: pgflow.ask("run")["rounds"]}, {}, 0.0
        for name, peer in peers.items():
            asked = lambda form, peer=peer, **more: peer.ask("steps", form=form, rounds=rounds, step=STEP, **more)["seconds"]
            forms[name] = fastest(FORMS[name], asked)
            asked(forms[name], keep=run.file(name))
            worst = max(worst, agree(run, name, run.file("ours"), run.file(name)))
            jobs[name] = lambda asked=asked, form=forms[name]: asked(form)
        if storage == "f32":
            # For honesty: a user who can do with single precision throughout.
            for name in ("numpy", "torch"):
                if name in peers:
                    single = run.worker(name, f"{name}, f32 arithmetic")
                    single.ask("open", instance=instance)
                    single.ask("to_single")
                    key, form = f"{name}, f32 arithmetic", forms[name]
                    jobs[key] = lambda w=single, form=form: w.ask("steps", form=form, rounds=rounds, step=STEP)["seconds"]
                    forms[key] = f"{form}; another accuracy"
        # The least of a block: a thread that the system wakes on the other's core is no property of memory.
        jobs["read"] = lambda: [min(pgflow.ask("read", numbers=numbers(size), rounds=7)["seconds"])]
        times, spread = alternate(jobs, blocks)
        ours = times.pop("pgflow")
        read = times.pop("read")
        found = {name: {"seconds": seconds, "form": forms[name], "spread": spread[name]} for name, seconds in times.items()}
        passes = f"{ours / read:.2f} read passes ({duration(read)})"
        name = f"step {size}" + (" f32 storage" if storage == "f32" else "")
        return [entry(name, run.threads, ours, found, yardstick=passes, read=read, spread=spread["pgflow"], agreement=worst)]

    return row


def batch(size, count):
    """Trajectories on one instance: milliseconds of a step of each."""

    def row(run):
        rounds = BATCH_STEPS[size, count]
        steps = problems.STEP_SIZES
        seeds = problems.SEEDS[: count // len(steps)]
        text = record(2 * max(steps) * rounds, evaluations=rounds + 1)
        config = run.config(f"batch-{size}", problem(size, text, descents(steps, seeds)))
        pgflow = run.worker("pgflow")
        names = pgflow.ask("open", config=config)["names"]
        sizes = [float(name.split("step=")[1].split(",")[0].split("]")[0]) for name in names]
        pgflow.ask("run")
        pgflow.ask("final", file=run.file("ours"))
        pgflow.ask("starts", file=run.file("starts"))
        peers = open_peers(run, run.instance(config), BATCH_FORMS)
        jobs, forms = {"pgflow": lambda: pgflow.ask("run")["rounds"]}, {}
        for name, peer in peers.items():
            peer.ask("starts", file=run.file("starts"), steps=sizes)
            asked = lambda form, peer=peer, rounds=rounds, **more: peer.ask("batch", form=form, rounds=rounds, **more)["seconds"]
            forms[name] = fastest(BATCH_FORMS[name], asked)
            asked(forms[name], keep=run.file(name))
            agree(run, name, run.file("ours"), run.file(name))
            jobs[name] = lambda asked=asked, form=forms[name]: asked(form)
        numpy = peers["numpy"]
        forms["numpy loop"] = ""
        jobs["numpy loop"] = lambda: numpy.ask("batch", form="loop", rounds=2 if size == "M" else 1)["seconds"]
        gemm = lambda: numpy.ask("gemm", rounds=3)
        operations = gemm()["operations"]
        jobs["gemm"] = lambda: gemm()["seconds"]
        times, spread = alternate(jobs, 5)
        ours = times.pop("pgflow")
        rate = operations / times.pop("gemm")
        mine = 4 * numbers(size) * count / ours
        found = {name: {"seconds": seconds / count, "form": forms[name], "spread": spread[name]} for name, seconds in times.items()}
        yardstick = f"{100 * mine / rate:.0f} % of DGEMM ({rate / 1e9:.1f} GF/s)"
        more = {"yardstick": yardstick, "spread": spread["pgflow"], "notes": [alone(run, config, names)]}
        return [entry(f"{count} trajectories {size}, a run-step", run.threads, ours / count, found, **more)]

    return row


def alone(run, config, names):
    """Whether the first and the last trajectory have the same bits by themselves."""
    import numpy as np

    other = run.worker("pgflow", "alone")
    with np.load(run.file("ours")) as together:
        for index in (0, len(names) - 1):
            size, seed = (float(part.split("=")[1].rstrip("]")) for part in names[index].split("[")[1].split(","))
            single = run.config("alone", open(config).read())
            sets = [f"trajectory[gd].gradient_descent.step={size}", f"trajectory[gd].init.gaussian.seed={int(seed)}"]
            other.ask("open", config=single, set=sets)
            other.ask("run")
            other.ask("final", file=run.file("alone"))
            with np.load(run.file("alone")) as arrays:
                if not all(np.array_equal(arrays[part][0], together[part][index]) for part in "fg"):
                    raise SystemExit(f"{names[index]} has other bits alone than in company")
    return "bits in company equal those alone"


ERROR, SMALL = 1e-8, (1e-2, 1e-3)
# Found at the first number of threads: the loosest tolerances whose true error is small enough, and evaluations and error with them.
SETTINGS = {}


def loosest(solve, error, first=1e-5):
    """The loosest tolerance whose result is good enough, to a sixteenth of a decade; with the evaluations and the error there. None if none is."""

    def found(rtol):
        evaluations = solve(rtol)
        return (rtol, evaluations, error()) if error() <= ERROR else None

    rtol, best = first, None
    while best is None and rtol > 1e-13:
        best = found(rtol)
        rtol /= 10**0.5
    for part in (4, 8, 16):
        # Between the loosest that is good enough and the next above it, which is not.
        best = best and (found(best[0] * 10 ** (1 / part)) or best)
    return best


def mixed_settings(run, pgflow, numpy, config, work):
    """The tolerances at a true error of 1e-8 of FGᵀ at every sample of every flow of the mixed run; SciPy's with its better `atol`."""
    if "mixed" in SETTINGS:
        return SETTINGS["mixed"]
    import numpy as np

    target = np.linalg.norm(np.load(run.instance(config))["target"])
    reference, found = run.file("reference"), run.file("samples")
    numpy.ask("flows", rtol=1e-13, atol=1e-16, keep=reference, **work)
    error = lambda: float(np.max(np.linalg.norm(table.products(found) - table.products(reference), axis=(1, 2))) / target)

    def own(rtol):
        alone = problem("M", record(work["horizon"], work["samples"]), problems.mixed(rtol, descending=False))
        pgflow.ask("open", config=run.config("mixed-flows", alone), set=["record.snapshots=true"])
        evaluations = sum(pgflow.ask("run")["evaluations"])
        pgflow.ask("samples", file=found)
        return evaluations

    def theirs(part):
        ask = lambda rtol: numpy.ask("flows", rtol=rtol, atol=part * rtol, keep=found, **work)["evaluations"]
        return (*loosest(ask, error), part)

    best = {"pgflow": loosest(own, error), "SciPy": min(map(theirs, SMALL), key=lambda setting: setting[1])}
    SETTINGS["mixed"] = best
    return best


def mixed(run):
    """Two flows, eight descents, four perturbed flows on M, t ≤ 40, 41 samples; flows at equal true error."""
    horizon, samples = 40.0, 41
    pgflow, numpy = run.worker("pgflow"), run.worker("numpy")
    configure = lambda rtol: run.config("mixed", problem("M", record(horizon, samples), problems.mixed(rtol)))
    config = configure(1e-8)
    names = pgflow.ask("open", config=config, set=["record.snapshots=true"])["names"]
    kinds = ["descent" if name.startswith("gd") else "flow" for name in names]
    sizes = [float(name.split("step=")[1].rstrip("]")) if name.startswith("gd") else 0.0 for name in names]
    for what in ("starts", "laws"):
        pgflow.ask(what, file=run.file(what))
    numpy.ask("open", instance=run.instance(config))
    numpy.ask("starts", file=run.file("starts"), steps=sizes)
    numpy.ask("laws", file=run.file("laws"), periods=problems.PERIODS)
    work = dict(names=names, kinds=kinds, horizon=horizon, samples=samples)
    best = mixed_settings(run, pgflow, numpy, config, work)
    config = configure(best["pgflow"][0])
    rtol, count, error, part = best["SciPy"]
    work |= dict(rtol=rtol, atol=part * rtol, keep=run.file("theirs"))
    pgflow.ask("open", config=config, set=["record.snapshots=true"])
    pgflow.ask("run")
    pgflow.ask("final", file=run.file("final"))
    forms = ("loop", "by hand")
    times = {"pgflow": []} | {form: [] for form in forms}
    pgflow.ask("open", config=config)
    for repeat in range(3):
        time.sleep(table.PAUSE)
        times["pgflow"].append(pgflow.ask("run")["seconds"])
        # The loop, which takes longest and loses, once.
        for form in forms[repeat > 0 :]:
            time.sleep(table.PAUSE)
            last = numpy.ask("mixed", form=form, **work)
            times[form].append(last["seconds"])
            agree(run, "SciPy", run.file("final"), run.file("theirs"), 1e-6)
    found = {f"SciPy + NumPy, descents {form}": {"seconds": median(times[form]), "form": ""} for form in forms}
    notes = [
        "pgflow rtol {:.2e}, {} evaluations of flows, error {:.1e}".format(*best["pgflow"]),
        f"SciPy rtol {rtol:.2e} atol {part * rtol:.2e}, {count} evaluations ({last['flows']:.2f} s), error {error:.1e}",
        f"largest difference of final products {difference(run.file('final'), run.file('theirs')):.1e}",
    ]
    return [entry("mixed run M", run.threads, median(times["pgflow"]), found, notes=notes)]


HORIZON = 20.0


def settings(run, config):
    """Each integrator's tolerances at a true error of 1e-8 of FGᵀ, and its evaluations."""
    if "flow" in SETTINGS:
        return SETTINGS["flow"]
    import numpy as np

    pgflow, peers = run.worker("pgflow"), {name: run.worker(name) for name in ("numpy", "jax", "torch")}
    numpy, target = peers["numpy"], np.load(run.instance(config))["target"]
    reference, ours = run.file("reference"), run.file("flow")
    numpy.ask("flow", method="DOP853", rtol=1e-13, atol=1e-16, horizon=HORIZON, keep=reference)
    error = lambda: float(np.linalg.norm(table.products(ours)[0] - table.products(reference)[0]) / np.linalg.norm(target))

    def own(rtol):
        pgflow.ask("open", config=config, set=[f"trajectory[flow].flow.rtol={rtol}"])
        evaluations = pgflow.ask("run")["evaluations"][0]
        pgflow.ask("final", file=ours)
        return evaluations

    settings = {"pgflow": loosest(own, error)}
    methods = {"numpy": ("DOP853",), "jax": ("Dopri8", "Tsit5"), "torch": ("dopri8",)}
    for name, peer in peers.items():
        best = None
        for method in methods[name]:
            for part in SMALL:
                ask = lambda rtol: peer.ask("flow", method=method, rtol=rtol, atol=part * rtol, horizon=HORIZON, keep=ours)["evaluations"]
                try:
                    found = loosest(ask, error)
                except Unavailable as problem_:
                    print(f"!!! {name} {method} SKIPPED: {problem_}", file=sys.stderr)
                    break
                if found and (best is None or found[1] < best[3]):
                    best = method, found[0], part * found[0], *found[1:]
        if best:
            settings[name] = best
    SETTINGS["flow"] = settings
    return settings


LIBRARIES = {"numpy": "SciPy", "jax": "diffrax", "torch": "torchdiffeq"}


def flow_config(run):
    # One file for both numbers of threads.
    return run.config("flow", problem("M", record(HORIZON), flow(1e-8)))


def open_flow(run):
    config = flow_config(run)
    open_peers(run, run.instance(config), LIBRARIES)
    return config, settings(run, config)


def flow_wall(run):
    """The flow on M to T = 20 at equal true error, compilation excluded."""
    config, best = open_flow(run)
    pgflow = run.worker("pgflow")
    rtol, evaluations, error = best["pgflow"]
    pgflow.ask("open", config=config, set=[f"trajectory[flow].flow.rtol={rtol}"])
    jobs = {"pgflow": lambda: [pgflow.ask("run")["seconds"]]}
    notes = [f"pgflow rtol {rtol:.2e}, {evaluations} evaluations, error {error:.1e}"]
    forms = {}
    for name, library in LIBRARIES.items():
        if name not in best:
            continue
        method, rtol, atol, evaluations, error = best[name]
        request = dict(method=method, rtol=rtol, atol=atol, horizon=HORIZON, keep=run.file("flow"))
        peer, forms[library] = run.worker(name), f"{method}, {evaluations} evaluations"
        peer.ask("flow", **request)
        jobs[library] = lambda peer=peer, request=request: [peer.ask("flow", **request)["seconds"]]
        notes.append(f"{library} {method} rtol {rtol:.2e} atol {atol:.2e}, {evaluations} evaluations, error {error:.1e}")
    times, spread = alternate(jobs, 7)
    ours = times.pop("pgflow")
    found = {name: {"seconds": seconds, "form": forms[name], "spread": spread[name]} for name, seconds in times.items()}
    return [entry("flow M, T = 20", run.threads, ours, found, notes=notes)]


def flow_start(run):
    """The same with process start and compilation: the program, and a script of each library."""
    config, best = open_flow(run)
    instance = run.instance(config)
    rtol = best["pgflow"][0]
    out = run.directory / "out"
    commands = {
        "pgflow": [run.program, "run", config, "-q", "--force", "-o", str(out), "--threads", str(run.threads), "--set", f"trajectory[flow].flow.rtol={rtol}"]
    }
    for name, library in (("numpy", "scipy"), ("jax", "diffrax")):
        if name in best:
            method, rtol, atol, *_ = best[name]
            script = str(table.HERE / "alone.py")
            commands[LIBRARIES[name]] = [sys.executable, script, library, instance, method, str(rtol), str(atol), str(HORIZON)]

    def job(command):
        begin = time.perf_counter()
        process = table.Process(command, run.threads)
        process.close()
        if process.process.returncode:
            raise SystemExit(f"{command[:3]} failed")
        return [time.perf_counter() - begin]

    times, spread = alternate({name: lambda command=command: job(command) for name, command in commands.items()}, 3)
    ours = times.pop("pgflow")
    found = {name: {"seconds": seconds, "form": "", "spread": spread[name]} for name, seconds in times.items()}
    note = "pgflow draws its instance and writes its tables; the scripts load the exported instance and write nothing"
    return [entry("flow M, T = 20, whole process", run.threads, ours, found, notes=[note])]


def transform(run):
    """The transform of 2^20 numbers into another array, against SciPy's DCT of that length."""
    pgflow, numpy = run.worker("pgflow"), run.worker("numpy")
    jobs = {"pgflow": lambda: pgflow.ask("transform", rounds=9)["seconds"], "SciPy DCT": lambda: numpy.ask("dct", rounds=9)["seconds"]}
    times, spread = alternate(jobs, 7)
    found = {"SciPy DCT": {"seconds": times["SciPy DCT"], "form": "", "spread": spread["SciPy DCT"]}}
    return [entry("transform of 2^20 numbers", run.threads, times["pgflow"], found)]


def hadamard(run):
    """A descent step at 1000 × 1000, width 20, Hadamard measurements."""
    rounds = 12
    config = run.config("hadamard", problems.transform_problem() + record(STEP * rounds) + descents(STEP))
    pgflow, numpy = run.worker("pgflow"), run.worker("numpy")
    pgflow.ask("open", config=config)
    pgflow.ask("run")
    pgflow.ask("final", file=run.file("ours"))
    numpy.ask("open_transform", instance=run.instance(config))
    jobs = {"pgflow": lambda: pgflow.ask("run")["rounds"]}
    for form in ("butterflies", "products"):
        ask = lambda form=form, **more: numpy.ask("hadamard", form=form, rounds=rounds, step=STEP, **more)["seconds"]
        ask(keep=run.file("theirs"))
        agree(run, f"NumPy, {form}", run.file("ours"), run.file("theirs"))
        jobs[f"numpy, transform by {form}"] = ask
    times, spread = alternate(jobs, 5)
    ours = times.pop("pgflow")
    found = {name: {"seconds": seconds, "form": "", "spread": spread[name]} for name, seconds in times.items()}
    return [entry("step 1000×1000, h = 20, hadamard", run.threads, ours, found)]


def rademacher(run):
    """One application to 8 points, 200 × 200, p = 10000: random signs against the Gaussian ensemble (3.2 GB)."""
    jobs = {}
    for name, ensemble in (("pgflow", "rademacher"), ("gaussian, f64", "gaussian")):
        worker = run.worker("pgflow", ensemble)
        worker.ask("open", config=run.config(ensemble, problems.ensemble_problem(ensemble)))
        jobs[name] = lambda worker=worker: worker.ask("apply", batch=8, rounds=3)["seconds"]
    times, spread = alternate(jobs, 5)
    found = {"pgflow, gaussian f64": {"seconds": times["gaussian, f64"], "form": "", "spread": spread["gaussian, f64"]}}
    return [entry("rademacher, 8 points, 200×200, p = 10000", run.threads, times["pgflow"], found)]


ROWS = {
    "step-S": step("S"),
    "step-M": step("M"),
    "step-L": step("L"),
    "step-L-f32": step("L", "f32"),
    "batch-M-32": batch("M", 32),
    "batch-L-32": batch("L", 32),
    "batch-M-8": batch("M", 8),
    "batch-L-8": batch("L", 8),
    "mixed": mixed,
    "flow": flow_wall,
    "flow-start": flow_start,
    "transform": transform,
    "hadamard": hadamard,
    "rademacher": rademacher,
}
