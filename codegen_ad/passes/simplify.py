"""Algebra on a program: one table of rules, applied until none fires.

Rules change no value, except where they say what they need: "rounding" or "finite".
"""

from __future__ import annotations

from collections import Counter

from codegen_ad.ir.node import Program
from codegen_ad.passes import arithmetic, movements, places, reductions, symmetry
from codegen_ad.passes.rewrite import rewrite

SIMPLIFY = (*arithmetic.RULES, *movements.RULES, *places.RULES, *reductions.RULES, *symmetry.RULES)


def simplify(
    program: Program,
    *,
    granted: frozenset[str] = frozenset(),
    fired: Counter[str] | None = None,
) -> Program:
    """The program with every rule applied that needs nothing but what is granted."""
    return rewrite(program, SIMPLIFY, granted=granted, fired=fired)
