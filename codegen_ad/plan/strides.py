"""Sizes of inner axes that tell a loop over rows how far apart its rows are.

Where a loop reads `P[i, 1]`, the elements that it reads are `P.shape[1]` apart. If only a call
tells that number, LLVM makes vectors for a distance of 1 alone, and goes element by element for all
others: with three columns that took four times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen_ad.plan.kernel import For, Statement, walk
from codegen_ad.plan.tiling.rows import accesses


def strides(statements: Sequence[Statement]) -> Iterator[tuple[str, int]]:
    """The axes of arrays whose sizes are distances for a long loop: `(array, axis)`.

    Only of loops whose trips do not wait for each other: others use no vectors.
    """
    for loop in walk(list(statements)):
        if not isinstance(loop, For) or loop.carried or loop.extent.is_constant:
            continue
        for buffer, at, _ in accesses(loop.body):
            first = next((a for a, d in enumerate(at) if loop.variable in d.symbols()), len(at))
            yield from ((buffer, axis) for axis in range(first + 1, len(at)))
