"""Places that data name: what is known of them when the function is read, and their checks.

The kernel checks a place where it reads or writes there. Where nothing that is left of the program
does, reading is done again with the access among `Facts.visited`, and the check is a value.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codegen_ad.frontend.control import checks
from codegen_ad.frontend.sizes.run_time import is_certain
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Access, Kind, Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.constants import IOTA, SIZE, Size
from codegen_ad.ops.movement import BROADCAST_TO, RESHAPE, TRANSPOSE
from codegen_ad.ops.reduction import ANY, Reduce
from codegen_ad.ops.unary import CAST

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def forget_known(m: Machine, read: Node, before: frozenset[Access]) -> None:
    """Go back to the accesses `before` one that an earlier statement has made: it is the same."""
    origin = m.b.notes.origins.get(read)
    if origin is not None and all(a.origin != origin for a in m.log.accesses - before):
        m.log.accesses = set(before)


def visited(m: Machine, index: Node, extent: Dim, axis: int) -> Node:
    """The index into an axis of size `extent`, ready to be read or written at."""
    index = make.cast(m.b, index, DType.INT64)
    if m.log.closed or _is_picked(index) or _is_inside(m, index, extent):
        return checks.guarded(m, index)
    # A lambda has no statement; its expression is its outermost spot.
    statement = next((s for s in reversed(m.spots) if isinstance(s, ast.stmt)), m.spots[0])
    access = Access(m.origin(statement), extent)
    m.log.accesses.add(access)
    if access in m.facts.visited:
        _refuse_outside(m, index, access, axis)
    return checks.guarded(m, index)


def _refuse_outside(m: Machine, index: Node, access: Access, axis: int) -> None:
    """Raise what NumPy raises, if one of the places lies outside of the axis."""
    b, origin = m.b, access.origin
    size = make.size(b, access.extent)
    low = make.apply(b, "less", index, make.negative(b, size))
    high = make.apply(b, "greater_equal", index, size)
    out = make.apply(b, "logical_or", low, high)
    if index.array.rank:
        out = b.node(ANY, (out,), Reduce(tuple(range(index.array.rank))))
    helper = f" of {origin.function}" if origin.function != m.frames[0].name else ""
    line = f"line {origin.line}{helper}"
    checks.refuse_when(m, out, "IndexError", f"{line}: index is out of bounds for axis {axis}")


def _is_picked(index: Node) -> bool:
    """Whether a mask picks the places."""
    return _itself(index).op.kind is Kind.FILTER


def _is_inside(m: Machine, index: Node, extent: Dim) -> bool:
    """Whether the places are proved to lie within the axis."""
    ends = limits(m, index)
    return ends is not None and is_certain(m, ends[0]) and is_certain(m, extent - ONE - ends[1])


def limits(m: Machine, index: Node) -> tuple[Dim, Dim] | None:
    """The smallest and the largest of the integers, as far as sizes and loops tell."""
    index = _itself(index)
    known = make.constant_value(index)
    last = m.run_time.positions.get(index)
    if known is not None:
        return Dim.constant(int(known)), Dim.constant(int(known))
    if last is not None:
        return ZERO, last
    if isinstance(index.params, Size) and index.op is SIZE:
        return index.params.dim, index.params.dim
    if isinstance(index.params, Size) and index.op is IOTA:
        return ZERO, index.params.dim - ONE
    parts = [limits(m, a) for a in index.args] if index.op.name in _ARITHMETIC else []
    ends = [p for p in parts if p is not None]
    if not ends or len(ends) < len(parts):
        return None
    (low, high), *more = ends
    match index.op.name:
        case "add":
            return low + more[0][0], high + more[0][1]
        case "subtract":
            return low - more[0][1], high - more[0][0]
        case "negative":
            return -high, -low
        case _:
            return _times(ends[0], ends[1]) or _times(ends[1], ends[0])


_ARITHMETIC = ("add", "subtract", "multiply", "negative")


def _times(limits: tuple[Dim, Dim], factor: tuple[Dim, Dim]) -> tuple[Dim, Dim] | None:
    """The limits of a product with a number that is known."""
    number = factor[0]
    if number != factor[1] or not number.is_constant:
        return None
    ends = limits[0] * number, limits[1] * number
    return ends if number.value >= 0 else (ends[1], ends[0])


def _itself(index: Node) -> Node:
    """The integers, wherever they are moved to."""
    while index.op in (BROADCAST_TO, RESHAPE, TRANSPOSE, CAST):
        if index.op is CAST and index.args[0].array.dtype.is_float:
            break
        (index,) = index.args
    return index
