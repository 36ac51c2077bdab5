"""Cotangents that are zero but where something was picked, as what stands at these places.

The cotangent of `x` in `x[i]` is zeros with `g` added at `i`. Times a partial derivative that is
infinite or nan at another element, its 0 would become nan. So the product goes inside: zeros with
`g * partial[i]` added at `i`. What a store replaced is the other way round: zeros are written after
the product. Nothing here looks at what the numbers are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import reduce

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape, broadcast_shapes
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.constants import IOTA
from codegen_ad.ops.filter import POSITIONS
from codegen_ad.ops.movement import BROADCAST_TO, RESHAPE, Span
from codegen_ad.ops.reduction import SUM
from codegen_ad.ops.scan import ARGSORT
from codegen_ad.ops.unary import CAST

Indices = tuple[Node, ...]
"""Integer arrays on the leading axes."""

Spans = tuple[Span, ...]
"""One span for each axis."""


@dataclass(frozen=True, slots=True)
class Part:
    """Values, and the places where they are added or were replaced.

    Exactly one of `indices` and `spans` is not empty.
    """

    values: Node
    indices: Indices = ()
    spans: Spans = ()

    @property
    def head(self) -> Shape:
        """The leading axes of the values, along which the indices go."""
        return broadcast_shapes(*(i.array.shape for i in self.indices))

    def with_values(self, values: Node) -> Part:
        """Other values at the same places."""
        return Part(values, self.indices, self.spans)


@dataclass(frozen=True, slots=True)
class Placed:
    """Zeros, to which values are added at places."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A value, in which zeros are written at the places of one part."""

    before: Node
    part: Part


def in_full(b: Builder, part: Part, own: Shape) -> Node:
    """The values of a part of an array of shape `own`, one for each place."""
    if part.spans:
        return make.broadcast_to(b, part.values, tuple(s.length for s in part.spans))
    return make.broadcast_to(b, part.values, (*part.head, *own[len(part.indices) :]))


def written(b: Builder, x: Node, part: Part, value: Node, *, accumulate: bool) -> Node:
    """`x` with a value put or added at the places of the part; `value` is broadcast to these."""
    shape = x.array.shape
    if part.spans:
        place = tuple(s.length for s in part.spans)
        values = make.broadcast_to(b, value, place)
        return make.update(b, x, values, part.spans, accumulate=accumulate)
    place = (*part.head, *shape[len(part.indices) :])
    values = make.broadcast_to(b, value, place)
    return make.scatter(b, x, values, *part.indices, accumulate=accumulate)


class Reader:
    """Values at the places of a part of an array, operation by operation.

    Parameters
    ----------
    shape : of the array.

    Attributes
    ----------
    own : those of the nodes it is given, at these places.
    """

    def __init__(self, b: Builder, part: Part, shape: Shape, own: Collection[Node]) -> None:
        self._b = b
        self._part = part
        self._shape = shape
        self._own = own
        self.own: set[Node] = set()

    def read(self, x: Node, shape: Shape) -> Node:
        """What stands there in `x`, which broadcasts to `shape`; it broadcasts to the values."""
        if x.op in ELEMENTWISE and x not in self._own:
            return self._b.node(x.op, [self.read(a, shape) for a in x.args], x.params)
        found = self._at(x, shape)
        if x in self._own:
            self.own.add(found)
        return found

    def _at(self, x: Node, shape: Shape) -> Node:
        b, part, rank = self._b, self._part, len(shape)
        count = len(part.indices)
        if x.array.rank <= rank - max(count, len(part.spans)):
            return x
        own = (*(ONE for _ in range(rank - x.array.rank)), *x.array.shape)
        x = make.reshape(b, x, own)
        if part.spans:
            axes = zip(part.spans, self._shape, own, strict=True)
            spans = [s if d == e else make.whole(e) for s, d, e in axes]
            return make.slice_(b, x, spans)
        if all(d == ONE for d in own[:count]):
            return make.reshape(b, x, own[count:])
        x = make.broadcast_to(b, x, (*shape[:count], *own[count:]))
        return make.gather(b, x, *part.indices)


def fits(placed: Placed, own: Shape, other: Shape) -> bool:
    """Whether what has shape `own` and is zero but at places is that times what has the other."""
    shape = broadcast_shapes(own, other)
    if len(shape) != len(own):
        return False
    wider = [a for a, (d, e) in enumerate(zip(own, shape, strict=True)) if d != e]
    return all(
        p.spans[a] == make.whole(ONE) if p.spans else a >= len(p.indices)
        for p in placed.parts
        for a in wider
    )


def widened(part: Part, values: Node, own: Shape, shape: Shape) -> Part:
    """The values at the same places in an array that has `shape`, wider where `own` has size 1."""
    if part.spans:
        axes = zip(part.spans, own, shape, strict=True)
        spans = tuple(s if d == e else make.whole(e) for s, d, e in axes)
        return Part(values, (), spans)
    return part.with_values(values)


