"""Sizes that only the run knows: symbols for integer values, and what is known about them.

A run-time size is a symbol whose value is an integer scalar of the program. The position in a loop
is one whose limits are known; by them a slice such as `x[i - 1:i + 2]` is proved to stay within the
array, so that its length is 3. Nothing here looks at subscripts or statements.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codegen_ad.frontend.sizes.symbolic import Restart, smallest
from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.constants import RUN_SIZE, SAME_SIZE, SIZE, RunSize, SameSize, Size

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


@dataclass(slots=True)
class RunTime:
    """The run-time sizes of one reading.

    Attributes
    ----------
    symbols : the symbol of each integer scalar that is a size.
    limits : the smallest and the largest value of a symbol, where known; outer loops first.
    positions : the positions in loops, and the largest one, where known.
    """

    symbols: dict[Node, str] = field(default_factory=dict[Node, str])
    limits: dict[str, tuple[Dim, Dim | None]] = field(
        default_factory=dict[str, tuple[Dim, "Dim | None"]]
    )
    positions: dict[Node, Dim | None] = field(default_factory=dict[Node, "Dim | None"])


def is_run_time(m: Machine, dim: Dim) -> bool:
    """Whether the value of a size is known only while the kernel runs."""
    return any(symbol in m.run_time.limits for symbol in dim.symbols())


def counts_with(m: Machine, dim: Dim, index: Node) -> bool:
    """Whether a size is computed from the position in a loop by arithmetic alone."""
    names = set(dim.symbols())
    todo = [node for node, symbol in m.run_time.symbols.items() if symbol in names]
    while todo:
        node = todo.pop()
        if node is index:
            return True
        if node.op.name in (*_ARITHMETIC, "maximum"):
            todo += node.args
    return False


def hold(m: Machine, value: Node, name: str, limits: tuple[Dim, Dim | None] = (ZERO, None)) -> Dim:
    """The value of an integer scalar, which is never negative, as a size."""
    known = make.constant_value(value)
    if known is not None:
        return Dim.constant(int(known))
    if value.op is SIZE and isinstance(value.params, Size):
        return value.params.dim
    symbol = m.run_time.symbols.get(value)
    if symbol is None:
        symbol = str(m.fresh_symbol(name))
        m.run_time.symbols[value] = symbol
        m.run_time.limits[symbol] = limits
    if symbol in m.facts.same:
        return _checked(m, value, *m.facts.same[symbol])
    with m.b.home((value,)):
        m.b.node(RUN_SIZE, (value,), RunSize(symbol))
    return Dim.symbol(symbol)


def _checked(m: Machine, value: Node, same: Dim, message: str) -> Dim:
    """The size that `value` has to be, which the kernel checks before it goes by it."""
    unknown = [s for s in same.symbols() if s in m.run_time.limits and m.b.size(s) is None]
    if unknown:
        m.refuse(
            "Two sizes that only the run knows must be the same, and cannot be compared here.",
            f"Make both by the same mask or bounds, before the branch or loop ({message}).",
        )
    key = next(same.symbols(), str(same))
    m.b.node(SAME_SIZE, (value, make.size(m.b, same)), SameSize(key, message))
    return same


def settle(m: Machine, difference: Dim, message: str) -> None:
    """Start again with two sizes the same that the kernel has to check, if there is a way."""
    names = set(difference.symbols())
    positions = {m.run_time.symbols.get(n) for n in m.run_time.positions}
    symbols = [s for s in m.run_time.limits if s not in positions]
    if names.intersection(symbols) and m.facts.settle(
        [s for s in symbols if s in names or s in m.facts.same], difference, message
    ):
        raise Restart


def polynomial(m: Machine, value: Node) -> Dim | None:
    """An integer scalar as a polynomial of sizes and positions in loops, if it is one."""
    known = make.constant_value(value)
    if known is not None:
        return Dim.constant(int(known))
    if value.op is SIZE and isinstance(value.params, Size):
        return value.params.dim
    if value in m.run_time.positions:
        name = str(m.b.notes.names.get(value, "i"))
        return hold(m, value, name, (ZERO, m.run_time.positions[value]))
    parts = [polynomial(m, a) for a in value.args] if value.op.name in _ARITHMETIC else []
    dims = [p for p in parts if p is not None]
    if not dims or len(dims) < len(parts):
        return None
    match value.op.name:
        case "add":
            return dims[0] + dims[1]
        case "subtract":
            return dims[0] - dims[1]
        case "multiply":
            return dims[0] * dims[1]
        case "negative":
            return -dims[0]
        case _:
            return dims[0]


_ARITHMETIC = ("add", "subtract", "multiply", "negative", "cast")


def least(m: Machine, dim: Dim) -> Dim:
    """A lower bound of a size over all positions in loops; inner loops first."""
    for symbol, (low, high) in reversed(m.run_time.limits.items()):
        if symbol not in dim.symbols():
            continue
        start = dim.substitute({symbol: ZERO})
        slope = dim.substitute({symbol: Dim.constant(1)}) - start
        if slope.is_constant and start + slope * Dim.symbol(symbol) == dim:
            bound = low if slope.value >= 0 else high
            if bound is not None:
                dim = dim.substitute({symbol: bound})
    return dim


def is_certain(m: Machine, dim: Dim) -> bool:
    """Whether a size is never negative, whatever the run brings."""
    bound = smallest(least(m, dim), 0)
    return bound is not None and bound >= 0


def positive(m: Machine, dim: Dim) -> Dim:
    """The size, or 0 where it would be negative."""
    if is_certain(m, dim):
        return dim
    b = m.b
    held = [b.size(symbol) for symbol in dim.symbols()]
    with b.home(node for node in held if node is not None):
        length = make.apply(b, "maximum", make.size(b, dim), make.constant(b, 0, DType.INT64))
    return hold(m, length, "length")


def unclipped(m: Machine, dim: Dim) -> Dim:
    """The size without the cut at 0 that `positive` makes."""
    for symbol in dim.symbols():
        held = m.b.size(symbol)
        value = held.args[0] if held is not None and held.op is RUN_SIZE else None
        if value is None or value.op.name != "maximum" or make.constant_value(value.args[1]) != 0:
            continue
        known = polynomial(m, value.args[0])
        dim = dim if known is None else dim.substitute({symbol: known})
    return dim


def length(m: Machine, value: Node) -> Dim:
    """An integer scalar as a size; 0 where it is negative."""
    known = polynomial(m, value)
    if known is not None:
        return positive(m, known)
    with m.b.home((value,)):
        bounded = make.apply(m.b, "maximum", value, make.constant(m.b, 0, DType.INT64))
    return hold(m, bounded, str(m.b.notes.names.get(value, "size")))
