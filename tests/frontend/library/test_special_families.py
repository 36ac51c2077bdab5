"""Families of scipy.special beyond their table of cases: poles, edges, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from library_cases import assert_same, reading_of

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate
from codegen_ad.errors import SourceError

TEXTS = """
scipy.special.gammaln(v)
scipy.special.digamma(v)
scipy.special.polygamma(2, v)
scipy.special.kl_div(odd, s)
""".strip().splitlines()


@pytest.mark.parametrize("text", TEXTS)
def test_values_near_poles_and_edges(text: str) -> None:
    assert_same(text)


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
