"""Covariances and correlations of variables, which are the rows of a matrix."""

from __future__ import annotations

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, like, size_as, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.joining import joined
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import SUM


def _variables(call: Call, first: str, second: str) -> Node:
    """The observations of each variable as rows."""
    names = [first, second] if call.has(second) else [first]
    rows = [_rows(call, n) for n in call.ctx.promote(*(call.value(n) for n in names))]
    x = joined(call, rows, 0)
    return make.cast(call.b, x, call.dtype("dtype", DType.FLOAT64))


def _rows(call: Call, x: Node) -> Node:
    if x.array.rank > 2:
        call.refuse(f"`{call.name}` takes a vector or a matrix.", "Reshape it to a matrix.")
    if x.array.rank == 2 and not call.flag("rowvar"):
        return make.transpose(call.b, x, (1, 0))
    return make.reshape(call.b, x, (ONE,) * (2 - x.array.rank) + x.array.shape)


def _covariance(call: Call, x: Node, ddof: float) -> Node:
    """The covariance matrix, with weights of the observations if they are given."""
    b, dtype = call.b, x.array.dtype
    number = x.array.shape[1]
    weights = _weights(call, x)
    if weights is None:
        total = size_as(b, number, dtype)
        freedom = apply(b, "subtract", total, ddof)
        mean = make.divide(b, reduced(b, SUM, x, (1,), keepdims=True), total)
    else:
        total = make.sum_(b, weights, (0,))
        freedom = apply(b, "subtract", total, ddof)
        if ddof and call.has("aweights"):
            squares = make.multiply(b, weights, make.cast(b, call.node("aweights"), dtype))
            share = make.divide(b, make.sum_(b, squares, (0,)), total)
            freedom = make.subtract(b, total, apply(b, "multiply", share, ddof))
        weighted = make.multiply(b, x, weights)
        mean = make.divide(b, reduced(b, SUM, weighted, (1,), keepdims=True), total)
    centred = make.subtract(b, x, mean)
    scaled = centred if weights is None else make.multiply(b, centred, weights)
    products = make.contract(b, [centred, scaled], [[0, 2], [1, 2]], [0, 1])
    return make.divide(b, products, apply(b, "maximum", freedom, 0.0))


def _weights(call: Call, x: Node) -> Node | None:
    given = [call.node(n) for n in ("fweights", "aweights") if call.has(n)]
    out: Node | None = None
    for node in given:
        if node.array.rank != 1:
            call.refuse(f"`{call.name}` takes weights as vectors.", "Pass `weights.ravel()`.")
        unify(call, node.array.shape[0], x.array.shape[1])
        node = make.cast(call.b, node, x.array.dtype)
        out = node if out is None else make.multiply(call.b, out, node)
    return out


def _squeezed(call: Call, x: Node) -> Node:
    return make.reshape(call.b, x, tuple(d for d in x.array.shape if d != ONE))


@signature(
    "np.cov: m y=None rowvar=True bias=False ddof=None fweights=None aweights=None * dtype=None"
)
def cov(call: Call) -> Value:
    """The covariance matrix of variables; one number for one variable."""
    ddof = float(call.integer("ddof")) if call.has("ddof") else 0.0 if call.flag("bias") else 1.0
    return call.fresh(_squeezed(call, _covariance(call, _variables(call, "m", "y"), ddof)))


@signature("np.corrcoef: x y=None rowvar=True * dtype=None fweights=None aweights=None")
def corrcoef(call: Call) -> Value:
    """The matrix of correlations; 1 for one variable."""
    b = call.b
    c = _covariance(call, _variables(call, "x", "y"), 1.0)
    dim = c.array.shape[0]
    places = make.iota(b, dim)
    spread = apply(b, "sqrt", make.gather(b, c, places, places))
    c = make.divide(b, make.divide(b, c, make.expand_dims(b, spread, 1)), spread)
    # A variable's correlation with itself is 1, and stays 1.
    same = make.apply(b, "equal", make.expand_dims(b, places, 1), places)
    known = make.apply(b, "logical_and", same, apply(b, "isfinite", c))
    c = make.where(b, known, like(b, 1.0, c), c)
    c = apply(b, "minimum", apply(b, "maximum", c, -1.0), 1.0)
    return call.fresh(_squeezed(call, c))


FUNCTIONS: dict[object, Handler] = {np.cov: cov, np.corrcoef: corrcoef}
