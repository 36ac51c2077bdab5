"""Reductions over axes, and contractions: everything that is an einsum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, BroadcastError, DType, Type
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
    return ArrayType(dtypes.pop(), tuple(dims[label] for label in params.output))


def _reduction(function: Callable[..., Any]) -> Evaluate:
    def evaluate(args: Sequence[Array], params: Any, _: Sizes) -> Array:
        return np.asarray(function(args[0], axis=params.axes), dtype=args[0].dtype)

    return evaluate


def _contract(args: Sequence[Array], params: Any, _: Sizes) -> Array:
    operands: list[Any] = []
    for arg, labels in zip(args, params.operands, strict=True):
        operands += [arg, list(labels)]
    return np.asarray(np.einsum(*operands, list(params.output)), dtype=args[0].dtype)


SUM = Op("sum", Kind.REDUCE, _infer_reduce)
PROD = Op("prod", Kind.REDUCE, _infer_reduce)
MAX = Op("max", Kind.REDUCE, _infer_reduce)
MIN = Op("min", Kind.REDUCE, _infer_reduce)
ANY = Op("any", Kind.REDUCE, _infer_reduce)
ALL = Op("all", Kind.REDUCE, _infer_reduce)
CONTRACT = Op("contract", Kind.CONTRACT, _infer_contract)

TABLE = (
    Structural(SUM, _reduction(np.sum)),
    Structural(PROD, _reduction(np.prod)),
    Structural(MAX, _reduction(np.max)),
    Structural(MIN, _reduction(np.min)),
    Structural(ANY, _reduction(np.any)),
    Structural(ALL, _reduction(np.all)),
    Structural(CONTRACT, _contract),
)
