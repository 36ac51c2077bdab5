"""Planned code made readable: single uses go back into their expression, dead names go.

Nothing moves across a write to what it reads, into a loop, or out of the statement it came from.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Set
from functools import cache

from codegen_ad.ops import BY_NAME, ELEMENTWISE
from codegen_ad.plan.kernel import (
    Accumulate,
    Apply,
    Assign,
    Expr,
    For,
    If,
    Index,
    Kernel,
    Let,
    Load,
    Statement,
    Var,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import (
    dims,
    expressions,
    names_in,
    replace_expressions,
    written,
)

LARGEST_EXPRESSION = 12
"""No expression grows beyond this many operations by putting single uses back."""

LONG = {"where": 3, "cast": 3}
"""Operations whose text is as long as that of several others."""


def tidy(kernel: Kernel) -> None:
    """Inline single uses and remove dead names, until nothing changes."""
    outputs = [o for o in kernel.outputs if not isinstance(o, str)]
    while True:
        uses = _count_uses(kernel.body, outputs)
        changed = _remove_dead(kernel.body, _unused(kernel.body, uses))
        uses = _count_uses(kernel.body, outputs)
        changed |= _inline(kernel.body, uses)
        if not changed:
            return


def remove_unused(kernel: Kernel) -> None:
    """Remove names that nothing uses."""
    outputs = [o for o in kernel.outputs if not isinstance(o, str)]
    while _remove_dead(kernel.body, _unused(kernel.body, _count_uses(kernel.body, outputs))):
        pass


def drop_unused(body: list[Statement], wanted: Set[str]) -> None:
    """Remove names that nothing in a block uses, but those that are wanted outside."""
    while _remove_dead(body, _unused(body, _count_uses(body, [])) - wanted):
        pass


def _unused(body: list[Statement], uses: Counter[str]) -> set[str]:
    return {name for name in _defined(body) if not uses[name]}


def _count_uses(body: list[Statement], outputs: list[Expr]) -> Counter[str]:
    uses: Counter[str] = Counter()
    for statement in walk(body):
        if isinstance(statement, Accumulate):
            for _ in range(3 if statement.how in ("max", "min") else 1):
                _count(statement.expr, uses)
            if isinstance(statement.target, Load):
                _count(statement.target, uses)
        else:
            for expr in expressions(statement):
                _count(expr, uses)
        for dim in dims(statement):
            # An index is spelled where it stands: two uses, so that its name stays.
            for symbol in dim.symbols():
                uses[symbol] += 2
    for expr in outputs:
        _count(expr, uses)
        _count(expr, uses)
    return uses


def _count(expr: Expr, uses: Counter[str]) -> None:
    if isinstance(expr, Apply):
        for arg, times in zip(expr.args, _repetitions(expr.op, len(expr.args)), strict=True):
            for _ in range(times):
                _count(arg, uses)
        return
    if isinstance(expr, Load | Index):
        for name in names_in(expr):
            uses[name] += 2
        return
    for name in names_in(expr):
        uses[name] += 1


@cache
def _repetitions(op: str, count: int) -> tuple[int, ...]:
    """How often the spelling of an operation names each argument."""
    entry = ELEMENTWISE.get(BY_NAME[op])
    if entry is None:
        return (1,) * count
    found = [n.id for n in ast.walk(ast.parse(entry.spelling)) if isinstance(n, ast.Name)]
    return tuple(found.count(letter) for letter in entry.arguments)


def _defined(body: list[Statement]) -> Iterator[str]:
    """Variables that hold a value or a sum, and nothing else."""
    for statement in walk(body):
        match statement:
            case Let(name=name) | Accumulate(target=Var(name=name)):
                yield name
            case _:
                pass


def _remove_dead(body: list[Statement], dead: set[str]) -> bool:
    kept: list[Statement] = []
    changed = False
    for statement in body:
        for block in blocks(statement):
            changed |= _remove_dead(block, dead)
        if not _is_dead(statement, dead):
            kept.append(statement)
    changed |= len(kept) < len(body)
    body[:] = kept
    return changed


def _is_dead(statement: Statement, dead: set[str]) -> bool:
    match statement:
        case Let(name=name) | Accumulate(target=Var(name=name)) | Assign(names=(name,)):
            return name in dead
        case For(body=body):
            return not body
        case If(then=then, otherwise=otherwise):
            return not then and not otherwise
        case _:
            return False


def _inline(body: list[Statement], uses: Counter[str]) -> bool:
    changed = False
    for statement in body:
        for block in blocks(statement):
            changed |= _inline(block, uses)
    position = 0
    while position < len(body):
        statement = body[position]
        if isinstance(statement, Let) and uses[statement.name] == 1:
            target = _only_use(body, position, statement)
            if target is not None:
                replace_expressions(target, lambda e, let=statement: _put(e, let))
                del body[position]
                changed = True
                continue
        position += 1
    return changed


def _only_use(body: list[Statement], position: int, let: Let) -> Statement | None:
    reads = set(names_in(let.expr))
    for statement in body[position + 1 :]:
        if any(let.name in names_in(e) for e in expressions(statement)):
            return statement if _fits(let, statement) else None
        for inner in walk([statement]):
            if not reads.isdisjoint(written(inner)):
                return None
    return None


def _fits(let: Let, statement: Statement) -> bool:
    if isinstance(statement, Accumulate) and let.name in names_in(statement.target):
        return False
    if isinstance(let.expr, Load | Var):
        return True
    total = _operations(let.expr) + sum(map(_operations, expressions(statement)))
    same = let.note == statement.note
    return same and total <= LARGEST_EXPRESSION


def _operations(expr: Expr) -> int:
    if not isinstance(expr, Apply):
        return 0
    return LONG.get(expr.op, 1) + sum(map(_operations, expr.args))


def _put(expr: Expr, let: Let) -> Expr:
    match expr:
        case Var(name) if name == let.name:
            return let.expr
        case Apply(op, args, dtype):
            return Apply(op, tuple(_put(a, let) for a in args), dtype)
        case _:
            return expr
