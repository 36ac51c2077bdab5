"""Functions of real arrays that mean the same for each part, or for each product of parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, cast

import numpy as np

from codegen_ad.frontend.complex_numbers.arithmetic import Algebra, conjugate
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Complex, List

Named = Mapping[str, Value]
Function = Callable[[Algebra, Sequence[Value], Named], Value]

LINEAR = (
    "reshape ravel transpose swapaxes moveaxis rollaxis expand_dims squeeze broadcast_to flip"
    " fliplr flipud roll rot90 repeat tile take take_along_axis diagonal diag tril triu trace"
    " permute_dims matrix_transpose sum mean cumsum nansum diff gradient trapezoid trapz delete"
    " copy atleast_1d atleast_2d atleast_3d concatenate concat stack vstack hstack dstack"
    " column_stack array_split split hsplit vsplit dsplit pad average resize"
)
"""Linear in the first argument: the real part of the result is the function of the real parts."""

_JOINT = (np.where, np.append)
"""Linear in several arguments together, which may be real or complex each."""

_PLAIN = {np.sum: 3, np.nansum: 3, np.mean: 3, np.cumsum: 3, np.diff: 3}
"""How many arguments stand before the first that adds something to the result."""

_ADDING = ("initial", "prepend", "append", "constant_values", "end_values")
_PADDINGS = ("constant", "edge", "reflect", "symmetric", "wrap", "mean")

BILINEAR = "dot matmul inner outer tensordot kron convolve cross"
"""Linear in each of the first two arguments."""

CONJUGATED = {"vdot": 0, "vecdot": 0, "correlate": 1}
"""The same, of the conjugate of one of the two."""


def apart(a: Algebra, value: Value, part: int) -> Value:
    """One part of every complex number in a value: 0 real, 1 imaginary; reals are their own."""
    if isinstance(value, Complex):
        return value[part]
    items = a.sequence(value)
    if items is not None and holds_complex(a, value):
        items = [_part_of(a, v, part) for v in items]
        return a.m.list_of(items) if isinstance(value, List) else tuple(items)
    return value


def _part_of(a: Algebra, value: Value, part: int) -> Value:
    """One part of an item that stands beside complex ones."""
    return apart(a, value, part) if holds_complex(a, value) else a.of(value)[part]


def holds_complex(a: Algebra, value: Value) -> bool:
    """Whether a value is complex, or a sequence with complex numbers in it."""
    if isinstance(value, Complex):
        return True
    return any(holds_complex(a, v) for v in a.sequence(value) or ())


def involved(a: Algebra, args: Sequence[Value], kwargs: Named) -> bool:
    """Whether an argument is complex, or holds complex numbers."""
    return any(holds_complex(a, v) for v in (*args, *kwargs.values()))


def joined(a: Algebra, real: Value, imag: Value) -> Value:
    """A complex number, or the complex numbers of two lists of parts."""
    one, other = a.sequence(real), a.sequence(imag)
    if one is not None and other is not None:
        items = [joined(a, p, q) for p, q in zip(one, other, strict=True)]
        return a.m.list_of(items) if isinstance(real, List) else tuple(items)
    return Complex(real, imag)


def linear(function: Any) -> Function:
    """The function of the real parts, and of the imaginary ones."""

    def apply(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        first, *rest = args
        plain = [v for k, v in kwargs.items() if k not in _ADDING]
        adding = len(plain) < len(kwargs) or len(args) > _PLAIN.get(function, len(args))
        if adding or involved(a, rest, kwargs):
            _refuse(a, "only the first argument may be complex, and nothing may be added to it")
        if function is np.pad:
            mode = rest[1] if len(rest) > 1 else kwargs.get("mode", "constant")
            if mode not in _PADDINGS:
                _refuse(a, f"the modes are {', '.join(_PADDINGS)}")
        halves = (a.real(function, apart(a, first, part), *rest, **kwargs) for part in (0, 1))
        return joined(a, *halves)

    return apply


def _refuse(a: Algebra, why: str) -> NoReturn:
    a.m.refuse(
        f"`{a.m.text()}` is not translated as it stands: with complex numbers {why}.",
        "Write it for the real and the imaginary part.",
    )


def joint(function: Any) -> Function:
    """A function that is linear in all its numbers together."""

    def apply(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        condition, numbers = (args[:1], args[1:]) if function is np.where else ((), args)
        if condition and isinstance(condition[0], Complex):
            condition = [a.real(np.logical_or, *condition[0])]
            if not involved(a, numbers, kwargs):
                return a.real(function, *condition, *numbers, **kwargs)
        complete = [a.of(v) for v in numbers[:2]]
        halves = (
            a.real(function, *condition, *(v[part] for v in complete), *numbers[2:], **kwargs)
            for part in (0, 1)
        )
        return joined(a, *halves)

    return apply


def bilinear(function: Any, conjugated: int | None = None, *, first: int = 0) -> Function:
    """The function of products: `(a + ib)(c + id)` written out."""

    def apply(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        before, rest = args[:first], args[first + 2 :]
        if involved(a, rest, kwargs) or len(args) < first + 2:
            _refuse(a, "it multiplies two arrays")
        one, other = (_array(a, v) for v in args[first : first + 2])
        if conjugated == 0 and isinstance(one, Complex):
            one = conjugate(a, one)
        if conjugated == 1 and isinstance(other, Complex):
            other = conjugate(a, other)

        def product(x: Value, y: Value) -> Value:
            return a.real(function, *before, x, y, *rest, **kwargs)

        if not isinstance(one, Complex):
            two = cast("Complex", other)
            return Complex(product(one, two.real), product(one, two.imag))
        if not isinstance(other, Complex):
            return Complex(product(one.real, other), product(one.imag, other))
        return Complex(
            a.subtract(product(one.real, other.real), product(one.imag, other.imag)),
            a.add(product(one.real, other.imag), product(one.imag, other.real)),
        )

    return apply


def _array(a: Algebra, value: Value) -> Value:
    """A list of complex numbers as an array; all else as it is."""
    if isinstance(value, Complex) or not holds_complex(a, value):
        return value
    return a.real(np.array, value)


def _einsum(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    if len(args) == 2 and isinstance(args[1], Complex):
        halves = (a.real(np.einsum, args[0], part, **kwargs) for part in args[1])
        return joined(a, *halves)
    if len(args) != 3:
        _refuse(a, "it takes one or two operands")
    return bilinear(np.einsum, first=1)(a, args, kwargs)


def named(names: str) -> list[Any]:
    """NumPy's functions of these names, as far as this NumPy has them."""
    return [getattr(np, name) for name in names.split() if hasattr(np, name)]


FUNCTIONS: dict[Any, Function] = {
    **{function: linear(function) for function in named(LINEAR)},
    **{function: joint(function) for function in _JOINT},
    np.einsum: _einsum,
    **{function: bilinear(function) for function in named(BILINEAR)},
    **{
        getattr(np, n): bilinear(getattr(np, n), k) for n, k in CONJUGATED.items() if hasattr(np, n)
    },
}
