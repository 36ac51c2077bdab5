"""Objects made inside of a function: as Python makes them, or refused."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import pytest

from codegen_ad.errors import UnknownFunction
from tests.frontend.construct import X
from tests.frontend.uses import check_use


@dataclasses.dataclass
class Plain:
    a: Any
    b: Any = 2.0


class OwnInit(Plain):
    def __init__(self, a: Any) -> None:
        super().__init__(a * 2)


class OwnSetting(Plain):
    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value * 2)


class OwnGetting(Plain):
    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name) * 2


@dataclasses.dataclass(init=False)
class NoInit:
    a: Any

    def __init__(self, a: Any) -> None:
        self.a = a * 3


@dataclasses.dataclass
class WithInitVar:
    a: Any
    factor: dataclasses.InitVar[Any] = 2.0

    def __post_init__(self, factor: Any) -> None:
        self.a = self.a * factor


class Pair(NamedTuple):
    a: Any
    b: Any = 3.0


class OwnNew(Pair):
    def __new__(cls, a: Any) -> Any:
        return super().__new__(cls, a * 2, 5.0)


@pytest.mark.parametrize("cls", [OwnInit, OwnSetting, OwnGetting, NoInit, WithInitVar, OwnNew])
def test_a_class_with_a_way_of_its_own_is_refused(cls: Any) -> None:
    def function(x: Any) -> Any:
        return cls(x[0]).a ** 2

    with pytest.raises(UnknownFunction, match=f"cannot see into `{cls.__name__}`"):
        check_use(function, x=X)


@dataclasses.dataclass
class Settled:
    a: Any
    b: Any = 2.0
    c: Any = dataclasses.field(default=3.0, init=False)
    items: Any = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.b = self.b * self.a
        self.c = self.a**2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    a: Any
    b: Any = 1.0

    @staticmethod
    def square(v: Any) -> Any:
        return v**2

    @classmethod
    def twice(cls, v: Any) -> Named:
        return cls(a=v, b=v * 2)

    @property
    def product(self) -> Any:
        return self.a * self.b


class Shown(Pair):
    @property
    def a(self) -> Any:
        return 5 * self[0]

    @property
    def both(self) -> Any:
        return self.a * self.b

    @staticmethod
    def half(v: Any) -> Any:
        return v / 2


def settled(x: Any) -> Any:
    one, other = Settled(x[0], items=[x[1]]), Settled(x[2])
    other.items.append(x[3])
    return one.b * one.c * one.items[0] + other.items[0] ** 2 * len(other.items)


def named(x: Any) -> Any:
    made = Named.twice(x[0])
    return made.product * Named.square(x[1]) * made.square(x[2])


def shown(x: Any) -> Any:
    pair = Shown(x[0], x[1])
    return pair.both * pair.half(x[2]) + Shown(x[3]).a ** 2


@pytest.mark.parametrize("function", [settled, named, shown])
def test_objects_are_made_as_in_python(function: Any) -> None:
    check_use(function, x=X)
