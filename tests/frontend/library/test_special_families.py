"""Families of scipy.special: values and dtypes as SciPy's, and gradients against differences."""

from __future__ import annotations

import numpy as np
import pytest
from library_cases import assert_same, reading_of
from test_library_gradients import test_gradient as check_gradient

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate
from codegen_ad.errors import SourceError

TEXTS = """
scipy.special.gammaln(v)
scipy.special.gammaln(f)
scipy.special.gamma(p)
scipy.special.gamma(j)
scipy.special.loggamma(p)
scipy.special.rgamma(v)
scipy.special.digamma(v)
scipy.special.psi(f)
scipy.special.polygamma(0, p)
scipy.special.polygamma(2, v)
scipy.special.polygamma(np.abs(i), p)
scipy.special.beta(p, u)
scipy.special.betaln(A[0]**2, 3.0)
scipy.special.betaln(K**2, p[:4])
scipy.special.binom(7.5, p)
scipy.special.comb(p + 3, u)
scipy.special.comb(9.0, 1 + u, repetition=True)
scipy.special.comb(4, i)
scipy.special.factorial(p)
scipy.special.factorial(i)
scipy.special.multigammaln(p + 2, 4)
scipy.special.erfcx(v)
scipy.special.erfinv(u)
scipy.special.erfinv(-u)
scipy.special.erfcinv(2 * u)
scipy.special.ndtri(u)
scipy.special.log_ndtr(5 * v)
scipy.special.log_ndtr(f)
scipy.special.gammainc(2.5, p)
scipy.special.gammaincc(i**2 + 1, p)
scipy.special.betainc(2, 3.5, u)
scipy.special.stdtr(3, v)
scipy.special.chdtr(4, p)
scipy.special.chdtrc(4, p)
scipy.special.j0(9 * v)
scipy.special.j1(9 * v)
scipy.special.jv(3, 9 * v)
scipy.special.jn(i, 9 * v)
scipy.special.y0(9 * p)
scipy.special.y1(9 * p)
scipy.special.yv(2, 9 * p)
scipy.special.yn(3, 9 * p)
scipy.special.i0(9 * v)
scipy.special.i1(v)
scipy.special.iv(2, v)
scipy.special.i0e(9 * v)
scipy.special.i1e(v)
scipy.special.ive(3, 9 * v)
scipy.special.k0(p)
scipy.special.k1(p)
scipy.special.kv(2, p)
scipy.special.kn(3, p)
scipy.special.k0e(9 * p)
scipy.special.k1e(p)
scipy.special.kve(2, p)
np.i0(v)
np.i0(f)
scipy.special.exp10(v)
scipy.special.exprel(v)
scipy.special.exprel(s - 1.7)
scipy.special.cosm1(v)
scipy.special.rel_entr(p, u)
scipy.special.kl_div(p, u)
scipy.special.rel_entr(odd, 2.0)
scipy.special.kl_div(odd, s)
scipy.special.huber(0.7, v)
scipy.special.pseudo_huber(p, v)
scipy.special.boxcox(p, u)
scipy.special.boxcox(p, s - 1.7)
scipy.special.boxcox(np.array([0.0, 0.0]), np.array([2.0, -2.0]))
scipy.special.boxcox1p(p, -0.3)
scipy.special.inv_boxcox(p, u)
scipy.special.inv_boxcox(p, s - 1.7)
scipy.special.inv_boxcox1p(v, 0.1)
math.gamma(s)
math.lgamma(s)
math.erf(s) + math.erfc(s)
""".strip().splitlines()

VALUES_ONLY = {
    "scipy.special.gamma(j)",
    "scipy.special.boxcox(np.array([0.0, 0.0]), np.array([2.0, -2.0]))",
    "scipy.special.comb(4, i)",
    "scipy.special.factorial(i)",
    "scipy.special.kl_div(odd, s)",
}


@pytest.mark.parametrize("text", TEXTS)
def test_value(text: str) -> None:
    assert_same(text)


@pytest.mark.parametrize(
    "text", [t for t in TEXTS if t not in VALUES_ONLY and "odd" not in t and "(f" not in t]
)
def test_gradient(text: str) -> None:
    check_gradient(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scipy.special.jv(0.5, v)", "takes an order `v` that is a whole number"),
        ("scipy.special.polygamma(p, v)", "takes an order `n` that is a whole number"),
        ("scipy.special.factorial(p, exact=True)", "is called with `exact=`"),
        ("scipy.special.multigammaln(p, 0)", "must be positive"),
        ("scipy.special.zeta(p)", "`scipy.special.zeta` is not supported"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        reading_of(text)


def test_power_transforms_are_smooth_where_the_power_is_0() -> None:
    for text in ("scipy.special.boxcox(p, w)", "scipy.special.inv_boxcox(p, w)"):
        program = reading_of(text)[1].program
        derivative = differentiate(program, [program.inputs[0]])
        x = np.array([0.5, 1.0, 2.0, 3.0, 0.1])
        _, found = evaluate(derivative, [np.zeros(5), x, np.ones(5)])[-2:]
        exact = np.log(x) ** 2 / 2 if ".boxcox" in text else -np.exp(x) * x**2 / 2
        np.testing.assert_allclose(found, exact, rtol=1e-14)
