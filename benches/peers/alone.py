"""One flow by one library, from the start of the process to its result, compilation included: scipy|diffrax INSTANCE METHOD RTOL ATOL HORIZON."""

import sys

library, instance, method, rtol, atol, horizon = sys.argv[1:]
rtol, atol, horizon = float(rtol), float(atol), float(horizon)
if library == "scipy":
    import numpy as np
    from scipy.integrate import solve_ivp

    with np.load(instance) as arrays:
        a, y, f0, g0 = (arrays[name] for name in ("operator", "y", "f0", "g0"))
    (m, h), n, a = f0.shape, len(g0), a.reshape(len(y), -1)

    def rate(t, z):
        f, g = z[: m * h].reshape(m, h), z[m * h :].reshape(n, h)
        drive = ((y - a @ (f @ g.T).ravel()) @ a).reshape(m, n)
        return np.concatenate([(drive @ g).ravel(), (drive.T @ f).ravel()])

    solve_ivp(rate, (0, horizon), np.concatenate([f0.ravel(), g0.ravel()]), method=method, rtol=rtol, atol=atol, t_eval=[horizon])
else:
    import jax
    import jax.numpy as jnp

    from jax_peer import Peer, compiled_flow

    peer = Peer()
    peer.open(instance)
    solve = compiled_flow(method, peer.m, peer.n, peer.f0.shape[1], horizon)
    start = jnp.concatenate([peer.f0.reshape(-1), peer.g0.reshape(-1)])
    jax.block_until_ready(solve(start, rtol, atol, peer.a, peer.y))
