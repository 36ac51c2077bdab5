"""What a condition leaves out does not spoil the gradient, in every spelling of the condition.

Each function is the sum of the square roots of the positive elements. At the others NumPy's root
is 0 or NaN, and its slope infinite or NaN: their derivative here is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted, reference

Z = np.array([0.0, 1.0, -1.0, 2.0])


def where(z):
    return np.sum(np.where(z > 0, np.sqrt(z), 0.0))


def where_turned_round(z):
    return np.sum(np.where(z <= 0, 0.0, np.sqrt(z)))


def conditional_expression(z):
    return sum(np.sqrt(v) if v > 0 else 0.0 for v in z)


def if_and_else(z):
    total = 0.0
    for v in z:
        if v > 0:
            total += math.sqrt(v)
        else:
            total -= 0.0 * v
    return total


def continued(z):
    total = 0.0
    for i in range(len(z)):
        if z[i] <= 0:
            continue
        total += z[i] ** 0.5
    return total


def mask_stored(z):
    q = np.sqrt(z)
    q[z <= 0] = 0.0
    return np.sum(q)


def mask_read(z):
    return np.sum(np.sqrt(z[z > 0]))


def stored_and_read(z):
    q = np.zeros_like(z)
    m = z > 0
    q[m] = np.sqrt(z[m])
    return np.sum(q)


def nonzero(z):
    return np.sum(np.sqrt(z[np.nonzero(z > 0)[0]]))


def select(z):
    return np.sum(np.select([z > 0, z < 0], [np.sqrt(z), 0 * z], 0.0))


def piecewise(z):
    return np.sum(np.piecewise(z, [z > 0], [lambda v: np.sqrt(v), lambda v: 0 * v]))


def out_and_where(z):
    return np.sum(np.sqrt(z, where=z > 0, out=np.zeros_like(z)))


def where_of_a_sum(z):
    return np.sum(np.sqrt(z), where=z > 0)


def putmask(z):
    q = np.sqrt(z)
    np.putmask(q, z <= 0, 0.0)
    return np.sum(q)


def copyto(z):
    q = np.sqrt(z)
    np.copyto(q, 0.0, where=~(z > 0))
    return np.sum(q)


def inside_and_outside(z):
    return np.sum(np.where(z > 0, np.sqrt(np.where(z > 0, z, 1.0)), 0.0))


def scalar_branch(z):
    def root(v):
        if v > 0:
            return np.sqrt(v)
        return 0.0

    return root(z[0]) + root(z[1]) + root(z[2]) + root(z[3])


SPELLINGS = [
    where, where_turned_round, conditional_expression, if_and_else, continued, mask_stored,
    mask_read, stored_and_read, nonzero, select, piecewise, out_and_where, where_of_a_sum, putmask,
    copyto, inside_and_outside, scalar_branch,
]  # fmt: skip


@pytest.mark.parametrize("function", SPELLINGS, ids=lambda f: f.__name__)
def test_what_is_not_chosen(function: Any):
    case = Case(function, lambda n, rng: (Z,))
    value, gradient = interpreted(case, (Z,))(Z)
    assert_close(value, 1 + np.sqrt(2.0), rtol=1e-14, what="value")
    wanted = [0.0, 0.5, 0.0, 0.5 / np.sqrt(2.0)]
    assert_close(gradient, wanted, rtol=1e-14, what="gradient")
    assert_close(reference(case, (Z,))[1], wanted, rtol=1e-14, what="reference")
    _, tangent = reference(case, (Z,), "jvp", [np.array([1.0, 2.0, 3.0, 0.0])])
    assert_close(tangent, 1.0, rtol=1e-14, what="forward")
