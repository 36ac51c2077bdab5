"""Memory used again: parts of one statement that follow each other share a buffer.

Only buffers of the kernel's body take part. Where one loop reads the old one for the last time and
fills the new one, each trip has to be done with its element before it writes there. Parts of
different statements have buffers of their own, so that names say what is in them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from codegen_ad.ir.node import Node, Notes, Origin
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.kernel import Allocate, Assign, For, Kernel, Statement, View, walk
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.rename import mentioned, rename_statement
from codegen_ad.plan.tiling.rows import accesses, assigned


def reuse(kernel: Kernel, names: Names, notes: Notes) -> None:
    """Let buffers take the place of others; those of values that the user named keep theirs."""
    kept = _kept(kernel, names, notes.names)
    uses = _uses(kernel)
    made: dict[_Like, list[Allocate]] = {}
    body: list[Statement] = []
    for statement in kernel.body:
        if isinstance(statement, Allocate):
            like = _like(statement, names, notes)
            earlier = made.setdefault(like, []) if like is not None else []
            old = _before(statement, earlier, uses, kept) if _is_large(statement) else None
            if old is not None:
                _take(old, statement, uses)
                continue
            earlier.append(statement)
        body.append(statement)
    kernel.body[:] = body


@dataclass(frozen=True, slots=True)
class _Uses:
    """The statements of a kernel's body that use each buffer, but for the one that makes it.

    `at` are the positions that they have before any is removed; `shown` has the buffers that are
    assigned or viewed.
    """

    body: tuple[Statement, ...]
    at: dict[str, list[int]]
    shown: set[str]


def _uses(kernel: Kernel) -> _Uses:
    uses = _Uses(tuple(kernel.body), {}, set())
    for position, statement in enumerate(kernel.body):
        found: set[str] = set()
        for inner in walk([statement]):
            if isinstance(inner, View | Assign):
                uses.shown.update(mentioned(inner))
            if not isinstance(inner, Allocate):
                found.update(mentioned(inner), assigned(inner))
        for name in found:
            uses.at.setdefault(name, []).append(position)
    return uses


_Like = tuple[Shape, DType, Origin, bool]


def _like(made: Allocate, names: Names, notes: Notes) -> _Like | None:
    """What is the same for parts of one statement of the user's, or of its derivative."""
    if made.buffer not in names.meaning:
        return None
    node = names.meaning[made.buffer][0]
    where = notes.origins.get(node)
    return None if where is None else (made.shape, made.dtype, where, node in notes.gradients)


def _is_large(made: Allocate) -> bool:
    """Whether a buffer is worth sharing: what is in a few numbers should be clear from its name."""
    return made.fill is None and not all(d.is_constant for d in made.shape)


def _kept(kernel: Kernel, names: Names, named: Collection[Node]) -> set[str]:
    """The buffers that nothing else may be written to."""
    kept = {output for output in kernel.outputs if isinstance(output, str)}
    for statement in walk(kernel.body):
        match statement:
            case View(buffer=buffer, source=source):
                kept |= {buffer, source}
            case Assign():
                kept.update(mentioned(statement))
            case Allocate(buffer=buffer):
                meaning = names.meaning.get(buffer)
                if meaning is not None and meaning[0] in named:
                    kept.add(buffer)
            case _:
                pass
    return kept


def _before(
    new: Allocate, earlier: Sequence[Allocate], uses: _Uses, kept: Collection[str]
) -> Allocate | None:
    """A buffer whose last use is over when `new` is written first, or just then."""
    if new.buffer not in uses.at or new.buffer in uses.shown:
        return None
    first = uses.at[new.buffer][0]
    for old in earlier:
        if old.buffer in kept:
            continue
        last = uses.at.get(old.buffer, [])[-1:]
        if last and last[0] < first:
            return old
        if last == [first] and _in_step(uses.body[first], old.buffer, new.buffer):
            return old
    return None


def _in_step(statement: Statement, old: str, new: str) -> bool:
    """Whether each trip of a loop nest is done with its element of `old` when it writes `new`."""
    if not isinstance(statement, For) or statement.carried:
        return False
    inside = list(walk([statement]))
    places = [(at, s) for name, at, s in accesses([statement]) if name in (old, new)]
    touched = [s for s in inside if old in mentioned(s) or new in mentioned(s)]
    if len({at for at, _ in places}) != 1 or not all(
        any(s is t for _, t in places) for s in touched
    ):
        return False
    found = _loops_around(statement, touched)
    if found is None:
        return False
    variables, body = found
    # One place for each trip: it has the variable of every loop around, each once.
    if sorted(str(d) for d in places[0][0]) != sorted(variables):
        return False
    reads = [k for k, s in enumerate(body) if old in mentioned(s)]
    writes = [k for k, s in enumerate(body) if new in mentioned(s)]
    changed = any(old in assigned(s) for s in touched)
    return bool(reads) and bool(writes) and max(reads) <= min(writes) and not changed


def _loops_around(
    loop: For, statements: list[Statement]
) -> tuple[list[str], list[Statement]] | None:
    """The variables of the loops around these statements, and the body that holds them all."""
    if all(any(s is t for s in loop.body) for t in statements):
        return [loop.variable], loop.body
    for inner in loop.body:
        if isinstance(inner, For) and not inner.carried:
            found = _loops_around(inner, statements)
            if found is not None:
                return [loop.variable, *found[0]], found[1]
    return None


def _take(old: Allocate, new: Allocate, uses: _Uses) -> None:
    """Let `new` be the name of both from the start."""
    before, after = old.buffer, new.buffer
    places = uses.at.pop(before)
    for statement in (old, *(uses.body[k] for k in places)):
        rename_statement(statement, lambda n: after if n == before else n)
    uses.at[after] = sorted({*places, *uses.at[after]})
