"""Generators: functions with `yield`, which are run to their end where they are called.

What they give is the iterator of a list. What could tell that from a generator, which runs from
item to item, is refused: a change of what it reads while it is gone through, or by the generator of
what it has given.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from codegen_ad.frontend.containers import filling, iterators
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, Dict, Frame, List, Record

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_SEEN = (
    "A generator has given this array, or a view of it: what goes through the generator would see "
    "the change at that time."
)
_ITEMS = "%items"


def is_generator(tree: ast.FunctionDef | ast.Lambda) -> bool:
    """Whether a function holds `yield` itself."""
    todo: list[ast.AST] = list(tree.body) if isinstance(tree, ast.FunctionDef) else []
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))
    return False


def run(m: Machine, frame: Frame, tree: ast.FunctionDef, body: Callable[[], None]) -> Value:
    """The iterator of what a generator gives; `body` runs it in its frame."""
    roots = [*frame.env.values(), *iterators.named(tree, frame.parent).values()]
    around = [f for f in m.frames if f is not frame]
    outer = frame.parent
    while outer is not None:
        around.append(outer)
        outer = outer.parent
    changed = iterators.watch(m, around=around)
    call = next((s for s in reversed(m.spots) if isinstance(s, ast.expr)), None)
    place = ast.copy_location(ast.List([], ast.Load()), call or tree.body[0])
    items = frame.env[_ITEMS] = filling.written(m, place, [])
    body()
    inside = list(ast.walk(tree))
    outer_names = {name for n in inside if isinstance(n, ast.Nonlocal) for name in n.names}
    outer_names |= {n.id for n in inside if isinstance(n, ast.Name)} - frame.locals
    return iterators.computed_from(m, items, roots, frame.parent, outer_names, acts=changed())


def give(m: Machine, node: ast.Yield | ast.YieldFrom) -> None:
    """`yield value`, `yield from values`, as statements."""
    if isinstance(node, ast.YieldFrom):
        name = "%given"
        inner = ast.Expr(ast.Yield(ast.Name(name, ast.Load())))
        loop = ast.For(ast.Name(name, ast.Store()), node.value, [inner], [])
        for part in ast.walk(loop):
            if not hasattr(part, "lineno"):
                ast.copy_location(part, node)
        m.execute(m, [m.facts.trees.setdefault(("yield from", id(node)), loop)])
        return
    value = None if node.value is None else m.evaluate(m, node.value)
    m.frame.env["%value_given"] = _as_it_is(m, value)
    append = ast.Attribute(ast.Name(_ITEMS, ast.Load()), "append", ast.Load())
    call = ast.Call(append, [ast.Name("%value_given", ast.Load())], [])
    for part in ast.walk(call):
        ast.copy_location(part, node)
    m.evaluate(m, call)
    del m.frame.env["%value_given"]


def _as_it_is(m: Machine, value: Value) -> Value:
    """An array as it is now; nobody may change it later."""
    if type(value) is tuple:
        return tuple(_as_it_is(m, v) for v in value)  # pyright: ignore
    if isinstance(value, List | Dict | Record):
        m.refuse(
            f"A generator that gives {m.describe(value)} is not translated: it may change between "
            "two items.",
            "Give a tuple, `yield a, b`, or an array.",
        )
    if not isinstance(value, Array) or not m.type_of(value).rank:
        return value
    copy = m.fresh(m.read(value))
    m.tangle(copy.cell, value.cell, _SEEN)
    return copy
