"""The adjoint of a loop is a loop that runs the other way.

It carries the cotangents of the carried values, and adds up those of the captured ones. Its body
computes again what follows from the loop index and the captured values alone. What else it needs
is recorded on the way forward: either the values it uses, or the carried ones they follow from,
whichever are fewer numbers. A recurrence that is linear records nothing.

Loops inside a loop are run again on the way back, so what they record lives for one iteration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen_ad.derive.records import record, to_record
from codegen_ad.derive.structured import (
    Cotangents,
    Pull,
    Pulled,
    active,
    full,
    inline,
    placeholders,
    used,
)
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node, Region, toposort
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops import make
from codegen_ad.ops.control import LOOP, Loop, While


@dataclass(frozen=True, slots=True)
class _View:
    """A loop or a while, seen as the same thing."""

    params: Loop | While
    trip: Node
    args: tuple[Node, ...]
    index: Node | None
    first: int  # position of the first carried argument

    @property
    def carried(self) -> tuple[Node, ...]:
        """The carried values as the body takes them."""
        return self.params.body.inputs[self.first :][: self.params.carried]

    @property
    def captured(self) -> tuple[Node, ...]:
        """The captured values as the body takes them."""
        return self.params.body.inputs[self.first + self.params.carried :]


@dataclass(frozen=True, slots=True)
class _Body:
    """The body of the adjoint, before anything is recorded; its inputs stand for themselves."""

    j: Node
    index: Node
    trip: Node
    gs: Sequence[Node]
    starts: Sequence[Node]
    carried: Sequence[Node]
    captured: Sequence[Node]
    stacks: Sequence[Node]
    originals: Mapping[Node, Node]
    next_gs: Sequence[Node]
    sums: Sequence[Node]


def loop_pullback(b: Builder, node: Node, given: Cotangents, pull: Pull) -> Pulled:
    """Cotangents of the carried and captured values, from a loop the other way."""
    params = node.params
    assert isinstance(params, Loop | While)
    if isinstance(params, Loop):
        view = _View(params, node.args[0], node.args[1:], params.body.inputs[0], 1)
        offset = 1
    else:
        view = _View(params, b.results(node)[-1], node.args, None, 0)
        offset = 0
    wanted = given.wanted[offset:]
    live = _live(view, given, wanted)
    captured = [
        k
        for k, x in enumerate(view.captured)
        if wanted[params.carried + k] and x.array.dtype.is_float
    ]
    stacked = [
        k
        for k in range(params.carried, params.carried + params.stacked)
        if given.of_results[k] is not None
    ]
    so_far = [given.so_far[offset + params.carried + k] for k in captured]
    with b.scope():
        body = _adjoint_body(b, view, live, captured, stacked, pull)

    recorded = to_record((*body.next_gs, *body.sums), body.carried, body.originals)
    results: Sequence[Node] | None = None
    stacks: Sequence[Node] = ()
    trip = view.trip
    if recorded:
        results, stacks = record(b, node, [body.originals[r] for r in recorded])
        if isinstance(params, While):
            trip = results[-1]

    of_results = given.of_results
    outer_gs = [full(b, view.args[k], of_results[k]) for k in live]
    outer_starts = [
        full(b, view.args[params.carried + k], g) for k, g in zip(captured, so_far, strict=True)
    ]
    outer_stacks = [full(b, b.results(node)[k], of_results[k]) for k in stacked]
    changed = [k for k in range(len(live)) if body.next_gs[k] is not body.gs[k]]
    added = [k for k in range(len(captured)) if body.sums[k] is not body.starts[k]]
    cotangents: list[Node | None] = [None] * len(node.args)
    for k, g in zip(live, outer_gs, strict=True):
        cotangents[offset + k] = g
    if changed or added:
        captures = {
            body.trip: trip,
            **dict(zip(body.gs, outer_gs, strict=True)),
            **dict(zip(body.captured, view.args[params.carried :], strict=True)),
            **dict(zip(body.stacks, outer_stacks, strict=True)),
        }
        carried = [(body.gs[k], body.next_gs[k], outer_gs[k]) for k in changed]
        carried += [(body.starts[k], body.sums[k], outer_starts[k]) for k in added]
        found = _adjoint_loop(
            b,
            body,
            params.length,
            trip,
            carried,
            captures,
            dict(zip(recorded, stacks, strict=True)),
            reverse=bool(changed),
        )
        for k, g in zip(changed, found, strict=False):
            cotangents[offset + live[k]] = g
        for k, g in zip(added, found[len(changed) :], strict=True):
            cotangents[offset + params.carried + captured[k]] = g
    totals = [offset + params.carried + captured[k] for k in added]
    return Pulled(cotangents, totals, results)


def _live(view: _View, given: Cotangents, wanted: Sequence[bool]) -> list[int]:
    """The carried values that depend on what is wanted, and on which what is given depends."""
    n = view.params.carried
    outputs = view.params.body.outputs
    order = toposort(outputs)
    start = {k for k in range(n) if wanted[k] and view.carried[k].array.dtype.is_float}
    others = [x for k, x in enumerate(view.captured) if wanted[n + k] and x.array.dtype.is_float]
    while True:
        reached = active(order, [*(view.carried[k] for k in start), *others])
        more = {
            k for k in range(n) if outputs[k] in reached and view.carried[k].array.dtype.is_float
        }
        if more <= start:
            break
        start |= more
    useful = {k for k in range(len(outputs)) if given.of_results[k] is not None}
    while True:
        more = {
            k
            for k in start - useful
            if not useful.isdisjoint(
                m for m, o in enumerate(outputs) if o in active(order, [view.carried[k]])
            )
        }
        if not more:
            return sorted(start & useful)
        useful |= more


def _adjoint_body(
    b: Builder,
    view: _View,
    live: Sequence[int],
    captured: Sequence[int],
    stacked: Sequence[int],
    pull: Pull,
) -> _Body:
    params = view.params
    integer = ArrayType(DType.INT64)
    j, trip = b.input("j", integer), b.input("trip", integer)
    index = make.subtract(b, make.subtract(b, trip, make.constant(b, 1, DType.INT64)), j)
    own_carried, own_captured = placeholders(b, view.carried), placeholders(b, view.captured)
    gs = placeholders(b, [view.carried[k] for k in live], "d_")
    starts = placeholders(b, [view.captured[k] for k in captured], "d_")
    stacks = [
        b.input("d_stack", t.with_shape((params.length, *t.shape)))
        for t in (params.body.outputs[k].array for k in stacked)
    ]
    order = [n for n in toposort(params.body.outputs) if isinstance(n.type, ArrayType)]
    args = (*own_carried, *own_captured)
    images = inline(b, order, params.body.inputs, args if view.index is None else (index, *args))
    primal = dict(zip(order, images, strict=True))
    originals = {image: original for original, image in reversed(primal.items())}
    seeds = [(own_captured[k], s) for k, s in zip(captured, starts, strict=True)]
    seeds += [(primal[params.body.outputs[k]], g) for k, g in zip(live, gs, strict=True)]
    seeds += [
        (primal[params.body.outputs[k]], make.gather(b, stack, index))
        for k, stack in zip(stacked, stacks, strict=True)
    ]
    targets = [*(own_carried[k] for k in live), *(own_captured[k] for k in captured)]
    pulled, _ = pull(b, seeds, targets, ())
    complete = [full(b, t, g) for t, g in zip(targets, pulled, strict=True)]
    return _Body(
        j,
        index,
        trip,
        gs,
        starts,
        own_carried,
        own_captured,
        stacks,
        originals,
        complete[: len(live)],
        complete[len(live) :],
    )


def _adjoint_loop(
    b: Builder,
    body: _Body,
    length: Dim,
    trip: Node,
    carried: Sequence[tuple[Node, Node, Node]],
    captures: Mapping[Node, Node],
    stacks: Mapping[Node, Node],
    *,
    reverse: bool,
) -> list[Node]:
    """The results of the loop over `(input, next value, first value)` of each carried value."""
    inputs = [before for before, _, _ in carried]
    outer = dict(captures)
    with b.scope():
        index = (
            make.subtract(b, make.subtract(b, body.trip, make.constant(b, 1, DType.INT64)), body.j)
            if reverse
            else body.j
        )
        mapping: dict[Node, Node] = {body.index: index}
        for value, stack in stacks.items():
            own = b.input("recorded", stack.array)
            outer[own] = stack
            mapping[value] = make.gather(b, own, index)
        outputs = b.substitute([after for _, after, _ in carried], mapping)
    candidates = [n for n in outer if n not in inputs]
    keep = [candidates[k] for k in used([Region((), tuple(outputs))], [candidates])]
    region = Region((body.j, *inputs, *keep), tuple(outputs))
    args = (trip, *(first for _, _, first in carried), *(outer[n] for n in keep))
    return list(b.results(b.node(LOOP, args, Loop(len(carried), 0, length, region))))
