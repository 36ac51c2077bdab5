"""Operations that run along one axis: cumulative sums and products, sorting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Kind, Node, Op, Params, Region, TypeMismatch, not_wrapping
from codegen_ad.ir.types import ArrayType, DType, Type
from codegen_ad.ops import control, make
from codegen_ad.ops.entry import Array, Evaluate, Sizes, Structural
from codegen_ad.ops.movement import Axis, Span


def _infer_scan(types: Sequence[Type], params: Params | None) -> Type:
    (source,) = types
    assert isinstance(params, Axis) and isinstance(source, ArrayType)
    not_wrapping(types)
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


def exclusive_product(b: Builder, x: Node, axis: int) -> Node:
    """The product of what stands before each element along `axis`."""
    length = x.array.shape[axis]
    longer = make.concatenate(b, (_ones(b, x, axis), x), axis)
    spans = [make.whole(d) for d in x.array.shape]
    spans[axis] = Span(make.as_dim(0), 1, length)
    return make.slice_(b, b.node(CUMPROD, (longer,), Axis(axis)), spans)


def cumsum_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    assert isinstance(node.params, Axis)
    axis = node.params.axis
    return (make.flip(b, b.node(CUMSUM, (make.flip(b, g, axis),), node.params), axis),)


def cumprod_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """What stands before `x[i]`, times `s[i] = g[i] + x[i + 1] * s[i + 1]`. Never divides."""
    (x,) = node.args
    assert isinstance(node.params, Axis)
    axis = node.params.axis
    longer = make.concatenate(b, (x, _ones(b, x, axis)), axis)
    spans = [make.whole(d) for d in x.array.shape]
    spans[axis] = Span(ONE, 1, x.array.shape[axis])
    following = make.slice_(b, longer, spans)
    order = (axis, *(a for a in range(x.array.rank) if a != axis))
    sums = _suffix_sums(b, make.transpose(b, g, order), make.transpose(b, following, order))
    back = make.transpose(b, sums, tuple(order.index(a) for a in range(x.array.rank)))
    return (make.multiply(b, exclusive_product(b, x, axis), back),)


def _suffix_sums(b: Builder, g: Node, factor: Node) -> Node:
    """`s[i] = g[i] + factor[i] * s[i + 1]` along the first axis."""
    length, *rest = g.array.shape
    row = g.array.with_shape(tuple(rest))
    with b.scope():
        i, s = b.input("i", make.size(b, length).array), b.input("s", row)
        all_g, all_factors = b.input("g", g.array), b.input("factor", factor.array)
        step = make.multiply(b, make.gather(b, all_factors, i), s)
        next_s = make.add(b, make.gather(b, all_g, i), step)
        body = Region((i, s, all_g, all_factors), (next_s, next_s))
    start = make.full(b, row.shape, 0, row.dtype)
    args = (make.size(b, length), start, make.flip(b, g, 0), make.flip(b, factor, 0))
    loop = b.node(control.LOOP, args, control.Loop(1, 1, length, body))
    return make.flip(b, b.results(loop)[1], 0)


def _ones(b: Builder, x: Node, axis: int) -> Node:
    shape = x.array.shape
    return make.full(b, (*shape[:axis], ONE, *shape[axis + 1 :]), 1, x.array.dtype)


CUMSUM = Op("cumsum", Kind.SCAN, _infer_scan)
CUMPROD = Op("cumprod", Kind.SCAN, _infer_scan)
ARGSORT = Op("argsort", Kind.SCAN, _infer_argsort)

TABLE = (
    Structural(CUMSUM, _along(np.cumsum), cumsum_pullback),
    Structural(CUMPROD, _along(np.cumprod), cumprod_pullback),
    Structural(ARGSORT, _argsort),
)
