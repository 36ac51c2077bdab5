"""Counts and repetitions by data: values as NumPy's, derivatives right in every mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frontend.running import check
from frontend.test_run_time_sizes import check_in_reference

from codegen_ad import differentiate

RNG = np.random.default_rng(5)
X = RNG.random(40)
I = np.array([0, 3, 1, 1, 5, 0, 2, 2])  # noqa: E741
W = RNG.normal(size=8)

VALUES: list[tuple[Any, ...]] = [
    (lambda i: np.bincount(i), I),
    (lambda i: np.bincount(i, minlength=9), I),
    (lambda i: np.bincount(i, minlength=3), I[:0]),
    (lambda i, w: np.bincount(i, w), I, W.astype("f4")),
    (lambda i, k: np.bincount(i, minlength=k) * 2, I, 4),
    *((lambda x: np.histogram(x), x) for x in (X, X.astype("f4"), np.zeros(4), np.arange(30))),
    *((lambda x: np.histogram(x, bins=4)[0], x) for x in (np.round(X, 1), X[:0], X[:1])),
    (lambda x: np.histogram(x, 7, range=(0.2, 0.6), density=True), X),
    (lambda x: np.histogram(x, [0, 1, 2], density=True), np.array([0, 1, 2, 2, 3, 1])),
    (lambda x, w: np.histogram(x, np.array([0.1, 0.3, 0.35, 0.9]), weights=w), X, X**2),
    (lambda x, w: np.histogram(x, weights=w), X.reshape(8, 5), np.arange(40).reshape(8, 5)),
    (lambda x, k: np.histogram(x, k)[0], X, 3),
    (lambda x, k: np.repeat(x, k), W, I),
    (lambda x, k: np.repeat(x, k), W, I * 0),
    (lambda x, k: x.repeat(k, axis=1), X.reshape(5, 8), I),
    (lambda x, k: np.repeat(x, k), W, 3),
    (lambda x, k: np.tile(x, k), W, 2),
    (
        lambda x: np.unique(x, return_index=True, return_inverse=True, return_counts=True),
        np.floor(X * 5),
    ),
    (lambda x: np.unique(x, return_inverse=True), np.floor(X * 5).reshape(8, 5)),
    (lambda x: np.unique(x, return_counts=True), np.array([np.nan, 1.0, np.nan, 1.0, 0.0])),
    *((lambda x, k: np.linspace(x[0], x[1], k), X, k) for k in (0, 1, 2, 5)),
    (lambda x, k: np.linspace(x[0], 2.0, k, endpoint=False), X, 1),
    (lambda x: np.diff(x[x > 2.0]), X),
    (lambda x: np.diff(x), X[:0]),
    (lambda x: np.vander(np.arange(4), 3) * x[0], X),
    (lambda i: np.vander(i), I[:4]),
    (lambda i: np.vander(i, 3, increasing=True), I),
    (lambda x: (np.imag(x), np.angle(-x)), X.astype("f4")),
    (lambda x: (np.imag(x), np.angle(x)), I),
]


@pytest.mark.parametrize("case", VALUES, ids=lambda c: f"line {c[0].__code__.co_firstlineno}")
def test_values_and_dtypes_are_those_of_numpy(case: tuple[Any, ...]) -> None:
    check(*case)


def counted(w: Any, i: Any) -> Any:
    return (np.bincount(i, weights=w, minlength=4) ** 3).sum()


def binned(w: Any) -> Any:
    return (np.histogram(np.sin(w), bins=5, weights=w**2)[0] ** 2).sum()


def density(w: Any) -> Any:
    return (np.histogram(w, bins=3, density=True)[0] ** 2).sum()


def repeated(w: Any, i: Any) -> Any:
    return (np.repeat(w, i) ** 2 * np.arange(i.sum())).sum()


def group_means(w: Any, i: Any) -> Any:
    values, place, number = np.unique(i, return_inverse=True, return_counts=True)
    return (np.bincount(place, w, len(values)) ** 2 / number).sum()


@pytest.mark.parametrize(
    "case",
    [(counted, W, I), (binned, W), (density, W), (repeated, W, I), (group_means, W, I)],
    ids=lambda c: c[0].__name__,
)
def test_derivatives(case: tuple[Any, ...]) -> None:
    check_in_reference(*case)


def test_compiled_and_refused_when_it_runs() -> None:
    found = differentiate(group_means)
    value, gradient = found.value_and_grad(W, I)
    assert value == pytest.approx(group_means(W, I), rel=1e-12)
    sums, sizes = np.bincount(I, W), np.bincount(I)
    np.testing.assert_allclose(gradient, (2 * sums / np.maximum(sizes, 1))[I], rtol=1e-12)
    with pytest.raises(ValueError, match="a negative number"):
        differentiate(counted).value_and_grad(W, -I)
