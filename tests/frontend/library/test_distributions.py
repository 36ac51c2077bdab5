"""Distributions of scipy.stats: values as SciPy's, also outside the support, and gradients."""

from __future__ import annotations

import functools
import linecache
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.stats
from library_cases import GLOBALS, assert_same, reading_of

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate
from codegen_ad.errors import SourceError
from codegen_ad.frontend.library.densities import CONTINUOUS, DISCRETE
from codegen_ad.frontend.library.distributions import OUTSIDE
from codegen_ad.frontend.reader import read
from codegen_ad.signature import ArrayForm, Signature

FAMILIES = {**CONTINUOUS, **DISCRETE}
SHAPES = {
    "t": (3.5,), "gamma": (2.3,), "beta": (0.7, 2.5), "lognorm": (0.8,), "chi2": (3.0,),
    "chi": (2.5,), "f": (3.0, 5.5), "invgamma": (2.2,), "weibull_min": (1.7,), "pareto": (2.5,),
    "lomax": (1.5,), "invgauss": (0.9,), "vonmises": (2.1,), "skewnorm": (-1.5,),
    "truncnorm": (-0.5, 1.2), "poisson": (3.3,), "binom": (9.0, 0.3), "bernoulli": (0.3,),
    "nbinom": (2.5, 0.4), "geom": (0.35,),
}  # fmt: skip
PLACES = np.array([-7.0, -0.6, -0.3, 0.0, 0.2, 0.5, 0.9, 1.0, 1.3, 2.0, 4.0, 9.0, 11.0, 30.0])
NUMBERS = np.array([-2.0, 0.0, 1.0, 2.0, 2.5, 5.0, 9.0, 10.0, 60.0, np.nan])


def places(name: str) -> np.ndarray:
    if FAMILIES[name].discrete:
        return NUMBERS
    return np.append(PLACES[PLACES != 0.0] if name == "invgauss" else PLACES, np.nan)


def source_of(name: str, method: str, count: int) -> str:
    """The method with shapes, location and scale as further inputs."""
    names = [*"abcd"[:count], "mu", "scale"][: count + (1 if FAMILIES[name].discrete else 2)]
    lines = f"def case(x, {', '.join(names)}):\n    return scipy.stats.{name}.{method}(x, "
    return lines + f"{', '.join(names)})\n"


def derivative_of(name: str, method: str, wrt: list[int]) -> Any:
    source = source_of(name, method, len(SHAPES.get(name, ())))
    file = f"<distribution {name} {method}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, Any] = {"scipy": scipy}
    exec(compile(source, file, "exec"), space)
    code = space["case"].__code__
    forms = [(v, ArrayForm("f8", (None,))) for v in code.co_varnames[: code.co_argcount]]
    program = read(space["case"], Signature(tuple(forms))).program
    return program, differentiate(program, [program.inputs[k] for k in wrt])


@pytest.mark.parametrize("name", FAMILIES)
def test_values_are_those_of_scipy(name: str) -> None:
    family = FAMILIES[name]
    densities = ("logpmf", "pmf") if family.discrete else ("logpdf", "pdf")
    x = places(name)
    for method in (*densities, *family.probabilities):
        function = getattr(getattr(scipy.stats, name), method)
        shapes = SHAPES.get(name, ())
        more = (1.0,) if family.discrete else (0.25, 1.5)
        arguments = [np.full(len(x), v) for v in (*shapes, *more)]
        program, _ = derivative_of(name, method, [])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            expected = function(x, *shapes, *more)
        found = evaluate(program, [x, *arguments])[0]
        np.testing.assert_allclose(
            found, expected, rtol=3e-12, atol=1e-300 if "log" not in method else 1e-14,
            err_msg=f"{name}.{method}",
        )  # fmt: skip


WITH_QUANTILES = [name for name, family in FAMILIES.items() if family.quantiles]


