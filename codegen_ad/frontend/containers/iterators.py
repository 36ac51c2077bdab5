"""Iterators: what `zip`, `map` or a generator gives can be gone through once, and is empty then.

What an iterator goes through is found when it is made. That it has been gone through is kept in a
storage, so that branches know of it; what would see that it was found too early is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, Cell, Closure, Frame, Once, Reversed, Zipped

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def made(m: Machine, of: Value, args: Sequence[Value]) -> Once:
    """A new iterator, of what a function of these arguments goes through."""
    return _new(m, of, args, {})


def generated(m: Machine, of: Value, expression: ast.expr) -> Once:
    """The iterator of a generator, which looks at its names in every step."""
    env = _named(expression, m.frame)
    return _new(m, of, env.values(), {n: v for n, v in env.items() if n in m.frame.env})


def _named(node: ast.AST, frame: Frame | None) -> dict[str, Value]:
    """What the names in an expression or a function stand for where it is."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    found: dict[str, Value] = {}
    while frame is not None:
        found = {n: v for n, v in frame.env.items() if n in names} | found
        frame = frame.parent
    return found


def _new(m: Machine, of: Value, roots: Iterable[Value], env: Mapping[str, Value]) -> Once:
    store: dict[Cell, Any] = {}
    if not isinstance(of, Zipped | Reversed | Array):  # which are read as they are gone through
        store = {cell: m.store[cell] for cell in _cells(m, roots) if cell in m.store}
    once = Once(of, Cell(), len(m.rolled), store, m.frame, env)
    m.store[once.cell] = False
    return once


def _cells(m: Machine, roots: Iterable[Value]) -> Iterator[Cell]:
    """The storages that values lead to."""
    todo, seen = list(roots), set[int]()
    while todo:
        value = todo.pop()
        if id(value) not in seen:
            seen.add(id(value))
            cell = getattr(value, "cell", None)
            if isinstance(cell, Cell):
                yield cell
            closure = isinstance(value, Closure)
            inside = _named(value.node, value.frame) if closure else {}
            todo.extend(inside.values() if closure else data.parts_of(m, value))


def drawn(m: Machine, value: Value) -> Value:
    """What an iterator goes through, which nothing goes through after this; others as they are."""
    if not isinstance(value, Once):
        return value
    again = "Make it where it is used, each time anew."
    if m.store.get(value.cell) is not False:
        m.refuse("This iterator is empty by now: something has gone through it before.", again)
    if len(m.rolled) > value.depth:
        m.refuse(
            "This iterator is made before the loop: after the first iteration it is empty.", again
        )
    if _moved(value.store, m.store) or _moved(value.env, value.frame.env):
        m.refuse(
            "What this iterator goes through has changed since it was made, and it would see that.",
            again,
        )
    m.store[value.cell] = True
    return value.of


def _moved(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> bool:
    return any(after.get(key) is not held for key, held in before.items())
