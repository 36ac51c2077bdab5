"""What a kernel leaves out, because it tells people something and computes nothing."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Bound, Outside

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_CONTEXTS: tuple[Any, ...] = (np.errstate, np.printoptions, warnings.catch_warnings)
_CALLS: tuple[Any, ...] = (print, warnings.warn, warnings.simplefilter, warnings.filterwarnings)

_LEVELS = ("debug", "info", "warning", "error", "critical", "exception", "log")


def is_told(function: Value) -> bool:
    """Whether a call only prints, logs or warns."""
    if isinstance(function, Bound):
        return is_told(function.function)
    if not isinstance(function, Outside):
        return False
    found: Any = function.object
    module = getattr(found, "__module__", None)
    return any(found is call for call in _CALLS) or (
        module == "logging" and getattr(found, "__name__", "") in _LEVELS
    )


def leave_out(m: Machine, node: ast.expr) -> None:
    """Say in the notes that something is left out."""
    m.remarks[f"`{m.text(node)}` on line {m.line(node)} is left out."] = None


def with_(m: Machine, node: ast.With) -> bool:
    """Whether a `with` only sets what NumPy prints and warns of; then its body is all of it."""
    for item in node.items:
        call = item.context_expr
        if not isinstance(call, ast.Call) or item.optional_vars is not None:
            return False
        found = m.evaluate(m, call.func)
        if not (isinstance(found, Outside) and any(found.object is c for c in _CONTEXTS)):
            return False
        if any(isinstance(k.value, ast.Constant) and k.value.value == "raise"
               for k in call.keywords):  # fmt: skip
            m.refuse(
                "`np.errstate` with `raise` is not translated: arithmetic raises no exceptions.",
                "Check the result: `assert np.all(np.isfinite(y))`.",
            )
        leave_out(m, call)
    return True


def text_of_data(node: ast.expr) -> bool:
    """Whether an expression puts a text together, which may show numbers of the run."""
    match node:
        case ast.JoinedStr():
            return True
        case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod()):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format")):
            return True
        case _:
            return False
