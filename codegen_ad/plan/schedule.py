"""The order of work in one scope: discovery, dependencies, what to keep, and fused emission.

Units that depend on each other get increasing levels; on each level, nests over the same size run
in one loop, whose body is scheduled the same way. Before anything of a region is emitted, discovery
may begin again: what it learns there concerns nobody else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import ArrayType
from codegen_ad.ops import make
from codegen_ad.ops.constants import Size
from codegen_ad.ops.control import Loop, While
from codegen_ad.plan import control, joining, memory, nests
from codegen_ad.plan.access import NeedsStorage, Point
from codegen_ad.plan.accumulating import reduced_extents
from codegen_ad.plan.kernel import Expr, Var
from codegen_ad.plan.nests import Nest
from codegen_ad.plan.planner import Planner, Region
from codegen_ad.plan.scope import Pattern, Scope, Stored
from codegen_ad.plan.units import (
    Buffer,
    Keep,
    Local,
    Needs,
    Scalar,
    Structured,
    Total,
    Unit,
    is_expensive,
    stored_whole,
)
from codegen_ad.plan.writing import sweeps, writes
from codegen_ad.plan.writing.written import Sweep

Item = Nest | Unit
Known = dict[Item, tuple[Needs, frozenset[Node]]]
"""What items need, and the nodes of which that takes for granted whether they stand in memory."""


@dataclass(slots=True)
class Work:
    """Everything to be done in one scope."""

    needs: dict[Item, Needs] = field(default_factory=dict[Item, Needs])
    after: dict[Item, set[Item]] = field(default_factory=dict[Item, set[Item]])
    copies: set[tuple[Item, Node]] = field(default_factory=set[tuple[Item, Node]])

    def depends(self, item: Item, other: Item) -> bool:
        """Whether `item` comes after `other`, directly or not."""
        stack, seen = [item], {item}
        while stack:
            for before in self.after[stack.pop()]:
                if before == other:
                    return True
                if before not in seen:
                    seen.add(before)
                    stack.append(before)
        return False

    def levels(self, first: Collection[Item]) -> dict[Item, int]:
        """The level of each item: one more than the highest that it comes after.

        Those of `first` that come after nothing have level -1, so that they hold nobody up.
        """
        level: dict[Item, int] = {}
        for start in self.needs:
            stack = [start]
            while stack:
                item = stack[-1]
                missing = [b for b in self.after[item] if b not in level]
                if missing:
                    stack.extend(missing)
                    continue
                stack.pop()
                ready = -2 if item in first else -1
                level[item] = 1 + max((level[b] for b in self.after[item]), default=ready)
        return level


def plan_region(
    p: Planner, scope: Scope, outputs: Sequence[Node], extra: Sequence[Item] = ()
) -> list[Expr | Stored]:
    """Plan a region: afterwards each output is a scalar expression or stands in memory."""
    p.regions[scope] = Region.of([*outputs, *(n.node for n in extra)])
    p.regions[scope].outputs = tuple(outputs)
    items: list[Unit] = []
    for node in outputs:
        if not node.array.shape:
            items.append(Scalar(node))
        elif node.op.kind.value == "result":
            items.append(Structured(node.args[0]))
        elif node not in scope.stored:
            _stand(p, scope, node)
            items.append(Buffer(node))
    _emit(p, scope, *_settled(p, scope, [*extra, *items]))
    return [
        p.elements.value(scope, n, ()) if not n.array.shape else scope.stored[n] for n in outputs
    ]


def _stand(p: Planner, scope: Scope, node: Node) -> None:
    """Note that an output of a region needs memory there.

    What follows from literals and sizes may be a node of the regions around, too, which are being
    emitted as if it had none.
    """
    around = (p.regions[s] for s in scope.all_outward() if s is not scope and s in p.regions)
    emitted = any(node in region.position for region in around)
    if emitted and node not in p.marks.full and make.constant_value(node) is None:
        raise NeedsStorage(node)
    p.marks.full.add(node)


def schedule(p: Planner, scope: Scope, roots: Iterable[Item]) -> None:
    """Emit the roots and all they need into the scope, in an order that fuses what can be fused."""
    _emit(p, scope, *_ordered(p, scope, roots, {}))


def _settled(p: Planner, scope: Scope, roots: Sequence[Item]) -> tuple[Work, list[list[Item]]]:
    """The work of a region, in order, once every node that needs memory there has it.

    Nothing has been emitted yet, so only what asked about the node that is new is found out again.
    """
    known: Known = {}
    while True:
        try:
            return _ordered(p, scope, roots, known)
        except (NeedsStorage, Keep) as cause:
            if (isinstance(cause, Keep) and cause.depth is not None) or not p.learn(
                scope, cause.node
            ):
                raise
            p.region(scope).writes.clear()  # whether they read their own target may be new
            for item in [i for i, (_, asked) in known.items() if cause.node in asked]:
                del known[item]


def _ordered(
    p: Planner, scope: Scope, roots: Iterable[Item], known: Known
) -> tuple[Work, list[list[Item]]]:
    """All that the roots need, and on each level what can be done when the levels before are."""
    work = _discover(p, scope, roots, known)
    writes.order_writes(p, scope, work)
    level = work.levels(_begun_with(p, scope, work))
    position = p.region(scope).position
    found: dict[int, list[Item]] = {}
    for item in sorted(work.needs, key=lambda i: position.get(i.node, -1)):
        found.setdefault(level[item], []).append(item)
    levels = [found[k] for k in sorted(found)]
    _keep_shared(p, scope, work, levels)
    return work, levels


def _begun_with(p: Planner, scope: Scope, work: Work) -> set[Item]:
    """Arrays of one number that something is added to: memory is all that they need."""
    targets = (t for item in work.needs for t, _ in writes.overwritten(p, scope, item))
    return {Buffer(t) for t in targets if make.constant_value(t) is not None}


def _emit(p: Planner, scope: Scope, work: Work, levels: Sequence[Sequence[Item]]) -> None:
    for items in levels:
        _emit_level(p, scope, work, items)


def _discover(p: Planner, scope: Scope, roots: Iterable[Item], known: Known) -> Work:
    work = Work()
    pending = deque(dict.fromkeys(roots))
    while pending:
        item = pending.popleft()
        if item in work.needs:
            continue
        if item not in known:
            p.marks.asked.clear()
            known[item] = _needs(p, scope, item), frozenset(p.marks.asked)
        work.needs[item] = known[item][0]
        pending.extend(work.needs[item].units)
    for item, needs in work.needs.items():
        work.after[item] = {u for u in needs.units if u != item}
    _settle_sizes(p, work)
    return work


def _settle_sizes(p: Planner, work: Work) -> None:
    """Let a loop come before what is as long as the loop turns out to be."""
    makers: dict[str, list[Item]] = {}
    for item in work.needs:
        params = item.node.params
        name = params.length.name if isinstance(params, Loop | While) else None
        if name is not None and name not in p.sizes:
            makers.setdefault(name, []).append(item)
    # Where a `while` finds a size, loops of that length only use it.
    for name, found in makers.items():
        makers[name] = [m for m in found if isinstance(m.node.params, While)] or found
    for item, needs in work.needs.items() if makers else ():
        shape = item.node.array.shape if isinstance(item.node.type, ArrayType) else ()
        read = (n.params.dim for n, _ in needs.seen if isinstance(n.params, Size))
        sizes = {s for dim in (*shape, *read) for s in dim.symbols()}
        for name in sorted(sizes & makers.keys()):
            first = [m for m in makers[name] if m is not item and not work.depends(m, item)]
            if first:
                work.after[item].add(first[0])


def _needs(p: Planner, scope: Scope, item: Item) -> Needs:
    out = _own_needs(p, scope, item)
    for node in (item.node, *(a for a in item.node.args if a in p.walker.awaited)):
        p.walker.sizes(scope, node, out)
    return out


def _own_needs(p: Planner, scope: Scope, item: Item) -> Needs:
    out = Needs()
    match item:
        case Nest():
            return nests.needs_of(p, scope, item)
        case Scalar(node) if node.op.kind is Kind.SIZE:
            p.walker.inside(scope, node, (), out)
        case Scalar(node):
            p.walker.element(scope, node, (), None, out)
        case Structured(node):
            p.walker.region_inputs(scope, node, out)
        case Total(node, point):
            nest = nests.Nest(
                node,
                (*node.array.shape, *reduced_extents(node)),
                (*point, *(None for _ in reduced_extents(node))),
                nests.IntoTotal(Var("", node.array.dtype), ""),
            )
            return nests.needs_of(p, scope, nest)
        case Local():
            return nests.needs_of(p, scope, nests.of_local(p, item, "", ()))
        case Buffer(node):
            written = writes.writes_of(p, scope, node)
            if written is not None:
                return writes.needs_of(p, scope, written)
            return memory.needs_of(p, scope, node)
    return out


def _loops_of(
    p: Planner, work: Work, item: Item
) -> list[tuple[list[Dim], dict[Node, set[Node | None]]]]:
    """The loops of an item: the sizes that each runs over, none for what runs by itself.

    With the sizes comes what the loop computes in passing.
    """
    needs = work.needs[item]
    if needs.nests:
        return needs.nests
    loops = isinstance(item, Nest | Total | Local) or _is_filled(item, p)
    return [(_open_axes(p, item) if loops else [], needs.passing)]


def _is_filled(item: Item, p: Planner) -> bool:
    return isinstance(item, Buffer) and memory.is_filled(p, item.node)


def _keep_shared(p: Planner, scope: Scope, work: Work, levels: list[list[Item]]) -> None:
    """Give memory to expensive nodes that several loops of this scope would compute."""
    groups: list[dict[Node, set[Node | None]]] = []
    for items in levels:
        by_extent: dict[Dim, dict[Node, set[Node | None]]] = {}
        for item in items:
            for axes, passing in _loops_of(p, work, item):
                extent = min(axes, key=p.walker.rank, default=None)
                group: dict[Node, set[Node | None]] = {}
                if extent is not None:
                    group = by_extent.setdefault(extent, group)
                else:
                    groups.append(group)
                for node, users in passing.items():
                    group.setdefault(node, set()).update(users)
        groups.extend(by_extent.values())
    count: dict[Node, int] = {}
    for group in groups:
        for node in group:
            count[node] = count.get(node, 0) + 1
    shared = [n for n, times in count.items() if times > 1]
    for node in shared:
        if node in p.marks.local and scope.is_region:
            raise Keep(node, None)  # each of these loops would fill its own part again
        users = [u for g in groups for u in g.get(node, ())]
        boundary = any(u is None or count.get(u, 1) == 1 for u in users)
        if boundary and is_expensive(node, scope, p.marks, inner=scope is not p.root):
            raise Keep(node, None if scope.is_region else scope.depth)


def _open_axes(p: Planner, item: Item) -> list[Dim]:
    match item:
        case Nest():
            return item.open_axes()
        case Total(node):
            return [e for e in reduced_extents(node) if not nests.is_unrolled(e)]
        case Local():
            return nests.of_local(p, item, "", ()).open_axes()
        case _:
            sizes = item.node.array.shape
            if item.node.op.kind.value in ("reduce", "contract"):
                sizes = (*sizes, *reduced_extents(item.node))
            return [e for e in sizes if not nests.is_unrolled(e)]


def _emit_level(p: Planner, scope: Scope, work: Work, items: Sequence[Item]) -> None:
    ready: list[Nest] = []
    totals: list[tuple[Node, Point, Var]] = []
    parts: list[tuple[Node, Pattern, Stored]] = []
    wholes: list[tuple[Node, Stored]] = []
    later: list[Nest] = []
    swept: list[tuple[Sweep, str]] = []
    for item in items:
        match item:
            case Nest():
                ready.append(item)
            case Total(node, point):
                nest = nests.total(p, scope, item)
                assert isinstance(nest.sink, nests.IntoTotal)
                ready.append(nest)
                totals.append((node, point, nest.sink.variable))
            case Local(node, pattern):
                nest, stored = nests.fill_local(p, scope, item)
                ready.append(nest)
                parts.append((node, pattern, stored))
            case Buffer(node) if memory.is_filled(p, node):
                constant = memory.constant_buffer(p, scope, node)
                if constant is not None:
                    scope.stored[node] = constant
                    continue
                nest = nests.fill(p, scope, node)
                assert not isinstance(nest.sink, nests.IntoTotal)
                ready.append(nest)
                wholes.append((node, stored_whole(node, nest.sink.buffer, owned=True)))
            case Buffer(node):
                written = writes.writes_of(p, scope, node)
                if written is None:
                    continue
                copy = (item, written.target) in work.copies
                own, buffer = writes.begin(p, scope, node, written, copy=copy)
                if written.sweep is not None:
                    swept.append((written.sweep, buffer))
                alone = 1 if writes.is_shifted(written.links) else len(own)
                ready += own[:alone]
                later += own[alone:]
                wholes.append((node, stored_whole(node, buffer, owned=True)))
            case _:
                pass
    _emit_nests(p, scope, ready)
    for nest in later:
        _emit_nests(p, scope, [nest])
    for sweep, buffer in swept:
        sweeps.ends(p, scope, sweep, buffer, schedule)
    scope.stored.update(wholes)
    scope.local.update({(node, pattern): stored for node, pattern, stored in parts})
    scope.values.update({(node, point): variable for node, point, variable in totals})
    for item in items:
        match item:
            case Scalar(node):
                p.elements.value(scope, node, ())
            case Structured(node):
                copied = {target for other, target in work.copies if other == item}
                control.emit(p, scope, node, copied, plan_region)
            case Buffer(node) if node not in scope.stored:
                memory.emit(p, scope, node, run=schedule)
            case _:
                pass


def _emit_nests(p: Planner, scope: Scope, ready: list[Nest]) -> None:
    """The loops of nests that don't wait for each other."""
    groups = nests.partition(p, ready)
    looped = [(extent, members) for extent, members in groups if extent is not None]
    loops = {loop.parts[0].extent: loop for loop in joining.joined(p, scope, looped)}
    for extent, members in groups:
        if extent is None:
            nests.write_out(p, scope, members[0])
        elif extent in loops:  # others are in a loop before
            loop = loops[extent]
            inner, variable = nests.open_loop(p, scope, loop.extent)
            schedule(p, inner, loop.at(variable))
            note = p.elements.note(loop.parts[0].nests[0].node)
            nests.close_loop(scope, inner, variable, loop.extent, note)
            joining.ends(p, scope, loop, schedule)
