"""Walks over the structures in which arguments of fits come: containers of arrays and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, cast


def items_of(value: Any) -> list[tuple[str, Any]] | None:
    """What a container holds, with the ends of the expressions that reach it.

    None where the value is no container.
    """
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return [(f"[{key!r}]", item) for key, item in held.items()]
    if isinstance(value, tuple | list):
        items = cast("Sequence[Any]", value)
        return [(f"[{k}]", item) for k, item in enumerate(items)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return [(f".{name}", getattr(value, name)) for name in names]
    return None


def mapped(value: Any, leaf: Callable[[str, Any], Any], where: str = "") -> Any:
    """The same structure of what `leaf` makes of the place of each leaf and the leaf."""
    held = items_of(value)
    if held is None:
        return leaf(where, value)
    found = [mapped(item, leaf, where + end) for end, item in held]
    kind = cast("Any", type(value))
    if isinstance(value, dict):
        return dict(zip(cast("dict[Any, Any]", value), found, strict=True))
    if isinstance(value, tuple | list):
        return kind(*found) if hasattr(kind, "_fields") else kind(found)
    names = (end.removeprefix(".") for end, _ in held)
    return dataclasses.replace(value, **dict(zip(names, found, strict=True)))
