"""Which kernels gain by the widest vectors of a processor: those whose work is loops over rows.

LLVM uses vectors of 256 bits on most processors that have 512, because short loops lose by wider
ones: a loop over `k` numbers inside of another loop has fewer full vectors, and a longer rest. A
long loop with much arithmetic for each row gains.
"""

from __future__ import annotations

from codegen_ad.plan.chunking.row_loops import is_long
from codegen_ad.plan.cost import weights
from codegen_ad.plan.kernel import For, Kernel, MatrixVector, Statement, Tiles, While, walk

LEAST = 16
"""Weighted operations for each row; with fewer, a loop waits for memory, whatever its vectors."""


def gains_by_width(kernel: Kernel) -> bool:
    """Whether the loops of a kernel whose length only a call knows are plain and do much a row.

    So do products of matrices and vectors in steps: they wait for the second-level cache, which
    hands out more bytes at once to wide vectors.
    """
    if any(map(_is_product_in_steps, walk(kernel.body))):
        return True
    plain = [s for s in kernel.body if isinstance(s, For | Tiles) and _is_plain(s)]
    own = {id(inner) for loop in plain for inner in walk([loop])}
    others = (s for s in walk(kernel.body) if id(s) not in own and _is_long(s))
    work = [
        weight for loop in plain for extent, weight in weights([loop]) if not extent.is_constant
    ]
    return not any(others) and bool(work) and sum(work) >= LEAST * len(work)


def _is_product_in_steps(statement: Statement) -> bool:
    if not isinstance(statement, MatrixVector) or statement.tile is not None:
        return False
    return not statement.terms.is_constant


def _is_plain(loop: For | Tiles) -> bool:
    """Whether a loop over rows has independent rows, and no loop in it."""
    return not loop.carried and not loop.extent.is_constant and not is_long(loop)


def _is_long(statement: Statement) -> bool:
    if isinstance(statement, For | Tiles):
        return not statement.extent.is_constant
    return isinstance(statement, While)
