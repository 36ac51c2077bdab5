"""A loop of n steps in √(2n) segments: as many states are kept, and one segment is recorded.

The loop runs twice: once, keeping the state at the start of each segment, and then, from the last
segment to the first, once more with records, which the adjoint of the segment reads. Segment `s` of
`k` begins at step `s * n // k`, so that the lengths differ by one at most.

Twice as many states are kept as a segment has steps. Where both are equally large, this takes 6 %
more memory than √n of each, and less time: records are written and read in each step, and the fewer
they are, the more of them stay in a cache; starts are written and read once. Allocators give large
blocks back to the system when more than a few times the largest one is free: with √n of each that
is what happens in every call, and the next one waits for new pages.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.derive.bodies import Adjoint, adjoint_loop
from codegen_ad.derive.records import name_record
from codegen_ad.derive.regions import loop_of
from codegen_ad.derive.states import States
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make


def lengths(whole: Dim, number: int) -> dict[str, tuple[Dim, Dim]]:
    """For the symbol of a segment's length, the number of segments and the trips of all of them."""
    count, *each = _symbols(number)
    return {str(length): (count, whole) for length in each}


def _symbols(number: int) -> tuple[Dim, Dim, Dim]:
    """The number of segments, and the length of one on the way forward and on the way back."""
    count, steps, again = (
        Dim.symbol(f"{what}_{number}") for what in ("segments", "steps", "back_steps")
    )
    return count, steps, again


def segments(
    b: Builder, adjoint: Adjoint, states: States, number: int
) -> tuple[list[Node], list[Node] | None]:
    """What the adjoint carries at the end, and the loop's results if it has others now."""
    view, params = adjoint.view, adjoint.view.params
    whole = view.is_counted and not params.stacked
    positions = (*states.kept, *states.others) if whole else states.kept
    count, steps, again = _symbols(number)

    def bounds(s: Node) -> tuple[Node, Node]:
        first, last = (
            make.apply(b, "floor_divide", make.multiply(b, k, view.trip), make.size(b, count))
            for k in (s, make.add(b, s, make.constant(b, 1, DType.INT64)))
        )
        return first, make.subtract(b, last, first)

    def forward(s: Node, own: Sequence[Node]) -> tuple[Sequence[Node], Sequence[Node]]:
        state = dict(zip(positions, own, strict=True))
        after, _ = states.advance(b, state, *bounds(s), steps)
        return list(after.values()), [state[k] for k in states.kept]

    states.name_trips(b, str(view.params.length))
    with b.at(b.notes.origins.get(adjoint.node), gradient=False):
        two = make.constant(b, 2.0, DType.FLOAT64)
        twice = make.multiply(b, two, make.cast(b, view.trip, DType.FLOAT64))
        trip = make.cast(b, make.apply(b, "sqrt", twice), DType.INT64)
        kept = loop_of(b, trip, count, states.first(b, positions), forward, "s")
    final, starts = kept[: len(positions)], kept[len(positions) :]
    for k, stack in zip(states.kept, starts, strict=True):
        name_record(b, view.carried[k], stack, "starts")
    recorded = [adjoint.body.originals[r] for r in adjoint.recorded]

    def back(j: Node, own: Sequence[Node]) -> tuple[Sequence[Node], Sequence[Node]]:
        one = make.constant(b, 1, DType.INT64)
        s = make.subtract(b, make.subtract(b, make.size(b, count), one), j)
        first, length = bounds(s)
        state = {k: make.gather(b, x, s) for k, x in zip(states.kept, starts, strict=True)}
        _, stacks = states.advance(b, state, first, length, again, recorded)
        for value, stack in zip(recorded, stacks, strict=True):
            name_record(b, value, stack)
        of = dict(zip(adjoint.recorded, stacks, strict=True))
        return adjoint_loop(b, adjoint, length, again, own, of, first), ()

    # By the same numbers of trips, not by their symbols: loops whose results turn out not to be
    # needed go away, and then nothing gives the symbols a value.
    found = loop_of(b, trip, count, adjoint.named(b), back)
    results = dict(zip(positions, final, strict=True))
    return found, [results[k] for k in range(params.carried)] if whole else None
