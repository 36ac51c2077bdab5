"""Elementwise operations, operators and comparisons, on data, on sizes and on what is known now."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.frontend import special_methods
from codegen_ad.frontend.arrays import bits, data
from codegen_ad.frontend.arrays.pointwise import ENTRIES, compute, elementwise
from codegen_ad.frontend.arrays.powers import LARGEST_PRODUCT, power
from codegen_ad.frontend.complex_numbers.arithmetic import is_complex
from codegen_ad.frontend.complex_numbers.arithmetic import operate as operate_complex
from codegen_ad.frontend.containers import copies, row_types
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.sizes.requirements import decide
from codegen_ad.frontend.sizes.run_time import is_run_time, least
from codegen_ad.frontend.sizes.symbolic import smallest
from codegen_ad.frontend.values import Array, Dict, List, Outside, Range, Rows
from codegen_ad.ir.dims import ZERO, Dim, as_dim
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Invert: operator.invert,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}


def operate(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value:
    """A Python operator on values."""
    own = special_methods.operated(m, function, args)
    if own is not special_methods.MISSING:
        return own
    if any(is_complex(a) for a in args):
        return operate_complex(m, function, args)
    if not any(isinstance(a, Array | Range) for a in args):
        if any(isinstance(a, Dim) for a in args):
            found = _on_sizes(m, function, args)
            if found is not None:
                return found
        else:
            return _now(m, function, args)
    _check_ranges(m, args)
    if function is operator.mul and any(isinstance(a, List | tuple) for a in args):
        found = _repeated(m, args)
        if found is not None:
            return found
    if function is operator.pos:
        node, weak = m.node(args[0]), data.is_weak(args[0])
        if node.array.dtype is DType.BOOL:
            if not weak:
                m.refuse("NumPy has no `+x` of booleans.", "Convert them: `x.astype(int)`.")
            node = make.cast(m.b, node, DType.INT64)
        return m.fresh(node, weak=weak)
    if function in bits.LOGICAL:
        return bits.operate(m, function, args)
    if function is operator.pow:
        return power(m, args[0], args[1])
    if function not in ENTRIES:
        shifted = bits.as_arithmetic(m, function, args)
        if shifted is not None:
            return shifted
        m.refuse(
            f"`{m.text()}` moves bits by a number or of a dtype that is not compiled.",
            "Convert first, `i.astype(int)`, or multiply by a power of 2: `i * 2**k`.",
        )
    return elementwise(m, ENTRIES[function], args)


def _check_ranges(m: Machine, args: Sequence[Value]) -> None:
    """Refuse operators on a range; beside an array NumPy makes an array of it."""
    ranges = any(isinstance(a, Range) for a in args)
    if ranges and not any(isinstance(a, Array) and not data.is_weak(a) for a in args):
        m.refuse(
            f"`{m.text()}` computes with a range, which Python refuses.",
            "Make an array or a list of it: `np.arange(n)`, `list(range(n))`.",
        )


def _repeated(m: Machine, args: Sequence[Value]) -> Value | None:
    """A list times a whole number that only a call knows; NumPy's product multiplies its items."""
    for arg, other in (args, args[::-1]):
        if not isinstance(arg, Dim) and (
            not isinstance(arg, Array)
            or (kind := m.type_of(arg)).shape
            or not kind.dtype.is_integer
        ):
            continue
        items = m.try_items(other) if isinstance(other, List) else None
        if items is not None and len(items) == 1 and _is_number(m, items[0]):
            number = arg if isinstance(arg, Dim) else m.length(m.read(arg))
            if not m.holds(number, 0, m.text()):
                return m.list_of([])
            return _filled(m, items[0], number)
        if items == [None]:
            m.refuse(
                f"`{m.text()}` is a list of nothing, as long as only a call knows.",
                "Begin with numbers, `[0.0] * n`, or append to an empty list: `items.append(v)`.",
            )
        m.refuse(
            f"`{m.text()}` is a list that is repeated as often as only a call knows.",
            "Make an array: `np.full(n, value)`, or `np.tile(items, n)`.",
        )
    return None


def _filled(m: Machine, item: Value, number: Dim) -> Value:
    """A list of equal numbers, kept as an array."""
    array = m.fresh(make.broadcast_to(m.b, m.node(item), (number,)))
    # What stands in a list of 0.0 is most often written over by numbers of arrays.
    weak = data.is_weak(item) and m.type_of(array).dtype is DType.INT64
    return m.list_of_rows(Rows(array, weak, ()))


def _times(m: Machine, items: Sequence[Value], number: int) -> Value:
    """A list repeated so many times."""
    if number < 2 or len(items) != 1 or not _is_number(m, items[0]):
        return m.list_of([*items] * number)
    spot = m.spots[-1]
    key = (*(id(f.tree) for f in m.frames), spot.lineno, spot.col_offset)
    if key in m.facts.long:
        return _filled(m, items[0], as_dim(number))
    made = m.list_of([*items] * number)
    m.repeated[made.cell] = key
    return made


def _is_number(m: Machine, value: Value) -> bool:
    if isinstance(value, Array):
        return not m.type_of(value).rank and not value.boxed
    return isinstance(value, bool | int | float)


