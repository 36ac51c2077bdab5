"""Counts and sums by place: `bincount`, `histogram`. In which bin a number is has no derivative."""

from __future__ import annotations

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, like, pick, ravel, size_as, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.values import Outside
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import MAX, MIN


@signature("np.bincount: x weights=None minlength=0")
def bincount(call: Call) -> Value:
    """How often each number from 0 occurs, or the sum of its weights; the largest one decides."""
    b, x = call.b, call.node("x")
    if x.array.rank != 1 or x.array.dtype.is_float:
        call.refuse("`np.bincount` takes a vector of integers.", "Convert it: `x.astype(int)`.")
    x = make.cast(b, x, DType.INT64)
    below = make.apply(b, "less", x, make.zeros_like(b, x))
    some = make.sum_(b, make.cast(b, below, DType.INT64), (0,))
    call.ctx.refuse_when(
        apply(b, "greater", some, 0), "ValueError", "np.bincount of a negative number"
    )
    none = make.full(b, (Dim.constant(1),), -1, DType.INT64)  # the largest one where there is none
    top = reduced(b, MAX, make.concatenate(b, (none, x), 0), (0,))
    least = make.size(b, call.dim("minlength"))
    length = call.ctx.length(apply(b, "maximum", apply(b, "add", top, 1), least))
    if call.has("weights"):
        values = make.cast(b, call.node("weights"), DType.FLOAT64)
        if values.array.rank != 1:
            call.refuse("`np.bincount` takes a vector of weights.", "Ravel `weights`.")
        unify(call, x.array.shape[0], values.array.shape[0])
    else:
        values = make.full(b, x.array.shape, 1, DType.INT64)
    return call.fresh(_added(call, values, apply(b, "maximum", x, 0), length))


def _added(call: Call, values: Node, places: Node, length: Dim) -> Node:
    """The values added up by their places."""
    empty = make.full(call.b, (length,), 0, values.array.dtype)
    return make.scatter(call.b, empty, values, places, accumulate=True)


@signature("np.histogram: a bins=10 range=None density=None weights=None")
def histogram(call: Call) -> Value:
    """How many numbers lie in each bin, or the sum of their weights; and the edges of the bins."""
    b, x = call.b, ravel(call.b, call.node("a"))
    if not x.array.dtype.is_float:
        x = make.cast(b, x, DType.FLOAT64)
    given = _given_edges(call)
    edges, places, inside = _by_edges(call, x, given) if given else _evenly(call, x)
    values = _weights(call, x)
    kept = make.where(b, inside, values, make.zeros_like(b, values))
    places = make.where(b, inside, places, make.zeros_like(b, places))
    counts = _added(call, kept, places, edges.array.shape[0] - 1)
    if call.has("weights"):
        counts = make.cast(b, counts, call.node("weights").array.dtype)
    if call.flag("density"):
        counts = make.cast(b, counts, DType.FLOAT64)
        widths = call.node_of(call.ctx.call(Outside(np.diff, ()), [call.fresh(edges)], {}))
        total = make.sum_(b, counts, (0,))
        widths = make.cast(b, widths, DType.FLOAT64)
        counts = make.divide(b, make.divide(b, counts, widths), total)
    return call.fresh(counts), call.fresh(edges)


def _weights(call: Call, x: Node) -> Node:
    """What each number counts, in a dtype to add up in."""
    b = call.b
    if not call.has("weights"):
        return make.full(b, x.array.shape, 1, DType.INT64)
    weights = call.node("weights")
    if weights.array.rank != call.node("a").array.rank:
        call.refuse("`np.histogram` takes weights of the numbers' shape.", "Give one for each.")
    for one, other in zip(weights.array.shape, call.node("a").array.shape, strict=True):
        unify(call, other, one)
    is_float = weights.array.dtype.is_float
    return make.cast(b, ravel(b, weights), DType.FLOAT64 if is_float else DType.INT64)


