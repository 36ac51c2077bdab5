"""Short forms over stacks of matrices, on the last two axes: what the adjoints of factors need."""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Node, TypeMismatch
from codegen_ad.ir.types import ArrayType, BroadcastError, Type
from codegen_ad.ops import make
from codegen_ad.ops.movement import Order, Span


def matrices(type: Type) -> ArrayType:
    """The type, which must be of one floating point matrix or a stack of them."""
    assert isinstance(type, ArrayType)
    if type.rank < 2 or not type.dtype.is_float:
        raise TypeMismatch(f"needs floating point matrices, got {type}")
    return type


def squares(type: Type) -> ArrayType:
    """The type, which must be of one square matrix or a stack of them."""
    matrices(type)
    assert isinstance(type, ArrayType)
    if type.shape[-2] != type.shape[-1]:
        raise BroadcastError(type.shape[-2], type.shape[-1])
    return type


def same_stack(first: ArrayType, second: ArrayType, core: int) -> None:
    """Require the same stack of matrices in `first` and of items of rank `core` in `second`."""
    stack, other = first.shape[:-2], second.shape[: second.rank - core]
    if len(stack) != len(other):
        raise TypeMismatch(f"{first} and {second} are stacks of different rank")
    for one, two in zip(stack, other, strict=True):
        if one != two:
            raise BroadcastError(one, two)


def smaller(rows: Dim, columns: Dim) -> Dim:
    """The smaller size of a matrix; one that is not known to be wide must be tall."""
    difference = rows - columns
    return rows if difference.is_constant and difference.value < 0 else columns


def transposed(b: Builder, x: Node) -> Node:
    """The matrices transposed."""
    rank = x.array.rank
    return make.transpose(b, x, (*range(rank - 2), rank - 1, rank - 2))


def product(b: Builder, *factors: Node) -> Node:
    """The product of matrices, from the left."""
    first, *rest = factors
    for second in rest:
        stack = list(range(first.array.rank - 2))
        i, k, j = (len(stack) + n for n in range(3))
        (left, of_left), (right, of_right) = _untransposed(first), _untransposed(second)
        labels = (
            (*stack, *((k, i) if of_left else (i, k))),
            (*stack, *((j, k) if of_right else (k, j))),
        )
        first = make.contract(b, (left, right), labels, (*stack, i, j))
    return first


def _untransposed(x: Node) -> tuple[Node, bool]:
    """The matrices before they were transposed, and whether they were: a product needs no copy."""
    if isinstance(x.params, Order) and x is not x.args[0]:
        *stack, i, j = x.params.axes
        rank = x.array.rank
        if stack == list(range(rank - 2)) and (i, j) == (rank - 1, rank - 2):
            return x.args[0], True
    return x, False


def rows_times(b: Builder, x: Node, factors: Node) -> Node:
    """Row i of each matrix times `factors[..., i]`."""
    return make.multiply(b, x, make.expand_dims(b, factors, factors.array.rank))


def columns_times(b: Builder, x: Node, factors: Node) -> Node:
    """Column j of each matrix times `factors[..., j]`."""
    return make.multiply(b, x, make.expand_dims(b, factors, factors.array.rank - 1))


def on_diagonal(b: Builder, size: Dim) -> Node:
    """Where row and column are the same."""
    return _compared(b, "equal", size, size)


def below_diagonal(b: Builder, rows: Dim, columns: Dim) -> Node:
    """Where the column is less than the row."""
    return _compared(b, "less", rows, columns)


def _compared(b: Builder, how: str, rows: Dim, columns: Dim) -> Node:
    row = make.reshape(b, make.iota(b, rows), (rows, ONE))
    return make.apply(b, how, make.iota(b, columns), row)


def diagonal_matrix(b: Builder, d: Node) -> Node:
    """The matrices with `d` on their diagonals."""
    zero = make.constant(b, 0, d.array.dtype)
    column = make.expand_dims(b, d, d.array.rank)
    return make.where(b, on_diagonal(b, d.array.shape[-1]), column, zero)


def lower(b: Builder, x: Node) -> Node:
    """The matrices with zeros above the diagonal."""
    rows, columns = x.array.shape[-2:]
    above = _compared(b, "greater", rows, columns)
    return make.where(b, above, make.constant(b, 0, x.array.dtype), x)


def strictly_lower(b: Builder, x: Node) -> Node:
    """The matrices with zeros on and above the diagonal."""
    below = below_diagonal(b, *x.array.shape[-2:])
    return make.where(b, below, x, make.constant(b, 0, x.array.dtype))


def mirrored(b: Builder, x: Node) -> Node:
    """The symmetric matrices with the lower triangles of `x`."""
    return make.where(b, below_diagonal(b, *x.array.shape[-2:]), x, transposed(b, x))


def folded(b: Builder, x: Node) -> Node:
    """The adjoint of `mirrored`, for a symmetric `x`: twice the strictly lower triangle.

    Of a symmetric matrix, NumPy reads only the lower triangle, so the upper one has no influence.
    """
    zero = make.constant(b, 0, x.array.dtype)
    below = below_diagonal(b, *x.array.shape[-2:])
    diagonal = on_diagonal(b, x.array.shape[-1])
    return make.where(b, below, make.add(b, x, x), make.where(b, diagonal, x, zero))


def symmetrised(b: Builder, x: Node) -> Node:
    """`(x + x.T) / 2`."""
    half = make.constant(b, 0.5, x.array.dtype)
    return make.multiply(b, half, make.add(b, x, transposed(b, x)))


def block(b: Builder, x: Node, rows: tuple[Dim, Dim], columns: tuple[Dim, Dim]) -> Node:
    """The part of each matrix of `(start, length)` rows and columns."""
    spans = [make.whole(d) for d in x.array.shape]
    spans[-2] = Span(rows[0], 1, rows[1])
    spans[-1] = Span(columns[0], 1, columns[1])
    return make.slice_(b, x, spans)


def first_columns(b: Builder, x: Node, count: Dim) -> Node:
    """The first columns of each matrix."""
    return block(b, x, (ZERO, x.array.shape[-2]), (ZERO, count))


def last_columns(b: Builder, x: Node, start: Dim) -> Node:
    """The columns of each matrix from `start` on."""
    rows, columns = x.array.shape[-2:]
    return block(b, x, (ZERO, rows), (start, columns - start))


def total(b: Builder, terms: Sequence[Node | None]) -> Node | None:
    """The sum of the terms there are, or None."""
    out: Node | None = None
    for term in terms:
        if term is not None:
            out = term if out is None else make.add(b, out, term)
    return out
