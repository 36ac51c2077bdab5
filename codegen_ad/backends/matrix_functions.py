"""Functions of matrices that generated files bring along: NumPy's, made safe for compiled code.

numba's own raise errors without a line, refuse empty matrices and what is not finite, and give
results in Fortran order, which a variable that holds rows in C order can't take. These know empty
matrices, return C order, and hand NaN on where NumPy does. What can fail returns last whether it
did: whoever calls knows the user's line, and numba compiles a function again for every literal text
that it is given. Their text is copied into the files that use them: each uses `np`, functions that
stand before it, and nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.backends.vector_math import plus

Array = NDArray[Any]


def matrix_put(target: Array, source: Array) -> None:
    """Write a whole array into another one: numba takes seconds to compile `target[:] = source`."""
    for place in np.ndindex(target.shape):
        target[place] = source[place]


def with_more_room(rows: Array) -> Array:
    """Return an array that begins with these rows and has room for three times as many more.

    What is behind them is not touched: until it is written, the system gives it no memory.
    """
    times = 4 if rows.size < 1 << 23 else 2
    longer = np.empty((times * rows.shape[0], *rows.shape[1:]), rows.dtype)
    old, new = rows.reshape(-1), longer.reshape(-1)
    for k in range(old.shape[0]):
        new[k] = old[k]
    return longer


def matrix_finite(a: Array) -> bool:
    """Return whether all numbers of a matrix are finite."""
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += a[i, j] * 0.0
    return total == 0.0


def matrix_qr(a: Array) -> Any:
    """Return q with orthonormal columns and the upper triangle r of a = q @ r."""
    m, n = a.shape
    q = np.empty((m, min(m, n)), a.dtype)
    r = np.empty((min(m, n), n), a.dtype)
    failed = False
    if a.size > 0:
        try:
            found = np.linalg.qr(np.ascontiguousarray(a))
            matrix_put(q, found[0])
            matrix_put(r, found[1])
        except Exception:
            failed = True
    if failed and not matrix_finite(a):
        q.fill(np.nan)
        r.fill(np.nan)
        failed = False
    return q, r, failed


def matrix_eigh(a: Array) -> Any:
    """Return the eigenvalues, rising, and the eigenvectors; the lower triangle of a is read."""
    w = np.empty(a.shape[0], a.dtype)
    v = np.empty(a.shape, a.dtype)
    failed = False
    if a.size > 0:
        try:
            found = np.linalg.eigh(np.ascontiguousarray(a))
            matrix_put(w, found[0])
            matrix_put(v, found[1])
        except Exception:
            failed = True
    return w, v, failed


def matrix_svd(a: Array) -> Any:
    """Return the reduced singular value decomposition a = (u * s) @ vt, s falling."""
    m, n = a.shape
    u = np.empty((m, min(m, n)), a.dtype)
    s = np.empty(min(m, n), a.dtype)
    vt = np.empty((min(m, n), n), a.dtype)
    failed = False
    if a.size > 0:
        try:
            found = np.linalg.svd(np.ascontiguousarray(a), False)
            matrix_put(u, found[0])
            matrix_put(s, found[1])
            matrix_put(vt, found[2])
        except Exception:
            failed = True
    return u, s, vt, failed


def matrix_pinv(a: Array, cutoff: float) -> tuple[Array, bool]:
    """Return the pseudoinverse; singular values up to cutoff * largest count as 0.

    A cutoff below 0 is, but for its sign, multiplied by the larger size of a.
    """
    m, n = a.shape
    x = np.zeros((n, m), a.dtype)
    if cutoff < 0.0:
        cutoff = -cutoff * max(m, n)
    failed = False
    if a.size > 0:
        try:
            matrix_put(x, np.linalg.pinv(np.ascontiguousarray(a), cutoff))
        except Exception:
            failed = True
    return x, failed


def matrix_lstsq(a: Array, b: Array, cutoff: float) -> tuple[Array, bool]:
    """Return the shortest x that makes a @ x - b shortest; for `cutoff` see `matrix_pinv`."""
    m, n = a.shape
    x = np.zeros((n, *b.shape[1:]), a.dtype)
    if cutoff < 0.0:
        cutoff = -cutoff * max(m, n)
    failed = False
    if a.size > 0 and b.size > 0:
        try:
            matrix_put(
                x, np.linalg.lstsq(np.ascontiguousarray(a), np.ascontiguousarray(b), cutoff)[0]
            )
        except Exception:
            failed = True
    return x, failed


def tile_product(left: Array, right: Array, out: Array) -> None:
    """Write left @ right into `out`.

    In products of up to 2**18 multiplications, for which OpenBLAS starts no threads of its own.
    """
    rows = max(2**18 // max(right.size, 1), 1)
    for first in range(0, left.shape[0], rows):
        np.dot(left[first : first + rows], right, out=out[first : first + rows])


def add_product(total: Array, left: Array, right: Array, rows: int, part: Array) -> None:
    """Add left @ right.T to `total`, over the first `rows` columns; `part` has room for it."""
    for r in range(rows, left.shape[1]):
        for i in range(left.shape[0]):
            left[i, r] = 0.0
        for i in range(right.shape[0]):
            right[i, r] = 0.0
    tile_product(left, right.T, part)
    for i in range(part.shape[0]):
        for j in range(part.shape[1]):
            total[i, j] += part[i, j]


def add_outer_products(total: Array, left: Array, right: Array, rows: int, part: Array) -> None:
    """Add left.T @ right to `total`, of the first `rows` rows of both; `part` has room for it."""
    np.dot(left[:rows].T, right[:rows], out=part)
    for i in range(part.shape[0]):
        for j in range(part.shape[1]):
            total[i, j] += part[i, j]


def add_matrix_vector(total: Array, matrix: Array, vector: Array) -> None:
    """Add matrix @ vector to `total`, four rows at a time, which share what is read of `vector`."""
    whole = matrix.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for j in range(matrix.shape[1]):
            x = vector[j]
            a = plus(a, matrix[i, j] * x)
            b = plus(b, matrix[i + 1, j] * x)
            c = plus(c, matrix[i + 2, j] * x)
            d = plus(d, matrix[i + 3, j] * x)
        total[i] += a
        total[i + 1] += b
        total[i + 2] += c
        total[i + 3] += d
    for i in range(whole, matrix.shape[0]):
        a = 0.0
        for j in range(matrix.shape[1]):
            a = plus(a, matrix[i, j] * vector[j])
        total[i] += a


def add_vector_matrix(total: Array, vector: Array, matrix: Array) -> None:
    """Add vector @ matrix to `total`, four rows at a time, for which `total` is read once."""
    whole = matrix.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        a, b, c, d = vector[i], vector[i + 1], vector[i + 2], vector[i + 3]
        for j in range(matrix.shape[1]):
            first = a * matrix[i, j] + b * matrix[i + 1, j]
            total[j] += first + (c * matrix[i + 2, j] + d * matrix[i + 3, j])
    for i in range(whole, matrix.shape[0]):
        a = vector[i]
        for j in range(matrix.shape[1]):
            total[j] += a * matrix[i, j]
