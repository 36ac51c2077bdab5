"""Finding what a loop carries: the body is run until names, storages and types are settled."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codegen_ad.frontend import states
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.rounds import Body, Run, contents_nodes, held_from, install, new_twins
from codegen_ad.frontend.sides import Side
from codegen_ad.frontend.states import Form, Known, form_of, join, leaves, nodes_of, rebuild
from codegen_ad.frontend.values import Array, Cell, Unbound
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.node import Node

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_FLAGS = ("%break", "%return")
_ROUNDS = 20
_NOTHING = Unbound("")


@dataclass(frozen=True, slots=True)
class Condition:
    """The test of a `while` loop, in a scope of its own."""

    scope: Scope
    node: Node


@dataclass(slots=True)
class CarriedLoop:
    """What is carried, once settled, and the last run of the body."""

    m: Machine
    names: dict[str, Form]
    cells: dict[Cell, Form | None]
    side: Side
    inputs: list[Node]
    initial: list[Node]
    outputs: list[Node]
    fresh_names: frozenset[str] = frozenset()
    flags: tuple[str, ...] = ()
    index: tuple[Node, ...] = ()
    lost: dict[str, str] = field(default_factory=dict[str, str])
    certain: bool = False

    def close(self) -> tuple[list[Node], list[Node], list[Node]]:
        """Inputs, outputs and captured values of the body."""
        outputs, captured = self.side.scope.close(self.outputs)
        return [*self.index, *self.inputs], list(outputs), captured

    def place(self, name: str) -> int:
        """The position of a carried scalar among the inputs after the index."""
        place = 0
        for known, form in self.names.items():
            if known == name:
                return place
            place += sum(1 for _ in leaves(form))
        raise AssertionError(name)

    def test(self, compute: Callable[[], Node]) -> Condition:
        """A condition computed on what is carried."""
        m = self.m
        saved = m.snapshot()
        with m.b.scope() as scope:
            install(m, scope, self.names, self.cells, self.fresh_names)
            node = compute()
        m.restore(saved)
        return Condition(scope, node)

    def finish(self, results: Sequence[Node]) -> None:
        """Bind names and storages to the loop's results."""
        m = self.m
        nodes = iter(results)
        entry = {n: m.frame.env.get(n) for n in self.names}
        twins: dict[Cell, list[Array]] = {}
        for name, form in self.names.items():
            value = rebuild(m, form, nodes, name)
            m.frame.env[name] = value
            if isinstance(value, Array) and not name.startswith("%"):
                m.b.notes.names.setdefault(m.store[value.cell], name)
            end = self.side.env.get(name)
            if isinstance(value, Array) and isinstance(end, Array) and m.type_of(value).rank:
                _tangle_result(m, name, value, end, entry[name], twins, certain=self.certain)
        for cell, form in self.cells.items():
            if form is None:
                m.store[cell] = next(nodes)
                if m.label(cell):
                    m.b.notes.names.setdefault(m.store[cell], m.label(cell))
            else:
                m.store[cell] = held_from(m, form, nodes)
        for name, reason in self.lost.items():
            m.frame.env[name] = Unbound(reason)
        for name in ("%break", "%continue"):
            if name not in self.names:
                m.frame.env[name] = self.side.env.get(name, False) if name == "%break" else False


def _tangle_result(
    m: Machine,
    name: str,
    value: Array,
    end: Array,
    entry: Value,
    twins: dict[Cell, list[Array]],
    *,
    certain: bool,
) -> None:
    reason = (
        f"Whether `{name}` shares memory with another array that is still used depends on how "
        "often the loop above runs, so it cannot be told who sees this write."
    )
    for twin in twins.setdefault(end.cell, []):
        m.tangle(value.cell, twin.cell, reason)
    twins[end.cell].append(value)
    if end.cell in m.store:
        m.tangle(value.cell, end.cell, reason)
    if isinstance(entry, Array) and not certain:
        m.tangle(value.cell, entry.cell, reason)


