"""Reading and writing at positions: gather and scatter by index arrays, updates of static slices.

Writes are on values: the old array goes in, the new one comes out. Duplicates add when accumulating.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.node import Kind, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, DType, Type, broadcast_shapes
from codegen_ad.ops.entry import Array, Sizes, Structural
from codegen_ad.ops.movement import Span, slices_of


@dataclass(frozen=True, slots=True)
class Scatter(Params):
    """Whether values are added to what stands there (duplicates too) or replace it."""

    accumulate: bool


@dataclass(frozen=True, slots=True)
class Update(Params):
    """The slice that is written, one span for each axis, and whether values are added."""

    spans: tuple[Span, ...]
    accumulate: bool


def gathered_shape(source: ArrayType, indices: Sequence[Type]) -> ArrayType:
    """The type of `source[i, j, …]` with integer arrays on the leading axes."""
    arrays = [t for t in indices if isinstance(t, ArrayType)]
    if not arrays or len(arrays) > source.rank:
        raise TypeMismatch(f"{len(arrays)} indices for {source}")
    if any(a.dtype not in (DType.INT64, DType.INT32) for a in arrays):
        raise TypeMismatch("indices must be integers")
    shape = broadcast_shapes(*(a.shape for a in arrays)) + source.shape[len(arrays) :]
    return source.with_shape(shape)


def _infer_gather(types: Sequence[Type], _: Params | None) -> Type:
    assert isinstance(types[0], ArrayType)
    return gathered_shape(types[0], types[1:])


def _infer_scatter(types: Sequence[Type], params: Params | None) -> Type:
    target, values, *indices = types
    assert isinstance(params, Scatter)
    assert isinstance(target, ArrayType) and isinstance(values, ArrayType)
    place = gathered_shape(target, indices)
    if place != values:
        raise TypeMismatch(f"{values} does not fit where {place} is written")
    return target


def _infer_update(types: Sequence[Type], params: Params | None) -> Type:
    target, values = types
    assert isinstance(params, Update)
    assert isinstance(target, ArrayType) and isinstance(values, ArrayType)
    place = target.with_shape(tuple(s.length for s in params.spans))
    if place != values or len(params.spans) != target.rank:
        raise TypeMismatch(f"{values} does not fit where {place} is written")
    return target


def _gather(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.asarray(args[0][tuple(args[1:])])


def _scatter(args: Sequence[Array], params: Any, _: Sizes) -> Array:
    target = args[0].copy()
    if params.accumulate:
        np.add.at(target, tuple(args[2:]), args[1])
    else:
        target[tuple(args[2:])] = args[1]
    return target


def _update(args: Sequence[Array], params: Any, sizes: Sizes) -> Array:
    target = args[0].copy()
    place = slices_of(params.spans, sizes)
    if params.accumulate:
        target[place] += args[1]
    else:
        target[place] = args[1]
    return target


GATHER = Op("gather", Kind.GATHER, _infer_gather)
SCATTER = Op("scatter", Kind.SCATTER, _infer_scatter)
UPDATE = Op("update", Kind.UPDATE, _infer_update)

TABLE = (
    Structural(GATHER, _gather),
    Structural(SCATTER, _scatter),
    Structural(UPDATE, _update),
)
