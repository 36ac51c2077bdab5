"""What moves by equations: integrators in Python loops, forces between bodies."""

import numpy as np


def lotka_volterra(p, start, seen, dt):
    """Mean squared error of a predator-prey model, integrated by RK4, after each step."""

    def slope(prey, predators):
        return (
            p[0] * prey - p[1] * prey * predators,
            p[2] * prey * predators - p[3] * predators,
        )

    u, v = start[0], start[1]
    total = 0.0
    for t in range(len(seen)):
        u1, v1 = slope(u, v)
        u2, v2 = slope(u + dt / 2 * u1, v + dt / 2 * v1)
        u3, v3 = slope(u + dt / 2 * u2, v + dt / 2 * v2)
        u4, v4 = slope(u + dt * u3, v + dt * v3)
        u = u + dt / 6 * (u1 + 2 * u2 + 2 * u3 + u4)
        v = v + dt / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        total += (u - seen[t, 0]) ** 2 + (v - seen[t, 1]) ** 2
    return total / len(seen)


def lotka_volterra_data(steps):
    random = np.random.default_rng(0)
    seen = 1 + 0.1 * random.random((steps, 2))
    return np.array([1.1, 0.4, 0.1, 0.4]), np.array([10.0, 5.0]), seen, 0.01


def leapfrog(q, p, dt, steps):
    """Squared distance from the origin at the end of a Henon-Heiles orbit."""
    q, p = q.copy(), p.copy()
    for _ in range(steps):
        p -= dt / 2 * force(q)
        q += dt * p
        p -= dt / 2 * force(q)
    return (q**2).sum()


def force(q):
    x, y = q
    return np.array([x + 2 * x * y, y + x**2 - y**2])


def leapfrog_data(steps):
    return np.array([0.1, 0.2]), np.array([0.15, -0.1]), 1e-3, steps


def nbody(x, mass):
    """Energy of bodies that attract each other, with softened distances."""
    apart = x[:, None, :] - x[None, :, :]
    distance = np.sqrt((apart**2).sum(axis=2) + 0.01)
    return -0.5 * (mass[:, None] * mass / distance).sum()


def nbody_data(bodies):
    random = np.random.default_rng(1)
    return random.normal(size=(bodies, 3)), random.random(bodies)
