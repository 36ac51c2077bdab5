"""Regressions: rows of data, a weight for each column."""

import math

import numpy as np


def logistic(w, X, y):
    """Mean negative log-likelihood of labels 0 and 1."""
    z = X @ w
    return (np.logaddexp(0, z) - y * z).mean()


def logistic_data(points, columns):
    random = np.random.default_rng(0)
    X = random.normal(size=(points, columns))
    w = random.normal(size=columns) / math.sqrt(columns)
    y = (random.random(points) < 1 / (1 + np.exp(-(X @ w)))).astype(float)
    return 0.5 * w, X, y


def poisson(w, X, y):
    """Mean negative log-likelihood of counts, whose logarithms of rates are linear."""
    eta = X @ w
    return (np.exp(eta) - y * eta).mean()


def poisson_data(points, columns):
    random = np.random.default_rng(1)
    X = random.normal(size=(points, columns))
    w = random.normal(size=columns) / math.sqrt(columns)
    return 0.5 * w, X, random.poisson(np.exp(X @ w)).astype(float)


def student_t(w, log_scale, X, y, nu):
    """Mean negative log-likelihood of residuals with Student's t distribution, but a constant."""
    r = (y - X @ w) / np.exp(log_scale)
    return (log_scale + (nu + 1) / 2 * np.log1p(r**2 / nu)).mean()


def student_t_data(points, columns):
    random = np.random.default_rng(2)
    X = random.normal(size=(points, columns))
    w = random.normal(size=columns)
    return 0.5 * w, -0.3, X, X @ w + 0.3 * random.standard_t(4, points), 4.0
