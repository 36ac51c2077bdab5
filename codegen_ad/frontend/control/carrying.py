"""Finding what a loop carries: the body is run until names, storages and types are settled."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from codegen_ad.frontend.containers import filling, rows
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import growth, maybe, states
from codegen_ad.frontend.control.aliases import Knots
from codegen_ad.frontend.control.mismatch import mismatch
from codegen_ad.frontend.control.rounds import (
    Body,
    Plan,
    Run,
    carried_cells,
    contents_nodes,
    held_from,
    install,
)
from codegen_ad.frontend.control.sides import Side
from codegen_ad.frontend.control.states import Form, Known, form_of, join, leaves, nodes_of, rebuild
from codegen_ad.frontend.sizes.run_time import is_run_time
from codegen_ad.frontend.sizes.symbolic import Restart
from codegen_ad.frontend.values import Array, Cell, Rows, Unbound
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import ArrayType, DType

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_FLAGS = ("%break", "%return")
_ROUNDS = 20
MOST_UNROLLED = 64
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
    run: Run
    knots: Knots
    names: dict[str, Form]
    cells: dict[Cell, Form | None]
    side: Side
    inputs: list[Node]
    initial: list[Node]
    outputs: list[Node]
    unbound: dict[str, Unbound] = field(default_factory=dict[str, Unbound])
    flags: tuple[str, ...] = ()
    index: tuple[Node, ...] = ()
    lost: dict[str, Unbound] = field(default_factory=dict[str, Unbound])
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
            install(m, scope, self.names, self.cells, self.unbound)
            node = compute()
        m.restore(saved)
        return Condition(scope, node)

    def finish(self, results: Sequence[Node]) -> None:
        """Bind names and storages to the loop's results."""
        m = self.m
        nodes = iter(results)
        for name, form in self.names.items():
            value = rebuild(m, form, nodes, name)
            m.frame.env[name] = value
            if isinstance(value, Array) and not name.startswith("%"):
                m.b.notes.names.setdefault(m.store[value.cell], name)
        for cell, form in self.cells.items():
            if form is None:
                m.store[cell] = next(nodes)
                if m.label(cell):
                    m.b.notes.names.setdefault(m.store[cell], m.label(cell))
            else:
                m.store[cell] = held_from(m, form, nodes)
        for cell, grown in self.run.grown.items():
            m.store[cell] = rows.finished(m, next(nodes), grown)
        made = dict(carried_cells(self.names, self.cells, self.run.grown, m.frame.env, m.store))
        tangled, certain = self.side.tangled, self.certain
        self.knots.finish(m, made, self.run.ends(), self.run.entries(), tangled, certain=certain)
        m.frame.env |= self.lost
        for name in ("%break", "%continue"):
            if name not in self.names:
                m.frame.env[name] = self.side.env.get(name, False) if name == "%break" else False


def settle(m: Machine, body: Body) -> CarriedLoop:
    """Run the body until what it carries is known."""
    plan = Plan()
    last: Side | None = None
    before, added = frozenset(m.log.accesses), dict(m.fillings)
    for _ in range(_ROUNDS):
        m.log.accesses, m.fillings = set(before), dict(added)
        with m.counting(body.trip if body.most is None else body.most):
            run = Run(m, body, plan)
        changed = [
            _see_name(m, body, plan, run, name, end)
            for name, end in run.side.env.items()
            if name != "%continue"
        ]
        changed += [_see_cell(m, body, plan, run, cell) for cell in run.entry_store]
        changed.append(plan.knots.leave(run.side.tangled, run.ends(), set(run.entry_store)))
        gone = [n for n in run.start if n not in run.side.env and not n.startswith("%")]
        if gone:
            m.refuse(f"`del {gone[0]}` in a loop is not translated.", "Leave it out.")
        if not any(changed):
            return _finished(run, plan)
        last = run.side
    _refuse_sizes(m, plan, last)
    m.refuse(
        "The types of what this loop carries do not settle.",
        "Give each variable its final dtype before the loop, for example `s = 0.0`.",
    )


