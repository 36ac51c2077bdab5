"""Pseudoinverses and least squares: full rank or not, as long as the rank stays what it is.

The derivative is Golub and Pereyra's (1973): `dP = -P dA P + P P^T dA^T (1 - A P) + (1 - P A) dA^T
P^T P` for the pseudoinverse `P` of `A`, wherever the rank of `A` does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, BroadcastError, Type
from codegen_ad.ops import make, matrices
from codegen_ad.ops.entry import Array, Sizes, Structural


@dataclass(frozen=True, slots=True)
class Cutoff(Params):
    """Singular values up to `relative` times the largest one count as 0.

    A negative number is, but for its sign, to be multiplied by the larger size of the matrix.
    """

    relative: float

    def beside(self, a: Array) -> float:
        """The number for these matrices."""
        if self.relative >= 0:
            return self.relative
        return -self.relative * max(a.shape[-2:])


def _infer_pinv(types: Sequence[Type], _: Params | None) -> Type:
    matrix = matrices.matrices(types[0])
    *stack, m, n = matrix.shape
    return matrix.with_shape((*stack, n, m))


def _infer_lstsq(types: Sequence[Type], _: Params | None) -> Type:
    """Right sides are a vector or a matrix of columns, by their rank."""
    matrix, right = matrices.matrices(types[0]), types[1]
    assert isinstance(right, ArrayType)
    core = right.rank - matrix.rank + 2
    if core not in (1, 2) or right.dtype is not matrix.dtype:
        raise TypeMismatch(f"cannot fit {matrix} to {right}")
    matrices.same_stack(matrix, right, core)
    *stack, m, n = matrix.shape
    rows, *columns = right.shape[len(stack) :]
    if rows != m:
        raise BroadcastError(m, rows)
    return matrix.with_shape((*stack, n, *columns))


def _pinv(args: Sequence[Array], p: Cutoff, _: Sizes) -> Array:
    return np.linalg.pinv(args[0], rcond=p.beside(args[0]))


def _lstsq(args: Sequence[Array], p: Cutoff, _: Sizes) -> Array:
    a, right = args
    if a.ndim == 2:
        return np.linalg.lstsq(a, right, rcond=p.beside(a))[0]
    inverse = np.linalg.pinv(a, rcond=p.beside(a))
    return inverse @ right if right.ndim == a.ndim else (inverse @ right[..., None])[..., 0]


def pinv_pullback(b: Builder, node: Node, g: Node) -> tuple[Node]:
    """`-P^T g P^T + (1 - A P) g^T P P^T + P^T P g^T (1 - P A)`."""
    (a,), p_t, g_t = node.args, matrices.transposed(b, node), matrices.transposed(b, g)
    first = make.negative(b, matrices.product(b, p_t, g, p_t))
    outside = make.subtract(b, g_t, matrices.product(b, a, matrices.product(b, node, g_t)))
    second = matrices.product(b, outside, matrices.product(b, node, p_t))
    across = make.subtract(b, g_t, matrices.product(b, matrices.product(b, g_t, node), a))
    third = matrices.product(b, matrices.product(b, p_t, node), across)
    return (make.add(b, make.add(b, first, second), third),)


def lstsq_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, Node]:
    """For `x = P b`: `P^T g` for `b`, and Golub and Pereyra's terms for `A`.

    With the residual `r = b - A x` they are `-(P^T g) x^T + r (P P^T g)^T`, and
    `(P^T x) (g - P A g)^T`, which is 0 where the columns are independent.
    """
    a, right = node.args
    vectors = right.array.rank < a.array.rank
    x, target, g = (_columns(b, n, vectors) for n in (node, right, g))
    p = b.node(PINV, (a,), node.params)
    p_t = matrices.transposed(b, p)
    of_right = matrices.product(b, p_t, g)
    residual = make.subtract(b, target, matrices.product(b, a, x))

    def outer(left: Node, other: Node) -> Node:
        return matrices.product(b, left, matrices.transposed(b, other))

    first = make.negative(b, outer(of_right, x))
    second = outer(residual, matrices.product(b, p, of_right))
    unseen = make.subtract(b, g, matrices.product(b, p, matrices.product(b, a, g)))
    third = outer(matrices.product(b, p_t, x), unseen)
    of_matrix = make.add(b, make.add(b, first, second), third)
    return (of_matrix, make.reshape(b, of_right, right.array.shape))


def _columns(b: Builder, x: Node, vectors: bool) -> Node:
    """Vectors as matrices of one column."""
    return make.expand_dims(b, x, x.array.rank) if vectors else x


PINV = Op("pinv", Kind.LINALG, _infer_pinv)
LSTSQ = Op("lstsq", Kind.LINALG, _infer_lstsq)

TABLE = (
    Structural(PINV, _pinv, pinv_pullback),
    Structural(LSTSQ, _lstsq, lstsq_pullback),
)
