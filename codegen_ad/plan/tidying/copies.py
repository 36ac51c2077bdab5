"""Copies that only hand an array on: what a block makes and then copies is made in its place.

The sides of a branch leave their results in one buffer for both, and what a side computes has a
buffer of its own first. Where that is filled as a whole and used nowhere else, and nobody looks at
the common one in between, it is filled in its stead.
"""

from __future__ import annotations

from collections.abc import Mapping

from codegen_ad.plan.kernel import Allocate, Assign, CopyInto, Kernel, Statement, View, blocks, walk
from codegen_ad.plan.tidying.in_place import drop_made
from codegen_ad.plan.tidying.overwritten import overwrites
from codegen_ad.plan.tidying.rename import mentioned, rename_statement
from codegen_ad.plan.tiling.rows import assigned


def make_in_place(kernel: Kernel) -> None:
    """Leave out copies in loops and branches of what is made for them alone."""
    if any(isinstance(s, View) for s in walk(kernel.body)):
        return  # two names for one memory
    made: dict[str, list[Allocate]] = {}
    for statement in walk(kernel.body):
        if isinstance(statement, Allocate):
            made.setdefault(statement.buffer, []).append(statement)
    once = {name: found[0] for name, found in made.items() if len(found) == 1}
    _in_block(kernel, kernel.body, once)


def _in_block(kernel: Kernel, block: list[Statement], made: Mapping[str, Allocate]) -> None:
    for statement in list(block):
        for inner in blocks(statement):
            _in_block(kernel, inner, made)
        if isinstance(statement, CopyInto):
            first = _made_for(kernel, block, statement, made)
            if first is not None:
                _take(kernel, block, statement, first)


def _made_for(
    kernel: Kernel, block: list[Statement], copy: CopyInto, made: Mapping[str, Allocate]
) -> int | None:
    """Where a block begins to make what it copies, if it may do so in the place of the copy."""
    source, target = made.get(copy.source), made.get(copy.target)
    if source is None or target is None or source.fill is not None or source is target:
        return None
    if (source.shape, source.dtype) != (target.shape, target.dtype):
        return None
    if copy.source in kernel.outputs:
        return None
    users = [k for k, s in enumerate(block) if s is not source and _uses([s], copy.source)]
    last = next(k for k, s in enumerate(block) if s is copy)
    if len(users) < 2 or users[-1] != last:
        return None
    between = block[users[0] : last]
    own = {id(s) for s in walk([*between, copy])}
    if any(_uses_itself(s, copy.source) for s in walk(kernel.body) if id(s) not in own):
        return None
    if _uses(between, copy.target) or any(s is target for s in walk(block[users[0] :])):
        return None
    if any(isinstance(s, Assign) and copy.source in mentioned(s) for s in walk(between)):
        return None
    return users[0] if overwrites(block[users[0]], copy.source, source.shape) else None


def _uses_itself(statement: Statement, name: str) -> bool:
    if isinstance(statement, Allocate) and statement.buffer == name:
        return False
    return name in mentioned(statement) or name in assigned(statement)


def _uses(statements: list[Statement], name: str) -> bool:
    return any(_uses_itself(s, name) for s in walk(statements))


def _take(kernel: Kernel, block: list[Statement], copy: CopyInto, first: int) -> None:
    """Make in its place what is copied, from a statement of the block on."""
    for statement in block[first:]:
        if statement is copy:
            break
        rename_statement(statement, lambda n: copy.target if n == copy.source else n)
    block[:] = [s for s in block if s is not copy]
    drop_made(kernel.body, copy.source)
