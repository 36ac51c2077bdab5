"""Which reads of what a loop carries find the same value in what the loop leaves behind.

A carried array has a version for each write: what an iteration finds, and what each write makes of
it, be it in a loop or branch inside. What is read of a version is still there at the end if no
write that comes later, in this iteration or in another one, goes to its place. Places are compared
for any two iterations of all loops around (`integers.py`): two are apart if along one axis, or by
the sum or difference of two, the one is always larger.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from codegen_ad.derive.bodies import Body, View
from codegen_ad.derive.integers import Known, iteration, side
from codegen_ad.derive.versions import Part, before, chain_of, demanded, inside
from codegen_ad.ir.builder import Result
from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops.control import Loop, While
from codegen_ad.ops.indexing import SCATTER, UPDATE, Scatter, Update
from codegen_ad.ops.movement import SLICE, Span, Spans


@dataclass(frozen=True, slots=True)
class Places:
    """Elements of an array: their place along each leading axis, where it is known."""

    along: tuple[Dim | None, ...]
    known: Known

    def are_apart(self, other: Places) -> bool:
        """Whether no element is among the others."""
        both = replace(
            self.known,
            facts=tuple(dict.fromkeys((*self.known.facts, *other.known.facts))),
            apart=(*self.known.apart, *other.known.apart),
        )
        found = [
            (x, y)
            for x, y in zip(self.along, other.along, strict=False)
            if x is not None and y is not None and _counted(both, x, y)
        ]
        if any(both.are_apart(x, y) for x, y in found):
            return True
        # Tables of intervals are filled by their length, others along diagonals.
        pairs = [*combinations(found, 2)]
        return any(both.are_apart(x - v, y - w) for (x, y), (v, w) in pairs) or any(
            both.are_apart(x + v, y + w) for (x, y), (v, w) in pairs
        )


def _counted(known: Known, *places: Dim) -> bool:
    """Whether all count from the start: what is negative counts from the end."""
    return all(known.is_at_least(place, 0) for place in places)


Versions = Mapping[Node, Sequence[Places]]
"""The versions of an array in a region, each with where later writes go."""


class Table:
    """A carried array of a loop, of which the versions are known.

    `position` is where it is carried, and `known` what is known where the loop stands.
    """

    def __init__(self, view: View, body: Body, position: int, known: Known) -> None:
        own = view.carried[position]
        chain = chain_of(view.params.body.outputs[position], own)
        self.is_known = chain is not None and len(chain) > 1
        self.versions: Versions = {}
        self.kept: Sequence[Node] = ()
        """Those made by a write of a value that stays."""
        if chain is None or not self.is_known:
            return
        now = view.iteration(known)
        later = view.iteration(known, now.index + 1)
        inputs = (*view.carried, *view.captured)
        after = _writes(chain, later.inside(*inputs, index=view.index))
        primal = now.inside(*inputs, index=view.index)
        found = None if after is None else _versions(chain, primal, after)
        self.is_known = found is not None
        if found is not None:
            images = {x: o for x, o in body.originals.items() if o in found}
            images[body.carried[position]] = own
            self.versions = {x: found[o] for x, o in images.items()}
            kept = {o for o in found if o.op is SCATTER and _keeps(o, primal, found[o])}
            self.kept = [x for x, o in images.items() if o in kept]
        self._known = now.inside(*body.carried, *body.captured, index=body.index)

    def all_stay(self, outputs: Sequence[Node], given: Collection[Node]) -> bool:
        """Whether all that the outputs need of the array stays, if they are `given` values."""
        return _all_stay(outputs, self._known, self.versions, given)

    def stays(self, node: Node) -> bool:
        """Whether what one node reads stays; it makes no version."""
        parts = inside(node, self.versions)
        if any(part.yields is not None for part in parts or ()):
            return False
        return _fits(node, [], self._known, self.versions)


# Versions ----------------------------------------------------------------------------------------


def _versions(
    chain: Sequence[Node], known: Known, after: Sequence[Places]
) -> dict[Node, Sequence[Places]] | None:
    """The versions of a chain with what is written later, if writes behind it go to `after`."""
    found: dict[Node, Sequence[Places]] = {}
    for node in reversed(chain):
        found[node] = after
        if node is not chain[0]:
            own = _writes_of(node, known)
            if own is None:
                return None
            after = (*own, *after)
    return found


def _writes(chain: Sequence[Node], known: Known) -> list[Places] | None:
    """Where the writes of a chain go."""
    found = [_writes_of(node, known) for node in chain[1:]]
    return None if None in found else [place for own in found for place in own or ()]


def _writes_of(node: Node, known: Known) -> list[Places] | None:
    """Where the writes of one link of a chain go, those in its regions too."""
    if node.op in (SCATTER, UPDATE):
        return [_written(node, known)]
    found: list[Places] = []
    for part in inside(node.args[0], (before(node),)) or ():
        if part.yields is not None:
            own = _writes(part.chain, _entered(node.args[0], part, known)[0])
            if own is None:
                return None
            found += own
    return found


def _entered(node: Node, part: Part, known: Known, after: Dim = ZERO) -> tuple[Known, Dim | None]:
    """What is known in a region, and a loop's index, which is `after` or more."""
    params = node.params
    if not isinstance(params, Loop | While):
        return side(known, node, part.inputs, holds=part.holds), None
    is_counted = isinstance(params, Loop)
    now = iteration(known, params, node.args[0] if is_counted else None, part.args, after)
    index = part.region.inputs[0] if is_counted else None
    return now.inside(*part.inputs, index=index), now.index


