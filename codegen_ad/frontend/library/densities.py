"""Families of `scipy.stats` as formulas: densities, and distribution functions where known.

Each text is over `z`, which is the standardised place `(x - loc) / scale` (for discrete families
the number of events less `loc`), and over the family's shapes. It holds inside the support: what
lies outside is put in its place by `distributions`.

The formulas are those of Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions, and of
Johnson, Kemp, Kotz, Univariate Discrete Distributions, in SciPy's parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Family:
    """One family of distributions.

    Attributes
    ----------
    shapes : SciPy's names of the shape parameters, in its order.
    log : the logarithm of the density or of the probability.
    valid : which shapes there is a distribution for; "" where the formula is NaN by itself.
    below, above : which places lie to the left and to the right of the support.
    inside : a place within the support, which stands for those outside.
    cdf, sf, logcdf, logsf : the probability of at most `z`, of more, and their logarithms.
    ppf, isf : the place that is exceeded with probability `1 - q` and `q`, as formulas over `q`.
    """

    shapes: tuple[str, ...] = ()
    log: str = ""
    valid: str = ""
    below: str = ""
    above: str = ""
    inside: str = "1"
    discrete: bool = False
    probabilities: Mapping[str, str] = field(default_factory=dict[str, str])
    quantiles: Mapping[str, str] = field(default_factory=dict[str, str])


def family(
    log: str,
    shapes: str = "",
    *,
    valid: str = "",
    below: str = "",
    above: str = "",
    inside: str = "1",
    discrete: bool = False,
    inverse: str = "",
    ppf: str = "",
    isf: str = "",
    **probabilities: str,
) -> Family:
    """One entry of the table; what is missing of the probabilities follows from the others.

    `inverse` is the inverse of `hazard` or `lower`, over `h`.
    """
    names = tuple(shapes.split())
    quantiles = {"ppf": ppf, "isf": isf} if ppf else {}
    if inverse:
        tails = {"ppf": "-log1p(-q)", "isf": "-log(q)"}
        if "lower" in probabilities:
            tails = {"ppf": tails["isf"], "isf": tails["ppf"]}
        quantiles = {method: re.sub(r"\bh\b", f"({h})", inverse) for method, h in tails.items()}
    known = _completed(probabilities)
    return Family(names, log, valid, below, above, inside, discrete, known, quantiles)


def _completed(known: Mapping[str, str]) -> dict[str, str]:
    found = dict(known)
    if "hazard" in found:  # the negative logarithm of the upper tail
        hazard = found.pop("hazard")
        found |= {"cdf": f"-expm1(-({hazard}))", "sf": f"exp(-({hazard}))"}
        found |= {"logcdf": f"log1mexp({hazard})", "logsf": f"-({hazard})"}
    if "lower" in found:  # the negative logarithm of the lower tail
        lower = found.pop("lower")
        found |= {"cdf": f"exp(-({lower}))", "sf": f"-expm1(-({lower}))"}
        found |= {"logcdf": f"-({lower})", "logsf": f"log1mexp({lower})"}
    if "cdf" in found:
        found.setdefault("sf", f"1 - ({found['cdf']})")
        found.setdefault("logcdf", f"log({found['cdf']})")
        found.setdefault("logsf", f"log({found['sf']})")
    return found


# What the texts call besides elementwise operations.
FUNCTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    # 0 where x is 0, even where the logarithm is infinite; its derivative in x is the logarithm.
    "xlogy": (
        ("x", "y"),
        "x * log(1 if x == 0 and (y <= 0 or y == inf) else y)",
    ),
    "xlog1py": (
        ("x", "y"),
        "x * log1p(0 if x == 0 and (y <= -1 or y == inf) else y)",
    ),
    # log(1 - exp(-h)), by the form that keeps its digits (Maechler, 2012).
    "log1mexp": (
        ("h",),
        "log(-expm1(-(h if h < 0.693 else 0.5)))"
        " if h < 0.693 else log1p(-exp(-(1 if h < 0.693 else h)))",
    ),
    # -|z|, whose derivatives at 0 are those of the left side: for functions that are smooth there.
    "below": (("z",), "z if z <= 0 else -z"),
    # The cotangent of so many half turns, up to a quarter of a turn.
    "half_turns": (("a",), "cos(3.141592653589793 * a) / sin(3.141592653589793 * a)"),
    "normal": (("z",), "-0.5 * square(z) - 0.9189385332046727"),
    # The logarithm of the normal probability between a and b, counted from the thinner side.
    "log_between": (("a", "b"), "_log_between(a if a + b <= 0 else -b, b if a + b <= 0 else -a)"),
    "_log_between": (("a", "b"), "log_ndtr(b) + log1p(-exp(log_ndtr(a) - log_ndtr(b)))"),
}

CONTINUOUS: dict[str, Family] = {
    "norm": family(
        "normal(z)",
        cdf="ndtr(z)",
        sf="ndtr(-z)",
        logcdf="log_ndtr(z)",
        logsf="log_ndtr(-z)",
        ppf="ndtri(q)",
        isf="-ndtri(q)",
    ),
    "t": family(
        "-0.5 * log(df) - betaln(0.5, 0.5 * df) - 0.5 * (df + 1) * log1p(square(z) / df)",
        "df",
        valid="df > 0",
        cdf="stdtr(df, z)",
        sf="stdtr(df, -z)",
    ),
    "gamma": family(
        "xlogy(a - 1, z) - z - gammaln(a)",
        "a",
        valid="a > 0",
        below="z < 0",
        cdf="gammainc(a, z)",
        sf="gammaincc(a, z)",
    ),
    "beta": family(
        "xlogy(a - 1, z) + xlog1py(b - 1, -z) - betaln(a, b)",
        "a b",
        valid="a > 0 and b > 0",
        below="z < 0",
        above="z > 1",
        inside="0.5",
        cdf="betainc(a, b, z)",
        sf="betainc(b, a, 1 - z)",
    ),
    "expon": family("-z", below="z < 0", hazard="z", inverse="h"),
    "lognorm": family(
        "normal(log(z) / s) - log(s) - log(z)",
        "s",
        valid="s > 0",
        below="z <= 0",
        cdf="ndtr(log(z) / s)",
        sf="ndtr(-log(z) / s)",
        logcdf="log_ndtr(log(z) / s)",
        logsf="log_ndtr(-log(z) / s)",
        ppf="exp(s * ndtri(q))",
        isf="exp(-s * ndtri(q))",
    ),
    "uniform": family(
        "0 * z",
        below="z < 0",
        above="z > 1",
        inside="0.5",
        cdf="z",
        sf="1 - z",
        logsf="log1p(-z)",
        ppf="q",
        isf="1 - q",
    ),
    "laplace": family(
        "-0.6931471805599453 - absolute(z)",
        cdf="1 - 0.5 * exp(below(z)) if z > 0 else 0.5 * exp(below(z))",
        sf="0.5 * exp(below(z)) if z > 0 else 1 - 0.5 * exp(below(z))",
        logcdf="log1p(-0.5 * exp(below(z))) if z > 0 else -0.6931471805599453 + below(z)",
        logsf="-0.6931471805599453 + below(z) if z > 0 else log1p(-0.5 * exp(below(z)))",
        ppf="log(2 * q) if q < 0.5 else -log(2 - 2 * q)",
        isf="-log(2 * q) if q < 0.5 else log(2 - 2 * q)",
    ),
    "cauchy": family(
        "-1.1447298858494002 - log1p(square(z))",
        cdf="0.3183098861837907 * arctan2(1, -z)",
        sf="0.3183098861837907 * arctan2(1, z)",
        ppf="-half_turns(q) if q < 0.5 else half_turns(1 - q)",
        isf="half_turns(q) if q < 0.5 else -half_turns(1 - q)",
    ),
    "logistic": family(
        "below(z) - 2 * softplus(below(z))",
        cdf="expit(z)",
        sf="expit(-z)",
        logcdf="-softplus(-z)",
        logsf="-softplus(z)",
        ppf="logit(q)",
        isf="-logit(q)",
    ),
    "chi2": family(
        "xlogy(0.5 * df - 1, z) - 0.5 * z - gammaln(0.5 * df) - 0.34657359027997264 * df",
        "df",
        valid="df > 0",
        below="z < 0",
        cdf="gammainc(0.5 * df, 0.5 * z)",
        sf="gammaincc(0.5 * df, 0.5 * z)",
    ),
    "chi": family(
        "0.6931471805599453 * (1 - 0.5 * df) - gammaln(0.5 * df) + xlogy(df - 1, z)"
        " - 0.5 * square(z)",
        "df",
        valid="df > 0",
        below="z < 0",
        cdf="gammainc(0.5 * df, 0.5 * square(z))",
        sf="gammaincc(0.5 * df, 0.5 * square(z))",
    ),
    "f": family(
        "0.5 * dfn * log(dfn / dfd) + xlogy(0.5 * dfn - 1, z) - betaln(0.5 * dfn, 0.5 * dfd)"
        " - 0.5 * (dfn + dfd) * log1p(dfn * z / dfd)",
        "dfn dfd",
        valid="dfn > 0 and dfd > 0",
        below="z < 0",
        cdf="betainc(0.5 * dfn, 0.5 * dfd, dfn * z / (dfd + dfn * z))",
        sf="betainc(0.5 * dfd, 0.5 * dfn, dfd / (dfd + dfn * z))",
    ),
    "halfnorm": family(
        "-0.22579135264472744 - 0.5 * square(z)",
        below="z < 0",
        cdf="erf(0.7071067811865476 * z)",
        sf="erfc(0.7071067811865476 * z)",
        logsf="0.6931471805599453 + log_ndtr(-z)",
        ppf="-ndtri(0.5 * (1 - q))",
        isf="-ndtri(0.5 * q)",
    ),
    "halfcauchy": family(
        "-0.4515827052894548 - log1p(square(z))",
        below="z < 0",
        cdf="0.6366197723675814 * arctan(z)",
        sf="0.6366197723675814 * arctan2(1, z)",
        ppf="half_turns(0.5 * (1 - q))",
        isf="half_turns(0.5 * q)",
    ),
    "invgamma": family(
        "-(a + 1) * log(z) - gammaln(a) - 1 / z",
        "a",
        valid="a > 0",
        below="z <= 0",
        cdf="gammaincc(a, 1 / z)",
        sf="gammainc(a, 1 / z)",
    ),
    "weibull_min": family(
        "log(c) + xlogy(c - 1, z) - z ** c",
        "c",
        valid="c > 0",
        below="z < 0",
        hazard="z ** c",
        inverse="h ** (1 / c)",
    ),
    "pareto": family(
        "log(b) - (b + 1) * log(z)",
        "b",
        valid="b > 0",
        below="z < 1",
        hazard="b * log(z)",
        inverse="exp(h / b)",
    ),
    "lomax": family(
        "log(c) - (c + 1) * log1p(z)",
        "c",
        valid="c > 0",
        below="z < 0",
        hazard="c * log1p(z)",
        inverse="expm1(h / c)",
    ),
    "gumbel_r": family("-z - exp(-z)", lower="exp(-z)", inverse="-log(h)"),
    "gumbel_l": family("z - exp(z)", hazard="exp(z)", inverse="log(h)"),
    "rayleigh": family(
        "log(z) - 0.5 * square(z)", below="z < 0", hazard="0.5 * square(z)", inverse="sqrt(2 * h)"
    ),
    "maxwell": family(
        "-0.22579135264472744 + 2 * log(z) - 0.5 * square(z)",
        below="z < 0",
        cdf="gammainc(1.5, 0.5 * square(z))",
        sf="gammaincc(1.5, 0.5 * square(z))",
    ),
    "invgauss": family(
        "-0.9189385332046727 - 1.5 * log(z) - 0.5 * square((z - mu) / mu) / z",
        "mu",
        valid="mu > 0",
        below="z <= 0",
    ),
    "vonmises": family(
        "-2 * kappa * square(sin(0.5 * z)) - 1.8378770664093456 - log(i0e(kappa))",
        "kappa",
        valid="kappa >= 0",
    ),
    "skewnorm": family("0.6931471805599453 + normal(z) + log_ndtr(a * z)", "a"),
    "truncnorm": family(
        "normal(z) - log_between(a, b)",
        "a b",
        valid="a < b",
        below="z < a",
        above="z > b",
        inside="0",
    ),
}

DISCRETE: dict[str, Family] = {
    "poisson": family(
        "xlogy(z, mu) - gammaln(z + 1) - mu",
        "mu",
        valid="mu >= 0",
        below="z < 0",
        discrete=True,
        cdf="gammaincc(z + 1, mu)",
        sf="gammainc(z + 1, mu)",
    ),
    "binom": family(
        "xlogy(z, p) + xlog1py(n - z, -p) - log(n + 1) - betaln(n - z + 1, z + 1)",
        "n p",
        valid="n >= 0 and n == floor(n) and p >= 0 and p <= 1",
        below="z < 0",
        above="z > n",
        inside="0",
        discrete=True,
        cdf="1 + 0 * z if z >= n else betainc(1 if z >= n else n - z, z + 1, 1 - p)",
        sf="0 * z if z >= n else betainc(z + 1, 1 if z >= n else n - z, p)",
    ),
    "bernoulli": family(
        "xlogy(z, p) + xlog1py(1 - z, -p)",
        "p",
        valid="p >= 0 and p <= 1",
        below="z < 0",
        above="z > 1",
        inside="0",
        discrete=True,
        cdf="1 - p if z < 1 else 1 + 0 * z",
        sf="p if z < 1 else 0 * z",
    ),
    "nbinom": family(
        "n * log(p) + xlog1py(z, -p) - log(n + z) - betaln(n, z + 1)",
        "n p",
        valid="n > 0 and p > 0 and p <= 1",
        below="z < 0",
        discrete=True,
        cdf="betainc(n, z + 1, p)",
        sf="betainc(z + 1, n, 1 - p)",
    ),
    "geom": family(
        "xlog1py(z - 1, -p) + log(p)",
        "p",
        valid="p > 0 and p <= 1",
        below="z < 1",
        discrete=True,
        hazard="-z * log1p(-p)",
    ),
}