def moved(b: Builder, node: Node, placed: Placed, own: Shape, shape: Shape) -> Placed | None:
    """What the pullback of `node` makes of it, in `shape`; None where that has no such form."""
    if node.op is CAST:
        dtype = node.args[0].array.dtype
        return Placed(tuple(p.with_values(make.cast(b, p.values, dtype)) for p in placed.parts))
    if node.op not in (RESHAPE, SUM):
        return None
    parts = [_reshaped(b, part, own, shape) for part in placed.parts]
    found = tuple(p for p in parts if p is not None)
    return Placed(found) if len(found) == len(parts) else None


def _reshaped(b: Builder, part: Part, own: Shape, shape: Shape) -> Part | None:
    """The part where axes of size 1 come or go, or axes behind the places change."""
    if part.spans:
        if [d for d in own if d != ONE] != [d for d in shape if d != ONE]:
            return None
        if any(d == ONE and s != make.whole(ONE) for s, d in zip(part.spans, own, strict=True)):
            return None  # nothing of an axis of size 1
        kept = iter(s for s, d in zip(part.spans, own, strict=True) if d != ONE)
        spans = tuple(make.whole(ONE) if d == ONE else next(kept) for d in shape)
        values = in_full(b, part, own)
        return Part(make.reshape(b, values, tuple(s.length for s in spans)), (), spans)
    count = len(part.indices)
    named = [(d, i) for d, i in zip(own, part.indices, strict=False) if d != ONE]
    zero = make.constant(b, 0, DType.INT64)
    indices: list[Node] = []
    for dim in shape:
        if len(indices) >= count and not named:
            break
        if dim == ONE:
            indices.append(zero)
        elif named and named[0][0] == dim:
            indices.append(named.pop(0)[1])
        else:
            break
    if named or not indices:
        return None
    values = make.reshape(b, in_full(b, part, own), (*part.head, *shape[len(indices) :]))
    return Part(values, tuple(make.broadcast_to(b, i, part.head) for i in indices))


def total(b: Builder, placed: Placed, shape: Shape) -> Node:
    """The array that it is."""
    dtype = placed.parts[0].values.array.dtype
    result = make.full(b, shape, 0, dtype)
    for part in placed.parts:
        result = written(b, result, part, part.values, accumulate=True)
    return result


def condition(b: Builder, known: Placed | Replaced, shape: Shape) -> Node:
    """Where it may be other than zero, by its places; size 1 along axes that are whole."""
    parts = known.parts if isinstance(known, Placed) else (known.part,)
    named = {a for part in parts for a, d in enumerate(shape) if _names(part, a, d)}
    flags = tuple(d if a in named else ONE for a, d in enumerate(shape))
    parts = [_of_flags(part, flags, shape) for part in parts]
    if isinstance(known, Replaced):
        kept = make.full(b, flags, True, DType.BOOL)
        no = make.constant(b, False, DType.BOOL)
        return written(b, kept, parts[0], no, accumulate=False)
    found = [m for part in known.parts if (m := _mask(b, part, flags)) is not None]
    if len(found) == len(parts):
        return reduce(lambda x, y: make.apply(b, "logical_or", x, y), found)
    result = make.full(b, flags, False, DType.BOOL)
    yes = make.constant(b, True, DType.BOOL)
    for part in parts:
        result = written(b, result, part, yes, accumulate=False)
    return result


def _names(part: Part, axis: int, dim: Dim) -> bool:
    """Whether the part takes some places of an axis, not all."""
    if part.spans:
        return part.spans[axis] != make.whole(dim)
    return axis < len(part.indices)


def _of_flags(part: Part, flags: Shape, shape: Shape) -> Part:
    """The same places in an array that has size 1 along some axes."""
    axes = zip(part.spans, flags, shape, strict=False)
    spans = tuple(s if d == e else make.whole(ONE) for s, d, e in axes)
    return Part(part.values, part.indices, spans)


def _mask(b: Builder, part: Part, flags: Shape) -> Node | None:
    """The mask whose positions the places are.

    Places may come from the mask of another array, whose size need not be this one's.
    """
    if len(part.indices) != 1 or part.indices[0].op is not POSITIONS:
        return None
    (mask,) = part.indices[0].args
    if mask.array.shape != flags[:1] or any(d != ONE for d in flags[1:]):
        return None
    return make.reshape(b, mask, flags)


