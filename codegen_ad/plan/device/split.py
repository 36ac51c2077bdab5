"""Loops that add to neighbouring places of an array, taken apart: each part keeps to its own place.

`d[i] += a; d[i + 1] += b` lets two threads add to one element. Done one after the other, over all
rows, each of the two leaves every element to one thread, and the order of its terms is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.device.loops import defined, is_wide, read
from codegen_ad.plan.kernel import Accumulate, For, Let, Load, Statement


def taken_apart(loop: For) -> list[Statement]:
    """Loops that do together what one does; the loop itself where that is not needed, or not known.

    Every part computes again what it needs.
    """
    places: dict[str, list[tuple[Dim, ...]]] = {}
    for statement in loop.body:
        match statement:
            case Let():
                continue
            case Accumulate(target=Load(buffer, indices)):
                known = places.setdefault(buffer, [])
                if indices not in known:
                    known.append(indices)
            case Accumulate():
                continue
            case _:
                return [loop]
    parts = max((len(p) for p in places.values()), default=1)
    reads = {name for s in loop.body for name in _reads(s)}
    by_row = all(loop.variable in set(_symbols(i)) for p in places.values() for i in p)
    if parts == 1 or not is_wide(loop) or not by_row or reads & places.keys():
        return [loop]
    return [replace(loop, body=_part(loop.body, places, k)) for k in range(parts)]


def _reads(statement: Statement) -> set[str]:
    """What a statement reads, its own target not counted."""
    if isinstance(statement, Accumulate):
        return read(Let("_", statement.expr, None, statement.note))
    return read(statement)


def _symbols(indices: tuple[Dim, ...]) -> list[str]:
    return [name for dim in indices for name in dim.symbols()]


def _part(
    body: Sequence[Statement], places: dict[str, list[tuple[Dim, ...]]], number: int
) -> list[Statement]:
    """The statements of one part: what it adds, and what that needs."""
    kept: list[Statement] = []
    wanted: set[str] = set()
    for statement in reversed(body):
        match statement:
            case Accumulate(target=Load(buffer, indices)):
                is_mine = places[buffer].index(indices) == number
            case Accumulate():
                is_mine = number == 0
            case _:
                is_mine = bool(defined(statement) & wanted)
        if is_mine:
            if isinstance(statement, Let):
                wanted -= defined(statement)
            wanted |= read(statement)
            kept.append(statement)
    return kept[::-1]
