"""Factorisations of matrices and stacks of them: QR, symmetric eigenvectors, singular values.

Where eigenvalues (or singular values) are the same, eigenvectors are no function of the matrix, and
no derivative exists. The terms that would divide by the difference of two that agree to rounding
are left out: the derivative of the values themselves stays right, and so does that of what depends
on the vectors only where the values differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Op, Params
from codegen_ad.ir.types import DType, TupleType, Type
from codegen_ad.ops import make, matrices
from codegen_ad.ops.entry import Array, Several, Sizes
from codegen_ad.ops.linalg import SOLVE_TRIANGULAR, Triangle

SPACING = {DType.FLOAT64: 2.0**-52, DType.FLOAT32: 2.0**-23}


@dataclass(frozen=True, slots=True)
class Wide(Params):
    """The matrix has more columns than rows; without it, one not known to be wide is tall."""


def _infer_qr(types: Sequence[Type], params: Params | None) -> Type:
    matrix = matrices.matrices(types[0])
    *stack, m, n = matrix.shape
    k = m if isinstance(params, Wide) else matrices.smaller(m, n)
    return TupleType((matrix.with_shape((*stack, m, k)), matrix.with_shape((*stack, k, n))))


def _infer_eigh(types: Sequence[Type], _: Params | None) -> Type:
    matrix = matrices.squares(types[0])
    return TupleType((matrix.with_shape(matrix.shape[:-1]), matrix))


def _infer_svd(types: Sequence[Type], params: Params | None) -> Type:
    matrix = matrices.matrices(types[0])
    *stack, m, n = matrix.shape
    k = m if isinstance(params, Wide) else matrices.smaller(m, n)
    shapes = (*stack, m, k), (*stack, k), (*stack, k, n)
    return TupleType(tuple(matrix.with_shape(shape) for shape in shapes))


def _qr(args: Sequence[Array], _: Any, __: Sizes) -> tuple[Array, ...]:
    return tuple(np.linalg.qr(args[0]))


def _eigh(args: Sequence[Array], _: Any, __: Sizes) -> tuple[Array, ...]:
    return tuple(np.linalg.eigh(args[0]))


def _svd(args: Sequence[Array], _: Any, __: Sizes) -> tuple[Array, ...]:
    return tuple(np.linalg.svd(args[0], full_matrices=False))


def qr_pullback(b: Builder, node: Node, g: Sequence[Node | None]) -> tuple[Node]:
    """`(gQ + Q C) U^-T` for the square part, where `C` is symmetric.

    Of `A = Q R` with more columns than rows only the first ones, `X = Q U`, are factored; the
    others are `Y = Q V`, so that `gY = Q gV`, and `Q` gets `Y gV^T`. `C` has the lower triangle of
    `U gU^T - gQ^T Q`. After Walter and Lehmann (2012), and Roberts and Roberts (2020) for `Y`.
    """
    (a,), (q, r), (g_q, g_r) = node.args, b.results(node), g
    k, n = r.array.shape[-2:]
    u, g_u = r, g_r
    g_y: Node | None = None
    if k != n:
        u = matrices.first_columns(b, r, k)
    if k != n and g_r is not None:
        g_u, g_v = matrices.first_columns(b, g_r, k), matrices.last_columns(b, g_r, k)
        rest = matrices.last_columns(b, a, k)
        more = matrices.product(b, rest, matrices.transposed(b, g_v))
        g_q = more if g_q is None else make.add(b, g_q, more)
        g_y = matrices.product(b, q, g_v)
    terms: list[Node | None] = [None, None]
    if g_u is not None:
        terms[0] = matrices.product(b, u, matrices.transposed(b, g_u))
    if g_q is not None:
        terms[1] = make.negative(b, matrices.product(b, matrices.transposed(b, g_q), q))
    m = matrices.total(b, terms)
    assert m is not None
    turned = matrices.total(b, (g_q, matrices.product(b, q, matrices.mirrored(b, m))))
    assert turned is not None
    right = matrices.transposed(b, turned)
    solved = b.node(SOLVE_TRIANGULAR, (u, right), Triangle(lower=False))
    g_x = matrices.transposed(b, solved)
    if k == n:
        return (g_x,)
    if g_y is None:
        g_y = make.zeros_like(b, matrices.last_columns(b, a, k))
    return (make.concatenate(b, (g_x, g_y), a.array.rank - 1),)


def eigh_pullback(b: Builder, node: Node, g: Sequence[Node | None]) -> tuple[Node]:
    """`V (diag(gw) + F * V^T gV) V^T` with `F = 1 / (w_j - w_i)`, for the triangle that is read.

    After Giles (2008). `F` is 0 where two eigenvalues agree to rounding. The upper triangle has no
    influence, so that it gets the cotangent 0 and the lower one all of it.
    """
    (w, v), (g_w, g_v) = b.results(node), g
    turned = matrices.transposed(b, v)
    of_values: Node | None = None
    if g_w is not None:
        of_values = matrices.product(b, matrices.columns_times(b, v, g_w), turned)
    of_vectors: Node | None = None
    if g_v is not None:
        inner = make.multiply(b, _inverse_differences(b, w), matrices.product(b, turned, g_v))
        of_vectors = matrices.product(b, v, inner, turned)
    whole = matrices.total(b, (of_values, of_vectors))
    assert whole is not None
    return (matrices.folded(b, matrices.symmetrised(b, whole)),)


def svd_pullback(b: Builder, node: Node, g: Sequence[Node | None]) -> tuple[Node]:
    """`U ((J + J^T) S + S (K + K^T) + diag(gs)) V^T`, and what leaves the spans of `U` and `V`.

    `J = F * U^T gU` and `K = F * V^T gV` with `F = 1 / (s_j^2 - s_i^2)`; outside of the spans,
    `(1 - U U^T) gU S^-1 V^T` and `U S^-1 gV^T (1 - V V^T)`. After Townsend, "Differentiating the
    singular value decomposition" (2016). `F` is 0 where two singular values agree to rounding, and
    so is the inverse of one that is 0 to rounding.
    """
    (u, s, vt), (g_u, g_s, g_vt) = b.results(node), g
    v, u_t = matrices.transposed(b, vt), matrices.transposed(b, u)
    g_v = None if g_vt is None else matrices.transposed(b, g_vt)
    terms: list[Node | None] = []
    if g_s is not None:
        # A value that is 0 is at its smallest: 0 by the policy.
        g_s = make.where(b, _is_zero(b, s, s), make.constant(b, 0, s.array.dtype), g_s)
        terms.append(matrices.product(b, matrices.columns_times(b, u, g_s), vt))
    m, n = node.args[0].array.shape[-2:]
    k = s.array.shape[-1]
    if g_u is not None:
        j = make.multiply(b, _inverse_squares(b, s), matrices.product(b, u_t, g_u))
        j = matrices.columns_times(b, make.add(b, j, matrices.transposed(b, j)), s)
        terms.append(matrices.product(b, u, j, vt))
        if m != k:
            outside = make.subtract(b, g_u, matrices.product(b, u, matrices.product(b, u_t, g_u)))
            divided = matrices.columns_times(b, outside, _inverse(b, s, s))
            terms.append(matrices.product(b, divided, vt))
    if g_v is not None:
        h = make.multiply(b, _inverse_squares(b, s), matrices.product(b, vt, g_v))
        h = matrices.rows_times(b, make.add(b, h, matrices.transposed(b, h)), s)
        terms.append(matrices.product(b, u, h, vt))
        if n != k:
            outside = make.subtract(b, g_v, matrices.product(b, v, matrices.product(b, vt, g_v)))
            divided = matrices.columns_times(b, u, _inverse(b, s, s))
            terms.append(matrices.product(b, divided, matrices.transposed(b, outside)))
    whole = matrices.total(b, terms)
    assert whole is not None
    return (whole,)


def _row(b: Builder, w: Node) -> Node:
    return make.expand_dims(b, w, w.array.rank - 1)


def _column(b: Builder, w: Node) -> Node:
    return make.expand_dims(b, w, w.array.rank)


def _inverse_differences(b: Builder, w: Node) -> Node:
    """`1 / (w_j - w_i)` in row i and column j; 0 where the two agree to rounding."""
    return _inverse(b, w, make.subtract(b, _row(b, w), _column(b, w)))


def _inverse_squares(b: Builder, s: Node) -> Node:
    """`1 / (s_j^2 - s_i^2)` in row i and column j, in factors, which lose no digits."""
    sums = make.add(b, _row(b, s), _column(b, s))
    return make.multiply(b, _inverse_differences(b, s), _inverse(b, s, sums))


def _inverse(b: Builder, w: Node, x: Node) -> Node:
    """`1 / x`; 0 where `x` is 0 to rounding, beside values `w`."""
    dtype, gone = w.array.dtype, _is_zero(b, w, x)
    one, zero = make.constant(b, 1, dtype), make.constant(b, 0, dtype)
    return make.where(b, gone, zero, make.divide(b, one, make.where(b, gone, one, x)))


def _is_zero(b: Builder, w: Node, x: Node) -> Node:
    """Whether `x` is 0 to rounding, beside values `w`.

    LAPACK's error in each value is a few spacings of the largest, which the sum of all bounds.
    """
    dtype = w.array.dtype
    scale = make.sum_(b, make.apply(b, "absolute", w), (w.array.rank - 1,))
    smallest = make.multiply(b, scale, make.constant(b, SPACING[dtype], dtype))
    stack = w.array.shape[:-1]
    if stack:
        ones = (make.ONE,) * (x.array.rank - len(stack))
        smallest = make.reshape(b, smallest, (*stack, *ones))
    return make.apply(b, "less_equal", make.apply(b, "absolute", x), smallest)


QR = Op("qr", Kind.LINALG, _infer_qr)
EIGH = Op("eigh", Kind.LINALG, _infer_eigh)
SVD = Op("svd", Kind.LINALG, _infer_svd)

SEVERAL = (
    Several(QR, _qr, qr_pullback),
    Several(EIGH, _eigh, eigh_pullback),
    Several(SVD, _svd, svd_pullback),
)
