"""Processes that work in turn, medians of alternating blocks, and the table of what came out."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
PAUSE = 0.12
TIE = 1.15
# Cores; beyond it a row is not to be trusted.
BUSY = 0.15


class Unavailable(Exception):
    """A peer that cannot be had on this machine, or cannot do what is asked."""


class Process:
    """A worker, pinned to as many cores as it has threads."""

    def __init__(self, command, threads):
        environment = dict(os.environ, PEER_THREADS=str(threads), JAX_PLATFORMS="cpu", JAX_ENABLE_X64="1")
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
            environment[variable] = str(threads)
        cores = sorted(os.sched_getaffinity(0))[-threads:]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )

    def ask(self, do, **request):
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()
            reply = json.loads(self.process.stdout.readline() or '{"error": "the process ended"}')
        except BrokenPipeError:
            reply = {"error": "the process ended"}
        if "error" in reply:
            raise Unavailable(reply["error"])
        return reply

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Load:
    """Cores that others kept busy, or the hypervisor took, between two moments. Close the processes of a row before asking."""

    def __init__(self):
        self.begin = self.now()

    @staticmethod
    def now():
        with open("/proc/stat") as file:
            user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
        own = os.times()
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK"), sum(own[:4]), time.perf_counter()

    def others(self):
        busy, own, wall = (after - before for after, before in zip(self.now(), self.begin))
        return max(0.0, busy - own) / wall


class Run:
    """One row with a number of threads: its processes, instances and results."""

    def __init__(self, directory, threads, program, bench):
        self.directory, self.threads = Path(directory), threads
        self.program, self.bench, self.processes = program, bench, {}

    def worker(self, name, key=None):
        """`pgflow`, or a peer: numpy, torch, jax. Processes with other keys are others."""
        key = key or name
        if key not in self.processes:
            command = [self.bench, str(self.threads)] if name == "pgflow" else [sys.executable, str(HERE / f"{name}_peer.py")]
            self.processes[key] = Process(command, self.threads)
        return self.processes[key]

    def config(self, name, text):
        path = self.directory / f"{name}.toml"
        path.write_text(text)
        return str(path)

    def instance(self, config, *overrides):
        """Exported by pgflow, for the peers."""
        path = Path(config).with_suffix(".npz")
        if not path.exists():
            arguments = [argument for entry in overrides for argument in ("--set", entry)]
            subprocess.run([self.program, "instance", config, "-o", str(path), *arguments], check=True)
        return str(path)

    def file(self, name):
        return str(self.directory / f"{name}-{self.threads}.npz")

    def close(self):
        for process in self.processes.values():
            process.close()


def median(seconds):
    return statistics.median(seconds)


def alternate(jobs, blocks):
    """Medians over blocks of the medians of each job's block, and the relative spread of the latter."""
    found = {name: [] for name in jobs}
    for _ in range(blocks):
        for name, job in jobs.items():
            time.sleep(PAUSE)
            found[name].append(median(job()))
    spread = lambda values: (max(values) - min(values)) / median(values)
    return {name: median(values) for name, values in found.items()}, {name: spread(values) for name, values in found.items()}


def fastest(forms, job):
    """The form whose block is fastest: the best of two short blocks each."""
    times = {}
    for form in forms:
        try:
            times[form] = min(median(job(form)) for _ in range(2))
        except Unavailable as problem:
            print(f"!!! form {form!r} skipped: {problem}", file=sys.stderr)
        time.sleep(PAUSE)
    if not times:
        raise Unavailable("no form works")
    return min(times, key=times.get)


def products(file):
    with np.load(file) as arrays:
        return np.einsum("bik,bjk->bij", arrays["f"], arrays["g"])


def difference(file, other):
    """`max ‖FGᵀ − F'G'ᵀ‖_F / ‖FGᵀ‖_F` over the trajectories of two files."""
    one, two = products(file), products(other)
    return float(np.max(np.linalg.norm(one - two, axis=(1, 2)) / np.linalg.norm(one, axis=(1, 2))))


def entry(name, threads, seconds, peers, **more):
    """What a row tells: pgflow's time, each peer's time and form."""
    return {"row": name, "threads": threads, "pgflow": seconds, "peers": peers, **more}


def duration(seconds):
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.2g} µs"


def print_table(entries):
    print("\n| row | threads | pgflow | yardstick | peers: time (ratio to pgflow), form |")
    print("|---|---|---|---|---|")
    for found in entries:
        peers = [
            f"{name} {duration(peer['seconds'])} (**{peer['seconds'] / found['pgflow']:.2f}×**)" + (f", {peer['form']}" if peer["form"] else "")
            for name, peer in found["peers"].items()
        ]
        print(f"| {found['row']} | {found['threads']} | {duration(found['pgflow'])} | {found.get('yardstick', '')} | {'; '.join(peers)} |")
    for found in entries:
        if found.get("others", 0.0) > BUSY:
            print(f"- !!! {found['row']}, {found['threads']} threads: others kept {found['others']:.2f} cores busy; measure again")
        for note in found.get("notes", []):
            print(f"- {found['row']}, {found['threads']} threads: {note}")
    lost = [(found, name, peer["seconds"] / found["pgflow"]) for found in entries for name, peer in found["peers"].items()]
    for found, name, ratio in lost:
        if ratio < TIE:
            print(f"- {'TIE' if ratio > 1 / TIE else 'LOSS'}: {found['row']}, {found['threads']} threads, against {name}: {ratio:.2f}×")
