"""Linear algebra on single matrices: what NumPy's `linalg` gives; adjoints after Giles (2008)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, BroadcastError, Type
from codegen_ad.ops import make
from codegen_ad.ops.entry import Array, Sizes, Structural


def _square(type: Type) -> ArrayType:
    assert isinstance(type, ArrayType)
    if type.rank != 2 or not type.dtype.is_float:
        raise TypeMismatch(f"needs one floating point matrix, got {type}")
    if type.shape[0] != type.shape[1]:
        raise BroadcastError(type.shape[0], type.shape[1])
    return type


def _infer_matrix(types: Sequence[Type], _: Params | None) -> Type:
    return _square(types[0])


def _infer_scalar(types: Sequence[Type], _: Params | None) -> Type:
    return _square(types[0]).with_shape(())


def _infer_solve(types: Sequence[Type], _: Params | None) -> Type:
    matrix, right = _square(types[0]), types[1]
    assert isinstance(right, ArrayType)
    if right.rank not in (1, 2) or right.dtype is not matrix.dtype:
        raise TypeMismatch(f"cannot solve {matrix} for {right}")
    if right.shape[0] != matrix.shape[0]:
        raise BroadcastError(matrix.shape[0], right.shape[0])
    return right


def _solve(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.linalg.solve(args[0], args[1])


def _inv(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.linalg.inv(args[0])


def _det(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.asarray(np.linalg.det(args[0]))


def _signdet(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.asarray(np.linalg.slogdet(args[0])[0])


def _logabsdet(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.asarray(np.linalg.slogdet(args[0])[1])


def _cholesky(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.linalg.cholesky(args[0])


def solve_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """`A X = B`: the cotangent of `B` is `A^-T g`, that of `A` is `-(A^-T g) X^T`."""
    a, _ = node.args
    right = b.node(SOLVE, (make.transpose(b, a, (1, 0)), g))
    tail = tuple(range(2, 1 + node.array.rank))
    outer = make.contract(b, (right, node), ((0, *tail), (1, *tail)), (0, 1))
    return (make.negative(b, outer), right)


def inv_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """`-Y^T g Y^T` for `Y = A^-1`."""
    inner = _product(b, _product(b, _t(b, node), g), _t(b, node))
    return (make.negative(b, inner),)


def det_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """`g det(A) A^-T`; a singular matrix raises, as `inv` does."""
    inverse = b.node(INV, (node.args[0],))
    return (make.multiply(b, make.multiply(b, g, node), _t(b, inverse)),)


def signdet_pullback(b: Builder, node: Node, g: Node) -> tuple[None, ...]:
    """None: the sign is constant wherever it is differentiable."""
    return (None,)


def logabsdet_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """`g A^-T`; a singular matrix raises, as `inv` does."""
    return (make.multiply(b, g, _t(b, b.node(INV, (node.args[0],)))),)


def cholesky_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """`S + S^T` below the diagonal and `S` on it, for `S = L^-T tril(L^T g, half) L^-1`.

    After Giles (2008). `half` halves the diagonal. NumPy reads only the lower triangle of the
    matrix, so the upper one has no influence and gets the cotangent 0.
    """
    n = node.array.shape[0]
    zero = make.constant(b, 0, g.array.dtype)
    column = make.iota(b, n)
    row = make.reshape(b, column, (n, make.ONE))
    diagonal, below = make.apply(b, "equal", row, column), make.apply(b, "greater", row, column)
    g_lower = make.where(b, make.apply(b, "greater_equal", row, column), g, zero)
    lower_t = _t(b, node)
    p = _product(b, lower_t, g_lower)
    halved = make.multiply(b, p, make.constant(b, 0.5, g.array.dtype))
    p = make.where(b, below, p, make.where(b, diagonal, halved, zero))
    s = b.node(SOLVE, (lower_t, _t(b, b.node(SOLVE, (lower_t, _t(b, p))))))
    both = make.add(b, s, _t(b, s))
    return (make.where(b, below, both, make.where(b, diagonal, s, zero)),)


def _t(b: Builder, x: Node) -> Node:
    return make.transpose(b, x, (1, 0))


def _product(b: Builder, x: Node, y: Node) -> Node:
    return make.contract(b, (x, y), ((0, 1), (1, 2)), (0, 2))


SOLVE = Op("solve", Kind.LINALG, _infer_solve)
INV = Op("inv", Kind.LINALG, _infer_matrix)
DET = Op("det", Kind.LINALG, _infer_scalar)
SIGNDET = Op("signdet", Kind.LINALG, _infer_scalar)
LOGABSDET = Op("logabsdet", Kind.LINALG, _infer_scalar)
CHOLESKY = Op("cholesky", Kind.LINALG, _infer_matrix)

TABLE = (
    Structural(SOLVE, _solve, solve_pullback),
    Structural(INV, _inv, inv_pullback),
    Structural(DET, _det, det_pullback),
    Structural(SIGNDET, _signdet, signdet_pullback),
    Structural(LOGABSDET, _logabsdet, logabsdet_pullback),
    Structural(CHOLESKY, _cholesky, cholesky_pullback),
)
