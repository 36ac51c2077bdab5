"""The functions whose every stage is kept as text: one feature each."""

from __future__ import annotations

import numpy as np


def polynomial(w, x, y):
    """Powers become running products, one loop over the data."""
    powers = x[:, None] ** np.arange(w.size)
    return ((y - powers @ w) ** 2).mean()


def peak(p, x, y):
    """An exponential and its adjoint in one loop."""
    amplitude, centre, width = p
    model = amplitude * np.exp(-(((x - centre) / width) ** 2))
    return np.sum((y - model) ** 2)


def root_mean_square(w, X, y):
    """A cotangent that is known only behind the loop."""
    r = X @ w - y
    return np.sqrt(np.mean(r**2))


def softmax(W, X, labels):
    """Rows with inner dimensions, a maximum, a choice by label."""
    Z = X @ W
    m = Z.max(axis=1)
    lse = m + np.log(np.exp(Z - m[:, None]).sum(axis=1))
    return (lse - Z[np.arange(len(labels)), labels]).mean()


def network(params, X, Y):
    """A dictionary of parameters, a kink."""
    hidden = np.maximum(X @ params["first"], 0)
    return np.mean((hidden @ params["second"] - Y) ** 2)


def products(A, B):
    """Matrix products of unknown sizes are left to BLAS."""
    return np.sum((A @ B) ** 2)


def gathered(table, places, y):
    """Repeated indices add up."""
    return np.sum((table[places] - y) ** 2)


def masked(x, keep):
    """A choice by a mask; what is not chosen is not differentiated."""
    return np.sum(np.where(keep, np.log(x), x**2))


def heat(u, c, steps):
    """Slices written in place in a loop: linear, so nothing of `u` is stored."""
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += c * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u**2)


def recurrence(a, x):
    """A nonlinear recurrence: states are recorded."""
    s = 0.1
    for v in x:
        s = np.tanh(a * s + v)
    return s * s


def newton(a):
    """A loop whose length depends on data, and a jump out of it."""
    x = a
    for _ in range(50):
        step = (x * x - a) / (2 * x)
        x = x - step
        if abs(step) < 1e-12:
            break
    return x


def branches(x, y):
    """Only the branch taken is run, forward and backward."""
    s = np.sum(x * y)
    if s > 0:
        return np.log(s)
    return s * s


def solved(A, b):
    """A linear system and its adjoint."""
    return np.sum(np.linalg.solve(A, b) ** 2)


def looped(p, x, y):
    """A loop whose iterations only add: forward and backward in one, skipping data."""
    s, n = 0.0, 0
    for i in range(len(x)):
        if x[i] < 0:
            continue
        s += (y[i] - p[0] * np.exp(-p[1] * x[i])) ** 2
        n += 1
    return np.sqrt(s / n)


def paired(p, x, y):
    """A loop in a loop; the places of `y` are checked before the loop."""
    s = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            s -= np.exp(-p * (x[i] - x[j]) ** 2) * y[j]
    return s
