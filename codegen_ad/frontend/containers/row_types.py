"""Of which kind the items of a list are whose length only the run knows.

Such a list is kept as one array, so its items are alike: numbers or arrays of one shape, or lists
and tuples of these. What a program could tell apart is refused, not made alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, cast

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import states
from codegen_ad.frontend.control.sides import Side
from codegen_ad.frontend.values import List, Rows
from codegen_ad.ir.dims import as_dim
from codegen_ad.ir.types import ArrayType, DType

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

ONE_SHAPE = (
    "The items of a list whose length is not known must be numbers or arrays of one shape.",
    "Append to one list for each kind of item, or make arrays before the loop.",
)
Kinds = tuple[type[Any], ...]
"""What is around a number or array in an item: `list` or `tuple`, the outermost first."""


def rows_of(m: Machine, value: Value) -> Rows | None:
    """What a list of symbolic length holds, else None."""
    held = m.store.get(value.cell) if isinstance(value, List) else None
    return held if isinstance(held, Rows) else None


def refuse_lists(m: Machine, value: Value, function: str, what: str) -> None:
    """Refuse to take the items of a list of unknown length for what they are not."""
    held = rows_of(m, value)
    if held is not None and held.lists:
        m.refuse(
            f"`{function}` of lists {what}, and how many there are is not known.",
            "Make an array of the list, `np.array(items)`, and ask NumPy for what you mean.",
        )
    if held is not None:
        refuse_mixed(m, held)


def refuse_mixed(m: Machine, rows: Rows) -> None:
    """Refuse to take an item of a list that holds numbers of single and of other precision."""
    if rows.mixed:
        m.refuse(
            "The items of this list are of single precision and of another one, and how many there "
            "are is not known: which precision an item has isn't either.",
            "Give them one precision, `np.float32(0.5)`, or make an array: `np.array(items)`.",
        )


def mixes(dtypes: Iterable[DType]) -> bool:
    """Whether numbers lose their single precision where they become one array."""
    found = set(dtypes)
    return DType.FLOAT32 in found and len(found) > 1


def kinds_of(m: Machine, value: Value) -> Kinds | None:
    """What is around the numbers of an item; None where that is not the same for all of them."""
    if not isinstance(value, List | tuple):
        return ()
    value = cast("Value", value)
    rows = rows_of(m, value)
    if rows is not None:
        return (list, *rows.lists)
    inside = {kinds_of(m, v) for v in m.try_items(value) or []} or {()}
    (found,) = inside if len(inside) == 1 else (None,)
    return None if found is None else (list if isinstance(value, List) else tuple, *found)


def check_kinds(m: Machine, items: Sequence[Value], kinds: Kinds) -> None:
    """Refuse items that are lists where others are tuples or numbers."""
    if any(kinds_of(m, item) != kinds for item in items):
        refuse_unlike(m)


def refuse_unlike(m: Machine) -> NoReturn:
    """Refuse items that one array cannot hold."""
    m.refuse(*ONE_SHAPE)


def type_in(m: Machine, value: Value, side: Side) -> tuple[ArrayType, bool, Kinds] | None:
    """Type of an item, whether it is a Python number, and what is around it."""
    if isinstance(value, List) and isinstance(side.store[value.cell], Rows):
        rows: Rows = side.store[value.cell]
        if rows.growth is not None:
            return None
        inner = type_in(m, rows.array, side)
        return None if inner is None else (inner[0], rows.weak, (list, *rows.lists))
    return _type_of_form(m, states.form_of(m, value, side))


def _type_of_form(m: Machine, form: states.Form) -> tuple[ArrayType, bool, Kinds] | None:
    match form:
        case states.Leaf(kind, weak, _):
            return kind, weak, ()
        case states.Items(kind, _, items) if kind in (List, tuple) and items:
            parts = [_type_of_form(m, i) for i in items]
            known = [p for p in parts if p is not None]
            first = known[0] if len(known) == len(parts) else None
            if first is None or any(
                p[0].shape != first[0].shape or p[2] != first[2] for p in known
            ):
                return None
            dtypes = [p[0].dtype for p in known]
            if mixes(dtypes):
                return None
            dtype = dtypes[0]
            for other in dtypes:
                dtype = data.promoted(dtype, other)
            shape = (as_dim(len(items)), *first[0].shape)
            around = list if kind is List else tuple
            return ArrayType(dtype, shape), all(p[1] for p in known), (around, *first[2])
        case states.Known(value):
            dtype = data.dtype_of(m, value)
            return None if dtype is None else (ArrayType(dtype), data.is_weak(value), ())
        case _:
            return None
