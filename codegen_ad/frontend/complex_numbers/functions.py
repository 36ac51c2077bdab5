"""NumPy's and Python's functions of complex numbers, function by function."""

from __future__ import annotations

import builtins
import cmath
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen_ad.errors import UnknownFunction
from codegen_ad.frontend.complex_numbers import arithmetic, creation, parts, transforms
from codegen_ad.frontend.complex_numbers.arithmetic import Algebra
from codegen_ad.frontend.complex_numbers.parts import Function
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, Complex, Outside
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

Named = Mapping[str, Value]

_OPERATOR: Any = operator  # its stubs leave types open


def call(m: Machine, function: Any, args: Sequence[Value], kwargs: Named) -> Value:
    """A call of a function that knows complex numbers, with complex numbers or for some."""
    found = FUNCTIONS[function]
    out = kwargs.get("out")
    if out is None:
        return found(Algebra(m), args, kwargs)
    if not isinstance(out, Complex):
        m.refuse("A complex result does not fit into a real array.", "Pass a complex `out`.")
    value = found(Algebra(m), args, {k: v for k, v in kwargs.items() if k != "out"})
    write(m, out, value)
    return out


def write(m: Machine, target: Complex, value: Value) -> None:
    """`target[...] = value`."""
    for place, part in zip(target, Algebra(m).of(value), strict=True):
        m.write(place, part)


def knows(m: Machine, function: Any, args: Sequence[Value], kwargs: Named) -> bool:
    """Whether a call is about complex numbers; one that this room does not know is refused."""
    a = Algebra(m)
    if function in _ALWAYS:
        return True
    if not parts.involved(a, args, kwargs):
        return creation.wanted(m, function, args, kwargs)
    if function in FUNCTIONS:
        return True
    if function in _PASSING:
        return False
    name = getattr(function, "__name__", "this function")
    module = (getattr(function, "__module__", "") or "").partition(".")[0]
    if isinstance(function, np.ufunc) or module in ("numpy", "scipy", "math"):
        m.refuse(
            f"`{name}` of complex numbers is not translated.",
            "Use it on the real and imaginary parts, or on the absolute value.",
            UnknownFunction,
        )
    return False


_PASSING: frozenset[Any] = frozenset(
    (
        len,
        isinstance,
        type,
        tuple,
        list,
        dict,
        enumerate,
        zip,
        reversed,
        getattr,
        hasattr,
        map,
        callable,
    )
)
"""Functions of anything, which do not look at numbers."""


