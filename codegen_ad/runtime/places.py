"""Which integers of a compiled function are places in arrays, by numba's form of the function.

A place is a sum or product that ends in an index or in the bounds of a loop, and that no element
of an array went into. It always fits, and the compiler may know so. All other integers are numbers
of the user's, which go round.

numba and numba-cuda each have their own classes for a function's form and for its types.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

_ORDERS = ("slice", "min", "max", "selp", "int64", "intp", "uint64", "uintp")
"""Calls that hand on what they are given."""


@dataclass(frozen=True, slots=True)
class Form:
    """The classes of one compiler.

    Attributes
    ----------
    ir : the module of a function's statements and expressions.
    types : the module of types.
    """

    ir: Any
    types: Any


@cache
def form_of_numba() -> Form:
    """What numba is made of."""
    return Form(import_module("numba.core.ir"), import_module("numba.core.types"))


def places(blocks: Mapping[int, Any], typed: Mapping[str, Any], form: Form) -> set[str]:
    """Return the names of variables that are places, of a function's blocks and types of names."""
    known = _Flow(typed, form)
    for block in blocks.values():
        for statement in block.body:
            known.read(statement)
    return _reached(known.bounds, known.made_of) - _reached(known.elements, known.used_for)


def may_not_fit(expr: Any) -> str | None:
    """Return LLVM's name of a sum, difference or product, in place or not; None of all else."""
    if expr.op not in ("binop", "inplace_binop"):
        return None
    name = (expr.fn if expr.op == "binop" else expr.immutable_fn).__name__
    return name if name in ("add", "sub", "mul") else None


class _Flow:
    """What variables are made of, and which are indices, bounds and elements of arrays."""

    def __init__(self, typed: Mapping[str, Any], form: Form) -> None:
        self.typed = typed
        self.ir, self.types = form.ir, form.types
        self.made_of: dict[str, set[str]] = defaultdict(set)  # by what a place may be moved by
        self.used_for: dict[str, set[str]] = defaultdict(set)
        self.bounds: set[str] = set()
        self.elements: set[str] = set()
        self.called: dict[str, Any] = {}

    def read(self, statement: Any) -> None:
        if isinstance(statement, self.ir.SetItem):
            self.bounds.add(statement.index.name)
        elif isinstance(statement, self.ir.StaticSetItem):
            index: Any = statement.index_var
            self.bounds.update([] if index is None else [index.name])
        elif isinstance(statement, self.ir.Assign):
            self._assigned(statement.target.name, statement.value)

    def _assigned(self, name: str, value: Any) -> None:
        if isinstance(value, self.ir.Var):
            self._moves(name, [value])
        elif isinstance(value, (self.ir.Global, self.ir.FreeVar)):
            self.called[name] = value.value
        elif isinstance(value, self.ir.Expr):
            self._expression(name, value)

    def _expression(self, name: str, value: Any) -> None:
        for other in value.list_vars():
            self.used_for[other.name].add(name)
        match value.op:
            case "binop" | "inplace_binop" if may_not_fit(value):
                self._moves(name, [value.lhs, value.rhs])
            case "build_tuple" | "phi" | "cast" | "exhaust_iter" | "static_getitem":
                self._moves(name, value.list_vars())
            case "call":
                self._called(name, value)
            case "getattr" if isinstance(self.called.get(value.value.name), ModuleType):
                self.called[name] = getattr(self.called[value.value.name], value.attr, None)
            case _:
                pass
        if value.op in ("getitem", "static_getitem"):
            index = value.index if value.op == "getitem" else value.index_var
            if index is not None:
                self.bounds.add(index.name)
            if isinstance(self.typed.get(name), self.types.Number):
                of_array = isinstance(self.typed.get(value.value.name), self.types.Array)
                self.elements.update([name] if of_array else [])

    def _called(self, name: str, value: Any) -> None:
        function = self.called.get(value.func.name)
        if function is range or hasattr(function, "py_func"):
            self.bounds.update(a.name for a in value.list_vars())
        elif getattr(function, "__name__", None) in _ORDERS:
            self._moves(name, value.args)

    def _moves(self, name: str, others: Iterable[Any]) -> None:
        for other in others:
            self.made_of[name].add(other.name)
            self.used_for[other.name].add(name)


def _reached(starts: Iterable[str], onward: Mapping[str, set[str]]) -> set[str]:
    """The names that can be reached from these, and these."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(onward.get(name, ()))
    return found
