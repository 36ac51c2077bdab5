"""Products of matrices and tensors: every one of them is an einsum."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import cast

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import ravel, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.words import count
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import SUM


def operands(call: Call, *names: str) -> list[Node]:
    """The arguments as nodes of one dtype, which a product of them can have."""
    nodes = call.ctx.promote(*(call.value(name) for name in names))
    if nodes[0].array.dtype is DType.BOOL:
        call.refuse(
            f"`{call.name}` of booleans is not supported.",
            "Convert one of them, with `.astype(int)`.",
        )
    return nodes


def dot_of(call: Call, x: Node, y: Node) -> Node:
    """`np.dot`: the last axis of `x` with the last but one of `y`."""
    b = call.b
    if not x.array.rank or not y.array.rank:
        return make.multiply(b, x, y)
    return tensordot_of(call, x, y, [x.array.rank - 1], [max(y.array.rank - 2, 0)])


def tensordot_of(call: Call, x: Node, y: Node, of_x: Sequence[int], of_y: Sequence[int]) -> Node:
    """The sum of products over the axes `of_x` of one and `of_y` of the other, pair by pair."""
    first = list(range(x.array.rank))
    second = list(range(x.array.rank, x.array.rank + y.array.rank))
    for i, j in zip(of_x, of_y, strict=True):
        agree(call, x, i, y, j)
        second[j] = first[i]
    output = [label for a, label in enumerate(first) if a not in of_x]
    output += [label for a, label in enumerate(second) if a not in of_y]
    return make.contract(call.b, [x, y], [first, second], output)


def agree(call: Call, x: Node, i: int, y: Node, j: int) -> None:
    """Require axis `i` of `x` and axis `j` of `y`, which are summed over together, to agree."""
    unify(call, x.array.shape[i], y.array.shape[j])


def matmul_of(call: Call, x: Node, y: Node) -> Node:
    """`x @ y`: products of the last two axes, the leading ones broadcast."""
    for position, operand in (("first", x), ("second", y)):
        if not operand.array.rank:
            call.refuse(
                f"The {position} operand of `{call.name}` is a scalar.",
                "Multiply by a scalar with `*`.",
            )
    row, column = x.array.rank - 1, max(y.array.rank - 2, 0)
    agree(call, x, row, y, column)
    batch = max(x.array.rank, y.array.rank, 2) - 2
    summed, left, right = batch, batch + 1, batch + 2
    of_x = [*range(batch - max(x.array.rank - 2, 0), batch), left, summed]
    of_y = [*range(batch - max(y.array.rank - 2, 0), batch), summed, right]
    output = [*range(batch), left, right]
    if x.array.rank == 1:
        of_x, output = [summed], [label for label in output if label != left]
    if y.array.rank == 1:
        of_y, output = [summed], [label for label in output if label != right]
    return einsum_of(call, [x, y], [of_x, of_y], output)


def einsum_of(
    call: Call,
    nodes: Sequence[Node],
    labels: Sequence[Sequence[int]],
    output: Sequence[int],
) -> Node:
    """An einsum in which axes of size 1 broadcast and a label may repeat within an operand."""
    b = call.b
    dims: dict[int, Dim] = {}
    for node, names in zip(nodes, labels, strict=True):
        for dim, label in zip(node.array.shape, names, strict=True):
            known = dims.setdefault(label, dim)
            if known == ONE:
                dims[label] = dim
            elif dim != ONE:
                unify(call, known, dim)
    parts: list[Node] = []
    final: list[list[int]] = []
    for node, names in zip(nodes, labels, strict=True):
        node, left = _diagonals(call, node, list(names))
        squeezed = [
            a for a, label in enumerate(left) if node.array.shape[a] == ONE and dims[label] != ONE
        ]
        shape = tuple(d for a, d in enumerate(node.array.shape) if a not in squeezed)
        parts.append(make.reshape(b, node, shape))
        final.append([label for a, label in enumerate(left) if a not in squeezed])
    if len(parts) == 1:
        return _single(b, parts[0], final[0], output)
    return make.contract(b, parts, final, output)


def _single(b: Builder, x: Node, labels: list[int], output: Sequence[int]) -> Node:
    """An einsum of one operand: a sum and a transpose."""
    gone = [a for a, label in enumerate(labels) if label not in output]
    left = [label for label in labels if label in output]
    return make.transpose(b, reduced(b, SUM, x, gone), [left.index(label) for label in output])


def _diagonals(call: Call, x: Node, labels: list[int]) -> tuple[Node, list[int]]:
    """`x` with each repeated label's axes replaced by their diagonal."""
    b = call.b
    while len(set(labels)) < len(labels):
        label = next(name for name in labels if labels.count(name) > 1)
        axes = [a for a, other in enumerate(labels) if other == label]
        rest = [a for a in range(len(labels)) if a not in axes]
        for axis in axes[1:]:
            unify(call, x.array.shape[axes[0]], x.array.shape[axis])
        places = make.iota(b, x.array.shape[axes[0]])
        x = make.gather(b, make.transpose(b, x, [*axes, *rest]), *([places] * len(axes)))
        labels = [label, *(labels[a] for a in rest)]
    return x, labels


