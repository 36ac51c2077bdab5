"""What a function reads of the classes of its objects is a dependency, wherever they are."""

from __future__ import annotations

import operator
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen_ad.frontend.reader import read
from codegen_ad.runtime.dependencies import holds, manifest
from codegen_ad.runtime.watch import Watch
from codegen_ad.signature import Signature
from tests.frontend.running import form_of

MODELS = """
from dataclasses import dataclass
from typing import NamedTuple

rate = 2.0


def rated(x):
    return x * rate


class Base:
    scale = 3.0
    table = [1.0, 2.0]

    def __init__(self, a):
        self.a = a

    def step(self, x):
        return self.a * x * rate

    @property
    def twice(self):
        return 2 * self.a * self.scale

    @staticmethod
    def square(x):
        return x * x

    @classmethod
    def made(cls, a):
        return cls(a * cls.scale)


class Sub(Base):
    def step(self, x):
        return super().step(x) + self.table[1]


@dataclass
class Parameters:
    a: float
    b: float = 1.5

    def line(self, x):
        return self.a * x * rate + self.b

    def __mul__(self, x):
        return self.a * x


class Pair(NamedTuple):
    a: float
    b: float = 0.5

    def total(self, x):
        return (self.a + self.b) * x * rate
"""


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Any]:
    """A module of classes, which the functions below know by the name `there`."""
    file = tmp_path / "models_of_a_test.py"
    file.write_text(MODELS)
    module = types.ModuleType(file.stem)
    sys.modules[file.stem] = module
    exec(compile(MODELS, str(file), "exec"), vars(module))
    globals()["there"] = module
    yield module
    del sys.modules[file.stem], globals()["there"]


there: Any = None


def derived(x: Any) -> Any:
    one = there.Sub.made(x[0])
    return one.step(x[1]) * one.twice + one.square(x[2])


def given(p: Any, x: Any) -> Any:
    return p.line(x[0]) * (p * x[1])


def tuples(p: Any, x: Any) -> Any:
    return p.total(x[0]) + there.Pair(x[1]).b


def importing(x: Any) -> Any:
    import models_of_a_test as inside
    from models_of_a_test import rated

    return rated(x[0]) * inside.Base.scale


def defaults(x: Any) -> Any:
    return there.Parameters(x[0]).b * there.Pair(x[1]).b


CHANGES = {
    "a global of the module": (derived, "rate", 5.0),
    "a method": (derived, "Sub.step", lambda self, x: self.a + x),
    "a method behind `super`": (derived, "Base.step", lambda self, x: self.a + x),
    "a property": (derived, "Base.twice", property(lambda self: self.a)),
    "a static method": (derived, "Base.square", staticmethod(lambda x: x)),
    "a class method": (derived, "Base.made", classmethod(lambda cls, a: cls(a))),
    "a constant": (derived, "Base.scale", 4.0),
    "a constant that hides one": (derived, "Sub.scale", 4.0),
    "an item of a constant": (derived, "Base.table", [1.0, 7.0]),
    "`__init__`": (derived, "Base.__init__", lambda self, a: setattr(self, "a", 2 * a)),
    "a global of a parameter's module": (given, "rate", 5.0),
    "a method of a parameter": (given, "Parameters.line", lambda self, x: self.b * x),
    "an operator of a parameter": (given, "Parameters.__mul__", lambda self, x: self.b * x),
    "a method of a named tuple": (tuples, "Pair.total", lambda self, x: self.a * x),
    "a global of its module": (tuples, "rate", 5.0),
    "a global of an imported module": (importing, "rate", 5.0),
    "a function imported inside": (importing, "rated", lambda x: x * x),
    "a default of a dataclass": (defaults, "Parameters.__init__.__defaults__", (7.0,)),
    "a default of a named tuple": (defaults, "Pair.__new__.__defaults__", (7.0,)),
    "a class imported inside": (importing, "Base.scale", 4.0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(models: Any, change: str) -> None:
    function, where, value = CHANGES[change]
    first = {given: models.Parameters(0.5), tuples: models.Pair(0.5)}.get(function)
    args = {"p": first, "x": np.ones(3)} if first is not None else {"x": np.ones(3)}
    reading = read(function, Signature(tuple((n, form_of(a)) for n, a in args.items())))
    found = manifest(function, reading.dependencies)
    watch = Watch(function, found)
    assert holds(function, found)
    assert watch.unchanged()
    owner, _, name = where.rpartition(".")
    setattr(operator.attrgetter(owner)(models) if owner else models, name, value)
    assert not holds(function, found)
    assert not watch.unchanged()


def test_classes_of_one_name_have_signatures_of_their_own(models: Any) -> None:
    class Parameters(models.Parameters):
        pass

    Parameters.__qualname__ = "Parameters"
    mine, theirs = (Signature((("p", form_of(c(1.0))),)) for c in (Parameters, models.Parameters))
    assert str(mine) != str(theirs)
