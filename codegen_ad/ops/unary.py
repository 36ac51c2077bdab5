"""Elementwise operations with a parameter or a meaning for the derivative: cast, tap, stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Op, Params
from codegen_ad.ir.types import ArrayType, DType, Type
from codegen_ad.ops import make
from codegen_ad.ops.entry import Array, Sizes, Structural


@dataclass(frozen=True, slots=True)
class Cast(Params):
    """The dtype to convert to, as NumPy's `astype` does."""

    dtype: DType


@dataclass(frozen=True, slots=True)
class Tap(Params):
    """The user's name of an intermediate value whose gradient is asked for."""

    name: str


def _infer_cast(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Cast) and isinstance(types[0], ArrayType)
    return types[0].with_dtype(params.dtype)


def _infer_same(types: Sequence[Type], _: Params | None) -> Type:
    return types[0]


def _cast(args: Sequence[Array], params: Any, _: Sizes) -> Array:
    return args[0].astype(params.dtype.numpy_name)


def _identity(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return args[0]


def cast_pullback(b: Builder, node: Node, g: Node) -> tuple[Node | None, ...]:
    dtype = node.args[0].array.dtype
    return (make.cast(b, g, dtype) if dtype.is_float and node.array.dtype.is_float else None,)


def tap_pullback(_: Builder, __: Node, g: Node) -> tuple[Node, ...]:
    return (g,)


def stop_gradient_pullback(_: Builder, __: Node, ___: Node) -> tuple[None, ...]:
    return (None,)


CAST = Op("cast", Kind.ELEMENTWISE, _infer_cast)
TAP = Op("tap", Kind.ELEMENTWISE, _infer_same)
STOP_GRADIENT = Op("stop_gradient", Kind.ELEMENTWISE, _infer_same)

TABLE = (
    Structural(CAST, _cast, cast_pullback),
    Structural(TAP, _identity, tap_pullback),
    Structural(STOP_GRADIENT, _identity, stop_gradient_pullback),
)
