"""Calls: of library functions by the table, of Python functions by reading their source."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.errors import UnknownFunction, UnsupportedSyntax
from codegen_ad.frontend import custom
from codegen_ad.frontend.arithmetic import ENTRIES, elementwise
from codegen_ad.frontend.builtin_functions import BUILTINS, METHODS_OF
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.library import ATTRIBUTES, FUNCTIONS, METHODS, handler_of
from codegen_ad.frontend.outside import import_
from codegen_ad.frontend.statements import result
from codegen_ad.frontend.values import (
    Array,
    ArrayMethod,
    Bound,
    Cell,
    Closure,
    Dict,
    Frame,
    List,
    Outside,
    Provenance,
    Record,
)
from codegen_ad.ir.node import TypeMismatch
from codegen_ad.source import SourceText, source_of

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

__all__ = ["ATTRIBUTES", "METHODS", "call", "enter", "parse"]

_DEEPEST = 24


def call(
    m: Machine, function: Value, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    """The value of a call."""
    match function:
        case Closure():
            return _call_closure(m, function, args, kwargs)
        case Bound(inner, before, named):
            return call(m, inner, [*before, *args], {**dict(named), **kwargs})
        case ArrayMethod(owner, name):
            return _call_method(m, owner, name, args, kwargs)
        case Outside(found, path):
            return _call_outside(m, found, path, args, kwargs)
        case _:
            m.refuse(f"{m.describe(function).capitalize()} cannot be called.")


def _call_method(
    m: Machine, owner: Value, name: str, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    if isinstance(owner, Array) or (name in METHODS and not isinstance(owner, tuple | List | Dict | str)):
        return _handled(m, METHODS[name], [owner, *args], kwargs)
    return METHODS_OF(m, owner, name, args, kwargs)


def _handled(m: Machine, handler: Any, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    try:
        return handler(m, args, kwargs)
    except TypeMismatch as error:
        m.refuse(f"`{m.text()}` has no meaning for these arguments: {error}.")


def _call_outside(
    m: Machine, found: Any, path: Provenance, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    given = getattr(found, "__codegen_custom__", None)
    if given is not None:
        return custom.call(m, found, path, args, kwargs)
    if getattr(found, "__codegen_stop_gradient__", False) is True:
        return custom.stop_gradient(m, args, kwargs)
    try:
        if found in BUILTINS:
            return _handled(m, BUILTINS[found], args, kwargs)
        if found in ENTRIES and found not in FUNCTIONS:
            return _elementwise(m, found, args, kwargs)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
    handler = handler_of(found)
    if handler is not None:
        return _handled(m, handler, args, kwargs)
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
        if _foreign(found):
            _unknown(m, found, "codegen_ad has no translation of this function of a library")
        return _call_function(m, found, path, args, kwargs)
    if isinstance(found, type):
        return _construct(m, cast("type[Any]", found), path, args, kwargs)
    method = getattr(type(found), "__call__", None)
    if isinstance(method, FunctionType):
        return _call_function(m, method, path, [Outside(found, path), *args], kwargs)
    if callable(found):
        _unknown(m, found, "it has no Python source (it is a built-in or a compiled extension)")
    m.refuse(f"{m.describe(Outside(found, path)).capitalize()} cannot be called.")


def _elementwise(m: Machine, found: Any, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    """A function of the elementwise table; NumPy's ones return no Python numbers."""
    more = {k: v for k, v in kwargs.items() if k != "out" and v is not None}
    if more:
        name = next(iter(more))
        m.refuse(
            f"`{name}=` of `{found.__name__}` is not translated.",
            "Use np.where(condition, result, otherwise), or `.astype(...)` on the result.",
        )
    out = kwargs.get("out")
    if len(args) == len(ENTRIES[found].arguments) + 1:
        *args, out = args
    value = elementwise(m, ENTRIES[found], args, strong=isinstance(found, np.ufunc))
    if out is None:
        return value
    if not isinstance(out, Array):
        m.refuse("`out` must be one array.", "Pass an array.")
    m.write(out, value)
    return out


