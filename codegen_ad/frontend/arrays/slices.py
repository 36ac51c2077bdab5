"""Slices as start, step and length: known from sizes, proved by loops, or cut off when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.sizes.naming import size_text
from codegen_ad.frontend.sizes.run_time import (
    hold,
    is_certain,
    is_run_time,
    least,
    polynomial,
    positive,
)
from codegen_ad.frontend.values import Array
from codegen_ad.ir.dims import ZERO, Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def span(m: Machine, item: slice, dim: Dim) -> Span:
    """A slice as start, step and length.

    Bounds that follow from sizes are taken to lie within the array; a call for which they do not
    gets a kernel of its own. Bounds that only the run knows are cut off there, as NumPy does.
    """
    step = m.static(item.step, "slice step")
    step = 1 if step is None else step
    if isinstance(step, Dim):
        m.refuse(
            f"A slice step must be known before the call, not the size `{size_text(m, step)}`.",
            "Write an integer, for example `x[::2]`; for a diagonal, `A[np.diag_indices(len(A))]`.",
        )
    if not isinstance(step, int) or step == 0:
        m.refuse(
            f"A slice step must be an integer other than 0, not {step!r}.",
            "Write an integer, for example `x[::2]`.",
        )
    if any(_depends(m, v) for v in (item.start, item.stop, dim)):
        return _run_time_span(m, item.start, item.stop, step, dim)
    lowest, highest = (ZERO, dim) if step > 0 else (as_dim(-1), dim - 1)
    first, last = (lowest, highest) if step > 0 else (highest, lowest)
    start = first if item.start is None else _bound(m, item.start, dim, lowest, highest)
    stop = last if item.stop is None else _bound(m, item.stop, dim, lowest, highest)
    reach = stop - start if step > 0 else start - stop
    if reach == ZERO or not m.holds(reach, 0, m.text()):
        return Span(ZERO, 1, ZERO)
    return Span(start, step, (reach + (abs(step) - 1)) // abs(step))


def _bound(m: Machine, value: Value, dim: Dim, lowest: Dim, highest: Dim) -> Dim:
    """A bound counted from the front, cut off as NumPy does."""
    where = m.dim(value, "slice bound")
    if m.facts.sign(where) == -1 or not m.holds(where, 0, m.text()):
        where = where + dim
        return where if m.holds(where, lowest, m.text()) else lowest
    return where if m.holds(highest, where, m.text()) else highest


def _depends(m: Machine, value: Value) -> bool:
    if isinstance(value, Array):
        m.unroll()
        kind = m.type_of(value)
        if kind.shape or not kind.dtype.is_integer:
            m.refuse(
                f"A slice bound must be an integer, not {m.describe(value)}.",
                "Convert it: `int(k)`.",
            )
        return True
    return isinstance(value, Dim) and is_run_time(m, value)


def _run_time_span(m: Machine, start: Value, stop: Value, step: int, dim: Dim) -> Span:
    nodes = [None if v is None else data.index_node(m, v) for v in (start, stop)]
    found = _proved(m, nodes[0], nodes[1], dim) if step == 1 else None
    return found or _cut_off(m, nodes[0], nodes[1], step, dim)


def _proved(m: Machine, start: Node | None, stop: Node | None, dim: Dim) -> Span | None:
    """The span if its bounds lie within the array whatever the run brings, or if it ends there.

    What that takes of the arguments' sizes is required when the kernel is called.
    """
    low = ZERO if start is None else _from_front(m, start, dim)
    high = dim if stop is None else _from_front(m, stop, dim)
    if low is None or high is None:
        return None
    needed = [low, high - low, dim - high]
    if all(is_certain(m, d) or _may_be_required(m, d) for d in needed) and all(
        is_certain(m, d) or m.holds(least(m, d), 0, m.text()) for d in needed
    ):
        return Span(low, 1, high - low)
    # With 0 <= low and high <= dim, what NumPy cuts off is what makes the length negative.
    low = positive(m, low) if _is_negative(start) else low
    inside = is_certain(m, dim - high) and (is_certain(m, high) or _is_negative(stop))
    return Span(low, 1, positive(m, high - low)) if inside and is_certain(m, low) else None


def position(m: Machine, index: Node, dim: Dim) -> Dim | None:
    """A position as a size, if it is proved to lie within the array."""
    place = polynomial(m, index)
    if place is None or (place.is_constant and place.value < 0):
        return None
    needed = [place, dim - 1 - place]
    if not all(is_certain(m, d) or _may_be_required(m, d) for d in needed):
        return None
    for d in needed:
        if not is_certain(m, d):
            m.require(least(m, d), 0, m.text())
    return place


def _from_front(m: Machine, bound: Node, dim: Dim) -> Dim | None:
    where = polynomial(m, bound)
    return where + dim if where is not None and _is_negative(bound) else where


def _is_negative(bound: Node | None) -> bool:
    """Whether a bound is a negative number, which counts from the end."""
    value = None if bound is None else make.constant_value(bound)
    return value is not None and value < 0


def _may_be_required(m: Machine, dim: Dim) -> bool:
    """Whether a difference of sizes of arguments decides, and is not always negative."""
    bound = least(m, dim)
    return not bound.is_constant and not is_run_time(m, bound) and m.facts.sign(bound) != -1


def _cut_off(m: Machine, start: Node | None, stop: Node | None, step: int, dim: Dim) -> Span:
    """The span of what NumPy finds within the array."""
    b = m.b
    known = [n for n in (start, stop) if n is not None]
    sized = [b.size(s) for s in dim.symbols()]
    with b.home((*known, *(n for n in sized if n is not None))):
        length = make.size(b, dim)
        zero, one = (make.constant(b, v, DType.INT64) for v in (0, 1))
        lowest = zero if step > 0 else make.negative(b, one)
        highest = length if step > 0 else make.subtract(b, length, one)

        def within(bound: Node | None, default: Node) -> Node:
            if bound is None:
                return default
            below = make.apply(b, "less", bound, zero)
            bound = make.where(b, below, make.add(b, bound, length), bound)
            return make.apply(b, "minimum", make.apply(b, "maximum", bound, lowest), highest)

        first = within(start, lowest if step > 0 else highest)
        last = within(stop, highest if step > 0 else lowest)
        reach = make.subtract(b, last, first) if step > 0 else make.subtract(b, first, last)
        if step > 0 and start is None:
            reach = last
        if abs(step) != 1:
            by = make.constant(b, abs(step), DType.INT64)
            reach = make.add(b, reach, make.subtract(b, by, one))
            reach = make.apply(b, "floor_divide", reach, by)
        if start is not None and stop is not None:
            reach = make.apply(b, "maximum", reach, zero)
    return Span(hold(m, first, "start"), step, hold(m, reach, "length"))
