"""Control flow: loops over time, recurrences, branches on data, jumps."""

from __future__ import annotations

import numpy as np

from tests.end_to_end.cases import Table, data

case = Table()
ROWS = data(-1)
TABLE = data(-1, 3)


@case(ROWS, 0.1, 5, wrt=("u", "c"), sizes=(7, 3, 100))
def heat(u, c, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += c * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u**2)


@case(ROWS, 0.1, 5, wrt=("u", "c"), sizes=(7, 3, 100))
def burgers(u, c, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += c * (u[2:] - 2 * u[1:-1] + u[:-2]) - 0.05 * u[1:-1] ** 2
    return np.sum(u**2)


@case(data(6, -1), 0.1, 3, wrt=("u", "c"), sizes=(7, 3))
def heat_in_two_dimensions(u, c, steps):
    v = u.copy()
    for _ in range(steps):
        v[1:-1, 1:-1] += c * (
            v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4 * v[1:-1, 1:-1]
        )
    return np.sum(v**2)


@case(0.3, ROWS, wrt=("a", "x"))
def recurrence(a, x):
    s = 0.0
    for i in range(len(x)):
        s = a * s + x[i]
    return s**2


@case(0.3, ROWS, wrt=("a", "x"))
def nonlinear_recurrence(a, x):
    s = 0.1
    total = 0.0
    for v in x:
        s = np.tanh(a * s + v)
        total += s * s
    return total


@case(np.array([0.9, 0.4]), 0.01, 20, wrt=("start", "dt"), sizes=(7,))
def oscillator(start, dt, steps):
    q, p = start[0], start[1]
    for _ in range(steps):
        p = p - dt * np.sin(q)
        q = q + dt * p
    return q**2 + p


@case(data(4), data(4, 4), 6, wrt=("x", "A"), sizes=(7,))
def power_iteration(x, A, steps):
    for _ in range(steps):
        x = A @ x
        x = x / np.linalg.norm(x)
    return x @ A @ x


@case(data(-1, 3))
def nested_loops(x):
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total += x[i, j] ** 2 * (i + 1) * np.sin(j + x[i, 0])
    return total


@case(data(-1), sizes=(7, 3, 40))
def triangular_loops(x):
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            total += (x[i] - x[j]) ** 2
    return total


@case(data(-1), sizes=(7, 3, 40))
def filled_in_a_loop(x):
    y = np.zeros(len(x))
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = np.cos(y[i - 1]) * x[i]
    return np.sum(y)


@case(data(-1), sizes=(7, 3, 40))
def appended_in_a_loop(x):
    rows = []
    s = 0.0
    for i in range(3):
        s = s + x[i] ** 2
        rows.append(s)
    return np.sum(np.array(rows) ** 2)


@case(2.0, sizes=(7,))
def newton(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


@case(0.5, 0.3, wrt=("m", "e"), sizes=(7,))
def kepler(m, e):
    u = m
    for _ in range(50):
        step = (u - e * np.sin(u) - m) / (1 - e * np.cos(u))
        u = u - step
        if abs(step) < 1e-13:
            break
    return u


@case(data(-1))
def branch_on_data(x):
    s = x.sum()
    if s > 0:
        return s**2
    else:
        return np.sum(np.exp(x))


@case(data(-1))
def early_return(x):
    if x[0] > 10.0:
        return x[0]
    y = x * 2
    if y.sum() > 100.0:
        return np.sum(y)
    return np.sum(y**2)


@case(data(-1))
def branch_in_a_loop(x):
    total = 0.0
    for v in x:
        if v > 0:
            total += v**2
        elif v > -0.5:
            total -= v
        else:
            total = total * 0.5 + np.sin(v)
    return total


@case(data(-1))
def continue_and_break(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] < -1.0:
            continue
        total += x[i] ** 3
        if total > 5.0:
            break
    return total


@case(data(-1))
def return_in_a_loop(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i] ** 2
        if s > 3.0:
            return s * x[i]
    return -s


@case(data(-1))
def conditional_expression(x):
    a = x[0] if x[0] > 0 else -(x[0] ** 3)
    return a * np.sum(x)


@case(1.7, 3, sizes=(7,))
def integer_power(x, k):
    return x**k + x**-2 + x**0.5 + 2.0**x


@case(data(-1), 4)
def helper_loops(x, steps):
    return np.sum(_smooth(x, steps) ** 2)


def _smooth(x, steps):
    for _ in range(steps):
        x = _average(x)
    return x


def _average(x):
    y = x.copy()
    y[1:] = 0.5 * (x[1:] + x[:-1])
    return y


@case(data(-1), data(2, 2), data(2), wrt=("w", "b"))
def recurrent_net(x, w, b):
    h = np.zeros(2)
    for v in x:
        h = np.tanh(w @ h + b * v)
    return np.sum(h**2)


@case(data(5), data(-1, 5), sizes=(7, 2, 30))
def gradient_descent_inside(w, X):
    y = np.sin(X[:, 0])
    for _ in range(4):
        r = X @ w - y
        w = w - 0.05 * (X.T @ r) / len(X)
    return np.mean((X @ w - y) ** 2)


@case(data(-1))
def while_over_places(x):
    i = 0
    total = 0.0
    while i < len(x) and total < 4.0:
        total += abs(x[i])
        i += 2
    return total


@case(data(-1, kind="positive"))
def untaken_branch(x):
    total = 0.0
    for v in x:
        total += np.log(v) if v > 0 else np.log(-v) * v
    return total


@case(data(7), data(7, 3), wrt=("y", "A"), sizes=(7,))
def choice_in_a_branch(y, A):
    """The adjoint of a choice in a branch: masks are put into larger masks."""
    if y[0] > 100.0:
        return np.sum(y)
    v = np.sin(A)
    y[1:] *= np.diff(np.where(A[:, 0] > 0.1, v[:, 2], 0.3))
    return np.sum(y)


@case(data(6), lambda n, rng: rng.integers(0, 6, size=n), sizes=(7, 3))
def recorded_around_a_loop(x, p):
    """The outer loop records a state whose size the inner one counts to."""
    v = x[p]
    for _ in range(2):
        for _ in range(len(p) - 1):
            v[0] = np.sin(np.sum(v * v))
    return np.sum(v)


@case(np.array([0.7, 0.4]), ROWS, wrt=("p", "y"), sizes=(7, 3))
def rows_read_before_they_are_written(p, y):
    x = np.outer(y, y[:3]) * p[0]
    for t in range(1, len(y)):
        a = x[t - 1].copy()
        x[t - 1] = np.sin(x[t]) * p[1]
        x[t] = a * x[t] * x[t - 1]
        x[0] += a
    return np.sum(x**2)
