"""Windows of signal processing: weights that fall off towards both ends."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, at_least
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make


def _cosine(b: Builder, where: Node, number: float = 1.0) -> Node:
    return apply(b, "cos", apply(b, "multiply", where, number * math.pi))


def _raised(constant: float) -> Callable[[Builder, Node], Node]:
    def shape(b: Builder, where: Node) -> Node:
        return apply(b, "add", apply(b, "multiply", _cosine(b, where), 1 - constant), constant)

    return shape


def _blackman(b: Builder, where: Node) -> Node:
    first = apply(b, "add", apply(b, "multiply", _cosine(b, where), 0.5), 0.42)
    return make.add(b, first, apply(b, "multiply", _cosine(b, where, 2.0), 0.08))


def _triangle(b: Builder, where: Node) -> Node:
    one = make.constant(b, 1.0)
    return make.subtract(b, one, apply(b, "absolute", where))


def window(name: str, shape: Callable[[Builder, Node], Node]) -> Handler:
    """The handler of a window, whose shape is a function on the interval from -1 to 1."""

    @signature(f"np.{name}: M")
    def handler(call: Call) -> Value:
        b, number = call.b, call.dim("M")
        if number == ONE:
            return call.fresh(make.full(b, (ONE,), 1, DType.FLOAT64))
        if number.is_constant and number.value < 1:
            return call.fresh(make.full(b, (make.as_dim(0),), 0, DType.FLOAT64))
        at_least(call, number, 2)
        last = make.cast(b, make.size(b, number - 1), DType.FLOAT64)
        steps = make.cast(b, call.ctx.iota(1 - number, number, 2), DType.FLOAT64)
        return call.fresh(shape(b, make.divide(b, steps, last)))

    return handler


FUNCTIONS: dict[object, Handler] = {
    np.hanning: window("hanning", _raised(0.5)),
    np.hamming: window("hamming", _raised(0.54)),
    np.blackman: window("blackman", _blackman),
    np.bartlett: window("bartlett", _triangle),
}
