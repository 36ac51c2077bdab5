"""Functions with sizes that only the run knows, and arguments to call them with."""

from __future__ import annotations

from typing import Any

import numpy as np


def first(x: Any, k: Any) -> Any:
    return (x[:k] ** 2).sum()


def between(x: Any, a: Any, b: Any) -> Any:
    return (x[a:b:2] ** 3).sum() + (x[b:a:-3] ** 2).sum() + (x[::-1][a:] ** 2 * 2).sum()


def neighbours(x: Any, k: Any) -> Any:
    z = x[:k]
    return (z[1:] * z[:-1]).sum() + (z[1:-1] ** 3).sum()


def table(A: Any, x: Any, k: Any) -> Any:
    return ((A[:k] @ x) ** 2).sum() + (A[k:, :k] ** 2).sum() + (A[-2, k:] * A[k - 5, k:]).sum()


def head(x: Any, k: Any) -> Any:
    return x[:k] ** 2


def average(x: Any, k: Any) -> Any:
    z = x[:k]
    return z.sum() / len(z) + z.mean()


def triangle(A: Any, x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        s += A[i, :i] @ x[:i] * x[i]
    return s


def forward_substitution(A: Any, y: Any) -> Any:
    z = np.zeros(len(y))
    for i in range(len(y)):
        z[i] = (y[i] - A[i, :i] @ z[:i]) / A[i, i]
    return (z**2).sum()


def back_substitution(A: Any, y: Any) -> Any:
    n = len(y)
    z = np.zeros(n)
    for i in range(n - 1, -1, -1):
        z[i] = (y[i] - A[i, i + 1 :] @ z[i + 1 :]) / A[i, i]
    return (z * y).sum()


def cholesky(A: Any) -> Any:
    n = A.shape[0]
    L = np.zeros((n, n))
    for j in range(n):
        L[j, j] = np.sqrt(A[j, j] - L[j, :j] @ L[j, :j])
        L[j + 1 :, j] = (A[j + 1 :, j] - L[j + 1 :, :j] @ L[j, :j]) / L[j, j]
    return (L * np.sin(L)).sum()


def cholesky_in_place(A: Any) -> Any:
    n = len(A)
    L = A.copy()
    for k in range(n):
        L[k, k] = np.sqrt(L[k, k])
        L[k + 1 :, k] /= L[k, k]
        for j in range(k + 1, n):
            L[j:, j] -= L[j:, k] * L[j, k]
    return (np.tril(L) ** 3).sum()


def window(x: Any) -> Any:
    s = 0.0
    for i in range(2, len(x) - 2):
        s += x[i - 2 : i + 3].mean() ** 2
    return s


def cut_off_window(x: Any, w: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        s += (x[max(0, i - w) : i + w + 1] ** 2).mean() * x[i]
    return s


def stores(x: Any, k: Any) -> Any:
    z = x * 2
    z[:k] = x[:k] ** 2
    z[k:] *= 3
    v = z[:k]
    v *= 2.0
    w = v[1:]
    w += x[0]
    return (z * x).sum()


def elimination(x: Any) -> Any:
    z = x * 1.0
    for i in range(len(x) - 1):
        z[i + 1 :] -= z[i] * x[i + 1 :]
    return (z**2).sum()


def shrinking(x: Any, k: Any) -> Any:
    s = 0.0
    while k > 0:
        s += (x[:k] ** 2).sum()
        k -= 3
    return s


def either_side(x: Any, k: Any) -> Any:
    z = x[:k] * 2 if x[0] > 0 else x[:k] ** 2
    return (z * z).sum()


def nested(x: Any, k: Any) -> Any:
    s = 0.0
    for i in range(k):
        for j in range(i):
            s += (x[j:i] ** 2).sum() * x[j]
    return s


RNG = np.random.default_rng(0)
N = 11
A = RNG.normal(size=(N, N))
S = A @ A.T + N * np.eye(N)
X, Y = RNG.normal(size=N), RNG.normal(size=N)

SLICES: list[tuple[Any, ...]] = [
    *((first, X, k) for k in (-20, -3, 0, 1, 4, 11, 99)),
    *((between, X, a, b) for a, b in ((2, 8), (8, 2), (-3, 40), (-40, -2), (4, 4))),
    *((neighbours, X, k) for k in (0, 1, 2, 7, 99)),
    *((table, A, X, k) for k in (0, 1, 4)),
    *((head, X, k) for k in (0, 1, 5, 99)),
    *((average, X, k) for k in (1, 5)),
    (triangle, A, X),
    (forward_substitution, S, Y),
    (back_substitution, S, Y),
    (cholesky, S),
    (cholesky_in_place, S),
    (window, X),
    *((cut_off_window, X, w) for w in (0, 2, 30)),
    *((stores, X, k) for k in (0, 1, 4, -4, 99)),
    (elimination, X),
    (shrinking, X, 8),
    (either_side, X, 4),
    (either_side, -X, 4),
    (nested, X, 6),
]


def residuals(w: Any, x: Any, y: Any) -> Any:
    ok = ~np.isnan(y)
    r = y[ok] - w[0] * np.exp(w[1] * x[ok])
    return (r**2).sum() + (r**4).mean()


def picked(x: Any, t: Any) -> Any:
    return (x[t > 0] ** 3).sum() * x[x > 0].sum()


def rows_and_columns(X: Any, t: Any, w: Any) -> Any:
    both = X[t > 0][:, w > 0]
    return ((X[t > 0] @ w) ** 2).sum() + (X[t > 0, 2] ** 2 * 3).sum() + (both**2).sum()


def mask_of_two_axes(X: Any) -> Any:
    return (X[X > 0.3] ** 3).sum() + (X[None, X < 0] ** 2).sum()


def mask_and_positions(X: Any, t: Any) -> Any:
    return (X[t > 0, -1:][:, 0] * X[t > 0, 1]).sum() + (X[1, :, None][X[1] > 0] ** 2).sum()


def written_under_masks(X: Any, t: Any, w: Any) -> Any:
    Z = X * 1.0
    Z[t > 0] += w
    Z[t < 0] *= 2.0
    Z[t > 0.5] = w
    Z[t > 0] *= X[t > 0]
    Z[t > 1, 1] -= X[t > 1, 0]
    Z[X > 1] = X[X > 1] ** 2
    return (Z**2).sum()


def as_many_as_picked(x: Any, y: Any) -> Any:
    z = x * 1.0
    z[x > 0] = y
    return (z * x).sum()


def picked_twice(x: Any) -> Any:
    z = x[x > 0]
    z = z[z < 1.0]
    return (z**2).sum() * len(z)


def ends_of_picked(x: Any) -> Any:
    z = x[x > 0]
    return z[0] * z[-1] + (z[1:] * z[:-1]).sum() + np.cumsum(z)[-1] ** 2


def masks_in_a_loop(x: Any, t: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        s += (x[t > t[i]] ** 2).sum() * x[i]
    return s


def loop_over_picked(x: Any, t: Any) -> Any:
    s = 0.0
    for v in x[t > 0]:
        s = s * 0.5 + v * v
    return s


def picked_in_place(x: Any) -> Any:
    z = x * 1.0
    z[z > 0] = z[z > 0] ** 2
    z[z[::-1] > 0] = z[z[::-1] > 0] ** 2 + z[0]
    return (z**3).sum()


def pairs_of_picked(x: Any, t: Any) -> Any:
    z = x[t > 0]
    return (z[:, None] * z[None, :] * np.arange(len(z))).sum()


def positive_parts(x: Any) -> Any:
    return x[x > 0] ** 2


def longer(x: Any) -> Any:
    return np.concatenate([x[x > 0] ** 2, x])


def places(x: Any, X: Any) -> Any:
    (i,) = np.nonzero(x > 0)
    j = np.argwhere(X > 0.5)
    s = (x[i] ** 2).sum() + (x[np.flatnonzero(x < 0)] ** 3).sum()
    s += (X[j[:, 0], j[:, 1]] ** 2).sum() + X[np.where(X < 0)].sum()
    s += np.extract(X > 0, X).sum() + np.compress(X[0] > 0, X, axis=1).sum()
    return s + (X.compress(X[:, 0] > 0, axis=0) ** 2).sum()


def distinct(x: Any) -> Any:
    u = np.unique(np.concatenate([x, x[:3]]))
    return (u * np.arange(len(u))).sum()


def sizes_that_meet(x: Any, y: Any, k: Any) -> Any:
    return (x[:k] * y).sum() + x[:k].max() + x[x > 0].min()


def masks_that_meet(x: Any, t: Any) -> Any:
    return (x[x > 0] * t[t > t[2]]).sum()


def counted(x: Any, k: Any) -> Any:
    s = (np.arange(k) * x[:k]).sum() + (x[np.arange(2, k)] ** 2).sum()
    return s + (np.arange(k, 0, -2) ** 2 * x[k]).sum() + (np.linspace(0.0, x[0], k + 2) ** 2).sum()


def created(x: Any, k: Any) -> Any:
    z = np.zeros(k)
    z += x[0]
    z[1:] = x[1:k] ** 2
    s = (z**2).sum() + np.ones((k, 3)).sum() * x[0] + np.full(k, x[1]).sum()
    return s + (np.eye(k) * x[:k]).sum() + (np.tril(np.ones((k, k))) @ x[:k]).sum()


def created_in_a_loop(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        z = np.zeros(i + 1)
        z[:] = x[: i + 1]
        s += (z * np.arange(i + 1)).sum() * x[i]
    return s


M, T, V = RNG.normal(size=(N, 4)), RNG.normal(size=N), RNG.normal(size=4)
HOLES = np.where(np.arange(N) % 4 == 1, np.nan, Y)
POSITIVE = int((X > 0).sum())
T[[2, int(np.argsort(T)[N - POSITIVE - 1])]] = T[[int(np.argsort(T)[N - POSITIVE - 1]), 2]]


def segments(x: Any, offsets: Any) -> Any:
    s = 0.0
    for i in range(len(offsets) - 1):
        z = x[offsets[i] : offsets[i + 1]]
        s += (x[i] * z).sum() / max(len(z), 1)
        if z.size == 0:
            continue
        s += (x[i] * z).max()
    return s


def greatest_of_positive(x: Any) -> Any:
    z, few = x[x > 0], x[x > 1]
    if len(few) >= 1:
        return few.min() * x[1]
    if not len(z):
        return x.sum() ** 2
    return z.max() * x[0]


def best_after(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        s += x[i] * x[i:].max() if len(x[i:]) > 0 else 1e9
        if x[i + 1 :].size:
            s += x[i] * x[i + 1 :].max()
    return s


MASKS: list[tuple[Any, ...]] = [
    *((segments, X, np.array(k)) for k in ([0, 3, 3, 9, 11], [0, 0], [4, 2, 11])),
    *((greatest_of_positive, x) for x in (X, 0.1 * X, -np.abs(X))),
    (best_after, X),
    (residuals, np.array([0.4, 0.2]), X, HOLES),
    *((picked, X, t) for t in (T, np.ones(N), np.where(np.arange(N) == 3, 1.0, -1.0), -np.ones(N))),
    *((rows_and_columns, M, t, V) for t in (T, -np.ones(N))),
    (mask_of_two_axes, M),
    (mask_and_positions, M, T),
    (written_under_masks, M, T, V),
    (as_many_as_picked, X, RNG.normal(size=POSITIVE)),
    (picked_twice, X),
    (ends_of_picked, X),
    (masks_in_a_loop, X, T),
    *((loop_over_picked, X, t) for t in (T, -np.ones(N))),
    (picked_in_place, X),
    (pairs_of_picked, X, T),
    (longer, X),
    *((positive_parts, x) for x in (X, -np.abs(X))),
    (places, X, M),
    (distinct, X),
    (sizes_that_meet, X, Y[:5], 5),
    (masks_that_meet, X, T),
]

CREATED: list[tuple[Any, ...]] = [
    *((counted, X, k) for k in (0, 1, 5)),
    *((created, X, k) for k in (1, 5)),
    (created_in_a_loop, X),
]
