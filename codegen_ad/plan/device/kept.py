"""Rows that threads keep: what a fit reads again in every step, it reads once where rows are few.

A thread of a small fit sees the same few rows in each step. Their elements stay in registers, and
the loop over them has a length that is known, so that the rows of a step are computed side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Set
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.loops import defined, parts
from codegen_ad.plan.device.registers import live
from codegen_ad.plan.device.steps import Kept, KeptColumn, Share
from codegen_ad.plan.device.whole import words
from codegen_ad.plan.free import fresh
from codegen_ad.plan.kernel import Apply, Expr, Let, Load, Statement, copied, walk
from codegen_ad.plan.tidying.rename import expressions, names_in, replace_expressions

MOST_WORDS = 64
"""Rows are kept in at most so many of a thread's registers, of which it has 255."""

MOST_IN_ALL = 128
"""So many with the sums, and as many again for the parameters that they are derivatives in."""

MOST_WRITTEN_OUT = 240
"""So many with what each row computes on the way: rows that are written out are mixed."""

MOST_STATEMENTS = 160
"""Loops that have more statements than this, written out row by row, stay loops over memory."""


def kept(
    step: Share, rows: int, sizes: Collection[str], constant: Set[str], taken: set[str]
) -> Kept | None:
    """A shared loop over so many rows a thread, whose elements it keeps; None if they stay.

    Parameters
    ----------
    sizes : the sizes of the data, which are known to fit.
    constant : the arrays that no step writes.
    taken : the names that are in use.
    """
    loop = step.loop
    if loop.extent.is_constant or loop.extent.name not in sizes:
        return None
    body = [copied(s) for s in loop.body]
    known = set(sizes) | {loop.variable}
    places: dict[Load, None] = {}
    for statement in walk(body):
        for load in (e for x in expressions(statement) for e in parts(x) if isinstance(e, Load)):
            symbols = {s for d in load.indices for s in d.symbols()}
            if load.buffer in constant and loop.variable in symbols and symbols <= known:
                places[load] = None
    columns_words = rows * sum(words(p.dtype) for p in places)
    statements = rows * sum(1 for _ in walk(body))
    is_plain = all(p.dtype is not DType.BOOL for p in places)
    held = columns_words + 2 * sum(t.words for t in step.totals)
    is_large = columns_words > MOST_WORDS or held > MOST_IN_ALL
    is_large |= held + rows * (step.words_of_row + live(body)) > MOST_WRITTEN_OUT
    if not places or not is_plain or is_large or statements > MOST_STATEMENTS:
        return None
    row = fresh("row", taken)
    columns = {p: KeptColumn(fresh(f"{p.buffer}_kept", taken), p) for p in places}

    def own(expr: Expr) -> Expr:
        match expr:
            case Load() if expr in columns:
                return Load(columns[expr].name, (Dim.symbol(row),), expr.dtype)
            case Apply(args=args):
                return replace(expr, args=tuple(own(a) for a in args))
            case _:
                return expr

    for statement in walk(body):
        replace_expressions(statement, own)
    always, inside = _parted(body, {c.name for c in columns.values()})
    return Kept(step, rows, row, tuple(columns.values()), always, inside)


def _parted(
    body: list[Statement], own: Set[str]
) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
    """What may be computed for a row that is not there too, and what may not."""
    always: list[Statement] = []
    inside: list[Statement] = []
    later: set[str] = set()
    for statement in body:
        if isinstance(statement, Let) and _is_free(statement.expr, own, later):
            always.append(statement)
        else:
            inside.append(statement)
            later |= defined(statement)
    return tuple(always), tuple(inside)


def _is_free(expr: Expr, own: Set[str], later: Set[str]) -> bool:
    """Whether an expression reads nothing but numbers, and elements that the thread has."""
    if later & set(names_in(expr)):
        return False
    return all(e.buffer in own for e in parts(expr) if isinstance(e, Load))
