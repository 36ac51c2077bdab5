"""One run of a loop's body, with what is known so far to be carried."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.containers import rows
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import sides, states
from codegen_ad.frontend.control.aliases import Key, Knots
from codegen_ad.frontend.control.checks import Over, fail
from codegen_ad.frontend.control.sides import Side
from codegen_ad.frontend.control.states import Form, leaves, nodes_of, rebuild
from codegen_ad.frontend.values import Array, Cell, Growth, Rows, Unbound
from codegen_ad.frontend.words import plain
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


@dataclass(frozen=True, slots=True)
class Body:
    """A loop's body: runs one iteration in an open scope, the state being bound already.

    `enter` makes the number of the iteration, where there is one, and `trip` is their number, where
    sizes tell it, or `most` a bound of it.
    """

    run: Callable[[Node | None], None]
    node: ast.For | ast.While
    at_least_one: Callable[[], bool]
    enter: Callable[[Scope], Node] | None = None
    trip: Dim | None = None
    most: Dim | None = None


def held_from(m: Machine, form: Form, nodes: Iterator[Node]) -> Any:
    """What a list or dict holds, from the nodes of its items."""
    assert isinstance(form, states.Items)
    items = [rebuild(m, f, nodes, "") for f in form.items]
    return dict(zip(form.keys, items, strict=True)) if form.kind is dict else tuple(items)


def install(
    m: Machine,
    scope: Scope,
    names: dict[str, Form],
    cells: dict[Cell, Form | None],
    unbound: dict[str, Unbound],
) -> list[Node]:
    """Bind what is carried to inputs of the region."""
    inputs: list[Node] = []
    m.frame.env |= unbound
    for name, form in names.items():
        label = plain(name)
        made = [scope.input(label, leaf.type) for leaf in leaves(form)]
        inputs += made
        if name not in unbound:
            m.frame.env[name] = rebuild(m, form, iter(made), label)
    for cell, form in cells.items():
        label = m.label(cell) or "items"
        if form is None:
            node = scope.input(label, m.store[cell].array)
            inputs.append(node)
            m.store[cell] = node
        else:
            made = [scope.input(label, leaf.type) for leaf in leaves(form)]
            inputs += made
            m.store[cell] = held_from(m, form, iter(made))
    return inputs


@dataclass(slots=True)
class Plan:
    """What is known so far: what is carried, what has no value at the start, what is lost after.

    A storage without a form is an array.
    """

    names: dict[str, Form] = field(default_factory=dict[str, Form])
    cells: dict[Cell, Form | None] = field(default_factory=dict[Cell, "Form | None"])
    grown: dict[Cell, Growth] = field(default_factory=dict[Cell, Growth])
    unbound: dict[str, Unbound] = field(default_factory=dict[str, Unbound])
    lost: dict[str, Unbound] = field(default_factory=dict[str, Unbound])
    knots: Knots = field(default_factory=Knots)

    def unbind(self, name: str, reason: Unbound) -> bool:
        """From now on the name has no value at the start of an iteration."""
        self.names.pop(name, None)
        self.unbound[name] = reason
        self.lost[name] = reason
        return True


class Run:
    """One run of the body with what is known to be carried so far."""

    def __init__(self, m: Machine, body: Body, plan: Plan) -> None:
        self.m = m
        self.body = body
        self.names = dict(plan.names)
        self.cells = dict(plan.cells)
        self.grown = dict(plan.grown)
        self.unbound = dict(plan.unbound)
        self.lost = plan.lost
        self.entry = dict(m.frame.env)
        self.entry_store = dict(m.store)
        self.inputs: list[Node] = []
        self.start: dict[str, Value] = {}
        self.store: dict[Cell, Any] = {}
        self.index: Node | None = None

        def run(scope: Scope) -> None:
            index = self.index = None if body.enter is None else body.enter(scope)
            self.inputs = install(m, scope, self.names, self.cells, self.unbound)
            for cell, growth in self.grown.items():
                assert index is not None
                assert body.trip is not None
                self.inputs.append(rows.install(m, scope, cell, growth, body.trip, index))
            for name in ("%break", "%continue", *(("%return",) if "%return" in self.names else ())):
                m.frame.env[name] = False
            self.start = dict(m.frame.env)
            self.store = dict(m.store)
            for growth in self.grown.values():
                growth.outer = frozenset(self.store)
            for added in m.fillings.values():
                added.growth.outer = frozenset(self.store)
            plan.knots.enter(m, self.cells_of(self.start, self.store), self.entries())
            try:
                body.run(index)
            except Over as over:
                del m.frames[depth:]
                fail(m, over.failure)
                m.frame.env["%break"] = True

        depth = len(m.frames)
        self.side = sides.run(m, run)

    def entries(self) -> dict[Key, Cell]:
        """The storages that the arrays and containers carried are before the loop."""
        return self.cells_of(self.entry, self.entry_store, all_bound=False)

    def ends(self) -> dict[Key, Cell]:
        """The storages that the arrays and containers carried are at the end of an iteration."""
        return self.cells_of(self.side.env, self.side.store)

    def cells_of(
        self, env: Mapping[str, Value], store: dict[Cell, Any], *, all_bound: bool = True
    ) -> dict[Key, Cell]:
        """The storages of the arrays and containers carried, in one state."""
        return {
            key: cell
            for key, cell in carried_cells(self.names, self.cells, self.grown, env, store)
            if all_bound or key[0] not in self.unbound
        }


def carried_cells(
    names: Mapping[str, Form],
    cells: Mapping[Cell, Form | None],
    grown: Iterable[Cell],
    env: Mapping[str, Value],
    store: dict[Cell, Any],
) -> Iterator[tuple[Key, Cell]]:
    """The storages that a loop carries, each with a key that is the same in every round."""
    for name, form in names.items():
        yield from _cells_of(name, form, env.get(name), store)
    for cell, form in cells.items():
        if form is not None:
            held: Any = store.get(cell, ())
            items: list[Value] = list(held.values() if hasattr(held, "values") else held)
            yield from _cells_of(cell, replace(form, kind=tuple), tuple(items), store)
    for cell in grown:
        held = store.get(cell)
        if isinstance(held, Rows):
            yield (cell, 0), held.array.cell
    rooms = {h.array.cell for h in store.values() if rows.is_filled(h)}
    yield from (((cell, 0), cell) for cell, form in cells.items() if form is None and cell in rooms)


def _cells_of(
    owner: object, form: Form, value: Value, store: dict[Cell, Any]
) -> Iterator[tuple[Key, Cell]]:
    """The storages of a value: of its arrays, counted from 0, and its containers, from -1."""
    for place, part in enumerate(states.flat(form, value, store)):
        if isinstance(part, Array):
            yield (owner, place), part.cell
    for place, cell in enumerate(states.containers(form, value, store), 1):
        if cell is not None:
            yield (owner, -place), cell


def contents_nodes(m: Machine, form: Form, held: Any, side: Side | None) -> list[Node]:
    """The nodes of what a list or dict holds."""
    assert isinstance(form, states.Items)
    items: list[Value] = list(cast("Any", held).values() if isinstance(held, dict) else held)
    return [n for f, v in zip(form.items, items, strict=True) for n in nodes_of(m, f, v, side)]
