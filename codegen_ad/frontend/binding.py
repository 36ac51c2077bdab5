"""Assignment: names, unpacking, subscripts, attributes, and in-place operators."""

from __future__ import annotations

import ast
import copy
import inspect
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from codegen_ad.errors import ShapeMismatch
from codegen_ad.frontend import special_methods
from codegen_ad.frontend.arrays import data, indexing
from codegen_ad.frontend.arrays.access import subscript
from codegen_ad.frontend.arrays.arithmetic import OPERATORS, operate
from codegen_ad.frontend.calls import inherited
from codegen_ad.frontend.calls.outside import lookup
from codegen_ad.frontend.complex_numbers import (
    access as complex_access,
)
from codegen_ad.frontend.complex_numbers import (
    functions as complex_functions,
)
from codegen_ad.frontend.containers import iterators, rows, sets
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.sizes.symbolic import Restart
from codegen_ad.frontend.values import Array, Cell, Complex, Dict, List, Outside, Record, Rows
from codegen_ad.frontend.words import count, plain, sentence
from codegen_ad.ir.builder import INPUT
from codegen_ad.ir.dims import as_dim
from codegen_ad.ir.node import Kind
from codegen_ad.ops import make
from codegen_ad.ops.unary import TAP, Tap

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


_SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}


def bind(m: Machine, target: ast.expr, value: Value) -> None:
    """`target = value`."""
    with m.spot(target):
        match target:
            case ast.Name(id=name):
                iterators.check_kept(m, value)
                m.frame.env[name] = named(m, name, value)
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                _unpack(m, elts, value)
            case ast.Subscript(value=owner, slice=index):
                put(m, m.evaluate(m, owner), m.evaluate(m, index), value)
            case ast.Attribute(value=owner, attr=name):
                _set_attribute(m, m.evaluate(m, owner), name, value)
            case _:
                raise AssertionError(ast.dump(target))


def named(m: Machine, name: str, value: Value) -> Value:
    """The value, which the user calls `name` from now on; wrapped where its gradient is wanted."""
    if isinstance(value, Complex):
        named(m, f"{name}_real", value.real)
        named(m, f"{name}_imag", value.imag)
        return value
    if isinstance(value, List):
        m.labels.setdefault(value.cell, name)
    if not isinstance(value, Array):
        return value
    name = plain(name)
    if name in m.taps and len(m.frames) == 1:
        tapped = m.b.node(TAP, (m.read(value),), Tap(name))
        if value.steps:
            data.write(m, value, m.fresh(tapped))
        else:
            m.store[value.cell] = tapped
        m.tapped.add(name)
    if not value.cell.label and not value.steps:
        m.labels.setdefault(value.cell, name)
    node = m.read(value)
    if node.op is not INPUT and node.op.kind is not Kind.CONSTANT:
        m.b.notes.names.setdefault(node, name)
    return value


def _unpack(m: Machine, elts: Sequence[ast.expr], value: Value) -> None:
    stars = [i for i, e in enumerate(elts) if isinstance(e, ast.Starred)]
    if isinstance(value, Array) and not stars:
        shape = m.type_of(value).shape
        if not shape:
            m.refuse(
                "A single number cannot be unpacked.", "Give it one name.", error=ShapeMismatch
            )
        m.equate(shape[0], as_dim(len(elts)), f"{m.text()} = ...")
    if isinstance(value, Array) and stars and m.try_items(value) is None:
        _unpack_rows(m, elts, value, stars[0])
        return
    items = m.items(iterators.drawn(m, value, whole=True), "value that is unpacked")
    if stars:
        (star,) = stars
        after = len(elts) - star - 1
        if len(items) < len(elts) - 1:
            m.refuse(
                f"This unpacks {count(len(items), 'value')}, and needs {len(elts) - 1}.",
                "Use as many names as there are values.",
            )
        middle = m.list_of(items[star : len(items) - after])
        items = [*items[:star], middle, *items[len(items) - after :]]
    elif len(items) != len(elts):
        m.refuse(
            f"This unpacks {count(len(items), 'value')} into {count(len(elts), 'name')}.",
            "Use as many names as there are values.",
            ShapeMismatch,
        )
    for element, item in zip(elts, items, strict=True):
        bind(m, element.value if isinstance(element, ast.Starred) else element, item)


def _unpack_rows(m: Machine, elts: Sequence[ast.expr], value: Array, star: int) -> None:
    """`a, *rest, z = array` for an array whose length is not known."""
    length, after = m.type_of(value).shape[0], len(elts) - star - 1
    m.require(length, len(elts) - 1, m.text())
    middle = rows.between(m, value, star, length - after)
    for place, element in enumerate(elts):
        if isinstance(element, ast.Starred):
            bind(m, element.value, middle)
        else:
            at = as_dim(place) if place < star else length - (len(elts) - place)
            bind(m, element, m.row(value, at))


