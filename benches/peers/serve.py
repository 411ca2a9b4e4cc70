"""The loop of a peer's process: a request a line on standard input, an answer a line on standard output, both JSON."""

import json
import sys
import time

import numpy as np


class Problem:
    """An instance that pgflow exported: A of shape (p, mn), y, the target, initial factors."""

    def open(self, instance):
        with np.load(instance) as arrays:
            operator = arrays["operator"]
            self.p, self.m, self.n = operator.shape
            self.a = np.ascontiguousarray(operator.reshape(self.p, -1))
            self.y, self.target = arrays["y"].copy(), np.ascontiguousarray(arrays["target"])
            self.f0, self.g0 = np.ascontiguousarray(arrays["f0"]), np.ascontiguousarray(arrays["g0"])
        return {}


def timed(once, rounds):
    """Seconds of each of `rounds` calls."""
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - begin)
    return seconds


def save(file, f, g):
    """As pgflow writes final states: trajectory after trajectory."""
    np.savez(file, f=np.asarray(f).reshape(-1, *np.shape(f)[-2:]), g=np.asarray(g).reshape(-1, *np.shape(g)[-2:]))


def serve(worker):
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # the table says which peer could not
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
