"""Error functions, as `vector_math` says."""

from __future__ import annotations

from codegen_ad.backends.vector_math import vector_exp
from codegen_ad.backends.vector_powers import vector_leading


def vector_erf_near(x: float) -> float:
    """Return erf(x) for |x| <= 1."""
    z = x * x
    z2 = z * z
    z4 = z2 * z2
    low = (-0.37612638903183615 + z * 0.11283791670947074) + z2 * (
        -0.026866170643495706 + z * 0.0052239776088795166
    )
    middle = (-0.0008548326048413002 + z * 0.00012055296836192101) + z2 * (
        -1.4924770251444832e-05 + z * 1.644779882685115e-06
    )
    high = (-1.6211112799174617e-07 + z * 1.3730572938859342e-08) + z2 * -7.814129270138085e-10
    p = 1.533545961316588e-17 + z * (low + z4 * (middle + z4 * high))
    return x * 1.1283791670955126 + x * p


def vector_erfc_far(x: float) -> float:
    """Return erfc(x) for x >= 1/2.

    (1 + 2 x) exp(x**2) erfc(x) is smooth in (x - 3) / (x + 3), as in Shepherd and Laframboise,
    Math. Comp. 36 (1981); the polynomial was fitted anew.
    """
    x = 28.0 if x > 28.0 else x
    t = (x - 3.0) / (x + 3.0)
    t2 = t * t
    t4 = t2 * t2
    p0 = (-0.1356211061245813 - t * 0.04756229435345) + t2 * (
        0.1296451587027803 - t * 0.11927366341536087
    )
    p1 = (0.06830802734319069 - t * 0.023770514917134545) + t2 * (
        0.002529391830565442 + t * 0.0018886903353529003
    )
    p2 = (-0.0007798324190219756 - t * 0.00010515957183353136) + t2 * (
        0.00012510024666069082 + t * 4.948104215747528e-06
    )
    p3 = (-2.010396564421771e-05 - t * 7.261217908058096e-07) + t2 * (
        3.480474720154924e-06 + t * 3.433016625331073e-07
    )
    p4 = (-6.28049814320047e-07 - t * 1.203222581024998e-07) + t2 * (
        1.1015861681469492e-07 + t * 2.239990453112578e-08
    )
    p5 = -1.4805444528730546e-08
    tail = t * (p0 + t4 * (p1 + t4 * (p2 + t4 * (p3 + t4 * (p4 + t4 * p5)))))
    # Both parts of the quotient keep what they lose.
    top = 1.2530080582697296 + tail
    bottom = 1.0 + 2.0 * x
    quotient = top / bottom
    lost = (1.2530080582697296 - top) + tail - quotient * ((2.0 * x - bottom) + 1.0)
    # exp(-x**2): the square of the leading bits is exact, and the rest small.
    high = vector_leading(x)
    rest = (x - high) * (x + high)
    less = rest * (1.0 - rest * (0.5 - rest * 0.16666666666666666))
    return vector_exp(-high * high) * (quotient + (lost / bottom - quotient * less))


def vector_erf(x: float) -> float:
    """Return erf(x) to 2 ulp."""
    size = abs(x)
    far = 1.0 - vector_erfc_far(size)
    far = -far if x < 0.0 else far
    return vector_erf_near(x) if size < 0.88 else far


def vector_erfc(x: float) -> float:
    """Return erfc(x) to 4 ulp."""
    tail = vector_erfc_far(abs(x))
    near = 1.0 - vector_erf_near(x)
    return tail if x >= 0.5 else near if x > -1.0 else 2.0 - tail if x <= -1.0 else x