def put(m: Machine, owner: Value, index: Value, value: Value) -> None:
    """`owner[index] = value`."""
    match owner:
        case Array():
            indexing.put(m, owner, index, value)
        case Complex():
            complex_access.put(m, owner, index, value)
        case List(cell):
            own(m, cell)
            if isinstance(m.store[cell], Rows):
                rows.put(m, m.store[cell], index, value)
                return
            items = list(m.store[cell])
            if cell in m.repeated and isinstance(index, Array):
                m.unroll()
                m.facts.long.add(m.repeated[cell])
                raise Restart
            place = m.static(index, "position in a list")
            if isinstance(place, slice):
                items[place] = m.items(value, "value written")
            elif isinstance(place, int) and -len(items) <= place < len(items):
                items[place] = value
            else:
                m.refuse(
                    f"The list has {count(len(items), 'item')}, and this writes at {place}.",
                    "Use `append`, or a place that is there.",
                )
            m.store[cell] = tuple(items)
        case Dict(cell):
            own(m, cell)
            m.store[cell] = {**m.store[cell], m.static(index, "key"): value}
        case _:
            m.refuse(
                f"{sentence(m.describe(owner))} cannot be written to.",
                "Make an array (`np.array(items)`) or a list (`list(items)`) of it first.",
            )


def own(m: Machine, cell: Cell) -> None:
    """Refuse to change a container that the function found outside."""
    if cell in m.foreign:
        m.refuse(
            f"This changes `{m.foreign[cell]}`, which lives outside the function.",
            "Make a copy inside, and return it if it is needed.",
        )
    check_sole(m, cell)


def check_sole(m: Machine, cell: Cell) -> None:
    """Refuse to change a list, dict or object that may be another one, which is still in use."""
    if data.tangled_with(m, cell) is not None:
        m.refuse(
            "Whether this is the same list, dict or object as another one that is still used is "
            "not known where a loop or a branch ends, so it cannot be told who sees this change.",
            "Make a copy first: `list(items)`, `dict(items)`.",
        )


def _set_attribute(m: Machine, owner: Value, name: str, value: Value) -> None:
    if isinstance(owner, Record):
        held = inspect.getattr_static(owner.cls, name, None)
        if isinstance(held, property) and held.fset is not None:
            m.call(inherited.setter(m, owner.cls, name), [owner, value], {})
            return
        if hasattr(held, "__set__"):
            m.refuse(
                f"`{name}` of `{owner.cls.__name__}` is a property or descriptor without a setter "
                "that can be read.",
                "Set the attributes behind it, or give the property a setter.",
            )
        check_sole(m, owner.cell)
        m.store[owner.cell] = {**m.store[owner.cell], name: value}
        return
    if isinstance(owner, Outside):
        m.refuse(
            f"This sets `{name}` of an object that lives outside the function.",
            "Return the value instead.",
        )
    if name in ("real", "imag") and isinstance(owner, Complex | Array):
        part = owner if isinstance(owner, Array) else getattr(owner, name)
        if (
            isinstance(part, Array)
            and m.type_of(part).rank
            and (part is not owner or name != "imag")
        ):
            data.write(m, part, value)
            return
    m.refuse(
        f"An attribute of {m.describe(owner)} cannot be set.",
        "Put it into a variable, or make a dataclass of it.",
    )


def augment(m: Machine, statement: ast.AugAssign) -> None:
    """`target op= value`: in place where NumPy writes in place, seen by every view."""
    with m.spot(statement.target):
        target = statement.target
        match target:
            case ast.Name(id=name):
                old = lookup(m, name)
                value = m.evaluate(m, statement.value)
                m.frame.env[name] = named(m, name, _in_place(m, statement, old, value))
            case ast.Subscript(value=owner_node, slice=index_node):
                owner, index = m.evaluate(m, owner_node), m.evaluate(m, index_node)
                _augment_item(m, statement, owner, index)
            case ast.Attribute(value=owner_node, attr=name):
                owner = m.evaluate(m, owner_node)
                m.frame.env["%owner"] = owner
                load = ast.Attribute(ast.Name("%owner", ast.Load()), name, ast.Load())
                old = m.evaluate(m, ast.fix_missing_locations(ast.copy_location(load, target)))
                m.frame.env.pop("%owner")
                value = m.evaluate(m, statement.value)
                _set_attribute(m, owner, name, _in_place(m, statement, old, value))
            case _:
                raise AssertionError(ast.dump(target))


def _augment_item(m: Machine, statement: ast.AugAssign, owner: Value, index: Value) -> None:
    if isinstance(owner, Array) and indexing.is_mask(m, index):
        value = m.evaluate(m, statement.value)
        if isinstance(value, Array) and m.type_of(value).rank:
            old = subscript(m, owner, index)
            put(m, owner, index, _fitting(m, statement, old, _operate(m, statement, old, value)))
            return
        new = _fitting(m, statement, owner, _operate(m, statement, owner, value))
        indexing.put_masked_whole(m, owner, index, new)
        return
    old = subscript(m, owner, index)
    value = m.evaluate(m, statement.value)
    if isinstance(owner, Array | Complex):
        put(m, owner, index, _fitting(m, statement, old, _operate(m, statement, old, value)))
    else:
        put(m, owner, index, _in_place(m, statement, old, value))