@pytest.mark.parametrize("name", WITH_QUANTILES)
def test_quantiles_are_those_of_scipy(name: str) -> None:
    q = np.array([-0.1, 0.0, 1e-12, 1e-3, 0.2, 0.5, 0.77, 0.9990234375, 1.0, 1.3, np.nan])
    shapes = SHAPES.get(name, ())
    for method in ("ppf", "isf"):
        for more in ((0.25, 1.5), (0.25, -1.0)):
            arguments = [np.full(len(q), v) for v in (*shapes, *more)]
            program, slopes = derivative_of(name, method, list(range(len(arguments) + 1)))
            expected = getattr(getattr(scipy.stats, name), method)(q, *shapes, *more)
            found = evaluate(program, [q, *arguments])[0]
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15, err_msg=method)
        inner = np.array([1e-3, 0.2, 0.47, 0.77, 0.98])
        arguments = [np.full(len(inner), v) for v in (*shapes, 0.25, 1.5)]
        inputs = [inner, *arguments]
        _, *found = evaluate(slopes, [*inputs, np.ones(len(inner))])
        for k, slope in enumerate(found):
            moved = [
                evaluate(program, [a + h if j == k else a for j, a in enumerate(inputs)])[0]
                for h in (1e-5, -1e-5, 5e-6, -5e-6)
            ]
            coarse, fine = (moved[0] - moved[1]) / 2e-5, (moved[2] - moved[3]) / 1e-5
            np.testing.assert_allclose(slope, (4 * fine - coarse) / 3, rtol=2e-6, err_msg=method)


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_are_slopes(name: str) -> None:
    """Of all parameters inside the support; 0 outside, and no NaN from the side not taken."""
    family = FAMILIES[name]
    x = places(name)
    x = x[~np.isnan(x)]
    shapes = SHAPES.get(name, ())
    more = (0.0,) if family.discrete else (0.13, 1.5)
    arguments = [np.full(len(x), v) for v in (*shapes, *more)]
    methods = ["logpmf" if family.discrete else "logpdf"]
    unknown = any(w in str(family.probabilities) for w in ("gammainc", "betainc", "stdtr"))
    if family.probabilities and not unknown:
        methods += ["cdf", "logsf"]
    for method in methods:
        first = 1 if family.discrete else 0
        last = len(arguments) + 1 - (1 if family.discrete else 0)
        wrt = [k for k in range(first, last) if not (name == "binom" and k == 1)]
        program, derivative = derivative_of(name, method, wrt)
        value, *slopes = evaluate(derivative, [x, *arguments, np.ones(len(x))])
        inputs = [x, *arguments]
        for k, slope in zip(wrt, slopes, strict=True):

            def moved(h: float, k: int = k, inputs: Any = inputs, program: Any = program) -> Any:
                changed = [a + h if j == k else a for j, a in enumerate(inputs)]
                return evaluate(program, changed)[0]

            h = 1e-3
            near = np.isfinite(moved(2 * h)) & np.isfinite(moved(-2 * h)) & np.isfinite(value)
            with np.errstate(invalid="ignore"):
                first_difference = (moved(h) - moved(-h)) / (2 * h)
                second_difference = (moved(2 * h) - moved(-2 * h)) / (4 * h)
                numeric = (4 * first_difference - second_difference) / 3
            message = f"{name}.{method} in argument {k}"
            np.testing.assert_allclose(
                slope[near], numeric[near], rtol=3e-6, atol=3e-8, err_msg=message
            )
            away = np.isneginf(value) & np.isneginf(moved(2 * h)) & np.isneginf(moved(-2 * h))
            np.testing.assert_array_equal(slope[away], 0.0, err_msg=message)


# Some or all of it lies outside the support, so there are no differences to compare with.
OUTER = """
scipy.stats.gamma.logpdf(v, 1)
scipy.stats.gamma.logpdf(v, -1.0)
scipy.stats.norm.logpdf(v, 0, -1.0)
scipy.stats.norm.cdf(v, 0, -1.0)
scipy.stats.expon.logpdf(v, 0, 0.0)
scipy.stats.expon.logpdf(v)
scipy.stats.poisson.logpmf(i, p)
scipy.stats.poisson.logpmf(i, mu=p, loc=-1)
scipy.stats.binom.logpmf(i, 7, u)
scipy.stats.nbinom.logpmf(i, 2, u)
scipy.stats.geom.cdf(i, u)
scipy.stats.uniform.logpdf(v, -1.0, 1.5)
scipy.stats.norm.logpdf(odd, s, 0.0)
scipy.stats.expon.logpdf(odd, scale=s)
scipy.stats.multinomial.logpmf(np.array([[1, 0, 4], [2, 2, 0]]), 5, u[:3] / np.sum(u[:3]))
""".strip().splitlines()


def test_a_method_may_have_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of link functions holds bound methods."""
    links = {"probit": (scipy.stats.norm.ppf, scipy.stats.norm.cdf)}
    monkeypatch.setitem(GLOBALS, "links", links)
    monkeypatch.setitem(GLOBALS, "density", functools.partial(scipy.stats.norm.logpdf, scale=2.0))
    assert_same('links["probit"][1](v, scale=2.0) + density(v) + links["probit"][0](u)[0]')


@pytest.mark.parametrize("text", OUTER)
def test_outside_the_support(text: str) -> None:
    assert_same(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scipy.stats.gamma.rvs(2.0)", "`scipy.stats.gamma.rvs` is not supported"),
        ("scipy.stats.vonmises.cdf(v, 2.0)", "`scipy.stats.vonmises.cdf` is not supported"),
        ("scipy.stats.levy.logpdf(p)", "`scipy.stats.levy.logpdf` is not supported"),
        ("scipy.stats.norm.logpdf(v, mean=1.0)", "has no argument `mean`"),
        ("scipy.stats.t.logpdf(v)", "needs the argument `df`"),
        ("scipy.stats.norm.logpmf(v)", "no attribute `logpmf`"),
        ("scipy.stats.levy(s).logpdf(p)", "`scipy.stats.levy` is not supported"),
        ("scipy.stats.dirichlet.entropy(p)", "`scipy.stats.dirichlet.entropy` is not supported"),
        ("scipy.stats.multivariate_normal.logpdf(A, cov=T)", "a matrix `cov`"),
        ("frozen_norm.logpdf(v)", "was given its parameters outside the function"),
        ("frozen_density(v)", "was given its parameters outside the function"),
        ("estimate(v)", "`scipy.stats.gaussian_kde` is not supported"),
        ("scipy.stats.entropy(p)", "`scipy.stats.entropy` is not supported"),
    ],
)
def test_refused(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GLOBALS, "frozen_norm", scipy.stats.norm(0.0, 2.0))
    monkeypatch.setitem(GLOBALS, "frozen_density", scipy.stats.norm(0.0, 2.0).logpdf)
    monkeypatch.setitem(GLOBALS, "estimate", scipy.stats.gaussian_kde(PLACES))
    with pytest.raises(SourceError, match=words):
        reading_of(text)


def test_every_probability_is_complete() -> None:
    for name, family in FAMILIES.items():
        assert set(family.probabilities) in (set(), set(OUTSIDE)), name
