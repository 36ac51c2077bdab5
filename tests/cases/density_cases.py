"""The distributions of `scipy.stats`: densities and probabilities, in place and parameters.

A row of the first table is a family, a place inside its support and its shapes; which methods there
are is the library's own table. What is known in its shapes too has those as data.
"""

from __future__ import annotations

from collections.abc import Iterator

from codegen_ad.frontend.library.densities import CONTINUOUS, DISCRETE
from tests.cases.engine import Case, cases_of

PLACES = """
norm: v
t: v | s + 2
gamma: p | s
beta: 0.8 * u | s, p + 1
expon: p
lognorm: p | s
uniform: u
laplace: v
cauchy: v
logistic: v
chi2: p | s + 2
chi: p | s
f: p | s + 2, p + 3
halfnorm: p
halfcauchy: p
invgamma: p | s
weibull_min: p | s
pareto: p + 2 | s
lomax: p | s
gumbel_r: v
gumbel_l: v
rayleigh: p
maxwell: p
invgauss: p | s
vonmises: v | s
skewnorm: v | -s
truncnorm: 0.3 * v | -s, s + 1
poisson: np.abs(i) | p
binom: np.abs(i) | 9, u
bernoulli: 0 * i | u
nbinom: np.abs(i) | s, u
geom: np.abs(i) + 1 | u
"""

# Their derivatives in the shapes have no closed form.
FIXED = {
    "t": "3.5", "gamma": "2.3", "beta": "0.7, 2.5", "chi2": "3", "chi": "2.5", "f": "3, 5.5",
    "invgamma": "2.2", "binom": "9, 0.3", "nbinom": "2.5, 0.4",
}  # fmt: skip

MORE = """
scipy.stats.norm: scipy.stats.norm.logpdf(v, s)
": scipy.stats.norm.logpdf(v, loc=A[0, 0], scale=p)
": scipy.stats.norm.logpdf(A, K, p[:4])
": scipy.stats.norm.logpdf(A, scale=2.0)
": scipy.stats.norm.pdf(v, 1, 2)
": scipy.stats.norm.sf(9 * v)
": scipy.stats.norm.logcdf(9 * v, s)
": scipy.stats.norm.logpdf(f, s, 0.3)
": scipy.stats.norm.logpdf(f, 0.3)
": scipy.stats.norm.logpdf(odd)
": scipy.stats.norm.logpdf(1.5)
": scipy.stats.norm.logpdf(np.zeros((2, 0)), s)
": scipy.stats.norm(s, 2.0).logpdf(v)
": scipy.stats.norm(scale=p).cdf(v)
scipy.stats.t: scipy.stats.t.logpdf(v, df=s, loc=1.0)
": scipy.stats.t(4, loc=s).logpdf(A)
scipy.stats.gamma: scipy.stats.gamma.logpdf(p, a=2.0, scale=s)
scipy.stats.beta: scipy.stats.beta.pdf(u, 2, 3)
scipy.stats.poisson: scipy.stats.poisson.pmf(2, p)
": scipy.stats.poisson.logpmf(i, 0.0)
": scipy.stats.poisson.logpmf(j, f**2)
": scipy.stats.poisson(p).logpmf(np.abs(i))
scipy.stats.binom: scipy.stats.binom.logpmf(i, 7, 0.0)
": scipy.stats.binom.logcdf(np.abs(i), 9, u)
scipy.stats.bernoulli: scipy.stats.bernoulli.logpmf(m, u)
scipy.stats.multivariate_normal: scipy.stats.multivariate_normal.logpdf(A[:, :3], v[:3], S)
": scipy.stats.multivariate_normal.logpdf(v[:3], cov=S)
": scipy.stats.multivariate_normal.logpdf(A[:, :3], v[:3])
": scipy.stats.multivariate_normal.logpdf(A, R[0], p[:4])
": scipy.stats.multivariate_normal.logpdf(v, 0.5, s)
": scipy.stats.multivariate_normal.logpdf(s)
": scipy.stats.multivariate_normal.pdf(T[:, :, :3], cov=S)
": scipy.stats.multivariate_normal(v[:3], S).logpdf(A[:, :3])
scipy.stats.dirichlet: scipy.stats.dirichlet.logpdf(np.array([0.2, 0.3, 0.5]), p[:3])
": scipy.stats.dirichlet.logpdf(np.array([[0.2, 0.3], [0.3, 0.3], [0.5, 0.4]]), p[:3])
scipy.stats.multinomial: scipy.stats.multinomial.logpmf(np.array([1, 0, 4]), 5, u[:3] / np.sum(u[:3]))
": scipy.stats.multinomial.pmf(np.array([1, 0, 4]), n=5, p=np.array([0.2, 0.3, 0.5]) * s / s)
"""  # noqa: E501

FAMILY = "Distributions: `scipy.stats`"


def _families() -> Iterator[Case]:
    for row in PLACES.strip().splitlines():
        name, _, rest = row.partition(": ")
        place, _, shapes = rest.partition(" | ")
        known = {**CONTINUOUS, **DISCRETE}[name]
        densities = ("logpmf", "pmf") if known.discrete else ("logpdf", "pdf")
        more = "" if known.discrete else ", -0.2 * u, s"
        for method in (*densities, *known.probabilities):
            given = shapes if method in densities else FIXED.get(name, shapes)
            arguments = ", ".join(part for part in (place, given) if part) + more
            function = f"scipy.stats.{name}"
            yield Case(FAMILY, function, f"{function}.{method}({arguments})")
        for method in known.quantiles:
            arguments = ", ".join(part for part in ("0.9 * u", shapes) if part) + more
            yield Case(FAMILY, function, f"{function}.{method}({arguments})")


CASES = (*_families(), *cases_of(FAMILY, MORE))


def _note(name: str) -> str:
    known = {**CONTINUOUS, **DISCRETE}[name]
    kind = "pmf" if known.discrete else "pdf"
    known_methods = (f"log{kind}", kind, *known.probabilities, *known.quantiles)
    methods = ", ".join(f"`{m}`" for m in known_methods)
    return methods + (f"; `{kind}` alone in the shapes" if name in FIXED else "")


NOTES = {
    **{f"scipy.stats.{name}": _note(name) for name in (*CONTINUOUS, *DISCRETE)},
    "scipy.stats.multivariate_normal": "`logpdf`, `pdf`",
    "scipy.stats.dirichlet": "`logpdf`, `pdf`; in `alpha`",
    "scipy.stats.multinomial": "`logpmf`, `pmf`; in `p`",
}
