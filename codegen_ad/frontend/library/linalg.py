"""`np.linalg`: solutions, determinants, factors and norms of single matrices."""

from __future__ import annotations

import math

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    apply,
    as_bool,
    as_float,
    like,
    nonempty,
    ravel,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.contractions import matmul_of
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ops import make
from codegen_ad.ops.linalg import CHOLESKY, DET, INV, LOGABSDET, SIGNDET, SOLVE
from codegen_ad.ops.reduction import MAX, MIN, SUM


def square(call: Call, x: Node) -> Node:
    """`x` in floating point, which must be one square matrix."""
    if x.array.rank != 2:
        call.refuse(
            f"`{call.name}` works on one matrix here, and this array has {x.array.rank} axes.",
            "For a stack of matrices, loop over the first axis.",
        )
    unify(call, *x.array.shape)
    return as_float(call.b, x)


def _matrix(call: Call) -> Node:
    return square(call, call.node("a"))


@signature("np.linalg.solve: a b")
def solve(call: Call) -> Value:
    """The solution of a system of linear equations."""
    a, right = call.ctx.promote(call.value("a"), call.value("b"), floating=True)
    a = square(call, a)
    if right.array.rank not in (1, 2):
        call.refuse(
            f"`np.linalg.solve` is given a right-hand side of {right.array.rank} axes.",
            "Give a vector, or a matrix of columns.",
        )
    unify(call, a.array.shape[0], right.array.shape[0])
    return call.fresh(call.b.node(SOLVE, (a, right)))


@signature("np.linalg.inv: a")
def inv(call: Call) -> Value:
    """The inverse."""
    return call.fresh(call.b.node(INV, (_matrix(call),)))


@signature("np.linalg.det: a")
def det(call: Call) -> Value:
    """The determinant."""
    return call.fresh(call.b.node(DET, (_matrix(call),)))


@signature("np.linalg.cholesky: a * upper=False")
def cholesky(call: Call) -> Value:
    """The lower triangular factor of a positive definite matrix, or the upper one."""
    out = call.b.node(CHOLESKY, (_matrix(call),))
    return call.fresh(make.transpose(call.b, out, (1, 0)) if call.flag("upper") else out)


@signature("np.linalg.slogdet: a")
def slogdet(call: Call) -> Value:
    """The sign of the determinant, and the logarithm of its size."""
    matrix = _matrix(call)
    sign = call.b.node(SIGNDET, (matrix,))
    return call.fresh(sign), call.fresh(call.b.node(LOGABSDET, (matrix,)))


@signature("np.linalg.matrix_power: a n")
def matrix_power(call: Call) -> Value:
    """A whole power of a matrix."""
    b, x = call.b, call.node("a")
    power = call.integer("n")
    if x.array.rank != 2:
        square(call, x)
    unify(call, *x.array.shape)
    if power < 0:
        x = b.node(INV, (as_float(b, x),))
    if power == 0:
        places = make.iota(b, x.array.shape[0])
        on = make.apply(b, "equal", make.expand_dims(b, places, 1), places)
        return call.fresh(make.cast(b, on, x.array.dtype))
    out: Node | None = None
    power = abs(power)
    while power:
        if power & 1:
            out = x if out is None else matmul_of(call, out, x)
        power >>= 1
        x = matmul_of(call, x, x) if power else x
    assert out is not None
    return call.fresh(out)


def root(b: Builder, total: Node, order: float = 2) -> Node:
    """The root of a sum of powers; its derivative at 0, a minimum, is 0."""
    zero = apply(b, "equal", total, 0)
    safe = make.where(b, zero, like(b, 1, total), total)
    value = apply(b, "sqrt", safe) if order == 2 else apply(b, "power", safe, 1 / order)
    return make.where(b, zero, like(b, 0, total), value)


def _vector_norm(call: Call, x: Node, axes: tuple[int, ...], order: float) -> Node:
    b, keepdims = call.b, call.flag("keepdims")
    if order == 2:
        total = reduced(b, SUM, apply(b, "square", x), axes, keepdims=keepdims)
        return root(b, total)
    size = apply(b, "absolute", x)
    if math.isinf(order):
        nonempty(call, x, axes)
        return reduced(b, MAX if order > 0 else MIN, size, axes, keepdims=keepdims)
    if order == 0:
        some = make.cast(b, as_bool(b, x), x.array.dtype)
        return reduced(b, SUM, some, axes, keepdims=keepdims)
    if order == 1:
        return reduced(b, SUM, size, axes, keepdims=keepdims)
    powers = apply(b, "power", size, order)
    return root(b, reduced(b, SUM, powers, axes, keepdims=keepdims), order)


