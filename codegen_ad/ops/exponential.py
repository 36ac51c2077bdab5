# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The exponential of matrices, and its derivative in one direction, which is an operation too.

`L(A, E)` is the derivative of `expm` at `A` in direction `E`. It is linear in `E`, its adjoint in
`E` is `L(A^T, g)`, and `expm` of the matrix `[[A, E], [0, A]]` has it as its upper right block
(Mathias, 1996), which gives the adjoint in `A`. So derivatives of any order are the same two
operations, on larger matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ZERO
from codegen_ad.ir.node import Kind, Node, Op, Params
from codegen_ad.ir.types import ArrayType, BroadcastError, Type
from codegen_ad.ops import make, matrices
from codegen_ad.ops.entry import Array, Sizes, Structural


def _infer_expm(types: Sequence[Type], _: Params | None) -> Type:
    return matrices.squares(types[0])


def _infer_frechet(types: Sequence[Type], _: Params | None) -> Type:
    a, direction = matrices.squares(types[0]), matrices.squares(types[1])
    for one, two in zip(a.shape, direction.shape, strict=True):
        if one != two:
            raise BroadcastError(one, two)
    assert isinstance(a, ArrayType)
    return a


def matrix_exponential(a: Any) -> Any:
    """Return exp(a) by scaling, the Padé approximant of order 13, and squaring (Higham, 2005)."""
    x = a.astype(np.float64)
    one = np.eye(x.shape[0])
    if x.size == 0:
        return x.astype(a.dtype), False
    size = np.abs(x).sum(axis=0).max()
    if not np.isfinite(size):
        return x.astype(a.dtype), True
    squarings = max(0, int(np.ceil(np.log2(max(size, 1.0) / 4.25))))
    x = x * 0.5**squarings
    x2 = np.dot(x, x)
    x4 = np.dot(x2, x2)
    x6 = np.dot(x4, x2)
    odd = np.dot(x6, x6 + 16380.0 * x4 + 40840800.0 * x2)
    odd = odd + 33522128640.0 * x6 + 10559470521600.0 * x4
    odd = np.dot(x, odd + 1187353796428800.0 * x2 + 32382376266240000.0 * one)
    even = np.dot(x6, 182.0 * x6 + 960960.0 * x4 + 1323241920.0 * x2)
    even = even + 670442572800.0 * x6 + 129060195264000.0 * x4
    even = even + 7771770303897600.0 * x2 + 64764752532480000.0 * one
    x = np.ascontiguousarray(np.linalg.solve(even - odd, even + odd))
    for _ in range(squarings):
        x = np.dot(x, x)
    return x.astype(a.dtype), False


def matrix_exponential_derivative(a: Any, e: Any) -> Any:
    """Return the derivative of exp at a in direction e, beside exp(a) (Al-Mohy and Higham, 2009).

    Every step of `matrix_exponential` is differentiated; d_x2 is the derivative of x2 = x @ x.
    """
    x = a.astype(np.float64)
    d = e.astype(np.float64)
    one = np.eye(x.shape[0])
    if x.size == 0:
        return x.astype(a.dtype), False
    size = np.abs(x).sum(axis=0).max()
    if not np.isfinite(size):
        return x.astype(a.dtype), True
    squarings = max(0, int(np.ceil(np.log2(max(size, 1.0) / 4.25))))
    x = x * 0.5**squarings
    d = d * 0.5**squarings
    x2 = np.dot(x, x)
    d_x2 = np.dot(x, d) + np.dot(d, x)
    x4 = np.dot(x2, x2)
    d_x4 = np.dot(x2, d_x2) + np.dot(d_x2, x2)
    x6 = np.dot(x4, x2)
    d_x6 = np.dot(x4, d_x2) + np.dot(d_x4, x2)
    high = x6 + 16380.0 * x4 + 40840800.0 * x2
    d_high = d_x6 + 16380.0 * d_x4 + 40840800.0 * d_x2
    odd = np.dot(x6, high) + 33522128640.0 * x6 + 10559470521600.0 * x4
    odd = odd + 1187353796428800.0 * x2 + 32382376266240000.0 * one
    d_odd = np.dot(x6, d_high) + np.dot(d_x6, high) + 33522128640.0 * d_x6
    d_odd = d_odd + 10559470521600.0 * d_x4 + 1187353796428800.0 * d_x2
    d_odd = np.dot(x, d_odd) + np.dot(d, odd)
    odd = np.dot(x, odd)
    high = 182.0 * x6 + 960960.0 * x4 + 1323241920.0 * x2
    d_high = 182.0 * d_x6 + 960960.0 * d_x4 + 1323241920.0 * d_x2
    even = np.dot(x6, high) + 670442572800.0 * x6 + 129060195264000.0 * x4
    even = even + 7771770303897600.0 * x2 + 64764752532480000.0 * one
    d_even = np.dot(x6, d_high) + np.dot(d_x6, high) + 670442572800.0 * d_x6
    d_even = d_even + 129060195264000.0 * d_x4 + 7771770303897600.0 * d_x2
    x = np.ascontiguousarray(np.linalg.solve(even - odd, even + odd))
    right = d_odd + d_even + np.dot(d_odd - d_even, x)
    d = np.ascontiguousarray(np.linalg.solve(even - odd, right))
    for _ in range(squarings):
        d = np.dot(x, d) + np.dot(d, x)
        x = np.dot(x, x)
    return d.astype(a.dtype), False


def _expm(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    out = np.empty_like(args[0])
    for place in np.ndindex(out.shape[:-2]):
        out[place] = _finite(matrix_exponential(args[0][place]))
    return out


def _frechet(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    out = np.empty_like(args[0])
    for place in np.ndindex(out.shape[:-2]):
        a, direction = (x[place] for x in args)
        out[place] = _finite(matrix_exponential_derivative(a, direction))
    return out


def _finite(found: tuple[Array, bool]) -> Array:
    if found[1]:
        raise np.linalg.LinAlgError("a matrix is not finite")
    return found[0]


def expm_pullback(b: Builder, node: Node, g: Node) -> tuple[Node]:
    """`L(A^T, g)`."""
    return (b.node(FRECHET, (matrices.transposed(b, node.args[0]), g)),)


def frechet_pullback(b: Builder, node: Node, g: Node) -> tuple[Node, Node]:
    """`L(A^T, g)` for the direction; for `A` the diagonal blocks of the larger matrix's adjoint."""
    a, direction = node.args
    n, last = a.array.shape[-1], a.array.rank - 1
    zero = make.zeros_like(b, a)

    def stacked(upper: tuple[Node, Node], below: tuple[Node, Node]) -> Node:
        rows = [make.concatenate(b, row, last) for row in (upper, below)]
        return make.concatenate(b, rows, last - 1)

    whole = stacked((a, direction), (zero, a))
    corner = stacked((zero, g), (zero, zero))
    adjoint = b.node(FRECHET, (matrices.transposed(b, whole), corner))
    first = matrices.block(b, adjoint, (ZERO, n), (ZERO, n))
    second = matrices.block(b, adjoint, (n, n), (n, n))
    of_direction = b.node(FRECHET, (matrices.transposed(b, a), g))
    return (make.add(b, first, second), of_direction)


EXPM = Op("expm", Kind.LINALG, _infer_expm)
FRECHET = Op("expm_frechet", Kind.LINALG, _infer_frechet)

TABLE = (
    Structural(EXPM, _expm, expm_pullback),
    Structural(FRECHET, _frechet, frechet_pullback),
)