def covers(placed: Placed, shape: Shape) -> bool:
    """Whether nothing is left out: by slices along one axis that is long enough, or by counting.

    `np.arange(k)` is taken to count a whole axis, whatever `k` is called.
    """
    if any(p.indices and all(map(_counts, p.indices, shape)) for p in placed.parts):
        return True
    if not all(p.spans for p in placed.parts):
        return False
    axes = {
        a for p in placed.parts for a, (s, d) in enumerate(zip(p.spans, shape, strict=True))
        if s != make.whole(d)
    }  # fmt: skip
    if len(axes) > 1:
        return False
    if not axes:
        return True
    (axis,) = axes
    spans = [p.spans[axis] for p in placed.parts]
    if shape[axis].is_constant and all(s.start.is_constant and s.length.is_constant for s in spans):
        places = {s.start.value + s.step * k for s in spans for k in range(s.length.value)}
        return len(places) == shape[axis].value
    return _reach(spans, shape[axis]) == shape[axis]


def apart(first: Spans, second: Spans) -> bool:
    """Whether two slices surely have no element in common."""
    for s, t in zip(map(forwards, first), map(forwards, second), strict=False):
        if abs(s.step) == abs(t.step) == 1:
            gaps = (t.start - s.start - s.length, s.start - t.start - t.length)
            if any(gap.is_constant and gap.value >= 0 for gap in gaps):
                return True
    return False


def _counts(index: Node, dim: Dim) -> bool:
    while index.op in (RESHAPE, BROADCAST_TO):
        (index,) = index.args
    return dim == ONE or index.op is IOTA


def _reach(spans: Sequence[Span], dim: Dim) -> Dim:
    """How far from the start of an axis slices go without a gap, where all may be long."""
    reached: Dim = ZERO
    rest: list[Span] = [forwards(s) for s in spans if abs(s.step) == 1]
    while reached != dim:
        nexts = [s for s in rest if _begins_by(s.start, reached)]
        if not nexts:
            return reached
        rest = [s for s in rest if s not in nexts]
        ends = [reached, *(s.start + s.length for s in nexts)]
        reached = reduce(_farther, ends)
    return reached


def forwards(span: Span) -> Span:
    """The same elements in ascending order."""
    if span.step == 1:
        return span
    return Span(span.start - span.length + 1, 1, span.length)


def _begins_by(start: Dim, reached: Dim) -> bool:
    gap = start - reached
    return gap.value <= 0 if gap.is_constant else start.is_constant


def _farther(x: Dim, y: Dim) -> Dim:
    more = y - x
    if more.is_constant:
        return y if more.value > 0 else x
    return x if y.is_constant else y


def summed(b: Builder, placed: Placed, own: Shape, shape: Shape) -> tuple[Placed | None, Node]:
    """The sum over the axes along which `shape` was broadcast to `own`; None if it is no zeros."""
    extra = len(own) - len(shape)
    gone = [a for a, d in enumerate(own) if a < extra or (shape[a - extra] == ONE and d != ONE)]
    parts = [_summed(b, part, own, shape, gone) for part in placed.parts]
    if all(p.indices or p.spans for p in parts):
        found = Placed(tuple(parts))
        return found, total(b, found, shape)
    result = make.full(b, shape, 0, parts[0].values.array.dtype)
    for part in parts:
        if part.indices or part.spans:
            result = written(b, result, part, part.values, accumulate=True)
        else:
            result = make.add(b, result, make.broadcast_to(b, part.values, shape))
    return None, result


def _summed(b: Builder, part: Part, own: Shape, shape: Shape, gone: Sequence[int]) -> Part:
    """One part of such a sum; it has no place where nothing is left of it."""
    extra, head, count = len(own) - len(shape), part.head, len(part.indices)
    values = in_full(b, part, own)
    if part.spans:
        lengths = [ONE if a in gone else s.length for a, s in enumerate(part.spans)]
        values = make.sum_to(b, values, tuple(lengths[extra:]))
        chosen = [make.whole(ONE) if a in gone else s for a, s in enumerate(part.spans)]
        spans = tuple(chosen[extra:])
        is_whole = all(s == make.whole(d) for s, d in zip(spans, shape, strict=True))
        return Part(values, (), () if is_whole else spans)
    behind = [len(head) + a - count for a in gone if a >= count]
    if all(a in gone for a in range(count)):
        values = make.sum_(b, values, (*range(len(head)), *behind))
        return Part(make.reshape(b, values, shape))
    first = make.constant(b, 0, DType.INT64)
    kept = [first if a in gone else i for a, i in enumerate(part.indices)][extra:]
    values = make.sum_(b, values, behind)
    values = make.reshape(b, values, (*head, *shape[len(kept) :]))
    return Part(values, tuple(make.broadcast_to(b, i, head) for i in kept))


def is_order(node: Node) -> bool:
    """Whether a gather only puts elements in another order."""
    return len(node.args) == 2 and node.args[1].op is ARGSORT


def is_within(partial: Node, g: Node) -> bool:
    """Whether a partial derivative broadcasts to the shape of a cotangent."""
    return broadcast_shapes(g.array.shape, partial.array.shape) == g.array.shape
