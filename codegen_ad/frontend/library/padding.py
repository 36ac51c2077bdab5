"""`np.pad`: borders of constants, of edges, or of the array's own elements seen in mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, at_least, take
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span

Widths = list[tuple[Dim, Dim]]


@signature("np.pad: array pad_width mode='constant' constant_values=0 reflect_type='even'")
def pad(call: Call) -> Value:
    """The array with borders."""
    call.only_default("reflect_type")
    x, mode = call.node("array"), call.static("mode")
    widths = _widths(call, x.array.rank)
    if mode == "constant":
        return call.fresh(_constant(call, x, widths))
    if not isinstance(mode, str) or mode not in PLACES:
        call.refuse(
            f"`np.pad` with `mode={mode!r}` is not supported.",
            f"Use 'constant', {', '.join(repr(m) for m in PLACES)}.",
        )
    for axis, (before, after) in enumerate(widths):
        if before != ZERO or after != ZERO:
            places = PLACES[mode](call, x.array.shape[axis], before, after)
            x = take(call.b, x, places, axis)
    return call.fresh(x)


def _widths(call: Call, rank: int) -> Widths:
    """The widths before and after each axis."""
    value = call.static("pad_width")
    if isinstance(value, dict):
        call.refuse("`np.pad` with a dict of widths.", "Give a pair of widths for each axis.")
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
    if items and all(isinstance(i, list | tuple) for i in items):
        pairs = [_pair(call, cast("Sequence[object]", i)) for i in items]
        pairs = pairs * rank if len(pairs) == 1 else pairs
    else:
        pairs = [_pair(call, items)] * rank
    if len(pairs) != rank:
        call.refuse(
            f"`np.pad` is given widths for {len(pairs)} axes, and the array has {rank}.",
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
        call.refuse(
            "`np.pad` with several `constant_values`.", "Pad with one value after the other."
        )
    if fill is None:
        border = make.full(b, shape, 0, x.array.dtype)
    else:
        border = make.broadcast_to(b, make.cast(b, fill, x.array.dtype), shape)
    spans = [Span(p, 1, d) for d, (p, _) in zip(x.array.shape, widths, strict=True)]
    return make.update(b, border, x, spans)


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
    """Mirrors in the first and the last element."""
    b = call.b
    for width in (before, after):
        at_least(call, dim, width + 1)
    places = apply(b, "absolute", _counted(call, dim, before, after))
    last = make.size(b, dim - 1)
    return make.subtract(b, last, apply(b, "absolute", make.subtract(b, last, places)))


def _symmetric(call: Call, dim: Dim, before: Dim, after: Dim) -> Node:
    """Mirrors beside the first and the last element: -1 is 0, `dim` is `dim - 1`."""
    b = call.b
    for width in (before, after):
        at_least(call, dim, width)
    places = _counted(call, dim, before, after)
    below = apply(b, "less", places, 0)
    places = make.where(b, below, apply(b, "subtract", make.negative(b, places), 1), places)
    beyond = make.apply(b, "greater_equal", places, make.size(b, dim))
    turned = make.subtract(b, make.size(b, 2 * dim - 1), places)
    return make.where(b, beyond, turned, places)


PLACES = {"edge": _edge, "wrap": _wrap, "reflect": _reflect, "symmetric": _symmetric}

FUNCTIONS: dict[object, Handler] = {np.pad: pad}
