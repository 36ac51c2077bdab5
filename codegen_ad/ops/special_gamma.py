"""The gamma function and its kin as plain arithmetic on single numbers.

These functions are what the operations of `ops.special` mean. The reference backend calls them for
each element, and generated files carry the text of those that they use. So each uses `np`, `math`,
literals and other functions of these modules, nothing else. None raises: poles, infinities and NaN
give limits or NaN, as in SciPy. Rational approximations without a source were fitted in 60
digits to the function that is named beside them, at the Chebyshev nodes of their interval.

Largest error found against multiple precision (tests/ops/test_special_functions.py), in units of
the last place, away from zeros of functions that change sign (but for `gammaln` at 1 and 2 and
`digamma` above 0, which are right there too):

=================== =================================================== ======
function            points                                              error
=================== =================================================== ======
gammaln             0.01 to 4, around 1 and 2, up to 1e300                   4
gamma               0.01 to 171; between the poles from -20                  3
rgamma              -20 to 171                                               3
rgamma              171 to 177 (by a logarithm)                            600
digamma             0 to 3, around its zero, up to 1e300                     2
polygamma           order below 6, 0.01 to 20; from -20                     14
polygamma           order below 40, 0.01 to 50                               7
betaln              from 1.5, up to 1e12                                     4
beta                up to 40 (the sum of the arguments is rounded)         140
binom               up to 50 over 5; exact for whole numbers to 2**53       62
=================== =================================================== ======
"""

from __future__ import annotations

import math

import numpy as np


def special_stirling(x: float) -> float:
    """Return log(gamma(x)) less (x - 1/2) log(x) - x + log(2 pi) / 2, for x >= 10 (DLMF 5.11.1)."""
    z = 1.0 / (x * x)
    series = 0.00641025641025641 - z * 0.029550653594771242
    series = 0.0019175269175269176 - z * series
    series = 0.0008417508417508417 - z * series
    series = 0.0005952380952380953 - z * series
    series = 0.0007936507936507937 - z * series
    series = 0.002777777777777778 - z * series
    return (0.08333333333333333 - z * series) / x


def special_gammaln_positive(x: float) -> float:
    """Return log(gamma(x)) for x > 0."""
    if x >= 10.0:
        if x > 1e305:
            return x * (np.log(x) - 1.0)
        return (x - 0.5) * np.log(x) - x + 0.9189385332046727 + special_stirling(x)
    shift = 0.0
    y = x
    if y <= 0.75:
        shift = -np.log(y)
        y += 1.0
    elif y > 2.25:
        product = 1.0
        while y > 2.25:
            y -= 1.0
            product *= y
        shift = np.log(product)
    if y < 1.25:
        u = y - 1.0
        p = (0.0003457262890818406 * u + 0.03522670483326013) * u + 0.3032145738423252
        p = (p * u + 0.7240221927227073) * u + 0.26897163093467036
        p = (p * u - 0.7545651368988128) * u - 0.5772156649015329
        q = 0.012745055950607662 * u + 0.225843765317086
        q = (q * u + 1.2118475257030075) * u + 2.7328350470388134
        q = (q * u + 2.732136818552822) * u + 1.0
        return u * p / q + shift
    if y <= 1.75:
        u = y - 1.5
        p = 0.017555019922156804 * u + 0.187094188961162
        p = (p * u + 0.547454932387334) * u + 0.43635540320355876
        p = (p * u - 0.13796092177484987) * u - 0.12078223763524522
        q = -4.893137523453699e-05 * u + 0.005562729881212554
        q = (q * u + 0.12254629351741332) * u + 0.693394259850594
        q = (q * u + 1.444342307022463) * u + 1.0
        return p / q + shift
    u = y - 2.0
    p = 0.0004440119398247373 * u + 0.015848346105863043
    p = (p * u + 0.149708830401974) * u + 0.5519233532648116
    p = (p * u + 0.8404031896021401) * u + 0.42278433509846713
    q = 0.00010245305484047158 * u + 0.006549054825778808
    q = (q * u + 0.09605417945435096) * u + 0.5303749170472226
    q = (q * u + 1.2250599494359193) * u + 1.0
    return u * p / q + shift


