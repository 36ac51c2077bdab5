"""Where what a loop becomes is put, and what the kernel around a loop mentions."""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.plan.kernel import Allocate, For, Kernel, Statement, blocks
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


def names_around(kernel: Kernel, loop: For) -> tuple[set[str], set[str]]:
    """The names that the kernel mentions outside of a loop: all, and those before it."""
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
    for output in kernel.outputs:
        found.update([output] if isinstance(output, str) else names_in(output))
    return found, before or found
