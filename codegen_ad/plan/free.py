"""Names that a finished plan does not use, for what is still to be written into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from codegen_ad.plan.kernel import For, Kernel, walk
from codegen_ad.plan.tidying.rename import mentioned
from codegen_ad.plan.tiling.rows import assigned


def names_of(kernel: Kernel) -> set[str]:
    """All names of a kernel."""
    found = {p.name for p in kernel.parameters} | {s.symbol for s in kernel.sizes}
    for statement in walk(kernel.body):
        found.update(mentioned(statement))
    return found


def fixed_names(kernel: Kernel) -> set[str]:
    """The names of a kernel but those of loop variables, which only mean something inside."""
    loops: set[str] = set()
    others: set[str] = set()
    for statement in walk(kernel.body):
        if isinstance(statement, For):
            loops.add(statement.variable)
        else:
            others.update(assigned(statement))
    return names_of(kernel) - (loops - others)


def fresh(wish: str, taken: set[str]) -> str:
    """A name that nothing has, like the one wished for."""
    name = wish
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def apart(names: Sequence[str], is_taken: Callable[[str], bool]) -> list[str]:
    """For each of different names one that is not taken, and none of the others'.

    Names that are not taken stay as they are.
    """
    used = {name for name in names if not is_taken(name)}
    found: list[str] = []
    for name in names:
        free = name
        while is_taken(free) or (free != name and free in used):
            free += "_"
        used.add(free)
        found.append(free)
    return found


def letters(count: int, taken: Set[str]) -> list[str]:
    """Names of loop variables over so many axes, one letter each while there are some."""
    free = [n for n in "ijklmopqrstuvwxyz" if n not in taken]
    return [*free, *(fresh(f"i_{k}", set(taken)) for k in range(count))][:count]
