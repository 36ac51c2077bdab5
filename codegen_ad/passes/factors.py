"""A matrix is factored once for all systems, inverses and determinants that are asked of it.

`solve(S, x)`, `inv(S)`, `slogdet(S)` and the derivatives' systems with `S.T` share the factors of
`S`. Right sides are matrices of columns from here on, so one function of the file solves them all.
"""

from __future__ import annotations

from collections import Counter

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Node, Program
from codegen_ad.ops import make, matrices
from codegen_ad.ops.determinants import DET, SLOGDET
from codegen_ad.ops.linalg import INV, SOLVE, SOLVE_TRIANGULAR
from codegen_ad.ops.lu import LU, LU_DET, LU_SLOGDET, LU_SOLVE, Turned
from codegen_ad.ops.movement import Order
from codegen_ad.passes.rewrite import Rule, rewrite


def factors(program: Program, *, fired: Counter[str] | None = None) -> Program:
    """The program in which factorisations are operations, and shared."""
    return rewrite(program, RULES, fired=fired)


def _factored(b: Builder, a: Node) -> tuple[Node, Node]:
    """The factors of a matrix, and the rows swapped."""
    lu, swaps = b.results(b.node(LU, (a,)))
    for node, name in ((lu, "lu"), (swaps, "swaps")):
        b.notes.names.setdefault(node, name)
        # Names of ours are no targets of the statement, which its unnamed parts are called after.
        b.notes.origins.pop(node, None)
    return lu, swaps


def _untransposed(a: Node) -> tuple[Node, bool]:
    """The matrix that `a` is the transposed one of, and True; otherwise `a` and False."""
    rank = a.array.rank
    if isinstance(a.params, Order) and a.params.axes == (*range(rank - 2), rank - 1, rank - 2):
        return a.args[0], True
    return a, False


def _solve(b: Builder, node: Node) -> Node | None:
    a, right = node.args
    if right.array.rank < a.array.rank:
        return _of_column(b, node)
    a, turned = _untransposed(a)
    return b.node(LU_SOLVE, (*_factored(b, a), right), Turned(turned))


def _solve_triangular(b: Builder, node: Node) -> Node | None:
    a, right = node.args
    return _of_column(b, node) if right.array.rank < a.array.rank else None


def _of_column(b: Builder, node: Node) -> Node:
    """The system whose right side is a vector, as that of one column."""
    a, right = node.args
    column = make.reshape(b, right, (*right.array.shape, ONE))
    found = b.node(node.op, (a, column), node.params)
    return make.reshape(b, found, node.array.shape)


def _inv(b: Builder, node: Node) -> Node | None:
    a, turned = _untransposed(node.args[0])
    one = make.cast(b, matrices.on_diagonal(b, a.array.shape[-1]), a.array.dtype)
    right = make.broadcast_to(b, one, a.array.shape)
    return b.node(LU_SOLVE, (*_factored(b, a), right), Turned(turned))


def _det(b: Builder, node: Node) -> Node | None:
    return b.node(LU_DET, _factored(b, _untransposed(node.args[0])[0]))


def _slogdet(b: Builder, node: Node) -> Node | None:
    return b.node(LU_SLOGDET, _factored(b, _untransposed(node.args[0])[0]))


RULES = (
    Rule("solve(A, x) -> lu_solve(lu(A), x)", (SOLVE,), _solve),
    Rule("solve_triangular(A, vector) -> of one column", (SOLVE_TRIANGULAR,), _solve_triangular),
    Rule("inv(A) -> lu_solve(lu(A), 1)", (INV,), _inv),
    Rule("det(A) -> lu_det(lu(A))", (DET,), _det),
    Rule("slogdet(A) -> lu_slogdet(lu(A))", (SLOGDET,), _slogdet),
)
