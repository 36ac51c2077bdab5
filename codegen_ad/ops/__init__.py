"""The tables: which operations exist, written out in order.

This room says what each operation means in NumPy and what its derivative is. It never parses
Python, never plans and never prints code.
"""

from __future__ import annotations

from codegen_ad.ir.node import Op
from codegen_ad.ops import (
    constants,
    determinants,
    elementwise,
    exponential,
    factors,
    filter,
    fourier,
    indexing,
    least_squares,
    linalg,
    lu,
    movement,
    python_extremes,
    reduction,
    scan,
    special,
    unary,
)
from codegen_ad.ops.entry import Elementwise, Several, Structural

ELEMENTWISE: dict[Op, Elementwise] = {
    entry.op: entry for entry in (*elementwise.TABLE, *python_extremes.TABLE, *special.TABLE)
}

STRUCTURAL: dict[Op, Structural] = {
    entry.op: entry
    for table in (
        constants.TABLE,
        unary.TABLE,
        reduction.TABLE,
        movement.TABLE,
        indexing.TABLE,
        scan.TABLE,
        filter.TABLE,
        linalg.TABLE,
        determinants.TABLE,
        lu.TABLE,
        least_squares.TABLE,
        exponential.TABLE,
        fourier.TABLE,
    )
    for entry in table
}

SEVERAL: dict[Op, Several] = {
    entry.op: entry
    for table in (determinants.SEVERAL, factors.SEVERAL, lu.SEVERAL)
    for entry in table
}

BY_NAME: dict[str, Op] = {op.name: op for op in (*ELEMENTWISE, *STRUCTURAL, *SEVERAL)}
