"""Literals, sizes, ranges, and the scalars that hold the sizes that only the run knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, DType, Type
from codegen_ad.ops.entry import Array, Sizes, Structural


@dataclass(frozen=True, slots=True)
class Literal(Params):
    """A scalar known now. Text, so that 0.0 and -0.0 differ and nan equals itself."""

    text: str
    dtype: DType

    @property
    def value(self) -> float | int | bool:
        """The number."""
        if self.dtype is DType.BOOL:
            return self.text == "True"
        return float(self.text) if self.dtype.is_float else int(self.text)


@dataclass(frozen=True, slots=True)
class Size(Params):
    """A dimension as a number."""

    dim: Dim


@dataclass(frozen=True, slots=True)
class RunSize(Params):
    """The symbol of a run-time size: the argument is its value."""

    symbol: str


@dataclass(frozen=True, slots=True)
class SameSize(Params):
    """A check that two sizes are the same: `size` names the second, which all else speaks of."""

    size: str
    message: str


def _infer_literal(_: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Literal)
    return ArrayType(params.dtype)


def _infer_size(_: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Size)
    return ArrayType(DType.INT64)


def _infer_iota(_: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Size)
    return ArrayType(DType.INT64, (params.dim,))


def _infer_run_size(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, RunSize)
    if list(types) != [ArrayType(DType.INT64)]:
        raise TypeMismatch(f"a size is an integer, not {types}")
    return ArrayType(DType.INT64, (), params.symbol)


def _infer_same_size(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, SameSize)
    if [t.with_dtype(t.dtype) for t in types if isinstance(t, ArrayType)] != [
        ArrayType(DType.INT64)
    ] * 2:
        raise TypeMismatch(f"sizes are integers, not {types}")
    return ArrayType(DType.INT64, (), params.size)


def _literal(_: Sequence[Array], params: Any, __: Sizes) -> Array:
    return np.asarray(params.value, dtype=params.dtype.numpy_name)


def _size(_: Sequence[Array], params: Any, sizes: Sizes) -> Array:
    return np.asarray(params.dim.evaluate(sizes), dtype=np.int64)


def _run_size(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return args[0]


def _same_size(args: Sequence[Array], params: Any, _: Sizes) -> Array:
    if args[0] != args[1]:
        raise ValueError(params.message)
    return args[1]


def _iota(_: Sequence[Array], params: Any, sizes: Sizes) -> Array:
    return np.arange(params.dim.evaluate(sizes), dtype=np.int64)


CONSTANT = Op("constant", Kind.CONSTANT, _infer_literal)
SIZE = Op("size", Kind.CONSTANT, _infer_size)
SAME_SIZE = Op("same_size", Kind.SIZE, _infer_same_size)
RUN_SIZE = Op("run_size", Kind.SIZE, _infer_run_size)
IOTA = Op("iota", Kind.CONSTANT, _infer_iota)

TABLE = (
    Structural(CONSTANT, _literal),
    Structural(SIZE, _size),
    Structural(RUN_SIZE, _run_size),
    Structural(SAME_SIZE, _same_size),
    Structural(IOTA, _iota),
)
