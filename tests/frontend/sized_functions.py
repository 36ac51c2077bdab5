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
