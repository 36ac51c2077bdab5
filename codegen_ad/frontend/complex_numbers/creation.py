"""Complex arrays from dtypes, from lists, and from Python's `complex`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen_ad.frontend.complex_numbers.arithmetic import Algebra, is_complex
from codegen_ad.frontend.complex_numbers.parts import Function
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Complex, Outside

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

Named = Mapping[str, Value]

DTYPES: dict[str, type[Any]] = {"complex128": np.float64, "complex64": np.float32}
"""Complex dtypes, and those of their parts."""


def part_dtype(m: Machine, value: Value) -> Value | None:
    """The dtype of the parts if the value names a complex dtype, else None."""
    wanted: Any = m.static(value, "dtype") if m.is_static(value) else None
    if wanted is None or isinstance(wanted, int | float | tuple | list):
        return None
    try:
        name = np.dtype(wanted).name
    except TypeError:
        return None
    return Outside(DTYPES[name], ()) if name in DTYPES else None


def wanted(m: Machine, function: Any, args: Sequence[Value], kwargs: Named) -> bool:
    """Whether a call of real arguments makes complex numbers."""
    if function in ALWAYS:
        return True
    if function is np.full and any(is_complex(v) for v in (*args, *kwargs.values())):
        return True
    return function in FUNCTIONS and _named_dtype(m, _place(function), args, kwargs) is not None


def _place(function: Any) -> int:
    """The position of `dtype` among the arguments."""
    return PLACES.get(function, 1)


def _named_dtype(m: Machine, place: int, args: Sequence[Value], kwargs: Named) -> Value | None:
    value = args[place] if len(args) > place else kwargs.get("dtype")
    return None if value is None else part_dtype(m, value)


def _split(
    m: Machine, function: Any, args: Sequence[Value], kwargs: Named
) -> tuple[list[Value], dict[str, Value]]:
    """The arguments, with the dtype of the parts in place of a complex one."""
    place = _place(function)
    dtype = _named_dtype(m, place, args, kwargs)
    given, named = list(args), dict(kwargs)
    if dtype is not None and len(given) > place:
        given[place] = dtype
    elif dtype is not None:
        named["dtype"] = dtype
    return given, named


def _filled(function: Any) -> Function:
    """`np.zeros` and its kin: the imaginary part is 0."""

    def make(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        given, named = _split(a.m, function, args, kwargs)
        return Complex(a.real(function, *given, **named), a.real(np.zeros, *given, **named))

    return make


def _identity(function: Any) -> Function:
    """`np.eye` and its kin, whose shape the real part knows."""

    def make(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        given, named = _split(a.m, function, args, kwargs)
        real = a.real(function, *given, **named)
        return Complex(real, a.real(np.zeros_like, real))

    return make


def _full(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    given, named = _split(a.m, np.full, args, kwargs)
    value = a.of(named.pop("fill_value") if len(given) < 2 else given.pop(1))
    shape = given.pop(0) if given else named.pop("shape")
    return Complex(*(a.real(np.full, shape, part, *given, **named) for part in value))


def _array(function: Any) -> Function:
    """`np.array` and its kin, of a complex array or of numbers of which some are complex."""

    def make(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        (value, *rest), named = _split(a.m, function, args, kwargs)
        halves = [_half(a, value, part) for part in (0, 1)]
        return Complex(*(a.real(function, half, *rest, **named) for half in halves))

    return make


def _half(a: Algebra, value: Value, part: int) -> Value:
    """One part of each number in nested lists."""
    items = a.sequence(value)
    if items is None:
        return a.of(value)[part]
    return a.m.list_of([_half(a, v, part) for v in items])


def _complex(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    """Python's `complex(real, imag)`."""
    real = args[0] if args else kwargs.get("real", 0.0)
    imag = args[1] if len(args) > 1 else kwargs.get("imag", 0.0)
    one, two = a.of(real), a.of(imag)
    if not isinstance(imag, Complex):
        return (
            Complex(one.real, imag)
            if not isinstance(real, Complex)
            else Complex(real.real, a.add(real.imag, imag))
        )
    return Complex(a.subtract(one.real, two.imag), a.add(one.imag, two.real))


def converted(m: Machine, value: Value, args: Sequence[Value], kwargs: Named) -> Value:
    """`.astype(dtype)` from or to a complex dtype."""
    a = Algebra(m)
    target = args[0] if args else kwargs.get("dtype")
    dtype = part_dtype(m, target)
    if dtype is None:
        m.refuse(
            "NumPy drops the imaginary part here, with a warning.",
            "Write `.real` if that is meant.",
        )
    return Complex(*(a.real(np.asarray, part, dtype) for part in a.of(value)))


FUNCTIONS: dict[Any, Function] = {
    complex: _complex,
    np.complex128: _complex,
    np.zeros: _filled(np.zeros),
    np.ones: _filled(np.ones),
    np.empty: _filled(np.empty),
    np.full: _full,
    np.eye: _identity(np.eye),
    np.identity: _identity(np.identity),
    np.array: _array(np.array),
    np.asarray: _array(np.asarray),
    np.ascontiguousarray: _array(np.ascontiguousarray),
    np.asfortranarray: _array(np.asfortranarray),
}

PLACES: dict[Any, int] = {np.full: 2, np.eye: 3}
"""Where `dtype` stands among the arguments, where it isn't the second one."""

ALWAYS = frozenset((complex, np.complex128))
"""Functions that always make complex numbers."""
