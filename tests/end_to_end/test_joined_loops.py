"""Loops whose sizes differ by a few trips: one loop, and the trips that are left, for all sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.plan.kernel import For, walk
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    interpreted,
    leaves_in,
    numeric_gradients,
    plain_value,
)
from tests.end_to_end.test_fusion import plan_of

RNG = np.random.default_rng(16)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def smooth(x, y, weight):
    """Total variation: sums over n and over n - 1, a gradient over n - 2."""
    return ((x - y) ** 2).sum() + weight * np.sqrt((x[1:] - x[:-1]) ** 2 + 1e-2).sum()


def three(x):
    """Sums over n, n - 1 and n - 4, each of other parts of the array."""
    return (x**3).sum() + (x[:-1] * np.sin(x[1:])).sum() + (x[4:] * x[:-4] * x[2:-2]).sum()


def apart(x, y):
    """Sizes that are as near, of arrays that have nothing in common."""
    return (x[:-1] ** 2).sum() * (y**3).sum()


def products(x):
    return (x[1:] - x[:-1]).max() + (x[2:] ** 2).sum() + np.prod(x[1:-1])


def plate(u):
    """Differences along both axes: near loops inside of near loops."""
    down, across = u[1:] - u[:-1], u[:, 1:] - u[:, :-1]
    return np.sqrt(down**2 + 0.1).sum() + (across**3).sum() + (u**2).sum()


def kept(x):
    """Arrays that are returned, of n - 1 and of n elements."""
    slopes = np.diff(x) ** 2
    return slopes, np.cos(x) * x


def steps(u, c, trips):
    """Near loops in the steps of a recurrence."""
    total = 0.0
    u = u.copy()
    for _ in range(trips):
        u[1:] = u[1:] + c * (u[1:] - u[:-1]) ** 2
        total += (u[2:] * u[:-2]).sum() + (u**2).sum()
    return total


def picked(x, i):
    """Places that data point to, and a bad one is named in the trips that are left, too."""
    return (x[i] ** 2 * x[i]).sum() + (x[i[1:]] * x[i[:-1]]).sum()


def plain(shape):
    return RNG.uniform(0.2, 1.5, shape)


CASES = [
    *((f, (plain((n,)),)) for f in (rosenbrock,) for n in (0, 1, 2, 3, 4, 11)),
    *((three, (plain((n,)),)) for n in (4, 5, 6, 7, 13)),
    *((smooth, (plain((n,)), plain((n,)), 0.3)) for n in (1, 2, 3, 9)),
    *((products, (plain((n,)),)) for n in (3, 4, 9)),
    *((plate, (plain(shape),)) for shape in ((1, 1), (1, 5), (2, 1), (2, 3), (6, 7))),
    *((steps, (plain((n,)), 0.1, 3)) for n in (2, 3, 9)),
    (apart, (plain((9,)), plain((8,)))),
    (picked, (plain((9,)), np.array([3, -1, 0, 3, 8]))),
    (picked, (plain((9,)), np.array([-2]))),
]


@pytest.mark.parametrize(("function", "args"), CASES, ids=lambda a: getattr(a, "__name__", ""))
def test_gradients_are_those_of_differences(function: Any, args: Any) -> None:
    case = Case(function, lambda n, rng: args)
    value, gradients = interpreted(case, args)(*args)
    assert_close(value, plain_value(case, args), rtol=1e-12, what="value")
    found = [leaf for _, leaf in leaves_in(gradients)]
    for k, wanted in enumerate(numeric_gradients(case, args)):
        assert_close(found[k], wanted, rtol=1e-6, what=f"gradient {k}")


def loops_of(function: Any, *args: Any) -> list[str]:
    """The sizes of a plan's loops, but those of the trips that are left."""
    kernel, _ = plan_of(function, *args)
    loops = (s for s in walk(kernel.body) if isinstance(s, For))
    return [str(s.extent) for s in loops if not str(s.extent).startswith(("@", "edge"))]


def test_one_loop_where_the_same_is_read() -> None:
    x = plain((9,))
    assert loops_of(rosenbrock, x) == ["n - 2"]
    assert len(loops_of(apart, x, plain((8,)))) == 2


def test_arrays_of_unlike_sizes() -> None:
    f = differentiate(kept)
    for n in (1, 2, 7):
        x = plain((n,))
        for found, wanted in zip(f.value(x), kept(x), strict=True):
            assert_close(found, wanted, rtol=1e-13, what="value")


def both(x, y, u):
    return smooth(x, y, 0.3) + three(x[2:]) * plate(u)


@pytest.mark.every(2)
@pytest.mark.parametrize(("dtype", "step"), [("f4", 1), ("f8", -2)])
def test_compiled_in_every_layout(dtype: str, step: int) -> None:
    f = differentiate(both, wrt=("x", "u"))
    args = tuple(plain(s).astype(dtype)[::step] for s in ((40,), (40,), (9, 7)))
    rounding = 1e-4 if dtype == "f4" else 1e-6
    case = Case(both, lambda n, rng: args, wrt=("x", "u"))
    value, found = f.value_and_grad(*args)
    assert_close(value, both(*args), rtol=rounding, what="value")
    for one, wanted in zip(found, numeric_gradients(case, args), strict=True):
        assert_close(one, wanted, rtol=rounding, what="gradient")
        assert one.dtype == dtype


def test_a_nan_reaches_its_neighbours_only() -> None:
    x = plain((12,))
    x[5] = np.nan
    value, found = interpreted(Case(rosenbrock, lambda n, rng: (x,)), (x,))(x)
    assert np.isnan(value)
    assert np.isnan(next(leaves_in(found))[1]).tolist() == [4 <= k <= 6 for k in range(12)]


@pytest.mark.parametrize("places", [[0, 1, 9], [9, 0, 0], [0, -10]])
def test_bad_places_are_named(places: list[int]) -> None:
    args = plain((9,)), np.array(places)
    with pytest.raises(IndexError, match="line 3"):
        interpreted(Case(picked, lambda n, rng: args, wrt=("x",)), args)(*args)
