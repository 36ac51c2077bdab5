"""Structures of first guesses, walked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

from codegen_ad import differentiate, least_squares, minimize
from codegen_ad.fit.containers import items_of, mapped


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass
class Line:
    slope: float
    offset: float


@dataclass
class Numbered(Line):
    number: int = field(default=7, init=False)


def places(where: str, value: Any) -> tuple[str, Any]:
    return where, value


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (3.0, ("x0", 3.0)),
        ([1, (2,)], [("x0[0]", 1), (("x0[1][0]", 2),)]),
        ({"a": 1, 2: []}, {"a": ("x0['a']", 1), 2: []}),
        (Pair(1, {"b": 2}), Pair(("x0[0]", 1), {"b": ("x0[1]['b']", 2)})),
        (Numbered(1, 2), Numbered(("x0.slope", 1), ("x0.offset", 2))),  # type: ignore[arg-type]
        (Line, ("x0", Line)),
    ],
)
def test_leaves_are_replaced_and_named_where_they_stand(value: Any, wanted: Any) -> None:
    found = mapped(value, places, "x0")
    assert found == wanted
    assert type(found) is type(wanted)


def test_what_is_no_container_holds_nothing_at_all() -> None:
    assert items_of(np.zeros(3)) is None
    assert items_of("text") is None
    assert items_of(()) == []


def test_whole_numbers_are_first_guesses_in_every_structure() -> None:
    def loss(line: Line, x: Any, y: Any) -> Any:
        return ((line.slope * x + line.offset - y) ** 2).mean()

    x = np.linspace(-1.0, 1.0, 9)
    found = minimize(loss, Line(0, 1), args=(x, 3 * x), learning_rate=0.5, steps=200)
    assert found.x.slope == pytest.approx(3.0)
    assert found.x.offset == pytest.approx(0.0, abs=1e-9)


@differentiate(wrt=("steps", "steps_"))
def level(steps: Any, steps_: Any, stop: Any, stop_: Any) -> Any:
    return np.sum((steps - stop) ** 2) + np.sum((steps_ - stop_) ** 2)


@differentiate(wrt=("steps", "steps_"))
def apart(steps: Any, steps_: Any, stop: Any, stop_: Any) -> Any:
    return np.concatenate((steps - stop, steps_ - stop_))


def test_names_that_fits_need_are_told_apart_from_names_like_them() -> None:
    start, data = (np.zeros(2), np.zeros(2)), (np.array([0.1, 0.2]), np.array([0.3, 0.4]))
    found = minimize(level, start, data, steps=200, learning_rate=0.1)
    np.testing.assert_allclose(found.x, data, rtol=1e-9)
    np.testing.assert_allclose(least_squares(apart, start, data).x, data, rtol=1e-9)
