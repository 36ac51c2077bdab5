"""What a loop carries: names and storages as flat lists of values, and back.

A form says how a Python value is laid out as arrays: a scalar or array by its type, tuples and
lists by their items, anything known now by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control.sides import Side
from codegen_ad.frontend.values import (
    Array,
    Cell,
    Dict,
    List,
    Maybe,
    Record,
    Rows,
    Unbound,
    is_number,
    remade,
)
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


@dataclass(frozen=True, slots=True)
class Leaf:
    """One array."""

    type: ArrayType
    weak: bool
    boxed: bool | None = False


@dataclass(frozen=True, slots=True)
class Known:
    """A value that is the same in every iteration."""

    value: Value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and same_value(self.value, other.value)

    def __hash__(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Items:
    """A tuple, NamedTuple, list, dict or record, by its items."""

    kind: Any
    keys: tuple[Any, ...]
    items: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """A value on some paths only; on the others None or, without `none`, nothing."""

    form: Form
    none: bool


Form = Leaf | Known | Items | Option
_TRUTH = Leaf(ArrayType(DType.BOOL), weak=True)


def same_value(one: Value, other: Value) -> bool:
    """Whether two values that are known now, or two views, are the same."""
    if one is other:
        return True
    if type(one) is not type(other) or (isinstance(one, float) and repr(one) != repr(other)):
        return False
    if isinstance(one, tuple):
        two = cast("tuple[Value, ...]", other)
        pairs = zip(cast("tuple[Value, ...]", one), two, strict=False)
        return len(cast("tuple[Value, ...]", one)) == len(two) and all(
            same_value(a, b) for a, b in pairs
        )
    return bool(one == other)


def parts_of(
    value: Value, store: dict[Cell, Any]
) -> tuple[Any, tuple[Any, ...], list[Value]] | None:
    """Kind, keys and items of a container, else None."""
    raw: Any = value
    match value:
        case tuple():
            items: list[Value] = list(raw)
            return cast("Any", type(raw)), tuple(range(len(items))), items
        case List(cell) if isinstance(store[cell], Rows):
            return None
        case List(cell):
            return List, tuple(range(len(store[cell]))), list(store[cell])
        case Dict(cell):
            return Dict, tuple(store[cell]), list(store[cell].values())
        case Record(cls, cell):
            return (Record, cls), tuple(store[cell]), list(store[cell].values())
        case _:
            return None


def form_of(m: Machine, value: Value, side: Side | None) -> Form:
    """The form of a value, at the end of a body or as it is now."""
    store = m.store if side is None else side.store
    if isinstance(value, Array):
        if side is not None and value in side.nodes:
            kind = next(iter(side.nodes[value].values())).array
        else:
            kind = m.type_of(value)
        return Leaf(kind, value.weak, value.boxed)
    if isinstance(value, Maybe):
        return Option(form_of(m, value.value, side), value.none)
    parts = parts_of(value, store)
    if parts is None:
        return Known(value)
    kind, keys, items = parts
    return Items(kind, keys, tuple(form_of(m, v, side) for v in items))


def join(m: Machine, one: Form, other: Form) -> Form | None:
    """A form that both values fit into; None where there is none."""
    if one == other:
        return one
    if isinstance(one, Items) and isinstance(other, Items):
        if (one.kind, one.keys) != (other.kind, other.keys):
            return None
        parts = [join(m, a, b) for a, b in zip(one.items, other.items, strict=True)]
        if any(p is None for p in parts):
            return None
        return Items(one.kind, one.keys, tuple(p for p in parts if p is not None))
    if not isinstance(one, Leaf | Known) or not isinstance(other, Leaf | Known):
        return None
    pair = [_as_leaf(m, one), _as_leaf(m, other)]
    first, second = pair
    if first is None or second is None:
        return None
    if first.type.shape != second.type.shape:
        return None
    strong = [f.type.dtype for f in (first, second) if not f.weak]
    weak = [f.type.dtype for f in (first, second) if f.weak]
    dtype = data.joined(strong, weak)
    if first.type.rank and first.type.dtype is not second.type.dtype:
        return None
    boxed = first.boxed if first.boxed == second.boxed else None
    return Leaf(first.type.with_dtype(dtype), not strong, boxed)


def join_options(m: Machine, one: Form, other: Form) -> Form | None:
    """A form that both values fit into, where either may be missing."""
    nothing = Known(None)
    for a, b in ((one, other), (other, one)):
        if a == nothing:
            if isinstance(b, Option):
                return b if b.none else None
            return Option(b, none=True)
    parts = [f for f in (one, other) if isinstance(f, Option)]  # their kinds must agree
    if len({f.none for f in parts}) != 1:
        return None
    inner = [f.form if isinstance(f, Option) else f for f in (one, other)]
    joined = join(m, *inner)
    return None if joined is None else Option(joined, parts[0].none)


def unequal(one: ArrayType, other: ArrayType, what: str) -> tuple[Dim, Dim, str] | None:
    """Two sizes whose being equal would make the types more alike, and where they meet."""
    if one.dtype is not other.dtype or one.rank != other.rank:
        return None
    for a, b in zip(one.shape, other.shape, strict=True):
        if a != b:
            return None if (a - b).is_constant else (a, b, what)
    return None


def _as_leaf(m: Machine, form: Form) -> Leaf | None:
    if isinstance(form, Leaf):
        return form
    assert isinstance(form, Known)
    if isinstance(form.value, Array):
        return Leaf(m.type_of(form.value), form.value.weak, form.value.boxed)
    if is_number(form.value) or isinstance(form.value, Dim):
        dtype = data.dtype_of(m, form.value)
        assert dtype is not None
        return Leaf(ArrayType(dtype), data.is_weak(form.value))
    return None


def leaves(form: Form) -> Iterator[Leaf]:
    """The arrays of a form, in order."""
    if isinstance(form, Leaf):
        yield form
    elif isinstance(form, Items):
        for item in form.items:
            yield from leaves(item)
    elif isinstance(form, Option):
        yield _TRUTH
        yield from leaves(form.form)


def flat(form: Form, value: Value, store: dict[Cell, Any]) -> Iterator[Value]:
    """The values that stand where the form has arrays, in the form's order."""
    if isinstance(form, Leaf):
        yield value
    elif isinstance(form, Option):
        there = value.value if isinstance(value, Maybe) else value
        yield value.present if isinstance(value, Maybe) else None
        yield from flat(form.form, there, store)
    elif isinstance(form, Items):
        found = parts_of(value, store)
        items: list[Value] = [None] * len(form.items) if found is None else found[2]
        for item, part in zip(form.items, items, strict=False):
            yield from flat(item, part, store)


