"""Which names a kernel uses outside of some of its statements.

The planner asks this for each loop and for each group of statements, so names are counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from codegen_ad.plan.device.arrays import NOTHING
from codegen_ad.plan.device.loops import defined, read
from codegen_ad.plan.kernel import Allocate, Expr, For, If, Let, Statement, While, walk


class Uses:
    """The names that the statements of a body read and give values, making arrays not counted."""

    def __init__(self, body: Sequence[Statement]) -> None:
        self._own: dict[int, set[str]] = {}
        self._count = Counter[str]()
        for statement in walk(list(body)):
            if id(statement) not in self._own:
                self._own[id(statement)] = _names(statement)
            self._count.update(self._own[id(statement)])

    def outside(self, statement: Statement) -> set[str]:
        """The names that are used outside of a statement of the body, or of a block in it."""
        inside = self._inside([statement])
        return {name for name, count in self._count.items() if count > inside[name]}

    def shared(self, statements: Iterable[Statement]) -> set[str]:
        """Those of the names in statements that are used outside of them, too."""
        inside = self._inside(statements)
        return {name for name, count in inside.items() if self._count[name] > count}

    def _inside(self, statements: Iterable[Statement]) -> Counter[str]:
        found = Counter[str]()
        for statement in walk(list(statements)):
            found.update(self._own[id(statement)])
        return found


def header(statement: Statement) -> set[str]:
    """The names in a loop or branch outside its blocks."""
    match statement:
        case For(variable, extent):
            return {variable, *extent.symbols()}
        case While(condition=condition, count=count):
            return {count, *_in(condition)}
        case If(condition=condition):
            return _in(condition)
        case _:
            return set()


def _names(statement: Statement) -> set[str]:
    """The names of a statement without those of the statements in it."""
    if isinstance(statement, Allocate):
        return set()
    if isinstance(statement, For | While | If):
        return header(statement)
    return defined(statement) | read(statement)


def _in(expr: Expr) -> set[str]:
    return read(Let("_", expr, None, NOTHING))
