"""The passes in order, and why each stands where it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from codegen_ad.ir.node import Program
from codegen_ad.ir.verify import verify
from codegen_ad.passes.accumulate import accumulate
from codegen_ad.passes.arithmetic import ROUNDING
from codegen_ad.passes.before_loops import before_loops
from codegen_ad.passes.constants import constants
from codegen_ad.passes.dead import dead
from codegen_ad.passes.distribute import distribute
from codegen_ad.passes.early_sums import early_sums
from codegen_ad.passes.erase import erase
from codegen_ad.passes.factors import factors
from codegen_ad.passes.hoist import hoist_scalars
from codegen_ad.passes.merge import merge
from codegen_ad.passes.reciprocals import reciprocals
from codegen_ad.passes.rows import rows
from codegen_ad.passes.simplify import simplify

OnPass = Callable[[str, Program], None]
"""Called with the name of a pass and the program it made."""


def before(
    program: Program,
    *,
    granted: frozenset[str] = ROUNDING,
    fired: Counter[str] | None = None,
    on_pass: OnPass | None = None,
    check: bool = False,
) -> Program:
    """The program made smaller before it is differentiated; what differentiation looks at stays."""
    algebra = partial(simplify, granted=granted, fired=fired)
    return _run(
        program,
        (
            # Algebra first: a literal exponent becomes a product, whose derivative is simpler.
            ("simplify", algebra),
            # Then what literals have decided: sides of branches that are never taken.
            ("constants", constants),
            # What loops need not do in each trip is differentiated once.
            ("before loops", before_loops),
            # What nobody reads need not be differentiated.
            ("dead", dead),
        ),
        on_pass,
        check,
    )


def run(
    program: Program,
    *,
    granted: frozenset[str] = ROUNDING,
    fired: Counter[str] | None = None,
    on_pass: OnPass | None = None,
    check: bool = False,
    distributed: bool = False,
    factored: bool = True,
) -> Program:
    """The program made ready to be planned; `fired` counts how often each rule was applied.

    `distributed` lets loops that keep records be taken apart, for memory of the same order.
    `factored` lets matrices be factored once, where there is a library to do so.
    """
    algebra = partial(simplify, granted=granted, fired=fired)
    hoist = partial(hoist_scalars, granted=granted, fired=fired)
    early = partial(early_sums, fired=fired)
    return _run(
        program,
        (
            # Differentiation is done, so what only it looks at goes first: it hides algebra.
            ("erase", erase),
            # Literals may decide branches now that calls are written out.
            ("constants", constants),
            # Adjoints come with zeros, ones, signs and broadcasts that mean nothing.
            ("simplify", algebra),
            # After the algebra, because a factor is found only where it stands as one.
            ("hoist", hoist),
            # With factors outside, sums show the products of matrices that they add up.
            ("early sums", early if "rounding" in granted else _as_it_is),
            # What both leave behind: ones, numbers next to numbers.
            ("simplify", algebra),
            # What is left is what runs, so that now loops show which of them can run together.
            ("dead", dead),
            # A loop and its adjoint become one loop, which computes what both need once.
            ("merge", merge),
            # After merging, which looks for loops that do the same, and before sums are written.
            (
                "distribute",
                distribute if distributed and "rounding" in granted else _as_it_is,
            ),
            # After merging, which looks for what both loops compute in the same words.
            ("accumulate", accumulate),
            # Only now is it settled which loops there are, and what they take.
            ("rows", rows),
            # Rules look for quotients, and loops that run together divide by the same.
            ("reciprocals", reciprocals if "rounding" in granted else _as_it_is),
            # Nothing is differentiated any more, and what is factored is settled.
            ("factors", partial(factors, fired=fired) if factored else _as_it_is),
            # Last, because every pass before may leave something unread.
            ("dead", dead),
        ),
        on_pass,
        check,
    )


def _as_it_is(program: Program) -> Program:
    return program


def _run(
    program: Program,
    passes: tuple[tuple[str, Callable[[Program], Program]], ...],
    on_pass: OnPass | None,
    check: bool,
) -> Program:
    for name, run_pass in passes:
        program = run_pass(program)
        if check:
            verify(program)
        if on_pass is not None:
            on_pass(name, program)
    return program
