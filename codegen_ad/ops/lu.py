# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Systems, inverses and determinants by one factorisation: `A = P^T L U` with partial pivoting.

What asks for a matrix to be factored is told apart from the factors after differentiation
(`passes/factors.py`), so these operations have no derivatives. Factoring never fails: a singular
matrix has a 0 on the diagonal of U, and what divides by it raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.node import Kind, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, BroadcastError, DType, TupleType, Type
from codegen_ad.ops import matrices
from codegen_ad.ops.entry import Array, Several, Sizes, Structural


@dataclass(frozen=True, slots=True)
class Turned(Params):
    """Whether the system is that of the transposed matrix."""

    turned: bool


def _infer_lu(types: Sequence[Type], _: Params | None) -> Type:
    matrix = matrices.squares(types[0])
    return TupleType((matrix, ArrayType(DType.INT64, matrix.shape[:-1])))


def _infer_solve(types: Sequence[Type], _: Params | None) -> Type:
    """Right sides are matrices of columns."""
    matrix, right = matrices.squares(types[0]), types[2]
    assert isinstance(right, ArrayType)
    if right.rank != matrix.rank or right.dtype is not matrix.dtype:
        raise TypeMismatch(f"cannot solve {matrix} for {right}")
    matrices.same_stack(matrix, right, 2)
    if right.shape[-2] != matrix.shape[-1]:
        raise BroadcastError(matrix.shape[-1], right.shape[-2])
    return right


def _infer_det(types: Sequence[Type], _: Params | None) -> Type:
    matrix = matrices.squares(types[0])
    return matrix.with_shape(matrix.shape[:-2])


def _infer_slogdet(types: Sequence[Type], _: Params | None) -> Type:
    matrix = matrices.squares(types[0])
    return TupleType((matrix.with_shape(matrix.shape[:-2]),) * 2)


def _lu(args: Sequence[Array], _: Any, __: Sizes) -> tuple[Array, Array]:
    lu = np.array(args[0])
    swaps = np.zeros(lu.shape[:-1], np.int64)
    for place in np.ndindex(lu.shape[:-2]):
        u = lu[place]
        for k in range(u.shape[0]):
            # NaN is the largest, as argmax takes it.
            pivot = k + int(np.argmax(np.abs(u[k:, k])))
            swaps[(*place, k)] = pivot
            u[[k, pivot]] = u[[pivot, k]]
            if u[k, k] != 0.0:
                u[k + 1 :, k] /= u[k, k]
                u[k + 1 :, k + 1 :] -= np.outer(u[k + 1 :, k], u[k, k + 1 :])
    return lu, swaps


def _lu_solve(args: Sequence[Array], p: Turned, _: Sizes) -> Array:
    lu, swaps, right = args
    out = np.array(right)
    for place in np.ndindex(lu.shape[:-2]):
        u, x, n = lu[place], out[place], lu.shape[-1]
        if (np.diagonal(u) == 0.0).any():
            raise np.linalg.LinAlgError("Singular matrix")
        order = range(n)
        for k in () if p.turned else order:
            x[[k, swaps[(*place, k)]]] = x[[swaps[(*place, k)], k]]
        matrix = u.T if p.turned else u
        for i in order:
            x[i] = (x[i] - matrix[i, :i] @ x[:i]) / (matrix[i, i] if p.turned else 1.0)
        for i in reversed(order):
            x[i] = (x[i] - matrix[i, i + 1 :] @ x[i + 1 :]) / (1.0 if p.turned else matrix[i, i])
        for k in reversed(order) if p.turned else ():
            x[[k, swaps[(*place, k)]]] = x[[swaps[(*place, k)], k]]
    return out


def _lu_slogdet(args: Sequence[Array], _: Any, __: Sizes) -> tuple[Array, Array]:
    lu, swaps = args
    pivots = np.diagonal(lu, axis1=-2, axis2=-1)
    turns = np.where(swaps != np.arange(lu.shape[-1]), -1.0, 1.0).prod(axis=-1)
    sign = turns * np.where(pivots < 0.0, -1.0, 1.0).prod(axis=-1)
    singular: Array = (pivots == 0.0).any(axis=-1)
    with np.errstate(divide="ignore"):
        size = np.where(singular, -np.inf, np.log(np.abs(pivots)).sum(axis=-1))
    return np.where(singular, 0.0, sign).astype(lu.dtype), size.astype(lu.dtype)


def _lu_det(args: Sequence[Array], _: Any, sizes: Sizes) -> Array:
    sign, size = _lu_slogdet(args, None, sizes)
    return sign * np.exp(size)


LU = Op("lu", Kind.LINALG, _infer_lu)
LU_SOLVE = Op("lu_solve", Kind.LINALG, _infer_solve)
LU_DET = Op("lu_det", Kind.LINALG, _infer_det)
LU_SLOGDET = Op("lu_slogdet", Kind.LINALG, _infer_slogdet)

TABLE = (Structural(LU_SOLVE, _lu_solve), Structural(LU_DET, _lu_det))

SEVERAL = (Several(LU, _lu), Several(LU_SLOGDET, _lu_slogdet))
