"""Systems of equations that generated files bring along: factors of matrices, and solving by them.

numba's functions of `np.linalg` take seconds to compile each, and factor a matrix again for every
right side. These are plain loops for small matrices; most of the work of large ones is left to BLAS
and LAPACK, through the functions that numba's own calls end in. Factors are those of LAPACK: a
singular matrix has a 0 on the diagonal of its upper triangle, and NaN goes the way that it goes in
NumPy. Arrays of factors are in C order. Their text is copied into the files that use them, as that
of `matrix_functions`. Flags are never literals: numba would compile a function for each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from codegen_ad.backends.matrix_functions import matrix_finite, matrix_put
from codegen_ad.backends.vector_math import plus

Array = NDArray[Any]

# numba's door to gemm of BLAS; arrays are in Fortran order, and numbers are passed by place.
blas_gemm = types.ExternalFunction(
    "numba_xxgemm",
    types.intc(
        *(types.char,) * 3,  # the dtype, and whether factors are transposed
        *(types.intp,) * 3,  # columns, rows, terms
        types.voidptr,
        *(types.voidptr, types.intp) * 2,  # each factor, and from row to row
        *(types.voidptr, types.voidptr, types.intp),  # the result's
    ),
)

# numba's door to potrf of LAPACK; arrays are in Fortran order.
lapack_potrf = types.ExternalFunction(
    "numba_xxpotrf",
    types.intc(types.char, types.char, types.intp, types.voidptr, types.intp),
)


def subtract_product(out: Array, left: Array, right: Array, turned: Any) -> None:
    """Take left @ right, or left.T @ right if it is turned, away from out; rows are contiguous."""
    kind, as_it_is = ord("d") if out.itemsize == 8 else ord("s"), ord("n")
    scales = np.empty(2, out.dtype)
    scales[0], scales[1] = -1.0, 1.0
    blas_gemm(
        kind,
        as_it_is,
        ord("t") if turned else as_it_is,
        out.shape[1],
        out.shape[0],
        right.shape[0],
        scales.ctypes,
        right.ctypes,
        right.strides[0] // out.itemsize,
        left.ctypes,
        left.strides[0] // out.itemsize,
        scales[1:].ctypes,
        out.ctypes,
        out.strides[0] // out.itemsize,
    )


def matrix_lu(a: Array) -> tuple[Array, Array]:
    """Return L, whose diagonal of ones is left out, and U in one array, and the rows swapped.

    With partial pivoting, where NaN is the largest; in blocks of columns where a is large.
    """
    n = a.shape[0]
    lu = np.empty((n, n), a.dtype)
    for i in range(n):
        for j in range(n):
            lu[i, j] = a[i, j]
    swaps = np.empty(n, np.int64)
    width = n if n <= 64 else 32
    for first in range(0, n, max(width, 1)):
        last = min(first + width, n)
        for k in range(first, last):
            pivot = k
            for i in range(k + 1, n):
                if lu[pivot, k] == lu[pivot, k] and not abs(lu[i, k]) <= abs(lu[pivot, k]):
                    pivot = i
            swaps[k] = pivot
            if pivot != k:
                for j in range(n):
                    lu[k, j], lu[pivot, j] = lu[pivot, j], lu[k, j]
            if lu[k, k] != 0.0:
                for i in range(k + 1, n):
                    factor = lu[i, k] / lu[k, k]
                    lu[i, k] = factor
                    for j in range(k + 1, last):
                        lu[i, j] -= factor * lu[k, j]
        if last < n:
            for k in range(first, last):
                for i in range(k + 1, last):
                    for j in range(last, n):
                        lu[i, j] -= lu[i, k] * lu[k, j]
            left, above = lu[last:, first:last], lu[first:last, last:]
            subtract_product(lu[last:, last:], left, above, np.False_)
    return lu, swaps


def matrix_substitute(a: Array, x: Array, lower: bool, unit: bool, turned: Any) -> None:
    """Solve a triangle of a, or of its transpose if it is turned, for the columns of x, in place.

    The triangle is the lower or the upper one of what is solved; it may have ones on its diagonal.
    """
    n, width = x.shape[0], 64
    for block in range(0, n, width):
        first = block if lower else max(n - block - width, 0)
        last = min(block + width, n) if lower else n - block
        if block > 0 and x.shape[1] > 0:
            known = x[:first, 0:] if lower else x[last:, 0:]
            if lower:
                part = a[:first, first:last] if turned else a[first:last, :first]
            else:
                part = a[last:, first:last] if turned else a[first:last, last:]
            subtract_product(x[first:last, 0:], part, known, turned)
        for step in range(last - first):
            i = first + step if lower else last - 1 - step
            for k in range(first if lower else i + 1, i if lower else last):
                factor = a[k, i] if turned else a[i, k]
                for j in range(x.shape[1]):
                    x[i, j] -= factor * x[k, j]
            if not unit:
                for j in range(x.shape[1]):
                    x[i, j] /= a[i, i]


def swap_rows(x: Array, swaps: Array, back: bool) -> None:
    """Swap rows as they were swapped when a matrix was factored, or back."""
    n = x.shape[0]
    for step in range(n):
        i = n - 1 - step if back else step
        if swaps[i] != i:
            for j in range(x.shape[1]):
                x[i, j], x[swaps[i], j] = x[swaps[i], j], x[i, j]


def matrix_lu_solve(lu: Array, swaps: Array, b: Array, turned: bool) -> tuple[Array, bool]:
    """Return the solution x of a @ x = b, or of a.T @ x = b if it is turned."""
    n = lu.shape[0]
    x = np.empty((n, b.shape[1]), b.dtype)
    for i in range(n):
        if lu[i, i] == 0.0:
            return x, True
        for j in range(b.shape[1]):
            x[i, j] = b[i, j]
    if not turned:
        swap_rows(x, swaps, turned)
    for lower in (True, False):
        matrix_substitute(lu, x, lower, lower != turned, turned)
    if turned:
        swap_rows(x, swaps, turned)
    return x, False


def matrix_lu_det(lu: Array, swaps: Array) -> Any:
    """Return the determinant; mantissas and exponents apart, so that no part of it overflows."""
    det, exponent = 1.0, 0
    for i in range(lu.shape[0]):
        if lu[i, i] == 0.0:
            return lu.dtype.type(0.0)
        det, more = math.frexp(det * (lu[i, i] if swaps[i] == i else -lu[i, i]))
        exponent += more
    return lu.dtype.type(math.ldexp(det, exponent))


def matrix_lu_slogdet(lu: Array, swaps: Array) -> Any:
    """Return the sign and the logarithm of the size of the determinant."""
    sign, size = lu.dtype.type(1.0), lu.dtype.type(0.0)
    for i in range(lu.shape[0]):
        if lu[i, i] == 0.0:
            return lu.dtype.type(0.0), lu.dtype.type(-np.inf)
        sign = -sign if (lu[i, i] < 0.0) != (swaps[i] != i) else sign
        size = size + math.log(abs(lu[i, i]))
    return sign, size


def matrix_solve_triangular(a: Array, b: Array, lower: bool, unit: bool) -> tuple[Array, bool]:
    """Return the solution x of a @ x = b, reading one triangle of a, or 1 on its diagonal."""
    n = a.shape[0]
    x = np.empty((n, b.shape[1]), b.dtype)
    for i in range(n):
        if not unit and a[i, i] == 0.0:
            return x, True
        for j in range(b.shape[1]):
            x[i, j] = b[i, j]
    matrix_substitute(np.ascontiguousarray(a), x, lower, unit, np.False_)
    return x, False


def matrix_cholesky(a: Array) -> tuple[Array, bool]:
    """Return the triangle with a = lower @ lower.T; only the lower triangle of a is read."""
    n = a.shape[0]
    lower = np.zeros((n, n), a.dtype)
    for i in range(n):
        for j in range(i + 1):
            lower[i, j] = a[i, j]
    if n > 32:
        # In Fortran order, this is the upper triangle.
        kind = ord("d") if a.itemsize == 8 else ord("s")
        return lower, lapack_potrf(kind, ord("U"), n, lower.ctypes, n) != 0
    for j in range(n):
        for i in range(j, n):
            total = 0.0
            for k in range(j):
                total = plus(total, lower[i, k] * lower[j, k])
            lower[i, j] -= total
            if i > j:
                lower[i, j] /= lower[j, j]
            elif lower[j, j] <= 0.0:
                return lower, True
            else:
                lower[j, j] = math.sqrt(lower[j, j])
    return lower, False


def matrix_cofactors(a: Array) -> Any:
    """Return det(a) times the transpose of the inverse, which exists for a singular a too.

    With complete pivoting, a = P.T @ L @ U @ Q.T, and the adjugate is that of U, which bordering
    gives without divisions, divided by L, the rows and columns put back: zeros on the diagonal
    of U do no harm.
    """
    n = a.shape[0]
    u = np.empty((n, n), a.dtype)
    if not matrix_finite(a):
        u.fill(np.nan)
        return u
    matrix_put(u, a)
    rows, columns = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        rows[i] = columns[i] = i
    det = sign = u.dtype.type(1.0)
    adjugate = np.zeros((n, n), a.dtype)
    for k in range(n):
        row, column = k, k
        for i in range(k, n):
            for j in range(k, n):
                if abs(u[i, j]) > abs(u[row, column]):
                    row, column = i, j
        for j in range(n):
            u[k, j], u[row, j] = u[row, j], u[k, j]
        for i in range(n):
            u[i, k], u[i, column] = u[i, column], u[i, k]
        rows[k], rows[row] = rows[row], rows[k]
        columns[k], columns[column] = columns[column], columns[k]
        sign = -sign if (row != k) != (column != k) else sign
        for i in range(k + 1, n):
            factor = u[i, k] / u[k, k] if u[k, k] != 0.0 else u[k, k]
            u[i, k] = factor
            for j in range(k + 1, n):
                u[i, j] -= factor * u[k, j]
        # The adjugate of the first k + 1 rows and columns of U, from that of the first k.
        for i in range(k):
            total = 0.0
            for j in range(i, k):
                total = plus(total, adjugate[i, j] * u[j, k])
            for j in range(k):
                adjugate[i, j] *= u[k, k]
            adjugate[i, k] = -total
        adjugate[k, k] = det
        det = det * u[k, k]
    out = np.empty((n, n), a.dtype)
    for i in range(n):
        for step in range(n):
            k = n - 1 - step
            for j in range(k):
                adjugate[i, j] -= adjugate[i, k] * u[k, j]
        for j in range(n):
            out[rows[j], columns[i]] = sign * adjugate[i, j]
    return out
