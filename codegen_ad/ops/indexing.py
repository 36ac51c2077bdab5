"""Reading and writing at positions: gather and scatter by index arrays, updates of static slices.

Writes are on values: the old array goes in, the new one comes out. Duplicates add when
accumulating.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, product
from codegen_ad.ir.node import Kind, Node, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, DType, Type, broadcast_shapes
from codegen_ad.ops import constants, make, movement
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
    if not all(a.dtype.is_integer for a in arrays):
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


def gather_pullback(b: Builder, node: Node, g: Node) -> tuple[Node | None, ...]:
    """Zeros with `g` added at the places read: the engine adds it to what is there already."""
    x, *indices = node.args
    zeros = make.full(b, x.array.shape, 0, g.array.dtype)
    return (make.scatter(b, zeros, g, *indices, accumulate=True), *(None for _ in indices))


def scatter_pullback(b: Builder, node: Node, g: Node) -> tuple[Node | None, ...]:
    """Where values replace, the old ones get nothing; of those for one place only the last does."""
    assert isinstance(node.params, Scatter)
    _, values, *indices = node.args
    none = (None for _ in indices)
    read = make.gather(b, g, *indices)
    if node.params.accumulate:
        return (g, read, *none)
    old = make.scatter(b, g, make.zeros_like(b, values), *indices, accumulate=False)
    return (old, _of_the_last(b, node, read), *none)


def _of_the_last(b: Builder, node: Node, g: Node) -> Node:
    """`g` where a value is the last one that is written to its place, else 0."""
    target, _, *indices = node.args
    shape = broadcast_shapes(*(i.array.shape for i in indices))
    if not shape or any(i.op is constants.IOTA and i.array.shape == shape for i in indices):
        return g  # one place, or all places different
    # Values at different places of an axis of their own are told apart by that already.
    own = {i: along for i in indices if (along := _own_axis(i, indices, len(shape))) is not None}
    some = [(a, i) for a, i in enumerate(indices) if i not in own]
    if not some:
        return g
    kept = tuple(ONE if a in own.values() else d for a, d in enumerate(shape))
    number = make.reshape(b, make.iota(b, product(kept)), kept)
    places = make.full(b, tuple(target.array.shape[a] for a, _ in some), 0, DType.INT64)
    found = [make.broadcast_to(b, i, kept) for _, i in some]
    winners = make.scatter(b, places, number, *found, accumulate=False)
    last = make.apply(b, "equal", make.gather(b, winners, *found), number)
    last = make.broadcast_to(b, last, shape)
    rows = make.restore(b, last, g.array.shape, range(len(shape), g.array.rank))
    return make.where(b, rows, g, make.constant(b, 0, g.array.dtype))


def _own_axis(index: Node, indices: Sequence[Node], rank: int) -> int | None:
    """The axis of `rank` common ones along which `index` counts, and no other index changes."""
    counts = (index.args[0] if index.op is movement.RESHAPE else index).op is constants.IOTA
    axes = list(_changing(index, rank))
    if not counts or len(axes) != 1:
        return None
    others = (a for i in indices if i is not index for a in _changing(i, rank))
    return None if axes[0] in others else axes[0]


def _changing(index: Node, rank: int) -> Iterator[int]:
    """The axes along which an index is not of size 1."""
    first = rank - index.array.rank
    return (first + a for a, d in enumerate(index.array.shape) if d != ONE)


def update_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    _, values = node.args
    assert isinstance(node.params, Update)
    spans = node.params.spans
    read = make.slice_(b, g, spans)
    if node.params.accumulate:
        return (g, read)
    return (make.update(b, g, make.full(b, values.array.shape, 0, g.array.dtype), spans), read)


GATHER = Op("gather", Kind.GATHER, _infer_gather)
SCATTER = Op("scatter", Kind.SCATTER, _infer_scatter)
UPDATE = Op("update", Kind.UPDATE, _infer_update)

TABLE = (
    Structural(GATHER, _gather, gather_pullback),
    Structural(SCATTER, _scatter, scatter_pullback),
    Structural(UPDATE, _update, update_pullback),
)
