"""Arrays taken apart and put together: shapes, slices, gathers, stores, linear algebra."""

from __future__ import annotations

import numpy as np

from tests.end_to_end.cases import Table, data

case = Table()
ROWS = data(-1)
TABLE = data(-1, 3)


@case(ROWS)
def cumulated(x):
    return np.sum(np.cumsum(x) ** 2)


@case(TABLE)
def cumulated_rows(x):
    return (np.cumsum(x, axis=0) * np.cumsum(x, axis=1)).sum()


@case(data(-1, kind="unit"))
def cumulated_product(x):
    return np.cumprod(x).sum()


@case(ROWS, data(-1), wrt=("a", "b"))
def concatenated(a, b):
    c = np.concatenate([a, 2 * b, a])
    return np.sum(c**2 * np.arange(c.size))


@case(TABLE, TABLE, wrt=("a", "b"))
def stacked(a, b):
    c = np.stack([a, b], axis=1)
    d = np.hstack([a, b])
    e = np.vstack([a, b])
    return (c**2).sum() + (d**3).sum() + np.sin(e).sum()


@case(ROWS, sizes=(7, 3, 100))
def slices(x):
    return np.sum((x[1:] - x[:-1]) ** 2) + np.sum((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2)


@case(ROWS)
def strided_slices(x):
    return np.sum(x[::2] ** 2) + np.sum(x[1::2] ** 3) + np.sum(x[::-1] * x)


@case(ROWS, sizes=(7, 3, 100))
def negative_slices(x):
    return np.sum(x[:0:-1] * x[-2::-1]) + x[-1] * x[0]


@case(TABLE)
def flipped(x):
    return (np.flip(x, axis=0) * x).sum() + (np.flip(x) ** 3).sum() + (x[:, ::-1] * x).sum()


@case(TABLE, data(3, -1))
def transposed(x, y):
    return np.sum(x.T * y) + np.sum(np.sin(x.T @ x))


@case(data(-1, 6))
def reshaped(x):
    y = x.reshape(-1, 2, 3)
    z = x.reshape(x.shape[0] * 2, 3)
    return np.sum(y[:, 0] * y[:, 1]) + np.sum(np.cumsum(z, axis=0) ** 2) + x.ravel()[1]


@case(data(-1, 6))
def flattened(x):
    y = x.ravel()
    return np.sum(y[1:] * y[:-1]) + np.sum(x.flatten() ** 3)


@case(data(-1, 1), data(1, 4), wrt=("a", "b"))
def broadcast_both_ways(a, b):
    return np.sum(np.exp(a * b) + a - b)


@case(ROWS, data(5), data(), wrt=("a", "b", "c"))
def broadcast_outer(a, b, c):
    return np.sum(np.sin(a[:, None] + b[None, :]) * c) + np.outer(a, b).sum()


@case(data(-1, 3, 4), data(3, 4), data(4), wrt=("x", "y", "z"))
def three_dimensions(x, y, z):
    return np.sum(x * y + x**2 * z) + np.sum((x @ z) ** 2) + x.sum(axis=(0, 2)).prod()


@case(data(-1, 3, 4), data(-1, 4, 2), wrt=("x", "y"))
def batched_products(x, y):
    return np.sum(np.matmul(x, y) ** 2)


@case(TABLE)
def axes_moved(x):
    y = np.moveaxis(x[:, None, :] * np.ones((2, 1)), 1, 2)
    return np.sum(np.swapaxes(y, 0, 1) ** 3)


@case(ROWS, data(-1, kind="mask"))
def masked(x, m):
    return np.where(m, x**2, -x).sum() + np.sum(x[0] * (x > 0))


@case(data(-1, kind="normal"))
def masked_logarithm(x):
    return np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), x))


@case(data(5), lambda n, rng: rng.integers(0, 5, size=n))
def gathered(x, places):
    return np.sum(x[places] ** 2)


@case(data(5, 2), lambda n, rng: rng.integers(-5, 5, size=n), data(-1, 2))
def embedded(table, places, y):
    return np.sum((table[places] - y) ** 2)


@case(data(5), lambda n, rng: rng.integers(0, 5, size=n), ROWS, wrt=("x", "v"))
def added_at(x, places, v):
    y = x.copy()
    np.add.at(y, places, v**2)
    return np.sum(y**2)


@case(ROWS, lambda n, rng: rng.permutation(n))
def stored_at(x, places):
    y = np.zeros_like(x)
    y[places] = x**2
    return np.sum(y * np.arange(len(x)))


