"""Attributes and subscripts of values."""

from __future__ import annotations

import inspect
import operator
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.errors import UnknownFunction
from codegen_ad.frontend import special_methods
from codegen_ad.frontend.arrays import indexing
from codegen_ad.frontend.arrays.arithmetic import simplest
from codegen_ad.frontend.calls import inherited
from codegen_ad.frontend.calls.outside import attribute_of, import_, item_of
from codegen_ad.frontend.complex_numbers import access as complex_access
from codegen_ad.frontend.containers import rows
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.library import ATTRIBUTES, METHODS, SUBSCRIPTS
from codegen_ad.frontend.values import (
    Array,
    ArrayMethod,
    Bound,
    Complex,
    Dict,
    Frozen,
    List,
    Outside,
    Range,
    Record,
    Super,
)
from codegen_ad.frontend.words import sentence
from codegen_ad.ir.dims import Dim, product

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def attribute(m: Machine, owner: Value, name: str) -> Value:
    """`owner.name`."""
    raw: Any = owner
    match owner:
        case Array() | Range() | Dim():
            return _array_attribute(m, owner, name)
        case Complex():
            return complex_access.attribute(m, owner, name)
        case Outside():
            return attribute_of(m, owner, name)
        case Frozen(found, kwargs):
            method = attribute_of(m, Outside(found, ()), name)
            if isinstance(method, Bound):
                return Bound(method.function, method.args, kwargs)
        case Record(cls, cell):
            held = inspect.getattr_static(cls, name, None)
            if name in m.store[cell] and not isinstance(held, property):
                return m.store[cell][name]
            if name == "__class__":
                return Outside(cls, inherited.place_of(m, cls))
            found = inherited.member(m, cls, owner, name)
            if found is not inherited.MISSING:
                return found
        case Super():
            return inherited.of_super(m, owner, name)
        case tuple() if hasattr(raw, "_fields"):
            found = getattr(cast("Any", type(raw)), name, None)
            if isinstance(found, property):
                return inherited.member(m, cast("Any", type(raw)), raw, name)
            if name in raw._fields:
                return raw[raw._fields.index(name)]
            if callable(found) and name not in ("_replace", "_asdict", "count", "index"):
                return inherited.member(m, cast("Any", type(raw)), raw, name)
            return ArrayMethod(raw, name)
        case List() | Dict() | tuple() | str():
            return ArrayMethod(raw, name)
        case bool() | int() | float() | np.generic():
            found = getattr(raw, name, None)
            if found is not None and not callable(found):
                return found
            return ArrayMethod(raw, name)
        case _:
            pass
    m.refuse(
        f"codegen_ad does not know the attribute `{name}` of {m.describe(raw)}.",
        "Use an attribute of arrays, or a function.",
    )


def _array_attribute(m: Machine, owner: Array | Range | Dim, name: str) -> Value:
    if isinstance(owner, Array):
        kind = m.type_of(owner)
        match name:
            case "shape":
                return tuple(d.value if d.is_constant else d for d in kind.shape)
            case "ndim":
                return kind.rank
            case "size":
                return simplest(product(kind.shape))
            case "dtype":
                return Outside(np.dtype(kind.dtype.numpy_name), ())
            case "itemsize":
                return kind.dtype.size
            case _:
                pass
        if name in ATTRIBUTES:
            return ATTRIBUTES[name](m, [owner], {})
        if name in METHODS:
            return ArrayMethod(owner, name)
    m.refuse(
        f"codegen_ad does not know `.{name}` of an array.",
        "Write it with functions and operators of NumPy that it knows.",
        UnknownFunction,
    )


def subscript(m: Machine, owner: Value, index: Value) -> Value:
    """`owner[index]`."""
    if isinstance(owner, Array):
        return indexing.get(m, owner, index)
    if isinstance(owner, Record):
        found = special_methods.called(m, owner, "__getitem__", index)
        if found is not special_methods.MISSING:
            return found
    if isinstance(owner, Complex):
        return complex_access.subscript(m, owner, index)
    if isinstance(owner, Dict):
        key = m.static(index, "key")
        if key not in m.store[owner.cell]:
            m.refuse(
                f"`{m.text()}` fails when the function runs: there is no key {key!r}.",
                "Call the function itself to see the error.",
            )
        return m.store[owner.cell][key]
    if isinstance(owner, Outside) and id(owner.object) in SUBSCRIPTS:
        return SUBSCRIPTS[id(owner.object)](m, index)
    if isinstance(owner, Outside) and not isinstance(owner.object, ModuleType):
        key = m.static(index, "key")
        try:
            found = owner.object[key]
        except Exception as error:
            m.fails(error)
        return import_(m, found, item_of(owner.path, key))
    held = rows.rows_of(m, owner)
    if held is not None:
        return rows.get(m, held, index)
    items = m.try_items(owner)
    if items is None:
        if isinstance(owner, Range):
            return indexing.get(m, m.fresh(m.node(owner)), index)
        m.refuse(
            f"{sentence(m.describe(owner))} cannot be subscripted.",
            "Subscript an array, a list, a tuple or a dict.",
        )
    if isinstance(index, Array) and isinstance(owner, tuple | List):
        m.unroll()
        found = rows.picked(m, items, index)
        if found is not None:
            return found
        m.refuse(
            f"The position in a {'list' if isinstance(owner, List) else 'tuple'} depends on data.",
            "Make it an array: `np.stack(items)[i]`.",
        )
    place = m.static(index, "position")
    if isinstance(place, Dim):
        m.refuse(
            "The position in a sequence depends on the size of an array.",
            "Write a number, or make it an array: `np.stack(items)[i]`.",
        )
    try:
        found = items[operator.index(place)] if not isinstance(place, slice) else items[place]
    except (IndexError, TypeError) as error:
        m.fails(error)
    if isinstance(place, slice):
        whole = cast("list[Value]", found)
        if isinstance(owner, str):
            return owner[place]
        return m.list_of(whole) if isinstance(owner, List) else tuple(whole)
    return found
