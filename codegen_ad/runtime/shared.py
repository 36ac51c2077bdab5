"""Helpers that many kernels bring along, compiled once in a process.

A kernel's file holds the text of every function that it calls, and a process that has several
kernels (a loss and its curvature, a fit for each of several models) would compile the same text for
each: of a fit by Levenberg and Marquardt's method that is more than half of all that is compiled.
What one kernel has compiled, another takes over where text, options and all that the text refers to
are the same. What cannot be told to be the same is compiled. The lock of numba's compiler guards
what is kept here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from numbers import Number
from types import CodeType, ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray


@contextmanager
def sharing(helpers: Iterable[Any]) -> Generator[None]:
    """Let helpers have what others of the same text were compiled to, and keep what comes of them.

    Machine code on disk names the modules of all functions in it, and a later process may not have
    that of another kernel. So helpers are compiled as functions of this module, each by a name of
    its own: the linker takes two functions of one name for one.
    """
    keys = [(helper, key) for helper in helpers if (key := _key(helper)) is not None]
    homes = [(f.py_func, f.py_func.__module__, f.py_func.__qualname__) for f, _ in keys]
    for helper, key in keys:
        helper.py_func.__module__ = __name__
        digest = hashlib.sha256(repr(key).encode()).hexdigest()
        helper.py_func.__qualname__ = f"{helper.py_func.__name__}_{digest[:16]}"
        for result in _compiled(key).values():
            helper.add_overload(result)
    try:
        yield
    finally:
        for plain, module, name in homes:
            plain.__module__, plain.__qualname__ = module, name
        for helper, key in keys:
            _compiled(key).update(helper.overloads)


@cache
def _compiled(key: Hashable) -> dict[Any, Any]:
    """By types of arguments, what numba made of the helpers that this key stands for."""
    return {}


def _key(function: Any, callers: tuple[Any, ...] = ()) -> Hashable:
    """All that decides what a function is compiled to but types; None where that is not known."""
    plain = function.py_func
    code: CodeType = plain.__code__
    if code.co_freevars or plain.__kwdefaults__:
        return None
    options = tuple(sorted((name, _option(o)) for name, o in function.targetoptions.items()))
    defaults = [_meaning(value, ()) for value in plain.__defaults__ or ()]
    if None in defaults:
        return None
    given = (options, repr(function.locals), tuple(defaults))
    known = plain.__globals__
    meant: list[Hashable] = []
    for name in sorted({n for c in _codes(code) for n in c.co_names if n in known}):
        value = _meaning(known[name], (*callers, function))
        if value is None:
            return None
        meant.append((name, value))
    text = tuple(_text(c) for c in _codes(code))
    return function._compiler.pipeline_class, text, given, tuple(meant)


def _meaning(value: Any, callers: tuple[Any, ...]) -> Hashable:
    """What a name stands for in a function's text; None where two files' cannot be compared."""
    if isinstance(value, ModuleType):
        return "module", value.__name__
    if isinstance(value, (Number, str)):
        return type(value), repr(value)
    if isinstance(value, np.ndarray):
        array = cast("NDArray[Any]", value)
        return "array", array.dtype.str, array.shape, array.tobytes()
    if any(value is caller for caller in callers):  # it calls itself
        return None
    if hasattr(value, "py_func") and hasattr(value, "targetoptions"):
        return _key(value, callers)
    if hasattr(value, "symbol") and hasattr(value, "sig"):  # a function of a library
        return "external", value.symbol, repr(value.sig)
    return None


def _option(value: Any) -> str:
    """An option of numba's, in the same words for the same."""
    words: Any = value
    return " ".join(sorted(words)) if isinstance(value, (set, frozenset)) else repr(value)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield code, and what it holds of other functions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _text(code: CodeType) -> Hashable:
    """What the text says, wherever in a file it stands."""
    constants = tuple("code" if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return (
        code.co_name,
        code.co_code,
        code.co_exceptiontable,
        code.co_names,
        code.co_varnames,
        code.co_argcount,
        code.co_flags,
        constants,
    )
