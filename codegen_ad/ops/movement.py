"""Movements: the same numbers in another order or shape. Each one's adjoint is a movement back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ZERO, Dim, product
from codegen_ad.ir.node import Kind, Node, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, BroadcastError, Shape, Type, broadcast_shapes
from codegen_ad.ops import make
from codegen_ad.ops.entry import Array, Sizes, Structural


@dataclass(frozen=True, slots=True)
class ToShape(Params):
    """The result's shape, of `reshape` (C order) and of `broadcast_to`."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Order(Params):
    """Result axis `i` is source axis `axes[i]`."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Elements `start, start + step, …` of an axis, `length` of them; `step` may be negative."""

    start: Dim
    step: int
    length: Dim

    def __str__(self) -> str:
        return f"{self.start}+{self.step}*[{self.length}]"


@dataclass(frozen=True, slots=True)
class Spans(Params):
    """One span for each axis."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Axis(Params):
    """The axis an operation works along."""

    axis: int


def _infer_reshape(types: Sequence[Type], params: Params | None) -> Type:
    (source,) = types
    assert isinstance(params, ToShape) and isinstance(source, ArrayType)
    if product(source.shape) != product(params.shape):
        raise BroadcastError(product(source.shape), product(params.shape))
    return source.with_shape(params.shape)


def _infer_broadcast(types: Sequence[Type], params: Params | None) -> Type:
    (source,) = types
    assert isinstance(params, ToShape) and isinstance(source, ArrayType)
    if broadcast_shapes(source.shape, params.shape) != params.shape:
        raise TypeMismatch(f"{source} does not broadcast to {params.shape}")
    return source.with_shape(params.shape)


def _infer_transpose(types: Sequence[Type], params: Params | None) -> Type:
    (source,) = types
    assert isinstance(params, Order) and isinstance(source, ArrayType)
    if sorted(params.axes) != list(range(source.rank)):
        raise TypeMismatch(f"{params.axes} is no order of the axes of {source}")
    return source.with_shape(tuple(source.shape[a] for a in params.axes))


def _infer_slice(types: Sequence[Type], params: Params | None) -> Type:
    (source,) = types
    assert isinstance(params, Spans) and isinstance(source, ArrayType)
    if len(params.spans) != source.rank:
        raise TypeMismatch(f"{len(params.spans)} spans for {source}")
    return source.with_shape(tuple(s.length for s in params.spans))


def _infer_concatenate(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Axis)
    arrays = [t for t in types if isinstance(t, ArrayType)]
    shape = list(arrays[0].shape)
    for array in arrays[1:]:
        if array.dtype is not arrays[0].dtype or array.rank != len(shape):
            raise TypeMismatch("concatenate needs one dtype and one rank")
        for axis, dim in enumerate(array.shape):
            if axis == params.axis:
                shape[axis] = shape[axis] + dim
            elif dim != shape[axis]:
                raise BroadcastError(shape[axis], dim)
    return arrays[0].with_shape(tuple(shape))


def sizes_of(shape: Shape, sizes: Sizes) -> tuple[int, ...]:
    """The shape as numbers."""
    return tuple(d.evaluate(sizes) for d in shape)


def slices_of(spans: Sequence[Span], sizes: Sizes) -> tuple[slice, ...]:
    """The spans as Python slices."""
    result: list[slice] = []
    for span in spans:
        start, length = span.start.evaluate(sizes), span.length.evaluate(sizes)
        stop = start + span.step * length
        result.append(slice(start, stop if stop >= 0 else None, span.step))
        if length == 0:
            result[-1] = slice(0, 0)
    return tuple(result)


def _reshape(args: Sequence[Array], params: Any, sizes: Sizes) -> Array:
    return np.reshape(args[0], sizes_of(params.shape, sizes))


def _broadcast(args: Sequence[Array], params: Any, sizes: Sizes) -> Array:
    return np.broadcast_to(args[0], sizes_of(params.shape, sizes))


def _transpose(args: Sequence[Array], params: Any, _: Sizes) -> Array:
    return np.transpose(args[0], params.axes)


def _slice(args: Sequence[Array], params: Any, sizes: Sizes) -> Array:
    return args[0][slices_of(params.spans, sizes)]


def _concatenate(args: Sequence[Array], params: Any, _: Sizes) -> Array:
    return np.concatenate(args, axis=params.axis)


def reshape_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    return (make.reshape(b, g, node.args[0].array.shape),)


def broadcast_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    return (make.sum_to(b, g, node.args[0].array.shape),)


def transpose_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    assert isinstance(node.params, Order)
    axes = node.params.axes
    return (make.transpose(b, g, tuple(axes.index(a) for a in range(len(axes)))),)


def slice_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """Zeros with `g` added at the places read: the engine adds it to what is there already."""
    (x,) = node.args
    assert isinstance(node.params, Spans)
    zeros = make.full(b, x.array.shape, 0, g.array.dtype)
    return (make.update(b, zeros, g, node.params.spans, accumulate=True),)


def concatenate_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    assert isinstance(node.params, Axis)
    start = ZERO
    cotangents: list[Node] = []
    for part in node.args:
        length = part.array.shape[node.params.axis]
        spans = [make.whole(d) for d in part.array.shape]
        spans[node.params.axis] = Span(start, 1, length)
        cotangents.append(make.slice_(b, g, spans))
        start = start + length
    return tuple(cotangents)


RESHAPE = Op("reshape", Kind.MOVEMENT, _infer_reshape)
BROADCAST_TO = Op("broadcast_to", Kind.MOVEMENT, _infer_broadcast)
TRANSPOSE = Op("transpose", Kind.MOVEMENT, _infer_transpose)
SLICE = Op("slice", Kind.MOVEMENT, _infer_slice)
CONCATENATE = Op("concatenate", Kind.MOVEMENT, _infer_concatenate)

TABLE = (
    Structural(RESHAPE, _reshape, reshape_pullback),
    Structural(BROADCAST_TO, _broadcast, broadcast_pullback),
    Structural(TRANSPOSE, _transpose, transpose_pullback),
    Structural(SLICE, _slice, slice_pullback),
    Structural(CONCATENATE, _concatenate, concatenate_pullback),
)
