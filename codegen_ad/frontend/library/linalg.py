"""`np.linalg`: systems, inverses, determinants, Cholesky factors and powers of matrices.

Leading axes are a stack of matrices; those of several arguments broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import as_float, common_shape, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.contractions import dot_of, matmul_of
from codegen_ad.frontend.values import remade
from codegen_ad.frontend.words import count
from codegen_ad.ir.dims import Dim, product
from codegen_ad.ir.node import Node, Op, Params, not_wrapping
from codegen_ad.ops import make, matrices
from codegen_ad.ops.determinants import DET, SLOGDET
from codegen_ad.ops.linalg import CHOLESKY, INV, SOLVE


def matrix(call: Call, x: Node) -> Node:
    """`x` in floating point, which must be one matrix or a stack of them."""
    if x.array.rank < 2:
        call.refuse(
            f"`{call.name}` needs a matrix, and this array has {count(x.array.rank, 'axis')}.",
            "Give an array with at least two axes, for example `x[:, None]`.",
        )
    return as_float(call.b, x)


def square(call: Call, x: Node) -> Node:
    """`x` in floating point, which must be one square matrix or a stack of them."""
    x = matrix(call, x)
    unify(call, *x.array.shape[-2:])
    return x


def sides(call: Call, a: str = "a", right: str = "b") -> tuple[Node, Node]:
    """The matrix and the right side in one dtype, where integers are in double precision."""
    found = [call.fresh(as_float(call.b, call.node(name))) for name in (a, right)]
    first, second = call.ctx.promote(*found)
    return first, second


def single(call: Call, x: Node) -> Node:
    """`x`, which must be one matrix."""
    if x.array.rank != 2:
        call.refuse(
            f"`{call.name}` works on one matrix, and this array has {count(x.array.rank, 'axis')}.",
            "For a stack of matrices, loop over the first axis.",
        )
    return as_float(call.b, x)


def named(function: object, results: Sequence[Value]) -> Value:
    """The results as the NamedTuple that the function of NumPy returns."""
    assert callable(function)
    return remade(type(function(np.eye(1))), results)


def several(call: Call, op: Op, x: Node, params: Params | None = None) -> tuple[Node, ...]:
    """The results of an operation that has several."""
    return call.b.results(call.b.node(op, (x,), params))


def solved(call: Call, op: Op, a: Node, right: Node, params: Params | None = None) -> Node:
    """The solution for right sides: a vector if there is one axis, otherwise matrices of columns.

    Many right sides of one matrix become columns, so that it is factored once.
    """
    b, n = call.b, a.array.shape[-1]
    if right.array.rank == 0:
        call.refuse(
            f"`{call.name}` is given a number as the right side.", "Give a vector, or a matrix."
        )
    is_vector = right.array.rank == 1
    unify(call, n, right.array.shape[-1 if is_vector else -2])
    if a.array.rank == 2 and right.array.rank <= 2:
        return b.node(op, (a, right), params)
    if a.array.rank == 2:
        rank = right.array.rank
        order = (rank - 2, *range(rank - 2), rank - 1)
        columns = make.transpose(b, right, order)
        flat = make.reshape(b, columns, (n, product(columns.array.shape[1:])))
        whole = make.reshape(b, b.node(op, (a, flat), params), columns.array.shape)
        return make.transpose(b, whole, (*range(1, rank - 1), 0, rank - 1))
    if is_vector:
        right = make.broadcast_to(b, right, a.array.shape[:-1])
        return b.node(op, (a, right), params)
    stack = common_shape(call, a.array.shape[:-2], right.array.shape[:-2])
    a, right = (make.broadcast_to(b, x, (*stack, *x.array.shape[-2:])) for x in (a, right))
    return b.node(op, (a, right), params)


@signature("np.linalg.solve: a b")
def solve(call: Call) -> Value:
    """The solution of a system of linear equations."""
    a, right = sides(call)
    return call.fresh(solved(call, SOLVE, square(call, a), right))


@signature("np.linalg.inv: a")
def inv(call: Call) -> Value:
    """The inverse."""
    return call.fresh(call.b.node(INV, (square(call, call.node("a")),)))


@signature("np.linalg.det: a")
def det(call: Call) -> Value:
    """The determinant."""
    return call.fresh(call.b.node(DET, (square(call, call.node("a")),)))


@signature("np.linalg.cholesky: a * upper=False")
def cholesky(call: Call) -> Value:
    """The lower triangular factor of a positive definite matrix, or the upper one.

    The upper one is found from the upper triangle.
    """
    a, upper = square(call, call.node("a")), call.flag("upper")
    a = matrices.transposed(call.b, a) if upper else a
    out = call.b.node(CHOLESKY, (a,))
    return call.fresh(matrices.transposed(call.b, out) if upper else out)


@signature("np.linalg.slogdet: a")
def slogdet(call: Call) -> Value:
    """The sign of the determinant, and the logarithm of its size."""
    results = several(call, SLOGDET, square(call, call.node("a")))
    return named(np.linalg.slogdet, [call.fresh(r) for r in results])


@signature("np.linalg.matrix_power: a n")
def matrix_power(call: Call) -> Value:
    """A whole power of a matrix."""
    b, x = call.b, call.node("a")
    power = call.integer("n")
    if x.array.rank < 2:
        matrix(call, x)
    unify(call, *x.array.shape[-2:])
    if power < 0:
        x = b.node(INV, (as_float(b, x),))
    if power == 0:
        on = matrices.on_diagonal(b, x.array.shape[-1])
        return call.fresh(make.broadcast_to(b, make.cast(b, on, x.array.dtype), x.array.shape))
    out: Node | None = None
    power = abs(power)
    while power:
        if power & 1:
            out = x if out is None else matmul_of(call, out, x)
        power >>= 1
        x = matmul_of(call, x, x) if power else x
    assert out is not None
    return call.fresh(out)


UNKNOWN = 1000
"""What a size that is not known counts for where products are put in order."""


@signature("np.linalg.multi_dot: arrays * out=None")
def multi_dot(call: Call) -> Value:
    """The product of several matrices, in the order that takes the fewest multiplications."""
    given = [call.node_of(value) for value in call.items("arrays")]
    nodes = call.ctx.promote(*map(call.fresh, given))
    if any(x.array.dtype.wraps for x in given) and not nodes[0].array.dtype.wraps:
        # NumPy's products of two such matrices go round before they meet the others.
        not_wrapping([x.array for x in given])
    if len(nodes) < 2:
        call.refuse("`np.linalg.multi_dot` needs at least two arrays.", "Leave it out.")
    ranks = [node.array.rank for node in nodes]
    if any(rank != 2 for rank in ranks[1:-1]) or not {ranks[0], ranks[-1]} <= {1, 2}:
        call.refuse("`np.linalg.multi_dot` takes matrices, and vectors at its ends.", "Use `@`.")
    first = 1 if ranks[0] == 1 else _count(nodes[0].array.shape[0])
    sizes = [first, *(_count(node.array.shape[-1]) for node in nodes[:-1])]
    sizes.append(1 if ranks[-1] == 1 else _count(nodes[-1].array.shape[-1]))
    split = cheapest_splits(sizes)

    def chain(i: int, j: int) -> Node:
        if i == j:
            return nodes[i]
        middle = split[i, j]
        return dot_of(call, chain(i, middle), chain(middle + 1, j))

    return call.fresh(chain(0, len(nodes) - 1))


def _count(dim: Dim) -> int:
    return dim.value if dim.is_constant else UNKNOWN


def cheapest_splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to split each run of factors; factor `i` is `sizes[i]` by `sizes[i + 1]`.

    The dynamic program of Cormen, Leiserson, Rivest and Stein, "Introduction to Algorithms".
    """
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = [
                cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            ]
            cost[i, j] = min(costs)
            split[i, j] = i + costs.index(cost[i, j])
    return split


