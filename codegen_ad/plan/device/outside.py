"""Which names a kernel uses outside of some of its statements.

The planner asks this for each loop and for each group of statements, so names are counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from codegen_ad.plan.device.arrays import NOTHING
from codegen_ad.plan.device.loops import defined, read
from codegen_ad.plan.kernel import Allocate, Expr, For, If, Let, Statement, While, walk
from codegen_ad.plan.tidying.rename import written
from codegen_ad.plan.tidying.uses import exposed


class Uses:
    """The names that the statements of a body read and give values, making arrays not counted."""

    def __init__(self, body: Sequence[Statement]) -> None:
        self._body = list(body)
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

    def leaving(self, statements: Sequence[Statement]) -> set[str]:
        """Those of the shared names whose value here is read outside.

        The same element, computed again in another block, may have the name of another one: a name
        given in inner blocks is left out if everything outside that reads it has it from elsewhere.
        """
        names = self.shared(statements)
        hidden = names & {s.name for s in walk(list(statements)) if isinstance(s, Let)}
        hidden -= {n for s in walk(self._body) for n in written(s)}
        hidden -= {s.name for s in statements if isinstance(s, Let)}
        if hidden:
            rest = _without(self._body, {id(s) for s in statements})
            names -= hidden - exposed(rest)
        return names

    def _inside(self, statements: Iterable[Statement]) -> Counter[str]:
        found = Counter[str]()
        for statement in walk(list(statements)):
            found.update(self._own[id(statement)])
        return found


def _without(body: Sequence[Statement], gone: Collection[int]) -> list[Statement]:
    """A block without some statements in it."""
    found: list[Statement] = []
    for statement in body:
        if id(statement) in gone:
            continue
        match statement:
            case For(body=inner):
                found.append(replace(statement, body=_without(inner, gone)))
            case While(test=test, body=inner):
                test = _without(test, gone)
                found.append(replace(statement, test=test, body=_without(inner, gone)))
            case If(then=then, otherwise=other):
                then = _without(then, gone)
                found.append(replace(statement, then=then, otherwise=_without(other, gone)))
            case _:
                found.append(statement)
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
