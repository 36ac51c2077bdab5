"""Dtypes as users write them: `np.float32`, `"f4"`, `float`, `x.dtype`."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen_ad.ir.types import DType

NAMES = ("np.float64", "np.float32", "np.int64", "np.int32", "np.bool_", "float", "int", "bool")

_BY_NUMPY_NAME = {d.numpy_name.rstrip("_"): d for d in DType}


def of(value: object) -> DType | None:
    """The dtype that `value` names, or None if it names none, or one that programs do not have."""
    if isinstance(value, DType):
        return value
    wanted: Any = value
    try:
        dtype = np.dtype(wanted)
    except TypeError:
        return None
    return _BY_NUMPY_NAME.get(dtype.name) if dtype.isnative else None


def accumulator(dtype: DType) -> DType:
    """The dtype in which NumPy sums values of `dtype`."""
    if dtype.is_float:
        return dtype
    return DType.UINT64 if dtype.value.startswith("u") else DType.INT64


def widened(dtype: DType) -> DType:
    """The dtype to compute in where the result is converted to `dtype`."""
    return DType.INT64 if dtype.wraps else dtype


def in_order(dtype: DType) -> DType:
    """The dtype in which values compare as they do in `dtype`."""
    return widened(dtype) if dtype is not DType.UINT64 else dtype


def inexact(dtype: DType) -> DType:
    """The dtype of a mean or a root of values of `dtype`."""
    return dtype if dtype.is_float else DType.FLOAT64
