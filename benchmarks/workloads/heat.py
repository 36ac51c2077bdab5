"""Heat that spreads on a plate, step by step, written in place."""

import numpy as np


def heat(u, target, c, steps):
    """Half the squared distance of what the heat becomes from a target."""
    u = u.copy()
    for _ in range(steps):
        u[1:-1, 1:-1] += c * (
            u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        )
    return 0.5 * ((u - target) ** 2).sum()


def burning(u, target, c, rate, steps):
    """The same with a source that depends on the heat: now the gradient needs every step."""
    u = u.copy()
    for _ in range(steps):
        spread = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        u[1:-1, 1:-1] += c * spread + rate * u[1:-1, 1:-1] * (1 - u[1:-1, 1:-1])
    return 0.5 * ((u - target) ** 2).sum()


def heat_data(side, steps):
    random = np.random.default_rng(0)
    return random.random((side, side)), random.random((side, side)), 0.2, steps


def burning_data(side, steps):
    u, target, c, steps = heat_data(side, steps)
    return u, target, c, 0.01, steps