def special_gammaln(x: float) -> float:
    """Return log(abs(gamma(x))), infinite at the poles.

    Rational functions around 1, 3/2 and 2, the first and the last times their zeros; recurrence up
    to 10, the asymptotic series beyond, reflection below 0.
    """
    if x <= 0.0:
        if x == np.floor(x):
            return np.inf
        if x > -1e-17:
            return -np.log(-x)
        sine = abs(np.sin(np.pi * (x - np.rint(x))))
        return 1.1447298858494002 - np.log(sine) - special_gammaln_positive(1.0 - x)
    return special_gammaln_positive(x)


def special_gamma(x: float) -> float:
    """Return gamma(x): NaN at the negative poles, an infinity at 0, infinite above 171.6."""
    if x > 171.6243769563027:
        return np.inf
    if abs(x) < 1e-17:
        return 1.0 / x
    if x <= 0.0 and x == np.floor(x):
        return np.nan
    return math.gamma(x)


def special_digamma(x: float) -> float:
    """Return the derivative of log(gamma(x)): NaN at the negative poles, an infinity at 0.

    Reflection below 0, a rational function times its zero on [1, 2], recurrence up to 10, and the
    asymptotic series (DLMF 5.11.2) beyond.
    """
    shift = 0.0
    y = x
    if x <= 0.0:
        if x == np.floor(x):
            return -1.0 / x if x == 0.0 else np.nan
        # The cotangent has period 1, the remainder is exact, and so is its distance from 1/2.
        r = x - np.rint(x)
        rest = np.tan(np.pi * (0.5 - abs(r)))
        shift = -np.pi * np.copysign(rest, r) if abs(r) > 0.25 else -np.pi / np.tan(np.pi * r)
        y = 1.0 - x
    if y < 1.0:
        shift -= 1.0 / y
        y += 1.0
    if y < 10.0:
        while y > 2.0:
            y -= 1.0
            shift += 1.0 / y
        u = y - 1.5
        p = (4.22009395907132e-07 * u + 0.00022636249078624788) * u + 0.008297484863617567
        p = (p * u + 0.0998201733015596) * u + 0.5137384479970142
        p = (p * u + 1.1663702567214969) * u + 0.9510558760318328
        q = (4.664959078686044e-05 * u + 0.0025031842360786877) * u + 0.041378314480827155
        q = (q * u + 0.2978119036558111) * u + 1.0319333676352624
        q = (q * u + 1.6718236205395554) * u + 1.0
        # The zero in two parts.
        return ((y - 1.4616321449683622) - 9.549995429965697e-17) * p / q + shift
    z = 1.0 / (y * y)
    series = 0.08333333333333333 - z * 0.4432598039215686
    series = 0.021092796092796094 - z * series
    series = 0.007575757575757576 - z * series
    series = 0.004166666666666667 - z * series
    series = 0.003968253968253968 - z * series
    series = 0.008333333333333333 - z * series
    series = 0.08333333333333333 - z * series
    return np.log(y) - 0.5 / y - z * series + shift


def special_hurwitz(s: float, q: float) -> float:
    """Return the sum over k of (q + k)**-s for s > 1 and q > 0.

    Terms up to q + k = 10 + s, then the Euler-Maclaurin formula (DLMF 25.11.5).
    """
    total = 0.0
    while q < 10.0 + s:
        term = q**-s
        total += term
        q += 1.0
        if term <= 1e-17 * total:
            return total
    if q == np.inf:
        return total
    power = q**-s
    total += q ** (1.0 - s) / (s - 1.0) + 0.5 * power
    z = 1.0 / (q * q)
    factor = s * power / q
    # Bernoulli's numbers over factorials: B_2k / (2k)!
    total += factor * 0.08333333333333333
    factor *= (s + 1.0) * (s + 2.0) * z
    total -= factor * 0.001388888888888889
    factor *= (s + 3.0) * (s + 4.0) * z
    total += factor * 3.306878306878307e-05
    factor *= (s + 5.0) * (s + 6.0) * z
    total -= factor * 8.267195767195768e-07
    factor *= (s + 7.0) * (s + 8.0) * z
    total += factor * 2.08767569878681e-08
    factor *= (s + 9.0) * (s + 10.0) * z
    total -= factor * 5.284190138687493e-10
    factor *= (s + 11.0) * (s + 12.0) * z
    total += factor * 1.3382536530684679e-11
    factor *= (s + 13.0) * (s + 14.0) * z
    total -= factor * 3.3896802963225829e-13
    factor *= (s + 15.0) * (s + 16.0) * z
    return total + factor * 8.5860620562778446e-15


