"""Copies that only hand an array on: what a block makes and then copies is made in its place.

The sides of a branch leave their results in one buffer for both, and what a side computes has a
buffer of its own first. Where that is filled as a whole and used nowhere else, and nobody looks at
the common one in between, it is filled in its stead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from codegen_ad.plan.kernel import Allocate, Assign, CopyInto, Kernel, Statement, View, blocks, walk
from codegen_ad.plan.tidying.overwritten import overwrites
from codegen_ad.plan.tidying.rename import mentioned, rename_statement
from codegen_ad.plan.tiling.rows import assigned


def make_in_place(kernel: Kernel) -> None:
    """Leave out copies in loops and branches of what is made for them alone."""
    if any(isinstance(s, View) for s in walk(kernel.body)):
        return  # two names for one memory
    copies = _Copies(kernel)
    copies.leave_out(kernel.body)
    _drop(kernel.body, copies.unused)


class _Copies:
    """What is known of a kernel's arrays: where each is made, and how many statements use it."""

    def __init__(self, kernel: Kernel) -> None:
        made = [s for s in walk(kernel.body) if isinstance(s, Allocate)]
        times = Counter(s.buffer for s in made)
        self._made = {s.buffer: s for s in made if times[s.buffer] == 1}
        self._outputs = kernel.outputs
        self._uses = Counter(name for s in walk(kernel.body) for name in _used(s))
        self.unused: set[str] = set()

    def leave_out(self, block: list[Statement]) -> None:
        """Do so in a block, the blocks in it first."""
        for statement in block:
            for inner in blocks(statement):
                self.leave_out(inner)
        copies = [s for s in block if isinstance(s, CopyInto) and self._are_alike(s)]
        users = _positions(block) if copies else {}
        for copy in copies:
            first = self._first(block, copy, users)
            if first is not None:
                self._take(block, copy, first)
                users = _positions(block)

    def _are_alike(self, copy: CopyInto) -> bool:
        """Whether both arrays are the kernel's own, and one may stand for the other."""
        source, target = self._made.get(copy.source), self._made.get(copy.target)
        if source is None or target is None or source is target or source.fill is not None:
            return False
        same = (source.shape, source.dtype) == (target.shape, target.dtype)
        return same and copy.source not in self._outputs

    def _first(
        self, block: list[Statement], copy: CopyInto, users: dict[str, list[int]]
    ) -> int | None:
        """Where a block begins to make what it copies, if it may do so in the place of the copy."""
        own = users[copy.source]
        last = next(k for k, s in enumerate(block) if s is copy)
        if len(own) < 2 or own[-1] != last:
            return None
        first = own[0]
        if any(first <= k < last for k in users[copy.target]):
            return None
        inside = [s for s in walk(block[first : last + 1]) if copy.source in _used(s)]
        if len(inside) != self._uses[copy.source] or any(isinstance(s, Assign) for s in inside):
            return None
        target, source = self._made[copy.target], self._made[copy.source]
        if any(s is target for s in walk(block[first:])):
            return None
        return first if overwrites(block[first], copy.source, source.shape) else None

    def _take(self, block: list[Statement], copy: CopyInto, first: int) -> None:
        """Make in its place what is copied, from a statement of the block on."""
        for statement in block[first:]:
            if statement is copy:
                break
            rename_statement(statement, lambda n: copy.target if n == copy.source else n)
        block[:] = [s for s in block if s is not copy]
        # All that used the one use the other now, and the copy used both.
        self._uses[copy.target] += self._uses.pop(copy.source) - 2
        self.unused.add(copy.source)


def _positions(block: list[Statement]) -> dict[str, list[int]]:
    """Where in a block each name is used."""
    found: dict[str, list[int]] = {}
    for k, statement in enumerate(block):
        for name in {name for s in walk([statement]) for name in _used(s)}:
            found.setdefault(name, []).append(k)
    return found


def _used(statement: Statement) -> set[str]:
    """The names in a statement, without what is in it; what makes an array does not use it."""
    found = {*mentioned(statement), *assigned(statement)}
    return found - {statement.buffer} if isinstance(statement, Allocate) else found


def _drop(block: list[Statement], unused: Collection[str]) -> None:
    block[:] = [s for s in block if not (isinstance(s, Allocate) and s.buffer in unused)]
    for statement in block:
        for inner in blocks(statement):
            _drop(inner, unused)
