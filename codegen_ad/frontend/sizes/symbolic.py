"""Symbolic sizes: which are known to be the same, and what must be checked when called.

Reading starts again whenever something new is learned, so that a program never holds two symbols
for one size. Nothing here looks at values or nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from codegen_ad.frontend.sizes.residues import (
    Split,
    can_be,
    divided,
    divisor_for,
    reduced,
    solved_for,
    splits,
)
from codegen_ad.ir.dims import ZERO, Dim, FloorDivision
from codegen_ad.ir.node import Access
from codegen_ad.ir.types import DType


class Restart(Exception):
    """Something was learned that changes what has been read already."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What must hold between sizes for a kernel to be right; checked when it is called.

    A "remainder" has to be equal, and only `first` is a size of the user's.

    `case` is the comparison in words, if arguments for which it does not hold get another kernel.
    """

    kind: Literal["equal", "at_least", "remainder"]
    first: Dim
    second: Dim
    message: str
    case: str | None = None


@dataclass(slots=True)
class Facts:
    """What has been learned in earlier attempts at reading a function.

    `untrue` holds the comparisons of sizes that do not hold for this signature, `taken` the names
    that are not for new symbols. Of `unrolled` loops
    all iterations are written out, of `peeled` ones the first; the conditions of `certain` ones,
    which are `while` loops, may be known before the run in all iterations; those of `tested` test
    their conditions inside, because these change something, and how often `counted` ones run is a
    size.
    The conditions of `picked` comprehensions come before their elements. `long` are lists of one
    number, repeated, that are written at places which data tell: they are kept as arrays. In
    `growing` loops, integers may become larger than 64 bits. Of the lists that some paths only
    append to, which are `filled`, it is known what their items are, and how many at most.
    `guesses` are equalities that hold as long
    as they are True, until the reading finds that they cannot. The places of the `visited` accesses
    are checked explicitly, because nothing that is left of the program looks at them.
    """

    untrue: frozenset[str] = frozenset()
    visited: frozenset[Access] = frozenset()
    taken: frozenset[str] = frozenset()
    guesses: dict[str, bool] = field(default_factory=dict[str, bool])
    order: tuple[str, ...] = ()
    substitution: dict[str, Dim] = field(default_factory=dict[str, Dim])
    requirements: dict[tuple[str, Dim, Dim], Requirement] = field(
        default_factory=dict[tuple[str, Dim, Dim], Requirement]
    )
    splits: dict[str, Split] = field(default_factory=dict[str, Split])
    same: dict[str, tuple[Dim, str]] = field(default_factory=dict[str, "tuple[Dim, str]"])
    unrolled: set[object] = field(default_factory=set[object])
    certain: set[object] = field(default_factory=set[object])
    peeled: set[object] = field(default_factory=set[object])
    tested: dict[object, Any] = field(default_factory=dict[object, Any])
    counted: set[object] = field(default_factory=set[object])
    picked: set[object] = field(default_factory=set[object])
    maybe: set[object] = field(default_factory=set[object])
    long: set[object] = field(default_factory=set[object])
    growing: set[object] = field(default_factory=set[object])
    whole: set[object] = field(default_factory=set[object])
    filled: dict[object, Any] = field(default_factory=dict[object, Any])
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
        difference = reduced(first - second)
        for name in reversed(self.order):
            value = solved_for(name, difference)
            if value is None:
                continue
            if not can_be(value, is_part=self.symbols[name]):
                return False
            self._substitute(name, value)
            self.demand(Requirement("equal", first, second, message, case))
            return True
        for name in reversed(self.order):
            value = divisor_for(name, difference)
            if value is not None and can_be(value, is_part=self.symbols[name]):
                self._substitute(name, value)
                self.demand(Requirement("equal", self.in_symbols_of_axes(Dim.symbol(name)),
                                        value, message, case))  # fmt: skip
                return True
        return False

    @property
    def symbols(self) -> dict[str, bool]:
        """The symbols in order, and whether each is a part of another one."""
        parts = {made.part for made in self.splits.values()}
        return {name: name in parts for name in self.order}

    def split(self, name: str, made: Split) -> None:
        """Write a symbol as a multiple and a remainder from now on."""
        place = self.order.index(name) + 1
        self.order = (*self.order[:place], made.part, *self.order[place:])
        self.splits[name] = made
        self._substitute(name, made.value)

    def _substitute(self, name: str, value: Dim) -> None:
        here = {name: value}
        self.substitution = {k: d.substitute(here) for k, d in self.substitution.items()}
        self.substitution[name] = value
        self.same = {k: (d.substitute(here), why) for k, (d, why) in self.same.items()}

    def in_symbols_of_axes(self, dim: Dim) -> Dim:
        """The size in symbols of axes alone: no parts of split ones."""
        for name, made in reversed(self.splits.items()):
            dim = _joined(dim, Dim.symbol(name), made)
        return dim

    def bound(self, dim: Dim) -> int | None:
        """A lower bound of a difference of sizes that are not empty, or None."""
        return smallest(self._shifted(dim))

    def sign(self, dim: Dim) -> int | None:
        """The sign of a difference of sizes that are not empty: 1, 0, -1, or None if it depends."""
        return sign(self._shifted(dim))

    def remainders(self, difference: Dim) -> tuple[str, list[Split]]:
        """A symbol whose remainder decides the sign of a difference, and all its remainders."""
        for name in divided(difference):
            found = splits(difference, name, f"{name}%")
            least = self._least().get(name, 0)
            if found and all(
                sign(self._shifted(_from(d, way.part, way.smallest_part(least)))) is not None
                for way, d in found
            ):
                return name, [way for way, _ in found]
        return "", []

    def _shifted(self, dim: Dim) -> Dim:
        """The size with every part as large as the others are at least."""
        least = self._least()
        for made in self.splits.values():
            dim = _from(dim, made.part, least[made.part])
        return dim

    def _least(self) -> dict[str, int]:
        """Lower bounds of the symbols of axes that are not empty."""
        least = dict.fromkeys(self.order, LEAST)
        for name, made in self.splits.items():
            least[made.part] = made.smallest_part(least[name])
        return least

    def settle(self, symbols: Sequence[str], difference: Dim, message: str) -> bool:
        """Let one of the run-time sizes `symbols`, in order of their making, be what others are.

        The last one made is, because the others are known before it. What was learned of later
        ones is forgotten: they may have other names now.
        """
        for place in reversed(range(len(symbols))):
            value = solved_for(symbols[place], difference)
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


def _joined(dim: Dim, symbol: Dim, made: Split) -> Dim:
    """The size with a symbol in place of its part."""
    total = ZERO
    for monomial, coefficient in dim.terms:
        alone = tuple(a for a in monomial if a != made.part)
        if len(monomial) == len(alone) + 1 and not coefficient % made.divisor:
            total += Dim(((alone, coefficient // made.divisor),)) * (symbol - made.rest)
        else:
            total += Dim(((monomial, coefficient),)).substitute({made.part: symbol // made.divisor})
    return total


LEAST = 2
"""Axes of size 1 are not symbols, and empty arrays have a case of their own."""


def smallest(dim: Dim, least: int = LEAST) -> int | None:
    """A lower bound of a size whose symbols are all at least `least`, or None."""
    bound = _smallest_sum(dim, least)
    for name in divided(dim):
        if found := splits(dim, name, f"{name}%"):
            shifted = (_from(d, way.part, way.smallest_part(least), least) for way, d in found)
            bounds = [smallest(d, least) for d in shifted]
            known = [b for b in bounds if b is not None]
            if len(known) == len(bounds):
                return max(min(known), bound) if bound is not None else min(known)
    return bound


def _from(dim: Dim, symbol: str, low: int, least: int = LEAST) -> Dim:
    """The size where a symbol that is at least `low` has become one that is at least `least`."""
    return dim.substitute({symbol: Dim.symbol(symbol) + (low - least)})


def _smallest_sum(dim: Dim, least: int) -> int | None:
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
