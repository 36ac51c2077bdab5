"""Reductions over axes, and contractions: everything that is an einsum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim, product
from codegen_ad.ir.node import Kind, Node, Op, Params, TypeMismatch, not_wrapping
from codegen_ad.ir.types import ArrayType, BroadcastError, DType, Type
from codegen_ad.ops import make, scan
from codegen_ad.ops.entry import Array, Evaluate, Sizes, Structural


@dataclass(frozen=True, slots=True)
class Reduce(Params):
    """The axes that go away: sorted, not negative."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Contract(Params):
    """Einstein summation: one label for each axis of each operand, and the output's labels.

    Within one operand labels are distinct; a label that the output lacks is summed over.
    """

    operands: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]


def _infer_reduce(types: Sequence[Type], params: Params | None) -> Type:
    (source,) = types
    assert isinstance(params, Reduce) and isinstance(source, ArrayType)
    not_wrapping(types)
    if any(not 0 <= a < source.rank for a in params.axes):
        raise TypeMismatch(f"axis out of range for {source}")
    shape = tuple(d for a, d in enumerate(source.shape) if a not in params.axes)
    return source.with_shape(shape)


def _infer_contract(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Contract)
    arrays = [t for t in types if isinstance(t, ArrayType)]
    dims: dict[int, Dim] = {}
    for array, labels in zip(arrays, params.operands, strict=True):
        if len(labels) != array.rank or len(set(labels)) != len(labels):
            raise TypeMismatch(f"labels {labels} do not fit {array}")
        for label, dim in zip(labels, array.shape, strict=True):
            if dims.setdefault(label, dim) != dim:
                raise BroadcastError(dims[label], dim)
    dtypes = {a.dtype for a in arrays}
    if len(dtypes) != 1 or DType.BOOL in dtypes:
        raise TypeMismatch("a contraction needs numbers of one dtype")
    not_wrapping(types)
    return ArrayType(dtypes.pop(), tuple(dims[label] for label in params.output))


def _reduction(function: Callable[..., Any]) -> Evaluate:
    def evaluate(args: Sequence[Array], params: Any, _: Sizes) -> Array:
        return np.asarray(function(args[0], axis=params.axes), dtype=args[0].dtype)

    return evaluate


def _extremum(function: Callable[..., Any], sign: float) -> Evaluate:
    """Of no elements it is what every number replaces: reading has refused that, or has a limit."""

    def evaluate(args: Sequence[Array], params: Any, _: Sizes) -> Array:
        (x,) = args
        if x.dtype.kind == "f":
            limit: Any = sign * np.inf
        elif x.dtype.kind == "b":
            limit = sign > 0
        else:
            limit = np.iinfo(x.dtype).max if sign > 0 else np.iinfo(x.dtype).min
        return np.asarray(function(x, axis=params.axes, initial=limit), dtype=x.dtype)

    return evaluate


def _contract(args: Sequence[Array], params: Any, _: Sizes) -> Array:
    operands: list[Any] = []
    for arg, labels in zip(args, params.operands, strict=True):
        operands += [arg, list(labels)]
    return np.asarray(np.einsum(*operands, list(params.output)), dtype=args[0].dtype)


def sum_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    (x,) = node.args
    return (make.restore(b, g, x.array.shape, _axes(node)),)


def prod_partial(b: Builder, node: Node) -> Node:
    """The product of the others: of those before, times that of those after. Never divides."""
    (x,) = node.args
    axes = _axes(node)
    kept = [a for a in range(x.array.rank) if a not in axes]
    order = (*kept, *axes)
    front = make.transpose(b, x, order)
    shape = tuple(x.array.shape[a] for a in kept)
    flat = make.reshape(b, front, (*shape, product(tuple(x.array.shape[a] for a in axes))))
    last = len(kept)
    before = scan.exclusive_product(b, flat, last)
    after = make.flip(b, scan.exclusive_product(b, make.flip(b, flat, last), last), last)
    others = make.reshape(b, make.multiply(b, before, after), front.array.shape)
    return make.transpose(b, others, tuple(order.index(a) for a in range(x.array.rank)))


def prod_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """The cotangent of the product times the others."""
    spread = make.restore(b, g, node.args[0].array.shape, _axes(node))
    return (make.multiply(b, spread, prod_partial(b, node)),)


def extremum_partial(b: Builder, node: Node) -> tuple[Node, Node]:
    """Which elements are the extremum, and how many: ties share equally."""
    (x,) = node.args
    axes, shape = _axes(node), x.array.shape
    chosen = make.apply(b, "equal", x, make.restore(b, node, shape, axes))
    return chosen, make.sum_(b, make.cast(b, chosen, x.array.dtype), axes)


def extremum_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """The share of each element that is the extremum."""
    (x,) = node.args
    chosen, count = extremum_partial(b, node)
    share = make.restore(b, make.divide(b, g, count), x.array.shape, _axes(node))
    return (make.where(b, chosen, share, make.constant(b, 0, x.array.dtype)),)


def contract_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, ...]:
    """The einsum of `g` with the other operands; a label that only one operand has is spread."""
    params = node.params
    assert isinstance(params, Contract)
    cotangents: list[Node] = []
    for k, (x, labels) in enumerate(zip(node.args, params.operands, strict=True)):
        others = [*node.args[:k], *node.args[k + 1 :]]
        used = [*params.operands[:k], *params.operands[k + 1 :]]
        known = {label for operand in (params.output, *used) for label in operand}
        part = [label for label in labels if label in known]
        inner = make.contract(b, (g, *others), (params.output, *used), part)
        axes = zip(x.array.shape, labels, strict=True)
        shape = tuple(d if label in known else ONE for d, label in axes)
        spread = make.reshape(b, inner, shape)
        cotangents.append(make.broadcast_to(b, spread, x.array.shape))
    return tuple(cotangents)


def _axes(node: Node) -> tuple[int, ...]:
    assert isinstance(node.params, Reduce)
    return node.params.axes


SUM = Op("sum", Kind.REDUCE, _infer_reduce)
PROD = Op("prod", Kind.REDUCE, _infer_reduce)
MAX = Op("max", Kind.REDUCE, _infer_reduce)
MIN = Op("min", Kind.REDUCE, _infer_reduce)
ANY = Op("any", Kind.REDUCE, _infer_reduce)
ALL = Op("all", Kind.REDUCE, _infer_reduce)
CONTRACT = Op("contract", Kind.CONTRACT, _infer_contract)

TABLE = (
    Structural(SUM, _reduction(np.sum), sum_pullback),
    Structural(PROD, _reduction(np.prod), prod_pullback),
    Structural(MAX, _extremum(np.max, -1.0), extremum_pullback),
    Structural(MIN, _extremum(np.min, 1.0), extremum_pullback),
    Structural(ANY, _reduction(np.any)),
    Structural(ALL, _reduction(np.all)),
    Structural(CONTRACT, _contract, contract_pullback),
)
