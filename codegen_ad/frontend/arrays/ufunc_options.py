"""The options of elementwise functions of NumPy: `out`, `where`, `dtype`, `casting` and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen_ad.frontend.arrays.pointwise import ENTRIES, apply, elementwise, truth
from codegen_ad.frontend.arrays.powers import power
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.library.dtypes import of as dtype_of
from codegen_ad.frontend.values import Array
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.entry import Elementwise

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_WHERE = next(e for e in ELEMENTWISE.values() if e.op.name == "where")
_PLAIN = {"order": ("K", "C", "A"), "subok": (True, False), "casting": ("same_kind", "unsafe")}
_ANSWERS = frozenset({"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"})


def call(m: Machine, found: Any, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    """A call of a function of the elementwise table; NumPy's ones return no Python numbers."""
    entry = ENTRIES[found]
    options = {k: v for k, v in kwargs.items() if v is not None}
    out = options.pop("out", None)
    if len(args) == len(entry.arguments) + 1:
        *args, out = args
    mask = _mask(m, found, options.pop("where", True), out)
    dtype = options.pop("dtype", None)
    for name, value in options.items():
        if name not in _PLAIN or m.static(value, name) not in _PLAIN[name]:
            m.refuse(
                f"`{name}=` of `{found.__name__}` is not translated.",
                "Use `.astype(...)` on the operands or on the result.",
            )
    if dtype is not None:
        args = _converted(m, entry, args, dtype)
    value = _value(m, found, entry, args)
    if out is None:
        return value
    if not isinstance(out, Array) or not (out.boxed or m.type_of(out).rank):
        m.refuse("`out` must be one array.", "Pass an array.")
    _check_kind(m, found, m.node(value), m.type_of(out).dtype, options)
    if mask is not None:
        old, new = m.read(out), make.cast(m.b, m.node(value), m.type_of(out).dtype)
        value = apply(m, _WHERE, [mask, new, old])
    m.write(out, value)
    return out


def _value(m: Machine, found: Any, entry: Elementwise, args: Sequence[Value]) -> Value:
    strong = isinstance(found, np.ufunc)
    is_power = entry.op.name == "power" and len(args) == 2
    if is_power and strong and any(isinstance(a, Array) for a in args):
        result = power(m, *args)
        return m.fresh(m.node(result)) if isinstance(result, Array) and result.weak else result
    value = elementwise(m, entry, args, strong=strong)
    if getattr(found, "__module__", "") == "math" and isinstance(value, Array):
        return _python_number(m, value)
    return value


def _check_kind(
    m: Machine, found: Any, value: Node, place: DType, options: Mapping[str, Value]
) -> None:
    """Refuse results of a kind that NumPy does not write into such an array by itself."""
    dtype = value.array.dtype
    if options.get("casting") != "unsafe" and not dtype.fits(place):
        m.refuse(
            f"`{found.__name__}` gives {dtype.numpy_name} here, and `out` is {place.numpy_name}: "
            "NumPy does not convert that by itself.",
            "Write `out[...] = ...`, which converts.",
        )


def _python_number(m: Machine, value: Array) -> Value:
    """What a function of `math` gives: a Python number, of 64 bits."""
    node = m.node(value)
    if node.array.dtype.is_float:
        node = make.cast(m.b, node, DType.FLOAT64)
    return m.fresh(node, weak=True)


def _mask(m: Machine, found: Any, value: Value, out: Value) -> Node | None:
    if value is True:
        return None
    if out is None:
        m.refuse(
            f"`where=` of `{found.__name__}` without `out=` leaves memory as it is found.",
            "Give `out=`, or use np.where(condition, result, otherwise).",
        )
    return truth(m, value)


def _converted(
    m: Machine, entry: Elementwise, args: Sequence[Value], dtype: Value
) -> Sequence[Value]:
    """The operands in the dtype that the function is to compute in."""
    wanted = dtype_of(m.static(dtype, "dtype"))
    nodes = [m.node(a) for a in args]
    loses = (
        wanted is not None and not wanted.is_float and any(n.array.dtype.is_float for n in nodes)
    )
    if wanted in (None, DType.BOOL) or loses or entry.op.name in _ANSWERS:
        m.refuse(
            f"`dtype=` of `{entry.op.name}` asks for what NumPy does not compute in, or codegen_ad "
            "does not.",
            "Use `.astype(...)` on the operands or on the result.",
        )
    return [m.fresh(make.cast(m.b, n, wanted)) for n in nodes]
