"""Which reads of what a loop carries find the same value in what the loop leaves behind.

A row is all elements with one index along one axis. An iteration writes one, a step further than
the iteration before, all along the same axis and the same way. What is read is still there at the
end unless a later write goes there: rows that writes have passed stay. Where rows are is known as
polynomials of the number of iterations, of indices of loops and ranges inside, and of sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from codegen_ad.derive.bodies import View
from codegen_ad.ir.builder import RESULT, Result
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Kind, Node, Region, toposort
from codegen_ad.ops import make
from codegen_ad.ops.affine import affine
from codegen_ad.ops.constants import IOTA, RUN_SIZE, RunSize
from codegen_ad.ops.control import Branch, Loop, While
from codegen_ad.ops.movement import BROADCAST_TO, RESHAPE, SLICE, Spans

_I = "%i"
"""The number of iterations before the present one."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of integers at a place in the loop's body.

    Attributes
    ----------
    values : scalars.
    sizes : what the symbols of run-time sizes stand for.
    lengths : symbols of indices, which are at least 0 and below these.
    facts : what is at least 0, because of the branches around the place.
    """

    values: Mapping[Node, Dim]
    sizes: Mapping[str, Dim]
    lengths: dict[str, Dim] = field(default_factory=dict[str, Dim])
    facts: tuple[Dim, ...] = ()

    def of(self, node: Node) -> Dim | None:
        """A scalar, if it is known."""
        found = affine(node, self.values)
        return None if found is None else found.substitute(self.sizes)

    def index(self, length: Dim) -> Dim:
        """A new index, from 0 up to a length."""
        name = f"%j{len(self.lengths)}"
        self.lengths[name] = length
        return Dim.symbol(name)

    def places(self, node: Node) -> Dim | None:
        """All elements of an array of indices, by indices of their own where they differ."""
        if node.op in (RESHAPE, BROADCAST_TO):
            return self.places(node.args[0])
        if node.op is IOTA:
            return self.index(node.array.shape[0].substitute(self.sizes))
        if node.array.shape and node.op.name in ("add", "subtract"):
            x, y = map(self.places, node.args)
            if x is None or y is None:
                return None
            return x + y if node.op.name == "add" else x - y
        return None if node.array.shape else self.of(node)

    def is_at_least(self, dim: Dim, bound: int) -> bool:
        """Whether that is certain, for all values of indices and sizes."""
        return any(self._is_at_least(d, bound) for d in (dim, *(dim - f for f in self.facts)))

    def _is_at_least(self, dim: Dim, bound: int) -> bool:
        # An index of an inner loop may run up to one of an outer loop, which is older.
        for name, length in reversed([*self.lengths.items()]):
            slope = sum(c for monomial, c in dim.terms if monomial == (name,))
            rest = dim - slope * Dim.symbol(name)
            if name in rest.symbols():
                return False
            dim = rest + slope * (length - 1) if slope < 0 else rest
        least = sum(coefficient for monomial, coefficient in dim.terms if not monomial)
        return least >= bound and all(
            coefficient >= 0 and all(isinstance(a, str) and a[0] != "%" for a in monomial)
            for monomial, coefficient in dim.terms
            if monomial
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """The row that a write goes to: `place` as a polynomial of `_I`, and what that grows by."""

    axis: int
    place: Dim
    step: int


class Staying:
    """The reads of a loop's body that find the same at the end.

    `counters` are the carried integers that are known, by position, with their first values.
    """

    def __init__(self, view: View, counters: Mapping[int, Dim]) -> None:
        self._view = view
        values = {view.carried[k]: first + Dim.symbol(_I) for k, first in counters.items()}
        if view.index is not None:
            values[view.index] = Dim.symbol(_I)
        self._body = _Known(values, {}, {_I: view.params.length})

    def read_from(self, node: Node) -> int | None:
        """The position of the carried array that a gather or slice reads from, if it stays."""
        for k, own in enumerate(self._view.carried):
            writes = _writes(self._view.params.body.outputs[k], own)
            if writes is None or node.args[0] not in (own, *writes):
                continue
            sources = {source: number for number, source in enumerate((own, *writes))}
            known = _inside(self._body, node.sizes)
            stays = self._stays(node, known, sources[node.args[0]], writes)
            return k if stays else None
        return None

    def whole(self) -> Iterator[tuple[int, Sequence[Node]]]:
        """The positions of carried arrays all of whose reads stay, and the writes that make them.

        Reads may be inside of loops and branches in the body.
        """
        outputs = self._view.params.body.outputs
        for k, own in enumerate(self._view.carried):
            writes = _writes(outputs[k], own)
            if not writes:
                continue
            others = [o for m, o in enumerate(outputs) if m != k]
            if any(o is own or o in writes for o in others):
                continue
            region = Region((), outputs)
            sources = {source: number for number, source in enumerate((own, *writes))}
            if self._all_stay(region, self._body, sources, writes):
                yield k, writes

    def _all_stay(
        self, region: Region, known: _Known, sources: Mapping[Node, int], writes: Sequence[Node]
    ) -> bool:
        """Whether a region only reads `sources`, made by so many writes each, and all stays."""
        order = toposort(region.outputs)
        known = _inside(known, order)
        for node in order:
            if not any(a in sources for a in node.args):
                continue
            if node in writes:
                fits = not any(a in sources for a in node.args[1:])
            elif node.regions:
                fits = self._all_stay_inside(node, known, sources, writes)
            else:
                is_read = not any(a in sources for a in node.args[1:])
                fits = is_read and self._stays(node, known, sources[node.args[0]], writes)
            if not fits:
                return False
        return True

    def _all_stay_inside(
        self, node: Node, known: _Known, sources: Mapping[Node, int], writes: Sequence[Node]
    ) -> bool:
        """The same for the regions of a loop or branch, which capture what they read."""
        params = node.params
        inner = replace(known, lengths=dict(known.lengths))
        if isinstance(params, Loop):
            trips = known.of(_or_none(node.args[0]))
            index = inner.index(params.length if trips is None else trips)
            taken, of_index = node.args[1:], {params.body.inputs[0]: index}
            regions = [(params.body, params.body.inputs[1:], ())]
            carried = params.carried
        elif isinstance(params, While):
            taken, of_index, carried = node.args, {}, params.carried
            regions = [(r, r.inputs, ()) for r in params.regions]
        elif isinstance(params, Branch):
            taken, of_index, carried = node.args[1:], {}, 0
            facts = tuple(_facts(node.args[0], known))
            regions = [(params.then, params.then.inputs, facts)]
            regions.append((params.otherwise, params.otherwise.inputs, ()))
        else:
            return False
        if any(a in sources for a in taken[:carried]):
            return False
        for region, inputs, facts in regions:
            values, own = dict(of_index), dict[Node, int]()
            for a, x in [*zip(taken, inputs, strict=True)][carried:]:
                place = known.of(a) if not a.array.shape else None
                if a in sources:
                    own[x] = sources[a]
                elif place is not None:
                    values[x] = place
            # What has several names in here is not looked into.
            if any(o in own for o in region.outputs):
                return False
            here = replace(inner, values=values, facts=(*known.facts, *facts))
            if not self._all_stay(region, here, own, writes):
                return False
        return True

    def _stays(self, node: Node, known: _Known, done: int, writes: Sequence[Node]) -> bool:
        """Whether later writes, and those after the first `done`, spare what a node reads."""
        known = replace(known, lengths=dict(known.lengths))
        found = _read(node, known)
        if found is None:
            return False
        axis, place = found
        if not known.is_at_least(place, 0):
            return False
        for number, write in enumerate(writes):
            row = self._row(write)
            if row is None or row.axis != axis:
                return False
            least = 0 if number < done else 1
            if not known.is_at_least((row.place - place) * row.step, least):
                return False
        return True

    def _row(self, write: Node) -> _Row | None:
        """The row of each iteration that a write goes to; None if it may count from the end."""
        axis, node = _picking(write.args[2:])
        place = None if node.array.shape else self._body.of(node)
        if place is None or not self._body.is_at_least(place, 0):
            return None
        step = place.substitute({_I: ONE}) - place.substitute({_I: ZERO})
        return _Row(axis, place, step.value) if step in (ONE, -ONE) else None


def _writes(last: Node, first: Node) -> list[Node] | None:
    """The writes that make `last` of `first`, in order; None if it is made in another way."""
    found: list[Node] = []
    node = last
    while node is not first:
        if node.op.kind is not Kind.SCATTER:
            return None
        found.append(node)
        node = node.args[0]
    return found[::-1]


def _read(node: Node, known: _Known) -> tuple[int, Dim] | None:
    """The axis along which a gather or a slice picks rows, and which these are."""
    if node.op.kind is Kind.GATHER:
        axis, index = _picking(node.args[1:])
        place = known.places(index)
        return None if place is None else (axis, place)
    if node.op is not SLICE or not isinstance(node.params, Spans):
        return None
    whole = node.args[0].array.shape
    for axis, span in enumerate(node.params.spans):
        if span.start != ZERO or span.step != 1 or span.length != whole[axis]:
            start = span.start.substitute(known.sizes)
            return axis, start + known.index(span.length.substitute(known.sizes)) * span.step
    return None


def _picking(places: Sequence[Node]) -> tuple[int, Node]:
    """The first index that does not run along a whole axis, and which it is."""
    return next(((a, i) for a, i in enumerate(places) if not _is_whole(i)), (0, places[0]))


def _is_whole(index: Node) -> bool:
    """Whether an index runs along an axis, as in `x[:, t]`."""
    return (index.args[0] if index.op is RESHAPE else index).op is IOTA


def _inside(known: _Known, nodes: Sequence[Node]) -> _Known:
    """What is known where the sizes among some values of a region have been computed."""
    sizes = dict(known.sizes)
    for node in nodes:
        if node.op is RUN_SIZE and isinstance(node.params, RunSize):
            value = known.of(node.args[0])
            if value is not None:
                sizes[node.params.symbol] = value
    return replace(known, sizes=sizes)


def _or_none(trips: Node) -> Node:
    """A number of trips that may be negative, where that means none."""
    if trips.op.name == "maximum" and make.constant_value(trips.args[1]) == 0:
        return trips.args[0]
    return trips


def _facts(condition: Node, known: _Known) -> Iterator[Dim]:
    """What is at least 0 where a condition holds."""
    if condition.op.name == "logical_and":
        for part in condition.args:
            yield from _facts(part, known)
        return
    if condition.op is RESULT:
        yield from _facts_of_and(condition, known)
        return
    more = {"greater": -1, "greater_equal": 0}.get(condition.op.name)
    less = {"less": -1, "less_equal": 0}.get(condition.op.name)
    if more is None and less is None:
        return
    x, y = (None if a.array.shape else known.of(a) for a in condition.args)
    if x is not None and y is not None:
        yield x - y + more if more is not None else y - x + (less or 0)


def _facts_of_and(condition: Node, known: _Known) -> Iterator[Dim]:
    """The same for `a and b`, which is a branch: `b` if `a` holds, else `a`."""
    branch = condition.args[0]
    if not isinstance(branch.params, Branch) or not isinstance(condition.params, Result):
        return
    then, otherwise = branch.params.regions
    number = condition.params.index
    last = otherwise.outputs[number]
    captured = dict(zip(otherwise.inputs, branch.args[1:], strict=True))
    if captured.get(last) is not branch.args[0] and make.constant_value(last) is not False:
        return
    yield from _facts(branch.args[0], known)
    inputs = zip(then.inputs, branch.args[1:], strict=True)
    found = {x: None if a.array.shape else known.of(a) for x, a in inputs}
    values = {x: place for x, place in found.items() if place is not None}
    yield from _facts(then.outputs[number], replace(known, values=values))