def _unary(function: Callable[[Algebra, Complex], Value]) -> Function:
    def apply(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        if len(args) != 1 or any(v is not None for v in kwargs.values()):
            a.m.refuse(
                f"`{a.m.text()}` of complex numbers takes one argument here.",
                "Apply it to the result, or to `.real` and `.imag`.",
            )
        return function(a, a.of(args[0]))

    return apply


def _python(function: Callable[[Algebra, Complex], Value]) -> Function:
    """A function of `cmath`: it takes and gives Python's numbers, of double precision."""

    def number(a: Algebra, part: Value) -> Value:
        node = a.m.node(part)
        if node.array.rank:
            a.m.refuse(
                f"`{a.m.text()}` is given an array, where Python's `cmath` takes a number.",
                "Use the function of NumPy.",
            )
        return a.m.fresh(make.cast(a.m.b, node, DType.FLOAT64), weak=True)

    def apply(a: Algebra, x: Complex) -> Value:
        found = function(a, Complex(*(number(a, part) for part in x)))
        if isinstance(found, Complex):
            return Complex(*(number(a, part) for part in found))
        return number(a, found)

    return _unary(apply)


def _angle(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    """The argument of `z`, in radians or in degrees."""
    options = dict(zip(("z", "deg"), args, strict=False)) | dict(kwargs)
    degrees = options.pop("deg", False)
    found = _unary(arithmetic.angle)(a, list(options.values()), {})
    if not isinstance(degrees, bool):
        a.m.refuse("`np.angle` needs a `deg` that is known.", "Use `np.degrees(np.angle(z))`.")
    return a.real(np.degrees, found) if degrees else found


def _operator(function: Callable[..., Any]) -> Function:
    def apply(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        if any(v is not None for v in kwargs.values()):
            a.m.refuse(
                f"`{a.m.text()}` of complex numbers takes no options here.",
                "Write `x[...] = ` or np.where(mask, result, x) around it.",
            )
        return arithmetic.operate(a.m, function, args)

    return apply


def _real(_: Algebra, x: Complex) -> Value:
    return x.real


def _imag(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    if len(args) == 1 and isinstance(args[0], Array):
        return a.real(np.zeros_like, args[0])
    return _unary(lambda _, x: x.imag)(a, args, kwargs)


def _quantified(function: Any, combine: Any) -> Function:
    """A question about numbers, asked of both parts."""

    def ask(a: Algebra, x: Complex) -> Value:
        return a.operate(combine, a.real(function, x.real), a.real(function, x.imag))

    return _unary(ask)


def _like(function: Any) -> Function:
    """Arrays made like another one: filled with the value in the real part, 0 in the other."""

    def make(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        x, *rest = args
        assert isinstance(x, Complex) or rest
        if kwargs.get("dtype") is not None:
            a.m.refuse(
                f"`{a.m.text()}` with `dtype=` of a complex array.", "Use np.zeros(shape, dtype)."
            )
        model = x.real if isinstance(x, Complex) else x
        if function is np.full_like:
            fill = a.of(rest[0] if rest else kwargs["fill_value"])
            named = {k: v for k, v in kwargs.items() if k != "fill_value"}
            return Complex(*(a.real(function, model, part, **named) for part in fill))
        return Complex(a.real(function, model, **kwargs), a.real(np.zeros_like, model, **kwargs))

    return make


def _norm(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    """The norms that are functions of absolute values."""
    x, *rest = args
    order = rest[0] if rest else kwargs.get("ord")
    sizes = arithmetic.absolute(a, a.of(x))
    plain = a.m.node(sizes).array.rank == 1 or isinstance(kwargs.get("axis"), int)
    if order not in (None, "fro", 1, np.inf, -np.inf, -1) and not (order == 2 and plain):
        a.m.refuse(
            "This norm of a complex matrix needs singular values of complex matrices.",
            "Use ord 1, np.inf or 'fro', or a norm of vectors.",
        )
    return a.real(np.linalg.norm, sizes, *rest, **kwargs)


def _variance(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    x, *rest = args
    real, imag = a.of(x)
    return a.add(a.real(np.var, real, *rest, **kwargs), a.real(np.var, imag, *rest, **kwargs))


def _deviation(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    return a.real(np.sqrt, _variance(a, args, kwargs))


def _sum(a: Algebra, args: Sequence[Value], _: Named) -> Value:
    """Python's `sum` of the items of a sequence, or of the rows of an array."""
    value, *start = args
    if isinstance(value, Complex):
        return Complex(*(a.real(np.sum, part, axis=0) for part in value))
    total: Value = start[0] if start else 0.0
    for item in a.m.items(value):
        total = arithmetic.add(a, total, item)
    return total


def _prod(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    x = a.of(args[0])
    items = a.m.try_items(x.real)
    options = len(args) > 1 or any(v is not None for v in kwargs.values())
    if items is None or options or a.m.node(items[0]).array.rank:
        a.m.refuse(
            "A product of complex numbers is translated for a vector whose length is known.",
            "Write the loop.",
        )
    total: Value = 1.0
    for real, imag in zip(items, a.m.items(x.imag), strict=True):
        total = arithmetic.multiply(a, Complex(real, imag), total)
    return total


def _is_complex_object(_: Algebra, __: Sequence[Value], ___: Named) -> Value:
    return True


FUNCTIONS: dict[Any, Function] = {
    **parts.FUNCTIONS,
    **creation.FUNCTIONS,
    **transforms.FUNCTIONS,
    np.add: _operator(_OPERATOR.add),
    np.subtract: _operator(_OPERATOR.sub),
    np.multiply: _operator(_OPERATOR.mul),
    np.divide: _operator(_OPERATOR.truediv),
    np.negative: _operator(_OPERATOR.neg),
    np.positive: _operator(_OPERATOR.pos),
    np.power: _operator(_OPERATOR.pow),
    pow: _operator(_OPERATOR.pow),
    np.equal: _operator(_OPERATOR.eq),
    np.not_equal: _operator(_OPERATOR.ne),
    builtins.abs: _unary(arithmetic.absolute),
    np.abs: _unary(arithmetic.absolute),
    np.angle: _angle,
    np.real: _unary(_real),
    np.imag: _imag,
    np.conjugate: _unary(arithmetic.conjugate),
    np.square: _unary(arithmetic.square),
    np.sqrt: _unary(arithmetic.sqrt),
    np.exp: _unary(arithmetic.exp),
    np.log: _unary(arithmetic.log),
    np.sin: _unary(arithmetic.sin),
    np.cos: _unary(arithmetic.cos),
    np.tan: _unary(arithmetic.tan),
    np.sinh: _unary(arithmetic.sinh),
    np.cosh: _unary(arithmetic.cosh),
    np.tanh: _unary(arithmetic.tanh),
    cmath.sqrt: _python(arithmetic.sqrt),
    cmath.exp: _python(arithmetic.exp),
    cmath.log: _python(arithmetic.log),
    cmath.sin: _python(arithmetic.sin),
    cmath.cos: _python(arithmetic.cos),
    cmath.tan: _python(arithmetic.tan),
    cmath.sinh: _python(arithmetic.sinh),
    cmath.cosh: _python(arithmetic.cosh),
    cmath.tanh: _python(arithmetic.tanh),
    cmath.phase: _python(arithmetic.angle),
    np.isnan: _quantified(np.isnan, _OPERATOR.or_),
    np.isinf: _quantified(np.isinf, _OPERATOR.or_),
    np.isfinite: _quantified(np.isfinite, _OPERATOR.and_),
    np.zeros_like: _like(np.zeros_like),
    np.ones_like: _like(np.ones_like),
    np.empty_like: _like(np.empty_like),
    np.full_like: _like(np.full_like),
    np.linalg.norm: _norm,
    np.var: _variance,
    np.std: _deviation,
    np.prod: _prod,
    builtins.sum: _sum,
    np.iscomplexobj: _is_complex_object,
}

_ALWAYS = frozenset(
    (
        *transforms.FUNCTIONS,
        *(f for f in FUNCTIONS if getattr(f, "__module__", "") == "cmath"),
        np.imag,
        np.angle,
    )
)
"""Functions that are this room's whatever their arguments are."""

_BY_PARTS = (
    "reshape ravel flatten transpose swapaxes squeeze repeat take diagonal trace sum mean cumsum"
    " copy item"
)

METHODS: dict[str, Any] = {
    "conj": np.conjugate,
    "conjugate": np.conjugate,
    "dot": np.dot,
    "var": np.var,
    "std": np.std,
    "prod": np.prod,
    "astype": None,
    "fill": None,
    **dict.fromkeys(_BY_PARTS.split()),
}
"""The methods of complex arrays, as functions; None for those that work on each part."""


def makes_complex(m: Machine, args: Sequence[Value], kwargs: Named) -> bool:
    """Whether `.astype(...)` is to a complex dtype."""
    dtype = args[0] if args else kwargs.get("dtype")
    return dtype is not None and creation.part_dtype(m, dtype) is not None


def astype(m: Machine, value: Value, args: Sequence[Value], kwargs: Named) -> Value:
    """`value.astype(dtype)` from or to a complex dtype."""
    return creation.converted(m, value, args, kwargs)


def method(m: Machine, owner: Complex, name: str, args: Sequence[Value], kwargs: Named) -> Value:
    """`owner.name(...)`."""
    from codegen_ad.frontend.arrays.access import attribute

    if name == "astype":
        return astype(m, owner, args, kwargs)
    if name == "fill":
        write(m, owner, args[0])
        return None
    if METHODS[name] is not None:
        return m.call(Outside(METHODS[name], ()), [owner, *args], kwargs)
    if any(v is not None for k, v in kwargs.items() if k in ("initial", "out", "dtype")):
        m.refuse(
            f"`{m.text()}` of a complex array takes no such option here.",
            "Apply it to `.real` and `.imag`.",
        )
    found = [m.call(attribute(m, part, name), args, kwargs) for part in owner]
    return Complex(found[0], found[1])
