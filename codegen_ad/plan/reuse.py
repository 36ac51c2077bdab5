"""Memory used again: parts of one statement that follow each other share a buffer.

Only buffers of the kernel's body take part. Where one loop reads the old one for the last time and
fills the new one, each trip has to be done with its element before it writes there. Parts of
different statements have buffers of their own, so that names say what is in them.
"""

from __future__ import annotations

from collections.abc import Collection

from codegen_ad.ir.node import Node, Notes
from codegen_ad.plan.kernel import Allocate, Assign, For, Kernel, Statement, View, walk
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.rename import mentioned, rename_statement
from codegen_ad.plan.rows import accesses, assigned


def reuse(kernel: Kernel, names: Names, notes: Notes) -> None:
    """Let buffers take the place of others; those of values that the user named keep theirs."""
    kept = _kept(kernel, names, notes.names)
    position = 0
    while position < len(kernel.body):
        statement = kernel.body[position]
        if isinstance(statement, Allocate) and _is_large(statement):
            old = _before(kernel, position, statement, kept, names, notes)
            if old is not None:
                _take(kernel, position, old, statement)
                continue
        position += 1


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
    kernel: Kernel, position: int, new: Allocate, kept: set[str], names: Names, notes: Notes
) -> Allocate | None:
    """A buffer whose last use is over when `new` is written first, or just then."""
    used = [k for k, s in enumerate(kernel.body) if _uses(s, new.buffer)]
    if not used or any(isinstance(s, View | Assign) and new.buffer in mentioned(s)
                       for s in walk(kernel.body)):  # fmt: skip
        return None
    for statement in kernel.body[:position]:
        if not isinstance(statement, Allocate) or statement.buffer in kept:
            continue
        if (statement.shape, statement.dtype) != (new.shape, new.dtype):
            continue
        if not _same_statement(statement.buffer, new.buffer, names, notes):
            continue
        last = [k for k, s in enumerate(kernel.body) if _uses(s, statement.buffer)][-1:]
        if last and last[0] < used[0]:
            return statement
        if last == used[:1] and _in_step(kernel.body[used[0]], statement.buffer, new.buffer):
            return statement
    return None


def _same_statement(one: str, other: str, names: Names, notes: Notes) -> bool:
    """Whether two buffers hold parts of one statement of the user's, or of its derivative."""
    if one not in names.meaning or other not in names.meaning:
        return False
    first, second = names.meaning[one][0], names.meaning[other][0]
    where = notes.origins.get(first)
    same_role = (first in notes.gradients) == (second in notes.gradients)
    return where is not None and where == notes.origins.get(second) and same_role


def _uses(statement: Statement, buffer: str) -> bool:
    return any(
        not isinstance(s, Allocate) and (buffer in mentioned(s) or buffer in assigned(s))
        for s in walk([statement])
    )


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


def _take(kernel: Kernel, position: int, old: Allocate, new: Allocate) -> None:
    """Let `new` be the name of both from the start."""
    del kernel.body[position]
    before, after = old.buffer, new.buffer
    for statement in kernel.body:
        rename_statement(statement, lambda n: after if n == before else n)
