"""Shifted parts of one array: one sweep that gathers, right at the edges and for every size."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.plan.kernel import Accumulate, For, If, Load, Store, walk
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    interpreted,
    leaves_in,
    numeric_gradients,
    plain_value,
)
from tests.end_to_end.test_fusion import plan_of

RNG = np.random.default_rng(6)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def curvature(x):
    return ((x[2:] - 2 * x[1:-1] + x[:-2]) ** 3).sum() + (x**2).sum()


def far(x):
    """Parts that do not meet in the middle of a short array."""
    return (np.exp(x[3:]) * x[:-3] * x[1:-2]).sum()


def heat(u, c, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1, 1:-1] += c * (
            u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        )
    return (u**3).sum()


def waves(u, v, c, steps):
    """Two arrays that wait for each other, one of them with ends that are set."""
    u, v = u.copy(), v.copy()
    for _ in range(steps):
        v[1:] += c * (u[1:] - u[:-1])
        u[1:-1] += c * (v[2:] - v[1:-1]) * u[1:-1]
        u[0] = np.sin(v[0])
    return (u * u).sum() + (v * v * v).sum()


def near_the_ends(u, v):
    """What a sweep reads near its ends alone is overwritten behind it."""
    w, sums = np.sin(u), np.cumsum(v)
    w[1:] += sums[1:]
    w[:-1] = np.cos(v[1:])
    sums[-1] = 4.0
    return np.sin(w).sum() + (sums**2).sum()


def zeros_added_to(u, v):
    """The zeros that a loop's adjoint begins with are what the sweep puts near its ends, too."""
    u = u.copy()
    u[:-1] *= np.sin(np.cos(np.array([b for _, b in zip(v, u[1:], strict=False)])))
    k = 0
    while k < 3:
        k += 1
        u[-1] += 0.5
    return np.sin(u).sum()


def once(u):
    """Outside of loops, and what was there before is read later."""
    w = u.copy()
    w[1:-1] = np.tanh(u[2:]) * u[:-2]
    return (w * w * u).sum()


def directions(u):
    """Along one axis only, with vectors of three at each place."""
    d = u[1:, :] - u[:-1, :]
    return (np.sqrt((d**2).sum(axis=1) + 1)).sum() + (d[:, 0] * d[:, 2]).sum()


def blocks(u):
    """Three axes."""
    return ((u[1:, 1:, 1:] - u[:-1, :-1, 1:] * u[1:, :-1, :-1]) ** 2).sum()


def strided(x):
    """Steps are no sweep."""
    return (x[::2] ** 3).sum() + (x[1::2] ** 2).sum() + (x[1:] * x[:-1]).sum()


def scaled(x):
    """A factor that comes after the sum."""
    return np.sqrt(((x[1:] - x[:-1]) ** 2).sum() + 1) * x[:2].sum()


def smooth(x):
    """Costly values, each of which is read at several places, are computed once."""
    y = np.exp(x)
    y = y[2:] + y[1:-1] * y[:-2]
    return np.log(y[1:] * y[:-1] + 1).sum()


def begun_with_zeros(x):
    """Value and gradient begin with the same zeros."""
    y = np.zeros(x.shape[0] + 2)
    y[1:-1] = x**2
    return np.sum(y[1:] * y[:-1])


def plain(shape: tuple[int, ...]) -> np.ndarray:
    return RNG.normal(size=shape) * 0.5


CASES = [
    *((f, (plain((n,)),)) for f in (rosenbrock, curvature) for n in (2, 3, 4, 5, 9)),
    *((far, (plain((n,)),)) for n in (3, 4, 5, 6, 7, 11)),
    *((heat, (plain(s), 0.2, 3)) for s in ((3, 3), (2, 5), (4, 3), (5, 4), (4, 4), (6, 7))),
    *((waves, (plain((n,)), plain((n,)), 0.3, 2)) for n in (2, 3, 4, 8)),
    *((once, (plain((n,)),)) for n in (2, 3, 4, 7)),
    *((near_the_ends, (plain((n,)), plain((n,)))) for n in (2, 12)),
    (zeros_added_to, (plain((12,)), plain((12,)))),
    *((directions, (plain((n, 3)),)) for n in (1, 2, 3, 6)),
    *((blocks, (plain(s),)) for s in ((2, 2, 2), (2, 3, 4), (4, 4, 3))),
    *((strided, (plain((n,)),)) for n in (2, 4, 10)),
    *((scaled, (plain((n,)),)) for n in (2, 3, 8)),
    *((begun_with_zeros, (plain((n,)),)) for n in (2, 3, 20)),
    *((smooth, (plain((n,)),)) for n in (4, 5, 9)),
]