def _fitting(m: Machine, statement: ast.AugAssign, old: Value, new: Value) -> Value:
    """What is written to a part of an array, refused where NumPy cannot put it there in place.

    A part without axes is a number: the operator makes a new one, which is then written.
    """
    if isinstance(old, Array) and isinstance(new, Array) and m.type_of(old).rank:
        kind, result = m.type_of(old), m.type_of(new)
        if result.rank > kind.rank or not _casts(m, result.dtype.value, kind.dtype.value):
            m.refuse(
                f"NumPy cannot put {result} into {kind} in place.",
                "Change an array that holds such numbers: `y = x.astype(float)`.",
            )
    return new


def _operate(m: Machine, statement: ast.AugAssign, old: Value, value: Value) -> Value:
    own = special_methods.augmented(m, OPERATORS.get(type(statement.op)), old, value)
    if own is not special_methods.MISSING:
        return own
    if isinstance(statement.op, ast.MatMult):
        import numpy as np

        return m.call(Outside(np.matmul, ()), [old, value], {})
    return operate(m, OPERATORS[type(statement.op)], [old, value])


def _in_place(m: Machine, statement: ast.AugAssign, old: Value, value: Value) -> Value:
    """What the name is bound to afterwards: the same array, written, or a new value."""
    if isinstance(old, List) and isinstance(statement.op, ast.Add):
        value = iterators.drawn(m, value, whole=True)
        own(m, old.cell)
        held = m.store[old.cell]
        if isinstance(held, Rows):
            rows.extend(m, old.cell, held, value)
            return old
        if rows.rows_of(m, value) is not None:
            joined = cast("List", operate(m, operator.add, [old, value]))
            m.store[old.cell] = m.store[joined.cell]
            return old
        m.store[old.cell] = (*m.store[old.cell], *m.items(value, "list added"))
        return old
    if isinstance(old, Dict) and isinstance(value, Dict) and isinstance(statement.op, ast.BitOr):
        own(m, old.cell)
        m.store[old.cell] = {**m.store[old.cell], **m.store[value.cell]}
        return old
    if isinstance(old, Outside) and isinstance(old.object, set):
        sets.refuse_in_place(m)
    new = _operate(m, statement, old, value)
    if isinstance(old, Complex) and isinstance(old.real, Array) and m.type_of(old.real).rank:
        complex_functions.write(m, old, new)
        return old
    if not isinstance(old, Array) or (not m.type_of(old).rank and old.boxed is False):
        return new
    if old.boxed is None:
        name = m.text(statement.target)
        m.refuse(
            f"`{name}` is an array without axes on one path, which this changes for all its names, "
            "and a number on another, which it doesn't.",
            f"Write `{name} = {name} {_SYMBOLS[type(statement.op)]} ...`: that makes a new number.",
        )
    if isinstance(new, Complex):
        name = m.text(statement.target)
        m.refuse(
            f"NumPy cannot put complex numbers into {m.type_of(old)} in place.",
            f"Write `{name} = {name} {_SYMBOLS[type(statement.op)]} ...`, which makes a new array.",
        )
    kind, result = m.type_of(old), m.type_of(cast("Array", new))
    if result.rank > kind.rank or not _casts(m, result.dtype.value, kind.dtype.value):
        name = m.text(statement.target)
        m.refuse(
            f"NumPy cannot put {result} into {kind} in place.",
            f"Write `{name} = {name} {_SYMBOLS[type(statement.op)]} ...`, which makes a new array.",
        )
    node = make.cast(m.b, m.node(new), kind.dtype)
    data.write(m, old, m.fresh(node))
    return replace(old)


def _casts(m: Machine, source: str, target: str) -> bool:
    import numpy as np

    return np.can_cast(source, target, "same_kind")


def delete(m: Machine, target: ast.expr) -> None:
    """`del name`, `del items[i]`, `del d[key]`."""
    with m.spot(target):
        if isinstance(target, ast.Name) and target.id in m.frame.env:
            del m.frame.env[target.id]
            return
        if isinstance(target, ast.Subscript):
            owner, index = m.evaluate(m, target.value), m.evaluate(m, target.slice)
            if isinstance(owner, List | Dict) and not isinstance(m.store[owner.cell], Rows):
                _delete_item(m, owner, index)
                return
        m.refuse(
            "`del` of attributes, of parts of arrays and in lists whose length is not known is not "
            "translated.",
            "Make a new list or array without it: `items[1:]`, `np.delete(x, 0)`.",
        )


def _delete_item(m: Machine, owner: List | Dict, index: Value) -> None:
    own(m, owner.cell)
    kept = copy.copy(m.store[owner.cell])
    kept = list(kept) if isinstance(owner, List) else kept
    try:
        del kept[m.static(index, "position" if isinstance(owner, List) else "key")]
    except (IndexError, KeyError, TypeError) as error:
        m.fails(error)
    m.store[owner.cell] = tuple(kept) if isinstance(owner, List) else kept
