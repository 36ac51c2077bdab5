"""Which kernels gain by the widest vectors of a processor: those whose work is loops over rows.

LLVM uses vectors of 256 bits on most processors that have 512, because short loops lose by wider
ones: a loop over `k` numbers inside of another loop has fewer full vectors, and a longer rest. A
long loop with much arithmetic for each row gains.

Measured on steps of a heat equation: 0.95 of the time from 20 by 20 on, with a nonlinear source
0.87; 0.85 for 1,000 places in a row; up to 1.05 for a dozen.
"""

from __future__ import annotations

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.chunking.row_loops import is_long
from codegen_ad.plan.cost import weights
from codegen_ad.plan.kernel import For, Kernel, MatrixVector, Statement, Tiles, While, walk
from codegen_ad.plan.tiling.rows import accesses

LEAST = 16
"""Weighted operations for each row; with fewer, a loop waits for memory, whatever its vectors."""


def gains_by_width(kernel: Kernel) -> bool:
    """Whether the loops of a kernel whose length only a call knows are plain and do much a row.

    So do products of matrices and vectors in steps: they wait for the second-level cache, which
    hands out more bytes at once to wide vectors; and so do sweeps over neighbours in steps.
    """
    for statement in walk(kernel.body):
        if _is_product_in_steps(statement):
            return True
        if isinstance(statement, For) and statement.carried and _sweeps(statement):
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


def _sweeps(steps: For) -> bool:
    """Whether each step has a long loop that looks at neighbours: at places a constant apart."""
    return any(
        isinstance(s, For) and not s.carried and not s.extent.is_constant and _has_neighbours(s)
        for s in walk(steps.body)
    )


def _has_neighbours(loop: For) -> bool:
    """Whether a loop without others in it looks at more than one place of an array along it."""
    if any(isinstance(s, For | Tiles | While) for s in walk(loop.body)):
        return False
    along: dict[tuple[str, tuple[Dim, ...]], Dim] = {}
    for buffer, at, _ in accesses(loop.body):
        if at and loop.variable in at[-1].symbols():
            first = along.setdefault((buffer, at[:-1]), at[-1])
            if at[-1] != first and (at[-1] - first).is_constant:
                return True
    return False


def _is_plain(loop: For | Tiles) -> bool:
    """Whether a loop over rows has independent rows, and no loop in it."""
    return not loop.carried and not loop.extent.is_constant and not is_long(loop)


def _is_long(statement: Statement) -> bool:
    if isinstance(statement, For | Tiles):
        return not statement.extent.is_constant
    return isinstance(statement, While)
