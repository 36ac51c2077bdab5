"""Functions of halves, thirds and other parts of arrays, and arguments to call them with."""

from __future__ import annotations

from typing import Any

import numpy as np


def even_and_odd(x: Any) -> Any:
    return (x[::2] * x[1::2] ** 2).sum() + np.column_stack([x[::2], x[1::2]]).prod()


def halves(x: Any) -> Any:
    n = len(x)
    return (x[: n // 2] * x[n // 2 :] ** 2).sum() * x[n // 2]


def halves_with_a_middle(x: Any) -> Any:
    n = len(x)
    if n % 2 == 0:
        return (x[: n // 2] * x[n // 2 :] ** 2).sum()
    return (x[: n // 2] * x[n // 2 + 1 :]).sum() * x[n // 2]


def median_of_sorted(x: Any) -> Any:
    n = x.size
    y = np.sort(x)
    return y[n // 2] ** 2 if n % 2 else (y[n // 2 - 1] * y[n // 2]) ** 2


def pairs(x: Any) -> Any:
    rows = x.reshape(-1, 2)
    return (rows[:, 0] * np.cos(rows[:, 1]) * x[::2]).sum() + (x.reshape(len(x) // 2, 2) ** 2).sum()


def whole_blocks(x: Any) -> Any:
    k = 3
    n = len(x)
    blocks = x[: n // k * k].reshape(-1, k)
    return (blocks.mean(axis=1) ** 2).sum() + (x[: n - n % k] ** 3).sum() + x[n // k * k :].sum()


def thirds(x: Any) -> Any:
    return (x[::3] * x[1::3] * x[2::3]).sum()


def two_of_three(x: Any) -> Any:
    return (x[::3] * x[1::3] ** 2).sum()


def all_again(x: Any) -> Any:
    return (np.concatenate([x[::2], x[1::2]]) * x**2).sum() + (np.roll(x, len(x) // 2) * x).sum()


def halves_of_two(x: Any, y: Any) -> Any:
    return (x[::2] * y[::2] ** 2).sum() + (y[1::2] ** 3).sum()


def weighted_half(x: Any, w: Any) -> Any:
    return (w * x[: len(x) // 2] ** 2).sum() + (w[1:] * x[::2][1:]).sum()


def three_in_the_first_half(x: Any) -> Any:
    a, b, c = x[: len(x) // 2]
    return a * b**2 * c**3 * x.sum()


def blocks_of_a_matrix(A: Any) -> Any:
    h = A.shape[0] // 2
    return (A[:h, :h] @ A[h:, h:] * A[h:, :h]).sum()


def smoothed(x: Any, w: Any) -> Any:
    half = len(w) // 2
    return (np.convolve(np.pad(x, half), w, "valid") * x**2).sum()


def written_in_halves(x: Any) -> Any:
    z = np.zeros(len(x))
    z[::2] = x[1::2] ** 2
    z[1::2] += x[::2] * x[1::2]
    return (z * x).sum()


def butterfly(x: Any) -> Any:
    h = x.shape[0] // 2
    for _ in range(2):
        x = np.concatenate([x[:h] + x[h:] * 0.5, x[:h] * x[h:]])
    return (x**2).sum()


def zipped(x: Any) -> Any:
    s = 0.0
    for a, b in zip(x[::2], x[1::2], strict=False):
        s = s * 0.5 + a * b**2
    return s


def split_in_two(x: Any) -> Any:
    a, b = np.split(x, 2)
    q, r = divmod(len(x), 4)
    return (a * b**2).sum() * (q + r)


RNG = np.random.default_rng(5)
X = RNG.normal(size=9) + 2.0

FITTING: list[tuple[Any, ...]] = [
    *((f, X[:n]) for f in (even_and_odd, halves, split_in_two, butterfly) for n in (2, 8)),
    *((f, X[:n]) for f in (halves_with_a_middle, whole_blocks) for n in (0, 2, 5, 6, 7)
      if n or f is whole_blocks),
    *((all_again, X[:n]) for n in (0, 5, 6)),
    *((median_of_sorted, X[:n]) for n in (2, 5, 6)),
    *((f, X[:n]) for f in (pairs, written_in_halves) for n in (0, 6)),
    *((zipped, X[:n]) for n in (5, 6)),
    (thirds, X[:6]),
    *((two_of_three, X[:n]) for n in (5, 6)),
    *((halves_of_two, X[:n], X[:m] + 1) for n, m in ((6, 6), (5, 5), (5, 6), (6, 5))),
    *((weighted_half, X[:n], X[: n // 2]) for n in (4, 8)),
    *((three_in_the_first_half, X[:n]) for n in (6, 7)),
    (blocks_of_a_matrix, RNG.normal(size=(4, 4))),
    (smoothed, X, X[:3]),
]  # fmt: skip

UNFIT: list[tuple[Any, ...]] = [
    *((f, X[:n]) for f in (even_and_odd, pairs, split_in_two, butterfly) for n in (5, 7)),
    (two_of_three, X[:7]),
    *((thirds, X[:n]) for n in (7, 8)),
    *((halves_of_two, X[:n], X[:m]) for n, m in ((3, 5), (4, 6), (5, 8), (6, 3))),
    (weighted_half, X, X[:4]),
    (weighted_half, X[:8], X[:3]),
    (three_in_the_first_half, X[:8]),
    (blocks_of_a_matrix, RNG.normal(size=(5, 5))),
    (smoothed, X, X[:4]),
]
