"""Finding what a loop carries: the body is run until names, storages and types are settled."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend import sides, states
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.sides import Side
from codegen_ad.frontend.states import Form, Known, form_of, join, leaves, nodes_of, rebuild
from codegen_ad.frontend.values import Array, Cell, Unbound
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.node import Node

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_FLAGS = ("%break", "%return")
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Body:
    """A loop's body: runs one iteration in an open scope, the state being bound already."""

    run: Callable[[Scope], None]
    node: ast.For | ast.While
    at_least_one: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """The test of a `while` loop, in a scope of its own."""

    scope: Scope
    node: Node


@dataclass(slots=True)
class Loop_:
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
            _install(m, scope, self.names, self.cells, self.fresh_names)
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
                m.store[cell] = _held(m, form, nodes)
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


def settle(m: Machine, body: Body) -> Loop_:
    """Run the body until what it carries is known."""
    names: dict[str, Form] = {}
    cells: dict[Cell, Form | None] = {}
    new_names: set[str] = set()
    twins: set[tuple[str, str]] = set()
    read_later: dict[str, bool] = {}
    for _ in range(_ROUNDS):
        before = dict(m.frame.env), dict(m.store)
        run = _Run(m, body, names, cells, frozenset(new_names), twins)
        side = run.side
        changed = False
        lost: dict[str, str] = {}
        for name, end in side.env.items():
            if name == "%continue":
                continue
            start = run.start.get(name)
            if name in run.start and states.same_value(start, end) and name not in names:
                continue
            if name not in before[0] and name not in names:
                if name.startswith("%") or read_later.setdefault(name, _read_elsewhere(m, body.node, name)):
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
            if cell not in before[1] or held is run.store.get(cell) and cell not in cells:
                continue
            wanted_cell = _cell_form(m, cell, before[1][cell], held, cells.get(cell), side)
            if cell not in cells or cells[cell] != wanted_cell:
                cells[cell] = wanted_cell
                changed = True
        for pair in _new_twins(run, names):
            if pair not in twins:
                twins.add(pair)
                changed = True
        if not changed:
            return run.loop(lost)
    m.refuse(
        "The types of what this loop carries do not settle.",
        "Give each variable its final dtype before the loop, for example `s = 0.0`.",
    )


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
        from codegen_ad.frontend import loops

        loops.unroll(m)
        m.refuse(
            "A list or dict that this loop changes has other items after an iteration than before.",
            "Make an array before the loop (`np.zeros(n)`) and write its items.",
        )
    return found


def _contents_form(m: Machine, held: Any, side: Side | None) -> Form:
    keys = tuple(held) if isinstance(held, dict) else tuple(range(len(held)))
    items = list(held.values()) if isinstance(held, dict) else list(held)
    kind = dict if isinstance(held, dict) else tuple
    return states.Items(kind, keys, tuple(form_of(m, cast("Value", v), side) for v in items))


def _held(m: Machine, form: Form, nodes: Iterator[Node]) -> Any:
    assert isinstance(form, states.Items)
    items = [rebuild(m, f, nodes, "") for f in form.items]
    return dict(zip(form.keys, items, strict=True)) if form.kind is dict else tuple(items)


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


def _install(
    m: Machine,
    scope: Scope,
    names: dict[str, Form],
    cells: dict[Cell, Form | None],
    unbound: frozenset[str],
) -> list[Node]:
    """Bind what is carried to inputs of the region."""
    inputs: list[Node] = []
    for name, form in names.items():
        label = name.lstrip("%")
        made = [scope.input(label, leaf.type) for leaf in leaves(form)]
        inputs += made
        if name in unbound:
            m.frame.env.pop(name, None)
        else:
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
            m.store[cell] = _held(m, form, iter(made))
    return inputs


class _Run:
    """One run of the body with what is known to be carried so far."""

    def __init__(
        self,
        m: Machine,
        body: Body,
        names: dict[str, Form],
        cells: dict[Cell, Form | None],
        unbound: frozenset[str],
        twins: set[tuple[str, str]],
    ) -> None:
        self.m = m
        self.body = body
        self.names = dict(names)
        self.cells = dict(cells)
        self.unbound = unbound
        self.entry = dict(m.frame.env)
        self.entry_store = dict(m.store)
        self.inputs: list[Node] = []
        self.start: dict[str, Value] = {}
        self.store: dict[Cell, Any] = {}

        def run(scope: Scope) -> None:
            self.inputs = _install(m, scope, self.names, self.cells, unbound)
            for name in ("%break", "%continue", *(("%return",) if "%return" in self.names else ())):
                m.frame.env[name] = False
            self.start = dict(m.frame.env)
            self.store = dict(m.store)
            self._tangle(twins)
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

    def loop(self, lost: dict[str, str]) -> Loop_:
        m, side = self.m, self.side
        initial: list[Node] = []
        outputs: list[Node] = []
        for name, form in self.names.items():
            value = self.entry.get(name, Unbound(""))
            if name in self.unbound or (name == "%value" and name not in self.entry):
                value = Unbound("")
            initial += nodes_of(m, form, value, None)
            outputs += nodes_of(m, form, side.env[name], side)
        for cell, form in self.cells.items():
            if form is None:
                initial.append(self.entry_store[cell])
                outputs.append(side.store[cell])
            else:
                initial += _contents_nodes(m, form, self.entry_store[cell], None)
                outputs += _contents_nodes(m, form, side.store[cell], side)
        flags = tuple(f for f in _FLAGS if isinstance(side.env.get(f), Array) or f in self.names)
        index = tuple(n for n in side.scope.inputs if n not in self.inputs)
        return Loop_(
            m, self.names, self.cells, side, self.inputs, initial, outputs, self.unbound, flags,
            index, lost, self.body.at_least_one() if self._arrays() else False,
        )  # fmt: skip

    def _arrays(self) -> bool:
        return any(isinstance(f, states.Leaf) and f.type.rank for f in self.names.values())


_REASON = (
    "Whether `{}` shares memory with another array that is still used differs between iterations "
    "of the loop, so it cannot be told who sees this write."
)


def _contents_nodes(m: Machine, form: Form, held: Any, side: Side | None) -> list[Node]:
    assert isinstance(form, states.Items)
    items = list(held.values()) if isinstance(held, dict) else list(held)
    return [n for f, v in zip(form.items, items, strict=True) for n in nodes_of(m, f, v, side)]


def _new_twins(run: _Run, names: dict[str, Form]) -> Iterator[tuple[str, str]]:
    """Pairs of carried names that are one memory after the body, and were two before it."""
    ends = [(n, v.cell) for n in names if isinstance(v := run.side.env.get(n), Array)]
    for place, (one, cell) in enumerate(ends):
        for other, second in ends[:place]:
            if cell is second and not one.startswith("%") and not other.startswith("%"):
                yield other, one
