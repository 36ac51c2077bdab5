"""Where what a loop becomes is put, and what the kernel around a loop mentions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen_ad.plan.kernel import Allocate, For, Kernel, Statement, Tiles, While, blocks
from codegen_ad.plan.tidying.rename import mentioned, names_in


def put(
    kernel: Kernel, block: list[Statement], loop: For, top: Statement, made: Sequence[Statement]
) -> None:
    """Put statements in a loop's place; buffers among them before all loops, where sizes are known.

    The loop stands in `block`, in the statement `top` of the kernel's body.
    """
    known = {s.symbol for s in kernel.sizes}
    early: list[Statement] = []
    late: list[Statement] = []
    for statement in made:
        is_early = isinstance(statement, Allocate) and known.issuperset(
            s for d in statement.shape for s in d.symbols()
        )
        (early if is_early else late).append(statement)
    position = next(k for k, s in enumerate(block) if s is loop)
    block[position : position + 1] = late
    if block is kernel.body:
        block[position:position] = early
    else:
        outer = next(k for k, s in enumerate(kernel.body) if s is top)
        kernel.body[outer:outer] = early


@dataclass(slots=True)
class Surroundings:
    """What stands around a loop in a kernel.

    Attributes
    ----------
    names : all names that the kernel mentions outside of the loop.
    before : those mentioned before it, or in a loop around it, whose trips before came there.
    loops : the loops around it, outermost first.
    """

    names: set[str]
    before: set[str]
    loops: tuple[Statement, ...]


def surroundings_of(kernel: Kernel, loop: For) -> Surroundings:
    """What stands around a loop, which may be inside of other loops."""
    path = _path_to(kernel.body, loop)
    outermost = next((k for k, s in enumerate(path) if _repeats(s)), None)
    loops = tuple(s for s in path if _repeats(s))
    found = {p.name for p in kernel.parameters}
    before: set[str] | None = None
    pending = list(reversed(kernel.body))
    while pending:
        statement = pending.pop()
        if statement is loop:
            before = set(found)
            continue
        for block in reversed(list(blocks(statement))):
            pending.extend(reversed(block))
        if not isinstance(statement, Allocate):
            found.update(mentioned(statement))
    before = before or found
    if outermost is not None:
        before |= _mentioned_but_in(path[outermost], loop)
    for output in kernel.outputs:
        found.update([output] if isinstance(output, str) else names_in(output))
    return Surroundings(found, before, loops)


def _repeats(statement: Statement) -> bool:
    return isinstance(statement, For | While | Tiles)


def _path_to(body: Sequence[Statement], loop: For) -> list[Statement]:
    """The statements around a loop, outermost first."""
    for statement in body:
        for block in blocks(statement):
            if any(s is loop for s in block):
                return [statement]
            if inner := _path_to(block, loop):
                return [statement, *inner]
    return []


def _mentioned_but_in(statement: Statement, loop: For) -> set[str]:
    """The names that a statement and those in it mention, except in a loop there."""
    if statement is loop or isinstance(statement, Allocate):
        return set()
    inner = (s for block in blocks(statement) for s in block)
    return set(mentioned(statement)).union(*(_mentioned_but_in(s, loop) for s in inner))
