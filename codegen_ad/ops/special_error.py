"""Error functions and the normal distribution as plain arithmetic on single numbers.

What holds for `special_gamma` holds here too.

=================== =================================================== ======
function            points                                              error
=================== =================================================== ======
erfcx               1e-9 to 26; -26 to 0                                     2
ierfcx              order 3, from 0 to 1                                    15
ierfcx              order below 6, 1 to 30 and from -5 to 0                  2
ndtri               0.001 to 0.999                                           2
erfinv, erfcinv     everywhere                                               2
log_ndtr            -1e5 to -1                                               1
log_ndtr            -1 to 30                                                 4
ndtr                -37 to 8                                                 4
=================== =================================================== ======
"""

from __future__ import annotations

import math

import numpy as np


def special_erfcx(x: float) -> float:
    """Return exp(x * x) * erfc(x).

    For x >= 0, (1 + 2 x) erfcx(x) is smooth in (x - 4) / (x + 4), as in Shepherd and Laframboise,
    Math. Comp. 36 (1981); the polynomial was fitted anew. Below 0 it is 2 exp(x * x) - erfcx(-x).
    """
    y = abs(x)
    if y > 1e8:
        positive = 0.5641895835477563 / y
    else:
        t = (y - 4.0) / (y + 4.0)
        p = (-2.764120233734578e-10 * t + 9.297625263709659e-10) * t + 3.2323973445082033e-09
        p = (p * t - 1.2338731403798444e-08) * t - 2.0725802488181963e-08
        p = (p * t + 1.0631817593818149e-07) * t + 7.771943241086912e-08
        p = (p * t - 8.210647933297337e-07) * t + 2.9173425573089733e-07
        p = (p * t + 5.70657829924074e-06) * t - 1.1221135665965907e-05
        p = (p * t - 2.4397731143023292e-05) * t + 0.00015062142608651945
        p = (p * t - 0.0001992571524726518) * t - 0.0007577732435942576
        p = (p * t + 0.005031970069102256) * t - 0.01619773406293477
        p = (p * t + 0.037167515526338006) * t - 0.06633036581186058
        p = (p * t + 0.09373283499911264) * t - 0.10103906603631811
        p = (p * t + 0.06809705425466839) * t + 0.015379652102619974
        p = (p * t - 0.13962111684056228) * t + 1.2329951186255526
        positive = p / (1.0 + 2.0 * y)
    if x >= 0.0 or x != x:
        return positive
    if x < -26.7:
        return np.inf
    # The square of the leading bits is exact.
    high = np.rint(x * 16.0) / 16.0
    return 2.0 * np.exp(high * high) * np.exp((x - high) * (x + high)) - positive


def special_ierfcx(n: float, x: float) -> float:
    """Return exp(x * x) times the n-th repeated integral of erfc (DLMF 7.18), n >= -1 whole.

    F_(k-1) = 2 x F_k + 2 (k + 1) F_(k+1), upwards for x <= 1. Beyond, where F falls faster than any
    other solution, as a continued fraction from far above n.
    """
    if n < -1.0 or n != np.floor(n):
        return np.nan
    lower, value = 1.1283791670955126, special_erfcx(x)
    if n == -1.0 or n == 0.0:
        return value if n == 0.0 else lower
    if x <= 1.0:
        k = 0.0
        while k < n:
            lower, value = value, (0.5 * lower - x * value) / (k + 1.0)
            k += 1.0
        return value
    k = n + np.floor(30.0 + 150.0 / (x * x))
    ratio = 1.0 / (x + np.sqrt(x * x + 2.0 * k + 2.0))
    product = 1.0
    while k >= 1.0:
        ratio = 1.0 / (2.0 * x + 2.0 * (k + 1.0) * ratio)
        product = product * ratio if k <= n else product
        k -= 1.0
    return value * product


def special_quantile(q: float, tail: float) -> float:
    """Return the standard normal's quantile for p = 1/2 + q; `tail` is the smaller of p and 1 - p.

    Wichura's algorithm AS 241, Applied Statistics 37 (1988).
    """
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        p = 2509.0809287301227 * r + 33430.575583588128
        p = ((p * r + 67265.770927008700) * r + 45921.953931549871) * r + 13731.693765509461
        p = ((p * r + 1971.5909503065514) * r + 133.14166789178438) * r + 3.3871328727963666
        d = 5226.4952788528545 * r + 28729.085735721943
        d = ((d * r + 39307.895800092711) * r + 21213.794301586596) * r + 5394.1960214247511
        d = ((d * r + 687.18700749205790) * r + 42.313330701600911) * r + 1.0
        return q * p / d
    if not tail >= 0.0:
        return np.nan
    if tail == 0.0:
        return np.inf if q > 0.0 else -np.inf
    r = np.sqrt(-np.log(tail))
    if r <= 5.0:
        r -= 1.6
        p = 0.00077454501427834141 * r + 0.022723844989269185
        p = ((p * r + 0.24178072517745061) * r + 1.2704582524523684) * r + 3.6478483247632046
        p = ((p * r + 5.7694972214606914) * r + 4.6303378461565453) * r + 1.4234371107496836
        d = 1.0507500716444168e-09 * r + 0.00054759380849953449
        d = ((d * r + 0.015198666563616457) * r + 0.14810397642748007) * r + 0.68976733498510000
        d = ((d * r + 1.6763848301838038) * r + 2.0531916266377588) * r + 1.0
    else:
        r -= 5.0
        p = 2.0103343992922881e-07 * r + 2.7115555687434876e-05
        p = ((p * r + 0.0012426609473880784) * r + 0.026532189526576123) * r + 0.29656057182850489
        p = ((p * r + 1.7848265399172913) * r + 5.4637849111641144) * r + 6.6579046435011038
        d = 2.0442631033899398e-15 * r + 1.4215117583164459e-07
        d = (
            (d * r + 1.8463183175100547e-05) * r + 0.00078686913114561326
        ) * r + 0.014875361290850615
        d = ((d * r + 0.13692988092273581) * r + 0.59983220655588794) * r + 1.0
    return p / d if q > 0.0 else -p / d


def special_ndtri(p: float) -> float:
    """Return the standard normal's quantile of p: NaN outside [0, 1]."""
    return special_quantile(p - 0.5, p if p < 0.5 else 1.0 - p)


def special_erfinv(x: float) -> float:
    """Return the y with erf(y) = x; NaN outside [-1, 1]."""
    return 0.7071067811865476 * special_quantile(0.5 * x, 0.5 * (1.0 - abs(x)))


def special_erfcinv(x: float) -> float:
    """Return the y with erfc(y) = x; NaN outside [0, 2]."""
    return 0.7071067811865476 * special_quantile(0.5 - 0.5 * x, 0.5 * (x if x < 1.0 else 2.0 - x))


def special_ndtr(x: float) -> float:
    """Return the standard normal's distribution function, with all digits in the lower tail."""
    if not x < -1.0:
        return 0.5 * math.erfc(-0.7071067811865476 * x)
    if x < -40.0:
        return 0.0
    # The square of the leading bits is exact.
    high = np.rint(x * 16.0) / 16.0
    tail = np.exp(-0.5 * high * high) * np.exp(-0.5 * (x - high) * (x + high))
    return 0.5 * special_erfcx(-0.7071067811865476 * x) * tail


def special_log_ndtr(x: float) -> float:
    """Return the logarithm of the standard normal's distribution function."""
    if x < -1.0:
        return np.log(0.5 * special_erfcx(-0.7071067811865476 * x)) - 0.5 * x * x
    return np.log1p(-special_ndtr(-x))
