"""Probabilities as logarithms, of which some are -inf: what is impossible has no derivative.

The same sums of products are written without logarithms beside them, where nothing is infinite:
values and derivatives of first and second order are those, in both modes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.cases.engine import Run, inner

INF = np.inf
TIMES, STATES = 5, 4
rng = np.random.default_rng(7)

# Of a chain, states that are never reached, and one that is never left.
STEPS = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]) + np.eye(4)
STEPS[2, 2] = 0.0
FREE = {"v": rng.normal(size=STATES), "w": rng.normal(size=TIMES)}

FORWARD = """
steps = np.array({steps})
alpha = np.where(np.arange(4) == 0, v, -np.inf)
for t in range(1, len(w)):
    alpha = {total} + w[t] * v
return {end}
"""
LOGARITHMS = {
    "logaddexp": (
        "np.logaddexp.reduce(alpha[:, None] + np.log(steps) + w[t], axis=0)",
        "np.logaddexp.reduce(alpha)",
    ),
    "logsumexp": (
        "scipy.special.logsumexp(alpha[:, None] + np.log(steps) + w[t], axis=0)",
        "scipy.special.logsumexp(alpha)",
    ),
    "weights": (
        "scipy.special.logsumexp(alpha[:, None] + w[t], b=steps, axis=0)",
        "scipy.special.logsumexp(alpha)",
    ),
}
PRODUCTS = f"""
steps = np.array({STEPS.tolist()})
alpha = np.where(np.arange(4) == 0, np.exp(v), 0.0)
for t in range(1, len(w)):
    alpha = (alpha @ steps) * np.exp(w[t] * v + w[t])
return np.log(np.sum(alpha))
"""

# Connectionist temporal classification: blank, label, blank, label, blank; the labels are equal, so
# that the blank between them is a must.
PATHS = """
last = np.where(np.arange(5) < 2, v[np.arange(5) % 2] * w[0], -np.inf)
for t in range(1, len(w)):
    before = np.append(-np.inf, last[:-1])
    last = np.logaddexp(last, before) + v[np.arange(5) % 2] * w[t]
return np.logaddexp(last[3], last[4])
"""
PATH_PRODUCTS = """
last = np.where(np.arange(5) < 2, np.exp(v[np.arange(5) % 2] * w[0]), 0.0)
for t in range(1, len(w)):
    last = (last + np.append(0.0, last[:-1])) * np.exp(v[np.arange(5) % 2] * w[t])
return np.log(last[3] + last[4])
"""


def forward(kind: str) -> str:
    """The forward algorithm of a hidden Markov model, by one of the functions."""
    total, end = LOGARITHMS[kind]
    text = FORWARD.format(steps=STEPS.tolist(), total=total, end=end)
    return text.strip().replace("np.log(steps)", "np.where(steps > 0, 0.0, -np.inf)")


def check_equal(logarithms: str, products: str) -> None:
    """Value, gradient, tangent and second derivatives of both texts."""
    ours, theirs = Run(logarithms, FREE), Run(products.strip(), FREE)
    (value,), (expected,) = ours.values(), ours.expected()
    assert value == pytest.approx(expected, rel=1e-14)
    assert value == pytest.approx(theirs.values()[0], rel=1e-13)
    for found, wanted in (
        (ours.gradients(), theirs.gradients()),
        (ours.tangents(), theirs.tangents()),
        (ours.second(), theirs.second()),
    ):
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    assert inner(ours.gradients(), ours.directions) == pytest.approx(
        float(ours.tangents()[0]), rel=1e-12
    )


@pytest.mark.parametrize("kind", LOGARITHMS)
def test_the_forward_algorithm_with_impossible_steps(kind: str) -> None:
    check_equal(forward(kind), PRODUCTS)


def test_labels_with_impossible_paths() -> None:
    check_equal(PATHS.strip(), PATH_PRODUCTS)


NOTHING = """
np.logaddexp(v, w)
np.logaddexp2(v, w)
np.logaddexp.reduce(v)
np.logaddexp.accumulate(v)[1:]
scipy.special.logsumexp(v)
scipy.special.logsumexp(v, keepdims=True)
scipy.special.logsumexp(np.stack([v, w]), axis=0)
scipy.special.logsumexp(v, b=w)
""".strip().splitlines()


@pytest.mark.parametrize("text", NOTHING)
def test_the_sum_of_nothing_has_the_derivative_0(text: str) -> None:
    nothing = np.full(3, -INF)
    case = Run(text, {"v": nothing, "w": np.ones(3) if "b=w" in text else nothing})
    for found in case.values():
        np.testing.assert_array_equal(found, -INF)
    np.testing.assert_array_equal(case.values()[0], case.expected()[0])
    for part in (*case.gradients(), *case.tangents(), *case.second()):
        np.testing.assert_array_equal(part, 0.0)


def test_rows_of_nothing_beside_others() -> None:
    """Each row for itself: where there is something, the derivatives are those of softmax."""
    rows = np.array([[-INF, -INF, -INF], [0.0, -INF, 1.0], [2.0, 2.0, 2.0]])
    case = Run("scipy.special.logsumexp(X, axis=1)", {"X": rows})
    weights = case.weights[0]
    shares = np.array([[0.0, 0, 0], [1, 0, np.e], [1, 1, 1]]) / np.array([[1], [1 + np.e], [3]])
    (gradient,) = case.gradients()
    np.testing.assert_allclose(gradient, weights[:, None] * shares, rtol=1e-14)
    (direction,) = case.directions
    (tangent,) = case.tangents()
    np.testing.assert_allclose(tangent, (shares * direction).sum(axis=1), rtol=1e-13)
    (second,) = case.second()
    wanted = weights[:, None] * shares * (direction - tangent[:, None])
    np.testing.assert_allclose(second, wanted, rtol=1e-12, atol=1e-15)


def test_finite_ties_bend() -> None:
    """At ties the second derivative is 1/4, not 0 as where both are -inf."""
    case = Run("np.logaddexp(v, w).sum()", {"v": np.zeros(2), "w": np.zeros(2)})
    first, second = case.directions
    np.testing.assert_allclose(case.second()[0], (first - second) / 4, rtol=1e-15)


@pytest.mark.parametrize("text", ["scipy.special.softmax(v)", "scipy.special.log_softmax(v)"])
def test_shares_of_nothing_are_not_numbers(text: str) -> None:
    """As in SciPy: nan is seen, a wrong share would not be."""
    case = Run(text, {"v": np.full(3, -INF)})
    for found in (case.values()[0], case.expected()[0], *case.gradients()):
        assert np.isnan(found).all()


def test_infinity_is_larger_than_all_others() -> None:
    case = Run("np.logaddexp(v, w)", {"v": np.array([INF, 1.0]), "w": np.array([1.0, INF])})
    np.testing.assert_array_equal(case.values()[0], INF)
    weights: Any = case.weights[0]
    np.testing.assert_array_equal(case.gradients()[0], weights * [1.0, 0.0])
