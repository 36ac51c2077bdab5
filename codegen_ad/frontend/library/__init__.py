"""What the functions of NumPy, `math` and SciPy and the methods of arrays mean, as programs.

Each topic is a module with its own tables. Two spellings of one function share one handler. This
room only builds programs: how Python is read, and how arrays alias, is the interpreter's business.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import cast

from codegen_ad.frontend.context import Handler
from codegen_ad.frontend.library import (
    calculus,
    contractions,
    creation,
    einsum,
    elementwise_extras,
    joining,
    linalg,
    methods,
    padding,
    reductions,
    refused,
    scans,
    shaping,
    special,
    statistics,
)

__all__ = ["ATTRIBUTES", "FUNCTIONS", "METHODS", "handler_of"]

_TOPICS = (
    refused,
    elementwise_extras,
    creation,
    shaping,
    joining,
    padding,
    reductions,
    statistics,
    contractions,
    einsum,
    scans,
    calculus,
    linalg,
)

FUNCTIONS: dict[Callable[..., object], Handler] = {
    cast("Callable[..., object]", function): handler
    for topic in _TOPICS
    for function, handler in topic.FUNCTIONS.items()
}

METHODS: dict[str, Handler] = {
    name: handler
    for tables in (
        refused.METHODS,
        elementwise_extras.METHODS,
        creation.METHODS,
        shaping.METHODS,
        joining.METHODS,
        reductions.METHODS,
        statistics.METHODS,
        contractions.METHODS,
        scans.METHODS,
        methods.METHODS,
    )
    for name, handler in tables.items()
}

ATTRIBUTES: dict[str, Handler] = shaping.ATTRIBUTES


def handler_of(function: object) -> Handler | None:
    """The meaning of a library function, or None if it is not known here.

    Functions of SciPy are known by name, and refused by name, without importing SciPy.
    """
    try:
        found = FUNCTIONS.get(cast("Callable[..., object]", function))
    except TypeError:  # not hashable
        return None
    if found is not None:
        return found
    name = getattr(function, "__name__", "")
    special_module = sys.modules.get("scipy.special")
    if special_module is not None and getattr(special_module, name, None) is function:
        return special.NAMES.get(name) or special.unknown(name)
    module = getattr(function, "__module__", None) or ""
    if module.partition(".")[0] == "scipy":
        return special.unknown(name, module)
    return None
