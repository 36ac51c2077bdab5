"""Iterators: what `zip`, `map` or a generator gives can be gone through once, and is empty then.

What `map` or a generator gives is computed when it is made, in Python when it is asked for. That it
has been gone through is kept in a storage, so that branches know of it; what would see that it was
computed too early is refused. Lists, dicts and arrays are read as they are gone through.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.arrays.access import subscript
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import (
    Array,
    Cell,
    Closure,
    Dict,
    DictView,
    Frame,
    List,
    Once,
    Reversed,
    Rows,
    Zipped,
)
from codegen_ad.ir.node import Node

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


_AGAIN = "Make it where it is used, each time anew."
_LIVE = (Zipped, Reversed, Array)
"""What is read as it is gone through."""


def made(
    m: Machine, of: Value, args: Sequence[Value], *, computed: bool = False, acts: bool = False
) -> Once:
    """A new iterator, of what a function of these arguments goes through.

    What is `computed` is made of the numbers in all arguments; other items are parts of them.
    """
    env: dict[str, Value] = {}
    for arg in args if computed else ():
        if isinstance(arg, Closure) and arg.frame is m.frame:
            env |= _here(m, arg.node)
    return _new(m, of, args, env, computed=computed, acts=acts)


def generated(m: Machine, of: Value, expression: ast.expr, *, acts: bool) -> Once:
    """The iterator of a generator, which looks at its names in every step."""
    roots = named(expression, m.frame).values()
    return _new(m, of, roots, _here(m, expression), computed=True, acts=acts)


def computed_from(
    m: Machine,
    of: Value,
    roots: Iterable[Value],
    frame: Frame | None,
    names: Collection[str],
    *,
    acts: bool,
) -> Once:
    """The iterator of items that are made of these values and of names in a frame."""
    env: dict[str, Value] = {}
    if frame is not None:
        env = {name: value for name, value in frame.env.items() if name in names}
    once = _new(m, of, roots, env, computed=True, acts=acts)
    return replace(once, frame=frame) if frame is not None else once


def _here(m: Machine, node: ast.AST) -> dict[str, Value]:
    """What the names stand for that a generator or a function looks up in this frame each time."""
    if isinstance(node, ast.GeneratorExp):
        parts: list[ast.AST] = [node.elt, *node.generators[1:]]
        parts += [part for g in node.generators for part in (g.target, *g.ifs)]
    else:
        parts = [node]
    inside = [n for part in parts for n in ast.walk(part)]
    bound = {n.arg for n in inside if isinstance(n, ast.arg)}
    bound |= {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names = {n.id for n in inside if isinstance(n, ast.Name)} - bound
    return {name: m.frame.env[name] for name in names if name in m.frame.env}


def watch(m: Machine, *, around: Sequence[Frame] = ()) -> Callable[[], bool]:
    """Look at names and storages; what is returned tells whether something has changed them.

    The names are those that the present frame sees, or those `around` it.
    """
    frames = list(around) or [m.frame]
    while frames[-1].parent is not None and not around:
        frames.append(frames[-1].parent)
    names = [(frame, dict(frame.env)) for frame in frames]
    quiet = {m.log.code, *m.log.cells}  # which check has failed
    store = {cell: held for cell, held in m.store.items() if held is not False}

    def changed() -> bool:
        new = any(
            not name.startswith("%") and before.get(name, frame) is not value
            for frame, before in names
            for name, value in frame.env.items()
        )
        later = {cell: held for cell, held in m.store.items() if cell not in quiet}
        return new or any(later.get(c, held) is not held for c, held in store.items())

    return changed


def named(node: ast.AST, frame: Frame | None) -> dict[str, Value]:
    """What the names in an expression or a function stand for where it is."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    found: dict[str, Value] = {}
    while frame is not None:
        found = {n: v for n, v in frame.env.items() if n in names} | found
        frame = frame.parent
    return found


