"""What a user of JAX would write: compiled steps; flows by diffrax. Compilation is not timed here."""

import time

import jax
import jax.numpy as jnp
import numpy as np

from serve import Problem, save, serve


def drive(x, a, y, shape):
    return ((y - a @ x.reshape(-1)) @ a).reshape(shape)


def descent_step(f, g, size, a, y):
    n = drive(f @ g.T, a, y, (f.shape[0], g.shape[0]))
    return f + size * n @ g, g + size * n.T @ f


def loss(f, g, a, y):
    return 0.5 * jnp.sum((a @ (f @ g.T).reshape(-1) - y) ** 2)


def gradient_step(f, g, size, a, y):
    df, dg = jax.grad(loss, (0, 1))(f, g, a, y)
    return f - size * df, g - size * dg


def many_steps(f, g, count, *rest):
    return jax.lax.fori_loop(0, count, lambda _, z: descent_step(*z, *rest), (f, g))


class Peer(Problem):
    def __init__(self):
        self.compiled = {}

    def open(self, instance):
        super().open(instance)
        self.a, self.y, self.f0, self.g0 = (jnp.asarray(array) for array in (self.a, self.y, self.f0, self.g0))
        return {}

    def steps(self, form, rounds, step, keep=None):
        arguments = step, self.a, self.y
        if form == "loop":
            # All steps in one compiled loop: no dispatch.
            run = self.compiled.setdefault(form, jax.jit(many_steps))
            jax.block_until_ready(run(self.f0, self.g0, 1, *arguments))
            begin = time.perf_counter()
            f, g = jax.block_until_ready(run(self.f0, self.g0, rounds, *arguments))
            seconds = [(time.perf_counter() - begin) / rounds]
        else:
            run = self.compiled.setdefault(form, jax.jit(descent_step if form == "by hand" else gradient_step))
            jax.block_until_ready(run(self.f0, self.g0, *arguments))
            f, g, seconds = self.f0, self.g0, []
            for _ in range(rounds):
                begin = time.perf_counter()
                f, g = jax.block_until_ready(run(f, g, *arguments))
                seconds.append(time.perf_counter() - begin)
        if keep:
            save(keep, f, g)
        return {"seconds": seconds}

    def starts(self, file, steps):
        with np.load(file) as arrays:
            self.many = tuple(jnp.asarray(arrays[name]) for name in "fg")
        self.step_sizes = jnp.asarray(steps)
        return {}

    def batch(self, form, rounds, keep=None):
        run = self.compiled.setdefault("batch", jax.jit(jax.vmap(descent_step, (0, 0, 0, None, None))))
        (f, g), arguments = self.many, (self.step_sizes, self.a, self.y)
        jax.block_until_ready(run(f, g, *arguments))
        seconds = []
        for _ in range(rounds):
            begin = time.perf_counter()
            f, g = jax.block_until_ready(run(f, g, *arguments))
            seconds.append(time.perf_counter() - begin)
        if keep:
            save(keep, f, g)
        return {"seconds": seconds}

    def flow(self, method, rtol, atol, horizon, keep):
        solve = self.compiled.setdefault(method, compiled_flow(method, self.m, self.n, self.f0.shape[1], horizon))
        arguments = jnp.concatenate([self.f0.reshape(-1), self.g0.reshape(-1)]), rtol, atol, self.a, self.y
        if (method, "warm") not in self.compiled:
            self.compiled[method, "warm"] = jax.block_until_ready(solve(*arguments))
        begin = time.perf_counter()
        end, steps = jax.block_until_ready(solve(*arguments))
        seconds = time.perf_counter() - begin
        end, size = np.asarray(end), self.f0.size
        save(keep, end[:size].reshape(self.f0.shape), end[size:].reshape(self.g0.shape))
        stages = {"Dopri5": 6, "Tsit5": 6, "Dopri8": 13}[method]
        return {"seconds": seconds, "evaluations": int(steps) * stages}


def compiled_flow(method, m, n, h, horizon):
    import diffrax

    def rate(_, z, arguments):
        a, y = arguments
        f, g = z[: m * h].reshape(m, h), z[m * h :].reshape(n, h)
        d = drive(f @ g.T, a, y, (m, n))
        return jnp.concatenate([(d @ g).reshape(-1), (d.T @ f).reshape(-1)])

    @jax.jit
    def solve(start, rtol, atol, a, y):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(rate),
            getattr(diffrax, method)(),
            0.0,
            horizon,
            None,
            start,
            (a, y),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
            saveat=diffrax.SaveAt(t1=True),
            max_steps=100000,
        )
        return solution.ys[0], solution.stats["num_steps"]

    return solve


if __name__ == "__main__":
    serve(Peer())
