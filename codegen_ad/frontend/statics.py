"""What is known while the function is read: Python's own values, and containers of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, Dict, List, Maybe, Record, Rows

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_UNKNOWN = "depends on data, and must be known before the function runs."
_WRITE_IT = "Write it as a constant, or pass it as a static argument."


def is_static(m: Machine, value: Value) -> bool:
    """Whether the value is known now."""
    match value:
        case Array() | Maybe() | Record():
            return False
        case tuple():
            return all(is_static(m, v) for v in value)  # pyright: ignore
        case List(cell) if isinstance(m.store[cell], Rows):
            return False
        case List(cell):
            return all(is_static(m, v) for v in m.store[cell])
        case Dict(cell):
            return all(is_static(m, v) for v in m.store[cell].values())
        case _:
            return True


def static(m: Machine, value: Value, what: str) -> Any:
    """The Python value, which must be known now; refused otherwise."""
    match value:
        case Array() | Maybe():
            m.unroll()
            m.refuse(f"The {what} {_UNKNOWN}", _WRITE_IT)
        case Record(cls):
            whole = f"an object of `{cls.__name__}`, which is not known as a whole"
            m.refuse(f"The {what} is {whole}.", "Use its attributes.")
        case tuple() if type(cast("Any", value)) is tuple:
            return tuple(static(m, v, what) for v in cast("tuple[Value, ...]", value))
        case List(cell) if isinstance(m.store[cell], Rows):
            m.refuse(f"The {what} {_UNKNOWN}", _WRITE_IT)
        case List(cell):
            return [static(m, v, what) for v in m.store[cell]]
        case Dict(cell):
            return {k: static(m, v, what) for k, v in m.store[cell].items()}
        case _:
            return getattr(value, "object", value)
