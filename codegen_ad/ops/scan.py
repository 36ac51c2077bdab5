"""Operations that run along one axis: cumulative sums and products, sorting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from codegen_ad.ir.node import Kind, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, DType, Type
from codegen_ad.ops.entry import Array, Evaluate, Sizes, Structural
from codegen_ad.ops.movement import Axis


def _infer_scan(types: Sequence[Type], params: Params | None) -> Type:
    (source,) = types
    assert isinstance(params, Axis) and isinstance(source, ArrayType)
    if not 0 <= params.axis < source.rank:
        raise TypeMismatch(f"axis out of range for {source}")
    return source


def _infer_argsort(types: Sequence[Type], params: Params | None) -> Type:
    source = _infer_scan(types, params)
    assert isinstance(source, ArrayType)
    return source.with_dtype(DType.INT64)


def _along(function: Callable[..., Any]) -> Evaluate:
    def evaluate(args: Sequence[Array], params: Any, _: Sizes) -> Array:
        return function(args[0], axis=params.axis)

    return evaluate


def _argsort(args: Sequence[Array], params: Any, _: Sizes) -> Array:
    return np.argsort(args[0], axis=params.axis, kind="stable")


CUMSUM = Op("cumsum", Kind.SCAN, _infer_scan)
CUMPROD = Op("cumprod", Kind.SCAN, _infer_scan)
ARGSORT = Op("argsort", Kind.SCAN, _infer_argsort)

TABLE = (
    Structural(CUMSUM, _along(np.cumsum)),
    Structural(CUMPROD, _along(np.cumprod)),
    Structural(ARGSORT, _argsort),
)
