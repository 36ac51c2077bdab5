"""What the user requires of data: the number of the first failure, tested once it is known.

The number is found where the checks stand, and the exception raised after their loops, because a
loop that may raise does not use vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.node import Checks
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import Apply, Expr, If, Let, Note, Number, Raise, Statement, walk
from codegen_ad.plan.scope import Stored
from codegen_ad.plan.tidying.rename import expressions, names_in, written


def statements(checks: Checks, found: Sequence[Expr | Stored]) -> list[Statement]:
    """The tests of a program's checks, given its code and the values that messages show."""
    scalars: list[Expr] = []
    for value in found:
        assert not isinstance(value, Stored)
        scalars.append(value)
    code, *values = scalars
    made: list[Statement] = []
    for number, failure in enumerate(checks.failures, 1):
        note = Note(failure.origin)
        shown = tuple(values[i] for i in failure.shown)
        raised = Raise(failure.exception, failure.message, shown, note)
        condition = Apply("equal", (code, Number(str(number), DType.INT64)), DType.BOOL)
        made.append(If(condition, [raised], [], Note()))
    return made


def insert(body: list[Statement], tests: Sequence[Statement]) -> None:
    """Put the tests behind the last statement of `body` that makes what they read."""
    read = {n for s in walk(list(tests)) for e in expressions(s) for n in names_in(e)}
    last = -1
    for place, statement in enumerate(body):
        if any(_makes(inner, read) for inner in walk([statement])):
            last = place
    body[last + 1 : last + 1] = tests


def _makes(statement: Statement, names: set[str]) -> bool:
    return (isinstance(statement, Let) and statement.name in names) or any(
        name in names for name in written(statement)
    )