def _now(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value:
    """The operator on Python values: numbers, strings, tuples, lists."""
    if any(isinstance(m.store[a.cell], Rows) for a in args if isinstance(a, List)):
        return _on_rows(m, function, args)
    if function is operator.or_ and all(isinstance(a, Dict) for a in args):
        held = [m.store[a.cell] for a in args if isinstance(a, Dict)]
        return m.dict_of({**held[0], **held[1]})
    plain = [m.static(a, "operand") if m.is_static(a) else a for a in args]
    if function in (operator.add, operator.mul):
        sequences = [m.try_items(a) for a in args]
        lists = [
            not isinstance(a, str | tuple) and s is not None
            for a, s in zip(args, sequences, strict=True)
        ]
        if (
            function is operator.add
            and all(s is not None for s in sequences)
            and not any(isinstance(a, str) for a in args)
        ):
            if any(lists) and not all(isinstance(a, List) for a in args):
                m.refuse(
                    f"`{m.text()}` joins a list with something else, which Python refuses.",
                    "Make both lists: `list(a) + list(b)`.",
                )
            joined = [*(sequences[0] or ()), *(sequences[1] or ())]
            return m.list_of(joined) if any(lists) else tuple(joined)
        if function is operator.mul and any(s is not None for s in sequences):
            (number,) = [p for p, s in zip(plain, sequences, strict=True) if s is None] or [None]
            (items,) = [s for s in sequences if s is not None][:1]
            if isinstance(number, int) and not any(isinstance(a, str) for a in args):
                return _times(m, items, number) if any(lists) else tuple(items * number)
    found = compute(m, function, plain)
    return Outside(found, ()) if isinstance(found, set | frozenset) else found


def _on_rows(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value:
    """The operator on lists, one of which has a length that is not known: they are joined."""
    lists = [a for a in args if isinstance(a, List)]
    if function is not operator.add or len(lists) != 2:
        m.refuse(
            f"`{m.text()}` has a list whose length is not known, and only `+` joins such lists.",
            "Make it an array first: `np.array(items)`.",
        )
    like = next(m.store[a.cell] for a in lists if isinstance(m.store[a.cell], Rows))
    parts = [a for a in lists if isinstance(m.store[a.cell], Rows) or m.store[a.cell]]
    row_types.check_kinds(m, parts, (list, *like.lists))
    nodes = [m.node(part) for part in parts]
    array = m.fresh(make.concatenate(m.b, m.promote(*parts), 0))
    weak, mixed = like.weak, row_types.mixes(n.array.dtype for n in nodes)
    for part in parts:
        rows = m.store[part.cell]
        if isinstance(rows, Rows):
            copies.hold_rows(m, array, [rows.array])
            weak, mixed = weak and rows.weak, mixed or rows.mixed
        else:
            copies.hold(m, array, rows)
            weak = weak and all(data.is_weak(v) for v in rows)
            mixed = mixed or row_types.mixes(n.array.dtype for n in map(m.node, rows))
    return m.list_of_rows(Rows(array, weak, like.lists, mixed))


def _on_sizes(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value | None:
    """The operator on symbolic sizes, where the result is one or is known; else None."""
    sizes: list[Dim] = []
    for arg in args:
        if isinstance(arg, Dim):
            sizes.append(arg)
        elif isinstance(arg, int):
            sizes.append(as_dim(arg))
        else:
            return None
    if function is operator.neg:
        return simplest(-sizes[0])
    if len(sizes) != 2:
        return None
    one, other = sizes
    if function in (operator.add, operator.sub, operator.mul):
        return simplest(function(one, other))
    if function in (operator.floordiv, operator.mod):
        if not other.is_constant or other.value <= 0:
            return None
        quotient = one // other.value
        return simplest(quotient if function is operator.floordiv else one - quotient * other)
    if function is operator.pow:
        if not other.is_constant or not 0 <= other.value <= LARGEST_PRODUCT:
            return None
        total = as_dim(1)
        for _ in range(other.value):
            total = total * one
        return simplest(total)
    return compare_sizes(m, function, one, other)


def simplest(dim: Dim) -> Value:
    """A Python int where the size is known."""
    return dim.value if dim.is_constant else dim


def compare_sizes(m: Machine, function: Callable[..., Any], one: Dim, other: Dim) -> bool | None:
    """Whether the comparison of two sizes holds; None where that depends on the data."""
    difference = one - other
    if function not in (operator.eq, operator.ne, *_ORDER):
        return None
    if is_run_time(m, difference):
        return _compare_in_run(m, function, difference)
    decide(m, difference)
    found = _compare_in_call(m, function, difference)
    if found is None or (left := _without_empty(m, difference)) == difference:
        return found
    return compare_sizes(m, function, left, ZERO)


def _compare_in_call(m: Machine, function: Callable[..., Any], difference: Dim) -> bool | None:
    """How a difference of sizes that are not empty compares with 0; None where that depends."""
    found = m.facts.sign(difference)
    if found is not None:
        return bool(function(found, 0))
    low, high = m.facts.bound(difference), m.facts.bound(-difference)
    if function in (operator.ge, operator.lt) and low is not None and low >= 0:
        return function is operator.ge
    if function in (operator.le, operator.gt) and high is not None and high >= 0:
        return function is operator.le
    return None


_ORDER = (operator.lt, operator.le, operator.gt, operator.ge)


def _compare_in_run(m: Machine, function: Callable[..., Any], difference: Dim) -> bool | None:
    """How a difference of sizes that only the run knows, which may be 0, compares with 0."""
    low, high = (smallest(least(m, d), 0) for d in (difference, -difference))
    for bound, side in ((low, 1), (high, -1)):
        if bound is not None and bound > 0:
            return bool(function(side, 0))
    if low is not None and low >= 0 and function in (operator.ge, operator.lt):
        return function is operator.ge
    if high is not None and high >= 0 and function in (operator.le, operator.gt):
        return function is operator.le
    return None


def _without_empty(m: Machine, difference: Dim) -> Dim:
    """The difference with 0 for each axis that the signature says is empty; the others are not."""
    sizes = m.facts.in_symbols_of_axes(difference)
    empty = [s for s in sizes.symbols() if not m.holds(Dim.symbol(s), 1, m.text())]
    return sizes.substitute(dict.fromkeys(empty, ZERO)) if empty else difference
