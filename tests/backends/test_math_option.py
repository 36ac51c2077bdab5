"""The option `math`, and single precision: what is spelled where, and that it computes the same."""

from __future__ import annotations

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument
from codegen_ad.options import Options

rng = np.random.default_rng(11)


def waves(w, x):
    return np.mean(np.sin(w * x) * np.exp(-x * x) + np.arctan2(x, w) * np.cosh(x) ** 1.5)


def grown(w, x):
    total = 0.0
    for i in range(len(x)):
        total = np.tanh(total * w + x[i])
    return total


def test_libm_on_demand() -> None:
    x = rng.normal(size=50)
    ours, theirs = differentiate(waves), differentiate(waves, math="libm")
    np.testing.assert_allclose(ours.value_and_grad(0.7, x), theirs.value_and_grad(0.7, x), 1e-13)
    text = ours.source(0.7, x)
    assert "vector_sin(" in text
    assert "math." not in text
    text = theirs.source(0.7, x)
    assert "math.sin(" in text
    assert "vector_" not in text


def test_recurrences_call_libm() -> None:
    text = differentiate(grown).source(0.7, rng.normal(size=5))
    assert "math.tanh(" in text
    assert "vector_" not in text


def test_the_option_is_part_of_the_key() -> None:
    assert Options().text() != Options(math="libm").text()


def test_other_values_are_refused() -> None:
    with pytest.raises(InvalidArgument, match='math must be "vector" or "libm", not \'svml\''):
        differentiate(waves, math="svml")


def test_single_precision_is_computed_in_double() -> None:
    x = rng.normal(size=300).astype(np.float32)
    w = np.float32(0.7)
    f = differentiate(waves)
    value, gradient = f.value_and_grad(w, x)
    assert value.dtype == gradient.dtype == np.float32
    wide = f.value_and_grad(0.7, x.astype(float))
    np.testing.assert_allclose([value, gradient], wide, rtol=3e-6)
    assert "np.float32(vector_sin(float(" in f.source(w, x)


def test_arguments_of_any_size_and_layout() -> None:
    f = differentiate(waves)
    x = rng.normal(size=64)
    whole = f.value_and_grad(0.7, x[::3].copy())
    np.testing.assert_allclose(f.value_and_grad(0.7, x[::3]), whole, rtol=1e-14)
    for one in (x[:1], 1e5 * x[:7]):

        def sines(w, x):
            return np.sum(np.sin(w * x))

        exact = np.sum(one * np.cos(0.7 * one))
        np.testing.assert_allclose(differentiate(sines).grad(0.7, one), exact, rtol=1e-13)
