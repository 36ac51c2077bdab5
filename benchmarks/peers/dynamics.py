"""Peers of `workloads.dynamics`."""

import numba


def in_jax(np):
    import jax

    def lotka_volterra(p, start, seen, dt):
        def slope(u):
            prey, predators = u
            met = prey * predators
            return np.stack([p[0] * prey - p[1] * met, p[2] * met - p[3] * predators])

        def step(u, wanted):
            k1 = slope(u)
            k2 = slope(u + dt / 2 * k1)
            k3 = slope(u + dt / 2 * k2)
            k4 = slope(u + dt * k3)
            u = u + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            return u, ((u - wanted) ** 2).sum()

        return jax.lax.scan(step, start, seen)[1].sum() / len(seen)

    def force(q):
        x, y = q
        return np.stack([x + 2 * x * y, y + x**2 - y**2])

    def leapfrog(q, p, dt, steps):
        def step(state, _):
            q, p = state
            p = p - dt / 2 * force(q)
            q = q + dt * p
            return (q, p - dt / 2 * force(q)), None

        (q, _), _ = jax.lax.scan(step, (q, p), length=steps)
        return (q**2).sum()

    return {"lotka_volterra": lotka_volterra, "leapfrog": leapfrog, **in_numpy(np)}


def in_autograd(np):
    def leapfrog(q, p, dt, steps):
        def force(q):
            return np.array([q[0] + 2 * q[0] * q[1], q[1] + q[0] ** 2 - q[1] ** 2])

        for _ in range(steps):
            p = p - dt / 2 * force(q)
            q = q + dt * p
            p = p - dt / 2 * force(q)
        return np.sum(q**2)

    return {"leapfrog": leapfrog, **in_numpy(np)}


def in_numpy(np):
    def nbody(x, mass):
        apart = x[:, None, :] - x[None, :, :]
        distance = np.sqrt(np.sum(apart**2, axis=2) + 0.01)
        return -0.5 * np.sum(mass[:, None] * mass / distance)

    return {"nbody": nbody}


def in_torch():
    import torch

    def nbody(x, mass):
        apart = x[:, None, :] - x[None, :, :]
        distance = torch.sqrt((apart**2).sum(dim=2) + 0.01)
        return -0.5 * (mass[:, None] * mass / distance).sum()

    return {"nbody": nbody}


@numba.njit(error_model="numpy", fastmath={"contract"})
def lotka_volterra_value(p, start, seen, dt):
    """The value alone, in scalars."""
    a, b, c, d = p
    u, v = start
    total = 0.0
    half = dt / 2
    for t in range(len(seen)):
        u1, v1 = a * u - b * u * v, c * u * v - d * v
        x, y = u + half * u1, v + half * v1
        u2, v2 = a * x - b * x * y, c * x * y - d * y
        x, y = u + half * u2, v + half * v2
        u3, v3 = a * x - b * x * y, c * x * y - d * y
        x, y = u + dt * u3, v + dt * v3
        u4, v4 = a * x - b * x * y, c * x * y - d * y
        u += dt / 6 * (u1 + 2 * u2 + 2 * u3 + u4)
        v += dt / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        total += (u - seen[t, 0]) ** 2 + (v - seen[t, 1]) ** 2
    return total / len(seen)


def lotka_volterra_in_numba(p, start, seen, dt):
    return lambda: lotka_volterra_value(p, start, seen, dt)
