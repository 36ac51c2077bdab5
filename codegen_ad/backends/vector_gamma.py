"""The logarithm of the gamma function and its derivative, as `vector_math` says.

The rational functions and polynomials were fitted in 60 digits at the Chebyshev nodes of their
interval. Each rational function is what a constant leaves, so its own rounding weighs little.
"""

from __future__ import annotations

import numpy as np

from codegen_ad.backends.vector_math import vector_log


def vector_gammaln_near(u: float, v: float) -> float:
    """Return log(gamma(1 + u)) for u from 0 to 5/2, where v is u - 1.

    A constant and a quotient, times the zeros.
    """
    u2 = u * u
    u4 = u2 * u2
    p0 = (0.1397156649015328 + u * 0.23536038277173296) - u2 * (
        0.027545090344395645 + u * 0.2752194238466716
    )
    p1 = (0.2063668197161054 + u * 0.0637511730858061) + u2 * (
        0.008757336258314631 + u * 0.0004750017326589764
    )
    q0 = (1.0 + u * 3.43992745289531) + u2 * (4.7286577328218815 + u * 3.3278609168263804)
    q1 = (1.278717928732914 + u * 0.2655664273503753) + u2 * (
        0.027761763095578373 + u * 0.0012427352951899927
    )
    p = p0 - u4 * (p1 + u4 * 6.944201002559892e-06)
    return u * v * (0.4375 + p / (q0 + u4 * (q1 + u4 * 1.6080200004530307e-05)))


def vector_gammaln_far(x: float, log_x: float) -> float:
    """Return log(gamma(x)) for x >= 7/2: Stirling's formula; its series is fitted in x**-2."""
    inverse = 1.0 / x
    t = inverse * inverse
    t2 = t * t
    t4 = t2 * t2
    low = (0.08333333333333331 - t * 0.002777777777734769) + t2 * (
        0.0007936507759935256 - t * 0.0005952352439092053
    )
    middle = (0.0008415127599549598 - t * 0.0019058041797362663) + t2 * (
        0.006043560536192271 - t * 0.02188646223118823
    )
    high = 0.06688177820923424 - t * 0.11104695308738122
    series = inverse * (low + t4 * (middle + t4 * high))
    # log(x) - 1 is exact in the sense of Sterbenz below 7.4, and what it loses is small beyond.
    return (x - 0.5) * (log_x - 1.0) + (0.4189385332046727 + series)


def vector_gammaln(x: float) -> float:
    """Return log(abs(gamma(x))) to 4 ulp, away from its zeros below 0; infinite at the poles."""
    z = 1.0 - x if x < 0.0 else x
    below_one = z < 1.0
    u = z if below_one else z - 1.0
    log_z = vector_log(z)
    near = vector_gammaln_near(u, u - 1.0)
    # gamma(z) = gamma(1 + z) / z
    near = near + (-log_z if below_one else 0.0)
    right = near if z < 3.5 else vector_gammaln_far(z, log_z)
    # gamma(x) gamma(1 - x) = pi / sin(pi x); the remainder is exact, and 0 at the poles.
    r = x - np.rint(x)
    t = r * r
    t2 = t * t
    low = (1.0 - t * 1.6449340668482264) + t2 * (0.8117424252833393 - t * 0.19075182412149616)
    high = (0.02614784780555096 - t * 0.0023460808954639607) + t2 * (
        0.0001484278414189103 - t * 6.972099660851199e-06
    )
    sine = abs(r * (low + t2 * t2 * (high + t2 * t2 * 2.4502943624559793e-07)))
    left = -vector_log(sine) - right
    left = left if x > -np.inf else np.inf
    return left if x < 0.0 else right


def vector_digamma(x: float) -> float:
    """Return the derivative of log(gamma(x)) to 4 ulp, away from its zeros below 0.

    A quotient times the zero from 1 to 4, the asymptotic series beyond as a polynomial in x**-2,
    reflection below 0: nan at the poles there, an infinity at 0.
    """
    z = 1.0 - x if x < 0.0 else x
    below_one = z < 1.0
    inverse = 1.0 / z
    u = z if below_one else z - 1.0
    u2 = u * u
    u4 = u2 * u2
    p0 = (0.5003801375034053 + u * 0.2784493650042805) - u2 * (
        0.2577443640545442 + u * 0.23675047140551608
    )
    p1 = (0.06566275676005869 + u * 0.007539420219208677) + u2 * (
        0.00033648512295118973 + u * 4.092868544896141e-06
    )
    q0 = (1.0 + u * 2.264563759984068) + u2 * (1.8491840595239417 + u * 0.7079881314333463)
    q1 = (0.13541136731167883 + u * 0.012526258173511343) + u2 * (
        0.0004882204942307578 + u * 5.493425338825715e-06
    )
    # The zero less 1, in two parts.
    from_zero = (u - 0.46163214496836225) - 9.549995429965697e-17
    near = from_zero * (0.75 + (p0 - u4 * p1) / (q0 + u4 * q1))
    near = near - inverse if below_one else near
    t = inverse * inverse
    t2 = t * t
    t4 = t2 * t2
    low = (-0.08333333333333295 + t * 0.008333333332362195) + t2 * (
        -0.003968253547733588 + t * 0.004166595597256864
    )
    high = (-0.007569628806402783 + t * 0.020787300608348224) + t2 * (
        -0.07392821575261915 + t * 0.25668496075487657
    )
    series = t * (low + t4 * (high - t4 * 0.5365319953712206))
    far = vector_log(z) + (series - 0.5 * inverse)
    right = near if z < 4.0 else far
    # pi cot(pi x) = (1 - 4 r**2) f(r**2) / r, where r is the exact remainder, and 0 at the poles.
    r = x - np.rint(x)
    s = r * r
    s2 = s * s
    top = (1.0 - s * 0.645988041045265) + s2 * (0.09671404808253743 - s * 0.00317189025144286)
    bottom = (1.0 - s * 1.3561199073488146) + s2 * (
        (0.38385701102784026 - s * 0.02802317698717014) + s2 * 0.00028608154561501615
    )
    left = right - (1.0 - 4.0 * s) * top / (bottom * r) if r != 0.0 else np.nan
    return left if x < 0.0 else right if x != 0.0 else -1.0 / x
