"""Short sums in loops over steps, added up in two variables that take turns.

Each addition waits for the one before it. Where the compiler knows how many there are and writes
them out, that is the time of a step of eight states or so: it may add them in another order, but
once it has joined products and additions (`fma`) it doesn't.
"""

from __future__ import annotations

from collections.abc import Mapping

from codegen_ad.ir.types import DType
from codegen_ad.plan.fixed import is_over_steps
from codegen_ad.plan.free import fresh, names_of
from codegen_ad.plan.kernel import (
    Accumulate,
    Apply,
    Assign,
    For,
    Kernel,
    Number,
    Statement,
    Var,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import expressions, names_in

FEWEST, MOST = 4, 15
"""How many terms a sum has; from 16 on, vectors add it up."""

REMARK = "Two sums take turns, so that fewer additions wait for each other."


def take_turns(kernel: Kernel, fixed: Mapping[str, int]) -> None:
    """Let the sums of loops over `fixed` sizes, inside of loops over steps, take turns."""
    short = {s for s, size in fixed.items() if FEWEST <= size <= MOST}
    if short:
        taken = names_of(kernel)
        for statement in kernel.body:
            _in(statement, short, taken, in_steps=False)


def _in(statement: Statement, short: set[str], taken: set[str], *, in_steps: bool) -> None:
    in_steps |= is_over_steps(statement)
    for block in blocks(statement):
        for inner in list(block):
            _in(inner, short, taken, in_steps=in_steps)
            if in_steps and isinstance(inner, For):
                at = next(k for k, s in enumerate(block) if s is inner)
                before, behind = _turned(inner, short, taken)
                block[at : at + 1] = [*before, inner, *behind]


def _turned(loop: For, short: set[str], taken: set[str]) -> tuple[list[Statement], list[Statement]]:
    """What comes before and behind a loop, of which the sums take turns from now on."""
    before: list[Statement] = []
    behind: list[Statement] = []
    is_plain = not loop.carried and loop.span is None and loop.window is None
    if not is_plain or loop.extent.name not in short or any(_has_loop(s) for s in loop.body):
        return before, behind
    for position, statement in enumerate(loop.body):
        match statement:
            case Accumulate(Var(name, DType.FLOAT64) as total, "sum", expr, note) if (
                expr.dtype is DType.FLOAT64 and _is_alone(loop, name)
            ):
                other = Var(fresh(f"{name}_other", taken), DType.FLOAT64)
                more = Apply("add", (total, expr), DType.FLOAT64)
                loop.body[position] = Assign((name, other.name), (other, more), note)
                zero = Number("0.0", DType.FLOAT64)
                both = Apply("add", (total, other), DType.FLOAT64)
                before.append(Assign((other.name,), (zero,), note))
                behind.append(Assign((name,), (both,), note))
                loop.remark = REMARK
            case _:
                pass
    return before, behind


def _has_loop(statement: Statement) -> bool:
    return any(isinstance(s, For) for s in walk([statement]))


def _is_alone(loop: For, total: str) -> bool:
    """Whether a loop does nothing with a sum but add to it."""
    uses = [n for s in walk(loop.body) for e in expressions(s) for n in names_in(e)]
    return uses.count(total) == 1
