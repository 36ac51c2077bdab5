"""Python's own functions, and the methods of lists, dicts, tuples and strings."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.frontend.arrays.access import attribute
from codegen_ad.frontend.arrays.arithmetic import operate
from codegen_ad.frontend.arrays.pointwise import BY_NAME, compute, elementwise
from codegen_ad.frontend.arrays.wrapping import signed
from codegen_ad.frontend.calls.extremes import EXTREMES
from codegen_ad.frontend.calls.inherited import place_of, super_
from codegen_ad.frontend.calls.outside import has_attribute
from codegen_ad.frontend.calls.sorting import sorted_
from codegen_ad.frontend.containers import row_types, rows
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches, comprehensions, wholes
from codegen_ad.frontend.control.counting import enumerate_, len_, range_, reversed_, zip_
from codegen_ad.frontend.values import (
    Array,
    ArrayMethod,
    Bound,
    Closure,
    Derived,
    Dict,
    List,
    Nested,
    Outside,
    Range,
    Record,
    Rows,
)
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import not_wrapping
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    pass

Args = Sequence[Value]
Named = Mapping[str, Value]


def _isinstance(m: Any, args: Args, _: Named) -> Value:
    value, wanted = args
    choices = cast("tuple[Value, ...]", wanted if isinstance(wanted, tuple) else (wanted,))
    flat = [w.object if isinstance(w, Outside) else w for w in choices]
    return any(issubclass(kind, w) for kind in _classes(m, value) for w in flat)  # pyright: ignore


def _classes(m: Any, value: Value) -> list[type]:
    match value:
        case Array():
            kind = m.type_of(value)
            if kind.shape or value.boxed:
                return [np.ndarray]
            if not value.weak:
                return [getattr(np, kind.dtype.numpy_name)]
            return [bool if kind.dtype is DType.BOOL else float if kind.dtype.is_float else int]
        case Dim():
            return [int]
        case List():
            return [list]
        case Dict():
            return [dict]
        case Record(cls):
            return [cls]
        case Range():
            return [range]
        case Outside(found):
            return [type(found)]
        case _:
            return [type(value)]


def _type(m: Any, args: Args, _: Named) -> Value:
    (kind,) = _classes(m, args[0])
    path = place_of(m, kind) if isinstance(args[0], Record) else ()
    return Outside(kind, path)


def _tuple(m: Any, args: Args, _: Named) -> Value:
    return tuple(m.items(args[0], "argument of tuple")) if args else ()


def _list(m: Any, args: Args, _: Named) -> Value:
    held = rows.rows_of(m, args[0]) if args else None
    if held is not None:
        return rows.get(m, held, slice(None))
    if args and isinstance(args[0], Array | Range) and m.try_items(args[0]) is None:
        node = m.node(args[0])
        if node.array.rank == 1:
            return m.list_of_rows(Rows(m.fresh(node), isinstance(args[0], Range), ()))
    return m.list_of(m.items(args[0], "argument of list") if args else [])


def _dict(m: Any, args: Args, kwargs: Named) -> Value:
    found: dict[Any, Value] = {}
    for arg in args:
        if isinstance(arg, Dict):
            found.update(m.store[arg.cell])
        else:
            for pair in m.items(arg, "argument of dict"):
                key, value = m.items(pair, "pair")
                found[m.static(key, "key")] = value
    return m.dict_of({**found, **kwargs})


def _number(dtype: DType, kind: type) -> Callable[..., Value]:
    def convert(m: Any, args: Args, kwargs: Named) -> Value:
        if len(args) > 1 or kwargs:
            given = [m.static(a, "argument") for a in args]
            return compute(m, partial(kind, **kwargs), given)
        value = args[0] if args else 0
        if isinstance(value, Dim) and dtype is DType.INT64:
            return value
        if not isinstance(value, Array | Dim):
            try:
                return kind(m.static(value, "number"))
            except (TypeError, ValueError) as error:
                m.fails(error)
        node = m.node(value)
        if node.array.rank:
            m.refuse(
                f"An array cannot become one {kind.__name__}.", f"Use `.astype({kind.__name__})`."
            )
        if dtype is DType.BOOL:
            found = branches.decide(m, value)
            return found if isinstance(found, bool) else m.fresh(found, weak=True)
        if dtype is DType.FLOAT64:
            number = make.cast(m.b, node, dtype)
        else:
            is_float = node.array.dtype.is_float
            number = wholes.converted(m, node) if is_float else signed(m, node)
        return m.fresh(number, weak=True)

    return convert


def _sum(m: Any, args: Args, kwargs: Named) -> Value:
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    items = m.try_items(args[0])
    if items is None and isinstance(args[0], Nested):
        return comprehensions.reduced(m, Outside(operator.add, ()), args[0], start)
    if items is None:
        row_types.refuse_lists(m, args[0], "sum", "joins them")
        if isinstance(args[0], Array):  # item by item integers go round where np.sum widens them
            not_wrapping([m.type_of(args[0])])
        found = m.call(Outside(np.sum, ()), [args[0]], {"axis": 0})
        from_nothing = isinstance(start, int) and start == 0
        return found if from_nothing else operate(m, operator.add, [start, found])
    total: Value = start
    for item in items:
        first = isinstance(total, int) and total == 0 and isinstance(item, Array)
        total = (
            item
            if first and m.type_of(item).dtype is not DType.BOOL
            else operate(m, operator.add, [total, item])
        )
    return total


def _any(m: Any, args: Args, _: Named) -> Value:
    return _quantified(m, args[0], stop=True)


def _all(m: Any, args: Args, _: Named) -> Value:
    return _quantified(m, args[0], stop=False)


def _quantified(m: Any, value: Value, *, stop: bool) -> Value:
    items = m.try_items(value)
    if items is None or isinstance(value, Array):
        row_types.refuse_lists(m, value, "any" if stop else "all", "asks whether they have items")
        return m.call(Outside(np.any if stop else np.all, ()), [value], {})
    found: Value = not stop
    for item in items:
        truth = branches.decide(m, item)
        if isinstance(truth, bool):
            if truth is stop:
                return stop
            continue
        flag = m.fresh(truth, weak=True)
        name = "logical_or" if stop else "logical_and"
        found = flag if isinstance(found, bool) else elementwise(m, BY_NAME[name], [found, flag])
    return found


def _getattr(m: Any, args: Args, _: Named) -> Value:
    name = m.static(args[1], "name of an attribute")
    if len(args) == 3 and not _hasattr(m, args[:2], {}):
        return args[2]
    return attribute(m, args[0], name)


def _hasattr(m: Any, args: Args, _: Named) -> Value:
    owner, name = args[0], m.static(args[1], "name of an attribute")
    if isinstance(owner, Outside):
        return has_attribute(m, owner, name)
    if isinstance(owner, Record):
        return name in m.store[owner.cell] or hasattr(owner.cls, name)
    return any(hasattr(kind, name) for kind in _classes(m, owner))


def _callable(_: Any, args: Args, __: Named) -> Value:
    value = args[0]
    if isinstance(value, Outside):
        return callable(value.object)
    return isinstance(value, Closure | Bound | Derived | ArrayMethod)


def static_call(function: Callable[..., Any]) -> Callable[..., Value]:
    """A function of what is known now, as a handler."""

    def run(m: Any, args: Args, kwargs: Named) -> Value:
        plain = [m.static(a, "argument") for a in args]
        named = {k: m.static(v, "argument") for k, v in kwargs.items()}
        try:
            found = function(*plain, **named)
            return m.list_of(found) if isinstance(found, list) else found
        except Exception as error:
            m.fails(error)

    return run


def _slice(_: Any, args: Args, __: Named) -> Value:
    return slice(*args)


def _pow(m: Any, args: Args, kwargs: Named) -> Value:
    given = dict(zip(("base", "exp", "mod"), args, strict=False)) | dict(kwargs)
    if given.get("mod") is not None:
        if all(isinstance(v, int) for v in given.values()):
            return cast("int", compute(m, pow, tuple(given.values())))
        m.refuse(
            "`pow` with a modulus is not translated.",
            "Write the product and its remainder: `base * base % m`, in a loop for a large power.",
        )
    return operate(m, cast("Any", operator.pow), [given["base"], given["exp"]])


def _divmod(m: Any, args: Args, _: Named) -> Value:
    floordiv, mod = cast("Any", operator.floordiv), cast("Any", operator.mod)
    return (operate(m, floordiv, args), operate(m, mod, args))


BUILTINS: dict[Any, Callable[..., Value]] = {
    range: range_, len: len_, enumerate: enumerate_, zip: zip_, reversed: reversed_,
    isinstance: _isinstance, type: _type, tuple: _tuple, list: _list, dict: _dict,
    float: _number(DType.FLOAT64, float), int: _number(DType.INT64, int),
    bool: _number(DType.BOOL, bool), sum: _sum, **EXTREMES, any: _any, all: _all,
    getattr: _getattr,
    hasattr: _hasattr, callable: _callable, sorted: sorted_, slice: _slice, pow: _pow,
    divmod: _divmod, str: static_call(str), repr: static_call(repr),
    issubclass: static_call(issubclass), super: super_,
    operator.index: static_call(operator.index),
}  # fmt: skip
