"""The body of a loop's adjoint, before anything is recorded, and the loop around it.

What the body needs of the primal is computed in it again, from inputs that stand for the index, the
carried and the captured values; the rules decide where these come from.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from codegen_ad.derive.integers import Iteration, Known, iteration
from codegen_ad.derive.regions import Named
from codegen_ad.derive.structured import (
    Checkpoints,
    Cotangents,
    Pull,
    active,
    called,
    full,
    inline,
    placeholders,
    used,
)
from codegen_ad.ir.builder import RESULT, Builder
from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.node import Node, Region, toposort
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops import make
from codegen_ad.ops.control import LOOP, Loop, While


@dataclass(frozen=True, slots=True)
class View:
    """A loop or a while, seen as the same thing.

    Attributes
    ----------
    trip : how many times it ran.
    args : its arguments, the carried ones first.
    """

    params: Loop | While
    trip: Node
    args: tuple[Node, ...]
    index: Node | None
    first: int  # position of the first carried argument

    @property
    def is_counted(self) -> bool:
        """Whether the number of trips is known before the first."""
        return isinstance(self.params, Loop)

    @property
    def carried(self) -> tuple[Node, ...]:
        """The carried values as the body takes them."""
        return self.params.body.inputs[self.first :][: self.params.carried]

    @property
    def captured(self) -> tuple[Node, ...]:
        """The captured values as the body takes them."""
        return self.params.body.inputs[self.first + self.params.carried :]

    def iteration(self, known: Known, after: Dim = ZERO) -> Iteration:
        """What is known in any iteration from `after` on, by what is known around the loop."""
        sizes = {s for a in self.args for d in a.array.shape for s in d.symbols()}
        sizes |= {a.array.size for a in self.args if a.array.size is not None}
        known = replace(known, fixed=known.fixed | sizes | {*self.params.length.symbols()})
        return iteration(
            known, self.params, self.trip if self.is_counted else None, self.args, after
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """A carried array that the adjoint carries back, putting in again what was overwritten.

    Attributes
    ----------
    position : where the loop carries it.
    after : the adjoint's input for what an iteration leaves.
    before : what the iteration found: `after` with the old elements in their places.
    overwritten : the inputs for these, one for each write of an iteration.
    """

    position: int
    after: Node
    before: Node
    overwritten: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """The body of the adjoint, before anything is recorded; its inputs stand for themselves.

    Attributes
    ----------
    nexts : the carried values at the end of the iteration.
    originals : the value of the loop's body that each value of the primal in here stands for.
    """

    j: Node
    index: Node
    trip: Node
    gs: Sequence[Node]
    starts: Sequence[Node]
    carried: Sequence[Node]
    captured: Sequence[Node]
    stacks: Sequence[Node]
    originals: Mapping[Node, Node]
    nexts: Sequence[Node]
    next_gs: Sequence[Node]
    sums: Sequence[Node]
    restored: Sequence[Restored] = ()

    @property
    def yields(self) -> tuple[Node, ...]:
        """What an iteration of the adjoint gives the next one."""
        return (*self.next_gs, *self.sums, *(table.before for table in self.restored))

    @property
    def nodes(self) -> list[Node]:
        """All that the cotangents follow from, arguments first."""
        return toposort(self.yields)

    @property
    def found(self) -> list[Node]:
        """What only the loop knows: carried values, and elements before they were overwritten."""
        return [*self.carried, *(x for table in self.restored for x in table.overwritten)]

    def substitute(
        self, b: Builder, mapping: Mapping[Node, Node], others: Sequence[Node] = ()
    ) -> tuple[Body, list[Node]]:
        """The body with values replaced, and `others` of its values in it."""
        befores = [table.before for table in self.restored]
        parts = (self.nexts, self.next_gs, self.sums, befores, others)
        mapping = {self.index: self.index, **mapping}  # its users look for this very node
        made = iter(b.substitute([node for part in parts for node in part], mapping))
        nexts, next_gs, sums, befores, found = ([next(made) for _ in part] for part in parts)
        pairs = zip(self.restored, befores, strict=True)
        restored = [replace(table, before=before) for table, before in pairs]
        made = replace(self, nexts=nexts, next_gs=next_gs, sums=sums, restored=restored)
        return made, found


@dataclass(frozen=True, slots=True)
class Adjoint:
    """The adjoint of a loop, with the outer values that go into it.

    Attributes
    ----------
    node : the loop.
    recorded : the values in `body` that follow from neither the index nor captured values.
    carried : `(input, next value, first value)` of each cotangent that the adjoint carries.
    captures : the outer value of each other input of `body`.
    reverse : whether the order of the iterations matters.
    """

    node: Node
    view: View
    body: Body
    recorded: Sequence[Node]
    carried: Sequence[tuple[Node, Node, Node]]
    captures: Mapping[Node, Node]
    reverse: bool

    @property
    def starts(self) -> list[Node]:
        """The first values of what is carried."""
        return [first for _, _, first in self.carried]

    def named(self, b: Builder) -> list[Named]:
        """The first values of what is carried, called as in the body."""
        return [(b.notes.names.get(x, "d_value"), first) for x, _, first in self.carried]


def live(view: View, given: Cotangents, wanted: Sequence[bool]) -> list[int]:
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


def adjoint_body(
    b: Builder,
    view: View,
    live: Sequence[int],
    captured: Sequence[int],
    stacked: Sequence[int],
    pull: Pull,
    known: Known,
    checkpoints: Checkpoints | None = None,
    masked: Collection[int] = (),
    cleared: Sequence[int] = (),
) -> tuple[Body, View]:
    """The body of the adjoint, on inputs of its own, and the loop that it stands for.

    The latter is `view` unless loops inside have more results now. `live` are the carried values
    that have cotangents, `captured` the captured ones whose cotangents are summed, and `stacked`
    the stacks that have cotangents. Loops inside record all they need, or `checkpoints`. The
    cotangents of the stacks `masked` come with masks of what may be other than zero, and last those
    of the carried values `cleared`, to whose cotangents the loop adds nothing.
    """
    params = view.params
    integer = ArrayType(DType.INT64)
    j, trip = b.input("j", integer), b.input("trip", integer)
    index = _from_the_end(b, trip, j)
    own_carried, own_captured = placeholders(b, view.carried), placeholders(b, view.captured)
    gs = placeholders(b, [view.carried[k] for k in live], "d_")
    starts = placeholders(b, [view.captured[k] for k in captured], "d_")
    types = {k: params.body.outputs[k].array for k in stacked}
    shapes = {k: (params.length, *t.shape) for k, t in types.items()}
    stacks = {k: b.input("d_stack", t.with_shape(shapes[k])) for k, t in types.items()}
    masks = {
        k: b.input("is_read", ArrayType(DType.BOOL, shapes[k])) for k in stacked if k in masked
    }
    told = [view.carried[k].array for k in cleared]
    held = [b.input("is_read", ArrayType(DType.BOOL, t.shape)) for t in told]
    known_gs = dict(zip((gs[live.index(k)] for k in cleared), held, strict=True))
    order = [n for n in toposort(params.body.outputs) if isinstance(n.type, ArrayType)]
    args = (*own_carried, *own_captured)
    images = inline(b, order, params.body.inputs, args if view.index is None else (index, *args))
    primal = dict(zip(order, images, strict=True))
    seeds = [(own_captured[k], s) for k, s in zip(captured, starts, strict=True)]
    seeds += [(primal[params.body.outputs[k]], g) for k, g in zip(live, gs, strict=True)]
    for k, stack in stacks.items():
        g = make.gather(b, stack, index)
        if k in masks:
            zero = make.constant(b, 0, g.array.dtype)
            g = make.where(b, make.gather(b, masks[k], index), g, zero)
        seeds.append((primal[params.body.outputs[k]], g))
    targets = [*(own_carried[k] for k in live), *(own_captured[k] for k in captured)]
    now = view.iteration(known)
    inside = now.inside(*args, index=index)
    pulled, settled = pull(b, seeds, targets, images, checkpoints, inside, known_gs)
    complete = [full(b, t, g) for t, g in zip(targets, pulled, strict=True)]
    primal = dict(zip(order, settled, strict=True))
    originals = {image: original for original, image in reversed(primal.items())}
    if any(map(operator.is_not, settled, images)):
        own = dict(zip((index, *args) if view.index else args, params.body.inputs, strict=True))
        view, originals = _with_longer_loops(b, view, own, primal, complete)
    body = Body(
        j,
        index,
        trip,
        gs,
        starts,
        own_carried,
        own_captured,
        [*stacks.values(), *masks.values(), *held],
        originals,
        [primal[o] for o in params.body.outputs[: params.carried]],
        complete[: len(live)],
        complete[len(live) :],
    )
    return body, view


def _with_longer_loops(
    b: Builder,
    view: View,
    own: Mapping[Node, Node],
    primal: Mapping[Node, Node],
    adjoint: Sequence[Node],
) -> tuple[View, dict[Node, Node]]:
    """The loop with loops that record, and what the values of the adjoint's body are in its body.

    `own` are the inputs of the loop's body by those of the adjoint's, `primal` the values of
    the adjoint's body by those of the loop's, and `adjoint` what it yields.
    """
    inside = set(toposort(primal.values()))
    records = [
        node
        for node in toposort(adjoint)
        if node.op is RESULT and node.args[0] in inside and node not in inside
    ]
    values = list(dict.fromkeys((*primal.values(), *records)))
    with b.at(None, gradient=False):
        originals = dict(zip(values, b.substitute(values, own), strict=True))
    outputs = tuple(originals[primal[o]] for o in view.params.body.outputs)
    body = Region(view.params.body.inputs, outputs)
    return replace(view, params=replace(view.params, body=body)), originals


def adjoint_loop(
    b: Builder,
    adjoint: Adjoint,
    trip: Node,
    length: Dim,
    starts: Sequence[Node],
    stacks: Mapping[Node, Node],
    first: Node | None = None,
) -> list[Node]:
    """The results of the loop that runs the adjoint of `trip` iterations, carried from `starts`.

    `stacks` are what the iterations recorded. Their indices begin at `first`, or at 0.
    """
    body = adjoint.body
    inputs = [before for before, _, _ in adjoint.carried]
    outer = dict(adjoint.captures)
    with b.scope():
        # By the loop's own size, so that indices are known to lie inside of what was recorded.
        row = _from_the_end(b, make.size(b, length), body.j) if adjoint.reverse else body.j
        index = row
        if first is not None:
            own_first = b.input("first", first.array)
            outer[own_first] = first
            index = make.add(b, own_first, row)
        mapping: dict[Node, Node] = {body.index: index}
        for value, stack in stacks.items():
            own = b.input(called(b, value) or "recorded", stack.array)
            outer[own] = stack
            mapping[value] = make.gather(b, own, row)
        outputs = b.substitute([after for _, after, _ in adjoint.carried], mapping)
    candidates = [n for n in outer if n not in inputs]
    keep = [candidates[k] for k in used([Region((), tuple(outputs))], [candidates])]
    region = Region((body.j, *inputs, *keep), tuple(outputs))
    args = (trip, *starts, *(outer[n] for n in keep))
    return list(b.results(b.node(LOOP, args, Loop(len(inputs), 0, length, region))))


def _from_the_end(b: Builder, trip: Node, j: Node) -> Node:
    return make.subtract(b, make.subtract(b, trip, make.constant(b, 1, DType.INT64)), j)
