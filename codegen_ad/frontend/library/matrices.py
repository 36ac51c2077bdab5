"""Parts of matrices and stacks of them: diagonals, triangles, traces, block products."""

from __future__ import annotations

import numpy as np

from codegen_ad.frontend.arrays import views
from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    apply,
    common_shape,
    like,
    moved,
    pick,
    ravel,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.contractions import operands
from codegen_ad.frontend.library.reductions import to_accumulate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ops import make


@signature("np.kron: a b")
def kron(call: Call) -> Value:
    """The Kronecker product."""
    b = call.b
    x, y = operands(call, "a", "b")
    rank = max(x.array.rank, y.array.rank)
    x, y = (make.reshape(b, n, (ONE,) * (rank - n.array.rank) + n.array.shape) for n in (x, y))
    first, second = list(range(0, 2 * rank, 2)), list(range(1, 2 * rank, 2))
    out = make.contract(b, [x, y], [first, second], list(range(2 * rank)))
    shape = tuple(p * q for p, q in zip(x.array.shape, y.array.shape, strict=True))
    return call.fresh(make.reshape(b, out, shape))


@signature("np.trace: a offset=0 axis1=0 axis2=1 dtype=None out=None")
def trace(call: Call) -> Value:
    """The sum of a diagonal."""
    x = call.node("a")
    return call.fresh(_trace(call, x, call.static("axis1"), call.static("axis2")))


@signature("np.linalg.trace: x * offset=0 dtype=None")
def traces(call: Call) -> Value:
    """The sums of the diagonals of a stack of matrices."""
    return call.fresh(_trace(call, call.node("x"), -2, -1))


def _trace(call: Call, x: Node, axis1: object, axis2: object) -> Node:
    """The sum of a diagonal."""
    b, offset = call.b, call.integer("offset")
    x, dtype = to_accumulate(call, x)
    line = diagonal_of(call, x, offset, axis1, axis2)
    return make.cast(b, make.sum_(b, line, (line.array.rank - 1,)), dtype)


def diagonal_of(call: Call, x: Node, offset: int, axis1: object, axis2: object) -> Node:
    """The diagonal of two axes, on a new last axis."""
    place, turn = _diagonal_steps(call, x, offset, axis1, axis2)
    return views.read(call.b, x, (place, turn))


def diagonal_view(call: Call, name: str, axis1: object, axis2: object, offset: int) -> Value:
    """A read-only view of a diagonal, as NumPy makes it."""
    x = call.node(name)
    value = call.value(name)
    for step in _diagonal_steps(call, x, offset, axis1, axis2):
        value = call.ctx.view(value, step)
    return call.ctx.read_only(value)


def _two_axes(call: Call, x: Node, axis1: object, axis2: object) -> tuple[int, int]:
    rank = x.array.rank
    if rank < 2:
        call.refuse(f"`{call.name}` needs a matrix.", "Give an array with at least two axes.")
    i, j = call.one_axis(axis1, rank, "axis1"), call.one_axis(axis2, rank, "axis2")
    if i == j:
        call.refuse(f"`{call.name}` has the same axis twice.", "Give two different axes.")
    return i, j


def _diagonal_steps(
    call: Call, x: Node, offset: int, axis1: object, axis2: object
) -> tuple[views.Indexed, views.Transposed]:
    b, rank = call.b, x.array.rank
    i, j = _two_axes(call, x, axis1, axis2)
    length = diagonal_length(call, x.array.shape[i], x.array.shape[j], offset)
    places = make.iota(b, length)
    shifted = apply(b, "add", places, abs(offset)) if offset else places
    pair = (places, shifted) if offset >= 0 else (shifted, places)
    return views.Indexed((i, j), pair), views.Transposed((*range(1, rank - 1), 0))


def diagonal_length(call: Call, rows: Dim, columns: Dim, offset: int) -> Dim:
    """The number of elements on a diagonal; of sizes that only a call compares, for each case."""
    ctx, least = call.ctx, call.ctx.smaller(rows, columns, call.name)
    if offset:
        least = ctx.smaller(rows + min(offset, 0), columns - max(offset, 0), call.name)
    if ctx.is_run_time(least):
        return ctx.length(make.size(call.b, least))
    return least if ctx.holds(least, 0, call.name) else ZERO


@signature("np.cross: a b axisa=-1 axisb=-1 axisc=-1 axis=None")
def cross(call: Call) -> Value:
    """The cross products of vectors with two or three components along one axis."""
    b = call.b
    whole = call.has("axis")
    x, y = operands(call, "a", "b")
    parts: list[list[Node]] = []
    for node, name in ((x, "axisa"), (y, "axisb")):
        axis = call.axis("axis" if whole else name, node.array.rank)
        number = node.array.shape[axis]
        size = 2 if number == Dim.constant(2) else 3
        unify(call, number, Dim.constant(size))
        parts.append([pick(b, node, axis, k) for k in range(size)])
    p, q = parts
    products = [_cross_component(b, p, q, k) for k in ((2,) if len(p) == len(q) == 2 else range(3))]
    if len(products) == 1:
        return call.fresh(products[0])
    shape = common_shape(call, *(n.array.shape for n in products))
    rank = len(shape) + 1
    out = [make.expand_dims(b, make.broadcast_to(b, n, shape), rank - 1) for n in products]
    joined = make.concatenate(b, out, rank - 1)
    axis = call.axis("axis" if whole else "axisc", rank)
    return call.fresh(make.transpose(b, joined, moved(rank, rank - 1, axis)))


