"""Losses made of scipy.stats: compiled, against differences and JAX."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from scipy.stats import norm

import codegen_ad
from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate
from codegen_ad.frontend.reader import read
from codegen_ad.signature import ArrayForm, Signature


def robust_regression(w, log_scale, df, X, y):
    scale = np.exp(log_scale)
    prior = norm(0.0, 3.0)
    fit = scipy.stats.t.logpdf(y, df, loc=X @ w, scale=scale)
    return -np.sum(fit) - np.sum(prior.logpdf(w)) - scipy.stats.gamma.logpdf(df, 2.0, scale=5.0)


def censored_survival(shape, scale, times, seen):
    log_density = scipy.stats.weibull_min.logpdf(times, shape, scale=scale)
    log_survival = scipy.stats.weibull_min.logsf(times, shape, scale=scale)
    return -np.sum(np.where(seen, log_density, log_survival))


def multivariate(mean, factor, x):
    cov = factor @ factor.T
    return np.sum(scipy.stats.multivariate_normal.logpdf(x, mean, cov))


def outside(rate, x):
    total = 0.0
    for i in range(len(x)):
        value = scipy.stats.expon.logpdf(x[i], scale=1 / rate)
        if np.isfinite(value):
            total += value
    return total


def check(function, argnums, *arguments):
    """Value as in Python, and the slope along a direction as by extrapolated differences."""
    rng = np.random.default_rng(2)
    value, slopes = codegen_ad.value_and_grad(function, argnums)(*arguments)
    np.testing.assert_allclose(value, function(*arguments), rtol=1e-12)
    direction = {k: rng.normal(size=np.shape(arguments[k])) for k in argnums}

    def difference(h):
        ends = [
            function(*(a + s * h * direction[k] if k in direction else a
                       for k, a in enumerate(arguments)))
            for s in (1, -1)
        ]  # fmt: skip
        return (ends[0] - ends[1]) / (2 * h)

    numeric = (64 * difference(1e-3) - 20 * difference(2e-3) + difference(4e-3)) / 45
    found = sum(np.sum(g * direction[k]) for k, g in zip(argnums, slopes, strict=True))
    np.testing.assert_allclose(found, numeric, rtol=1e-7)


def test_losses() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    check(robust_regression, (0, 1, 2), rng.normal(size=3), 0.3, 4.0, X, y)
    times = rng.weibull(1.5, 30) * 2
    check(censored_survival, (0, 1), 1.3, 2.2, times, times < 3)
    factor = np.tril(rng.normal(size=(3, 3))) + 2 * np.eye(3)
    check(multivariate, (0, 1), rng.normal(size=3), factor, X)


def test_a_place_outside_makes_no_nan() -> None:
    value, slope = codegen_ad.value_and_grad(outside)(2.0, np.array([-1.0, 0.5, 0.25, -3.0]))
    np.testing.assert_allclose((value, slope), (2 * np.log(2.0) - 1.5, 2 / 2.0 - 0.75))


@pytest.mark.peers
def test_gradients_are_those_of_jax() -> None:
    jax = pytest.importorskip("jax")
    stats = jax.scipy.stats
    jax.config.update("jax_enable_x64", True)
    families = {
        "t": (3.5, 0.3, 1.2),
        "gamma": (2.2, 0.1, 1.2),
        "cauchy": (0.3, 1.2),
        "beta": (1.7, 2.4, -0.5, 5.0),
        "pareto": (2.0, -0.9, 1.1),
    }
    x = np.array([0.33, 0.9, 1.7, 2.6, 4.1])
    for name, parameters in families.items():
        ours = _gradient(name, x, parameters)
        theirs = jax.grad(
            lambda p, name=name: getattr(stats, name).logpdf(x, *p).sum()
        )(tuple(parameters))  # fmt: skip
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, err_msg=name)


def _gradient(name, x, parameters):
    distribution = getattr(scipy.stats, name)

    def two(x, a, b):
        return np.sum(distribution.logpdf(x, a, b))

    def three(x, a, b, c):
        return np.sum(distribution.logpdf(x, a, b, c))

    def four(x, a, b, c, d):
        return np.sum(distribution.logpdf(x, a, b, c, d))

    function = {2: two, 3: three, 4: four}[len(parameters)]
    forms = [("x", ArrayForm("f8", (None,)))]
    forms += [(letter, ArrayForm("f8", ())) for letter in "abcd"[: len(parameters)]]
    program = read(function, Signature(tuple(forms))).program
    return evaluate(differentiate(program, program.inputs[1:]), [x, *parameters])[1:]
