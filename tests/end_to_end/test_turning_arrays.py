"""Steps that hand on several arrays: what was now is before, and no array is copied for that.

Complex steps of the plain functions are the judge: <grad, v> is the derivative along v.
"""

import re

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.end_to_end.checks import executed

TINY = 1e-30

rng = np.random.default_rng(12)


def string(u, rate, steps):
    """A wave: two levels."""
    before = 0.5 * u
    for _ in range(steps):
        after = u.copy()
        after[1:-1] = 2 * u[1:-1] - before[1:-1] + rate * (u[2:] - 2 * u[1:-1] + u[:-2])
        before, u = u, after
    return (u**2 * before).sum()


def drum(u, rate, steps):
    """A wave in two dimensions."""
    before = u.copy()
    for _ in range(steps):
        after = u.copy()
        spread = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        after[1:-1, 1:-1] = 2 * u[1:-1, 1:-1] - before[1:-1, 1:-1] + rate * spread
        before, u = u, after
    return (u**2).sum()


def sine(u, rate, steps):
    """Steps that are recorded or run again."""
    before = u.copy()
    for _ in range(steps):
        after = 2 * u - before
        after[1:-1] += rate * (u[2:] - 2 * u[1:-1] + u[:-2]) - rate * u[1:-1] ** 3
        before, u = u, after
    return (u * before).sum()


def history(u, rate, steps):
    """Three levels, of which a step reads the first and the last."""
    a, b, c = u, 2 * u, 3 * u
    for _ in range(steps):
        a, b, c = b, c, np.roll(a, 1) - rate * c
    return (a * b + c**2).sum()


def turns(u, rate, steps):
    """Nothing new: arrays change places."""
    a, b, c = u, rate * u, u**2
    for _ in range(steps):
        a, b, c = c, a, b
    return (a**3 + b * c).sum()


def twice(u, rate, steps):
    """One array is what two others become; one stays as it is, and is another one too."""
    a, b, c, d = u, u**2, u, rate * u
    for _ in range(steps):
        a, b, c, d = c, c, np.roll(d, 1) + rate * a * b, c
    return (a * b + c * d).sum()


def until(u, rate, steps):
    """The same where the number of steps is known at their end."""
    a, b = u, 2 * u
    k = 0
    while k < steps:
        a, b = b, np.roll(a, 1) - rate * b
        k += 1
    return (a * b).sum()


SHAPES = {
    string: [(2,), (3,), (4,), (5,), (30,)],
    drum: [(2, 2), (2, 5), (3, 3), (4, 3), (5, 4), (9, 20)],
    sine: [(2,), (3,), (4,), (30,)],
    history: [(1,), (2,), (7,), (30,)],
    turns: [(1,), (30,)],
    twice: [(1,), (2,), (30,)],
    until: [(1,), (2,), (30,)],
}


@pytest.mark.parametrize("function", SHAPES, ids=lambda f: f.__name__)
def test_along_a_direction(function):
    made = differentiate(function, wrt=("u", "rate"))
    text = made.source(rng.random(SHAPES[function][-1]), 0.03, 3)
    kernel = executed(text)[f"{function.__name__}_value_and_grad"]
    for shape in SHAPES[function]:
        u, v = rng.random(shape), rng.normal(size=shape)
        for steps in (0, 1, 2, 3, 4, 10):
            value, d_u, d_rate = kernel(u, 0.03, steps)
            ahead = function(u + TINY * 1j * v, 0.03 + 0.7j * TINY, steps)
            np.testing.assert_allclose(value, ahead.real, rtol=1e-13)
            along = (d_u * v).sum() + 0.7 * d_rate
            np.testing.assert_allclose(along, ahead.imag / TINY, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("function", [string, history, turns], ids=lambda f: f.__name__)
def test_no_array_is_copied_in_a_step(function):
    text = differentiate(function).source(rng.random(30), 0.1, 3, mode="value")
    inside = text[text.index("range(trips_1)") :].split("\n    value")[0]
    assert not re.search(r"\w+\[j\] = \w+\[j\]\n", inside)


def test_what_is_zero_inside_is_added_at_the_rim():
    """The adjoint of `after[1:-1] = ...` leaves two elements of what was given."""
    text = differentiate(string, wrt="u").source(rng.random(30), 0.1, 3)
    back = text[text.rindex("range(trips_1)") :]
    assert re.search(r"\w+\[0\] \+= \w+\[0\]\n", back)
    assert not re.search(r"\w+\[i\] = \w+\[i\]\n", back)
