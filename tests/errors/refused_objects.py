"""Functions that are refused, one for each message: objects and what their classes say."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any, NamedTuple

import numpy as np

HELPERS = ()


@dataclasses.dataclass
class Point:
    """An object with an operator of its own."""

    a: Any
    b: Any = 0.0

    def __rmul__(self, other: Any) -> Any:
        return Point(self.a * other, self.b)


class Sized(NamedTuple):
    """A tuple that is not the tuple of its fields."""

    a: Any

    def __len__(self) -> int:
        return 7


class Equal(NamedTuple):
    """A tuple that is compared in a way of its own."""

    a: Any

    def __eq__(self, other: object) -> bool:
        return True


class Kept:
    """A descriptor, which runs code of its own."""

    def __get__(self, owner: Any, cls: Any) -> Any:
        return 2.0


class Growing:
    """A class with a descriptor, and one without a class behind it."""

    rate = Kept()

    def step(self, x: Any) -> Any:
        return super().step(x)


SIZED = Sized(1.0)
EQUAL = Equal(1.0)


def operator_without_a_meaning(x: Any) -> Any:
    return (Point(x[0]) - Point(x[1])).a


def object_for_each_element(x: Any) -> Any:
    return x * Point(x[0])


def object_as_a_text(x: Any) -> Any:
    return x[0] if str(Point(1.0)) == "1.0" else x[1]


def object_as_a_key(x: Any) -> Any:
    return {Point(1.0): x[0]}[Point(1.0)]


def tuple_with_ways_of_its_own(x: Any) -> Any:
    return len(Sized(x[0])) * x[0]


def tuple_outside_with_ways_of_its_own(x: Any) -> Any:
    return len(SIZED) * x[0]


def copied_with_a_long_list(x: Any) -> Any:
    return dataclasses.asdict(Point([v**2 for v in x]))["a"][0]


def replaced_in_no_object(x: Any) -> Any:
    return dataclasses.replace(x, a=1.0)


def objects_in_an_array(x: Any) -> Any:
    return np.array([Point(x[0]), Point(x[1])])[0].a


def tuple_passed_with_ways_of_its_own(x: Any, equal: Any) -> Any:
    return x[0] if equal == 3 else x[1]


class Plain:
    """A class without fields, whose `__init__` makes its objects."""

    def __init__(self, a: Any) -> None:
        self.a = a

    @property
    def half(self) -> Any:
        """What can't be set."""
        return self.a / 2


class Empty:
    """A class that takes no arguments."""


def plain_object_returned(x: Any) -> Any:
    return Plain(x[0])


def property_set(x: Any) -> Any:
    made = Plain(x[0])
    made.half = x[1]
    return made.a


def plain_class_without_arguments(x: Any) -> Any:
    made = Empty(x[0])
    return made.a


def fields_of_a_plain_object(x: Any) -> Any:
    return sum(dataclasses.astuple(Plain(x[0])))


def descriptor_of_a_class(x: Any) -> Any:
    return x.sum() * Growing().rate


def nothing_behind_a_class(x: Any) -> Any:
    return Growing().step(x)


def super_outside_of_a_class(x: Any) -> Any:
    return super().step(x)


def super_of_another_class(x: Any) -> Any:
    return super(Growing, Point(x[0])).a


def class_inside_of_a_function(x: Any, local: Any) -> Any:
    return local.step(x[0])


def queue_of_the_last(x: Any) -> Any:
    last = collections.deque(maxlen=3)
    for v in x:
        last.append(v)
    return sum(last)


def dict_with_a_default(x: Any) -> Any:
    sums = collections.defaultdict(float)
    for k, name in enumerate("abca"):
        sums[name] += x[k]
    return sums["a"]


def counted_letters(x: Any) -> Any:
    return x[0] * collections.Counter("abca")["a"]


def dict_from_keys(x: Any) -> Any:
    return dict.fromkeys("ab", x[0])["a"]


def named_tuple_inside(x: Any) -> Any:
    pair = collections.namedtuple("pair", "a b")
    return pair(x[0], x[1]).a
