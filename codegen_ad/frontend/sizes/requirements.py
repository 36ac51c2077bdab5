"""What is required of sizes: settled now, or checked when a kernel is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from codegen_ad.errors import ShapeMismatch
from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks
from codegen_ad.frontend.sizes.naming import part_name, size_text
from codegen_ad.frontend.sizes.residues import Split, ways_to_zero
from codegen_ad.frontend.sizes.run_time import is_certain, is_run_time, length, polynomial, settle
from codegen_ad.frontend.sizes.symbolic import Requirement, Restart, smallest
from codegen_ad.frontend.values import Array
from codegen_ad.ir.dims import ONE, ZERO, Dim, as_dim
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def equate(m: Machine, first: Dim, second: Dim, what: str) -> None:
    """Require two sizes to be the same; reading starts again if that is news."""
    if first == second:
        return
    one, other = (size_text(m, d) for d in (first, second))
    difference = first - second
    if is_run_time(m, difference):
        settle(m, difference, f"line {m.line()}: the sizes in `{what.lstrip('%')}` differ")
        m.unroll()  # the sizes may be known for each iteration
        m.refuse(
            f"`{what}` needs {one} == {other}, which depends on the data.",
            "Pick the elements of both arrays by the same mask or bounds.",
            ShapeMismatch,
        )
    if is_run_time(m, first):  # what is the same on both sides does not matter
        first, second = difference, ZERO
        one, other = (size_text(m, d) for d in (first, second))
    if not difference.is_constant:
        message = f"line {m.line()}: {what} needs {one} == {other}"
        if m.facts.solve(first, second, message):
            raise Restart
        name, ways = ways_to_zero(difference, m.facts.symbols)
        if len(ways) == 1:
            m.facts.demand(Requirement("equal", first, second, message))
        if ways:
            _split(m, name, ways, what)
    m.refuse(
        f"`{what}` needs {one} and {other} to be the same size, and they are not."
        if difference.is_constant
        else f"`{what}` needs {one} == {other}, which cannot be settled before the call.",
        "Check the shapes of the arrays, for example by printing them.",
        ShapeMismatch,
    )


def is_zero_for_a_remainder(m: Machine, difference: Dim) -> bool:
    """Whether a difference of sizes is zero for one remainder of a symbol alone."""
    if is_run_time(m, difference):
        return False
    return len(ways_to_zero(difference, m.facts.symbols)[1]) == 1


def decide(m: Machine, difference: Dim) -> None:
    """Let remainders decide the sign of a difference, if they do: each has its kernel."""
    if m.facts.sign(difference) is not None or is_run_time(m, difference):
        return
    name, ways = m.facts.remainders(difference)
    if ways:
        _split(m, name, ways, m.text())


def _split(m: Machine, name: str, ways: Sequence[Split], what: str) -> None:
    """Start again with the remainder of a symbol that the signature is for."""
    size, divisor = Dim.symbol(name), ways[0].divisor
    text = size_text(m, size)
    cases = {way: f"{text} % {divisor} == {way.rest}" for way in ways}
    left = [way for way in ways if len(ways) == 1 or cases[way] not in m.facts.untrue]
    rests = [str(way.rest) for way in sorted(ways, key=lambda way: way.rest)]
    needed = f"{what} needs {text} % {divisor} to be {' or '.join(rests)}"
    if not left:
        m.refuse(
            f"`{what}` needs {text} % {divisor} to be {' or '.join(rests)}, and it is not.",
            "Check the shapes of the arrays, for example by printing them.",
            ShapeMismatch,
        )
    way = left[0]
    remainder = size - size // divisor * divisor
    m.facts.demand(
        Requirement(
            "remainder", remainder, as_dim(way.rest), f"line {m.line()}: {needed}",
            cases[way] if len(ways) > 1 else None,
        )
    )  # fmt: skip
    taken = m.facts.taken.union(m.size_names, m.facts.order)
    m.facts.split(name, replace(way, part=part_name(name, divisor, taken)))
    raise Restart


def require(m: Machine, at_least: Dim, minimum: Dim | int, what: str) -> None:
    """Require a size to be at least `minimum` when the kernel is called."""
    least = as_dim(minimum)
    bound = smallest(at_least - least, 0)
    if bound is not None and bound >= 0:
        return
    one, other = (size_text(m, d) for d in (at_least, least))
    if is_run_time(m, at_least - least):
        if not is_certain(m, at_least - least):
            sizes = (make.size(m.b, d) for d in (at_least, least))
            fails = make.apply(m.b, "less", *sizes)
            checks.refuse_when(m, fails, "ValueError", f"{what} needs a size of at least {other}")
        return
    if (at_least - least).is_constant:
        m.refuse(
            f"`{what}` needs a size of at least {other}, and it is {one}.",
            "Check the shapes of the arrays, for example by printing them.",
            ShapeMismatch,
        )
    message = f"line {m.line()}: {what} needs {one} >= {other}"
    m.facts.demand(Requirement("at_least", at_least, least, message))


def holds(m: Machine, first: Dim, second: Dim | int, what: str) -> bool:
    """Whether a size is at least another one; where only a call tells, each case has its kernel.

    Reading goes on as if it were, unless the signature says that it is not; either is checked when
    the kernel is called.
    """
    least = as_dim(second)
    if (bound := smallest(first - least, 0)) is not None and bound >= 0:
        return True
    if (bound := smallest(least - 1 - first, 0)) is not None and bound >= 0:
        return False
    case = _comparison(m, first, least)
    message = f"line {m.line()}: {what} needs "
    if case in m.facts.untrue:
        other = _comparison(m, least, first + 1)
        m.facts.demand(Requirement("at_least", least, first + 1, message + other))
        return False
    m.facts.demand(Requirement("at_least", first, least, message + case, case))
    return True


def smaller(m: Machine, first: Dim, second: Dim, what: str) -> Dim:
    """The smaller one of two sizes; where only a call tells, each case has its kernel.

    Whole axes of two arguments are guessed to be the same.
    """
    for one, other in ((first, second), (second, first)):
        if (bound := smallest(other - one, 0)) is not None and bound >= 0:
            return one
    if is_run_time(m, first - second):
        with m.b.home(held for d in (first, second) for s in d.symbols() if (held := m.b.size(s))):
            least = make.apply(m.b, "minimum", make.size(m.b, first), make.size(m.b, second))
        return length(m, least)
    case = " == ".join(size_text(m, d) for d in (first, second))
    message = f"line {m.line()}: {what} needs {case}"
    may_be = first.name is not None and second.name is not None and case not in m.facts.untrue
    guessed = may_be and m.facts.guesses.setdefault(case, True)
    if guessed and m.facts.solve(first, second, message, case):
        raise Restart
    return second if holds(m, first, second, what) else first


def is_empty(m: Machine, size: Dim, what: str) -> bool:
    """Whether the signature says that a size is 0."""
    return _comparison(m, size, ONE) in m.facts.untrue and not holds(m, size, ONE, what)


def _comparison(m: Machine, first: Dim, second: Dim) -> str:
    return " >= ".join(size_text(m, d) for d in (first, second))


def size_from(m: Machine, value: Value, what: str) -> Dim:
    """The value as a size: a Python int, a symbolic size or an integer scalar of the program."""
    match value:
        case Dim():
            return value
        case bool() | np.bool_() | int() | np.integer():
            return Dim.constant(int(value))
        case Array():
            m.unroll()
            return _size_of_array(m, value, what)
        case _:
            m.refuse(
                f"The {what} must be an integer, not {m.describe(value)}.",
                "Pass an integer, for example `int(n)`.",
            )


def _size_of_array(m: Machine, value: Array, what: str) -> Dim:
    kind = m.type_of(value)
    if kind.shape or not kind.dtype.is_integer:
        m.refuse(
            f"The {what} must be an integer, not {m.describe(value)}.",
            "Convert it: `int(x)`.",
        )
    node = data.index_node(m, value)
    known = polynomial(m, node)
    if known is None or not is_certain(m, known):
        negative = make.apply(m.b, "less", node, make.constant(m.b, 0, DType.INT64))
        checks.refuse_when(m, negative, "ValueError", f"the {what} is negative")
    return length(m, node)
