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


def matrix_finite(a: Array) -> bool:
    """Return whether all numbers of a matrix are finite."""
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += a[i, j] * 0.0
    return total == 0.0


def matrix_eliminate(u: Array, x: Array) -> float:
    """Solve u @ y = x in place of x; return the determinant's sign, or 0 where u is singular.

    On the diagonal of u are the pivots then. LAPACK does the same with finite numbers; others take
    this way, because numba refuses them.
    """
    n = u.shape[0]
    sign = 1.0
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if u[pivot, k] == u[pivot, k] and not abs(u[i, k]) <= abs(u[pivot, k]):
                pivot = i
        if pivot != k:
            sign = -sign
            for j in range(n):
                u[k, j], u[pivot, j] = u[pivot, j], u[k, j]
            for j in range(x.shape[1]):
                x[k, j], x[pivot, j] = x[pivot, j], x[k, j]
        if u[k, k] == 0.0:
            return 0.0
        for i in range(k + 1, n):
            factor = u[i, k] / u[k, k]
            for j in range(k + 1, n):
                u[i, j] -= factor * u[k, j]
            for j in range(x.shape[1]):
                x[i, j] -= factor * x[k, j]
    for k in range(n - 1, -1, -1):
        for j in range(x.shape[1]):
            for i in range(k + 1, n):
                x[k, j] -= u[k, i] * x[i, j]
            x[k, j] /= u[k, k]
    return sign


def matrix_solve(a: Array, b: Array) -> tuple[Array, bool]:
    """Return the solution x of a @ x = b."""
    x = np.empty(b.shape, b.dtype)
    failed = False
    try:
        matrix_put(x, np.linalg.solve(np.ascontiguousarray(a), np.ascontiguousarray(b)))
    except Exception:
        failed = True
    if failed:
        matrix_put(x, b)
        columns = x.reshape(a.shape[0], -1)
        if not (matrix_finite(a) and matrix_finite(columns)):
            failed = matrix_eliminate(a.copy(), columns) == 0.0
    return x, failed


def matrix_inverse(a: Array) -> tuple[Array, bool]:
    """Return the inverse."""
    x = np.empty(a.shape, a.dtype)
    failed = False
    try:
        matrix_put(x, np.linalg.inv(np.ascontiguousarray(a)))
    except Exception:
        failed = True
    if failed and not matrix_finite(a):
        x.fill(0.0)
        for i in range(a.shape[0]):
            x[i, i] = 1.0
        failed = matrix_eliminate(a.copy(), x) == 0.0
    return x, failed


def matrix_det(a: Array) -> Any:
    """Return the determinant."""
    det = a.dtype.type(0.0)
    failed = False
    try:
        det = a.dtype.type(np.linalg.det(np.ascontiguousarray(a)))
    except Exception:
        failed = True
    if failed:
        u = a.copy()
        det = a.dtype.type(matrix_eliminate(u, u[:, :0]))
        for i in range(a.shape[0]):
            det = det * u[i, i]
    return det


def matrix_slogdet(a: Array) -> Any:
    """Return the sign and the logarithm of the size of the determinant."""
    sign = size = a.dtype.type(0.0)
    failed = False
    try:
        found = np.linalg.slogdet(np.ascontiguousarray(a))
        sign, size = a.dtype.type(found[0]), a.dtype.type(found[1])
    except Exception:
        failed = True
    if failed:
        u = a.copy()
        sign = a.dtype.type(matrix_eliminate(u, u[:, :0]))
        for i in range(a.shape[0]):
            sign = -sign if u[i, i] < 0.0 else sign
            size = size + np.log(abs(u[i, i]))
    return sign, size


def matrix_cofactors(a: Array) -> tuple[Array, bool]:
    """Return det(a) times the transpose of the inverse, which exists for a singular a too.

    By elimination where the pivots are of about one size. Otherwise with a = (u * s) @ vt it is
    det(u) * det(vt) * (u * r) @ vt, where r[i] is the product of all singular values but s[i].
    """
    n = a.shape[0]
    out = np.empty(a.shape, a.dtype)
    left, inverse = a.copy(), np.zeros(a.shape, a.dtype)
    for i in range(n):
        inverse[i, i] = 1.0
    det = matrix_eliminate(left, inverse)
    least, most = np.inf, 0.0
    for i in range(n):
        det = det * left[i, i]
        least, most = min(least, abs(left[i, i])), max(most, abs(left[i, i]))
    if 0.0 < abs(det) < np.inf and 64.0 * least > most:
        for i in range(n):
            for j in range(n):
                out[i, j] = det * inverse[j, i]
        return out, False
    failed = False
    try:
        u, s, vt = np.linalg.svd(np.ascontiguousarray(a))
        sign = np.linalg.det(u) * np.linalg.det(vt)
        u = np.ascontiguousarray(u)
        for i in range(n):
            rest = sign
            for k in range(n):
                if k != i:
                    rest = rest * s[k]
            for k in range(n):
                u[k, i] = u[k, i] * rest
        np.dot(u, np.ascontiguousarray(vt), out=out)
    except Exception:
        failed = True
    if failed:
        out.fill(np.nan)
        failed = matrix_finite(a)
    return out, failed


def matrix_cholesky(a: Array) -> tuple[Array, bool]:
    """Return the triangle with a = lower @ lower.T; only the lower triangle of a is read."""
    lower = np.empty(a.shape, a.dtype)
    failed = False
    try:
        matrix_put(lower, np.linalg.cholesky(np.ascontiguousarray(a)))
    except Exception:
        failed = True
    return lower, failed


def matrix_solve_triangular(a: Array, b: Array, lower: bool, unit: bool) -> tuple[Array, bool]:
    """Return the solution x of a @ x = b, reading one triangle of a, or 1 on its diagonal."""
    n = a.shape[0]
    x = np.empty(b.shape, b.dtype)
    matrix_put(x, b)
    columns = x.reshape(n, x.size // max(n, 1))
    for step in range(n):
        i = step if lower else n - 1 - step
        for k in range(0 if lower else i + 1, i if lower else n):
            for j in range(columns.shape[1]):
                columns[i, j] -= a[i, k] * columns[k, j]
        if not unit:
            if a[i, i] == 0.0:
                return x, True
            for j in range(columns.shape[1]):
                columns[i, j] /= a[i, i]
    return x, False


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
