"""What a user of PyTorch would write: plain tensors, without autograd, which is slower; flows by torchdiffeq."""

import os
import time

import numpy as np
import torch

from serve import Problem, save, serve

torch.set_num_threads(int(os.environ["PEER_THREADS"]))
torch.set_grad_enabled(False)


class Peer(Problem):
    def open(self, instance):
        super().open(instance)
        self.a, self.y, self.f0, self.g0 = (torch.from_numpy(array) for array in (self.a, self.y, self.f0, self.g0))
        return {}

    def to_single(self):
        self.a, self.y, self.f0, self.g0 = (tensor.to(torch.float32) for tensor in (self.a, self.y, self.f0, self.g0))
        return {}

    def normal(self, form):
        a, y, m, n = self.a, self.y, self.m, self.n
        if form == "two products":
            return lambda x: a.t().mv(y - a.mv(x)).view(m, n)
        rows = int(form.split()[-1])

        def blocked(x):
            total = torch.zeros_like(x)
            for i in range(0, len(y), rows):
                block = a[i : i + rows]
                total += block.t().mv(y[i : i + rows] - block.mv(x))
            return total.view(m, n)

        return blocked

    def steps(self, form, rounds, step, keep=None):
        f, g, seconds = self.f0, self.g0, []
        normal = self.normal(form)
        for _ in range(rounds):
            begin = time.perf_counter()
            drive = normal((f @ g.T).reshape(-1))
            f, g = f + step * (drive @ g), g + step * (drive.T @ f)
            seconds.append(time.perf_counter() - begin)
        if keep:
            save(keep, f.numpy(), g.numpy())
        return {"seconds": seconds}

    def starts(self, file, steps):
        with np.load(file) as arrays:
            self.many = tuple(torch.from_numpy(np.ascontiguousarray(arrays[name])) for name in "fg")
        self.step_sizes = torch.tensor(steps, dtype=torch.float64)[:, None, None]
        return {}

    def batch(self, form, rounds, keep=None):
        f, g = self.many
        a, y, count, seconds = self.a, self.y, len(f), []
        for _ in range(rounds):
            begin = time.perf_counter()
            x = (f @ g.mT).reshape(count, -1)
            drive = ((y - x @ a.T) @ a).view(count, self.m, self.n)
            f, g = f + self.step_sizes * (drive @ g), g + self.step_sizes * (drive.mT @ f)
            seconds.append(time.perf_counter() - begin)
        if keep:
            save(keep, f.numpy(), g.numpy())
        return {"seconds": seconds}

    def flow(self, method, rtol, atol, horizon, keep):
        import torchdiffeq

        m, n, (_, h) = self.m, self.n, self.f0.shape
        a, y, count = self.a, self.y, [0]

        def rate(_, z):
            count[0] += 1
            f, g = z[: m * h].view(m, h), z[m * h :].view(n, h)
            drive = a.t().mv(y - a.mv((f @ g.T).reshape(-1))).view(m, n)
            return torch.cat([(drive @ g).reshape(-1), (drive.T @ f).reshape(-1)])

        start = torch.cat([self.f0.reshape(-1), self.g0.reshape(-1)])
        times = torch.tensor([0.0, horizon], dtype=torch.float64)
        begin = time.perf_counter()
        end = torchdiffeq.odeint(rate, start, times, rtol=rtol, atol=atol, method=method)[-1]
        seconds = time.perf_counter() - begin
        save(keep, end[: m * h].view(m, h).numpy(), end[m * h :].view(n, h).numpy())
        return {"seconds": seconds, "evaluations": count[0]}


serve(Peer())
