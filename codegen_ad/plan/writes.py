"""Updates and scatters: they write into their argument's memory where nobody reads the old value.

Writes that add to one array, one after the other, are one unit: sums may be taken in any order, so
they run in the loops that compute what they add, together with what else is computed there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops.control import Loop, While
from codegen_ad.ops.indexing import Update
from codegen_ad.plan import memory
from codegen_ad.plan.access import NeedsStorage, Point, aligned, is_unrolled
from codegen_ad.plan.element import free_points
from codegen_ad.plan.kernel import CopyInto
from codegen_ad.plan.nests import IntoBuffer, Nest
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope
from codegen_ad.plan.units import (
    Buffer,
    Needs,
    Scalar,
    Structured,
    is_accumulating,
    is_view,
    written_in_place,
)

if TYPE_CHECKING:
    from codegen_ad.plan.schedule import Item, Work


@dataclass(frozen=True, slots=True)
class Writes:
    """What is written into the memory of `target`, first to last; only the last result is read."""

    target: Node
    links: tuple[Node, ...]

    @property
    def values(self) -> tuple[Node, ...]:
        """What is written by each."""
        return tuple(link.args[1] for link in self.links)


def writes_of(p: Planner, scope: Scope, node: Node) -> Writes | None:
    """The writes that make a node of an array; None if it is made in another way."""
    target = written_in_place(node)
    if target is None or memory.is_filled(p, node):
        return None
    region, links = p.region(scope), [node]
    while (
        is_accumulating(target)
        and is_accumulating(node)
        and region.is_last_use(target, links[-1])
        and links[-1].args.count(target) == 1
        and target not in scope.stored
        and not memory.is_filled(p, target)
    ):
        links.append(target)
        target = target.args[0]
    return Writes(target, tuple(reversed(links)))


def needs_of(p: Planner, scope: Scope, writes: Writes) -> Needs:
    """What the writes need; the loops of each, with what they compute, are its `nests`."""
    out, target = Needs(), writes.target
    p.walker.whole(scope, target, out)
    out.reads.setdefault(target, set())
    for link in writes.links:
        p.walker.sizes(scope, link, out)  # of where each of them writes
        needs = Needs()
        for written in link.args[1:]:
            memory.elements_of(p, scope, written, needs)
        if target in needs.reads:
            _check_overlap(p, scope, writes, link)
        out.add(needs)
        own = not is_shifted(writes) or link is writes.links[0]
        out.nests.append((_looped(link.args[1].array.shape) if own else [], needs.passing))
    return out


def _looped(shape: tuple[Dim, ...]) -> list[Dim]:
    return [d for d in shape if not is_unrolled(d)]


def _check_overlap(p: Planner, scope: Scope, writes: Writes, link: Node) -> None:
    """Values that read what is being overwritten get memory, except element by element."""
    values, target = link.args[1], writes.target
    if values is target:
        return  # the target itself is copied
    if len(writes.links) > 1:
        raise NeedsStorage(values)
    points = list(free_points(values.array.shape, p.walker.fresh))
    if all(is_unrolled(d) for d in values.array.shape):
        return  # all values are computed before the first is stored
    for point in points:
        out = Needs()
        p.walker.element(scope, values, point, None, out)
        reads = out.reads.get(target, set())
        written = update_place(link, point) if isinstance(link.params, Update) else None
        if any(read != written for read in reads):
            raise NeedsStorage(values)


def update_place(node: Node, point: Point) -> Point:
    """Where an update writes the element of its values at `point`."""
    assert isinstance(node.params, Update)
    spans = node.params.spans
    return tuple(
        ZERO if d == ONE else s.start + q * s.step
        for d, s, q in zip(node.array.shape, spans, point, strict=True)
    )


def order_writes(p: Planner, scope: Scope, work: Work) -> None:
    """Let everything that reads an old value come before the write over it, or have it copied."""
    region = p.region(scope)
    for item in list(work.needs):
        for target, writers in overwritten(p, scope, item):
            readers: list[Item] = [
                other
                for other, needs in work.needs.items()
                if other is not item and target in needs.reads
            ]
            maker: Item = (
                Structured(target.args[0]) if target.op.kind is Kind.RESULT else Buffer(target)
            )
            readers = [r for r in readers if r != maker]
            conflict = (
                not _is_owned(p, scope, target, work)
                or target in region.outputs
                or (isinstance(item, Buffer) and any(w.args[1] is target for w in writers))
                or any(is_view(user) for user in region.users[target])
            )
            late = [r for r in readers if work.depends(r, item)]
            if conflict or (late and not _read_before(p, scope, work, item, target, writers)):
                work.copies.add((item, target))
            else:
                work.after[item].update(r for r in readers if r not in late)


def _read_before(
    p: Planner,
    scope: Scope,
    work: Work,
    item: Item,
    target: Node,
    writers: tuple[Node, ...],
) -> bool:
    """Whether little is read of a value, and can be read before `item` writes over it.

    A row or an element that is needed later is kept, in place of the whole array.
    """
    users = [u for u in p.region(scope).users[target] if u not in writers]
    for user in users:
        if user.regions or user.op.kind is Kind.RESULT or written_in_place(user) is target:
            return False
        if len(_looped(user.array.shape)) >= len(_looped(target.array.shape)):
            return False
    for user in users:
        if user.array.shape and user not in p.marks.full:
            raise NeedsStorage(user)
        unit: Item = Buffer(user) if user.array.shape else Scalar(user)
        if unit not in work.needs:
            needs = Needs()
            p.walker.element(scope, user, (), None, needs)
            if not all(u in work.needs for u in needs.units):
                return False
            work.needs[unit] = needs
            work.after[unit] = {u for u in needs.units if u != unit}
        if work.depends(unit, item):
            return False
        work.after[item].add(unit)
    return True


def overwritten(p: Planner, scope: Scope, item: Item) -> list[tuple[Node, tuple[Node, ...]]]:
    """The nodes in whose memory an item would write, with the nodes that write there.

    They are the target of a write, or what a loop begins with.
    """
    match item:
        case Buffer(node):
            writes = writes_of(p, scope, node)
            return [] if writes is None else [(writes.target, writes.links)]
        case Structured(node) if isinstance(node.params, Loop | While):
            first = 1 if isinstance(node.params, Loop) else 0
            init = node.args[first : first + node.params.carried]
            return [(a, (node,)) for a in init if a.array.shape and node.args.count(a) == 1]
        case _:
            return []


def _is_owned(p: Planner, scope: Scope, node: Node, work: Work) -> bool:
    place = scope.stored.get(node)
    if place is not None:
        return place.owned
    return node.op.kind is Kind.RESULT or (Buffer(node) in work.needs and not is_view(node))


def begin(
    p: Planner, scope: Scope, node: Node, writes: Writes, *, copy: bool
) -> tuple[list[Nest], str]:
    """The nests of the writes, and the buffer that they write into."""
    buffer = scope.stored[writes.target].buffer
    if copy:
        fresh = p.allocate(scope, node, node.array.shape, node.array.dtype)
        scope.statements.append(CopyInto(fresh, buffer, p.elements.note(writes.links[0])))
        buffer = fresh
    return [_nest(p, link, buffer) for link in writes.links], buffer


def _nest(p: Planner, link: Node, buffer: str) -> Nest:
    target, values, *indices = link.args
    shape = values.array.shape
    head = len(shape) - (target.array.rank - len(indices))

    def asked(point: Point) -> list[tuple[Node, Point]]:
        return [(i, aligned(i, point[:head])) for i in indices]

    def place(inner: Scope, point: Point) -> Point:
        if isinstance(link.params, Update):
            return update_place(link, point)
        where = tuple(
            p.elements.checked(inner, i, there, dim, axis, link)
            for axis, ((i, there), dim) in enumerate(
                zip(asked(point), target.array.shape, strict=False)
            )
        )
        return (*where, *point[head:])

    sink = IntoBuffer(buffer, place, is_accumulating(link), itself=False, asked=asked)
    return Nest(values, shape, (None,) * len(shape), sink)


def is_shifted(writes: Writes) -> bool:
    """Whether the writes are updates that meet each other's places in later turns of a loop."""
    spans: dict[tuple[int, Dim], set[tuple[Dim, int]]] = {}
    for link in writes.links:
        if not isinstance(link.params, Update):
            return False
        for axis, span in enumerate(link.params.spans):
            if not is_unrolled(span.length):
                spans.setdefault((axis, span.length), set()).add((span.start, span.step))
    return any(len(places) > 1 for places in spans.values())
