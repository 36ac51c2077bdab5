"""Functions and the number of entries that their patterns have: all, and those that may be zero.

Each case is a function of one array `x` and data, the shape of `x`, the data, and how many entries
its pattern has beyond those that are not zero at some point; None where that is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from codegen_ad import custom_derivative

rng = np.random.default_rng(11)


class Case(NamedTuple):
    """A function, the shape of what is differentiated, other arguments, entries too many."""

    function: Callable[..., Any]
    shape: tuple[int, ...]
    data: tuple[Any, ...] = ()
    beyond: int | None = 0


def elementwise(x: Any, y: Any) -> Any:
    return np.sin(x) * y + np.where(y > 0.5, x**2, np.maximum(x, y))


def broadcast(x: Any) -> Any:
    return x[:, None] * np.cos(x)[None, :]


def whole_numbers(x: Any) -> Any:
    return np.floor(x) + np.sign(x) * 2.0 + (x > 0.5)


def stencil(x: Any) -> Any:
    return x[2:] - 2.0 * x[1:-1] ** 2 + x[:-2]


def movements(x: Any) -> Any:
    a = np.concatenate([x.T[::-1], np.roll(x.T, 1, axis=0)], axis=1)
    return np.pad(np.flip(a, 1), ((1, 0), (0, 2))).reshape(-1)[1:]


def sums(x: Any) -> Any:
    return np.sum(x**2, axis=1) + np.prod(x, axis=1) + np.max(x[0])


def products(x: Any, w: Any) -> Any:
    return (w @ x) * np.einsum("ij,ij->j", x, x)


def outer_sum(x: Any, w: Any) -> Any:
    return np.einsum("ij,k->ki", x, w)


def accumulated(x: Any) -> Any:
    return np.cumsum(x, axis=1) * np.cumprod(x, axis=0)


def gathered(x: Any, i: Any) -> Any:
    return x[i] * x[i - 1]


def gathered_pairs(x: Any, i: Any, j: Any) -> Any:
    return x[i, j] ** 2


def added_at(x: Any, i: Any) -> Any:
    total = np.zeros(7)
    np.add.at(total, i, x**2)
    return total


def last_one_wins(x: Any, i: Any) -> Any:
    y = np.ones(7)
    y[i] = x**2
    return y


def chosen_by_data(x: Any) -> Any:
    k = np.argmax(x[:, 0])
    return x[k] * 2.0 + x[0]


def rows_chosen_by_data(x: Any) -> Any:
    return x[np.arange(len(x)), np.argmax(x, axis=1)]


def written_where_data_says(x: Any) -> Any:
    y = 3.0 * x
    y[np.argmin(x)] = x[0] ** 2
    return y


def sorted_rows(x: Any) -> Any:
    return np.sort(x, axis=1)


def masked_by_integers(x: Any, i: Any) -> Any:
    return np.sum(x[i > 2]) * np.ones(2) * x[0]


def updated(x: Any) -> Any:
    y = np.zeros((4, 6))
    y[1:3, ::2] = x
    y[:, 1] += x[0, 0]
    return y[::-1]


def recurrence(x: Any) -> Any:
    y = np.zeros(len(x))
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = 0.5 * y[i - 1] + x[i] ** 2
    return y


def in_place(x: Any) -> Any:
    y = x.copy()
    for _ in range(2):
        for i in range(1, len(y) - 1):
            y[i] += 0.1 * (y[i + 1] - y[i - 1]) ** 2
    return y


def by_parity(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        if i % 3 == 0:
            continue
        if i == 7:
            break
        y[i] = x[i] * x[i // 2]
    return y


def by_data(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(1, len(x)):
        if x[i] > 0.5:
            y[i] = x[i] * 2.0
        else:
            y[i] = x[i - 1] ** 2
    return y


def roots(x: Any) -> Any:
    y = x + 1.0
    while np.max(np.abs(y * y - x - 1.0)) > 1e-10:
        y = y - (y * y - x - 1.0) / (2.0 * y)
    return y


def roots_or_so(x: Any) -> Any:
    y = x + 1.0
    for _ in range(30):
        step = (y * y - x - 1.0) / (2.0 * y)
        if np.sum(np.abs(step)) < 1e-10:
            return y - step
        y = y - step
    return y


def counted_while(x: Any, n: int) -> Any:
    y, k = x.copy(), 0
    while k < n:
        y[k + 1] = y[k] * x[k + 1]
        k += 2
    return y


def mixing_while(x: Any) -> Any:
    y, k = x.copy(), 0
    while y[0] < 4.0 and k < 3:
        y = y + np.roll(y, 1)
        k += 1
    return y


def stopped_by_data(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        if x[i] > 0.8:
            break
        y[i] = x[i] ** 2
    return y


def in_stacks(x: Any, b: Any) -> Any:
    return np.linalg.solve(x + 3.0 * np.eye(3), b[..., None])[..., 0]


def factors(x: Any) -> Any:
    return np.linalg.det(x) * np.linalg.inv(x + 4.0 * np.eye(2))[:, 0, 0]


def spectrum(x: Any) -> Any:
    z = np.fft.fft(x)
    return np.abs(z[0]) * x[0]


@custom_derivative
def cube(x: Any) -> Any:
    return x**3


@cube.backward
def _(arguments: Any, g: Any) -> Any:
    (x,) = arguments
    return 3.0 * x**2 * g


def with_custom(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = cube(x[i])
    return y


def nothing(x: Any) -> Any:
    return np.ones(3) * len(x)


PLACES = np.array([3, 0, 6, 3, 1, 0])
CASES = (
    Case(elementwise, (6,), (rng.random(6),)),
    Case(broadcast, (4,)),
    Case(whole_numbers, (5,)),
    Case(stencil, (9,)),
    Case(stencil, (2,)),
    Case(movements, (3, 4)),
    Case(sums, (4, 3)),
    Case(sums, (1, 3)),
    Case(products, (4, 3), (rng.random((2, 4)),)),
    Case(outer_sum, (4, 3), (rng.random(2),)),
    Case(accumulated, (3, 4)),
    Case(gathered, (7,), (PLACES,)),
    Case(gathered, (7, 2), (PLACES.astype(np.int32),)),
    Case(gathered, (7,), (PLACES[:0],)),
    Case(gathered_pairs, (7, 2), (PLACES, PLACES % 2)),
    Case(added_at, (6,), (PLACES,)),
    Case(last_one_wins, (6,), (PLACES,)),
    Case(chosen_by_data, (4, 3)),
    Case(rows_chosen_by_data, (4, 3)),
    Case(written_where_data_says, (5,)),
    Case(sorted_rows, (3, 4)),
    Case(masked_by_integers, (6,), (PLACES,)),
    Case(updated, (2, 3)),
    Case(recurrence, (6,)),
    Case(recurrence, (1,)),
    Case(in_place, (8,)),
    Case(by_parity, (9,)),
    Case(by_data, (7,)),
    Case(roots, (5,)),
    Case(roots_or_so, (5,)),
    Case(counted_while, (9,), (7,)),
    Case(mixing_while, (6,)),
    Case(stopped_by_data, (5,)),
    Case(in_stacks, (4, 3, 3), (rng.random((4, 3)),)),
    Case(factors, (3, 2, 2), (), None),
    Case(spectrum, (4, 3), (), None),
    Case(with_custom, (4,)),
    Case(nothing, (4,)),
)
