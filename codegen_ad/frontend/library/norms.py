"""Norms of vectors and matrices, and the condition numbers that are made of them."""

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
    pick,
    ravel,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.factors import is_wide, singular_values
from codegen_ad.frontend.library.linalg import matrix, several, square
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.words import count
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.factors import SVD
from codegen_ad.ops.linalg import INV
from codegen_ad.ops.reduction import ANY, MAX, MIN, SUM


def root(b: Builder, total: Node, order: float = 2) -> Node:
    """The root of a sum of powers; its derivative at 0, a minimum, is 0."""
    zero = apply(b, "equal", total, 0)
    safe = make.where(b, zero, like(b, 1, total), total)
    value = apply(b, "sqrt", safe) if order == 2 else apply(b, "power", safe, 1 / order)
    return make.where(b, zero, like(b, 0, total), value)


def vector_norm_of(
    call: Call, x: Node, axes: tuple[int, ...], order: float, *, keepdims: bool
) -> Node:
    """The norm of that order over axes."""
    b = call.b
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


def matrix_norm_of(
    call: Call, x: Node, axes: tuple[int, int], order: object, *, keepdims: bool
) -> Node:
    """The norm of that order over two axes, of which the first counts rows."""
    b = call.b
    if order in ("fro", "f", None):
        return vector_norm_of(call, x, axes, 2, keepdims=keepdims)
    if order in (2, -2, "nuc"):
        rest = [a for a in range(x.array.rank) if a not in axes]
        out = _spectral(call, make.transpose(b, x, (*rest, *axes)), order)
        kept = tuple(make.ONE if a in axes else d for a, d in enumerate(x.array.shape))
        return make.reshape(b, out, kept) if keepdims else out
    if order not in (1, -1, math.inf, -math.inf):
        call.refuse(
            f"`{call.name}` of a matrix with `ord={order!r}` has no meaning.",
            "Use 'fro', 'nuc', 1, -1, 2, -2, np.inf or -np.inf.",
        )
    number = float(order) if isinstance(order, int | float) else 1.0
    within, across = axes if abs(number) == 1 else axes[::-1]
    sums = reduced(b, SUM, apply(b, "absolute", x), (within,), keepdims=True)
    nonempty(call, x, (across,))
    out = reduced(b, MAX if number > 0 else MIN, sums, (across,), keepdims=True)
    if keepdims:
        return out
    left = tuple(d for a, d in enumerate(out.array.shape) if a not in axes)
    return make.reshape(b, out, left)


def _spectral(call: Call, x: Node, order: object) -> Node:
    """The largest or smallest singular value, or the sum of all."""
    b, last = call.b, x.array.rank - 2
    if order == -2:
        s = singular_values(call, x)
        nonempty(call, s, (last,))
        return reduced(b, MIN, s, (last,))
    s = several(call, SVD, _tall(b, x))[1]
    if order == "nuc":
        return reduced(b, SUM, s, (last,))
    nonempty(call, s, (last,))
    return reduced(b, MAX, s, (last,))


def _tall(b: Builder, x: Node) -> Node:
    """`x`, with rows of zeros below where it is not known which of its sizes is larger.

    They add singular values that are 0.
    """
    if is_wide(x) is not None:
        return x
    *stack, _, columns = x.array.shape
    zeros = make.full(b, (*stack, columns, columns), 0, x.array.dtype)
    return make.concatenate(b, (x, zeros), x.array.rank - 2)


def _order(call: Call) -> float:
    """A static order of a vector norm."""
    if not call.has("ord"):
        return 2.0
    if not call.ctx.is_static(call.value("ord")):
        call.refuse(
            f"`ord` of `{call.name}` is only known when the function runs, and which norm it is "
            "must be known before.",
            "Write the sum of powers: `np.sum(np.abs(x) ** p) ** (1 / p)`.",
        )
    value = call.static("ord")
    return (
        float(value)
        if isinstance(value, int | float)
        else call.refuse(f"`{call.name}` with `ord={value!r}` is for matrices.", "Use a number.")
    )


