"""`np.pad`: borders of constants, of edges, or of the array's own elements seen in mirrors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    along,
    apply,
    at_least,
    like,
    pick,
    size_as,
    span,
    take,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.library.statistics import mean_of
from codegen_ad.frontend.words import count
from codegen_ad.ir.dims import ONE, ZERO, Dim, as_dim
from codegen_ad.ir.node import Node, Op
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span
from codegen_ad.ops.reduction import MAX, MIN

Widths = list[tuple[Dim, Dim]]
Border = Callable[[Call, Node, int, tuple[Dim, Dim]], tuple[Node, Node]]
"""What stands before and after an axis: arrays that broadcast to the borders."""


@signature(
    "np.pad: array pad_width mode='constant' * constant_values=0 end_values=0 stat_length=None"
    " reflect_type='even'"
)
def pad(call: Call) -> Value:
    """The array with borders."""
    x, mode = call.node("array"), call.static("mode")
    widths = _widths(call, x.array.rank)
    if mode in ("constant", "empty"):
        return call.fresh(_constant(call, x, widths))
    if not isinstance(mode, str) or mode not in (*PLACES, *BORDERS):
        call.refuse(
            f"`np.pad` with `mode={mode!r}` is not supported.",
            f"Use 'constant', {', '.join(repr(m) for m in (*PLACES, *BORDERS))}.",
        )
    for axis, (before, after) in enumerate(widths):
        if before == ZERO and after == ZERO:
            continue
        if mode in BORDERS:
            x = _bordered(call, x, axis, (before, after), BORDERS[mode])
            continue
        places = PLACES[mode](call, x.array.shape[axis], before, after)
        inner = take(call.b, x, places, axis)
        if mode in ("reflect", "symmetric") and call.static("reflect_type") == "odd":
            inner = _turned(call, x, inner, axis, (before, after))
        x = inner
    return call.fresh(x)


def _widths(call: Call, rank: int) -> Widths:
    """The widths before and after each axis."""
    value = call.static("pad_width")
    if isinstance(value, dict):
        table = cast("dict[object, object]", value)
        pairs = [(ZERO, ZERO)] * rank
        for axis, width in table.items():
            pair = cast("Sequence[object]", width) if isinstance(width, list | tuple) else (width,)
            pairs[call.one_axis(axis, rank)] = _pair(call, pair)
        return pairs
    return _pairs(call, value, rank)


def _pairs(call: Call, value: object, rank: int) -> Widths:
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
    if items and all(isinstance(i, list | tuple) for i in items):
        pairs = [_pair(call, cast("Sequence[object]", i)) for i in items]
        pairs = pairs * rank if len(pairs) == 1 else pairs
    else:
        pairs = [_pair(call, items)] * rank
    if len(pairs) != rank:
        call.refuse(
            f"`np.pad` is given widths for {count(len(pairs), 'axis')}, and the array has {rank}.",
            "Give a pair of widths for each axis.",
        )
    return pairs


def _pair(call: Call, items: Sequence[object]) -> tuple[Dim, Dim]:
    if len(items) not in (1, 2):
        call.refuse("`np.pad` needs widths as pairs.", "Give (before, after) for each axis.")
    before, after = call.ctx.dim(items[0], "width"), call.ctx.dim(items[-1], "width")
    for width in (before, after):
        at_least(call, width, 0)
    return before, after


def _constant(call: Call, x: Node, widths: Widths) -> Node:
    b = call.b
    shape = tuple(p + d + q for d, (p, q) in zip(x.array.shape, widths, strict=True))
    if shape == x.array.shape:
        return x
    fill = call.node("constant_values") if "constant_values" in call.given else None
    if fill is not None and fill.array.rank:
        values = _pairs_of(call, "constant_values", x)
        for axis, (width, pair) in enumerate(zip(widths, values, strict=True)):
            x = _between_blocks(call, x, axis, width, pair)
        return x
    if fill is None:
        border = make.full(b, shape, 0, x.array.dtype)
    else:
        border = make.broadcast_to(b, make.cast(b, fill, x.array.dtype), shape)
    spans = [Span(p, 1, d) for d, (p, _) in zip(x.array.shape, widths, strict=True)]
    return make.update(b, border, x, spans)


def _pairs_of(call: Call, name: str, x: Node) -> list[tuple[Node, Node]]:
    """One value before and one after each axis, given as one, a pair, or a pair for each axis."""
    b, rank = call.b, x.array.rank
    given = make.cast(b, call.node(name), x.array.dtype) if name in call.given else like(b, 0, x)
    if given.array.rank > 2:
        call.refuse(f"`{name}` of `np.pad` are pairs.", "Give (before, after) for each axis.")
    wanted = (as_dim(rank), as_dim(2))
    for have, want in zip(reversed(given.array.shape), reversed(wanted), strict=False):
        if have != ONE:
            unify(call, have, want)
    table = make.broadcast_to(b, given, wanted)
    rows = [pick(b, table, 0, axis) for axis in range(rank)]
    return [(pick(b, row, 0, 0), pick(b, row, 0, 1)) for row in rows]


def _between_blocks(
    call: Call, x: Node, axis: int, width: tuple[Dim, Dim], borders: tuple[Node, Node]
) -> Node:
    """`x` between borders, each of which broadcasts to its block."""
    b = call.b
    parts: list[Node] = []
    for number, border in zip(width, borders, strict=True):
        shape = tuple(number if a == axis else d for a, d in enumerate(x.array.shape))
        parts.append(make.broadcast_to(b, border, shape))
    before, after = parts
    kept = [
        part
        for part, number in ((before, width[0]), (x, None), (after, width[1]))
        if number != ZERO
    ]
    return make.concatenate(b, kept, axis)


def _bordered(call: Call, x: Node, axis: int, width: tuple[Dim, Dim], border: Border) -> Node:
    at_least(call, x.array.shape[axis], 1)
    return _between_blocks(call, x, axis, width, border(call, x, axis, width))


def _ramps(call: Call, x: Node, axis: int, width: tuple[Dim, Dim]) -> tuple[Node, Node]:
    """Straight lines from the end values to the edges, which they do not reach."""
    b = call.b
    if not x.array.dtype.is_float:
        call.refuse("`np.pad` of integers with a ramp rounds.", "Convert: `.astype(float)`.")
    ends = _pairs_of(call, "end_values", x)[axis]
    edges = span(b, x, axis, 0, 1), span(b, x, axis, x.array.shape[axis] - 1, 1)
    ramps: list[Node] = []
    for side, (end, edge, number) in enumerate(zip(ends, edges, width, strict=True)):
        places = make.iota(b, number)
        if side:
            places = make.subtract(b, make.size(b, number - 1), places)
        places = along(b, x, axis, make.cast(b, places, x.array.dtype))
        share = make.divide(b, places, size_as(b, number, x.array.dtype))
        step = make.multiply(b, share, make.subtract(b, edge, end))
        ramps.append(make.add(b, end, step))
    return ramps[0], ramps[1]


def _statistic(function: Callable[[Call, Node, int], Node]) -> Border:
    """Borders of what a function makes of the elements at that end, or of all."""

    def border(call: Call, x: Node, axis: int, width: tuple[Dim, Dim]) -> tuple[Node, Node]:
        if not x.array.dtype.is_float:
            call.refuse("`np.pad` of integers with a statistic rounds.", "Use `.astype(float)`.")
        if not call.has("stat_length"):
            value = function(call, x, axis)
            return value, value
        dim = x.array.shape[axis]
        before, after = _pairs(call, call.static("stat_length"), x.array.rank)[axis]
        for number in (before, after):
            at_least(call, number, 1)
            at_least(call, dim, number)
        first, last = span(call.b, x, axis, 0, before), span(call.b, x, axis, dim - after, after)
        return function(call, first, axis), function(call, last, axis)

    return border


def _reduced(op: Op) -> Callable[[Call, Node, int], Node]:
    return lambda call, x, axis: reduced(call.b, op, x, (axis,), keepdims=True)


def _mean(call: Call, x: Node, axis: int) -> Node:
    return mean_of(call.b, x, (axis,))


def _turned(call: Call, x: Node, mirrored: Node, axis: int, width: tuple[Dim, Dim]) -> Node:
    """Twice the edge less the mirror image, beyond each edge."""
    b, dim = call.b, x.array.shape[axis]
    places = along(b, mirrored, axis, _counted(call, dim, *width))
    edges = span(b, x, axis, 0, 1), span(b, x, axis, dim - 1, 1)
    beyond = apply(b, "less", places, 0), make.apply(b, "greater_equal", places, make.size(b, dim))
    for edge, outside in zip(edges, beyond, strict=True):
        odd = make.subtract(b, apply(b, "multiply", edge, 2), mirrored)
        outside = make.broadcast_to(b, outside, mirrored.array.shape)
        mirrored = make.where(b, outside, odd, mirrored)
    return mirrored


def _counted(call: Call, dim: Dim, before: Dim, after: Dim) -> Node:
    """The places from `-before` to `dim + after`."""
    return call.ctx.iota(-before, before + dim + after)


def _edge(call: Call, dim: Dim, before: Dim, after: Dim) -> Node:
    b = call.b
    at_least(call, dim, 1)
    places = apply(b, "maximum", _counted(call, dim, before, after), 0)
    return make.apply(b, "minimum", places, make.size(b, dim - 1))


def _wrap(call: Call, dim: Dim, before: Dim, after: Dim) -> Node:
    at_least(call, dim, 1)
    places = _counted(call, dim, before, after)
    return make.apply(call.b, "remainder", places, make.size(call.b, dim))


def _reflect(call: Call, dim: Dim, before: Dim, after: Dim) -> Node:
    """Mirrors in the first and the last element; wider borders are mirrored again."""
    b, odd = call.b, call.static("reflect_type") == "odd"
    if odd:
        for width in (before, after):
            at_least(call, dim, width + 1)
    at_least(call, dim, 1)
    places = _counted(call, dim, before, after)
    last = make.size(b, dim - 1)
    if not odd:
        period = apply(b, "maximum", apply(b, "multiply", last, 2), 1)
        places = make.apply(b, "remainder", places, period)
    places = apply(b, "absolute", places)
    return make.subtract(b, last, apply(b, "absolute", make.subtract(b, last, places)))


def _symmetric(call: Call, dim: Dim, before: Dim, after: Dim) -> Node:
    """Mirrors beside the first and the last element: -1 is 0, `dim` is `dim - 1`, and so on."""
    b = call.b
    if call.static("reflect_type") == "odd":
        for width in (before, after):
            at_least(call, dim, width)
    at_least(call, dim, 1)
    places = make.apply(b, "remainder", _counted(call, dim, before, after), make.size(b, 2 * dim))
    beyond = make.apply(b, "greater_equal", places, make.size(b, dim))
    turned = make.subtract(b, make.size(b, 2 * dim - 1), places)
    return make.where(b, beyond, turned, places)


PLACES = {"edge": _edge, "wrap": _wrap, "reflect": _reflect, "symmetric": _symmetric}

BORDERS: dict[str, Border] = {
    "linear_ramp": _ramps,
    "maximum": _statistic(_reduced(MAX)),
    "minimum": _statistic(_reduced(MIN)),
    "mean": _statistic(_mean),
}

FUNCTIONS: dict[object, Handler] = {np.pad: pad}
