"""A loop of n steps on s snapshots: the binomial schedule, which runs the fewest steps again.

Source: A. Griewank, A. Walther, "Algorithm 799: Revolve: an implementation of checkpointing for the
reverse or adjoint mode of computational differentiation", ACM TOMS 26 (2000) 19-45.

Snapshots are a stack. The adjoint of a step needs the state before it. If the newest snapshot is of
an earlier step, the loop runs on from it, and the state it comes to is a further snapshot; when the
adjoint of a step has run, its snapshot goes. With `beta(s, r) = (s + r)! / (s! r!)`, which is the
number of steps that s snapshots can reverse while no step runs more than r times, a run of `l`
steps, `beta(s, r - 1) < l <= beta(s, r)`, is best interrupted after `m` of them, where

    beta(s, r - 2) <= m <= beta(s, r - 1)   and   beta(s - 1, r - 1) <= l - m <= beta(s - 1, r);

the smallest such `m` is taken. Over all, `r n - beta(s + 1, r - 1)` steps are run to get from one
snapshot to another. The schedule is found while the kernel runs, in integer arithmetic.

The state before the last step is kept beside the s snapshots, because the loop runs over it anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from codegen_ad.derive.bodies import Adjoint
from codegen_ad.derive.regions import Named, loop_of, while_of
from codegen_ad.derive.states import States
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.options import Checkpoint


@dataclass(frozen=True, slots=True)
class _Stack:
    """The snapshots: how many steps had run at each, and the states, on a leading axis."""

    top: Node
    kept_at: Node
    values: Sequence[Node]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The parts, to be carried."""
        return (self.top, self.kept_at, *self.values)

    @staticmethod
    def of(nodes: Sequence[Node]) -> _Stack:
        """The stack from its parts."""
        return _Stack(nodes[0], nodes[1], nodes[2:])


@dataclass(frozen=True, slots=True)
class _Schedule:
    """The symbols of one loop's schedule, and its states.

    `stage` tells those of the way back from those of the way forward.
    """

    b: Builder
    states: States
    number: int
    stage: str = ""

    @property
    def rows(self) -> Dim:
        """The places on the stack: one more than there are snapshots."""
        return Dim.symbol(f"snapshots_{self.number}")

    def symbol(self, what: str) -> Dim:
        """A count of this loop's and stage's own."""
        return Dim.symbol(f"{self.stage}{what}_{self.number}")

    def integer(self, value: int) -> Node:
        """A literal."""
        return make.constant(self.b, value, DType.INT64)

    def start(self, rows: Node) -> _Stack:
        """The stack with the state before the loop."""
        first = [node for _, node in self.states.first(self.b, self.states.kept)]
        zero = self.integer(0)
        stacks = loop_of(self.b, rows, self.rows, [], lambda _, __: ((), (zero, *first)))
        made = _Stack(zero, stacks[0], stacks[1:])
        for name, node in self.named(made)[1:]:
            self.b.notes.names.setdefault(node, name)
        return made

    def named(self, stack: _Stack) -> list[Named]:
        """The parts of the stack, with what they are called."""
        state = dict(zip(self.states.kept, stack.values, strict=True))
        kept = [(f"kept_{name}", node) for name, node in self.states.named(self.b, state)]
        return [("top", stack.top), ("kept_at", stack.kept_at), *kept]

    def newest(self, stack: _Stack) -> dict[int, Node]:
        """The state on top of the stack."""
        pairs = zip(self.states.kept, stack.values, strict=True)
        return {k: make.gather(self.b, values, stack.top) for k, values in pairs}

    def descend(
        self, stack: _Stack, done: Node, last: Node, rest: Mapping[int, Node]
    ) -> tuple[_Stack, dict[int, Node]]:
        """The stack with the state before step `last` on top, and `rest`, others carried on.

        At the state on top now, `done` steps have run.
        """
        b, states = self.b, self.states
        one, depth = self.integer(1), 1 + len(stack.nodes)

        def step(own: Sequence[Node]) -> list[Node]:
            done, stack = own[0], _Stack.of(own[1:depth])
            state = self.newest(stack) | dict(zip(rest, own[depth:], strict=True))
            left = make.subtract(b, make.add(b, last, one), done)
            free = make.subtract(b, make.size(b, self.rows - 1), stack.top)
            count = self.split(left, free)
            after, _ = states.advance(b, state, done, count, self.symbol("steps"))
            top, done = make.add(b, stack.top, one), make.add(b, done, count)
            values = zip(
                (stack.kept_at, *stack.values),
                (done, *(after[k] for k in states.kept)),
                strict=True,
            )
            kept = [make.scatter(b, whole, x, top, accumulate=False) for whole, x in values]
            return [done, top, *kept, *(after[k] for k in rest)]

        results = while_of(
            b,
            self.symbol("runs"),
            [("done", done), *self.named(stack), *states.named(b, rest)],
            lambda own: make.apply(b, "less", own[0], last),
            step,
        )
        return _Stack.of(results[1:depth]), dict(zip(rest, results[depth:], strict=True))

    def split(self, steps: Node, snapshots: Node) -> Node:
        """After how many of `steps`, 2 or more, to take a snapshot, if there are `snapshots`.

        They count the one that the steps begin at.
        """
        b, zero, one = self.b, self.integer(0), self.integer(1)

        def longer(own: Sequence[Node]) -> list[Node]:
            repeats, reach, less, _ = own
            repeats = make.add(b, repeats, one)
            product = make.multiply(b, reach, make.add(b, snapshots, repeats))
            return [repeats, make.apply(b, "floor_divide", product, repeats), reach, less]

        # beta(s, r), beta(s, r - 1) and beta(s, r - 2) for r = 0, 1, ...
        _, reach, less, least = while_of(
            b,
            self.symbol("repeats"),
            [("repeats", zero), ("reach", one), ("reach", zero), ("reach", zero)],
            lambda own: make.apply(b, "less", own[1], steps),
            longer,
        )
        behind = make.subtract(b, reach, less)  # beta(s - 1, r)
        return self.larger(one, self.larger(least, make.subtract(b, steps, behind)))

    def larger(self, x: Node, y: Node) -> Node:
        """The larger one of two integers."""
        return make.where(self.b, make.apply(self.b, "less", x, y), y, x)

    def smaller(self, x: Node, y: Node) -> Node:
        """The smaller one of two integers."""
        return make.where(self.b, make.apply(self.b, "less", y, x), y, x)


