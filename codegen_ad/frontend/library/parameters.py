"""NumPy's signatures as one line of text: `np.sum: a axis=None dtype=None * where=True`."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache

REQUIRED = object()


@dataclass(frozen=True, slots=True)
class Parameters:
    """A signature: the names in order, their defaults, and how many may be given by position."""

    function: str
    names: tuple[str, ...]
    defaults: tuple[object, ...]
    positional: int
    variadic: str | None


@cache
def parse(text: str) -> Parameters:
    """A signature as `np.sum: a axis=None dtype=None * where=True`; `*rest` takes any number."""
    function, _, rest = text.partition(":")
    names: list[str] = []
    defaults: list[object] = []
    positional: int | None = None
    variadic = None
    for part in rest.split():
        if part.startswith("*"):
            positional, variadic = len(names), part[1:] or variadic
            continue
        name, _, default = part.partition("=")
        names.append(name)
        defaults.append(ast.literal_eval(default) if default else REQUIRED)
    count = len(names) if positional is None else positional
    return Parameters(function, tuple(names), tuple(defaults), count, variadic)


def listed(parameters: Parameters) -> str:
    """The parameters as Python shows them."""
    shown = [
        name if default is REQUIRED else f"{name}={default!r}"
        for name, default in zip(parameters.names, parameters.defaults, strict=True)
    ]
    if parameters.variadic is not None:
        shown.insert(parameters.positional, f"*{parameters.variadic}")
    elif parameters.positional < len(shown):
        shown.insert(parameters.positional, "*")
    return ", ".join(shown)
