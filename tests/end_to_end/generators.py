"""Functions with `yield`, used where they are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def windows(x: Any, size: int) -> Iterator[Any]:
    for i in range(len(x) - size + 1):
        yield x[i : i + size]


def running(x: Any) -> Iterator[Any]:
    total = 0.0
    for v in x:
        total = 0.5 * total + v
        yield total, v


def of_windows(x: Any) -> Any:
    total = sum(w.sum() ** 2 for w in windows(x, 3))
    for i, w in enumerate(windows(x, 2)):
        total += i * w[0] * w[1]
    return total


def of_tuples(x: Any) -> Any:
    return sum(p * q for p, q in running(x)) + max(p for p, _ in running(x))


def of_pairs(x: Any) -> Any:
    def pairs(n: int) -> Iterator[Any]:
        for i in range(n):
            for j in range(i):
                yield i, j

    return sum(x[i] * x[j] for i, j in pairs(len(x)))


def that_choose(x: Any) -> Any:
    def between(low: float, high: float) -> Iterator[Any]:
        for v in x:
            if v > high:
                return
            if v > low:
                yield v

    table = np.array(list(between(0.35, 0.95)))
    return sum(between(0.4, 1.0)) * len(table) + (table**2).sum()


def from_others(x: Any) -> Any:
    def ends() -> Iterator[Any]:
        yield x[0]
        yield x[-1]

    def all_of_them() -> Iterator[Any]:
        yield from ends()
        for k in range(1, 4):
            yield from x[:k]

    return sum(v * v for v in all_of_them())


def left_early(x: Any) -> Any:
    def doubled() -> Iterator[Any]:
        for i in range(len(x)):
            yield x[i] * 2

    for i, w in enumerate(doubled()):
        if w > 1.0:
            return w * i
    return x[0]


def in_loops(x: Any) -> Any:
    def steps(start: Any) -> Iterator[Any]:
        state = start
        for k in range(3):
            state = state * 0.5 + k
            yield state

    total = 0.0
    for v in x:
        for w in steps(v):
            total += w**2
    return total


class Scaled:
    """Numbers times a factor."""

    def __init__(self, factor: Any) -> None:
        self.factor = factor

    def items(self) -> Iterator[Any]:
        """The numbers."""
        for i in range(4):
            yield self.factor * i


def of_a_method(x: Any) -> Any:
    return sum(v**2 for v in Scaled(x[0]).items())