def binomial(
    b: Builder, adjoint: Adjoint, states: States, option: Checkpoint, number: int
) -> tuple[list[Node], list[Node] | None]:
    """What the adjoint carries at the end, and the loop's results if it has others now."""
    view, body = adjoint.view, adjoint.body
    schedule = _Schedule(b, states, number)
    one = schedule.integer(1)
    states.name_trips(b, "trips")
    last = make.subtract(b, view.trip, one)
    results: list[Node] | None = None
    with b.at(b.notes.origins.get(adjoint.node), gradient=False):
        stack = schedule.start(_rows(schedule, option, view.trip))
        if view.is_counted and not view.params.stacked:
            others = {k: view.args[k] for k in states.others}
            stack, others = schedule.descend(stack, schedule.integer(0), last, others)
            count = schedule.smaller(view.trip, one)
            state = schedule.newest(stack) | others
            after, _ = states.advance(b, state, last, count, schedule.symbol("ending"))
            results = [after[k] for k in range(view.params.carried)]
    depth = len(stack.nodes)

    def back(j: Node, own: Sequence[Node]) -> tuple[Sequence[Node], Sequence[Node]]:
        step = make.subtract(b, last, j)
        stack = _Stack.of(own[:depth])
        done = make.gather(b, stack.kept_at, stack.top)
        deeper, _ = replace(schedule, stage="back_").descend(stack, done, step, {})
        mapping = {**adjoint.captures, body.index: step, body.trip: view.trip}
        mapping |= {body.carried[k]: node for k, node in schedule.newest(deeper).items()}
        mapping |= zip((before for before, _, _ in adjoint.carried), own[depth:], strict=True)
        found = b.substitute([after for _, after, _ in adjoint.carried], mapping)
        return [make.subtract(b, deeper.top, one), *deeper.nodes[1:], *found], ()

    init = [*schedule.named(stack), *adjoint.named(b)]
    found = loop_of(b, view.trip, view.params.length, init, back)
    return found[depth:], results


def _rows(schedule: _Schedule, option: Checkpoint, trip: Node) -> Node:
    """How many states are kept: no more than there are steps, and at least two."""
    b = schedule.b
    if option.snapshots is not None:
        wanted = schedule.integer(option.snapshots + 1)
    else:
        assert option.budget is not None
        size = schedule.larger(make.size(b, schedule.states.size), schedule.integer(1))
        wanted = make.apply(b, "floor_divide", schedule.integer(option.budget), size)
    return schedule.larger(schedule.smaller(wanted, trip), schedule.integer(2))