def norm_of(call: Call, x: Node) -> Node:
    """What `norm` gives for its `ord`, `axis` and `keepdims`."""
    rank, keepdims = x.array.rank, call.flag("keepdims")
    if not call.has("axis") and not call.has("ord"):
        return vector_norm_of(call, x, tuple(range(rank)), 2, keepdims=keepdims)
    axes = _axes(call, rank)
    if len(axes) == 1:
        return vector_norm_of(call, x, axes, _order(call), keepdims=keepdims)
    if len(axes) != 2:
        call.refuse(
            f"`{call.name}` with `ord=` over {count(len(axes), 'axis')} has no meaning.",
            "Flatten the array first, or give `axis`.",
        )
    order = call.static("ord") if call.has("ord") else None
    return matrix_norm_of(call, x, (axes[0], axes[1]), order, keepdims=keepdims)


@signature("np.linalg.norm: x ord=None axis=None keepdims=False")
def norm(call: Call) -> Value:
    """The norm of a vector or matrix."""
    return call.fresh(norm_of(call, as_float(call.b, call.node("x"))))


def _axes(call: Call, rank: int) -> tuple[int, ...]:
    """The axes as they are given: their order tells rows from columns."""
    if not call.has("axis"):
        return tuple(range(rank))
    return tuple(call.one_axis(a, rank) for a in call.integers("axis"))


@signature("np.linalg.vector_norm: x * axis=None keepdims=False ord=2")
def vector_norm(call: Call) -> Value:
    """The norm of all elements over axes."""
    x = as_float(call.b, call.node("x"))
    axes = call.axes("axis", x.array.rank)
    keepdims = call.flag("keepdims")
    return call.fresh(vector_norm_of(call, x, axes, _order(call), keepdims=keepdims))


@signature("np.linalg.matrix_norm: x * keepdims=False ord='fro'")
def matrix_norm(call: Call) -> Value:
    """The norm of the last two axes."""
    x = matrix(call, call.node("x"))
    axes = x.array.rank - 2, x.array.rank - 1
    keepdims = call.flag("keepdims")
    return call.fresh(matrix_norm_of(call, x, axes, call.static("ord"), keepdims=keepdims))


@signature("np.linalg.cond: x p=None")
def cond(call: Call) -> Value:
    """The condition number; a singular matrix has an infinite one, in the norms 2 and -2."""
    x = matrix(call, call.node("x"))
    b, order = call.b, call.static("p") if call.has("p") else None
    if order not in (None, 2, -2):
        x = square(call, x)
        axes = x.array.rank - 2, x.array.rank - 1
        first, second = (
            matrix_norm_of(call, part, axes, order, keepdims=False)
            for part in (x, b.node(INV, (x,)))
        )
        return call.fresh(make.multiply(b, first, second))
    s = singular_values(call, x)
    last = s.array.rank - 1
    nonempty(call, s, (last,))
    large, small = pick(b, s, last, 0), pick(b, s, last, -1)
    ratio = make.divide(b, small, large) if order == -2 else make.divide(b, large, small)
    unknown = reduced(b, ANY, apply(b, "isnan", x), (last, last + 1))
    undefined = make.apply(
        b, "logical_and", apply(b, "isnan", ratio), apply(b, "logical_not", unknown)
    )
    return call.fresh(make.where(b, undefined, like(b, math.inf, ratio), ratio))


@signature("math.dist: p q")
def dist(call: Call) -> Value:
    """The distance between two points."""
    b = call.b
    p, q = (make.cast(b, call.node(n), DType.FLOAT64) for n in ("p", "q"))
    if p.array.rank != 1 or q.array.rank != 1:
        call.refuse("`math.dist` takes two vectors.", "Use `np.linalg.norm(p - q)`.")
    unify(call, p.array.shape[0], q.array.shape[0])
    total = make.sum_(b, apply(b, "square", make.subtract(b, p, q)), (0,))
    return call.fresh(root(b, ravel(b, total)) if total.array.rank else root(b, total))


FUNCTIONS: dict[object, Handler] = {
    np.linalg.norm: norm,
    np.linalg.vector_norm: vector_norm,
    np.linalg.matrix_norm: matrix_norm,
    np.linalg.cond: cond,
    math.dist: dist,
}