def _matrix_norm(call: Call, x: Node, axes: tuple[int, int], order: object) -> Node:
    """The largest or smallest sum of sizes: of columns for 1, of rows for infinity."""
    b = call.b
    if order in ("fro", None):
        return _vector_norm(call, x, axes, 2)
    if order not in (1, -1, math.inf, -math.inf):
        call.refuse(
            f"`{call.name}` of a matrix with `ord={order!r}` needs a singular value decomposition.",
            "Use `ord='fro'`, 1 or np.inf.",
        )
    number = float(order) if isinstance(order, int | float) else 1.0
    within, across = axes if abs(number) == 1 else axes[::-1]
    sums = reduced(b, SUM, apply(b, "absolute", x), (within,), keepdims=True)
    nonempty(call, x, (across,))
    out = reduced(b, MAX if number > 0 else MIN, sums, (across,), keepdims=True)
    if call.flag("keepdims"):
        return out
    left = tuple(d for a, d in enumerate(out.array.shape) if a not in axes)
    return make.reshape(b, out, left)


def _order(call: Call) -> float | None:
    """A static order of a vector norm, or None where there is none."""
    if not call.has("ord"):
        return None
    value = call.static("ord")
    return (
        float(value)
        if isinstance(value, int | float)
        else call.refuse(f"`{call.name}` with `ord={value!r}` is for matrices.", "Use a number.")
    )


@signature("np.linalg.norm: x ord=None axis=None keepdims=False")
def norm(call: Call) -> Value:
    """The norm of a vector or matrix."""
    x = as_float(call.b, call.node("x"))
    rank = x.array.rank
    if not call.has("axis") and not call.has("ord"):
        return call.fresh(_vector_norm(call, x, tuple(range(rank)), 2))
    axes = _axes(call, rank)
    if len(axes) == 1:
        order = _order(call)
        return call.fresh(_vector_norm(call, x, axes, 2 if order is None else order))
    if len(axes) != 2:
        call.refuse(
            f"`np.linalg.norm` with `ord=` over {len(axes)} axes has no meaning.",
            "Flatten the array first, or give `axis`.",
        )
    return call.fresh(_matrix_norm(call, x, (axes[0], axes[1]), call.static("ord")))


def _axes(call: Call, rank: int) -> tuple[int, ...]:
    """The axes as they are given: their order tells rows from columns."""
    if not call.has("axis"):
        return tuple(range(rank))
    return tuple(call.one_axis(a, rank) for a in call.integers("axis"))


@signature("np.linalg.vector_norm: x * axis=None keepdims=False ord=2")
def vector_norm(call: Call) -> Value:
    """The norm of all elements over axes."""
    x = as_float(call.b, call.node("x"))
    order = _order(call) if "ord" in call.given else 2.0
    axes = call.axes("axis", x.array.rank)
    return call.fresh(_vector_norm(call, x, axes, 2 if order is None else order))


@signature("np.linalg.matrix_norm: x * keepdims=False ord='fro'")
def matrix_norm(call: Call) -> Value:
    """The norm of the last two axes."""
    x = as_float(call.b, call.node("x"))
    rank = x.array.rank
    if rank < 2:
        call.refuse("`np.linalg.matrix_norm` needs a matrix.", "Use `np.linalg.norm`.")
    return call.fresh(_matrix_norm(call, x, (rank - 2, rank - 1), call.static("ord")))


@signature("math.dist: p q")
def dist(call: Call) -> Value:
    """The distance between two points."""
    b = call.b
    p, q = call.ctx.promote(call.value("p"), call.value("q"), floating=True)
    if p.array.rank != 1 or q.array.rank != 1:
        call.refuse("`math.dist` takes two vectors.", "Use `np.linalg.norm(p - q)`.")
    unify(call, p.array.shape[0], q.array.shape[0])
    total = make.sum_(b, apply(b, "square", make.subtract(b, p, q)), (0,))
    return call.fresh(root(b, ravel(b, total)) if total.array.rank else root(b, total))


FUNCTIONS: dict[object, Handler] = {
    np.linalg.solve: solve,
    np.linalg.inv: inv,
    np.linalg.det: det,
    np.linalg.cholesky: cholesky,
    np.linalg.slogdet: slogdet,
    np.linalg.matrix_power: matrix_power,
    np.linalg.norm: norm,
    np.linalg.vector_norm: vector_norm,
    np.linalg.matrix_norm: matrix_norm,
    math.dist: dist,
}
