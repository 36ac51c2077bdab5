"""Variables that get one value become names, and names that only repeat a variable go.

A name may be put back into the expression that uses it; a variable that changes may not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from codegen_ad.plan.kernel import (
    Apply,
    Assign,
    Expr,
    Kernel,
    Let,
    Statement,
    Var,
    While,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import expressions, names_in, replace_expressions, written


def name_once(kernel: Kernel, variables: Collection[str]) -> None:
    """Make names of variables that one statement gives a value, and what follows it reads."""
    inside = list(walk(kernel.body))
    given = Counter(n for s in inside for n in written(s) if n in variables)
    once = {name for name, times in given.items() if times == 1}
    read = Counter(n for s in inside for n in _read(s) if n in once)
    read.update(
        n for o in kernel.outputs if not isinstance(o, str) for n in names_in(o) if n in once
    )
    _name_in(kernel.body, once, read, kernel)


def _name_in(
    block: list[Statement], once: set[str], read: Counter[str], kernel: Kernel | None
) -> None:
    for position, statement in enumerate(block):
        for inner in blocks(statement):
            _name_in(inner, once, read, None)
        match statement:
            case Assign(names=(name,), exprs=(expr,), note=note) if name in once:
                behind = sum(n == name for s in walk(block[position + 1 :]) for n in _read(s))
                outputs = () if kernel is None else kernel.outputs
                behind += sum(
                    n == name for o in outputs if not isinstance(o, str) for n in names_in(o)
                )
                if behind == read[name]:
                    block[position] = Let(name, expr, None, note)
            case _:
                pass


def _read(statement: Statement) -> Iterator[str]:
    for expr in expressions(statement):
        yield from names_in(expr)


def drop_aliases(kernel: Kernel, variables: Collection[str]) -> None:
    """Write the variables themselves, where a block names the value of one of them."""
    _in_block(kernel.body, variables, kernel)


def _in_block(block: list[Statement], variables: Collection[str], kernel: Kernel | None) -> None:
    """Inside of a block; `kernel` is given for that of the kernel, whose results are read last."""
    for statement in block:
        # What a test names is read by its condition and by the body, too.
        inside = [statement.body] if isinstance(statement, While) else blocks(statement)
        for inner in inside:
            _in_block(inner, variables, None)
    position = 0
    while position < len(block):
        match block[position]:
            case Let(name=alias, expr=Var(name) as value) if name in variables:
                rest = block[position + 1 :]
                results = () if kernel is None else kernel.outputs
                returned = any(alias in names_in(o) for o in results if not isinstance(o, str))
                if _lasts(rest, alias, name, returned=returned):
                    for statement in walk(rest):
                        replace_expressions(statement, lambda e, a=alias, v=value: _put(e, a, v))
                    if kernel is not None:
                        kernel.outputs = tuple(
                            o if isinstance(o, str) else _put(o, alias, value)
                            for o in kernel.outputs
                        )
                    del block[position]
                    continue
            case _:
                pass
        position += 1


def _lasts(rest: Sequence[Statement], alias: str, variable: str, *, returned: bool) -> bool:
    """Whether a variable changes only behind the last use of its other name."""
    changes = [k for k, s in enumerate(rest) if any(variable in written(i) for i in walk([s]))]
    if not changes:
        return True
    uses = [k for k, s in enumerate(rest) if _uses(s, alias)]
    last = uses[-1] if uses else -1
    # A statement without a block reads all before it changes anything.
    at_once = isinstance(rest[changes[0]], Assign)
    return not returned and (last < changes[0] or (at_once and last == changes[0]))


def _uses(statement: Statement, name: str) -> bool:
    return any(name in names_in(e) for s in walk([statement]) for e in expressions(s))


def _put(expr: Expr, name: str, value: Expr) -> Expr:
    match expr:
        case Var() if expr.name == name:
            return value
        case Apply(args=args):
            return replace(expr, args=tuple(_put(a, name, value) for a in args))
        case _:
            return expr