def _new(
    m: Machine,
    of: Value,
    roots: Iterable[Value],
    env: Mapping[str, Value],
    *,
    computed: bool,
    acts: bool,
) -> Once:
    roots = list(roots)
    inner = [root for root in roots if isinstance(root, Once)]
    store: dict[Cell, Any] = {}
    if computed or not isinstance(of, _LIVE):
        store = {cell: m.store[cell] for cell in _cells(m, roots) if cell in m.store}
    for once in inner:
        store |= once.store
    seen = {c for c, held in store.items() if computed or not isinstance(held, Node)}
    seen = frozenset(seen).union(*(i.seen for i in inner))
    acts = acts or any(i.acts for i in inner)
    once = Once(of, Cell(), len(m.rolled), store, m.frame, env, seen, acts)
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
            inside = named(value.node, value.frame) if closure else {}
            todo.extend(inside.values() if closure else data.parts_of(m, value))


def check_kept(m: Machine, value: Value) -> None:
    """Refuse an iterator that changes something, and is kept for later or never gone through."""
    if isinstance(value, Once) and value.acts:
        m.refuse(
            "Each item that this iterator gives changes something, at the time that it is asked "
            "for.",
            "Write the `for` loop, or a list: `[f(v) for v in items]`.",
        )


def drawn(m: Machine, value: Value, *, whole: bool = False) -> Value:
    """What an iterator goes through, which nothing goes through after this; others as they are.

    Where all items are asked for at once and nothing else happens meanwhile, it is `whole`.
    """
    if not isinstance(value, Once):
        return value
    if not whole:
        check_kept(m, value)
    place = taken(m, value)
    rest = value.of if not place else _rest(m, value.of, place)
    m.store[value.cell] = True
    return rest


def taken(m: Machine, value: Once) -> int:
    """How many items of an iterator have been taken; refused where it can't be gone on with."""
    place = m.store.get(value.cell)
    if not isinstance(place, int) or place is True:
        m.refuse("This iterator is empty by now: something has gone through it before.", _AGAIN)
    if len(m.rolled) > value.depth:
        m.refuse(
            "This iterator is made before the loop: after the first iteration it is empty.", _AGAIN
        )
    if _moved(value.store, m.store) or _moved(value.env, value.frame.env):
        m.refuse(
            "What this iterator goes through has changed since it was made, and it would see that.",
            _AGAIN,
        )
    return int(place)


def _rest(m: Machine, of: Value, place: int) -> Value:
    """What is left of what an iterator goes through."""
    items = m.try_items(of)
    return subscript(m, of, slice(place, None)) if items is None else tuple(items[place:])


def _moved(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> bool:
    return any(after.get(key) is not held for key, held in before.items())


def guard(m: Machine, given: Value) -> Callable[[], None]:
    """Look at what an iterator's items are made of; what is returned refuses if it has changed.

    The lists and dicts among the things gone through may have other items, but not more or fewer.
    """
    seen = given.seen if isinstance(given, Once) else ()
    before = {cell: m.store[cell] for cell in seen if cell in m.store}
    named = given.env if isinstance(given, Once) and given.frame is m.frame else ()
    values = {name: m.frame.env[name] for name in named if name in m.frame.env}
    lengths = _lengths(m, given)

    def check() -> None:
        if _moved(before, m.store) or _moved(values, m.frame.env):
            m.refuse(
                "What this iterator computes its items of is changed while it is gone through.",
                "Make a list of the items first: `list(items)`.",
            )
        if _lengths(m, given) != lengths:
            m.refuse(
                "A list or dict changes its length while it is gone through.",
                "Go through a copy: `list(items)`.",
            )

    return check


def is_live(value: Value) -> bool:
    """Whether its items are those of lists or dicts, which may change while it is gone through."""
    parts = value.parts if isinstance(value, Zipped) else [value]
    parts = [p.of if isinstance(p, Reversed) else p for p in parts]
    return any(isinstance(p, List | Dict | DictView | Zipped) for p in parts)


def _lengths(m: Machine, value: Value) -> list[Any]:
    """How many items the lists, and which keys the dicts among the things gone through have."""
    match value:
        case Once(of) | Reversed(of):
            return _lengths(m, of)
        case Zipped(parts):
            return [_lengths(m, p) for p in parts]
        case Dict() | DictView():
            return list(m.store[value.cell])
        case List(cell) if isinstance(m.store[cell], Rows):
            growth = m.store[cell].growth
            filled = None if growth is None else growth.filled
            return [m.store[cell], None if filled is None else m.store[filled]]
        case List(cell):
            return [len(m.store[cell])]
        case _:
            return []