@pytest.mark.parametrize(("function", "args"), CASES)
def test_gradients_are_those_of_differences(function: Any, args: Any) -> None:
    case = Case(function, lambda n, rng: args)
    value, gradients = interpreted(case, args)(*args)
    assert_close(value, plain_value(case, args), rtol=1e-12, what="value")
    found = [leaf for _, leaf in leaves_in(gradients)]
    for k, wanted in enumerate(numeric_gradients(case, args)):
        assert_close(found[k], wanted, rtol=1e-6, what=f"gradient {k}")


@pytest.mark.parametrize("size", [0, 1])
def test_arrays_without_neighbours(size: int) -> None:
    x = np.full(size, 0.5)
    value, gradients = interpreted(Case(rosenbrock, lambda n, rng: (x,)), (x,))(x)
    assert value == 0
    np.testing.assert_array_equal(next(leaves_in(gradients))[1], np.zeros(size))


@pytest.mark.every(2)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_compiled_in_every_layout(dtype: str) -> None:
    whole = plain((14, 12)).astype(dtype)
    f = differentiate(heat, wrt="u")
    for u in (whole, whole[::2, ::3], whole.T, whole[::-1]):
        case = Case(heat, lambda n, rng, u=u: (u, 0.2, 4), wrt=("u",))
        value, found = f.value_and_grad(u, 0.2, 4)
        rounding = 1e-4 if dtype == "f4" else 1e-6
        assert_close(value, heat(u, 0.2, 4), rtol=rounding, what="value")
        (wanted,) = numeric_gradients(case, (u, 0.2, 4))
        assert_close(found, wanted, rtol=rounding, what="gradient")
        assert found.dtype == dtype


def test_nan_and_infinity_reach_their_neighbours_only() -> None:
    x = plain((12,))
    x[4], x[9] = np.nan, np.inf
    with np.errstate(all="ignore"):
        _, found = differentiate(curvature).value_and_grad(x)
    plain_x = np.where(np.isfinite(x), x, 0)
    _, wanted = differentiate(curvature).value_and_grad(plain_x)
    unharmed = [0, 1, *[k for k in range(12) if abs(k - 4) > 2 and abs(k - 9) > 2]]
    np.testing.assert_allclose(found[unharmed], wanted[unharmed], rtol=1e-12)
    assert not np.isfinite(found[[4, 9]]).any()
    u = np.ones((5, 5))
    _, found = differentiate(heat, wrt="u").value_and_grad(u, np.inf, 1)
    assert np.isfinite(found[[0, 0, -1, -1], [0, -1, 0, -1]]).all()


def test_second_derivatives_and_tangents() -> None:
    x, v = plain((9,)), plain((9,))
    f = differentiate(curvature)
    step = 1e-6
    numeric = (f.grad(x + step * v) - f.grad(x - step * v)) / (2 * step)
    assert_close(f.hessian(x) @ v, numeric, rtol=1e-6, what="hessian")
    _, tangent = f.jvp(x, tangent=v)
    assert_close(tangent, f.grad(x) @ v, rtol=1e-10, what="jvp")


def test_one_sweep_adds_nothing_in_memory() -> None:
    kernel, _ = plan_of(curvature, plain((9,)))
    sweeps = [s for s in kernel.body if isinstance(s, For) and str(s.extent) == "n - 4"]
    assert len(sweeps) == 1
    inner = walk(sweeps[0].body)
    assert not any(isinstance(s, Accumulate) and isinstance(s.target, Load) for s in inner)


def test_a_number_multiplies_the_sum_of_its_terms() -> None:
    """Where terms of a gradient meet there is one product with what is the same in all of them."""
    text = str(differentiate(heat, wrt="u").source(plain((6, 7)), 0.2, 3))
    (main,) = re.findall(
        r"for i in range\(n - 4\):\n *for k in range\(d - 4\):\n(?: {16}.*\n)+", text
    )
    assert main.count("* c\n") + main.count("* c ") == 1, main