# Reads -------------------------------------------------------------------------------------------


def _keeps(write: Node, known: Known, later: Sequence[Places]) -> bool:
    """Whether what a write puts at one place stays."""
    _, value, *indices = write.args
    if value.op.kind in (Kind.INPUT, Kind.CONSTANT, Kind.GATHER):
        return False  # at hand in another way
    places = [known.places(i) for i in indices]
    is_one = not any(i.array.shape for i in indices) and not _accumulates(write)
    return is_one and _is_spared(places, known, later)


def _accumulates(write: Node) -> bool:
    return isinstance(write.params, Scatter | Update) and write.params.accumulate


def _all_stay(
    outputs: Sequence[Node], known: Known, versions: Versions, given: Collection[Node] = ()
) -> bool:
    if any(o in versions for o in outputs):
        return False
    order = demanded(outputs, {*versions, *given})
    return all(
        _fits(node, [] if node in outputs else _readers(node, order), known, versions)
        for node in order
        if any(a in versions for a in node.args)
    )


def _readers(node: Node, order: Sequence[Node]) -> list[Node]:
    return [n for n in order if node in n.args]


def _fits(node: Node, readers: Sequence[Node], known: Known, versions: Versions) -> bool:
    """Whether a node only reads of a version what stays; `readers` are all that look at it."""
    if node.regions:
        return _fits_inside(node, known, versions)
    later = versions.get(node.args[0])
    if later is None or any(a in versions for a in node.args[1:]):
        return False
    places = _read(node, known)
    if places is None:
        return False
    if _is_spared(places, known, later):
        return True
    if node.op.kind is not Kind.GATHER or any(i.array.shape for i in node.args[1:]):
        return False
    for reader in readers:
        more = _read(reader, known) if [a is node for a in reader.args].index(True) == 0 else None
        if more is None or not _is_spared([*places, *more], known, later):
            return False
    return bool(readers)


def _fits_inside(node: Node, known: Known, versions: Versions) -> bool:
    """The same for a node with regions."""
    parts = inside(node, versions)
    if parts is None:
        return False
    for part in parts:
        here, index = _entered(node, part, known)
        own = {x: versions[a] for x, a in zip(part.inputs, part.args, strict=True) if a in versions}
        if part.yields is not None:
            after = _after(node, part.yields, versions)
            if after is not None and index is not None:
                again = _writes(part.chain, _entered(node, part, known, index + 1)[0])
                after = None if again is None else (*again, *after)
            made = None if after is None else _versions(part.chain, here, after)
            if made is None:
                return False
            own.update(made)
        if not _all_stay(part.outputs, here, own):
            return False
    return True


def _after(node: Node, number: int, versions: Versions) -> Sequence[Places] | None:
    """What is written after a node made a version; None if that is another array's."""
    for version, later in versions.items():
        if version.args == (node,) and version.params == Result(number):
            return later
    return None


def _is_spared(along: Sequence[Dim | None], known: Known, later: Sequence[Places]) -> bool:
    return all(Places(tuple(along), known).are_apart(write) for write in later)


def _read(node: Node, known: Known) -> list[Dim | None] | None:
    """The places that a gather or a slice reads."""
    if node.op.kind is Kind.GATHER:
        return [known.places(i) for i in node.args[1:]]
    if node.op is SLICE and isinstance(node.params, Spans):
        return _spanned(node.params.spans, node, known)
    return None


def _written(node: Node, known: Known) -> Places:
    """The places that one write goes to."""
    if isinstance(node.params, Update):
        return Places(tuple(_spanned(node.params.spans, node, known)), known)
    target, value, *indices = node.args
    along = [known.places(i) for i in indices]
    # A row with some elements replaced is a write to these.
    if isinstance(value.params, Update) and not any(i.array.shape for i in indices):
        row = value.args[0]
        if row.op.kind is Kind.GATHER and row.args == (target, *indices):
            along += _spanned(value.params.spans, value, known)
    return Places(tuple(along), known)


def _spanned(spans: Sequence[Span], node: Node, known: Known) -> list[Dim | None]:
    """The places of the spans of a slice or an update."""
    found: list[Dim | None] = []
    for span, length in zip(spans, node.args[0].array.shape, strict=True):
        is_whole = span.start == ZERO and span.step == 1 and span.length == length
        start = known.size(span.start, node)
        steps = known.index(known.size(span.length, node))
        found.append(None if is_whole else start + steps * span.step)
    return found
