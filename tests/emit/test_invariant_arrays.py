"""What is the same in every trip of a loop is computed before it."""

from __future__ import annotations

import numpy as np

from codegen_ad import differentiate
from tests.end_to_end.checks import executed


def chosen(x, labels):
    """As many labels as the caller likes: their number is not known to be that of the rows."""
    scores = np.log(x) - np.log(x.sum(axis=1, keepdims=True))
    return scores[np.arange(len(labels)), labels].mean()


def twice(p, x):
    """`np.exp(p)` is wanted by two loops in each row, and does not depend on the row."""
    scale = np.exp(p)
    shifted = scale * (x[:, None] - p)
    return (scale * shifted.max(axis=1, keepdims=True) * shifted**2).sum()


def test_arrays_are_not_made_anew_in_each_trip() -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.random((5, 9)) + 0.1, np.array([0, 8, 3])
    text = str(differentiate(chosen).source(x, labels))
    assert "n*n_labels" not in text  # the cost for each pair of a row and a label
    value, gradient = executed(text)["chosen_value_and_grad"](x, labels)
    np.testing.assert_allclose(value, chosen(x, labels), rtol=1e-13)
    expected = np.zeros_like(x)
    np.add.at(expected, (np.arange(3), labels), 1 / x[np.arange(3), labels] / 3)
    expected[:3] -= 1 / x[:3].sum(axis=1, keepdims=True) / 3
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15)

    p = rng.normal(size=20)
    points = rng.normal(size=4)
    text = str(differentiate(twice).source(p, points))
    (line,) = [line for line in text.splitlines() if line.startswith("Cost for each of d*n")]
    assert "exp" not in line
    value, gradient = executed(text)["twice_value_and_grad"](p, points)
    direction = rng.normal(size=20)
    sides = [twice(p + s * 1e-6 * direction, points) for s in (1, -1)]
    np.testing.assert_allclose(value, twice(p, points), rtol=1e-13)
    np.testing.assert_allclose(gradient @ direction, (sides[0] - sides[1]) / 2e-6, rtol=1e-6)
