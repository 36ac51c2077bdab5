"""Python functions: their text, their parameters, and a run of their body."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.errors import UnknownFunction, UnsupportedSyntax
from codegen_ad.frontend.calls import generators
from codegen_ad.frontend.calls.outer import keep, lend, seen
from codegen_ad.frontend.calls.outside import import_
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control.comprehensions import Comprehension
from codegen_ad.frontend.statements import result
from codegen_ad.frontend.values import (
    Closure,
    Frame,
    Provenance,
)
from codegen_ad.frontend.words import count
from codegen_ad.source import SourceText, source_of

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


_DEEPEST = 24


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
    frame.env |= {"%return": False, "%break": False, "%continue": False}
    frame.depth = m.b.depth
    m.frames.append(frame)
    try:
        if isinstance(tree, ast.Lambda):
            with m.b.at(m.origin(tree.body)):
                return m.evaluate(m, tree.body)
        if generators.is_generator(tree):
            return generators.run(m, frame, tree, lambda: _execute(m, frame, tree))
        _execute(m, frame, tree)
        with m.spot(tree.body[-1]):
            return result(m)
    finally:
        m.frames.pop()


def _execute(m: Machine, frame: Frame, tree: ast.FunctionDef) -> None:
    m.execute(m, tree.body)
    lend(m, frame)
    keep(m, frame, tree)


def call_function(
    m: Machine,
    function: FunctionType,
    path: Provenance,
    args: Sequence[Value],
    kwargs: Mapping[str, Value],
) -> Value:
    """The value of a call of a Python function that was found outside."""
    source, tree = _text_of(m, function)
    here = (*path, ("default", ""))[:-1]
    given = tree.args
    positional = [*given.posonlyargs, *given.args]
    defaults = function.__defaults__ or ()
    names = [a.arg for a in positional[len(positional) - len(defaults) :]]
    fallback = {n: (d, (*here, ("default", n))) for n, d in zip(names, defaults, strict=True)}
    fallback |= {
        n: (d, (*here, ("default", n))) for n, d in (function.__kwdefaults__ or {}).items()
    }
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
            message, _, instead = error.message.partition("\n")
            m.refuse(message, instead, UnknownFunction)
        m.facts.trees[code] = source, parse(source)
    source, tree = m.facts.trees[code]
    if isinstance(tree, ast.AsyncFunctionDef):
        m.refuse("`async def` is not translated.", "Write an ordinary function.")
    return source, tree


def call_closure(
    m: Machine, function: Closure, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    """The value of a call of a function that was defined inside."""
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
    if not m.frame.shared:
        return _run(m, frame, function.node)
    with seen(m, m.frame):
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
            m.refuse(
                f"`{name}` takes {count(len(positional), 'argument')}, and gets {len(args)}.",
                "Pass as many as it has parameters.",
            )
        env[given.vararg.arg] = tuple(args[len(positional) :])
    elif given.vararg is not None:
        env[given.vararg.arg] = ()
    more: dict[str, Value] = {}
    for key, value in kwargs.items():
        if key in env or key not in (*(a.arg for a in given.args), *keyword):
            if given.kwarg is None or key in env:
                m.refuse(
                    f"`{name}` gets an argument `{key}` it has no place for.",
                    "Leave it out, or add it to the parameters.",
                )
            more[key] = value
        else:
            env[key] = value
    if given.kwarg is not None:
        env[given.kwarg.arg] = m.dict_of(more)
    for missing in (*positional, *keyword):
        if missing not in env and missing not in optional:
            m.refuse(
                f"`{name}` is called without its argument `{missing}`.", "Give it a value here."
            )
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
        if isinstance(node, ast.Lambda | Comprehension):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if isinstance(node, ast.alias):
            found.add(node.asname or node.name.partition(".")[0])
        todo.extend(ast.iter_child_nodes(node))
    return frozenset(found)
