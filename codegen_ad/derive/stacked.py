"""Which matrices of a stack count in linear algebra.

What a matrix gives depends on that matrix alone, so one whose results are left out has cotangent
0, whatever else its adjoint would be: a singular matrix, equal eigenvalues. This module knows
nothing of how it came to be known which elements count.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import Shape
from codegen_ad.ops import make


def is_stack(node: Node) -> bool:
    """Whether linear algebra has several matrices to look at."""
    return node.op.kind is Kind.LINALG and any(d != ONE for d in _stack(node))


def counted(b: Builder, node: Node, results: Sequence[tuple[Node, Node]]) -> Node | None:
    """Which matrices count, given each result's cotangent and where that may be other than zero.

    None if all of them may. The flags have the axes of the stack alone.
    """
    found: list[Node] = []
    count = len(_stack(node))
    for g, condition in results:
        own, rank = condition.array.shape, g.array.rank
        own = (*(ONE for _ in range(rank - len(own))), *own)
        stack = own[:count]
        if all(d == ONE for d in stack):
            return None
        flags = make.reshape(b, condition, own)
        flags = make.any_to(b, flags, (*stack, *(ONE for _ in range(rank - count))))
        found.append(make.reshape(b, flags, stack))
    return reduce(lambda x, y: make.apply(b, "logical_or", x, y), found) if found else None


def along(b: Builder, flags: Node, x: Node) -> Node:
    """The flags of a stack, so that they broadcast to matrices or vectors of it."""
    stack = flags.array.shape
    return make.reshape(b, flags, (*stack, *(ONE for _ in range(x.array.rank - len(stack)))))


def _stack(node: Node) -> Shape:
    return node.args[0].array.shape[:-2]