def settle(m: Machine, body: Body) -> CarriedLoop:
    """Run the body until what it carries is known."""
    names: dict[str, Form] = {}
    cells: dict[Cell, Form | None] = {}
    new_names: set[str] = set()
    twins: set[tuple[str, str]] = set()
    read_later: dict[str, bool] = {}
    for _ in range(_ROUNDS):
        before = dict(m.frame.env), dict(m.store)
        run = Run(m, body, names, cells, frozenset(new_names), twins)
        side = run.side
        changed = False
        lost: dict[str, str] = {}
        for name, end in side.env.items():
            if name == "%continue":
                continue
            start = run.start.get(name)
            if name in run.start and states.same_value(start, end) and name not in names:
                continue
            if isinstance(before[0].get(name, _NOTHING), Unbound) and name not in names:
                if name.startswith("%") or read_later.setdefault(
                    name, _read_elsewhere(m, body.node, name)
                ):
                    if isinstance(end, Unbound):
                        lost[name] = end.reason
                        continue
                    if not name.startswith("%") and not body.at_least_one():
                        lost[name] = (
                            f"`{name}` gets its value inside the loop above, which may not run at "
                            "all, and is read here."
                        )
                        continue
                    names[name] = _form(m, name, None, form_of(m, end, side))
                    new_names.add(name)
                    changed = True
                else:
                    lost[name] = f"`{name}` gets its value inside the loop above, and is read here."
                continue
            if isinstance(end, Unbound):
                if name in names:
                    m.refuse(end.reason, "Give it a value on every path through the loop.")
                lost[name] = end.reason
                continue
            have = names.get(name)
            if have is None:
                have = form_of(m, before[0][name], None)
            wanted = _form(m, name, have, form_of(m, end, side))
            if names.get(name) != wanted:
                names[name] = wanted
                changed = True
        for cell, held in side.store.items():
            if cell not in before[1] or (held is run.store.get(cell) and cell not in cells):
                continue
            wanted_cell = _cell_form(m, cell, before[1][cell], held, cells.get(cell), side)
            if cell not in cells or cells[cell] != wanted_cell:
                cells[cell] = wanted_cell
                changed = True
        for pair in new_twins(run, names):
            if pair not in twins:
                twins.add(pair)
                changed = True
        if not changed:
            return _finished(run, lost)
    m.refuse(
        "The types of what this loop carries do not settle.",
        "Give each variable its final dtype before the loop, for example `s = 0.0`.",
    )


def _finished(run: Run, lost: dict[str, str]) -> CarriedLoop:
    """The loop as it is carried after a run that found nothing new."""
    m, side = run.m, run.side
    initial: list[Node] = []
    outputs: list[Node] = []
    for name, form in run.names.items():
        value = run.entry.get(name, Unbound(""))
        if name in run.unbound or (name == "%value" and name not in run.entry):
            value = Unbound("")
        initial += nodes_of(m, form, value, None)
        outputs += nodes_of(m, form, side.env[name], side)
    for cell, form in run.cells.items():
        if form is None:
            initial.append(run.entry_store[cell])
            outputs.append(side.store[cell])
        else:
            initial += contents_nodes(m, form, run.entry_store[cell], None)
            outputs += contents_nodes(m, form, side.store[cell], side)
    flags = tuple(f for f in _FLAGS if isinstance(side.env.get(f), Array) or f in run.names)
    index = tuple(n for n in side.scope.inputs if n not in run.inputs)
    return CarriedLoop(
        m, run.names, run.cells, side, run.inputs, initial, outputs, run.unbound, flags,
        index, lost, run.body.at_least_one() if _carries_arrays(run.names) else False,
    )  # fmt: skip


def _carries_arrays(names: dict[str, Form]) -> bool:
    return any(isinstance(f, states.Leaf) and f.type.rank for f in names.values())


def _form(m: Machine, name: str, have: Form | None, end: Form) -> Form:
    if have is None:
        return _settled(end)
    found = join(m, have, end, name)
    if found is None:
        m.refuse(
            f"`{name}` is {_words(m, have)} before an iteration of this loop and {_words(m, end)} "
            "after it.",
            "Keep its type and shape the same, or use another name.",
        )
    return found


def _settled(form: Form) -> Form:
    return form


def _words(m: Machine, form: Form) -> str:
    match form:
        case states.Leaf(kind):
            return str(kind)
        case Known(value):
            return m.describe(value)
        case states.Items(_, keys):
            return f"a sequence of {len(keys)} items"


def _cell_form(
    m: Machine, cell: Cell, before: Any, held: Any, have: Form | None, side: Side
) -> Form | None:
    if isinstance(held, Node):
        return None
    start = have if have is not None else _contents_form(m, before, None)
    end = _contents_form(m, held, side)
    found = join(m, start, end, "the list")
    if found is None:
        m.unroll()
        m.refuse(
            "A list or dict that this loop changes has other items after an iteration than before.",
            "Make an array before the loop (`np.zeros(n)`) and write its items.",
        )
    return found


def _contents_form(m: Machine, held: Any, side: Side | None) -> Form:
    raw: Any = held
    if isinstance(held, dict):
        forms = tuple(form_of(m, v, side) for v in raw.values())
        return states.Items(dict, tuple(raw), forms)
    return states.Items(tuple, tuple(range(len(raw))), tuple(form_of(m, v, side) for v in raw))


def _read_elsewhere(m: Machine, loop: ast.stmt, name: str) -> bool:
    """Whether the name is read in the function outside of this loop."""
    inside = set(ast.walk(loop))
    if isinstance(loop, ast.For | ast.While):
        inside -= {n for s in loop.orelse for n in ast.walk(s)}
    tree = m.frame.tree
    return tree is None or any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) and n not in inside
        for n in ast.walk(tree)
    )