def _cross_component(b: Builder, p: list[Node], q: list[Node], k: int) -> Node:
    """Component `k`; the third component of a vector in a plane is 0."""
    i, j = (k + 1) % 3, (k + 2) % 3
    terms: list[Node] = []
    for first, second in ((i, j), (j, i)):
        if first < len(p) and second < len(q):
            product = make.multiply(b, p[first], q[second])
            terms.append(product if first == i else make.negative(b, product))
    return terms[0] if len(terms) == 1 else make.add(b, terms[0], terms[1])


@signature("np.linalg.cross: x1 x2 * axis=-1")
def crossed(call: Call) -> Value:
    """The cross products of vectors with three components along one axis."""
    given = {"a": call.value("x1"), "b": call.value("x2")}
    if "axis" in call.given:
        given["axis"] = call.value("axis")
    return cross(call.ctx, (), given)


def band(call: Call, x: Node, k: int) -> Node:
    """Where column minus row is at most `k`, over the last two axes."""
    b = call.b
    if x.array.rank < 2:
        call.refuse(f"`{call.name}` needs a matrix.", "Give an array with at least two axes.")
    rows = make.expand_dims(b, make.iota(b, x.array.shape[-2]), 1)
    columns = make.iota(b, x.array.shape[-1])
    return apply(b, "less_equal", columns, apply(b, "add", rows, k) if k else rows)


def _rows(call: Call) -> Node:
    """The matrix; of a vector, the matrix each row of which it is."""
    x = call.node("m")
    if x.array.rank != 1:
        return x
    return make.broadcast_to(call.b, x, (x.array.shape[0], x.array.shape[0]))


@signature("np.tril: m k=0")
def tril(call: Call) -> Value:
    """The array with zeros above a diagonal."""
    x = _rows(call)
    return call.fresh(make.where(call.b, band(call, x, call.integer("k")), x, like(call.b, 0, x)))


@signature("np.triu: m k=0")
def triu(call: Call) -> Value:
    """The array with zeros below a diagonal."""
    x = _rows(call)
    below = band(call, x, call.integer("k") - 1)
    return call.fresh(make.where(call.b, below, like(call.b, 0, x), x))


@signature("np.diagonal: a offset=0 axis1=0 axis2=1")
def diagonal(call: Call) -> Value:
    """A diagonal of two axes."""
    axes = call.static("axis1"), call.static("axis2")
    return diagonal_view(call, "a", *axes, call.integer("offset"))


@signature("np.linalg.diagonal: x * offset=0")
def diagonals(call: Call) -> Value:
    """The diagonals of a stack of matrices."""
    return diagonal_view(call, "x", -2, -1, call.integer("offset"))


@signature("np.diag: v k=0")
def diag(call: Call) -> Value:
    """The diagonal of a matrix, or the matrix that has a vector on its diagonal."""
    x, k = call.node("v"), call.integer("k")
    if x.array.rank == 2:
        return diagonal_view(call, "v", 0, 1, k)
    if x.array.rank != 1:
        call.refuse("`np.diag` takes a vector or a matrix.", "Use `np.diagonal` for stacks.")
    return call.fresh(_on_diagonal(call, x, k))


@signature("np.diagflat: v k=0")
def diagflat(call: Call) -> Value:
    """The matrix that has all elements on its diagonal."""
    return call.fresh(_on_diagonal(call, ravel(call.b, call.node("v")), call.integer("k")))


def _on_diagonal(call: Call, x: Node, k: int) -> Node:
    b, (dim,) = call.b, x.array.shape
    side = dim + abs(k)
    rows = columns = make.iota(b, dim)
    if k:
        shifted = apply(b, "add", rows, abs(k))
        rows, columns = (rows, shifted) if k > 0 else (shifted, columns)
    empty = make.full(b, (side, side), 0, x.array.dtype)
    return make.scatter(b, empty, x, rows, columns, accumulate=False)


FUNCTIONS: dict[object, Handler] = {
    np.kron: kron,
    np.cross: cross,
    np.trace: trace,
    np.linalg.trace: traces,
    np.linalg.cross: crossed,
    np.tril: tril,
    np.triu: triu,
    np.diagonal: diagonal,
    np.linalg.diagonal: diagonals,
    np.diag: diag,
    np.diagflat: diagflat,
}

METHODS: dict[str, Handler] = {"trace": trace, "diagonal": diagonal}
