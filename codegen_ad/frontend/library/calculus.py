"""Calculus on a grid: differences, slopes, integrals, convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    along,
    apply,
    as_float,
    at_least,
    broadcast,
    like,
    ravel,
    span,
    stop,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.joining import as_arrays, joined
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.words import count
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Node, not_wrapping
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Axis, Span
from codegen_ad.ops.reduction import SUM
from codegen_ad.ops.scan import CUMSUM

LONGEST_UNROLLED = 9


def differences(call: Call, x: Node, axis: int) -> Node:
    """Each element less the one before it."""
    if x.array.dtype is DType.BOOL:
        call.refuse(f"`{call.name}` of booleans.", "Convert them first: `x.astype(int)`.")
    return make.subtract(call.b, *_neighbours(call, x, axis))


def _neighbours(call: Call, x: Node, axis: int) -> tuple[Node, Node]:
    """All elements but the first, and all but the last; none of an axis without elements."""
    b, dim = call.b, x.array.shape[axis]
    if call.ctx.is_run_time(dim):
        number = call.ctx.length(make.size(b, dim - 1))
    else:
        number = dim - 1 if call.ctx.holds(dim, 1, call.name) else ZERO
    return span(b, x, axis, dim - number, number), span(b, x, axis, 0, number)


@signature("np.diff: a n=1 axis=-1 prepend=None append=None")
def diff(call: Call) -> Value:
    """Differences along an axis, `n` times over."""
    x = call.node("a")
    axis, times = call.axis("axis", x.array.rank), call.integer("n")
    if not times:
        return call.fresh(x)
    names = [n for n in ("prepend", "a", "append") if call.has(n)]
    parts = as_arrays(call, [call.value(n) for n in names])  # numbers count as arrays of float64
    if len(parts) > 1:
        shape = tuple(ONE if a == axis else d for a, d in enumerate(x.array.shape))
        parts = [p if p.array.rank else make.broadcast_to(call.b, p, shape) for p in parts]
        x = joined(call, parts, axis)
    for _ in range(times):
        x = differences(call, x, axis)
    return call.fresh(x)


@signature("np.ediff1d: ary to_end=None to_begin=None")
def ediff1d(call: Call) -> Value:
    """Differences of all elements as a vector, with numbers before and after."""
    b = call.b
    out = differences(call, ravel(b, call.node("ary")), 0)
    first, last = (
        [ravel(b, make.cast(b, call.node(n), out.array.dtype))] if call.has(n) else []
        for n in ("to_begin", "to_end")
    )
    return call.fresh(make.concatenate(b, [*first, out, *last], 0))


@signature("np.unwrap: p discont=None axis=-1 * period=6.283185307179586")
def unwrap(call: Call) -> Value:
    """Angles along an axis without jumps of more than half a period: multiples of it are added."""
    b = call.b
    not_wrapping([call.node("p").array])
    p = as_float(b, call.node("p"))
    axis = call.axis("axis", p.array.rank)
    period = call.number("period")
    largest = call.number("discont") if call.has("discont") else period / 2
    steps = stop(b, differences(call, p, axis))
    low = -period / 2
    inside = apply(b, "remainder", apply(b, "subtract", steps, low), period)
    inside = apply(b, "add", inside, low)
    upwards = make.apply(
        b, "logical_and", apply(b, "equal", inside, low), apply(b, "greater", steps, 0.0)
    )
    inside = make.where(b, upwards, like(b, period / 2, inside), inside)
    jumps = make.subtract(b, inside, steps)
    small = apply(b, "less", apply(b, "absolute", steps), largest)
    jumps = make.where(b, small, like(b, 0.0, jumps), jumps)
    total = b.node(CUMSUM, (jumps,), Axis(axis))
    dim = p.array.shape[axis]
    first, rest = span(b, p, axis, 0, 1), span(b, p, axis, 1, dim - 1)
    return call.fresh(make.concatenate(b, [first, make.add(b, rest, total)], axis))


@signature("np.trapezoid: y x=None dx=1.0 axis=-1")
def trapezoid(call: Call) -> Value:
    """The integral by the trapezoidal rule."""
    b = call.b
    not_wrapping([call.node(name).array for name in ("y", "x") if call.has(name)])
    if call.has("x"):
        y, x = call.ctx.promote(call.value("y"), call.value("x"), floating=True)
        axis = call.axis("axis", y.array.rank)
        unify(call, y.array.shape[axis], x.array.shape[0 if x.array.rank == 1 else axis])
        if x.array.rank == 1:
            width = along(b, y, axis, differences(call, x, 0))
        else:
            width = differences(call, x, axis)
    else:
        y = as_float(b, call.node("y"))
        axis = call.axis("axis", y.array.rank)
        width = make.cast(b, call.node("dx"), y.array.dtype) if "dx" in call.given else None
    middle = make.add(b, *_neighbours(call, y, axis))
    if width is not None:
        middle = make.multiply(b, *broadcast(call, middle, width))
    return call.fresh(reduced(b, SUM, apply(b, "divide", middle, 2), (axis,)))


@signature("np.gradient: f *varargs axis=None edge_order=1")
def gradient(call: Call) -> Value:
    """Slopes: central differences inside, one-sided ones at the ends."""
    f = as_float(call.b, call.node("f"))
    edges = call.integer("edge_order")
    if edges not in (1, 2):
        call.refuse(f"`np.gradient` with `edge_order={edges}`.", "Use 1 or 2.")
    axes = _axes_in_order(call, f.array.rank)
    spacings: Sequence[Value] = call.rest or (1.0,)
    if len(spacings) == 1:
        spacings = [*spacings] * len(axes)
    if len(spacings) != len(axes):
        call.refuse(
            f"`np.gradient` is given {count(len(spacings), 'spacing')} for "
            f"{count(len(axes), 'axis')}.",
            "Give one, or one for each axis.",
        )
    out = tuple(
        call.fresh(_slopes(call, f, axis, make.cast(call.b, call.node_of(h), f.array.dtype), edges))
        for axis, h in zip(axes, spacings, strict=True)
    )
    return out[0] if len(out) == 1 else out


def _axes_in_order(call: Call, rank: int) -> list[int]:
    if not call.has("axis"):
        return list(range(rank))
    return [call.one_axis(a, rank) for a in call.integers("axis")]


def _slopes(call: Call, f: Node, axis: int, spacing: Node, edges: int) -> Node:
    b, dim = call.b, f.array.shape[axis]
    at_least(call, dim, edges + 1)

    def part(start: Dim | int, length: Dim | int) -> Node:
        return span(b, f, axis, start, length)

    if spacing.array.rank > 1:
        call.refuse("`np.gradient` takes coordinates as vectors.", "Give one vector for each axis.")
    inner = dim - 2
    if spacing.array.rank == 0:
        middle = make.divide(
            b, make.subtract(b, part(2, inner), part(0, inner)), apply(b, "multiply", spacing, 2)
        )
        first = last = second = second_last = spacing
    else:
        unify(call, spacing.array.shape[0], dim)
        steps = along(b, f, axis, differences(call, spacing, 0))
        h, k = span(b, steps, axis, 0, inner), span(b, steps, axis, 1, inner)
        middle = _uneven(b, part(0, inner), part(1, inner), part(2, inner), h, k)
        first, second = span(b, steps, axis, 0, 1), span(b, steps, axis, 1, 1)
        last, second_last = span(b, steps, axis, dim - 2, 1), span(b, steps, axis, dim - 3, 1)
    if edges == 1:
        low = make.divide(b, make.subtract(b, part(1, 1), part(0, 1)), first)
        high = make.divide(b, make.subtract(b, part(dim - 1, 1), part(dim - 2, 1)), last)
    else:
        low = _one_sided(b, part(0, 1), part(1, 1), part(2, 1), first, second)
        ends = part(dim - 1, 1), part(dim - 2, 1), part(dim - 3, 1)
        high = make.negative(b, _one_sided(b, *ends, last, second_last))
    parts = [low, middle, high] if inner != ZERO else [low, high]
    return make.concatenate(b, parts, axis)


def _uneven(b: Builder, before: Node, here: Node, after: Node, h: Node, k: Node) -> Node:
    """The slope in the middle of three points, `h` after the first and `k` before the last."""
    both = make.add(b, h, k)
    left = make.divide(b, k, make.multiply(b, h, both))
    right = make.divide(b, h, make.multiply(b, k, both))
    rise = make.multiply(b, right, make.subtract(b, after, here))
    return make.add(b, rise, make.multiply(b, left, make.subtract(b, here, before)))


def _one_sided(b: Builder, here: Node, one: Node, two: Node, h: Node, k: Node) -> Node:
    """The slope at the first of three points, `h` and then `k` apart; exact for parabolas."""
    both = make.add(b, h, k)
    near = make.multiply(
        b, make.divide(b, both, make.multiply(b, h, k)), make.subtract(b, one, here)
    )
    far = make.multiply(
        b, make.divide(b, h, make.multiply(b, k, both)), make.subtract(b, two, here)
    )
    return make.subtract(b, near, far)


def window_sums(b: Builder, x: Node, weights: Node) -> Node:
    """`sum_k x[i + k] * weights[k]` for every `i` at which the window lies within `x`."""
    number, size = weights.array.shape[0], x.array.shape[0]
    out = size - number + 1
    if not number.is_constant or number.value > LONGEST_UNROLLED:
        rows = make.expand_dims(b, make.iota(b, out), 1)
        windows = make.gather(b, x, make.add(b, rows, make.iota(b, number)))
        return make.contract(b, [windows, weights], [[0, 1], [1]], [0])
    terms = [
        make.multiply(b, span(b, x, 0, k, out), make.reshape(b, span(b, weights, 0, k, 1), ()))
        for k in range(number.value)
    ]
    total = terms[0]
    for term in terms[1:]:
        total = make.add(b, total, term)
    return total


def _operands(call: Call) -> tuple[Node, Node, bool]:
    """Two vectors, and whether the second is known to be the longer."""
    signal, kernel = call.ctx.promote(call.value("a"), call.value("v"))
    for node in (signal, kernel):
        if node.array.rank != 1:
            call.refuse(f"`{call.name}` takes two vectors.", "Pass `x.ravel()`.")
    if signal.array.dtype is DType.BOOL:
        call.refuse(f"`{call.name}` of booleans.", "Convert them first: `x.astype(float)`.")
    difference = signal.array.shape[0] - kernel.array.shape[0]
    return signal, kernel, difference.is_constant and difference.value < 0


def _correlated(call: Call, signal: Node, weights: Node) -> Node:
    """The sums over all places of a window that `mode` asks for; the window is the shorter."""
    b, mode = call.b, call.static("mode")
    n, m = signal.array.shape[0], weights.array.shape[0]
    at_least(call, m, 1)
    if mode not in ("full", "same", "valid"):
        call.refuse(f"`{call.name}` with `mode={mode!r}`.", "Say 'full', 'same' or 'valid'.")
    if mode == "full":
        at_least(call, n, 1)
        before = after = m - 1
    else:
        at_least(call, n, m)
        before = m // 2 if mode == "same" else ZERO
        after = m - 1 - before if mode == "same" else ZERO
    if before != ZERO or after != ZERO:
        empty = make.full(b, (n + before + after,), 0, signal.array.dtype)
        signal = make.update(b, empty, signal, (Span(before, 1, n),))
    return window_sums(b, signal, weights)


@signature("np.convolve: a v mode='full'")
def convolve(call: Call) -> Value:
    """The discrete convolution of two vectors."""
    signal, kernel, swap = _operands(call)
    if swap:
        signal, kernel = kernel, signal
    m = kernel.array.shape[0]
    return call.fresh(_correlated(call, signal, span(call.b, kernel, 0, m - 1, m, -1)))


@signature("np.correlate: a v mode='valid'")
def correlate(call: Call) -> Value:
    """The cross-correlation of two vectors."""
    signal, kernel, swap = _operands(call)
    if swap:  # the correlation the other way round, backwards
        return call.fresh(make.flip(call.b, _correlated(call, kernel, signal), 0))
    return call.fresh(_correlated(call, signal, kernel))


FUNCTIONS: dict[object, Handler] = {
    np.diff: diff,
    np.ediff1d: ediff1d,
    np.unwrap: unwrap,
    np.gradient: gradient,
    np.trapezoid: trapezoid,
    np.convolve: convolve,
    np.correlate: correlate,
}