@case(
    data(4, 3), lambda n, rng: rng.integers(0, 4, size=n), lambda n, rng: rng.integers(0, 3, size=n)
)
def gathered_pairs(x, i, j):
    return np.sum(np.exp(x[i, j])) + np.sum(x[i] * x[i, j][:, None])


@case(ROWS)
def stored_slices(x):
    y = np.empty(x.shape[0] + 2)
    y[0] = 1.0
    y[-1] = x[0] * 2
    y[1:-1] = x**2
    return np.sum(y[1:] * y[:-1])


@case(TABLE)
def stored_columns(x):
    y = x.copy()
    y[:, 0] = x[:, 1] * x[:, 2]
    y[:, 1] *= 2
    y[0] += x[-1]
    return np.sum(y**2)


@case(ROWS, sizes=(7, 3, 100))
def views_share(x):
    y = x * 1.0
    b = y[1:]
    b[0] = x[0] ** 2
    b *= 3
    c = y.reshape(-1, 1)
    c[0, 0] = x[-1]
    return np.sum(y**2) + b.sum()


@case(ROWS)
def argument_overwritten(x):
    x[0] = x[0] ** 2
    x *= 2
    return np.sum(x**2)


@case(data(3, 3), data(3), wrt=("A", "b"), sizes=(7,))
def solved(A, b):
    return np.sum(np.linalg.solve(A + 4 * np.eye(3), b) ** 2)


@case(data(-1, -1, kind="definite"), data(-1, 2), wrt=("A", "B"), sizes=(7, 2))
def solved_columns(A, B):
    return np.sum(np.linalg.solve(A, B) ** 2)


@case(data(-1, -1, kind="definite"), sizes=(7, 2))
def inverted(A):
    return np.trace(np.linalg.inv(A) @ np.linalg.inv(A))


@case(data(-1, -1, kind="definite"), sizes=(7, 2))
def determinants(A):
    sign, logdet = np.linalg.slogdet(A)
    return sign * logdet + np.log(np.linalg.det(A))


@case(data(-1, -1, kind="definite"), data(-1), wrt=("A", "y"), sizes=(7, 2))
def gaussian_process(A, y):
    S = 0.5 * (A + A.T)
    L = np.linalg.cholesky(S)
    z = np.linalg.solve(L, y)
    return 0.5 * z @ z + np.sum(np.log(np.diag(L)))


@case(data(-1, 3), data(3, 4), data(4), wrt=("a", "b", "c"))
def einsum_chain(a, b, c):
    return np.einsum("ij,jk,k->", a, b, c) + np.einsum("ij,ij->i", a, a).sum() ** 2


@case(data(-1, 3, 3))
def einsum_diagonal(x):
    return np.sum(np.einsum("nii->n", x) ** 2) + np.sum(np.einsum("nij->nji", x) * x)


@case(TABLE)
def norms(x):
    return np.linalg.norm(x) + np.linalg.norm(x, axis=1).sum() + np.abs(x).max()


@case(TABLE)
def extremes(x):
    return x.max() - x.min() + np.sum(x.max(axis=0) * x.min(axis=1).sum())


@case(TABLE)
def means_over_axes(x):
    return np.sum(x.mean(axis=0) ** 2) + np.sum(x.mean(axis=1) ** 3) + x.mean(axis=(0, 1))


@case(data(-1, 3, kind="unit"))
def products(x):
    return x.prod(axis=1).sum() + np.prod(x, axis=0).sum()


@case(ROWS)
def sorted_weights(x):
    return np.sum(np.sort(x) * np.arange(x.size)) + np.sum(x[np.argsort(x)] ** 2)


@case(ROWS)
def differences(x):
    return np.sum(np.diff(x) ** 2) + np.sum(np.roll(x, 1) * x)


@case(ROWS)
def padded(x):
    y = np.pad(x, 1)
    return np.sum(y[2:] * y[:-2]) + np.sum(np.tile(x, 2) ** 2) + np.sum(np.repeat(x, 2) ** 3)


@case(data(-1, 4))
def triangles(x):
    return np.sum(np.triu(x.T @ x) ** 2) + np.trace(x.T @ x)


@case(data(20, 30), data(-1, 20), data(-1, 30), sizes=(7, 100))
def large_products(W, X, Y):
    return np.sum((X @ W - Y) ** 2)


@case(data(20, 30), data(30, 20), data(-1, 20), wrt=("A", "B"), sizes=(7, 100))
def large_chain(A, B, X):
    H = np.maximum(X @ A, 0.0)
    return np.mean((H @ B - X) ** 2)
