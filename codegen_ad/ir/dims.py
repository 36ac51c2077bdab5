"""Symbolic array dimensions: integer polynomials in named sizes, in one canonical form.

`x[1:-1]` of an `n`-vector has `n - 2` elements, an `(n, d)` matrix ravelled has `d*n`. Broadcasting
and fusion compare dimensions with `==`: polynomials that are the same everywhere are equal, and so
are floor divisions that differ by whole parts, common factors or nesting.
Never holds a value that depends on data: a size that only the run knows gets a symbol of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import total_ordering
from math import gcd
from typing import Generic, TypeVar

Place = TypeVar("Place", int, str)


@dataclass(frozen=True, slots=True)
class FloorDivision:
    """`numerator // divisor`, where the division is not exact."""

    numerator: Dim
    divisor: int

    def __str__(self) -> str:
        over = str(self.numerator) if self.numerator.name else f"({self.numerator})"
        return f"({over}//{self.divisor})"


Atom = str | FloorDivision
Monomial = tuple[Atom, ...]


@total_ordering
@dataclass(frozen=True, slots=True)
class Dim:
    """An integer polynomial: sorted `(monomial, coefficient)` pairs, no coefficient zero."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def constant(value: int) -> Dim:
        """The size `value`, known when the function is specialised."""
        return Dim((((), value),)) if value else Dim(())

    @staticmethod
    def symbol(name: str) -> Dim:
        """A size known only when the kernel is called."""
        return Dim((((name,), 1),))

    @property
    def is_constant(self) -> bool:
        """Whether the size is known now."""
        return all(not monomial for monomial, _ in self.terms)

    @property
    def value(self) -> int:
        """The size, which must be constant."""
        assert self.is_constant, f"{self} is not a constant"
        return self.terms[0][1] if self.terms else 0

    @property
    def name(self) -> str | None:
        """The symbol's name if the dimension is one symbol, else None."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            atom = self.terms[0][0][0]
            return atom if isinstance(atom, str) else None
        return None

    def symbols(self) -> Iterator[str]:
        """The names of all symbols in it, in order, with repetitions."""
        for monomial, _ in self.terms:
            for atom in monomial:
                if isinstance(atom, str):
                    yield atom
                else:
                    yield from atom.numerator.symbols()

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        """The dimension with symbols replaced; symbols that `values` lacks stay."""
        if values.keys().isdisjoint(self.symbols()):
            return self  # the common case: planning asks often
        total = ZERO
        for monomial, coefficient in self.terms:
            product = Dim.constant(coefficient)
            for atom in monomial:
                if isinstance(atom, str):
                    product = product * values.get(atom, Dim.symbol(atom))
                else:
                    product = product * (atom.numerator.substitute(values) // atom.divisor)
            total = total + product
        return total

    def evaluate(self, values: Mapping[str, int]) -> int:
        """The size when the symbols have these values, of which none may be missing."""
        total = 0
        for monomial, coefficient in self.terms:
            product = coefficient
            for atom in monomial:
                if isinstance(atom, str):
                    product *= values[atom]
                else:
                    product *= atom.numerator.evaluate(values) // atom.divisor
            total += product
        return total

    def __add__(self, other: Dim | int) -> Dim:
        other = as_dim(other)
        if not self.terms or not other.terms:
            return self if self.terms else other
        return _collect([*self.terms, *other.terms])

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return Dim(tuple((monomial, -coefficient) for monomial, coefficient in self.terms))

    def __sub__(self, other: Dim | int) -> Dim:
        return self + (-as_dim(other))

    def __rsub__(self, other: int) -> Dim:
        return as_dim(other) - self

    def __mul__(self, other: Dim | int) -> Dim:
        if other is ONE or self is ONE:
            return as_dim(other) if self is ONE else self
        return _collect(
            [
                (tuple(sorted(a + b, key=str)), p * q)
                for a, p in self.terms
                for b, q in as_dim(other).terms
            ]
        )

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Dim:
        assert divisor > 0
        # (divisor*whole + rest) // divisor = whole + rest // divisor
        whole = _collect([(m, c // divisor) for m, c in self.terms])
        rest = self - whole * divisor
        if rest.is_constant:
            return whole
        # (shared*p + c) // (shared*q) = (p + c // shared) // q
        shared = gcd(divisor, *(c for m, c in rest.terms if m))
        rest = _collect([(m, c // shared) for m, c in rest.terms])
        divisor //= shared
        # (p // q + r) // s = (p + q*r) // (q*s)
        inner = [m[0] for m, c in rest.terms if len(m) == 1 and c == 1]
        divisions = [atom for atom in inner if isinstance(atom, FloorDivision)]
        if len(divisions) == 1:
            (inside,) = divisions
            others = rest - Dim((((inside,), 1),))
            flat = inside.numerator + others * inside.divisor
            return whole + flat // (inside.divisor * divisor)
        return whole + Dim((((FloorDivision(rest, divisor),), 1),))

    def exact_quotient(self, other: Dim) -> Dim | None:
        """`self / other` if that is a polynomial with integer coefficients, else None."""
        if not other.terms:
            return None
        # Long division; the terms stand in a graded order, so the leading one goes away each time.
        (leader, divisor), quotient, rest = other.terms[0], ZERO, self
        while rest.terms:
            monomial, coefficient = rest.terms[0]
            factors = _without(monomial, leader)
            if factors is None or coefficient % divisor:
                return None
            step = Dim(((factors, coefficient // divisor),))
            quotient, rest = quotient + step, rest - step * other
        return quotient

    def __lt__(self, other: Dim) -> bool:
        return str(self) < str(other)

    def __str__(self) -> str:
        """Python text of the polynomial: `n - 2`, `d*n`, `((n + 1)//2)`."""
        if not self.terms:
            return "0"
        text = ""
        for monomial, coefficient in self.terms:
            factors = [str(atom) for atom in monomial]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            sign = "-" if coefficient < 0 else "+"
            joined = "*".join(factors)
            if text:
                text += f" {sign} {joined}"
            else:
                text = joined if coefficient > 0 else f"-{joined}"
        return text


@dataclass(frozen=True, slots=True)
class AxisSize(Generic[Place]):
    """Where a size is read: `symbol = array.shape[axis] // divisor`.

    `array` is the number of an input of a program, or the name of a parameter of a kernel.
    """

    symbol: str
    array: Place
    axis: int
    divisor: int = 1

    def of(self, shape: Sequence[int]) -> int:
        """The size where the array has this shape."""
        return shape[self.axis] // self.divisor

    def __str__(self) -> str:
        part = f" // {self.divisor}" if self.divisor > 1 else ""
        return f"{self.symbol} = {self.array}.shape[{self.axis}]{part}"


def as_dim(value: Dim | int) -> Dim:
    """`value` as a dimension."""
    return value if isinstance(value, Dim) else Dim.constant(value)


def _without(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    rest = list(monomial)
    for atom in divisor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def _collect(terms: list[tuple[Monomial, int]]) -> Dim:
    total: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        total[monomial] = total.get(monomial, 0) + coefficient
    kept = [(m, c) for m, c in total.items() if c]
    if len(kept) < 2:
        return Dim(tuple(kept))
    # Symbols first and the constant last, so that the text reads `n - 2`.
    return Dim(tuple(sorted(kept, key=lambda t: (-len(t[0]), tuple(str(a) for a in t[0])))))


ZERO = Dim(())
ONE = Dim.constant(1)


def product(dims: tuple[Dim, ...]) -> Dim:
    """The product of all dimensions: the number of elements of a shape."""
    total = ONE
    for dim in dims:
        total = total * dim
    return total
