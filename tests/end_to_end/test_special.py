"""Special functions in compiled kernels: derivatives, single precision, names that clash."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special

import codegen_ad
from codegen_ad.errors import NotDifferentiable


def phases(kappa, mu, angles):
    terms = kappa * (np.cos(angles - mu) - 1) - np.log(scipy.special.i0e(kappa))
    return np.sum(terms) + math.lgamma(kappa) + scipy.special.jv(2, kappa)


def probit(w, gamma, special_j0):
    return np.sum(scipy.special.log_ndtr(special_j0 * w) + scipy.special.polygamma(1, gamma))


def check(function, argnums, *arguments):
    """Value as in Python, and the slope along a direction as by extrapolated differences."""
    rng = np.random.default_rng(2)
    value, slopes = codegen_ad.value_and_grad(function, argnums)(*arguments)
    np.testing.assert_allclose(value, function(*arguments), rtol=1e-13)
    direction = {k: rng.normal(size=np.shape(arguments[k])) for k in argnums}

    def difference(h):
        ends = [
            function(*(a + s * h * direction.get(k, 0.0) for k, a in enumerate(arguments)))
            for s in (1, -1)
        ]
        return (ends[0] - ends[1]) / (2 * h)

    numeric = (64 * difference(1e-3) - 20 * difference(2e-3) + difference(4e-3)) / 45
    found = sum(np.sum(g * direction[k]) for k, g in zip(argnums, slopes, strict=True))
    np.testing.assert_allclose(found, numeric, rtol=1e-8)


def test_losses_with_special_functions() -> None:
    rng = np.random.default_rng(1)
    y = rng.standard_t(4, 40)
    check(phases, (0, 1), 1.7, 0.3, y)
    check(probit, (0, 2), 0.5, np.abs(y) + 0.1, 9 * y)


@pytest.mark.thorough
def test_second_derivatives() -> None:
    hessian = codegen_ad.hessian(phases, argnums=0)
    angles = np.array([0.1, 2.0, -1.0])
    ratio = scipy.special.i1(1.7) / scipy.special.i0(1.7)
    expected = 3 * (ratio / 1.7 + ratio**2 - 1) + scipy.special.polygamma(1, 1.7)
    expected += scipy.special.jvp(2, 1.7, 2)
    np.testing.assert_allclose(hessian(1.7, 0.3, angles), expected, rtol=1e-12)


def sum_of_single(x):
    return np.sum(scipy.special.digamma(x) * scipy.special.i0(x))


def test_single_precision_is_computed_in_double() -> None:
    x = np.array([0.5, 1.4616321, 3.25, 9.5], dtype=np.float32)
    slope = codegen_ad.grad(sum_of_single)(x)
    assert slope.dtype == np.float32
    wide = x.astype(float)
    exact = scipy.special.polygamma(1, wide) * scipy.special.i0(wide)
    exact += scipy.special.digamma(wide) * scipy.special.i1(wide)
    np.testing.assert_allclose(slope, exact, rtol=3e-7)


def shape_of_gamma(a, x):
    return np.sum(scipy.special.gammainc(a, x))


def test_an_unknown_derivative_is_refused_by_name() -> None:
    x = np.array([0.5, 2.0])
    slope = codegen_ad.grad(shape_of_gamma, argnums=1)(2.5, x)
    np.testing.assert_allclose(slope, x**1.5 * np.exp(-x) / math.gamma(2.5), rtol=1e-13)
    with pytest.raises(NotDifferentiable, match="`gammainc` in its argument a is not known"):
        codegen_ad.grad(shape_of_gamma)(2.5, x)
