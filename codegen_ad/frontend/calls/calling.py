"""Calls: of library functions by the table, of Python functions by reading their source."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import math
import sys
from collections.abc import Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.errors import UnknownFunction
from codegen_ad.frontend import special_methods
from codegen_ad.frontend.arrays import ufunc_options
from codegen_ad.frontend.arrays.pointwise import ENTRIES
from codegen_ad.frontend.calls import (
    classes,
    custom,
    inherited,
    math_functions,
    nested,
    one_by_one,
    operators,
    statistics_functions,
)
from codegen_ad.frontend.calls.builtin_functions import BUILTINS
from codegen_ad.frontend.calls.folding import FOLDS
from codegen_ad.frontend.calls.functions import call_closure, call_function
from codegen_ad.frontend.calls.iteration_tools import TOOLS
from codegen_ad.frontend.calls.outside import import_, plain_tuple
from codegen_ad.frontend.complex_numbers import functions as complex_functions
from codegen_ad.frontend.containers import iterators, sets
from codegen_ad.frontend.containers.methods import call_method
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.library import FUNCTIONS, METHODS, handler_of
from codegen_ad.frontend.values import (
    Array,
    ArrayMethod,
    Bound,
    Closure,
    Complex,
    Derived,
    Dict,
    List,
    Once,
    Outside,
    Provenance,
    Record,
)
from codegen_ad.frontend.words import sentence
from codegen_ad.ir.node import TypeMismatch, WrappingIntegers
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def call(m: Machine, function: Value, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    """The value of a call."""
    match function:
        case Closure():
            return call_closure(m, function, args, kwargs)
        case Bound(inner, before, named):
            return call(m, inner, [*before, *args], {**dict(named), **kwargs})
        case Derived():
            return nested.call(m, function, args, kwargs)
        case ArrayMethod(owner, name):
            return _call_method(m, owner, name, args, kwargs)
        case Outside(found, path):
            return _call_outside(m, found, path, args, kwargs)
        case Record() if (method := special_methods.own(function, "__call__")) is not None:
            return call(
                m, inherited.method(m, function.cls, method.__name__), [function, *args], kwargs
            )
        case _:
            m.refuse(
                f"{sentence(m.describe(function))} cannot be called.",
                "Call a function, a class of data or a method.",
            )


def _call_method(
    m: Machine, owner: Value, name: str, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    if isinstance(owner, Complex):
        return complex_functions.method(m, owner, name, args, kwargs)
    if name == "astype" and complex_functions.makes_complex(m, args, kwargs):
        return complex_functions.astype(m, owner, args, kwargs)
    whole = name in ("extend", "update", "join")
    args = [iterators.drawn(m, a, whole=whole) for a in args]
    if name in METHODS and not _is_container(owner):
        return _handled(m, METHODS[name], [owner, *args], kwargs)
    return call_method(m, owner, name, args, kwargs)


def _is_container(owner: Value) -> bool:
    return isinstance(owner, tuple | List | Dict | str | Record)


def _handled(m: Machine, handler: Any, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    try:
        return handler(m, args, kwargs)
    except WrappingIntegers:
        raise
    except TypeMismatch as error:
        m.refuse(
            f"`{m.text()}` has no meaning for these arguments: {error}.",
            "Check the number of axes and the dtypes of the arguments.",
        )


def _call_outside(
    m: Machine, found: Any, path: Provenance, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    given = getattr(found, "__codegen_custom__", None)
    if given is not None:
        return custom.call(m, found, path, args, kwargs)
    if getattr(found, "__codegen_stop_gradient__", False) is True:
        return custom.stop_gradient(m, args, kwargs)
    mark = getattr(found, "__codegen_derivative__", None)
    if isinstance(mark, str):
        return nested.marked(m, mark, path, args, kwargs)
    if getattr(found, "__codegen_form__", False) is True:
        return nested.call(m, nested.form(m, found, path), args, kwargs)
    try:
        if found in _ONE_BY_ONE:
            return _ONE_BY_ONE[found](m, args, kwargs)
        if any(isinstance(a, Once) for a in args) and _is_translated(found):
            args = [iterators.drawn(m, a, whole=found in _ALL_ITEMS) for a in args]
        if found in _OF_PYTHON:
            _bind(m, found, args, kwargs)
        own = special_methods.built_in(m, found, args)
        if own is not special_methods.MISSING:
            return own
        if complex_functions.knows(m, found, args, kwargs):
            return complex_functions.call(m, found, args, kwargs)
        if found in sets.FUNCTIONS and args and sets.is_set(args[0]):
            return sets.FUNCTIONS[found](m, args, kwargs)
        if found in _ITERATORS:
            changed = iterators.watch(m)
            drawn = [iterators.drawn(m, a, whole=True) for a in args]
            of = _handled(m, _OF_PYTHON[found], drawn, kwargs)
            computed = found in _COMPUTING
            return iterators.made(m, of, args, computed=computed, acts=computed and changed())
        if found in _OF_PYTHON:
            return _handled(m, _OF_PYTHON[found], args, kwargs)
        if math_functions.is_of_math(found):
            value = math_functions.known(m, found, args, kwargs)
            if value is not None:
                return value
            args = math_functions.operands(m, found, args, kwargs)
        if found in ENTRIES and found not in FUNCTIONS:
            return _elementwise(m, found, args, kwargs)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
    handler = handler_of(found)
    if handler is not None:
        return math_functions.as_number(m, found, _handled(m, handler, args, kwargs))
    if found is functools.partial:
        return Bound(args[0], tuple(args[1:]), tuple(kwargs.items()))
    if isinstance(found, functools.partial):
        partial = cast("functools.partial[Any]", found)
        inner = import_(m, partial.func, (*path, ("attribute", "func")))
        before = [import_(m, a, (*path, ("attribute", "args"), ("item", str(i))))
                  for i, a in enumerate(partial.args)]  # fmt: skip
        named = {k: import_(m, v, (*path, ("attribute", "keywords"), ("item", k)))
                 for k, v in partial.keywords.items()}  # fmt: skip
        return call(m, inner, [*before, *args], {**named, **kwargs})
    if operators.is_getter(found):
        return operators.called(m, found, args)
    if isinstance(found, MethodType):
        owner = import_(m, found.__self__, (*path, ("attribute", "__self__")))
        inner_path = (*path, ("attribute", "__func__"))
        m.dependencies[inner_path] = None
        return _call_outside(m, found.__func__, inner_path, [owner, *args], kwargs)
    wrapped = getattr(found, "__wrapped__", None)
    if wrapped is not None and hasattr(found, "__codegen_function__"):
        inner_path = (*path, ("attribute", "__wrapped__"))
        m.dependencies[inner_path] = None
        return _call_outside(m, wrapped, inner_path, args, kwargs)
    if isinstance(found, FunctionType):
        if _is_ours(found):
            m.refuse(
                f"`{found.__name__}` of codegen_ad is not for use inside of a function.",
                "Use a derivative: `f.grad(x)`, `codegen_ad.grad(f)(x)`, or vjp, jvp, hessian, …",
            )
        if _foreign(found):
            _unknown(m, found, "codegen_ad has no translation of this function of a library")
        return call_function(m, found, path, args, kwargs)
    if isinstance(found, type):
        if issubclass(found, tuple):
            plain_tuple(m, cast("type[Any]", found))
        if not classes.is_known(cast("type[Any]", found)):
            _unknown(m, found, "objects of this class cannot be made in compiled code")
        return classes.construct(m, cast("type[Any]", found), path, args, kwargs)
    asked = sets.method(m, found, args)
    if asked is not None:
        return asked
    method = inspect.getattr_static(cast("type[Any]", type(found)), "__call__", None)
    if isinstance(method, FunctionType):
        place = (*path, ("attribute", "__class__"), ("attribute", "__call__")) if path else ()
        inner = import_(m, method, place)
        return call(m, inner, [Outside(found, path), *args], kwargs)
    if callable(found):
        _unknown(m, found, "it has no Python source (it is a built-in or a compiled extension)")
    m.refuse(
        f"{sentence(m.describe(Outside(found, path)))} cannot be called.",
        "Call a function, a class of data or a method.",
    )


def _bind(m: Machine, found: Any, args: Sequence[Value], kwargs: Mapping[str, Value]) -> None:
    """Refuse arguments that Python's function does not take."""
    if isinstance(found, FunctionType):
        return  # a getter of ours, called by `sorted`
    try:
        called = inspect.signature(found)
    except ValueError:
        return  # Python does not tell: what takes anything, or looks at its arguments by itself
    try:
        called.bind(*args, **kwargs)
    except TypeError as error:
        m.fails(TypeError(f"{found.__name__}(): {error}"))


