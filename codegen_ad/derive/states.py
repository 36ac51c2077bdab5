"""The states of a loop: which carried values it takes to run some of its iterations again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from codegen_ad.derive.bodies import View
from codegen_ad.derive.regions import Named, loop_of
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim, product
from codegen_ad.ir.node import Kind, Node, toposort
from codegen_ad.ops import make


@dataclass(frozen=True, slots=True)
class States:
    """A loop's carried values by position: those that are kept, and the others.

    Attributes
    ----------
    kept : what the adjoint needs, and what these follow from.
    others : carried values that only the loop's results need.
    """

    view: View
    kept: tuple[int, ...]
    others: tuple[int, ...]

    @staticmethod
    def needed_for(view: View, values: Iterable[Node]) -> States:
        """The states from which `values` of the loop's body can be computed again."""
        carried, outputs = view.carried, view.params.body.outputs
        found: list[int] = []
        fresh = _reached(values, carried)
        while fresh:
            found += fresh
            fresh = [k for k in _reached((outputs[k] for k in found), carried) if k not in found]
        others = [k for k in range(len(carried)) if k not in found]
        return States(view, tuple(sorted(found)), tuple(others))

    @property
    def size(self) -> Dim:
        """How many bytes one state takes."""
        kept = (self.view.carried[k].array for k in self.kept)
        return sum((product(t.shape) * t.dtype.size for t in kept), Dim.constant(0))

    def first(self, b: Builder, positions: Sequence[int]) -> list[Named]:
        """The carried values before the loop, called as in its body."""
        return self.named(b, {k: self.view.args[k] for k in positions})

    def named(self, b: Builder, state: Mapping[int, Node]) -> list[Named]:
        """Carried values, called as in the loop's body."""
        names = b.notes.names
        return [(names.get(self.view.carried[k], "state"), node) for k, node in state.items()]

    def name_trips(self, b: Builder, name: str) -> None:
        """Give a name to the number of the loop's trips, if it is computed and has none."""
        trip = self.view.trip
        if trip.op.kind not in (Kind.INPUT, Kind.CONSTANT):
            b.notes.names.setdefault(trip, name)

    def advance(
        self,
        b: Builder,
        state: Mapping[int, Node],
        first: Node,
        count: Node,
        length: Dim,
        stacked: Sequence[Node] = (),
    ) -> tuple[dict[int, Node], list[Node]]:
        """The carried values `count` iterations on, the next one being `first`.

        Also gives `stacked`, values of the loop's body, from each iteration on an axis `length`.
        """
        view, body = self.view, self.view.params.body

        def step(i: Node, own: Sequence[Node]) -> tuple[list[Node], list[Node]]:
            mapping = dict(zip((view.carried[k] for k in state), own, strict=True))
            mapping |= zip(view.captured, view.args[view.params.carried :], strict=True)
            if view.index is not None:
                mapping[view.index] = make.add(b, first, i)
            wanted = [*(body.outputs[k] for k in state), *stacked]
            with b.at(None, gradient=False):
                made = b.substitute(wanted, mapping)
            return made[: len(state)], made[len(state) :]

        results = loop_of(b, count, length, self.named(b, state), step, "i")
        return dict(zip(state, results, strict=False)), results[len(state) :]


def _reached(values: Iterable[Node], carried: Sequence[Node]) -> list[int]:
    nodes = set(toposort(values))
    return [k for k, node in enumerate(carried) if node in nodes]