def special_polygamma(n: float, x: float) -> float:
    """Return the derivative of order n of digamma at x; n is a whole number that is not negative.

    It is (-1)**(n + 1) n! times the sum of (x + k)**-(n + 1) over all k >= 0 (DLMF 5.15.1). Below 0
    the terms are taken on both sides of the pole that is nearest.
    """
    if n == 0.0:
        return special_digamma(x)
    if n < 0.0 or n != np.floor(n):
        return np.nan
    s = n + 1.0
    even = s == 2.0 * np.floor(0.5 * s)
    factor = special_gamma(s) if even else -special_gamma(s)
    if x > 0.0:
        return factor * special_hurwitz(s, x)
    place = np.rint(x)
    r = x - place
    if r == 0.0:
        return np.inf if even else -np.inf
    if r != r:
        return np.nan
    below = special_hurwitz(s, 1.0 - r) - special_hurwitz(s, 1.0 - r - place)
    pole = abs(r) ** -s
    pole = pole if even or r > 0.0 else -pole
    return factor * (pole + special_hurwitz(s, 1.0 + r) + (below if even else -below))


def special_betaln(x: float, y: float) -> float:
    """Return log(abs(beta(x, y))).

    For large arguments, where three logarithms of gamma functions would cancel, their Stirling
    series are subtracted term by term (Didonato and Morris, ACM TOMS 18, 1992, section 4).
    """
    a = x if x < y else y
    b = y if x < y else x
    if not a > 0.0 or not b >= 10.0:
        return special_gammaln(a) + special_gammaln(b) - special_gammaln(a + b)
    if b == np.inf:
        return -np.inf
    rest = special_stirling(b) - special_stirling(a + b)
    if a < 10.0:
        return special_gammaln(a) - (b - 0.5) * np.log1p(a / b) - a * (np.log(a + b) - 1.0) + rest
    ratio = (a - 0.5) * np.log(a / (a + b)) - b * np.log1p(a / b)
    return ratio - 0.5 * np.log(b) + 0.9189385332046727 + special_stirling(a) + rest


def special_rgamma(x: float) -> float:
    """Return 1 / gamma(x): 0 at the poles."""
    if x <= 0.0 and x == np.floor(x):
        return 0.0
    if x > 170.0:
        # The gamma function overflows before its reciprocal is 0.
        return np.exp(-special_gammaln(x))
    return 1.0 / special_gamma(x)


def special_beta(x: float, y: float) -> float:
    """Return gamma(x) gamma(y) / gamma(x + y)."""
    if x + y < 100.0 and abs(x) < 100.0 and abs(y) < 100.0:
        larger = x if x > y else y
        smaller = y if x > y else x
        return special_gamma(larger) * special_rgamma(x + y) * special_gamma(smaller)
    size = np.exp(special_betaln(x, y))
    # Below 0 the gamma function is negative between every other pair of poles.
    odd = 0.0
    for z in (x, y, x + y):
        odd += np.floor(z) if z < 0.0 else 0.0
    return size if odd == 2.0 * np.floor(0.5 * odd) else -size


def special_binom(x: float, y: float) -> float:
    """Return the binomial coefficient of real arguments, `x` over `y`.

    A product where that is short; otherwise by the beta function.
    """
    whole = y == np.floor(y)
    if whole and x == np.floor(x) and x >= 0.0:
        if y < 0.0 or y > x:
            return 0.0
        y = x - y if x - y < y else y
    if whole and 0.0 <= y <= 30.0:
        value, k = 1.0, 1.0
        while k <= y:
            value = value * (x - y + k) / k
            k += 1.0
        return value
    if (whole and y < 0.0) or (x - y < 0.0 and x - y == np.floor(x - y)):
        return 0.0 if x != np.floor(x) else np.nan
    return 1.0 / ((x + 1.0) * special_beta(1.0 + x - y, 1.0 + y))
