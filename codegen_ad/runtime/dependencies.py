"""What a kernel depends on besides its arguments, and whether all of it is still the same.

A dependency is a path from the user's function to a value, and the value's fingerprint when the
kernel was built. This module follows paths and compares; it never decides what to depend on.

The steps of a path are pairs of a kind and a name:

=============  ================================================================================
`global`       what a name means in the function's module, its built-ins included
`closure`      the present value of a variable of an enclosing function
`default`      the default of a parameter
`attribute`    an attribute of an object or module
`has`          whether an object or module has an attribute
`item`         an element of a tuple, list or dict; the name is the index or key
`function`     what a method, partial or wrapper calls: `__func__`, `func`, `__wrapped__`, `py_func`
`class`        a class of a module, `module:qualified.name`: the first step of its path
`module`       a module that the function imports by itself: the first step of its path
`layout`       dtype, axes of size 1, order and writability of an array whose content is passed in
=============  ================================================================================
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import CellType, FunctionType, MethodType
from typing import Any, cast

import numpy as np

from codegen_ad.runtime.fingerprint import fingerprint

Step = tuple[str, str | int]
Path = tuple[Step, ...]

KINDS = (
    "global", "closure", "default", "attribute", "has", "item", "function", "class", "module",
    "layout",
)  # fmt: skip
_FUNCTIONS = ("__func__", "func", "__wrapped__", "py_func")


@dataclass(frozen=True, slots=True)
class Dependency:
    """A value that a kernel was built from: the way to it, and what it was."""

    path: Path
    fingerprint: str

    def to_json(self) -> list[object]:
        """Return the dependency in values that JSON can hold."""
        return [[list(step) for step in self.path], self.fingerprint]

    @staticmethod
    def from_json(value: object) -> Dependency:
        """Return the dependency that `to_json` made this of.

        Raises
        ------
        ValueError
            If it isn't one.
        """
        if not isinstance(value, list) or len(parts := cast("list[object]", value)) != 2:
            raise ValueError("not a dependency")
        steps, text = parts
        if not isinstance(steps, list) or not isinstance(text, str):
            raise ValueError("not a dependency")
        return Dependency(tuple(_step(s) for s in cast("list[object]", steps)), text)


def resolve(root: object, path: Path) -> object:
    """Return the value at the end of a path from the user's function.

    Raises
    ------
    LookupError
        If there is no such thing any more.
    """
    value = root
    for step in path:
        value = follow(value, step)
    return value


def manifest(root: object, paths: Iterable[Path]) -> tuple[Dependency, ...]:
    """Return a dependency for each path as things stand, sorted, each path once.

    Raises
    ------
    LookupError
        If a path leads nowhere.
    """
    ordered = sorted(set(paths), key=lambda path: [(kind, str(name)) for kind, name in path])
    return tuple(Dependency(path, fingerprint(resolve(root, path))) for path in ordered)


def holds(root: object, dependencies: Iterable[Dependency]) -> bool:
    """Tell whether every dependency still leads to a value with the same fingerprint."""
    try:
        return all(fingerprint(resolve(root, d.path)) == d.fingerprint for d in dependencies)
    except LookupError:
        return False


def digest(dependencies: Iterable[Dependency], fixed: object = None) -> str:
    """Return the hash, in hexadecimal, that stands for the dependencies in a file name.

    `fixed` are the sizes that a kernel is made for, if it is: others have the same dependencies.
    """
    text = json.dumps([dependency.to_json() for dependency in dependencies])
    text += json.dumps(fixed) if fixed else ""
    return hashlib.sha256(text.encode()).hexdigest()


def follow(value: object, step: Step) -> object:
    """Return what one step leads to, or raise `LookupError`."""
    kind, name = step
    match kind:
        case "global":
            function = _function(value)
            if name in function.__globals__:
                return function.__globals__[str(name)]
            return cast("dict[str, object]", function.__builtins__)[str(name)]
        case "closure":
            return _content(_cell(value, name))
        case "default":
            return _default(_function(value), str(name))
        case "attribute":
            return _attribute(value, str(name))
        case "has":
            return hasattr(value, str(name))
        case "item":
            # A position may have been written down as text.
            key = int(name) if isinstance(value, (tuple, list)) else name
            try:
                return cast("Any", value)[key]
            except (TypeError, IndexError) as error:
                raise LookupError(str(error)) from error
        case "function" if name in _FUNCTIONS:
            return _attribute(value, str(name))
        case "class":
            return named_class(str(name))
        case "module":
            return _module(str(name))
        case "layout":
            if isinstance(value, (np.ndarray, np.generic)):
                array = cast("np.ndarray[Any, Any]", value)
                flags = array.flags
                order = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
                ones = tuple(size == 1 for size in array.shape)
                return f"{array.dtype.str} {ones} {order} {flags.writeable}"
            raise LookupError(f"{type(value).__name__} is not an array")
        case _:
            raise LookupError(f"there is no step {kind!r} {name!r}")


def named_class(name: str) -> object:
    """Return what `module:qualified.name` names, or raise `LookupError`."""
    module, _, qualified = name.partition(":")
    value: object = sys.modules.get(module)
    for part in qualified.split("."):
        value = _attribute(value, part)
    return value


def _module(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise LookupError(str(error)) from error


def _attribute(value: object, name: str) -> object:
    try:
        return getattr(value, name)
    except AttributeError as error:
        raise LookupError(str(error)) from error


def _cell(value: object, name: str | int) -> CellType:
    function = _function(value)
    if name not in function.__code__.co_freevars:
        raise LookupError(f"{function.__qualname__} closes over no {name}")
    return (function.__closure__ or ())[function.__code__.co_freevars.index(str(name))]


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError as error:
        raise LookupError("a closure variable has no value") from error


def _default(function: FunctionType, name: str) -> object:
    keyword = function.__kwdefaults__ or {}
    if name in keyword:
        return keyword[name]
    values = function.__defaults__ or ()
    count = function.__code__.co_argcount
    names = function.__code__.co_varnames[count - len(values) : count]
    if name not in names:
        raise LookupError(f"{function.__qualname__} has no default for {name}")
    return values[names.index(name)]


def _function(value: object) -> FunctionType:
    function = plain_function(value)
    if function is None:
        raise LookupError(f"{type(value).__name__} is not a Python function")
    return function


def plain_function(value: object) -> FunctionType | None:
    """Return the Python function behind bound methods and partials, or None."""
    while not isinstance(value, FunctionType):
        if isinstance(value, MethodType):
            value = value.__func__
        elif isinstance(value, functools.partial):
            value = cast("functools.partial[object]", value).func
        else:
            return None
    return value


def _step(value: object) -> Step:
    match value:
        case [str(kind), str() | int() as name] if kind in KINDS and not isinstance(name, bool):
            return kind, name
        case _:
            raise ValueError("not a step of a path")
