"""Polynomials through data: powers as columns, and least squares over them."""

from __future__ import annotations

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import size_as, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.factors import cutoff
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make, matrices
from codegen_ad.ops.factors import SPACING
from codegen_ad.ops.least_squares import LSTSQ
from codegen_ad.ops.linalg import INV
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.scan import CUMPROD


def powers(b: Builder, x: Node, number: Dim, *, increasing: bool) -> Node:
    """The powers of a vector's elements, as columns."""
    places = make.cast(b, make.iota(b, number), x.array.dtype)
    if not increasing:
        places = make.subtract(b, size_as(b, number - 1, x.array.dtype), places)
    return make.apply(b, "power", make.expand_dims(b, x, 1), places)


@signature("np.vander: x N=None increasing=False")
def vander(call: Call) -> Value:
    """The powers of a vector's elements, as columns."""
    x = call.node("x")
    if x.array.rank != 1:
        call.refuse("`np.vander` takes a vector.", "Pass `x.ravel()`.")
    number = call.dim("N") if call.has("N") else x.array.shape[0]
    # NumPy multiplies in what holds `x` and Python's integers.
    increasing = call.flag("increasing")
    if x.array.dtype.is_float or x.array.dtype is DType.UINT64:
        x = make.cast(call.b, x, DType.FLOAT64)
        return call.fresh(powers(call.b, x, number, increasing=increasing))
    return call.fresh(_whole_powers(call, x, number, increasing=increasing))


def _whole_powers(call: Call, x: Node, number: Dim, *, increasing: bool) -> Node:
    """The powers of whole numbers, as running products."""
    b, x = call.b, make.cast(call.b, x, DType.INT64)
    ones = make.full(b, (x.array.shape[0], ONE), 1, DType.INT64)
    if not call.ctx.holds(number, 1, call.name):
        return make.full(b, (x.array.shape[0], ZERO), 1, DType.INT64)
    factors = make.broadcast_to(b, make.expand_dims(b, x, 1), (x.array.shape[0], number - 1))
    out = b.node(CUMPROD, (make.concatenate(b, (ones, factors), 1),), Axis(1))
    return out if increasing else make.flip(b, out, 1)


@signature("np.polyfit: x y deg rcond=None full=False w=None cov=False")
def polyfit(call: Call) -> Value:
    """The polynomial of a degree, highest power first, that fits best; and its covariance."""
    call.only_default("full", instead="Leave it out; the residuals are `y - np.polyval(p, x)`.")
    b = call.b
    x, y = call.ctx.promote(call.value("x"), call.value("y"), floating=True)
    if x.array.rank != 1 or y.array.rank not in (1, 2):
        call.refuse("`np.polyfit` takes a vector `x` and a vector or matrix `y`.", "Ravel `x`.")
    unify(call, x.array.shape[0], y.array.shape[0])
    call.ctx.require(x.array.shape[0], 1, call.name)
    degree = call.integer("deg")
    if degree < 0:
        call.refuse(f"`np.polyfit` is asked for the degree {degree}.", "Give 0 or more.")
    spacing = SPACING[x.array.dtype]
    x, y = (make.cast(b, z, DType.FLOAT64) for z in (x, y))  # as `np.vander` does
    left = powers(b, x, Dim.constant(degree + 1), increasing=False)
    if call.has("w"):
        (weights,) = call.ctx.promote(call.value("w"), floating=True)
        weights = make.cast(b, weights, left.array.dtype)
        if weights.array.rank != 1:
            call.refuse("`np.polyfit` takes a vector of weights.", "Ravel `w`.")
        unify(call, weights.array.shape[0], x.array.shape[0])
        left = matrices.rows_times(b, left, weights)
        y = (
            matrices.rows_times(b, y, weights)
            if y.array.rank == 2
            else make.multiply(b, y, weights)
        )
    # Columns of length 1 have a better condition; the coefficients are scaled back.
    scale = make.apply(b, "sqrt", make.sum_(b, make.multiply(b, left, left), (0,)))
    left = make.divide(b, left, scale)
    scaled = b.node(LSTSQ, (left, y), cutoff(call, "rcond", default=-spacing))
    by = scale if y.array.rank == 1 else make.expand_dims(b, scale, 1)
    found = call.fresh(make.divide(b, scaled, by))
    if not call.static("cov"):
        return found
    return found, call.fresh(_covariance(call, left, y, scaled, scale))


def _covariance(call: Call, left: Node, y: Node, scaled: Node, scale: Node) -> Node:
    """The covariance of the coefficients, unscaled or by the mean square of the residuals."""
    b, (rows, columns) = call.b, left.array.shape
    gram = matrices.product(b, matrices.transposed(b, left), left)
    outer = make.contract(b, (scale, scale), ((0,), (1,)), (0, 1))
    base = make.divide(b, b.node(INV, (gram,)), outer)
    if call.static("cov") == "unscaled":
        return base if y.array.rank == 1 else make.expand_dims(b, base, 2)
    call.ctx.require(rows, columns + 1, call.name)
    if y.array.rank == 1:
        fitted = make.contract(b, (left, scaled), ((0, 1), (1,)), (0,))
    else:
        fitted = matrices.product(b, left, scaled)
    residual = make.subtract(b, y, fitted)
    total = make.sum_(b, make.multiply(b, residual, residual), (0,))
    factor = make.divide(b, total, size_as(b, rows - columns, y.array.dtype))
    wide = base if y.array.rank == 1 else make.expand_dims(b, base, 2)
    return make.multiply(b, wide, factor)


FUNCTIONS: dict[object, Handler] = {np.vander: vander, np.polyfit: polyfit}