@signature("np.linalg.tensorsolve: a b axes=None")
def tensorsolve(call: Call) -> Value:
    """The solution of a system over several axes, as many as those of the right side."""
    a, right = sides(call)
    rank, b = a.array.rank, call.b
    if call.has("axes"):
        last = [call.one_axis(k, rank, "axes") for k in call.integers("axes")]
        a = make.transpose(b, a, [*(k for k in range(rank) if k not in last), *last])
    if rank < right.array.rank:
        call.refuse(
            f"`np.linalg.tensorsolve` is given {count(rank, 'axis')} on the left, "
            f"{right.array.rank} on the "
            "right.",
            "The left side needs those of the right side and those of the solution.",
        )
    unknowns = a.array.shape[right.array.rank :]
    for one, two in zip(a.array.shape, right.array.shape, strict=False):
        unify(call, one, two)
    rows, columns = product(right.array.shape), product(unknowns)
    unify(call, rows, columns)
    system = make.reshape(b, a, (rows, columns))
    flat = b.node(SOLVE, (system, make.reshape(b, right, (rows,))))
    return call.fresh(make.reshape(b, flat, unknowns))


@signature("np.linalg.tensorinv: a ind=2")
def tensorinv(call: Call) -> Value:
    """The inverse over the axes before and after `ind`."""
    a, b, split = as_float(call.b, call.node("a")), call.b, call.integer("ind")
    if not split > 0:
        call.refuse("`np.linalg.tensorinv` needs `ind` above 0.", "Give a positive `ind`.")
    first, rest = a.array.shape[:split], a.array.shape[split:]
    rows, columns = product(first), product(rest)
    unify(call, rows, columns)
    inverse = b.node(INV, (make.reshape(b, a, (rows, columns)),))
    return call.fresh(make.reshape(b, inverse, (*rest, *first)))


FUNCTIONS: dict[object, Handler] = {
    np.linalg.solve: solve,
    np.linalg.inv: inv,
    np.linalg.det: det,
    np.linalg.cholesky: cholesky,
    np.linalg.slogdet: slogdet,
    np.linalg.matrix_power: matrix_power,
    np.linalg.multi_dot: multi_dot,
    np.linalg.tensorsolve: tensorsolve,
    np.linalg.tensorinv: tensorinv,
}