@signature("np.dot: a b out=None")
def dot(call: Call) -> Value:
    """The product of vectors, matrices or tensors."""
    return call.fresh(dot_of(call, *operands(call, "a", "b")))


MATMUL = "x1 x2 out=None * casting='same_kind' order='K' dtype=None subok=True axes=None axis=None"


@signature(f"np.matmul: {MATMUL}")
def matmul(call: Call) -> Value:
    """The product of matrices, or of stacks of them."""
    call.only_default("casting", "order", "dtype", "subok", "axes", "axis")
    return call.fresh(matmul_of(call, *operands(call, "x1", "x2")))


@signature("np.vdot: a b")
def vdot(call: Call) -> Value:
    """The sum of the products of all elements."""
    x, y = operands(call, "a", "b")
    if x.array.rank == y.array.rank:
        for axis in range(x.array.rank):
            agree(call, x, axis, y, axis)
    return call.fresh(dot_of(call, ravel(call.b, x), ravel(call.b, y)))


@signature("np.vecdot: x1 x2 * axis=-1")
def vecdot(call: Call) -> Value:
    """The products of vectors along one axis, the other axes broadcast."""
    x, y = operands(call, "x1", "x2")
    if not x.array.rank or not y.array.rank:
        call.refuse("`np.vecdot` takes vectors.", "Use `*` for numbers.")
    rank = max(x.array.rank, y.array.rank)
    if call.integer("axis") != -1:
        call.only_default("axis", instead="Move the axis to the end with `np.moveaxis`.")
    agree(call, x, x.array.rank - 1, y, y.array.rank - 1)
    labels = [list(range(rank - n.array.rank, rank)) for n in (x, y)]
    return call.fresh(einsum_of(call, [x, y], labels, list(range(rank - 1))))


@signature("np.matvec: x1 x2")
def matvec(call: Call) -> Value:
    """Matrices times vectors, the leading axes broadcast."""
    x, y = operands(call, "x1", "x2")
    return call.fresh(_by_vector(call, x, y, last=True))


@signature("np.vecmat: x1 x2")
def vecmat(call: Call) -> Value:
    """Vectors times matrices, the leading axes broadcast."""
    y, x = operands(call, "x1", "x2")
    return call.fresh(_by_vector(call, x, y, last=False))


def _by_vector(call: Call, x: Node, y: Node, *, last: bool) -> Node:
    if x.array.rank < 2 or not y.array.rank:
        call.refuse(f"`{call.name}` takes a matrix and a vector.", "Use `np.matmul`.")
    agree(call, x, x.array.rank - (1 if last else 2), y, y.array.rank - 1)
    batch = max(x.array.rank - 2, y.array.rank - 1)
    row, column = batch, batch + 1
    of_x = [*range(batch - (x.array.rank - 2), batch), row, column]
    summed, left = (column, row) if last else (row, column)
    of_y = [*range(batch - (y.array.rank - 1), batch), summed]
    return einsum_of(call, [x, y], [of_x, of_y], [*range(batch), left])


@signature("np.inner: a b")
def inner(call: Call) -> Value:
    """The sum of products over the last axes of both."""
    x, y = operands(call, "a", "b")
    if not x.array.rank or not y.array.rank:
        return call.fresh(make.multiply(call.b, x, y))
    axes = [x.array.rank - 1], [y.array.rank - 1]
    return call.fresh(tensordot_of(call, x, y, *axes))


@signature("np.outer: a b out=None")
def outer(call: Call) -> Value:
    """All products of an element of one and an element of the other."""
    x, y = (ravel(call.b, n) for n in operands(call, "a", "b"))
    return call.fresh(make.contract(call.b, [x, y], [[0], [1]], [0, 1]))


@signature("np.tensordot: a b axes=2")
def tensordot(call: Call) -> Value:
    """The sum of products over the axes given."""
    x, y = operands(call, "a", "b")
    axes = call.static("axes")
    if isinstance(axes, list | tuple):
        of_x, of_y = (_several(call, a) for a in cast("Sequence[object]", axes))
    else:
        number = call.integer("axes")
        of_x, of_y = range(x.array.rank - number, x.array.rank), range(number)
    if len(of_x) != len(of_y):
        call.refuse(
            f"`np.tensordot` is given {count(len(of_x), 'axis')} of one operand, {len(of_y)} of "
            "the other.",
            "Give the same number for both.",
        )
    left = [call.one_axis(a, x.array.rank, "axes") for a in of_x]
    right = [call.one_axis(a, y.array.rank, "axes") for a in of_y]
    return call.fresh(tensordot_of(call, x, y, left, right))


def _several(call: Call, value: object) -> list[int]:
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else [value]
    return [call.as_integer(item, "axes") for item in items]


FUNCTIONS: dict[object, Handler] = {
    np.dot: dot,
    np.matmul: matmul,
    operator.matmul: matmul,
    np.vdot: vdot,
    np.vecdot: vecdot,
    np.matvec: matvec,
    np.vecmat: vecmat,
    np.inner: inner,
    np.outer: outer,
    np.tensordot: tensordot,
    np.linalg.matmul: matmul,
    np.linalg.vecdot: vecdot,
    np.linalg.outer: outer,
    np.linalg.tensordot: tensordot,
}

METHODS: dict[str, Handler] = {"dot": dot}
