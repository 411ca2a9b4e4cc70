"""What a user of NumPy and SciPy would write."""

import time

import numpy as np
from scipy.fft import dct
from scipy.integrate import solve_ivp

from serve import Problem, save, serve, timed


def hadamard_matrix(levels):
    matrix = np.ones((1, 1))
    for _ in range(levels):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


class Peer(Problem):
    # One descent step.

    def normal(self, form):
        a, y, m, n = self.a, self.y, self.m, self.n
        if form == "two products":
            return lambda x: ((y - a @ x) @ a).reshape(m, n)
        rows = int(form.split()[-1])

        def blocked(x):
            # The cache-fused single pass, expressed in NumPy.
            total = np.zeros(m * n)
            for i in range(0, len(y), rows):
                block = a[i : i + rows]
                total += (y[i : i + rows] - block @ x) @ block
            return total.reshape(m, n)

        return blocked

    def steps(self, form, rounds, step, keep=None):
        f, g = self.f0, self.g0
        normal = self.normal(form)
        seconds = []
        for _ in range(rounds):
            begin = time.perf_counter()
            drive = normal((f @ g.T).ravel())
            f, g = f + step * (drive @ g), g + step * (drive.T @ f)
            seconds.append(time.perf_counter() - begin)
        if keep:
            save(keep, f, g)
        return {"seconds": seconds}

    def to_single(self):
        """All arithmetic in f32 from here on: another accuracy."""
        self.a, self.y, self.f0, self.g0 = (array.astype(np.float32) for array in (self.a, self.y, self.f0, self.g0))
        return {}

    # Many trajectories.

    def starts(self, file, steps):
        with np.load(file) as arrays:
            self.many = np.ascontiguousarray(arrays["f"]), np.ascontiguousarray(arrays["g"])
        self.step_sizes = np.array(steps)
        return {}

    def batch(self, form, rounds, keep=None):
        f, g = self.many
        count, steps = len(f), self.step_sizes[:, None, None]
        a, y, m, n = self.a, self.y, self.m, self.n
        seconds = []
        if form == "loop":
            normal, ends = self.normal("two products"), []
            begin = time.perf_counter()
            for one, other, step in zip(f, g, self.step_sizes):
                for _ in range(rounds):
                    drive = normal((one @ other.T).ravel())
                    one, other = one + step * (drive @ other), other + step * (drive.T @ one)
                ends.append((one, other))
            seconds = [(time.perf_counter() - begin) / rounds]
            f, g = (np.array(parts) for parts in zip(*ends))
        else:
            rows = len(y) if form == "by hand" else int(form.split()[-1])
            for _ in range(rounds):
                begin = time.perf_counter()
                x = (f @ g.transpose(0, 2, 1)).reshape(count, m * n)
                if rows == len(y):
                    drive = (y - x @ a.T) @ a
                else:
                    drive = np.zeros((count, m * n))
                    for i in range(0, len(y), rows):
                        block = a[i : i + rows]
                        drive += (y[i : i + rows] - x @ block.T) @ block
                drive = drive.reshape(count, m, n)
                f, g = f + steps * (drive @ g), g + steps * (drive.transpose(0, 2, 1) @ f)
                seconds.append(time.perf_counter() - begin)
        if keep:
            save(keep, f, g)
        return {"seconds": seconds}

    def gemm(self, rounds, side=2000):
        rng = np.random.default_rng(0)
        a, b = rng.standard_normal((2, side, side))
        out = np.empty_like(a)
        np.matmul(a, b, out=out)
        return {"seconds": timed(lambda: np.matmul(a, b, out=out), rounds), "operations": 2 * side**3}

    # Flows.

    def integrate(self, f0, g0, method, rtol, atol, times, law=None):
        m, n, h, a, y = self.m, self.n, f0.shape[1], self.a, self.y

        def rate(t, z):
            f, g = z[: m * h].reshape(m, h), z[m * h :].reshape(n, h)
            drive = ((y - a @ (f @ g.T).ravel()) @ a).reshape(m, n)
            if law is not None:
                drive = drive + law(t)
            return np.concatenate([(drive @ g).ravel(), (drive.T @ f).ravel()])

        start = np.concatenate([f0.ravel(), g0.ravel()])
        return solve_ivp(rate, (0, times[-1]), start, method=method, rtol=rtol, atol=atol, t_eval=times)

    def flow(self, method, rtol, atol, horizon, keep):
        begin = time.perf_counter()
        solution = self.integrate(self.f0, self.g0, method, rtol, atol, [horizon])
        seconds = time.perf_counter() - begin
        end = solution.y[:, -1]
        save(keep, end[: self.f0.size].reshape(self.f0.shape), end[self.f0.size :].reshape(self.g0.shape))
        return {"seconds": seconds, "evaluations": int(solution.nfev)}

    def laws(self, file, periods):
        with np.load(file) as arrays:
            self.forces = {}
            for name, period in periods.items():
                rest, cosine, sine = (arrays[f"{name}.{part}"] for part in ("rest", "cosine", "sine"))
                if period is None:
                    self.forces[name] = lambda t, constant=rest + cosine: constant
                else:
                    turn = lambda t, r=rest, c=cosine, s=sine, w=2 * np.pi / period: r + np.cos(w * t) * c + np.sin(w * t) * s
                    self.forces[name] = turn
        return {}

    def flows(self, names, kinds, rtol, atol, horizon, samples, keep):
        """The flows one by one, with the factors at every sample."""
        times = np.linspace(0, horizon, samples)
        parts, evaluations = [], 0
        for index, (name, kind) in enumerate(zip(names, kinds)):
            if kind == "flow":
                solution = self.integrate(self.many[0][index], self.many[1][index], "DOP853", rtol, atol, times, self.forces.get(name))
                evaluations += int(solution.nfev)
                parts += [self.factors(index, z) for z in solution.y.T]
        save(keep, *([part[side] for part in parts] for side in (0, 1)))
        return {"evaluations": evaluations}

    def factors(self, index, z):
        f, g = self.many
        return z[: f[index].size].reshape(f[index].shape), z[f[index].size :].reshape(g[index].shape)

    def mixed(self, form, names, kinds, rtol, atol, horizon, samples, keep):
        """Flows one by one with SciPy; descents `form`: one after another, or batched by hand with those that are not done yet."""
        times = np.linspace(0, horizon, samples)
        norm = np.linalg.norm(self.target)
        error = lambda f, g: np.linalg.norm(f @ g.T - self.target) / norm
        f, g = self.many
        ends, errors, evaluations = {}, [], 0
        begin = time.perf_counter()
        for index, (name, kind) in enumerate(zip(names, kinds)):
            if kind == "descent":
                continue
            solution = self.integrate(f[index], g[index], "DOP853", rtol, atol, times, self.forces.get(name))
            evaluations += int(solution.nfev)
            parts = [self.factors(index, z) for z in solution.y.T]
            errors += [error(*part) for part in parts]
            ends[index] = parts[-1]
        flows = time.perf_counter() - begin
        which = [index for index, kind in enumerate(kinds) if kind == "descent"]
        counts = {index: int(horizon / self.step_sizes[index] * (1 + 1e-9)) for index in which}
        record = {index: set(np.minimum(np.rint(times / self.step_sizes[index]).astype(int), counts[index])) for index in which}
        if form == "loop":
            normal = self.normal("two products")
            for index in which:
                one, other, step = f[index], g[index], self.step_sizes[index]
                for k in range(counts[index]):
                    if k in record[index]:
                        errors.append(error(one, other))
                    drive = normal((one @ other.T).ravel())
                    one, other = one + step * (drive @ other), other + step * (drive.T @ one)
                ends[index] = one, other
        else:
            alive = sorted(which, key=lambda index: -counts[index])
            fs, gs = f[alive], g[alive]
            for k in range(counts[alive[0]]):
                while counts[alive[-1]] <= k:
                    ends[alive.pop()] = fs[-1], gs[-1]
                    fs, gs = fs[:-1], gs[:-1]
                for place, index in enumerate(alive):
                    if k in record[index]:
                        errors.append(error(fs[place], gs[place]))
                steps = self.step_sizes[alive][:, None, None]
                x = (fs @ gs.transpose(0, 2, 1)).reshape(len(alive), -1)
                drive = ((self.y - x @ self.a.T) @ self.a).reshape(-1, self.m, self.n)
                fs, gs = fs + steps * (drive @ gs), gs + steps * (drive.transpose(0, 2, 1) @ fs)
            ends.update({index: (fs[place], gs[place]) for place, index in enumerate(alive)})
        seconds = time.perf_counter() - begin
        save(keep, [ends[index][0] for index in range(len(names))], [ends[index][1] for index in range(len(names))])
        return {"seconds": seconds, "flows": flows, "evaluations": evaluations}

    # Transforms.

    def dct(self, rounds, length=1 << 20):
        x = np.random.default_rng(0).standard_normal(length)
        dct(x, norm="ortho")
        return {"seconds": timed(lambda: dct(x, norm="ortho"), rounds)}

    def open_transform(self, instance):
        with np.load(instance) as arrays:
            self.indices, self.signs = arrays["indices"], arrays["signs"].ravel(order="F")
            self.y, self.f0, self.g0 = arrays["y"].copy(), arrays["f0"].copy(), arrays["g0"].copy()
        self.m, self.n, self.p = len(self.f0), len(self.g0), len(self.y)
        return {}

    def hadamard(self, form, rounds, step, keep=None):
        size = 1 << (self.m * self.n - 1).bit_length()
        levels, entries = size.bit_length() - 1, self.m * self.n

        def butterflies(x):
            h = 1
            while h < size:
                pairs = x.reshape(-1, 2, h)
                x = np.concatenate([pairs[:, :1] + pairs[:, 1:], pairs[:, :1] - pairs[:, 1:]], axis=1)
                h *= 2
            return x.ravel()

        digits = [levels // 4 + (i < levels % 4) for i in range(4)]
        matrices = [hadamard_matrix(digit) for digit in digits]

        def products(x):
            # H of 2^20 numbers is a Kronecker product of four small ones.
            for matrix in matrices:
                x = (x.reshape(len(matrix), -1).T @ matrix).ravel()
            return x

        transform = butterflies if form == "butterflies" else products
        scale = 1 / np.sqrt(self.p)
        f, g, seconds = self.f0, self.g0, []
        for _ in range(rounds):
            begin = time.perf_counter()
            x = np.zeros(size)
            x[:entries] = self.signs * (f @ g.T).ravel(order="F")
            residual = self.y - scale * transform(x)[self.indices]
            back = np.zeros(size)
            back[self.indices] = scale * residual
            drive = (self.signs * transform(back)[:entries]).reshape(self.m, self.n, order="F")
            f, g = f + step * (drive @ g), g + step * (drive.T @ f)
            seconds.append(time.perf_counter() - begin)
        if keep:
            save(keep, f, g)
        return {"seconds": seconds}


serve(Peer())