def containers(form: Form, value: Value, store: dict[Cell, Any]) -> Iterator[Cell | None]:
    """The storages of lists, dicts and objects, in the form's order; None where there is none."""
    if isinstance(form, Option):
        there = value.value if isinstance(value, Maybe) else value
        yield from containers(form.form, there, store)
    elif isinstance(form, Items):
        found = parts_of(value, store)
        items: list[Value] = [None] * len(form.items) if found is None else found[2]
        if form.kind in (List, Dict) or isinstance(form.kind, tuple):
            yield None if found is None else cast("Any", value).cell
        for item, part in zip(form.items, items, strict=False):
            yield from containers(item, part, store)


def nodes_of(m: Machine, form: Form, value: Value, side: Side | None) -> list[Node]:
    """The value's arrays as nodes of the form's types."""
    match form:
        case Leaf(kind):
            if isinstance(value, Unbound):
                return [make.full(m.b, kind.shape, 0, kind.dtype)]
            if side is not None:
                return [side.node(m, value, kind.dtype)]
            return [make.cast(m.b, m.node(value), kind.dtype)]
        case Items(_, _, forms):
            if isinstance(value, Unbound):
                items: list[Value] = [value] * len(forms)
            else:
                found = parts_of(value, m.store if side is None else side.store)
                assert found is not None
                items = found[2]
            return [n for f, v in zip(forms, items, strict=True) for n in nodes_of(m, f, v, side)]
        case Option(inner):
            if isinstance(value, Maybe):
                return [
                    *nodes_of(m, _TRUTH, value.present, side),
                    *nodes_of(m, inner, value.value, side),
                ]
            missing = value is None or isinstance(value, Unbound)
            there = make.constant(m.b, not missing, DType.BOOL)
            return [there, *nodes_of(m, inner, Unbound("") if missing else value, side)]
        case Known():
            return []


def rebuild(m: Machine, form: Form, nodes: Iterator[Node], label: str) -> Value:
    """A value of this form that shares memory with nothing."""
    match form:
        case Leaf(_, weak, boxed):
            return replace(m.fresh(next(nodes), weak=weak, label=label), boxed=boxed)
        case Known(value):
            return value
        case Option(inner, none):
            present = m.fresh(next(nodes), weak=True)
            return Maybe(rebuild(m, inner, nodes, label), present, none)
        case Items(kind, keys, forms):
            items = [rebuild(m, f, nodes, label) for f in forms]
            return assemble(m, kind, keys, items)


def assemble(m: Machine, kind: Any, keys: tuple[Any, ...], items: list[Value]) -> Value:
    """A container of this kind."""
    if kind is List:
        return m.list_of(items)
    if kind is Dict:
        return m.dict_of(dict(zip(keys, items, strict=True)))
    if isinstance(kind, tuple):
        cell = Cell()
        m.store[cell] = dict(zip(keys, items, strict=True))
        return Record(cast("Any", kind)[1], cell)
    return remade(kind, items)
