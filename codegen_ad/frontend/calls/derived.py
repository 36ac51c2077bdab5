"""Functions as values: their names and parameters, and which argument an item of `wrt` means."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Bound, Closure, Derived, Outside
from codegen_ad.frontend.words import sentence
from codegen_ad.paths import parse

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def place_of(
    m: Machine, function: Value, item: Any, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> tuple[int | str, tuple[str | int, ...], str]:
    """Where an item of `wrt` stands among the arguments, the path within, and its name."""
    text = item if isinstance(item, str) else ""
    steps = cast("tuple[str | int, ...]", item if isinstance(item, tuple) else (item,))
    root, *keys = parse(text) if text else steps
    names = parameters(m, function)
    if isinstance(root, int):
        place: int | str = root + len(names) if root < 0 else root
        what = names[place] if place < len(names) else f"argument {place}"
    else:
        if root not in names and root not in kwargs:
            m.refuse(
                f"The function that is differentiated here has no parameter `{root}`; its "
                f"parameters are {', '.join(names) or 'not known'}.",
                "Name one of them, or its position.",
            )
        what = root
        place = root if root in kwargs else names.index(root)
    if what in kwargs:
        place = what
    if isinstance(place, int) and place >= len(args):
        m.refuse(f"`{what}` is differentiated, and no value is given for it here.", "Pass a value.")
    return place, tuple(keys), text or what


def parameters(m: Machine, function: Value) -> list[str]:
    """The names of a function's parameters, in order; none where they are not known."""
    match function:
        case Closure(node=node):
            given = node.args
            return [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        case Derived(inner):
            return parameters(m, inner)
        case Bound(inner, before, named):
            taken = {name for name, _ in named}
            return [n for n in parameters(m, inner)[len(before) :] if n not in taken]
        case Outside(found):
            try:
                return list(inspect.signature(found).parameters)
            except (TypeError, ValueError):
                return []
        case _:
            m.refuse(
                f"{sentence(m.describe(function))} cannot be differentiated.", "Pass a function."
            )


def name_of(function: Value) -> str:
    """What a program of the function is called."""
    match function:
        case Closure(name=name):
            return name if name.isidentifier() else "function"
        case Derived(inner, method):
            return f"{method}_of_{name_of(inner)}"
        case Bound(inner):
            return name_of(inner)
        case Outside(found):
            if getattr(found, "__codegen_form__", False) is True:
                return f"{found.method}_of_{name_of(Outside(found.derivatives.__wrapped__, ()))}"
            name = getattr(found, "__name__", "function")
            return name if name.isidentifier() else "function"
        case _:
            return "function"
