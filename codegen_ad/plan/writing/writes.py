"""Updates and scatters: they write into their argument's memory where nobody reads the old value.

Writes that add to one array, one after the other, are one unit: sums may be taken in any order, so
they run in the loops that compute what they add, together with what else is computed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import make
from codegen_ad.ops.control import Branch, Loop, While
from codegen_ad.ops.indexing import SCATTER, UPDATE, Update
from codegen_ad.plan import memory, nests
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
    is_expensive,
    is_view,
    written_in_place,
)
from codegen_ad.plan.writing import sweeps
from codegen_ad.plan.writing.branches import written_through
from codegen_ad.plan.writing.written import Part, Sweep, Writes

if TYPE_CHECKING:
    from codegen_ad.plan.schedule import Item, Work


def writes_of(p: Planner, scope: Scope, node: Node) -> Writes | None:
    """The writes that make a node of an array; None if it is made in another way."""
    known = p.region(scope).writes
    if node not in known:
        known[node] = _found(p, scope, node)
    return known[node]


def _found(p: Planner, scope: Scope, node: Node) -> Writes | None:
    if written_in_place(node) is None or memory.is_filled(p, node):
        return None
    found = _swept(p, scope, node) if p.swept else None
    if found is not None:
        return found
    links = _chain(p, scope, node, is_accumulating)
    return Writes(links[0].args[0], links)


def _swept(p: Planner, scope: Scope, node: Node) -> Writes | None:
    """The writes as one sweep over the array, where that is worth its edges."""
    links = _chain(p, scope, node, lambda link: sweeps.margins(link) is not None)
    target = links[0].args[0]
    around = _read(p, scope, links, target)
    number = make.constant_value(target)
    if not (around or len(links) > 1) or number not in (None, 0):
        return None
    found = sweeps.sweep(target, links)
    if found is None or not (around or is_shifted(links)):
        return None
    if len(links) == 1 and _is_elementwise(p, scope, links[0]):
        return None
    return Writes(target, links, found, around or number is not None)


def _chain(
    p: Planner, scope: Scope, node: Node, belongs: Callable[[Node], bool]
) -> tuple[Node, ...]:
    """The node and the writes before it, first to last, of which it alone reads the result."""
    region, links = p.region(scope), [node]
    while belongs(links[-1]):
        target = links[-1].args[0]
        if (
            written_in_place(target) is None
            or not belongs(target)
            or not region.is_last_use(target, links[-1])
            or links[-1].args.count(target) != 1
            or target in scope.stored
            or memory.is_filled(p, target)
        ):
            break
        links.append(target)
    return tuple(reversed(links))


def _read(p: Planner, scope: Scope, links: Sequence[Node], target: Node) -> bool:
    """Whether what some writes put there is made of what is there."""
    needs = Needs()
    memory.elements_of(p, scope, (link.args[1] for link in links), needs)
    return target in needs.reads


def _is_elementwise(p: Planner, scope: Scope, link: Node) -> bool:
    """Whether what an update writes follows from what is at the same place in its target."""
    target, values = link.args[:2]
    for point in free_points(values.array.shape, p.walker.fresh):
        out = Needs()
        p.walker.element(scope, values, point, None, out)
        if any(read != update_place(link, point) for read in out.reads.get(target, ())):
            return False
    return True


def needs_of(p: Planner, scope: Scope, writes: Writes) -> Needs:
    """What the writes need; the loops of each, with what they compute, are its `nests`."""
    out, target = Needs(), writes.target
    if writes.sweep is not None:
        return _needs_of_sweep(p, scope, writes.sweep)
    p.walker.whole(scope, target, out)
    out.reads.setdefault(target, set())
    for part in _parts(p, scope, writes):
        for writer in (part.link, part.update):
            if writer is not None:
                p.walker.sizes(scope, writer, out)  # of where it writes
        needs = Needs()
        for written in (part.values, *part.link.args[2:]):
            its = Needs()
            memory.elements_of(p, scope, (written,), its)
            if target in its.reads:
                _check_overlap(p, scope, writes, part, written)
            needs.add(its)
        out.add(needs)
        own = not is_shifted(writes.links) or part.link is writes.links[0]
        out.nests.append((_looped(part.values.array.shape) if own else [], needs.passing))
    return out


def _parts(p: Planner, scope: Scope, writes: Writes) -> Iterator[Part]:
    """What each of the writes adds.

    Where a scatter adds parts of rows, zeros elsewhere, such as the gradients of columns of what
    was gathered, each part is added by itself, and no row is made.
    """
    for link in writes.links:
        values = link.args[1]
        if link.op is not SCATTER or not _is_added_once(p, scope, values, link):
            yield Part(link)
            continue
        updates = _chain(p, scope, values, lambda n: n.op is UPDATE and is_accumulating(n))
        if make.constant_value(updates[0].args[0]) == 0:
            yield from (Part(link, update) for update in updates)
        else:
            yield Part(link)


def _is_added_once(p: Planner, scope: Scope, values: Node, link: Node) -> bool:
    """Whether values are the result of adding to parts of an array, which only `link` adds up."""
    return (
        is_accumulating(link)
        and values.op is UPDATE
        and is_accumulating(values)
        and p.region(scope).is_last_use(values, link)
        and values not in scope.stored
        and not memory.is_filled(p, values)
    )


def _needs_of_sweep(p: Planner, scope: Scope, swept: Sweep) -> Needs:
    out, target = Needs(), swept.target
    if make.constant_value(target) is None:
        p.walker.whole(scope, target, out)
        out.reads.setdefault(target, set())
    main = nests.needs_of(p, scope, sweeps.main_nest(swept, ""), is_sweep=True)
    for values in (link.args[1] for link in swept.links if len(swept.links) > 1):
        stands = values in scope.stored or p.walker.needs_buffer(values)
        if not stands and is_expensive(values, scope, p.marks, inner=True):
            raise NeedsStorage(values)  # each element is read from several places
    # What the main nest leaves out is read near the edges.
    memory.elements_of(p, scope, (link.args[1] for link in swept.links), out)
    out.add(main)
    out.nests.append((_looped(swept.extents), main.passing))
    return out


def _looped(shape: tuple[Dim, ...]) -> list[Dim]:
    return [d for d in shape if not is_unrolled(d)]


def _check_overlap(p: Planner, scope: Scope, writes: Writes, part: Part, written: Node) -> None:
    """Values or places that read what is being overwritten get memory.

    Values that do so element by element do not need it.
    """
    link = part.link
    if written is writes.target:
        return  # the target itself is copied
    if len(writes.links) > 1 or part.update is not None:
        raise NeedsStorage(written)
    if all(is_unrolled(d) for d in part.values.array.shape):
        return  # all values are computed before the first is stored
    if not isinstance(link.params, Update) or not _is_elementwise(p, scope, link):
        raise NeedsStorage(written)


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
                _goes_elsewhere(p, scope, item)
                or not _is_owned(p, scope, target, work)
                or target in region.outputs
                or (isinstance(item, Buffer) and any(target in w.args[1:] for w in writers))
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

    They are the target of a write, what a loop begins with, or what a branch changes.
    """
    match item:
        case Buffer(node):
            writes = writes_of(p, scope, node)
            return [] if writes is None else [(writes.target, writes.links)]
        case Structured(node) if isinstance(node.params, Loop | While):
            first = 1 if isinstance(node.params, Loop) else 0
            init = node.args[first : first + node.params.carried]
            return [(a, (node,)) for a in init if a.array.shape and node.args.count(a) == 1]
        case Structured(node) if isinstance(node.params, Branch):
            return [(a, (node,)) for a in written_through(node).values()]
        case _:
            return []


