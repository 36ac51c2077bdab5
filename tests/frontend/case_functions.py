"""Functions whose program differs by how sizes compare, and loops whose first iteration differs."""

from __future__ import annotations

from typing import Any

import numpy as np


def head_and_tail(x: Any) -> Any:
    return (x[:5] ** 3).sum() + (x[-4:] ** 2 * x[0]).sum() + (x[2:6:2] ** 2).sum()


def backwards(x: Any) -> Any:
    return (x[5::-1] ** 2).sum() + (x[:-6:-2] ** 3).sum() + (x[3:1:-1] ** 2).sum()


def counted_from_the_end(x: Any) -> Any:
    n = len(x)
    return (x[n - 5 :] ** 3).sum() + (x[: n - 3] ** 2).sum()


def written(x: Any) -> Any:
    z = x * 2.0
    z[:5] *= x[:5]
    z[-3:] += 1.0
    return (z**2).sum()


def short_windows(x: Any) -> Any:
    s = x.sum()
    for i in range(2, len(x) - 2):
        s += x[i - 2 : i + 3].mean() ** 2
    return s


def below_diagonal(A: Any) -> Any:
    s = 0.0
    for i in range(len(A)):
        s += (A[i, :i] ** 2).sum() * (i + 1.0)
    return s


def matrix_factors(A: Any) -> Any:
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    q, r = np.linalg.qr(A)
    rebuilt = ((U * s**2) @ Vt) ** 2
    projected = np.sin(U @ U.T) + np.cos(Vt.T @ Vt).sum() * 0.1
    return (s**3).sum() + rebuilt.sum() + projected.sum() + (r**3).sum() + (q**3).sum()


def condition(A: Any) -> Any:
    return np.linalg.cond(A) + np.linalg.svdvals(A)[-1] ** 2


def growing_total(X: Any) -> Any:
    total = 0.0
    for i in range(len(X)):
        total = total + X[i] ** 2
    return (np.sin(total) ** 2).sum()


def first_total(w: Any, X: Any) -> Any:
    total = 0.0
    for row in X:
        total = total + row
    return w * total[0]


def reads_its_shape(X: Any) -> Any:
    total = 0
    for row in X:
        total = row * np.sum(total) + np.size(total) * row**2
    return np.sum(total * 1.5)


def total_from_zip(X: Any, y: Any) -> Any:
    t = 1.0
    for i, (row, w) in enumerate(zip(X, y, strict=True)):
        if i == 1:
            continue
        t *= row * w + np.sum(t) / 3
    else:
        t = t * 2
    return (t**2).sum()


def reversed_total(X: Any) -> Any:
    t = 0.0
    for row in X[::-1]:
        t = np.tanh(t + row)
    return np.sum(t)


def left_early(X: Any) -> Any:
    t = 1.0
    for i in range(len(X)):
        t = t * X[i]
        if t.sum() > 9.0:
            break
    return np.sum(t**2)


def returns_early(X: Any) -> Any:
    t = 0.0
    for i in range(len(X)):
        t = t + X[i] ** 2
        if np.sum(t) > 6.0:
            return np.sum(t) * X[0, 0]
    return np.sum(t**2)


def previous(x: Any) -> Any:
    before = None
    s = 0.0
    for v in x:
        if before is not None:
            s = s + (v - before) ** 2
        before = v * v
    return s


def starts_with_none(x: Any) -> Any:
    y = None
    for v in x:
        y = v * v if y is None else y * v + v
    return y


def integers_become_floats(x: Any) -> Any:
    z = np.arange(3)
    total = 0
    for v in x:
        z = z * v
        total += v**2
    return (z**2).sum() * total


def while_total(X: Any) -> Any:
    t, k = 0.0, 0
    while k < 3:
        t = t + X[k] ** 2
        k += 1
    return np.sum(t**2)


def counted_down(X: Any, k: Any) -> Any:
    t = 0.0
    while k > 0:
        t = t * X[0] + X[k - 1] ** 2
        k -= 1
    return np.sum(t)


def counted_up(X: Any, k: Any) -> Any:
    t = 0.5
    for i in range(1, k):
        t = t * X[i] + X[i - 1]
    return np.sum(t)


def nested_totals(X: Any) -> Any:
    t = 0.0
    for i in range(len(X)):
        u = 1.0
        for j in range(X.shape[1]):
            u = u * X[:, j] + X[i, j]
        t = t + u
    return np.sum(t)


RNG = np.random.default_rng(3)
X = RNG.normal(size=(5, 4)) + 0.7


def total_of_shorter(x: Any, y: Any) -> Any:
    t = 1.0
    for i, (a, b) in enumerate(zip(x, y, strict=False)):
        t = np.sin(t) * a + b * i
    t += sum([a * b for a, b, _ in zip(y, x, x[1:], strict=False)])
    few = {"one": 1.0, "two": t, "half": 0.5}.values()
    for i, (v, a) in enumerate(zip(few, reversed(x), strict=False)):
        t += np.cos(v * a) * i
    return t


def total_of_pairs(x: Any, y: Any) -> Any:
    t = 0.5
    for a, b in zip(x, y, strict=False):
        t = np.sin(t) * a + b
    return t + np.sum(x * y[1:])


def guarded(x: Any, y: Any) -> Any:
    t = x.sum() / max(len(y), 1)
    if len(y) > 0:
        t *= y.max()
    if y.size == 0:
        return t**2
    return t * y.mean() + (0 if not x.size else x.min())


SIZES: list[tuple[Any, ...]] = [
    *((guarded, RNG.normal(size=n), RNG.normal(size=m)) for n, m in ((3, 0), (3, 2), (0, 2))),
    *((f, RNG.normal(size=n)) for f in (head_and_tail, backwards, counted_from_the_end, written)
      for n in (0, 1, 2, 3, 4, 6, 9) if n or f is not head_and_tail),
    *((short_windows, RNG.normal(size=n)) for n in (0, 3, 4, 5, 8)),
    *((below_diagonal, RNG.normal(size=s)) for s in ((4, 6), (6, 3), (4, 4))),
    *((matrix_factors, RNG.normal(size=s)) for s in ((5, 3), (3, 5), (1, 4), (4, 4))),
    *((condition, RNG.normal(size=s)) for s in ((5, 3), (3, 5))),
    (total_of_pairs, RNG.normal(size=4), RNG.normal(size=5)),
    *((total_of_shorter, RNG.normal(size=n), RNG.normal(size=m))
      for n, m in ((4, 4), (3, 5), (5, 3), (4, 3), (0, 2))),
]  # fmt: skip

FIRST: list[tuple[Any, ...]] = [
    (growing_total, X),
    (growing_total, X[:1]),
    (growing_total, X[:2, :1]),
    (reads_its_shape, X),
    (total_from_zip, X, X[:, 1] * 1.0),
    (reversed_total, X),
    (left_early, X * 2),
    (left_early, X * 0.5),
    (returns_early, X),
    (returns_early, X * 0.3),
    (previous, X[:, 0] * 1.0),
    (previous, X[:1, 0] * 1.0),
    (starts_with_none, X[:, 0] * 1.0),
    (integers_become_floats, X[:, 0] * 1.0),
    (while_total, X),
    *((counted_down, X, k) for k in (1, 2, 5)),
    *((counted_up, X, k) for k in (2, 5)),
    (nested_totals, X[:4]),
]