def pulled(x):
    """Literals that are equal, twice another, of either sign, and others that are none of these."""
    steps = (3 * (x[1:] - x[:-1] ** 2) ** 2 - 1.5 * x[:-1] * x[1:] ** 2 + 7 * x[1:]).sum()
    return steps - (x[2:] * x[:-2] ** 3).sum()


def falling(x):
    """All terms are taken away."""
    return -(3 * x[1:] * x[:-1] + 6 * x[1:] ** 2 * x[:-1]).sum()


@pytest.mark.parametrize(
    ("function", "literals"),
    [(rosenbrock, "200.0"), (pulled, "6.0 1.5"), (falling, "-3.0")],
)
def test_a_literal_multiplies_the_sum_of_its_terms(function: Any, literals: str) -> None:
    """Terms whose literals are equal, or one twice the other, have one product with it."""
    x = plain((9,))
    f = differentiate(function)
    for literal in literals.split():
        assert f" {literal} * (" in str(f.source(x))
    columns = np.eye(9) * 1e-30j
    expected = [np.imag(function(x + h)) / 1e-30 for h in columns]
    assert_close(f.grad(x), np.array(expected), rtol=1e-13, what="gradient")


def averages(x):
    """Constants go into the places of a sweep, with no number before them."""
    return (x[1:] ** 2 + x[:-1] ** 2).sum() * 0.5


def variation(u):
    """Two axes, added to what is there before."""
    return ((u[1:, 1:] - u[:-1, :-1] * u[1:, :-1]) ** 2).sum() + (u**3).sum()


def overwritten(u, v):
    """Two axes, and ends that an update sets after another one has added to them."""
    w = u * v
    w[1:, 1:] += np.sin(u[:-1, :-1]) * v[:-1, 1:]
    w[:-1, :-1] = np.cos(v[1:, 1:])
    return (w * w * u).sum()


def wide(u):
    """Too many elements near the ends of the last axis to be written out."""
    return (u[1:, 5:] * u[:-1, :-5] * u[1:, 2:-3]).sum()


def in_columns(u):
    """The first axis has no ends."""
    return ((u[:, 2:] - 2 * u[:, 1:-1] + u[:, :-2]) ** 3).sum()


TIGHT = [
    *((averages, (plain((n,)),)) for n in (2, 3, 7)),
    *((heat, (plain(s), 0.2, 3)) for s in ((7, 2), (7, 3), (3, 7), (6, 7))),
    *((variation, (plain(s),)) for s in ((1, 3), (3, 1), (2, 2), (3, 2), (4, 5))),
    *((overwritten, (plain(s), plain(s))) for s in ((4, 1), (2, 2), (5, 4))),
    *((wide, (plain(s),)) for s in ((3, 5), (2, 7), (3, 11))),
    *((in_columns, (plain(s),)) for s in ((1, 2), (3, 3), (2, 4), (2, 7))),
    *((blocks, (plain(s),)) for s in ((3, 3, 1), (3, 1, 3), (4, 5, 6))),
]


@pytest.mark.parametrize(("function", "args"), TIGHT)
def test_every_place_near_the_ends(function: Any, args: Any) -> None:
    """Against complex steps, whose error is rounding alone, in arrays shorter than their ends."""
    case = Case(function, lambda n, rng: args, wrt=("u" if function is not averages else "x",))
    ((_, found),) = leaves_in(interpreted(case, args)(*args)[1])
    step = 1e-30
    for place in np.ndindex(args[0].shape):
        moved = args[0].astype(complex)
        moved[place] += step * 1j
        wanted = function(moved, *args[1:]).imag / step
        assert found[place] == pytest.approx(wanted, rel=1e-12, abs=1e-13), place


def test_no_one_asks_near_the_ends_of_the_last_axis() -> None:
    """Each of the few elements is written out, and rows that are too short are done elsewhere."""
    kernel, _ = plan_of(variation, plain((6, 7)))
    (few,) = [s.body for s in kernel.body if isinstance(s, For) and isinstance(s.body[0], If)]
    assert isinstance(few[0], If)
    inner = list(walk(few[0].then))
    assert not any(isinstance(s, For | If) for s in inner)
    assert sum(isinstance(s, Store | Accumulate) for s in inner) == 2
