"""Numbers of trips that arguments tell: what a kernel computes of them before its loops."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from codegen_ad.ops import BY_NAME, ELEMENTWISE
from codegen_ad.plan.kernel import Apply, Assign, Expr, Index, Kernel, Let, Number, Statement, Var


def known_integers(
    kernel: Kernel, leaves: Sequence[Any], sizes: Mapping[str, int]
) -> dict[str, int]:
    """The sizes, and the integers of the kernel that follow from them and from its numbers.

    Parameters
    ----------
    leaves : the kernel's arguments, in order; elements of arrays are not looked at.
    sizes : the value of each size symbol.
    """
    known: dict[str, Any] = dict(sizes)
    for parameter, leaf in zip(kernel.parameters, leaves, strict=False):
        if not parameter.rank:
            known[parameter.name] = leaf
    for statement in kernel.body:
        for name, expr in _given(statement):
            value = _evaluate(expr, known)
            if value is None:
                known.pop(name, None)
            else:
                known[name] = value
    return {
        name: int(value) for name, value in known.items() if np.asarray(value).dtype.kind in "iu"
    }


def _given(statement: Statement) -> list[tuple[str, Expr]]:
    match statement:
        case Let(name, expr):
            return [(name, expr)]
        case Assign(names, exprs):
            return list(zip(names, exprs, strict=True))
        case _:
            return []


def _evaluate(expr: Expr, known: Mapping[str, Any]) -> Any:
    """The value of an expression, or None where it takes more than what is known."""
    match expr:
        case Number(text):
            try:
                return np.dtype(expr.dtype.value).type(literal_eval(text))
            except ValueError:  # a name, as that of infinity
                return None
        case Var(name):
            return known.get(name)
        case Index(dim):
            names = set(dim.symbols())
            return dim.evaluate(known) if names.issubset(known) else None
        case Apply("cast", (arg,)):
            value = _evaluate(arg, known)
        case Apply(op, args) if BY_NAME.get(op) in ELEMENTWISE:
            given = [_evaluate(a, known) for a in args]
            if any(g is None for g in given):
                return None
            with np.errstate(all="ignore"):
                value = ELEMENTWISE[BY_NAME[op]].evaluate(*given)
        case _:
            return None
    return None if value is None else np.asarray(value).astype(expr.dtype.value)[()]
