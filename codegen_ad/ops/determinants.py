# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Determinants of matrices and stacks of them.

The derivative of a determinant is the matrix of cofactors, which exists where no inverse does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Op, Params
from codegen_ad.ir.types import TupleType, Type
from codegen_ad.ops import make, matrices
from codegen_ad.ops.entry import Array, Several, Sizes, Structural
from codegen_ad.ops.linalg import INV


def _infer_scalar(types: Sequence[Type], _: Params | None) -> Type:
    matrix = matrices.squares(types[0])
    return matrix.with_shape(matrix.shape[:-2])


def _infer_slogdet(types: Sequence[Type], _: Params | None) -> Type:
    matrix = matrices.squares(types[0])
    return TupleType((matrix.with_shape(matrix.shape[:-2]),) * 2)


def _infer_cofactors(types: Sequence[Type], _: Params | None) -> Type:
    return matrices.squares(types[0])


def _cofactors(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    """Of the singular values, because there is no inverse of a singular matrix.

    With a = (u * s) @ vt the cofactors are det(u) * det(vt) * (u * r) @ vt, where r[i] is the
    product of all singular values but s[i].
    """
    out = np.full_like(args[0], np.nan)
    for place in np.ndindex(out.shape[:-2]):
        a = args[0][place]
        if np.isfinite(a).all():
            u, s, vt = np.linalg.svd(a)
            rest = [np.delete(s, i).prod() for i in range(s.size)]
            out[place] = np.linalg.det(u) * np.linalg.det(vt) * (u * rest) @ vt
    return out


def _det(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.asarray(np.linalg.det(args[0]))


def _slogdet(args: Sequence[Array], _: Any, __: Sizes) -> tuple[Array, Array]:
    sign, size = np.linalg.slogdet(args[0])
    return np.asarray(sign), np.asarray(size)


def det_pullback(b: Builder, node: Node, g: Node) -> tuple[Node]:
    """`g` times the cofactors."""
    cofactors = b.node(COFACTORS, (node.args[0],))
    return (make.multiply(b, _for_each(b, g), cofactors),)


def cofactors_pullback(b: Builder, node: Node, g: Node) -> tuple[Node]:
    """`<g, C> Y - C g^T Y` for `C = det(A) Y` and `Y = A^-T`; a singular matrix raises."""
    y = matrices.transposed(b, b.node(INV, (node.args[0],)))
    rank = node.array.rank
    inner = make.sum_(b, make.multiply(b, g, node), (rank - 2, rank - 1))
    first = make.multiply(b, _for_each(b, inner), y)
    second = matrices.product(b, node, matrices.transposed(b, g), y)
    return (make.subtract(b, first, second),)


def slogdet_pullback(b: Builder, node: Node, g: Sequence[Node | None]) -> tuple[Node | None]:
    """`g A^-T` for the logarithm; the sign is constant wherever it is differentiable.

    A singular matrix raises, as `inv` does.
    """
    _, of_size = g
    return (None if of_size is None else _times_inverse(b, node.args[0], of_size),)


def _times_inverse(b: Builder, a: Node, factor: Node) -> Node:
    """`factor A^-T` for a factor for each matrix."""
    return make.multiply(b, _for_each(b, factor), matrices.transposed(b, b.node(INV, (a,))))


def _for_each(b: Builder, factor: Node) -> Node:
    """A number for each matrix, to be multiplied by the matrices."""
    rank = factor.array.rank
    return make.expand_dims(b, make.expand_dims(b, factor, rank), rank) if rank else factor


DET = Op("det", Kind.LINALG, _infer_scalar)
COFACTORS = Op("cofactors", Kind.LINALG, _infer_cofactors)
SLOGDET = Op("slogdet", Kind.LINALG, _infer_slogdet)

TABLE = (
    Structural(DET, _det, det_pullback),
    Structural(COFACTORS, _cofactors, cofactors_pullback),
)

SEVERAL = (Several(SLOGDET, _slogdet, slogdet_pullback),)
