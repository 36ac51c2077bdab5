"""Loops of many steps on large arrays: run again or recorded, and records that are written into.

Complex steps of the plain functions are the judge: <grad, v> is the derivative along v.
"""

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.end_to_end.checks import executed

TINY = 1e-30

rng = np.random.default_rng(8)


def plate(u, rate, steps):
    """Few operations for each element: steps run again."""
    u = u.copy()
    for _ in range(steps):
        spread = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        u[1:-1, 1:-1] += 0.2 * spread + rate * u[1:-1, 1:-1] * (1 - u[1:-1, 1:-1])
    return (u**2).sum()


def flame(u, rate, steps):
    """A function for each element: steps are recorded."""
    u = u.copy()
    for _ in range(steps):
        spread = u[2:] - 2 * u[1:-1] + u[:-2]
        u[1:-1] += 0.2 * spread + rate * np.exp(-np.sin(u[1:-1]) / (1 + u[1:-1] ** 2))
    return (u**2).sum()


def string(u, rate, steps):
    """Two arrays, of which each step makes the one the other."""
    v = u.copy()
    energy = 0.0
    for k in range(steps):
        w = 2 * u - v
        w[1:-1] += rate * (u[2:] - 2 * u[1:-1] + u[:-2]) * (1 + u[1:-1] * v[1:-1])
        if k % 2 == 0:
            energy += w[0] * w[-1]
        v, u = u, w
    return energy + (u * v).sum()


def several(u, rate, steps):
    """A loop of steps for each of some arrays, which is recorded by itself."""
    total = 0.0
    for row in u:
        x = row.copy()
        for _ in range(steps):
            x[1:] += rate * (x[:-1] ** 2 - x[1:])
        total += (x**3).sum()
    return total


def after(u, rate, steps):
    """What is left of the steps is a number of their last state, and of the first."""
    x = u.copy()
    for _ in range(steps):
        x[1:-1] = x[1:-1] + rate * np.exp(-(np.cos(x[2:] * x[:-2]) ** 2)) * np.sin(x[1:-1])
    for _ in range(steps):
        x[1:] = x[:-1] * np.exp(-(x[1:] ** 2)) * rate
    return np.log(1 + x.sum() ** 2) + u[0]


SHAPES = {
    plate: [(2, 2), (2, 5), (3, 3), (4, 3), (5, 4), (9, 20)],
    flame: [(2,), (3,), (4,), (30,)],
    string: [(2,), (3,), (4,), (30,)],
    several: [(1, 2), (3, 1), (4, 7), (3, 40)],
    after: [(2,), (3,), (30,)],
}


@pytest.mark.parametrize("function", SHAPES, ids=lambda f: f.__name__)
def test_along_a_direction(function):
    """The file runs as plain Python here, for sizes down to those that have no middle."""
    made = differentiate(function, wrt=("u", "rate"))
    text = made.source(rng.random(SHAPES[function][-1]), 0.03, 3)
    kernel = executed(text)[f"{function.__name__}_value_and_grad"]
    for shape in SHAPES[function]:
        u, v = rng.random(shape), rng.normal(size=shape)
        for steps in (0, 1, 2, 3, 10):
            value, d_u, d_rate = kernel(u, 0.03, steps)
            ahead = function(u + TINY * 1j * v, 0.03 + 0.7j * TINY, steps)
            np.testing.assert_allclose(value, ahead.real, rtol=1e-13)
            along = (d_u * v).sum() + 0.7 * d_rate
            np.testing.assert_allclose(along, ahead.imag / TINY, rtol=1e-11, atol=1e-13)


@pytest.mark.thorough
def test_single_precision_and_strides():
    u = rng.random((8, 40)).astype(np.float32)[:, ::2]
    wanted = differentiate(plate).grad(u.astype(float), 0.05, 30)
    found = differentiate(plate).grad(u, np.float32(0.05), 30)
    assert found.dtype == np.float32
    # Each of 30 steps rounds a few times, and the steps do not magnify what they are given.
    np.testing.assert_allclose(found, wanted, atol=30 * 6e-8 * 4 * abs(wanted).max())


def test_not_a_number_stays_where_it_comes_to():
    u = np.ones((7, 20))
    u[3, 3] = np.nan
    d_u = differentiate(plate).grad(u, 0.05, 1)
    assert np.isnan(d_u[3, 3])
    assert np.isfinite(d_u[0, 0])


def test_what_the_file_does():
    again = differentiate(plate).source(np.ones((9, 20)), 0.1, 3)
    assert "segments_1" in again
    assert "u_steps[i + 1," in again
    assert "for i in range(back_steps_1 - 1):" in again  # the last state is read by nobody
    records = differentiate(flame).source(np.ones(30), 0.1, 3)
    assert "segments_1" not in records


def test_a_row_of_the_record_is_the_next_state():
    """No copy of what a trip begins with, and no second buffer."""
    u = rng.random((6, 20))

    def glow(u, steps):
        for _ in range(steps):
            around = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
            inner = np.tanh(around) * np.exp(-(u[1:-1, 1:-1] ** 2))
            u = u.copy()
            u[1:-1, 1:-1] = inner
        return u.sum()

    text = differentiate(glow).source(u, 4)
    assert "u_steps[i + 1," in text
    v = rng.normal(size=u.shape)
    _, d_u = executed(text)["glow_value_and_grad"](u, 4)
    along = glow(u + TINY * 1j * v, 4).imag / TINY
    np.testing.assert_allclose((d_u * v).sum(), along, rtol=1e-12)
