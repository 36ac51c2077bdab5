"""Loops whose sizes differ by a few trips run as one, where they read the same.

The terms of `((x[1:] - x[:-1]) ** 2).sum()` are one fewer than the elements of its gradient, and
both need the same differences. The trips that all loops have run together, those that only a
longer one has by themselves, behind the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.plan import nests
from codegen_ad.plan.access import Point
from codegen_ad.plan.nests import Nest
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope
from codegen_ad.plan.writing import edges

MOST = 8
"""So many trips may be left for the end."""

Run = Callable[[Planner, Scope, Sequence[Nest]], None]


@dataclass(frozen=True, slots=True)
class Part:
    """Nests over one size in a loop of fewer trips: trip `i` is their trip `first + i`."""

    extent: Dim
    nests: tuple[Nest, ...]
    first: int = 0

    def at(self, trip: Dim) -> list[Nest]:
        """The nests in one trip of the loop."""
        return [nest.bind(self.extent, trip + self.first) for nest in self.nests]


@dataclass(slots=True)
class Loop:
    """Parts that run in one loop of `extent` trips."""

    extent: Dim
    parts: list[Part]

    def at(self, trip: Dim) -> list[Nest]:
        """All nests in one trip of the loop."""
        return [nest for part in self.parts for nest in part.at(trip)]


def joined(p: Planner, scope: Scope, groups: Sequence[tuple[Dim, Sequence[Nest]]]) -> list[Loop]:
    """The loops for nests that are grouped by size: fewer than groups where some can be joined."""
    loops: list[Loop] = []
    for extent, members in groups:
        part = Part(extent, tuple(members))
        host = next((k for k, one in enumerate(loops) if _is_near(one.extent, extent)), None)
        made = None if host is None or not p.swept else _join(p, scope, loops[host], part)
        if host is None or made is None:
            loops.append(Loop(extent, [part]))
        else:
            loops[host] = made
    return loops


def _is_near(one: Dim, other: Dim) -> bool:
    apart = one - other
    return apart.is_constant and abs(apart.value) <= MOST


def _join(p: Planner, scope: Scope, loop: Loop, part: Part) -> Loop | None:
    """The loop with one more part, which may be shorter than all others; None if it is no gain."""
    longer = part.extent - loop.extent
    if longer.value >= 0:
        first = _best(p, scope, loop.at, part.at, longer.value)
        if first is None:
            return None
        return Loop(loop.extent, [*loop.parts, Part(part.extent, part.nests, first)])
    first = _best(p, scope, part.at, loop.at, -longer.value)
    if first is None:
        return None
    moved = [Part(one.extent, one.nests, one.first + first) for one in loop.parts]
    return Loop(part.extent, [*moved, part])


def _best(
    p: Planner,
    scope: Scope,
    short: Callable[[Dim], list[Nest]],
    long: Callable[[Dim], list[Nest]],
    longer: int,
) -> int | None:
    """The trip of the longer one that has most in common with the first one of the shorter one."""
    if _buffers(short) & _buffers(long):
        return None  # elements that one trip adds to would be those of the next one, too
    trip = p.walker.fresh(Dim.constant(longer))
    known = _elements(p, scope, short(trip), trip)
    # Trips before those of the loop run behind it, too: out of their turn.
    latest = 0 if any(_overwrites(p, nest) for nest in long(trip)) else longer
    shared = {
        first: len(known & _elements(p, scope, long(trip + first), trip))
        for first in range(latest + 1)
    }
    first = max(shared, key=lambda k: (shared[k], -k))
    return first if shared[first] else None


def _buffers(at: Callable[[Dim], list[Nest]]) -> set[str]:
    sinks = (nest.sink for nest in at(Dim.symbol("?")))
    return {sink.buffer for sink in sinks if not isinstance(sink, nests.IntoTotal)}


def _overwrites(p: Planner, nest: Nest) -> bool:
    """Whether trips may write to one place, which the data say, so that the last one counts."""
    sink = nest.sink
    if not isinstance(sink, nests.IntoBuffer) or sink.accumulate:
        return False
    return any(tuple(sink.asked(point)) for point in nest.points(p.walker.fresh))


def _elements(
    p: Planner, scope: Scope, members: Sequence[Nest], trip: Dim
) -> set[tuple[Node, Point]]:
    """The elements that nests read or compute, of those that are others in every trip."""
    (name,) = trip.symbols()
    seen = (pair for nest in members for pair in nests.asked_by(p, scope, nest).seen)
    return {(node, at) for node, at in seen if any(name in dim.symbols() for dim in at)}


def ends(p: Planner, scope: Scope, loop: Loop, run: Run) -> None:
    """What the loop leaves of its parts: for each the trips before its own, and those behind."""
    for part in loop.parts:
        apart = (part.extent - loop.extent).value
        if not apart:
            continue
        low, high = part.first, apart - part.first
        note = p.elements.note(part.nests[0].node)
        count = edges.count(p, scope, part.extent, low + high, note)
        inner, variable = nests.open_loop(p, scope, count)
        place = edges.place(p, inner, (part.extent, low, high), count, variable, note)
        run(p, inner, [nest.bind(part.extent, place) for nest in part.nests])
        nests.close_loop(scope, inner, variable, count, note)
