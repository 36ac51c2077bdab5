"""Arrays of a row that a thread has no room for: in memory, with the rows along the last axis.

So neighbouring threads, which have neighbouring rows, read and write neighbouring elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.device.loops import parts
from codegen_ad.plan.device.thread import is_small
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Expr,
    For,
    Load,
    Note,
    Statement,
    Store,
    walk,
)
from codegen_ad.plan.tidying.rename import expressions, replace_expressions

Make = Callable[[str, Shape, DType, Note], str]


def moved(
    loop: For,
    inner: Iterable[Statement],
    arrays: Mapping[str, Allocate],
    outside: Set[str],
    sizes: Set[str],
    make: Make,
) -> bool:
    """Put arrays of a loop's rows into memory, those that are large or used in `inner`.

    Parameters
    ----------
    loop : which is changed.
    arrays : what the kernel allocates.
    outside : the names that are used outside of the loop.
    sizes : the names that sizes are made of: arrays of other sizes stay.
    make : makes an array.

    Returns
    -------
    Whether there are any.
    """
    own = [n for n in _named(walk(loop.body)) if n in arrays and n not in outside]
    # Where only sums go, threads add up; an array that each row writes at its place is in memory.
    own = [n for n in own if _is_of_rows(loop, n)]
    wanted = set(_named(walk(list(inner))))
    changed = False
    for name in own:
        array = arrays[name]
        shape = (*array.shape, loop.extent)
        known = all(sizes >= set(d.symbols()) for d in shape)
        if known and (name in wanted or not is_small(array)):
            to = make(f"{name}_rows", shape, array.dtype, array.note)
            _move(loop, name, to)
            changed = True
    return changed


def _named(statements: Iterable[Statement]) -> Iterable[str]:
    """The arrays that statements read and write, each once."""
    found: dict[str, None] = {}
    for statement in statements:
        if isinstance(statement, Store):
            found[statement.buffer] = None
        for expr in expressions(statement):
            found |= {e.buffer: None for e in parts(expr) if isinstance(e, Load)}
    return found


def _is_of_rows(loop: For, name: str) -> bool:
    """Whether rows read an array and write to it at places that do not depend on the row."""
    reads = writes = False
    for statement in walk(loop.body):
        values = expressions(statement)
        if isinstance(statement, Store) and statement.buffer == name:
            writes = True
            if any(loop.variable in d.symbols() for d in statement.indices):
                return False
        if isinstance(statement, Accumulate) and isinstance(statement.target, Load):
            values = values[1:]
        loads = [e for x in values for e in parts(x) if isinstance(e, Load) and e.buffer == name]
        reads |= bool(loads)
        if any(loop.variable in d.symbols() for e in loads for d in e.indices):
            return False
    return reads and writes


def _move(loop: For, name: str, to: str) -> None:
    """Let a loop use another array, which has its rows along one more axis."""
    at = Dim.symbol(loop.variable)

    def change(expr: Expr) -> Expr:
        match expr:
            case Load(buffer, indices) if buffer == name:
                return replace(expr, buffer=to, indices=(*indices, at))
            case Apply(args=args):
                return replace(expr, args=tuple(change(a) for a in args))
            case _:
                return expr

    for statement in walk(loop.body):
        replace_expressions(statement, change)
        if isinstance(statement, Store) and statement.buffer == name:
            statement.buffer, statement.indices = to, (*statement.indices, at)
        if isinstance(statement, Accumulate):
            target = change(statement.target)
            assert not isinstance(target, Apply)
            statement.target = target  # pyright: ignore[reportAttributeAccessIssue]
