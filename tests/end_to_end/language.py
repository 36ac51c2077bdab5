"""Statements of Python that a numerical function may hold, each where it is hard."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np

# ruff: noqa: E731

LOGGER = logging.getLogger("told")


def errstate(x: Any) -> Any:
    s = 0.0
    for v in x:
        with np.errstate(divide="ignore", invalid="ignore"):
            if v > 1.0:
                return s**2
            s += np.log(v)
    return s


def match_known(x: Any, mode: str = "cube") -> Any:
    match mode:
        case "square" | "two":
            y = x**2
        case "cube" if x.ndim == 1:
            y = x**3
        case _:
            y = x
    match (x.ndim, mode):
        case (2, _):
            return y[0]
        case (1, other):
            return y.sum() * len(other)


def match_data(x: Any) -> Any:
    s = 0.0
    for i, v in enumerate(x):
        match i % 4:
            case 0:
                s += v
            case 1 | 2 if v > 0.5:
                s += v**2
            case 3:
                continue
            case k:
                s += k * v
        s *= 1.1
    return s


def nonlocal_total(x: Any) -> Any:
    total, count = 0.0, 0

    def add(v: Any) -> None:
        nonlocal total, count
        if v > 0.5:
            total += v * v
        count += 1

    def add_twice(v: Any) -> None:
        nonlocal total
        add(v)
        total *= 1.01
        add(v / 2)

    for v in x:
        add_twice(v)
    return total * count


def told(x: Any) -> Any:
    for i, v in enumerate(x):
        print("v", i, v, f"{v:.3f}")
        LOGGER.debug("%d", v)
        logging.debug("%d", v)
    text = f"sum {x.sum():.2f}"
    other = "%g" % x[0]  # noqa: UP031
    if x[0] > 10:
        warnings.warn(text + other, stacklevel=1)
    print(text)
    return x.sum() ** 2


def annotated(x: Any) -> Any:
    y: Any = x[0] * 2
    z: Any
    z = x * y
    w = z + 1
    del z
    if (u := w[0]) > 1:
        w = w * u
    a = b = w * 2
    a[0] = 5.0
    return (b * x).sum()


def star_unpacking(x: Any) -> Any:
    first, *middle, last = [x[i] for i in range(5)]
    p, (q, *r) = x[0], (x[1], x[2], x[3])
    names = dict(a=first, **{"b": last})
    f = lambda v, *more, k=2.0: v * k + sum(more)
    return f(names["a"], *middle, k=last) * p * q * sum(r) * names["b"]


def into_rows(x: Any) -> Any:
    def double(row: Any, v: Any) -> Any:
        row[:] = v * 2
        row[1] *= 3
        return row

    a = np.zeros((2, x.size))
    back = double(a[1], x)
    back[0] = x[1]
    a[1, 2] *= x[1]
    a[0, 3] = 7
    a[1] /= 2.0
    return (a**2).sum() + a[1, 0]


def argument_changed(x: Any) -> Any:
    def shift(y: Any) -> Any:
        y += 1
        return y

    z = shift(x)
    z[::-2] *= x[0]
    x = x[0]
    return x * z.sum()


def while_else(x: Any) -> Any:
    i = 0
    while i < x.shape[0]:
        if x[i] > 1:
            break
        i += 1
    else:
        return x[0]
    return x[i] ** 2


def containers(x: Any) -> Any:
    sums = {"a": 0.0, "b": 1.0}
    last = [0.0, x[0]]
    for k, v in enumerate(reversed(x)):
        sums["a"] += v
        sums["b"] *= v + k
        last[0], last[1] = last[1] * v, last[0]
    return sums["a"] * sums["b"] / (1 + last[0] + last[1])


def repeated_indices(x: Any) -> Any:
    y = np.zeros(3)
    places = np.arange(x.size) % 3
    np.add.at(y, places, x)
    y[[0, 0, 1]] += 1.0
    old = y[0]
    y[0] = old * y[1]
    y[0] /= 1 + y[2]
    return (y**2).sum() + old


def sums_with_a_start(x: Any) -> Any:
    y = np.outer(x, x)
    s = sum(x, 3.0) + sum((v for v in x), start=x[0]) + sum([v for v in x], x[1])  # noqa: C416
    return s * sum(range(len(x)), 0.5) + sum(y, x) @ x + sum(x, np.ones(2)) @ x[:2]