def _goes_elsewhere(p: Planner, scope: Scope, item: Item) -> bool:
    writes = writes_of(p, scope, item.node) if isinstance(item, Buffer) else None
    return writes is not None and writes.elsewhere


def _is_owned(p: Planner, scope: Scope, node: Node, work: Work) -> bool:
    place = scope.stored.get(node)
    if place is not None:
        return place.owned
    return node.op.kind is Kind.RESULT or (Buffer(node) in work.needs and not is_view(node))


def begin(
    p: Planner, scope: Scope, node: Node, writes: Writes, *, copy: bool
) -> tuple[list[Nest], str]:
    """The nests of the writes, and the buffer that they write into."""
    if copy:
        buffer = p.allocate(scope, node, node.array.shape, node.array.dtype)
    else:
        buffer = scope.stored[writes.target].buffer
    if writes.sweep is not None:
        around = _read(p, scope, writes.links, writes.target)
        assert copy or not around, "a sweep writes over what it still reads"
        return [sweeps.main_nest(writes.sweep, buffer)], buffer
    if copy:
        before, note = scope.stored[writes.target].buffer, p.elements.note(writes.links[0])
        scope.statements.append(CopyInto(buffer, before, note, node.array.shape))
    return [_nest(p, part, buffer) for part in _parts(p, scope, writes)], buffer


def _nest(p: Planner, part: Part, buffer: str) -> Nest:
    link, values = part.link, part.values
    target, whole, *indices = link.args
    shape = values.array.shape
    head = whole.array.rank - (target.array.rank - len(indices))

    def row(point: Point) -> Point:
        return point if part.update is None else update_place(part.update, point)

    def asked(point: Point) -> list[tuple[Node, Point]]:
        return [(i, aligned(i, row(point)[:head])) for i in indices]

    def place(inner: Scope, point: Point) -> Point:
        if isinstance(link.params, Update):
            return update_place(link, point)
        where = tuple(
            p.elements.checked(inner, i, there, dim, axis, link)
            for axis, ((i, there), dim) in enumerate(
                zip(asked(point), target.array.shape, strict=False)
            )
        )
        return (*where, *row(point)[head:])

    sink = IntoBuffer(buffer, place, is_accumulating(link), itself=False, asked=asked)
    return Nest(values, shape, (None,) * len(shape), sink)


def is_shifted(links: Sequence[Node]) -> bool:
    """Whether writes are updates that meet each other's places in later turns of a loop."""
    spans: dict[tuple[int, Dim], set[tuple[Dim, int]]] = {}
    for link in links:
        if not isinstance(link.params, Update):
            return False
        for axis, span in enumerate(link.params.spans):
            if not is_unrolled(span.length):
                spans.setdefault((axis, span.length), set()).add((span.start, span.step))
    return any(len(places) > 1 for places in spans.values())
