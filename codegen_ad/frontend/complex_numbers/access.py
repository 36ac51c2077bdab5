"""Attributes and subscripts of complex arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codegen_ad.errors import UnknownFunction
from codegen_ad.frontend.complex_numbers.arithmetic import Algebra
from codegen_ad.frontend.complex_numbers.creation import DTYPES
from codegen_ad.frontend.complex_numbers.functions import METHODS
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, ArrayMethod, Complex, Outside

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_SHAPES = ("shape", "ndim", "size")
_VIEWS = ("T", "mT", "flat")


def attribute(m: Machine, owner: Complex, name: str) -> Value:
    """`owner.name`."""
    from codegen_ad.frontend.arrays.access import attribute as real_attribute

    if name in ("real", "imag"):
        return owner.real if name == "real" else owner.imag
    if name in _SHAPES:
        return real_attribute(m, _array(m, owner.real), name)
    if name in _VIEWS:
        return Complex(*(real_attribute(m, part, name) for part in owner))
    if name == "dtype":
        return Outside(np.dtype(_dtype(m, owner)), ())
    if name in METHODS:
        return ArrayMethod(owner, name)
    m.refuse(
        f"codegen_ad does not know `.{name}` of a complex array.",
        "Use its real and imaginary parts.",
        UnknownFunction,
    )


def _array(m: Machine, part: Value) -> Value:
    return part if isinstance(part, Array) else m.fresh(m.node(part))


def _dtype(m: Machine, owner: Complex) -> str:
    kind = m.node(owner.real).array.dtype.numpy_name
    return next((c for c, part in DTYPES.items() if part.__name__ == kind), "complex128")


def subscript(m: Machine, owner: Complex, index: Value) -> Value:
    """`owner[index]`: views where NumPy gives views."""
    from codegen_ad.frontend.arrays.access import subscript as real_subscript

    return Complex(*(real_subscript(m, part, index) for part in owner))


def put(m: Machine, owner: Complex, index: Value, value: Value) -> None:
    """`owner[index] = value`."""
    from codegen_ad.frontend.arrays import indexing

    for place, part in zip(owner, Algebra(m).of(value), strict=True):
        assert isinstance(place, Array)
        indexing.put(m, place, index, part)


def items(m: Machine, value: Complex) -> list[Value] | None:
    """The items along the first axis, if their number is known."""
    if not isinstance(value.real, Array) or not isinstance(value.imag, Array):
        return None
    parts = [m.try_items(part) for part in value]
    if parts[0] is None or parts[1] is None:
        return None
    return [Complex(real, imag) for real, imag in zip(parts[0], parts[1], strict=True)]