def _given_edges(call: Call) -> Node | None:
    """The edges of the bins if they are given, not the bins' number."""
    if "bins" not in call.given:
        return None
    b, bins = call.b, call.value("bins")
    if isinstance(bins, str):
        call.refuse(
            f"`np.histogram` with `bins={bins!r}` has as many bins as the data ask for.",
            "Give their number, or their edges.",
        )
    edges = call.node("bins")
    if not edges.array.rank:
        return None
    steps = call.node_of(call.ctx.call(Outside(np.diff, ()), [call.fresh(edges)], {}))
    falls = make.sum_(b, make.cast(b, apply(b, "less", steps, 0), DType.INT64), (0,))
    falls = apply(b, "greater", falls, 0)
    call.ctx.refuse_when(falls, "ValueError", "np.histogram needs edges that rise")
    return edges


def _by_edges(call: Call, x: Node, edges: Node) -> tuple[Node, Node, Node]:
    """The edges, the bin of each number, and whether it is in any."""
    b, arguments = call.b, [call.fresh(edges), call.fresh(x)]
    found = call.ctx.call(Outside(np.searchsorted, ()), arguments, {"side": "right"})
    last = make.size(b, edges.array.shape[0] - 2)
    places = apply(b, "subtract", call.node_of(found), 1)
    top, value = call.ctx.promote(call.fresh(pick(b, edges, 0, -1)), call.fresh(x))
    is_last = make.apply(b, "equal", value, top)  # the last bin has both its edges
    places = make.where(b, is_last, last, places)
    above, below = apply(b, "greater_equal", places, 0), make.apply(b, "less_equal", places, last)
    return edges, places, make.apply(b, "logical_and", above, below)


def _evenly(call: Call, x: Node) -> tuple[Node, Node, Node]:
    """The same for bins of one width: computed, and put right where an edge was rounded."""
    b, bins = call.b, call.dim("bins")
    call.ctx.require(bins, 1, call.name)
    low, high = _ends(call, x)
    ends = [call.fresh(low), call.fresh(high), bins + 1]
    edges = call.node_of(call.ctx.call(Outside(np.linspace, ()), ends, {}))
    edges = make.cast(b, edges, x.array.dtype)
    inside = make.apply(
        b,
        "logical_and",
        make.apply(b, "greater_equal", x, low),
        make.apply(b, "less_equal", x, high),
    )
    share = make.divide(b, make.subtract(b, x, low), make.subtract(b, high, low))
    share = make.where(b, inside, share, make.zeros_like(b, share))
    last = make.size(b, bins - 1)
    guess = make.cast(b, make.multiply(b, share, size_as(b, bins, share.array.dtype)), DType.INT64)
    guess = make.apply(b, "minimum", guess, last)
    before = make.apply(b, "less", x, make.gather(b, edges, guess))
    after = make.apply(
        b,
        "logical_and",
        make.apply(b, "greater_equal", x, make.gather(b, edges, apply(b, "add", guess, 1))),
        make.apply(b, "less", guess, last),
    )
    back, on = (make.cast(b, v, DType.INT64) for v in (before, after))
    return edges, make.add(b, make.subtract(b, guess, back), on), inside


def _ends(call: Call, x: Node) -> tuple[Node, Node]:
    """The outer edges: those asked for, or the smallest and the largest number."""
    b, size = call.b, x.array.shape[0]
    if call.has("range"):
        low, high = (make.cast(b, call.node_of(v), x.array.dtype) for v in call.items("range"))
    elif call.ctx.is_run_time(size) or call.ctx.holds(size, 1, call.name):
        call.ctx.require(size, 1, call.name)
        low, high = reduced(b, MIN, x, (0,)), reduced(b, MAX, x, (0,))
    else:
        zero = make.full(b, (), 0, x.array.dtype)
        return zero, like(b, 1, zero)
    reach = make.subtract(b, high, low)
    is_wrong = make.apply(b, "logical_not", apply(b, "less", apply(b, "multiply", reach, 0), 1))
    is_wrong = make.apply(b, "logical_or", is_wrong, apply(b, "less", reach, 0))
    call.ctx.refuse_when(
        is_wrong, "ValueError", "np.histogram needs a range that rises and is finite"
    )
    same = apply(b, "equal", reach, 0)
    return (
        make.where(b, same, apply(b, "subtract", low, 0.5), low),
        make.where(b, same, apply(b, "add", high, 0.5), high),
    )


FUNCTIONS: dict[object, Handler] = {np.bincount: bincount, np.histogram: histogram}
