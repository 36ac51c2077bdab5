"""Sizes with floor divisions, for each remainder of a symbol.

No polynomial solves `(n + 1)//2 == n//2` for `n`, but where `n = 2*q` both sides are `q`, and where
`n = 2*q + 1` they never agree. So a symbol is split: it becomes `divisor*part + rest`, and floor
divisions of it go away. Which remainder a call has is one more thing that tells kernels apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd, lcm

from codegen_ad.ir.dims import Dim, FloorDivision

MOST = 64
"""Remainders of larger numbers are not told apart."""


@dataclass(frozen=True, slots=True)
class Split:
    """How a symbol is written in one case of its remainder: `divisor*part + rest`."""

    part: str
    divisor: int
    rest: int

    @property
    def value(self) -> Dim:
        """The symbol's value."""
        return self.divisor * Dim.symbol(self.part) + self.rest

    def smallest_part(self, least: int) -> int:
        """A lower bound of the part where the symbol is at least `least`."""
        return max(0, -(-(least - self.rest) // self.divisor))


def divided(dim: Dim) -> list[str]:
    """The symbols in floor divisions, each once."""
    return list(dict.fromkeys(s for d in _divisions(dim) for s in d.numerator.symbols()))


def _divisions(dim: Dim) -> Iterator[FloorDivision]:
    for monomial, _ in dim.terms:
        yield from (atom for atom in monomial if isinstance(atom, FloorDivision))


def splits(dim: Dim, name: str, part: str) -> list[tuple[Split, Dim]]:
    """The size for each remainder of a symbol, without floor divisions of it; else nothing."""
    divisor = 1
    while divisors := [
        d.divisor
        for d in _divisions(dim.substitute({name: divisor * Dim.symbol(part)}))
        if part in d.numerator.symbols()
    ]:
        divisor *= lcm(*divisors)
        if divisor > MOST:
            return []
    ways = [Split(part, divisor, rest) for rest in range(divisor)]
    found = [(way, dim.substitute({name: way.value})) for way in ways]
    return found if not any(part in divided(d) for _, d in found) else []


def solvable(difference: Dim, names: dict[str, bool]) -> bool:
    """Whether a difference of sizes can be zero, by fixing symbols or their remainders."""
    difference = reduced(difference)
    if difference.is_constant:
        return not difference.terms
    if any(
        (value := solved_for(n, difference)) is not None and can_be(value, is_part=is_part)
        for n, is_part in names.items()
    ):
        return True
    return bool(ways_to_zero(difference, names)[1])


def ways_to_zero(difference: Dim, names: dict[str, bool]) -> tuple[str, list[Split]]:
    """A symbol, the last one that does, and its remainders for which the difference can be zero.

    Those for which it always is come first. The parts have no name yet. `names` are the symbols in
    order, and whether each is a part.
    """
    for name in reversed(names):
        if name not in divided(difference):
            continue
        part = f"{name}%"
        found = splits(difference, name, part)
        always = [way for way, d in found if not d.terms]
        others = [way for way, d in found if d.terms and solvable(d, {**names, part: True})]
        if always or others:
            return name, [*always, *others]
    return "", []


def can_be(value: Dim, *, is_part: bool) -> bool:
    """Whether a symbol can have the value: not less than 0, and axes of size 1 have no symbol."""
    return not value.is_constant or value.value == 0 or value.value > (0 if is_part else 1)


def reduced(difference: Dim) -> Dim:
    """A simpler difference that is zero for the same sizes.

    `d*n - d*m` is zero exactly where `n - m` is: a size of zero makes both arrays empty. So is
    `3*n - 6` where `n - 2` is.
    """
    if not difference.terms:
        return difference
    if len(difference.terms) > 1:  # else it is a size that must be 0
        divisor = gcd(*(c for _, c in difference.terms))
        difference = Dim(tuple((m, c // divisor) for m, c in difference.terms))
    atoms = [set(m) for m, _ in difference.terms]
    common = atoms[0].intersection(*atoms[1:])
    for atom in sorted(common, key=str):
        quotient = difference.exact_quotient(Dim((((atom,), 1),)))
        if quotient is not None and not quotient.is_constant:  # else it is such a size
            return reduced(quotient)
    return difference


def solved_for(name: str, difference: Dim) -> Dim | None:
    """The value of the symbol for which `difference` is zero, where it stands alone and once."""
    alone = {m: c for m, c in difference.terms if m == (name,)}
    if list(alone.values()) not in ([1], [-1]):
        return None
    rest = Dim(tuple(t for t in difference.terms if t[0] != (name,)))
    if name in rest.symbols():
        return None
    return -rest if alone[(name,)] == 1 else rest


def divisor_for(name: str, difference: Dim) -> Dim | None:
    """What divides a floor division by 1: the value of the symbol for which the rest is zero, too.

    `n*d//3` is `n` where `d` is 3, as for the rows of `x.reshape(3, -1)` and columns of `x`. Other
    sizes for which it is are not looked for: rows that fill the array have none.
    """
    for division in _divisions(difference):
        value = Dim.constant(division.divisor)
        products = [atoms for atoms, _ in division.numerator.terms]
        is_product = len(products) == 1 and len(products[0]) > 1 and name in products[0]
        if is_product and not difference.substitute({name: value}).terms:
            return value
    return None
