"""What a statement, with those in it, changes and mentions: found out once, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.kernel import Check, CheckRange, For, Raise, Statement, walk
from codegen_ad.plan.tidying.rename import mentioned
from codegen_ad.plan.tiling.rows import UNDERSTOOD, accesses, assigned


@dataclass(frozen=True, slots=True)
class Facts:
    """What is asked of a statement again and again.

    Attributes
    ----------
    statement : what the facts are of; it must not change while they are kept.
    changed : the variables and buffers that are changed or made.
    names : all names that are mentioned or made, loop variables included.
    along : of a loop, the arrays that are touched at places that depend on its variable.
    is_plain : of a loop, whether all that is in it is known to be understood.
    may_raise : of a loop, whether something in it may raise.
    """

    statement: Statement
    changed: frozenset[str]
    names: frozenset[str]
    along: frozenset[str] = frozenset()
    is_plain: bool = False
    may_raise: bool = False


def facts(statement: Statement) -> Facts:
    """What a statement changes and mentions, and of a loop, what it touches in which way."""
    inside = list(walk([statement]))
    changed = frozenset(n for s in inside for n in assigned(s))
    names = changed.union(*(mentioned(s) for s in inside))
    if not isinstance(statement, For):
        return Facts(statement, changed, names)
    variable = statement.variable
    return Facts(
        statement,
        changed,
        names,
        frozenset(b for b, at, _ in accesses(statement.body) if depends(at, variable)),
        all(isinstance(s, UNDERSTOOD) for s in inside),
        any(isinstance(s, Check | CheckRange | Raise) for s in inside),
    )


@dataclass(slots=True)
class Known:
    """The facts of statements that have been asked for."""

    known: dict[int, Facts] = field(default_factory=dict[int, Facts])

    def of(self, statement: Statement) -> Facts:
        """The facts of a statement, which keep it alive and so its identity its own."""
        found = self.known.get(id(statement))
        if found is None:
            found = self.known[id(statement)] = facts(statement)
        return found


def depends(at: Sequence[Dim], variable: str) -> bool:
    """Whether a place depends on a variable."""
    return any(variable in d.symbols() for d in at)
