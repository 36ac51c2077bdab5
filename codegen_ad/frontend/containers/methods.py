"""The methods of lists, dicts, tuples, strings and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.errors import UnknownFunction
from codegen_ad.frontend import binding
from codegen_ad.frontend.containers import filling, rows
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import (
    Cell,
    Dict,
    DictView,
    List,
    Rows,
)
from codegen_ad.frontend.words import count

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

from codegen_ad.frontend.calls.builtin_functions import static_call
from codegen_ad.frontend.calls.sorting import sorted_

Args = Sequence[Value]
Named = Mapping[str, Value]


def call_method(m: Machine, owner: Value, name: str, args: Args, kwargs: Named) -> Value:
    """A method of a list, dict, tuple, string or number."""
    raw: Any = owner
    match owner:
        case List(cell):
            found = _list_method(m, owner, name, args, kwargs)
        case Dict(cell):
            found = _dict_method(m, cell, name, args, kwargs)
        case tuple():
            found = _tuple_method(m, cast("Any", owner), name, args, kwargs)
        case str() | bool() | int() | float() | np.generic():
            method = getattr(raw, name, None)
            found = _MISSING if method is None else static_call(method)(m, args, kwargs)
        case _:
            found = _MISSING
    if found is _MISSING:
        m.refuse(
            f"codegen_ad does not know the method `{name}` of {m.describe(raw)}.",
            "Use an array, or a loop.",
            error=UnknownFunction,
        )
    return found


_MISSING = object()


def _list_method(m: Machine, owner: List, name: str, args: Args, kwargs: Named) -> Value:
    items = m.store[owner.cell]
    if name not in ("index", "count", "copy"):
        binding.own(m, owner.cell)
    if isinstance(items, Rows):
        return _rows_method(m, owner, items, name, args)
    match name, len(args):
        case "append", 1:
            m.store[owner.cell] = (*items, args[0])
            return None
        case "extend", 1:
            m.store[owner.cell] = (*items, *m.items(args[0], "argument of extend"))
            return None
        case "insert", 2:
            place = m.static(args[0], "position")
            changed = list(items)
            changed.insert(place, args[1])
            m.store[owner.cell] = tuple(changed)
            return None
        case "pop", _:
            place = m.static(args[0], "position") if args else -1
            if not -len(items) <= place < len(items):
                m.refuse(
                    f"The list has {count(len(items), 'item')}, and this takes out number {place}.",
                    "Take out an item that is there.",
                )
            changed = list(items)
            found = changed.pop(place)
            m.store[owner.cell] = tuple(changed)
            return found
        case "reverse", 0:
            m.store[owner.cell] = items[::-1]
            return None
        case "clear", 0:
            m.store[owner.cell] = ()
            return None
        case "copy", 0:
            return m.list_of(items)
        case "sort", 0:
            m.store[owner.cell] = tuple(m.items(sorted_(m, [owner], kwargs)))
            return None
        case "remove", 1:
            place = cast("int", _tuple_method(m, items, "index", args, {}))
            m.store[owner.cell] = (*items[:place], *items[place + 1 :])
            return None
        case (("index" | "count"), _):
            return _tuple_method(m, items, name, args, {})
        case _:
            return _MISSING


def _rows_method(m: Machine, owner: List, held: Rows, name: str, args: Args) -> Value:
    match name, len(args):
        case "append", 1:
            rows.append(m, owner.cell, held, args[0])
        case "extend", 1:
            rows.extend(m, owner.cell, held, args[0])
        case "copy", 0:
            return rows.get(m, held, slice(None))
        case "pop", 0 if rows.can_pop(m, owner.cell, held):
            return rows.pop(m, held)
        case "clear", 0:
            m.store[owner.cell] = ()
            if rows.is_filled(held):
                m.store[owner.cell] = held
                filling.clear(m, held)
        case _:
            m.refuse(
                f"`{name}` of a list whose length is not known is not translated.",
                "Make it an array first: `np.array(items)`.",
            )
    return None


def _dict_method(m: Machine, cell: Cell, name: str, args: Args, kwargs: Named) -> Value:
    held: dict[Any, Value] = m.store[cell]
    if name in ("setdefault", "update", "pop", "popitem", "clear"):
        binding.own(m, cell)
    match name:
        case "setdefault":
            key = m.static(args[0], "key")
            found = held[key] if key in held else args[1] if len(args) > 1 else None
            m.store[cell] = {**held, key: found}
            return found
        case "update" if all(isinstance(a, Dict) for a in args):
            more = [m.store[a.cell] for a in args if isinstance(a, Dict)]
            m.store[cell] = {**held, **(more[0] if more else {}), **kwargs}
            return None
        case "pop":
            key = m.static(args[0], "key")
            if key not in held and len(args) < 2:
                m.fails(KeyError(key))
            m.store[cell] = {k: v for k, v in held.items() if k != key}
            return held.get(key, args[1] if len(args) > 1 else None)
        case "popitem" if not args:
            if not held:
                m.fails(KeyError("popitem(): dictionary is empty"))
            *_, last = held
            m.store[cell] = {k: v for k, v in held.items() if k != last}
            return (last, held[last])
        case "clear":
            m.store[cell] = {}
            return None
        case "items":
            return DictView(cell, held, "items")
        case "keys":
            return DictView(cell, held, "keys")
        case "values":
            return DictView(cell, held, "values")
        case "get":
            key = m.static(args[0], "key")
            return held.get(key, args[1] if len(args) > 1 else None)
        case "copy":
            return m.dict_of(held)
        case _:
            return _MISSING


def _tuple_method(m: Machine, owner: Any, name: str, args: Args, kwargs: Named) -> Value:
    match name:
        case "_replace":
            try:
                return owner._replace(**kwargs)
            except (TypeError, ValueError) as error:
                m.fails(error)
        case "_asdict":
            return m.dict_of(owner._asdict())
        case "index" | "count":
            plain = m.static(tuple(owner), "sequence")
            try:
                return getattr(plain, name)(*(m.static(a, "value") for a in args))
            except (TypeError, ValueError) as error:
                m.fails(error)
        case _:
            return _MISSING
