"""Which contractions are products of matrices, for BLAS."""

from __future__ import annotations

from codegen_ad.ir.node import Node
from codegen_ad.ops.reduction import Contract


def is_product(node: Node) -> bool:
    """Whether a contraction is a product of large matrices, or of stacks of them: work for BLAS.

    The labels of a stack come first, in the same order.
    """
    params = node.params
    assert isinstance(params, Contract)
    if (
        len(node.args) != 2
        or len({len(labels) for labels in (*params.operands, params.output)}) > 1
    ):
        return False
    first, second = params.operands
    stack = len(params.output) - 2
    if stack < 0 or not first[:stack] == second[:stack] == params.output[:stack]:
        return False
    shared = [label for label in first[stack:] if label in second]
    if len(shared) != 1 or shared[0] in params.output:
        return False
    sizes = [d for a in node.args for d in a.array.shape[stack:]]
    return all(not d.is_constant or d.value > 16 for d in sizes) and node.array.dtype.is_float
