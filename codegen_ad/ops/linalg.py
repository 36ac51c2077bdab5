"""Linear algebra on single matrices: what NumPy's `linalg` gives; adjoints after Giles (2008)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codegen_ad.ir.node import Kind, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, BroadcastError, Type
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


def _cholesky(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.linalg.cholesky(args[0])


SOLVE = Op("solve", Kind.LINALG, _infer_solve)
INV = Op("inv", Kind.LINALG, _infer_matrix)
DET = Op("det", Kind.LINALG, _infer_scalar)
CHOLESKY = Op("cholesky", Kind.LINALG, _infer_matrix)

TABLE = (
    Structural(SOLVE, _solve),
    Structural(INV, _inv),
    Structural(DET, _det),
    Structural(CHOLESKY, _cholesky),
)
