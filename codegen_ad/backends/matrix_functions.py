"""Functions of matrices that generated files bring along: NumPy's, made safe for compiled code.

numba's own raise errors without a line, refuse empty matrices, and give results in Fortran order,
which a variable that holds rows in C order can't take. These raise `LinAlgError(where)`, know empty
matrices, and return C order. Their text is copied into the files that use them: each uses `np`,
functions that stand before it, and nothing else. A compiled function can't raise out of an
`except`, so each notes that it failed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def matrix_solve(a: Array, b: Array, where: str) -> Array:
    """Return the solution x of a @ x = b."""
    x = np.empty(b.shape, b.dtype)
    failed = False
    try:
        x[:] = np.linalg.solve(np.ascontiguousarray(a), np.ascontiguousarray(b))
    except Exception:
        failed = True
    if failed:
        raise np.linalg.LinAlgError(where)
    return x


def matrix_inverse(a: Array, where: str) -> Array:
    """Return the inverse."""
    x = np.empty(a.shape, a.dtype)
    failed = False
    try:
        x[:] = np.linalg.inv(np.ascontiguousarray(a))
    except Exception:
        failed = True
    if failed:
        raise np.linalg.LinAlgError(where)
    return x


def matrix_det(a: Array) -> Any:
    """Return the determinant; nan where an element is not finite."""
    det = a.dtype.type(0.0)
    try:
        det = a.dtype.type(np.linalg.det(np.ascontiguousarray(a)))
    except Exception:
        det = a.dtype.type(np.nan)
    return det


def matrix_slogdet(a: Array) -> Any:
    """Return the sign and the logarithm of the size of the determinant."""
    sign = size = a.dtype.type(0.0)
    try:
        found = np.linalg.slogdet(np.ascontiguousarray(a))
        sign, size = a.dtype.type(found[0]), a.dtype.type(found[1])
    except Exception:
        sign = size = a.dtype.type(np.nan)
    return sign, size


def matrix_cholesky(a: Array, where: str) -> Array:
    """Return the triangle with a = lower @ lower.T; only the lower triangle of a is read."""
    lower = np.empty(a.shape, a.dtype)
    failed = False
    try:
        lower[:] = np.linalg.cholesky(np.ascontiguousarray(a))
    except Exception:
        failed = True
    if failed:
        raise np.linalg.LinAlgError(where)
    return lower


def matrix_solve_triangular(a: Array, b: Array, lower: bool, unit: bool, where: str) -> Array:
    """Return the solution x of a @ x = b, reading one triangle of a, or 1 on its diagonal."""
    n = a.shape[0]
    x = np.empty(b.shape, b.dtype)
    for step in range(n):
        i = step if lower else n - 1 - step
        row = b[i] * a.dtype.type(1.0)
        for k in range(0 if lower else i + 1, i if lower else n):
            row = row - a[i, k] * x[k]
        if not unit:
            if a[i, i] == 0.0:
                raise np.linalg.LinAlgError(where)
            row = row / a[i, i]
        x[i] = row
    return x


def matrix_qr(a: Array, where: str) -> Any:
    """Return q with orthonormal columns and the upper triangle r of a = q @ r."""
    m, n = a.shape
    q = np.empty((m, min(m, n)), a.dtype)
    r = np.empty((min(m, n), n), a.dtype)
    failed = False
    if a.size > 0:
        try:
            found = np.linalg.qr(np.ascontiguousarray(a))
            q[:] = found[0]
            r[:] = found[1]
        except Exception:
            failed = True
    if failed:
        raise np.linalg.LinAlgError(where)
    return q, r


def matrix_eigh(a: Array, where: str) -> Any:
    """Return the eigenvalues, rising, and the eigenvectors; the lower triangle of a is read."""
    w = np.empty(a.shape[0], a.dtype)
    v = np.empty(a.shape, a.dtype)
    failed = False
    if a.size > 0:
        try:
            found = np.linalg.eigh(np.ascontiguousarray(a))
            w[:] = found[0]
            v[:] = found[1]
        except Exception:
            failed = True
    if failed:
        raise np.linalg.LinAlgError(where)
    return w, v


def matrix_svd(a: Array, where: str) -> Any:
    """Return the reduced singular value decomposition a = (u * s) @ vt, s falling."""
    m, n = a.shape
    u = np.empty((m, min(m, n)), a.dtype)
    s = np.empty(min(m, n), a.dtype)
    vt = np.empty((min(m, n), n), a.dtype)
    failed = False
    if a.size > 0:
        try:
            found = np.linalg.svd(np.ascontiguousarray(a), False)
            u[:] = found[0]
            s[:] = found[1]
            vt[:] = found[2]
        except Exception:
            failed = True
    if failed:
        raise np.linalg.LinAlgError(where)
    return u, s, vt


def matrix_pinv(a: Array, cutoff: float, where: str) -> Array:
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
            x[:] = np.linalg.pinv(np.ascontiguousarray(a), cutoff)
        except Exception:
            failed = True
    if failed:
        raise np.linalg.LinAlgError(where)
    return x


def matrix_lstsq(a: Array, b: Array, cutoff: float, where: str) -> Array:
    """Return the shortest x that makes a @ x - b shortest; for `cutoff` see `matrix_pinv`."""
    m, n = a.shape
    x = np.zeros((n, *b.shape[1:]), a.dtype)
    if cutoff < 0.0:
        cutoff = -cutoff * max(m, n)
    failed = False
    if a.size > 0 and b.size > 0:
        try:
            x[:] = np.linalg.lstsq(np.ascontiguousarray(a), np.ascontiguousarray(b), cutoff)[0]
        except Exception:
            failed = True
    if failed:
        raise np.linalg.LinAlgError(where)
    return x


def add_product(total: Array, left: Array, right: Array, rows: int, part: Array) -> None:
    """Add left @ right.T to `total`, over the first `rows` columns; `part` has room for it."""
    for r in range(rows, left.shape[1]):
        for i in range(left.shape[0]):
            left[i, r] = 0.0
        for i in range(right.shape[0]):
            right[i, r] = 0.0
    np.dot(left, right.T, out=part)
    for i in range(part.shape[0]):
        for j in range(part.shape[1]):
            total[i, j] += part[i, j]
