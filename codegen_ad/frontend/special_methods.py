"""Operators and built-in functions on objects whose class has methods for them: `__add__`.

An object is one of a dataclass, or a named tuple whose class has an operator of its own. What the
class does not say, Python says: objects are true, and equal to themselves alone.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.calls import inherited
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, Bound, Outside, Record
from codegen_ad.ir.dims import Dim

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

MISSING = object()
"""What there is where no class says anything."""

_REFLECTED: dict[Callable[..., Any], tuple[str, str]] = {
    **{
        getattr(operator, f"{name}{'_' if name in ('and', 'or') else ''}"): (
            f"__{name}__",
            f"__r{name}__",
        )
        for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and",
                     "or", "xor", "lshift", "rshift")
    },
    operator.lt: ("__lt__", "__gt__"),
    operator.le: ("__le__", "__ge__"),
    operator.gt: ("__gt__", "__lt__"),
    operator.ge: ("__ge__", "__le__"),
    operator.eq: ("__eq__", "__eq__"),
    operator.ne: ("__ne__", "__ne__"),
}  # fmt: skip
_UNARY: dict[Callable[..., Any], str] = {
    operator.neg: "__neg__",
    operator.pos: "__pos__",
    operator.invert: "__invert__",
}
_FUNCTIONS: dict[object, str] = {
    abs: "__abs__", len: "__len__", float: "__float__", int: "__int__", round: "__round__",
    math.floor: "__floor__", math.ceil: "__ceil__", math.trunc: "__trunc__", str: "__str__",
    repr: "__repr__", iter: "__iter__", hash: "__hash__", reversed: "__reversed__",
    divmod: "__divmod__", format: "__format__", operator.index: "__index__",
}  # fmt: skip


def own(value: Value, name: str) -> FunctionType | None:
    """The method of that name that the class of an object defines in Python, if it is one."""
    cls: Any = value.cls if isinstance(value, Record) else type(value)
    if not isinstance(value, Record) and not (isinstance(value, tuple) and hasattr(cls, "_fields")):
        return None
    found = inspect.getattr_static(cls, name, None)
    return found if isinstance(found, FunctionType) else None


def is_generated(function: FunctionType) -> bool:
    """Whether `dataclasses` wrote a method."""
    inner = inspect.unwrap(function)
    return inner.__code__.co_filename == "<string>" or inner.__module__ == "dataclasses"


def called(m: Machine, value: Value, name: str, *args: Value) -> Value:
    """What a method that the user wrote gives, or MISSING."""
    found = own(value, name)
    if found is None or is_generated(found):
        return MISSING
    cls: Any = value.cls if isinstance(value, Record) else type(value)
    return m.call(Bound(inherited.method(m, cls, name), (value,)), list(args), {})


def operated(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value:
    """What an operator gives by the methods of its operands' classes, or MISSING."""
    if not any(
        isinstance(a, Record) or (type(a) is not tuple and isinstance(a, tuple)) for a in args
    ):
        return MISSING
    found = _by_methods(m, function, args)
    if found is MISSING and any(isinstance(a, Record) for a in args):
        shown = " and ".join(f"`{a.cls.__name__}`" for a in args if isinstance(a, Record))
        m.refuse(
            f"`{m.text()}` has no meaning for an object of {shown}.",
            "Use its attributes, or define the operator in its class.",
        )
    return found


def augmented(m: Machine, function: Callable[..., Any] | None, old: Value, value: Value) -> Value:
    """What `old op= value` gives where a class says so: by `__iadd__` and kin, else as `op`."""
    asked = cast("Callable[..., Any]", operator.matmul) if function is None else function
    if asked in _REFLECTED:
        name = _REFLECTED[asked][0].replace("__", "__i", 1)
        found = called(m, old, name, value)
        if found is not MISSING and not _declines(found):
            return found
    return operated(m, asked, [old, value])


def _by_methods(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value:
    if len(args) == 1:
        return called(m, args[0], _UNARY[function]) if function in _UNARY else MISSING
    if function not in _REFLECTED:
        return MISSING
    (left, right), (name, reflected) = args, _REFLECTED[function]
    ways = [(left, name, right), (right, reflected, left)]
    if _first_asked(left, right, reflected):
        ways.reverse()
    for owner, method, other in ways:
        if owner is right and isinstance(left, Array) and not isinstance(right, Record):
            continue  # NumPy takes a tuple as an array
        if owner is right and isinstance(left, Array) and _is_array_like(m, left, right):
            m.refuse(
                f"`{m.text()}` is NumPy's: it calls a method for each element of an array.",
                f"Write the object first, or call its `{method}`.",
            )
        found = called(m, owner, method, other)
        if found is not MISSING and not _declines(found):
            return found
    return MISSING


def _is_array_like(m: Machine, left: Array, right: Value) -> bool:
    """Whether NumPy goes through elements where a number or an array of it stands first."""
    several = m.type_of(left).rank > 0 or bool(left.boxed)
    sequence = own(right, "__len__") is not None or own(right, "__getitem__") is not None
    return several or (sequence and not left.weak)


def _first_asked(left: Value, right: Value, reflected: str) -> bool:
    """Whether Python asks the right operand first: its class is derived from the other's."""
    one, other = _class(left), _class(right)
    derived = one is not other and issubclass(other, one)
    return derived and own(right, reflected) is not own(left, reflected)


def _class(value: Value) -> type[Any]:
    return value.cls if isinstance(value, Record) else type(cast("Any", value))


def _declines(found: Value) -> bool:
    return isinstance(found, Outside) and found.object is NotImplemented


def built_in(m: Machine, function: object, args: Sequence[Value]) -> Value:
    """What a built-in function of an object gives, by its class; MISSING for all else."""
    if not args or not isinstance(args[0], Record | tuple) or function not in _FUNCTIONS:
        return MISSING
    owner = cast("Value", args[0])
    found = called(m, owner, _FUNCTIONS[function], *args[1:])
    if found is MISSING and isinstance(owner, Record):
        m.refuse(
            f"`{m.text()}` asks for what an object of `{owner.cls.__name__}` is as a whole.",
            "Use its attributes.",
        )
    return found


def truth(m: Machine, value: Value) -> Value:
    """The truth of an object as a value: by `__bool__`, by its length, or True; else MISSING."""
    if not isinstance(value, Record):
        return MISSING
    found = called(m, value, "__bool__")
    if found is not MISSING:
        return found
    length = called(m, value, "__len__")
    if length is MISSING:
        return True
    return length if isinstance(length, Array | Dim) else bool(length)