def _is_translated(found: Any) -> bool:
    """Whether a function has a meaning here and asks for items, rather than being read."""
    if found in _ITERATORS:
        return False
    return found in _OF_PYTHON or handler_of(found) is not None


_OF_PYTHON = {
    **operators.FUNCTIONS,
    **statistics_functions.FUNCTIONS,
    **FOLDS,
    **BUILTINS,
    **sets.MAKERS,
    **TOOLS,
    **classes.FUNCTIONS,
}
_ITERATORS = frozenset({zip, enumerate, reversed, *FOLDS, *TOOLS} - {functools.reduce})

_ONE_BY_ONE = {iter: one_by_one.iter_, next: one_by_one.next_}

_COMPUTING = frozenset({map, filter, itertools.starmap, itertools.accumulate})
"""Those iterators that compute their items."""

_ALL_ITEMS = frozenset(
    {sum, list, tuple, dict, set, frozenset, sorted, min, max, math.prod, math.fsum}
)
"""Functions that ask for all items at once."""

_WHOLE = (math.floor, math.ceil, math.trunc)


def _elementwise(
    m: Machine, found: Any, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    """A function of the elementwise table."""
    value = ufunc_options.call(m, found, args, kwargs)
    if found in _WHOLE and isinstance(value, Array):
        return m.fresh(make.cast(m.b, m.read(value), DType.INT64), weak=True)
    return value


def _is_ours(function: FunctionType) -> bool:
    ours = (function.__module__ or "").partition(".")[0] == "codegen_ad"
    return ours and not getattr(function, "__codegen_part__", False)


def _foreign(function: FunctionType) -> bool:
    """Whether a function belongs to a library that is known function by function."""
    package = (function.__module__ or "").partition(".")[0]
    standard = package in sys.stdlib_module_names and package != "__main__"
    return standard or package in ("numpy", "scipy")


def _unknown(m: Machine, found: Any, why: str) -> None:
    name = getattr(found, "__name__", type(found).__name__)
    spot = m.spots[-1]
    with m.spot(spot.func if isinstance(spot, ast.Call) else spot):
        m.refuse(
            f"codegen_ad cannot see into `{name}`: {why}.",
            "Compute it outside the function and pass the result in, or give its derivative with "
            "@codegen_ad.custom_derivative.",
            UnknownFunction,
        )
