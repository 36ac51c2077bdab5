"""What a function returns: flattened to arrays on the way out, and how to rebuild it."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import (
    Array,
    Complex,
    Dict,
    List,
    Maybe,
    Range,
    Record,
    Rows,
    Unbound,
)
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


@dataclass(frozen=True, slots=True)
class OutputArray:
    """The program's output number `index`; `weak` ones were Python numbers."""

    index: int
    weak: bool


@dataclass(frozen=True, slots=True)
class OutputConstant:
    """A value that was known when the function was read."""

    value: object


@dataclass(frozen=True, slots=True)
class OutputSequence:
    """A tuple, list or NamedTuple."""

    cls: type
    items: tuple[OutputTree, ...]


@dataclass(frozen=True, slots=True)
class OutputMapping:
    """A dict, or a dataclass instance by its fields."""

    cls: type
    keys: tuple[Any, ...]
    items: tuple[OutputTree, ...]


OutputTree = OutputArray | OutputConstant | OutputSequence | OutputMapping


def flatten(m: Machine, value: Value, taken: set[str]) -> tuple[list[Node], list[str], OutputTree]:
    """The arrays of a returned value in order, their names, and how to rebuild it."""
    nodes: list[Node] = []
    names: list[str] = []
    tree = _flatten(m, value, "value", nodes, names, taken)
    return nodes, names, tree


def _flatten(
    m: Machine, value: Value, name: str, nodes: list[Node], names: list[str], taken: set[str]
) -> OutputTree:
    raw: Any = value
    match value:
        case None | bool() | str():
            return OutputConstant(value)
        case Array() | Dim() | Range() | int() | float() | np.generic():
            nodes.append(m.node(raw))
            names.append(_free(name, taken | set(names)))
            return OutputArray(len(nodes) - 1, data.is_weak(raw))
        case Unbound():
            m.unbound(value)
        case Maybe():
            there = m.certain(value, "What is returned")
            return _flatten(m, there, name, nodes, names, taken)
        case Complex():
            parts = [
                _flatten(m, v, f"{name}_{k}", nodes, names, taken)
                for k, v in zip(value._fields, value, strict=True)
            ]
            return OutputSequence(complex, tuple(parts))
        case tuple():
            items = cast("tuple[Value, ...]", value)
            keys = getattr(cast("Any", items), "_fields", range(len(items)))
            parts = [
                _flatten(m, v, f"{name}_{k}", nodes, names, taken)
                for k, v in zip(keys, items, strict=True)
            ]
            return OutputSequence(type(items), tuple(parts))
        case List(cell) if isinstance(m.store[cell], Rows):
            m.refuse(
                "The function returns a list whose length is not known.",
                "Return an array: `np.array(items)`.",
            )
        case List(cell):
            parts = [
                _flatten(m, v, f"{name}_{i}", nodes, names, taken)
                for i, v in enumerate(m.store[cell])
            ]
            return OutputSequence(list, tuple(parts))
        case Record(cls) if not is_dataclass(cls):
            m.refuse(
                f"The function returns an object of `{cls.__name__}`, which only that class makes.",
                "Return what it holds, in a tuple, a dict or a dataclass.",
            )
        case Dict(cell) | Record(_, cell):
            held = m.store[cell]
            parts = [
                _flatten(
                    m, v, str(k) if str(k).isidentifier() else f"{name}_{i}", nodes, names, taken
                )
                for i, (k, v) in enumerate(held.items())
            ]
            cls = dict if isinstance(value, Dict) else value.cls
            return OutputMapping(cls, tuple(held), tuple(parts))
        case _:
            m.refuse(
                f"The function returns {m.describe(value)}, which compiled code cannot.",
                "Return numbers and arrays, in tuples, lists, dicts or dataclasses.",
            )


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
