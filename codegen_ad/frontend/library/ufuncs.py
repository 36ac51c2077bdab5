"""The methods of NumPy's ufuncs: `np.add.reduce`, `np.subtract.outer`, `np.multiply.accumulate`."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.applied import part
from codegen_ad.frontend.library.arrays import common_shape, moved, ravel
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.dtypes import accumulator
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.values import Outside
from codegen_ad.frontend.words import count
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, product
from codegen_ad.ir.node import Node, Op, Region, TypeMismatch, WrappingIntegers
from codegen_ad.ir.types import DType
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.control import LOOP, Loop
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.reduction import MAX, MIN, PROD, SUM
from codegen_ad.ops.scan import CUMPROD, CUMSUM


def outer(name: str) -> Handler:
    """The handler of `outer`: the operation on all pairs."""

    @signature(f"np.{name}.outer: A B")
    def handler(call: Call) -> Value:
        x, y = call.ctx.promote(call.value("A"), call.value("B"))
        apart = make.reshape(call.b, x, (*x.array.shape, *((ONE,) * y.array.rank)))
        try:
            return call.fresh(make.apply(call.b, name, apart, y))
        except WrappingIntegers:
            raise
        except TypeMismatch:
            apart, y = call.ctx.promote(call.fresh(apart), call.fresh(y), floating=True)
            return call.fresh(make.apply(call.b, name, apart, y))

    return handler


def reduce(name: str, op: Op) -> Handler:
    """The handler of `reduce`: over the first axis, unless told otherwise."""

    @signature(f"np.{name}.reduce: a axis=0 dtype=None out=None keepdims=False")
    def handler(call: Call) -> Value:
        x = call.node("a")
        dtype = accumulator(x.array.dtype) if op in (SUM, PROD) else x.array.dtype
        x = make.cast(call.b, x, call.dtype("dtype", dtype))
        if "axis" in call.given:
            axes = call.axes("axis", x.array.rank)
        else:
            axes = (call.one_axis(0, x.array.rank),)
        if op in (MAX, MIN):
            for axis in axes:
                call.ctx.require(x.array.shape[axis], 1, call.name)
        return call.fresh(reduced(call.b, op, x, axes, keepdims=call.flag("keepdims")))

    return handler


def accumulate(name: str, op: Op) -> Handler:
    """The handler of `accumulate`: along the first axis, unless told otherwise."""

    @signature(f"np.{name}.accumulate: a axis=0 dtype=None out=None")
    def handler(call: Call) -> Value:
        x = call.node("a")
        x = make.cast(call.b, x, call.dtype("dtype", accumulator(x.array.dtype)))
        return call.fresh(call.b.node(op, (x,), Axis(call.axis("axis", x.array.rank))))

    return handler


def folded(name: str, *, last: bool) -> Handler:
    """The handler of `accumulate` of any operation, or of `reduce`: its last result.

    A loop along the axis, whose derivative is that of any loop.
    """
    method = "reduce" if last else "accumulate"
    more = " keepdims=False" if last else ""

    @signature(f"np.{name}.{method}: a axis=0 dtype=None out=None{more}")
    def handler(call: Call) -> Value:
        b, x = call.b, call.node("a")
        axis = call.axis("axis", x.array.rank)
        line = make.cast(b, x, call.dtype("dtype", _folded_dtype(call, name, x.array.dtype)))
        order = moved(x.array.rank, axis, 0)
        line = make.transpose(b, line, order)
        if last:
            call.ctx.require(line.array.shape[0], 1, call.name)
        final, every = _fold(b, name, line)
        if not last:
            return call.fresh(make.transpose(b, every, moved(x.array.rank, 0, axis)))
        if call.flag("keepdims"):
            final = make.expand_dims(b, final, axis)
        return call.fresh(final)

    return handler


def _folded_dtype(call: Call, name: str, dtype: DType) -> DType:
    """What the operation computes in, for operands of this dtype: its results are operands."""
    one = make.constant(call.b, 1, dtype)
    try:
        return make.apply(call.b, name, one, one).array.dtype
    except WrappingIntegers:
        raise
    except TypeMismatch:
        return call.ctx.promote(call.fresh(one), floating=True)[0].array.dtype


def _fold(b: Builder, name: str, x: Node) -> tuple[Node, Node]:
    """`s[0] = x[0]`, `s[i] = f(s[i - 1], x[i])` along the first axis: the last one, and all."""
    length, *rest = x.array.shape
    row = x.array.with_shape(tuple(rest))
    start = make.full(b, row.shape, 0, row.dtype)
    with b.scope():
        i, s = b.input("i", make.size(b, length).array), b.input("s", row)
        every = b.input("x", x.array)
        here = make.gather(b, every, i)
        first = make.apply(b, "equal", i, make.constant(b, 0, DType.INT64))
        # 1 is within every operation's domain.
        before = make.where(b, first, make.full(b, row.shape, 1, row.dtype), s)
        found = make.where(b, first, here, make.apply(b, name, before, here))
        body = Region((i, s, every), (found, found))
    made = b.node(LOOP, (make.size(b, length), start, x), Loop(1, 1, length, body))
    final, rows = b.results(made)
    return final, rows


@part
def each_place(function: Any, x: Any, places: Any, values: Any) -> Any:
    """Change what stands at one place after another."""
    for k in range(len(values)):
        place = tuple([column[k] for column in places])
        x[place] = function(x[place], values[k])
    return x


def at(name: str) -> Handler:
    """The handler of `at`: change places of an array, once for each time that they are named."""

    @signature(f"np.{name}.at: a indices b")
    def handler(call: Call) -> Value:
        b, value = call.b, call.value("a")
        if not call.ctx.is_array(value):
            call.refuse(f"`np.{name}.at` changes an array, and this is none.", "Pass an array.")
        target, places = call.node("a"), _places(call, name)
        _fits(call, name, target.array.dtype, call.node("b").array.dtype)
        head = common_shape(call, *(i.array.shape for i in places))
        shape = (*head, *target.array.shape[len(places) :])
        values = make.cast(b, call.node("b"), target.array.dtype)
        common_shape(call, shape, values.array.shape)
        values = make.broadcast_to(b, values, shape)
        if name in ("add", "subtract"):
            values = make.negative(b, values) if name == "subtract" else values
            found = call.fresh(make.scatter(b, target, values, *places, accumulate=True))
        else:
            columns = [call.fresh(ravel(b, make.broadcast_to(b, i, head))) for i in places]
            lines = make.reshape(b, values, (product(head), *shape[len(head) :]))
            operation = Outside(getattr(np, name), ())
            arguments = [operation, call.fresh(target), tuple(columns), call.fresh(lines)]
            found = call.ctx.call(Outside(each_place, ()), arguments, {})
        call.ctx.write(value, found)
        return None

    return handler


def _places(call: Call, name: str) -> list[Node]:
    """The places that `at` changes: integers for each of the leading axes, checked."""
    b, target, given = call.b, call.node("a"), call.value("indices")
    several = call.items("indices") if isinstance(given, tuple) else [given]
    sign = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}.get(name)
    for index in map(_plain, several):
        if index is None or index is Ellipsis or isinstance(index, slice):
            what = "`None`" if index is None else "`...`"
            what = "slice" if isinstance(index, slice) else what
            once = f"`a[1:3] {sign}= b`" if sign else f"`a[1:3] = np.{name}(a[1:3], b)`"
            call.refuse(
                f"`np.{name}.at` takes integers and arrays of integers as places here, and no "
                f"{what}.",
                "Write the places of a slice beside an array `p` of places: "
                f"`np.{name}.at(a, (np.arange(1, 3)[:, None], p), b)` for `a[1:3, p]`; without "
                f"arrays, no place is named twice: {once}.",
            )
    if not several:
        call.refuse(
            f"`np.{name}.at` is given no places.",
            f"Write into the whole array: `a[...] = np.{name}(a, b)`.",
        )
    indices = [call.node_of(v) for v in several]
    if not all(i.array.dtype.is_integer for i in indices):
        once = f"a[mask] {sign}= b" if sign else f"a[mask] = np.{name}(a[mask], b)"
        call.refuse(
            f"`np.{name}.at` takes places as integers here.",
            f"Use arrays of integers; for a mask, `{once}`.",
        )
    if len(indices) > target.array.rank:
        call.refuse(
            f"`np.{name}.at` is given {count(len(indices), 'index')} for "
            f"{count(target.array.rank, 'axis')}.",
            "Give at most one for each axis.",
        )
    return [
        call.ctx.visited(make.cast(b, i, DType.INT64), d, a)
        for a, (i, d) in enumerate(zip(indices, target.array.shape, strict=False))
    ]


def _fits(call: Call, name: str, own: DType, given: DType) -> None:
    """Refuse fractions in an array that holds none, as NumPy does."""
    whole = name in ("add", "subtract", "multiply", "maximum", "minimum")
    if not own.is_float and (given.is_float or not whole):
        call.refuse(
            f"`np.{name}.at` writes fractions into integers.",
            "Begin with an array of floats: `a = a.astype(float)`.",
        )


def _plain(value: Value) -> object:
    """An index without what it is wrapped in, if it stands for an object of Python."""
    return value.object if isinstance(value, Outside) else value


FOLDED = ("maximum", "minimum", "subtract", "divide", "power", "hypot", "logaddexp")
"""Operations whose results are operands again, besides those with a scan of their own."""

FUNCTIONS: dict[object, Handler] = {
    **{getattr(np, name).accumulate: folded(name, last=False) for name in FOLDED},
    **{getattr(np, name).reduce: folded(name, last=True) for name in FOLDED},
    **{
        function.outer: outer(entry.op.name)
        for entry in ELEMENTWISE.values()
        for function in entry.functions
        if isinstance(function, np.ufunc) and function.nin == 2
    },
    **{getattr(np, name).at: at(name) for name in ("add", "multiply", *FOLDED)},
    np.add.reduce: reduce("add", SUM),
    np.multiply.reduce: reduce("multiply", PROD),
    np.maximum.reduce: reduce("maximum", MAX),
    np.minimum.reduce: reduce("minimum", MIN),
    np.add.accumulate: accumulate("add", CUMSUM),
    np.multiply.accumulate: accumulate("multiply", CUMPROD),
}