def _foreign(function: FunctionType) -> bool:
    """Whether a function belongs to a library that is known function by function."""
    return function.__module__.partition(".")[0] in ("numpy", "scipy", "math")


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


def _construct(
    m: Machine, cls: type[Any], path: Provenance, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    if hasattr(cls, "_make") and hasattr(cls, "_fields"):
        defaults = {k: import_(m, v, ()) for k, v in cls._field_defaults.items()}
        given = dict(zip(cls._fields, args, strict=False))
        whole = {**defaults, **given, **kwargs}
        if len(args) > len(cls._fields) or set(whole) != set(cls._fields):
            m.refuse(f"`{cls.__name__}` needs the fields {', '.join(cls._fields)}.")
        return cls._make(whole[f] for f in cls._fields)
    if dataclasses.is_dataclass(cls) and _plain(cls):
        fields = [f for f in dataclasses.fields(cls) if f.init]
        whole = dict(zip((f.name for f in fields), args, strict=False)) | dict(kwargs)
        for f in fields:
            if f.name not in whole and f.default is not dataclasses.MISSING:
                whole[f.name] = import_(m, f.default, ())
        if set(whole) != {f.name for f in fields}:
            m.refuse(f"`{cls.__name__}` needs the fields {', '.join(f.name for f in fields)}.")
        cell = Cell()
        m.store[cell] = {f.name: whole[f.name] for f in fields}
        return Record(cls, cell)
    _unknown(m, cls, "objects of this class cannot be made in compiled code")
    raise AssertionError


def _plain(cls: type[Any]) -> bool:
    return not hasattr(cls, "__post_init__")


# Python functions ---------------------------------------------------------------------------------


def parse(source: SourceText) -> ast.FunctionDef | ast.Lambda:
    """The syntax tree of a function's text."""
    text = source.text
    if text.lstrip().startswith("lambda"):
        tree = ast.parse(f"({text})", mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.expr) and node.lineno == 1:
                node.col_offset -= 1
                if node.end_lineno == 1 and node.end_col_offset is not None:
                    node.end_col_offset -= 1
        assert isinstance(tree.body, ast.Lambda)
        return tree.body
    found = ast.parse(text).body[0]
    assert isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
    return cast("ast.FunctionDef", found)


def enter(
    m: Machine,
    function: FunctionType,
    path: Provenance,
    tree: ast.FunctionDef | ast.Lambda,
    source: SourceText,
    env: dict[str, Value],
) -> Value:
    """Run a Python function's body with its parameters bound, in a frame of its own."""
    return _run(m, frame_for(function, path, tree, source, env), tree)


def frame_for(
    function: FunctionType,
    path: Provenance,
    tree: ast.FunctionDef | ast.Lambda,
    source: SourceText,
    env: dict[str, Value],
) -> Frame:
    """A frame for a Python function, with what it sees outside."""
    cells = function.__closure__ or ()
    closure: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            closure[name] = cell.cell_contents
        except ValueError:
            continue
    return Frame(
        function.__name__, source, env, None, function.__globals__, closure, path,
        _local_names(tree), tree,
    )  # fmt: skip


def _run(m: Machine, frame: Frame, tree: ast.FunctionDef | ast.Lambda) -> Value:
    if sum(f.tree is tree for f in m.frames) >= _DEEPEST or len(m.frames) > 2 * _DEEPEST:
        m.refuse(
            f"`{frame.name}` calls itself without an end that is known before it runs.",
            "Write a loop.",
        )
    m.frames.append(frame)
    try:
        if isinstance(tree, ast.Lambda):
            with m.b.at(m.origin(tree.body)):
                return m.evaluate(m, tree.body)
        m.execute(m, tree.body)
        with m.spot(tree.body[-1]):
            return cast("Value", result(m))
    finally:
        m.frames.pop()


def _call_function(
    m: Machine,
    function: FunctionType,
    path: Provenance,
    args: Sequence[Value],
    kwargs: Mapping[str, Value],
) -> Value:
    source, tree = _text_of(m, function)
    here = (*path, ("default", ""))[:-1]
    given = tree.args
    positional = [*given.posonlyargs, *given.args]
    defaults = function.__defaults__ or ()
    names = [a.arg for a in positional[len(positional) - len(defaults) :]]
    fallback = {n: (d, (*here, ("default", n))) for n, d in zip(names, defaults, strict=True)}
    fallback |= {n: (d, (*here, ("default", n))) for n, d in (function.__kwdefaults__ or {}).items()}
    env = bind_arguments(m, function.__name__, given, args, kwargs, set(fallback))
    for name, (default, place) in fallback.items():
        if name not in env:
            env[name] = import_(m, default, place)
    return enter(m, function, path, tree, source, env)


def _text_of(m: Machine, function: FunctionType) -> tuple[SourceText, ast.FunctionDef | ast.Lambda]:
    """Source and tree of a function, the same objects in every attempt at reading."""
    code = function.__code__
    if code not in m.facts.trees:
        try:
            source = source_of(function)
        except UnsupportedSyntax as error:
            m.refuse(error.message, error=UnknownFunction)
        m.facts.trees[code] = source, parse(source)
    source, tree = m.facts.trees[code]
    if isinstance(tree, ast.AsyncFunctionDef):
        m.refuse("`async def` is not translated.", "Write an ordinary function.")
    return source, tree


def _call_closure(
    m: Machine, function: Closure, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    given = function.node.args
    positional = [*given.posonlyargs, *given.args]
    count = len(positional) - len(function.defaults)
    names = [a.arg for a in positional[count:]]
    fallback = dict(zip(names, function.defaults, strict=True)) | dict(function.kw_defaults)
    env = bind_arguments(m, function.name, given, args, kwargs, set(fallback))
    env = fallback | env
    outer = cast("Frame", function.frame)
    frame = Frame(
        function.name, outer.source, env, outer, outer.globals, outer.closure, outer.path,
        _local_names(function.node), function.node,
    )  # fmt: skip
    return _run(m, frame, function.node)


def bind_arguments(
    m: Machine,
    name: str,
    given: ast.arguments,
    args: Sequence[Value],
    kwargs: Mapping[str, Value],
    optional: set[str],
) -> dict[str, Value]:
    """Parameters by name, as Python binds them; those with defaults may be missing."""
    positional = [a.arg for a in (*given.posonlyargs, *given.args)]
    keyword = [a.arg for a in given.kwonlyargs]
    env: dict[str, Value] = dict(zip(positional, args, strict=False))
    if len(args) > len(positional):
        if given.vararg is None:
            m.refuse(f"`{name}` takes {len(positional)} arguments, and gets {len(args)}.")
        env[given.vararg.arg] = tuple(args[len(positional) :])
    elif given.vararg is not None:
        env[given.vararg.arg] = ()
    more: dict[str, Value] = {}
    for key, value in kwargs.items():
        if key in env or key not in (*(a.arg for a in given.args), *keyword):
            if given.kwarg is None or key in env:
                m.refuse(f"`{name}` gets an argument `{key}` it has no place for.")
            more[key] = value
        else:
            env[key] = value
    if given.kwarg is not None:
        env[given.kwarg.arg] = m.dict_of(more)
    for missing in (*positional, *keyword):
        if missing not in env and missing not in optional:
            m.refuse(f"`{name}` is called without its argument `{missing}`.")
    return env


def _local_names(tree: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """The names that a function binds, not those of functions inside it."""
    found = {a.arg for a in ast.walk(tree.args) if isinstance(a, ast.arg)}
    todo: list[ast.AST] = list(tree.body) if isinstance(tree, ast.FunctionDef) else [tree.body]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        todo.extend(ast.iter_child_nodes(node))
    return frozenset(found)
