"""The functions of `math`: of single numbers, computed in float64, whatever NumPy's do of arrays.

Of numbers that are known now, Python computes the value, or fails. A value that only the run knows
has no value at which the function fails: outside of its domain the result is NaN or infinity.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen_ad.frontend.arrays.pointwise import compute
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, Dict, List, is_number
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_OF_SEVERAL = frozenset({"dist", "fsum", "prod", "sumprod"})
_WHOLE = frozenset({"ceil", "floor", "trunc"})


def is_of_math(found: Any) -> bool:
    """Whether a function belongs to `math` and takes single numbers."""
    return getattr(found, "__module__", "") == "math" and found.__name__ not in _OF_SEVERAL


def known(m: Machine, found: Any, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Any:
    """The value of a function of numbers that are known now; None if they are not."""
    if not all(is_number(v) for v in (*args, *kwargs.values())):
        return None
    return compute(m, lambda *numbers: found(*numbers, **kwargs), args)


def operands(
    m: Machine, found: Any, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Sequence[Value]:
    """The arguments as single numbers, in float64; integers stay where the result is one."""
    try:
        inspect.signature(found).bind(*args, **kwargs)
    except TypeError as error:
        m.fails(error)
    except ValueError:
        pass  # Python does not tell how `math.log` and `math.hypot` are called
    return [_operand(m, f"math.{found.__name__}", value) for value in args]


def as_number(m: Machine, found: Any, value: Value) -> Value:
    """What a function gives; those of `math` give Python numbers."""
    if is_of_math(found) and isinstance(value, Array) and not value.weak:
        return m.fresh(m.read(value), weak=True)
    return value


def _operand(m: Machine, name: str, value: Value) -> Value:
    several = m.type_of(value).rank > 0 if isinstance(value, Array) else _is_container(value)
    if several:
        short = name.removeprefix("math.")
        other = f"NumPy: `np.{short}`" if hasattr(np, short) else "`scipy.special`"
        m.refuse(
            f"`{name}` takes single numbers, and this is {m.describe(value)}.",
            f"Use the function of {other}.",
        )
    if not isinstance(value, Array):
        return value
    node = m.read(value)
    if name.removeprefix("math.") in _WHOLE and not node.array.dtype.is_float:
        return value
    return m.fresh(make.cast(m.b, node, DType.FLOAT64), weak=True)


def _is_container(value: Value) -> bool:
    return isinstance(value, tuple | List | Dict)
