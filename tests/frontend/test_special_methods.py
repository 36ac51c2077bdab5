"""Operators, comparisons and truth of objects: what their classes say, else what Python does."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from codegen_ad.errors import UnsupportedSyntax
from codegen_ad.frontend.reader import read
from tests.frontend.construct import X
from tests.frontend.running import signature_of
from tests.frontend.uses import check_use


@dataclasses.dataclass(order=True)
class Dual:
    a: Any
    b: Any = 0.0
    tag: Any = dataclasses.field(default=0, compare=False)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Dual):
            return Dual(self.a * other.a, self.a * other.b + self.b * other.a)
        return Dual(self.a * other, self.b * other)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Dual):
            return Dual(self.a + other.a, self.b + other.b)
        return Dual(self.a + other, self.b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return Dual(other - self.a, -self.b)

    def __pow__(self, power: Any) -> Any:
        found = Dual(1.0)
        for _ in range(power):
            found = found * self
        return found

    def __neg__(self) -> Any:
        return Dual(-self.a, -self.b)

    def __iadd__(self, other: Any) -> Any:
        self.a = self.a + other
        return self

    def __abs__(self) -> Any:
        return abs(self.a)

    def __call__(self, scale: Any, *, more: Any = 2.0) -> Any:
        return self.a * scale + more * self.b


@dataclasses.dataclass
class Falsy:
    a: Any

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 3

    def __contains__(self, item: Any) -> bool:
        return True

    def __getitem__(self, place: Any) -> Any:
        return self.a * place


@dataclasses.dataclass
class Empty:
    a: Any

    def __len__(self) -> int:
        return 0


@dataclasses.dataclass(eq=False)
class Alone:
    a: Any


class Vector(NamedTuple):
    x: Any
    y: Any

    def __add__(self, other: Any) -> Any:
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, other: Any) -> Any:
        return self.x * other + self.y

    __rmul__ = __mul__

    def __matmul__(self, other: Any) -> Any:
        return self.x * other.x + self.y * other.y

    def __neg__(self) -> Any:
        return Vector(-self.x, -self.y)

    def __abs__(self) -> Any:
        return math.sqrt(self.x**2 + self.y**2)


def numbers(x: Any) -> Any:
    u = Dual(x[0], 1.0)
    f = 3 * u * u + u**3 + u * x[1] + x[2] * u + (1.0 - u)
    total = f.a * f.b + (-f).b + f(x[3]) + f(1.0, more=x[4]) + abs(u)
    same = u
    u += x[1]
    for v in x:
        f = f * Dual(v, 0.5)
    return total + same.a * u.a + f.b + sum([Dual(x[0]), Dual(x[1], 2.0)]).b


def compared(x: Any) -> Any:
    total = x[0] ** 2
    if Dual(x[0]) < Dual(x[1]):
        total += x[1] ** 3
    if Dual(x[0], 1.0) >= Dual(x[0], 0.5):
        total *= x[2]
    if Dual(x[0], 1.0, tag=1) == Dual(x[0], 1.0, tag=2):
        total *= x[3]
    if Dual(x[0]) != Dual(x[1]):
        total *= x[4]
    if Dual(1.0) in (Dual(2.0), Dual(1.0)):
        total *= x[0]
    if Alone(1.0) == Alone(1.0) or Dual(1.0) == 1.0:
        total *= 100.0
    return total


def truths(x: Any) -> Any:
    total = x[0] * x[1] if Falsy(x[0]) else x[2] ** 2
    total *= 5.0 if Empty(x[0]) else x[3]
    total *= x[4] if Alone(x[0]) and not Falsy(1.0) else 7.0
    total *= 2.0 if 17 in Falsy(1.0) else 3.0
    return total * Falsy(x[1])[2] * len(Falsy(x[1]))


def vectors(x: Any) -> Any:
    a = Vector(x[0], x[1])
    c = a + Vector(x[2], 2.0)
    c += a
    total = c @ a + (-c).x + abs(a) + a * 2 + 3.0 * a + a * x[3]
    return total + sum(x[0] * Vector(1.0, 2.0)) + (x[2] if a == (x[0], x[1]) else 0.0)


def dtypes(x: Any) -> Any:
    total = x[0] ** 2 if x.dtype == "float64" else x[1]
    total *= x[2] if x.dtype == "f8" else x[3]
    return total * (x[4] if x.dtype != "float32" else x[3])


def replaced(x: Any) -> Any:
    one = Dual(x[0], x[1:3])
    other = dataclasses.replace(one, a=x[3] ** 2)
    held, pair = dataclasses.asdict(one), dataclasses.astuple(other)
    held["b"][0] = x[4]
    names = sum(getattr(other, f.name) for f in dataclasses.fields(other)[:1])
    return other.a * other.b.sum() * pair[0] + held["b"].sum() * one.b.sum() + names


@pytest.mark.parametrize("function", [numbers, compared, truths, vectors, dtypes, replaced])
def test_objects_mean_what_their_classes_say(function: Any) -> None:
    check_use(function, x=X)


def test_an_array_before_an_object_that_numpy_would_go_through_is_refused() -> None:
    def scalar(x: Any) -> Any:
        return x[0] * Sequence(x[1])

    with pytest.raises(UnsupportedSyntax, match="NumPy's"):
        read(scalar, signature_of(scalar, np.ones(3)))


@dataclasses.dataclass
class Sequence:
    a: Any

    def __len__(self) -> int:
        return 2

    def __getitem__(self, place: int) -> Any:
        return [self.a, self.a][place]

    def __rmul__(self, other: Any) -> Any:
        return self.a * other
