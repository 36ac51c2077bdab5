"""Linear algebra on matrices and stacks of them: systems, inverses, Cholesky.

Adjoints after Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008). Leading axes are a stack; those of several arguments are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, BroadcastError, Type
from codegen_ad.ops import make, matrices
from codegen_ad.ops.entry import Array, Sizes, Structural


@dataclass(frozen=True, slots=True)
class Triangle(Params):
    """Which triangle of a matrix is read, and whether 1 stands for its diagonal."""

    lower: bool
    unit: bool = False


def _infer_matrix(types: Sequence[Type], _: Params | None) -> Type:
    return matrices.squares(types[0])


def _infer_solve(types: Sequence[Type], _: Params | None) -> Type:
    """Right sides are vectors or matrices of columns, by their rank."""
    matrix, right = matrices.squares(types[0]), types[1]
    assert isinstance(right, ArrayType)
    core = right.rank - matrix.rank + 2
    if core not in (1, 2) or right.dtype is not matrix.dtype:
        raise TypeMismatch(f"cannot solve {matrix} for {right}")
    matrices.same_stack(matrix, right, core)
    if right.shape[right.rank - core] != matrix.shape[-1]:
        raise BroadcastError(matrix.shape[-1], right.shape[right.rank - core])
    return right


def _solve(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    a, right = args
    if right.ndim == a.ndim:
        return np.linalg.solve(a, right)
    return np.linalg.solve(a, right[..., None])[..., 0]


def _solve_triangular(args: Sequence[Array], p: Triangle, _: Sizes) -> Array:
    matrix = np.tril(args[0]) if p.lower else np.triu(args[0])
    n = matrix.shape[-1]
    if p.unit:
        matrix = np.where(np.eye(n, dtype=bool), matrix.dtype.type(1), matrix)
    return _solve((matrix, args[1]), None, {})


def _inv(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.linalg.inv(args[0])


def _cholesky(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.linalg.cholesky(args[0])


def solve_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """`A X = B`: the cotangent of `B` is `A^-T g`, that of `A` is `-(A^-T g) X^T`."""
    right = b.node(SOLVE, (matrices.transposed(b, node.args[0]), g))
    return (make.negative(b, _outer(b, node.args[0], right, node)), right)


def solve_triangular_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """As of `solve`; what is not read of the matrix has the cotangent 0."""
    p, a = node.params, node.args[0]
    assert isinstance(p, Triangle)
    turned = matrices.transposed(b, a)
    right = b.node(SOLVE_TRIANGULAR, (turned, g), Triangle(not p.lower, p.unit))
    outer = make.negative(b, _outer(b, a, right, node))
    part = matrices.strictly_lower if p.unit else matrices.lower
    if p.lower:
        return (part(b, outer), right)
    return (matrices.transposed(b, part(b, matrices.transposed(b, outer))), right)


def _outer(b: Builder, a: Node, x: Node, y: Node) -> Node:
    """`x y^T` of vectors or of matrices, like `a`."""
    stack = tuple(range(a.array.rank - 2))
    i, j, k = (len(stack) + n for n in range(3))
    tail = (k,) if x.array.rank == a.array.rank else ()
    return make.contract(b, (x, y), ((*stack, i, *tail), (*stack, j, *tail)), (*stack, i, j))


def inv_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """`-Y^T g Y^T` for `Y = A^-1`."""
    turned = matrices.transposed(b, node)
    return (make.negative(b, matrices.product(b, turned, g, turned)),)


def cholesky_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """`S + S^T` below the diagonal and `S` on it, for `S = L^-T tril(L^T g, half) L^-1`.

    After Giles (2008). `half` halves the diagonal. NumPy reads only the lower triangle of the
    matrix, so the upper one has no influence and gets the cotangent 0.
    """
    n, dtype = node.array.shape[-1], g.array.dtype
    lower_t = matrices.transposed(b, node)
    p = matrices.product(b, lower_t, matrices.lower(b, g))
    halved = make.multiply(b, p, make.constant(b, 0.5, dtype))
    p = make.where(b, matrices.on_diagonal(b, n), halved, matrices.lower(b, p))

    def divided(x: Node) -> Node:
        return b.node(SOLVE_TRIANGULAR, (lower_t, matrices.transposed(b, x)), Triangle(lower=False))

    s = matrices.symmetrised(b, divided(divided(p)))
    return (matrices.folded(b, s),)


SOLVE = Op("solve", Kind.LINALG, _infer_solve)
SOLVE_TRIANGULAR = Op("solve_triangular", Kind.LINALG, _infer_solve)
INV = Op("inv", Kind.LINALG, _infer_matrix)
CHOLESKY = Op("cholesky", Kind.LINALG, _infer_matrix)

TABLE = (
    Structural(SOLVE, _solve, solve_pullback),
    Structural(SOLVE_TRIANGULAR, _solve_triangular, solve_triangular_pullback),
    Structural(INV, _inv, inv_pullback),
    Structural(CHOLESKY, _cholesky, cholesky_pullback),
)
