"""Symbolic sizes: which are known to be the same, and what must be checked when called.

Reading starts again whenever something new is learned, so that a program never holds two symbols
for one size. Nothing here looks at values or nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from codegen_ad.ir.dims import ONE, ZERO, Dim, FloorDivision
from codegen_ad.ir.types import DType


class Restart(Exception):
    """Something was learned that changes what has been read already."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What must hold between sizes for a kernel to be right; checked when it is called.

    `case` is the comparison in words, if arguments for which it does not hold get another kernel.
    """

    kind: Literal["equal", "at_least"]
    first: Dim
    second: Dim
    message: str
    case: str | None = None


@dataclass(slots=True)
class Facts:
    """What has been learned in earlier attempts at reading a function.

    `untrue` holds the comparisons of sizes that do not hold for this signature. Of `unrolled` loops
    all iterations are written out, of `peeled` ones the first; those of `tested` test their
    conditions inside, because these change something.
    """

    untrue: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    substitution: dict[str, Dim] = field(default_factory=dict[str, Dim])
    requirements: dict[tuple[str, Dim, Dim], Requirement] = field(
        default_factory=dict[tuple[str, Dim, Dim], Requirement]
    )
    same: dict[str, tuple[Dim, str]] = field(default_factory=dict[str, "tuple[Dim, str]"])
    unrolled: set[object] = field(default_factory=set[object])
    peeled: set[object] = field(default_factory=set[object])
    tested: dict[object, Any] = field(default_factory=dict[object, Any])
    maybe: set[object] = field(default_factory=set[object])
    trees: dict[object, Any] = field(default_factory=dict[object, Any])
    checks: bool = False
    shown: list[DType] = field(default_factory=list[DType])
    shown_by: dict[object, tuple[int, ...]] = field(default_factory=dict[object, tuple[int, ...]])

    def places(self, key: object, dtypes: Sequence[DType]) -> tuple[int, ...]:
        """Where a check keeps the numbers that its message shows; new ones start reading again."""
        if not dtypes:
            return ()
        key = (key, tuple(dtypes))
        if key not in self.shown_by:
            first = len(self.shown)
            self.shown += dtypes
            self.shown_by[key] = tuple(range(first, len(self.shown)))
            raise Restart
        return self.shown_by[key]

    def solve(self, first: Dim, second: Dim, message: str, case: str | None = None) -> bool:
        """Make two sizes the same from now on; False where that is impossible or not linear.

        Arguments for which they are not have another kernel if this is a `case`.
        """
        difference = _without_common_factor(first - second)
        for name in reversed(self.order):
            value = _solved_for(name, difference)
            if value is None:
                continue
            if value.is_constant and (value.value < 0 or value == ONE):
                return False
            here = {name: value}
            self.substitution = {k: d.substitute(here) for k, d in self.substitution.items()}
            self.substitution[name] = value
            self.same = {k: (d.substitute(here), why) for k, (d, why) in self.same.items()}
            self.demand(Requirement("equal", first, second, message, case))
            return True
        return False

    def settle(self, symbols: Sequence[str], difference: Dim, message: str) -> bool:
        """Let one of the run-time sizes `symbols`, in order of their making, be what others are.

        The last one made is, because the others are known before it. What was learned of later
        ones is forgotten: they may have other names now.
        """
        for place in reversed(range(len(symbols))):
            value = _solved_for(symbols[place], difference)
            if value is None or (value.is_constant and value.value < 0):
                continue
            for later in symbols[place + 1 :]:
                self.same.pop(later, None)
            self.same[symbols[place]] = value, message
            return True
        return False

    def demand(self, requirement: Requirement) -> None:
        """Remember what a call must fulfil, once."""
        key = (requirement.kind, requirement.first, requirement.second)
        self.requirements.setdefault(key, requirement)


def _without_common_factor(difference: Dim) -> Dim:
    """`d*n - d*m` is zero exactly where `n - m` is: a size of zero makes both arrays empty."""
    if not difference.terms:
        return difference
    common = set(difference.terms[0][0]).intersection(*(set(m) for m, _ in difference.terms))
    for atom in sorted(common, key=str):
        quotient = difference.exact_quotient(Dim((((atom,), 1),)))
        if quotient is not None and not quotient.is_constant:  # else it is a size that must be 0
            return _without_common_factor(quotient)
    return difference


def _solved_for(name: str, difference: Dim) -> Dim | None:
    """The value of the symbol for which `difference` is zero, where it stands alone and once."""
    alone = {m: c for m, c in difference.terms if m == (name,)}
    if list(alone.values()) not in ([1], [-1]):
        return None
    rest = Dim(tuple(t for t in difference.terms if t[0] != (name,)))
    if name in rest.symbols():
        return None
    return -rest if alone[(name,)] == 1 else rest


def smallest(dim: Dim, least: int = 2) -> int | None:
    """A lower bound of a size whose symbols are all at least `least`, or None."""
    bound = 0
    for monomial, coefficient in dim.terms:
        if not monomial:
            bound += coefficient
        elif coefficient < 0:
            return None
        else:
            bound += coefficient * _smallest_product(monomial, least)
    return bound


def _smallest_product(monomial: tuple[str | FloorDivision, ...], least: int) -> int:
    product = 1
    for atom in monomial:
        if isinstance(atom, FloorDivision):
            inside = smallest(atom.numerator, least)
            product *= max(0, (inside or 0) // atom.divisor)
        else:
            product *= least
    return product


def sign(dim: Dim) -> int | None:
    """The sign of a difference of sizes that are not empty: 1, 0, -1, or None if it depends."""
    if dim == ZERO:
        return 0
    low, high = smallest(dim), smallest(-dim)
    if low is not None and low > 0:
        return 1
    if high is not None and high > 0:
        return -1
    return None


def dim_text(dim: Dim, names: Mapping[str, str]) -> str:
    """The size in the user's terms: `x.shape[0] - 1`."""
    return str(dim.substitute({s: Dim.symbol(names.get(s, s)) for s in dim.symbols()}))
