"""Subscripts of arrays: which are views, which copy, and how each is written through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.errors import ShapeMismatch
from codegen_ad.frontend.arrays import data, masks, slices
from codegen_ad.frontend.arrays.views import Indexed, Reshaped, Sliced, Transposed, inverse
from codegen_ad.frontend.arrays.visits import forget_known, visited
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.sizes.naming import size_text
from codegen_ad.frontend.sizes.run_time import is_run_time
from codegen_ad.frontend.values import Array, Complex, List, Range
from codegen_ad.frontend.words import count
from codegen_ad.ir.dims import ONE, ZERO, Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


@dataclass(frozen=True, slots=True)
class _New:
    """`np.newaxis` in a subscript."""


@dataclass(frozen=True, slots=True)
class _At:
    """A position that is known as a size."""

    place: Dim


Part = _New | _At | Span | Node


def get(m: Machine, array: Array, index: Value) -> Value:
    """`array[index]`."""
    index = _with_lists_as_arrays(m, index)
    mask = _mask(m, index)
    if mask is not None:
        return m.fresh(masks.pick(m, m.read(array), m.read(mask)))
    parts = _parts(m, array, index)
    before = frozenset(m.log.accesses)
    if _is_advanced(parts):
        view, nodes, order = _advanced(m, array, parts)
        gathered = make.gather(m.b, m.read(view), *nodes)
        forget_known(m, gathered, before)
        return m.fresh(make.transpose(m.b, gathered, inverse(order)))
    view = _basic(m, array, parts)
    if m.type_of(view).rank or (_has_ellipsis(index) and view.boxed):
        if view is array:
            view = replace(view)  # another object than the array itself
        return view  # NumPy gives an array for `x[0, ...]`, a number for `x[0]`
    element = m.read(view)
    forget_known(m, element, before)
    return m.fresh(element, weak=array.weak)


def _has_ellipsis(index: Value) -> bool:
    items = cast("tuple[Value, ...]", index) if isinstance(index, tuple) else (index,)
    return any(isinstance(item, EllipsisType) for item in items)


def put(m: Machine, array: Array, index: Value, value: Value) -> None:
    """`array[index] = value`."""
    index = _with_lists_as_arrays(m, index)
    mask = _mask(m, index)
    if mask is not None:
        _put_masked(m, array, mask, value)
        return
    parts = _parts(m, array, index)
    if not _is_advanced(parts):
        data.write(m, _basic(m, array, parts), value)
        return
    view, nodes, order = _advanced(m, array, parts)
    target = m.read(view)
    place = m.broadcast(*(n.array.shape for n in nodes)) + target.array.shape[len(nodes) :]
    seen = tuple(place[a] for a in inverse(order))
    node = make.cast(m.b, m.node(value, "value written"), target.array.dtype)
    node = make.transpose(m.b, data.fitted(m, node, seen), order)
    data.write(m, view, m.fresh(make.scatter(m.b, target, node, *nodes, accumulate=False)))


def _with_lists_as_arrays(m: Machine, index: Value) -> Value:
    """A subscript with arrays for lists of booleans, which are masks, and for empty lists."""
    if isinstance(index, tuple) and not isinstance(index, Complex):
        return tuple(_list_as_array(m, item) for item in cast("tuple[Value, ...]", index))
    return _list_as_array(m, index)


def _list_as_array(m: Machine, item: Value) -> Value:
    if not isinstance(item, tuple | List):
        return item
    items = cast("Value", item)
    node = m.node(items, "subscript")
    if ZERO in node.array.shape and not node.array.dtype.is_integer:
        return m.fresh(make.cast(m.b, node, DType.INT64))
    return m.fresh(node) if node.array.dtype is DType.BOOL and node.array.rank else items


def is_mask(m: Machine, index: Value) -> bool:
    """Whether a subscript is a boolean mask."""
    return _mask(m, index) is not None


def put_masked_whole(m: Machine, array: Array, index: Value, value: Value) -> None:
    """`array[mask] = value[mask]`, without picking."""
    mask = _mask(m, index)
    assert mask is not None
    _put_masked(m, array, mask, value, whole=True)


def _mask(m: Machine, index: Value) -> Array | None:
    """The mask, if it is all of the subscript."""
    if isinstance(index, tuple) and len(cast("tuple[Value, ...]", index)) == 1:
        (index,) = cast("tuple[Value, ...]", index)
    return index if isinstance(index, Array) and _axes_of_mask(m, index) else None


def _axes_of_mask(m: Machine, item: Value) -> int:
    """The number of axes that a boolean array picks from; 0 for all else."""
    kind = m.type_of(item) if isinstance(item, Array) else None
    return kind.rank if kind is not None and kind.dtype is DType.BOOL else 0


def _put_masked(
    m: Machine, array: Array, mask: Array, value: Value, *, whole: bool = False
) -> None:
    """`array[mask] = value`, where the value is the same for all that are picked, or one each."""
    kind, chosen = m.type_of(array), m.read(mask)
    masks.fit(m, kind.shape, chosen.array.shape)
    rest = kind.rank - chosen.array.rank
    node = make.cast(m.b, m.node(value, "value written"), kind.dtype)
    old = m.read(array)
    if node.array.rank > rest and not whole:
        shape = masks.picked_shape(m, kind.shape, chosen)
        new = masks.put(m, old, chosen, data.fitted(m, node, shape))
    else:
        chosen = make.reshape(m.b, chosen, (*chosen.array.shape, *(ONE for _ in range(rest))))
        chosen = make.broadcast_to(m.b, chosen, kind.shape)
        new = make.where(m.b, chosen, data.fitted(m, node, kind.shape), old)
    data.write(m, array, m.fresh(new))


def _parts(m: Machine, array: Array, index: Value) -> list[Part]:
    """One part for each axis, and for each new axis, in order."""
    several = isinstance(index, tuple) and not isinstance(index, Complex)
    given: list[Value] = list(cast("tuple[Value, ...]", index)) if several else [index]
    shape = m.type_of(array).shape
    axes_of = [_axes_of_mask(m, i) or 1 for i in given]
    taken = sum(
        n for i, n in zip(given, axes_of, strict=True)
        if i is not None and not isinstance(i, EllipsisType)
    )  # fmt: skip
    if taken > len(shape):
        m.refuse(
            f"{count(taken, 'subscript')} for an array of {count(len(shape), 'axis')}.",
            "Use one subscript for each axis at most.",
            ShapeMismatch,
        )
    rest: list[Value] = [slice(None)] * (len(shape) - taken)
    dots = [p for p, i in enumerate(given) if isinstance(i, EllipsisType)]
    if len(dots) > 1:
        m.refuse("A subscript has more than one `...`.", "Leave one.")
    given = [*given[: dots[0]], *rest, *given[dots[0] + 1 :]] if dots else [*given, *rest]
    parts: list[Part] = []
    axis = 0
    for item in given:
        if item is None:
            parts.append(_New())
            continue
        picked = _axes_of_mask(m, item)
        if picked:
            mask = m.read(cast("Array", item))
            masks.fit(m, shape[axis:], mask.array.shape)
            parts += masks.places(m, mask)
            axis += picked
            continue
        parts.append(_part(m, item, shape[axis]))
        axis += 1
    return parts


def _part(m: Machine, item: Value, dim: Dim) -> Part:
    raw: Any = item
    match item:
        case slice():
            return slices.span(m, raw, dim)
        case bool() | np.bool_():
            m.refuse(
                "A subscript is True or False, which picks nothing by position.",
                "Use `x[None]` for a new axis, and `if` for a condition.",
            )
        case int() | np.integer() | Dim():
            if is_run_time(m, dim) or (isinstance(item, Dim) and is_run_time(m, item)):
                return m.node(raw, "subscript")
            return _At(place(m, item, dim))
        case Array() | tuple() | List() | Range():
            node = m.node(raw, "subscript")
            if node.array.dtype is DType.BOOL:
                m.refuse(
                    "A subscript is a condition: NumPy takes one for a new axis, and a list "
                    "has no such place.",
                    "Convert it: `items[int(condition)]`, or use `if`.",
                )
            if not node.array.dtype.is_integer:
                m.refuse(
                    f"A subscript has dtype {node.array.dtype}; positions are integers.",
                    "Convert it: `i.astype(int)`.",
                )
            return node
        case _:
            m.refuse(
                f"An array cannot be subscripted by {m.describe(item)}.",
                "Use integers, slices, or arrays of integers or booleans.",
            )


def place(m: Machine, item: int | Dim | np.integer, dim: Dim) -> Dim:
    """A position counted from the front, checked against the size now or when called."""
    where = item if isinstance(item, Dim) else as_dim(int(item))
    side = m.facts.sign(where)
    if side == -1 or (side is None and not m.holds(where, 0, m.text())):
        where = where + dim
        m.require(where, 0, m.text())
    else:
        m.require(dim, where + 1, m.text())
    return where


def _is_advanced(parts: Sequence[Part]) -> bool:
    return any(isinstance(p, Node) and p.array.rank for p in parts)


def _basic(m: Machine, array: Array, parts: Sequence[Part]) -> Array:
    """The view through slices, positions and new axes."""
    shape = m.type_of(array).shape
    if any(is_run_time(m, d) for p in parts if isinstance(p, Span) for d in (p.start, p.length)):
        parts = [
            _settled(m, p, d) if isinstance(p, Node) else p for p, d in _with_dims(m, array, parts)
        ]
    axes = [p for p in parts if not isinstance(p, _New)]
    spans = tuple(
        p if isinstance(p, Span) else Span(p.place, 1, ONE) if isinstance(p, _At) else make.whole(d)
        for p, d in zip(axes, shape, strict=True)
    )
    chosen = [(a, p) for a, p in enumerate(axes) if isinstance(p, Node)]
    view: Value = array
    if chosen:
        where = tuple(visited(m, p, shape[a], a) for a, p in chosen)
        view = m.view(view, Indexed(tuple(a for a, _ in chosen), where))
        left = [a for a, p in enumerate(axes) if not isinstance(p, Node)]
        spans, shape = tuple(spans[a] for a in left), tuple(shape[a] for a in left)
    if any(s != make.whole(d) for s, d in zip(spans, shape, strict=True)):
        view = m.view(view, Sliced(spans))
    rest = [p for p in parts if not isinstance(p, Node)]
    if any(isinstance(p, _New | _At) for p in rest):
        out: Shape = tuple(
            p.length if isinstance(p, Span) else ONE for p in rest if not isinstance(p, _At)
        )
        view = m.view(view, Reshaped(out))
    assert isinstance(view, Array)
    return view


def _settled(m: Machine, position: Node, dim: Dim) -> Part:
    """A position beside a slice: as a size where it is proved to lie within the array."""
    found = slices.position(m, position, dim)
    return position if found is None else _At(found)


def _advanced(
    m: Machine, array: Array, parts: Sequence[Part]
) -> tuple[Array, list[Node], tuple[int, ...]]:
    """The view whose leading axes the index arrays pick from, those, and the result's order.

    Gathering gives the axes of the index arrays first. NumPy leaves them where the index arrays
    stood if these stand side by side; axis `i` of what is gathered is axis `order[i]` of NumPy's.
    """
    dims = _with_dims(m, array, parts)
    basic = [make.whole(d) if isinstance(p, Node | _At) else p for p, d in dims]
    axes = [(p, d) for p, d in dims if not isinstance(p, _New)]
    view: Value = _basic(m, array, basic)
    nodes = [
        visited(m, p, d, a) if isinstance(p, Node) else make.size(m.b, p.place)
        for a, (p, d) in enumerate(axes)
        if isinstance(p, Node | _At)
    ]
    where = [i for i, p in enumerate(parts) if isinstance(p, Node | _At)]
    others = [i for i in range(len(parts)) if i not in where]
    view = m.view(view, Transposed((*where, *others)))
    assert isinstance(view, Array)
    shape = m.broadcast(*(n.array.shape for n in nodes))
    together = where == list(range(where[0], where[-1] + 1))
    before = where[0] if together else 0
    count = len(shape)
    order = (
        *range(before, before + count),
        *range(before),
        *range(before + count, count + len(others)),
    )
    return view, nodes, order


def _with_dims(m: Machine, array: Array, parts: Sequence[Part]) -> list[tuple[Part, Dim]]:
    dims = iter(m.type_of(array).shape)
    return [(p, ONE if isinstance(p, _New) else next(dims)) for p in parts]


def shape_text(m: Machine, shape: Shape) -> str:
    """A shape in the user's terms."""
    return "(" + ", ".join(size_text(m, d) for d in shape) + ")"