def _refuse_sizes(m: Machine, plan: Plan, last: Side | None) -> None:
    """Refuse arrays whose size is another one in each iteration, if it is they who do not settle.

    A symbol of a run-time size belongs to one reading of the body.
    """
    known = {*plan.names, *plan.lost, *plan.unbound}
    env = {} if last is None else last.env
    ends = {n: form_of(m, v, last) for n, v in env.items() if n in known}
    sized = [
        name for name, form in ends.items()
        if any(is_run_time(m, d) for leaf in leaves(form) for d in leaf.type.shape)
    ]  # fmt: skip
    if sized:
        m.refuse(
            f"The size of `{sized[0]}` differs from iteration to iteration, and it is read after "
            "the loop or in the next iteration.",
            "Read it in the iteration that makes it, or write into an array made before the loop.",
        )


def _see_name(m: Machine, body: Body, plan: Plan, run: Run, name: str, end: Value) -> bool:
    """What the end of a run says about a name; True if that is news."""
    start = run.start.get(name, _NOTHING)
    if name not in plan.names and name in run.start and states.same_value(start, end):
        return False
    before = run.entry.get(name, _NOTHING)
    if isinstance(before, Unbound) or name in plan.unbound:
        return _see_new_name(m, body, plan, run, name, end)
    if isinstance(end, Unbound):
        # The first iteration by itself may know which path it takes.
        return plan.unbind(name, replace(end, loop=end.loop or m.rolled[-1][0]))
    have = plan.names.get(name) or form_of(m, before, None)
    found = form_of(m, end, run.side)
    wanted = join(m, have, found)
    if wanted is None:
        wanted = states.join_options(m, have, found) if maybe.is_kept(m, name) else None
    if wanted is None:
        return plan.unbind(name, mismatch(m, name, have, found, run.index))
    if plan.names.get(name) == wanted:
        return False
    plan.names[name] = wanted
    return True


def _see_new_name(m: Machine, body: Body, plan: Plan, run: Run, name: str, end: Value) -> bool:
    """A name without a value before the body: its last value counts if it is read later."""
    plan.lost.pop(name, None)
    if isinstance(end, Unbound):
        plan.lost[name] = end
        return plan.names.pop(name, None) is not None
    hidden = name.startswith("%")
    if not hidden and maybe.is_kept(m, name) and name not in run.entry:
        return _see_option(m, plan, run, name, end)
    if not hidden and not _read_elsewhere(m, body.node, name):
        plan.lost[name] = Unbound(f"`{name}` gets its value inside the loop above.")
        return False
    if not hidden and not body.at_least_one():
        known = plan.unbound.get(name)
        if known is not None and known.differs:  # there is a value before the loop, too
            plan.lost[name] = known
            return False
        plan.lost[name] = Unbound(
            f"`{name}` gets its value inside the loop above, which may not run at all, and is read "
            "here.",
            instead="Give it a value before the loop.",
            key=maybe.key_of(m.frame, name),
        )
        return False
    found = form_of(m, end, run.side)
    wanted = found if name not in plan.names else join(m, plan.names[name], found)
    if wanted is None:
        plan.lost[name] = mismatch(m, name, plan.names[name], found)
        return plan.names.pop(name, None) is not None
    if plan.names.get(name) == wanted:
        return False
    plan.unbound.setdefault(name, Unbound(f"`{name}` is read before it has a value."))
    plan.names[name] = wanted
    return True


def _see_option(m: Machine, plan: Plan, run: Run, name: str, end: Value) -> bool:
    """A name that may have got its value in an earlier iteration."""
    found = form_of(m, end, run.side)
    option = found if isinstance(found, states.Option) else states.Option(found, none=False)
    known = plan.names.get(name, option)
    wanted = None if option.none else states.join_options(m, known, option)
    if wanted is None:
        plan.lost[name] = mismatch(m, name, known, found)
        return plan.names.pop(name, None) is not None
    if plan.names.get(name) == wanted:
        return False
    plan.names[name] = wanted
    return True


def _see_cell(m: Machine, body: Body, plan: Plan, run: Run, cell: Cell) -> bool:
    """What the end of a run says about a storage; True if that is news."""
    held = run.side.store.get(cell)
    if cell in plan.grown:
        return rows.ended(m, cell, plan.grown[cell], held)
    if held is None or (held is run.store.get(cell) and cell not in plan.cells):
        return False
    if cell not in plan.cells and _grows(m, body, plan, run, cell):
        return True
    _, length = m.rolled[-1]
    if length is None or length > MOST_UNROLLED:
        filling.begin(m, cell, run.entry_store[cell], held, run.side)
    wanted = _cell_form(m, run.entry_store[cell], held, plan.cells.get(cell), run.side)
    if cell in plan.cells and plan.cells[cell] == wanted:
        return False
    plan.cells[cell] = wanted
    return True


