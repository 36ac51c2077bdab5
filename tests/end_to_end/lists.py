"""Lists that grow with the data: appended to in loops, and made by comprehensions."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

# ruff: noqa: B905, C416, C417, RUF007, RUF015


def appended(x: Any) -> Any:
    out = []
    for i in range(x.shape[0]):
        out.append(np.sin(x[i]) * i)
    return (np.array(out) * x).sum()


def recurrence(x: Any) -> Any:
    u = [1.0]
    for i in range(x.shape[0]):
        u.append(u[i] * 0.9 + u[-1] * x[i] ** 2)
    return np.array(u).sum() + u[-1] * u[0] * len(u)


def fibonacci(x: Any) -> Any:
    u = [x[0], x[1]]
    for v in x:
        u.append(u[-1] * v - 0.5 * u[len(u) - 2])
    return u[-1] ** 2


def lagged(x: Any) -> Any:
    u = [1, 1, x[0]]
    for i in range(3, len(x)):
        u += [u[i - 1] + x[i] * u[i - 3]]
    return sum(u)


def either_side(x: Any) -> Any:
    out = []
    for v in x:
        if v > 0.6:
            out.append(v**2)
        else:
            out.append(-v)
    return np.dot(out, x)


def states(x: Any) -> Any:
    s = np.array([1.0, 0.5])
    history = [s]
    for v in x:
        s = s + 0.1 * np.array([s[1], -s[0] * v])
        history.append(s)
    h = np.array(history)
    return (h[:, 0] * h[:, 1]).sum() + np.stack(history, axis=1)[0, -1]


def tuples(x: Any) -> Any:
    pairs = []
    for i, v in enumerate(x):
        pairs.append((v, v * i))
    return sum(a * b for a, b in pairs) + np.array(pairs)[1, 0]


def twice(x: Any) -> Any:
    out = [v * 2 for v in x]
    for v in x:
        out.append(v**3)
    out.append(x[0])
    out.extend([x[1], x[2]])
    both = out + [v for v in x] + [1.0]
    return np.array(both)[::3].sum() * len(both)


def nested(x: Any) -> Any:
    m = [[a * b for a in x] for b in x]
    row = m[1]
    return (np.array(m) @ x).sum() + row[2] * m[0][-1] + sum(row)


def generators(x: Any) -> Any:
    total = sum(a * b for a in x for b in x if b > 0.5)
    top = max(v**2 * (1 - v) for v in x)
    low = min([np.cos(v) for v in x])
    some = 2.0 if any(v > 1 for v in x) else 3.0
    return total * top + low * some * all(v > 0 for v in x)


def conditions(x: Any) -> Any:
    return sum([v**2 for v in x if v > 0.4]) * sum(1 for v in x if v < 0.95)


def overlapping(x: Any) -> Any:
    steps = [b - a for a, b in zip(x, x[1:])]
    return sum(s**2 for s in steps) + sum(a * b * c for a, b, c in zip(x[2:], x, x[1:]))


def integers(x: Any) -> Any:
    places = [0]
    for i in range(1, x.shape[0]):
        places.append((places[i - 1] * 2 + i) % 5)
    return (x[np.array(places)] * x).sum() + x[places[-1]]


def mixed_numbers(x: Any) -> Any:
    ts = [0]
    for v in x:
        ts.append(ts[-1] + v)
    return np.mean(ts)


def rows(x: Any) -> Any:
    parts = [x * v for v in x]
    return np.concatenate(parts)[1:].sum() + np.vstack(parts)[0, 1] + parts[0][1]


def through_helper(x: Any) -> Any:
    def squares(values: Any) -> Any:
        return [v * v for v in values]

    return sum(squares(squares(x))) + len(squares(x))


def folded(x: Any) -> Any:
    squares = list(map(lambda v: v * v, x))
    product = functools.reduce(lambda a, b: a * (1 + b), x[1:], x[0])
    known = functools.reduce(lambda a, b: a * b, [x[0], x[1], 2.0])
    odd = filter(lambda k: k % 2, range(5))
    squares += list(x) + list(range(x.shape[0]))
    return sum(map(np.sin, x)) * product + sum(squares) + known + sum(x[k] for k in odd)


def dictionaries(x: Any) -> Any:
    d = {"a": x[0]}
    d.setdefault("a", 7.0)
    b = d.setdefault("b", x[1])
    d.update({"c": x[2]}, e=3.0)
    c = d.pop("c") * d.pop("none", 2.0)
    d |= {"b": b * b}
    return sum(d.values()) * c * len(d)


def picked(x: Any) -> Any:
    weights = [0.5, 2.0, x[1]]
    rows = (x, x * 2)
    total = 0.0
    for i in range(x.shape[0]):
        total += weights[(i * i) % 3] * rows[i % 2][i] * weights[-1 - i % 2]
    return total


def slices(x: Any) -> Any:
    out = [v**2 for v in x]
    return sum(out[1:]) * out[-1] + np.sum(out[::2]) + [w for w in reversed(out)][0]
