"""Curves through many points: mean squared errors of models with few parameters."""

import numpy as np


def peak(p, x, y):
    """Mean squared error of a Gaussian peak on a flat ground."""
    height, place, width, ground = p
    model = height * np.exp(-(((x - place) / width) ** 2) / 2) + ground
    return ((model - y) ** 2).mean()


def peak_data(points, dtype="float64"):
    random = np.random.default_rng(0)
    x = np.linspace(-5, 5, points, dtype=dtype)
    y = 0.05 * random.standard_normal(points, dtype=dtype)
    y += 2 * np.exp(-(((x - 0.5) / 0.8) ** 2) / 2) + 0.3
    return np.array([1.5, 0.2, 1.0, 0.1], dtype), x, y


def decays(amplitudes, rates, t, y):
    """Mean squared error of a sum of exponential decays."""
    model = (amplitudes * np.exp(-rates * t[:, None])).sum(axis=1)
    return ((model - y) ** 2).mean()


def decays_data(points):
    random = np.random.default_rng(1)
    t = np.linspace(0, 5, points)
    y = 2 * np.exp(-3 * t) + np.exp(-0.7 * t) + 0.5 * np.exp(-0.1 * t)
    y += 0.02 * random.normal(size=points)
    return np.array([1.5, 1.2, 0.4]), np.array([2.5, 0.8, 0.2]), t, y


def spline(c, x, y):
    """Mean squared error of a uniform cubic B-spline with the coefficients `c` on [0, 1)."""
    place = x * (c.size - 3)
    first = np.floor(place).astype(int)
    t = place - first
    model = (
        c[first] * (1 - t) ** 3
        + c[first + 1] * (3 * t**3 - 6 * t**2 + 4)
        + c[first + 2] * (-3 * t**3 + 3 * t**2 + 3 * t + 1)
        + c[first + 3] * t**3
    ) / 6
    return ((model - y) ** 2).mean()


def spline_data(points, knots):
    random = np.random.default_rng(2)
    x = random.random(points)
    return random.normal(size=knots), x, np.sin(12 * x) + 0.1 * random.normal(size=points)


def rosenbrock(x):
    """Rosenbrock's function of many variables."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def rosenbrock_data(variables):
    return (np.random.default_rng(3).uniform(-1.5, 1.5, variables),)