def _grows(m: Machine, body: Body, plan: Plan, run: Run, cell: Cell) -> bool:
    """Whether the loop makes a list longer that it is not worth writing out for."""
    _, length = m.rolled[-1]
    before = run.entry_store[cell]
    if (length is not None and length <= MOST_UNROLLED) or run.store.get(cell) is not before:
        return False
    growth = rows.growth_of(m, before, run.side.store[cell], run.side)
    if growth is None:
        return False
    key, _ = m.rolled[-1]
    left = run.side.env.get("%break") or run.side.env.get("%return")
    if isinstance(body.node, ast.For) and not left and body.trip is None:
        m.facts.counted.add(key)
        raise Restart
    if body.trip is None or left:
        filling.begin(m, cell, before, run.side.store[cell], run.side)
        filling.refuse_length(m)
    plan.grown[cell] = growth
    return True


def _finished(run: Run, plan: Plan) -> CarriedLoop:
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
    for cell, grown in run.grown.items():
        assert run.body.trip is not None
        initial.append(rows.initial(m, run.entry_store[cell], grown, run.body.trip))
        if m.label(cell) and initial[-1].args:
            m.b.notes.names.setdefault(initial[-1], m.label(cell))
        outputs.append(rows.output(side, cell))
    growth.watch(m, dict(_integers(run, outputs)))
    flags = tuple(f for f in _FLAGS if isinstance(side.env.get(f), Array) or f in run.names)
    index = () if run.index is None else (run.index,)
    certain = _carries_arrays(run.names) and run.body.at_least_one()
    return CarriedLoop(
        m, run, plan.knots, run.names, run.cells, side, run.inputs, initial, outputs, run.unbound,
        flags, index, run.lost, certain,
    )  # fmt: skip


def _integers(run: Run, outputs: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """The Python integers that are carried: what they are at the start and the end of a trip."""
    forms = (*run.names.values(), *run.cells.values())
    found = [leaf for form in forms for leaf in ((None,) if form is None else leaves(form))]
    for leaf, start, end in zip(found, run.inputs, outputs, strict=False):
        if leaf is not None and leaf.weak and leaf.type == ArrayType(DType.INT64):
            yield start, end


def _carries_arrays(names: dict[str, Form]) -> bool:
    return any(isinstance(f, states.Leaf) and f.type.rank for f in names.values())


def _cell_form(m: Machine, before: Any, held: Any, have: Form | None, side: Side) -> Form | None:
    if isinstance(held, Node):
        return None
    found = None
    if not isinstance(before, Rows) and not isinstance(held, Rows):
        start = have if have is not None else _contents_form(m, before, None, held)
        found = join(m, start, _contents_form(m, held, side, before))
    if found is None:
        m.unroll()
        m.refuse(
            "A list or dict that this loop changes has other items after an iteration than before.",
            "Make an array before the loop (`np.zeros(n)`) and write its items.",
        )
    return found


def _contents_form(m: Machine, held: Any, side: Side | None, other: Any) -> Form:
    """The form of what a list or dict holds, at one end of the loop.

    An array that it holds at both ends is the same one throughout; what is in it is carried, not
    which one it is.
    """
    items, others = _items(held), _items(other)
    forms = tuple(
        Known(v)
        if isinstance(v, Array) and states.same_value(v, others.get(key))
        else form_of(m, v, side)
        for key, v in items.items()
    )
    return states.Items(dict if isinstance(held, dict) else tuple, tuple(items), forms)


def _items(held: Any) -> dict[Any, Value]:
    """What a list or dict holds, by place or key."""
    return dict(held.items() if isinstance(held, dict) else enumerate(held))  # pyright: ignore


def _read_elsewhere(m: Machine, loop: ast.stmt, name: str) -> bool:
    """Whether the name is read in the function after this loop, or in another trip around it."""
    tree = m.frame.tree
    if tree is None:
        return True
    inside = set(ast.walk(loop))
    if isinstance(loop, ast.For | ast.While):
        inside -= {n for s in loop.orelse for n in ast.walk(s)}
    around = [n for n in ast.walk(tree) if isinstance(n, ast.For | ast.While) and n is not loop]
    again = any(loop in ast.walk(n) for n in around) or not hasattr(loop, "end_lineno")
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) and n not in inside
        and (again or n.lineno >= loop.lineno)
        for n in ast.walk(tree)
    )  # fmt: skip
