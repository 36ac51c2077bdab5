"""One run of a loop's body, with what is known so far to be carried."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend import sides, states
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.sides import Side
from codegen_ad.frontend.states import Form, leaves, nodes_of, rebuild
from codegen_ad.frontend.values import Array, Cell, Unbound
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.node import Node

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


@dataclass(frozen=True, slots=True)
class Body:
    """A loop's body: runs one iteration in an open scope, the state being bound already."""

    run: Callable[[Scope], None]
    node: ast.For | ast.While
    at_least_one: Callable[[], bool]


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
        label = name.lstrip("%")
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

    A storage without a form is an array; `twins` are names that may be one memory.
    """

    names: dict[str, Form] = field(default_factory=dict[str, Form])
    cells: dict[Cell, Form | None] = field(default_factory=dict[Cell, "Form | None"])
    unbound: dict[str, Unbound] = field(default_factory=dict[str, Unbound])
    lost: dict[str, Unbound] = field(default_factory=dict[str, Unbound])
    twins: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

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
        self.unbound = dict(plan.unbound)
        self.lost = plan.lost
        self.entry = dict(m.frame.env)
        self.entry_store = dict(m.store)
        self.inputs: list[Node] = []
        self.start: dict[str, Value] = {}
        self.store: dict[Cell, Any] = {}

        def run(scope: Scope) -> None:
            self.inputs = install(m, scope, self.names, self.cells, self.unbound)
            for name in ("%break", "%continue", *(("%return",) if "%return" in self.names else ())):
                m.frame.env[name] = False
            self.start = dict(m.frame.env)
            self.store = dict(m.store)
            self._tangle(plan.twins)
            body.run(scope)

        self.side = sides.run(m, run)

    def _tangle(self, twins: set[tuple[str, str]]) -> None:
        """In the first iteration a carried name may be the same memory as what it is made from."""
        m = self.m
        for name in self.names:
            value, entry = self.start.get(name), self.entry.get(name)
            if isinstance(value, Array) and isinstance(entry, Array) and m.type_of(value).rank:
                m.tangle(value.cell, entry.cell, _REASON.format(name))
        for one, other in twins:
            a, b = self._cell(one), self._cell(other)
            if a is not None and b is not None and a is not b:
                m.tangle(a, b, _REASON.format(one))

    def _cell(self, name: str) -> Cell | None:
        value = self.start.get(name)
        return value.cell if isinstance(value, Array) else None


_REASON = (
    "Whether `{}` shares memory with another array that is still used differs between iterations "
    "of the loop, so it cannot be told who sees this write."
)


def contents_nodes(m: Machine, form: Form, held: Any, side: Side | None) -> list[Node]:
    """The nodes of what a list or dict holds."""
    assert isinstance(form, states.Items)
    items: list[Value] = list(cast("Any", held).values() if isinstance(held, dict) else held)
    return [n for f, v in zip(form.items, items, strict=True) for n in nodes_of(m, f, v, side)]


def new_twins(run: Run) -> Iterator[tuple[str, str]]:
    """Pairs of carried names that are one memory after the body, and were two before it."""
    ends = [(n, v.cell) for n in run.names if isinstance(v := run.side.env.get(n), Array)]
    for place, (one, cell) in enumerate(ends):
        for other, second in ends[:place]:
            if cell is second and not one.startswith("%") and not other.startswith("%"):
                yield other, one
