"""Hyperbolic functions and their inverses, as `vector_math` says."""

from __future__ import annotations

import numpy as np

from codegen_ad.backends.vector_math import (
    vector_exp,
    vector_exp_parts,
    vector_log,
    vector_scaled,
)


def vector_cosh(x: float) -> float:
    """Return cosh(x) to 2 ulp."""
    rest, shifted = vector_exp_parts(abs(x))
    half = vector_scaled(1.0 + rest, shifted - 1.0)
    return half + 0.25 / half


def vector_sinh(x: float) -> float:
    """Return sinh(x) to 2 ulp: by a polynomial up to 2."""
    size = abs(x)
    rest, shifted = vector_exp_parts(size)
    half = vector_scaled(1.0 + rest, shifted - 1.0)
    far = half - 0.25 / half
    far = -far if x < 0.0 else far
    z = x * x if size < 2.0 else 0.0
    z2 = z * z
    z4 = z2 * z2
    low = (0.16666666666666666 + z * 0.00833333333333343) + z2 * (
        0.00019841269841234876 + z * 2.7557319230105003e-06
    )
    middle = (2.505210778264876e-08 + z * 1.6059079558112575e-10) + z2 * (
        7.645863849370495e-13 + z * 2.8398857830385156e-15
    )
    high = 4.791566820286587e-18 + z * 1.9508002666286375e-19
    return far if size >= 2.0 else x + x * (z * (low + z4 * (middle + z4 * high)))


def vector_tanh(x: float) -> float:
    """Return tanh(x) to 2 ulp: 1 - 2 / (exp(2 |x|) + 1), and near 0 Cephes' x + x**3 P / Q."""
    size = abs(x)
    large = size > 0.625
    z = x * x
    p = z * (-1614.6876844170845 - z * (99.28772310019186 + z * 0.9643991794250523))
    q = 4844.063053251255 + z * (2235.4883906010045 + z * (112.81167849163293 + z))
    quotient = (2.0 if large else p) / (vector_exp(2.0 * size) + 1.0 if large else q)
    near_one = 1.0 - quotient
    near_one = -near_one if x < 0.0 else near_one
    near_zero = x if x == 0.0 else x + x * quotient
    return near_one if large else near_zero


def vector_asinh(x: float) -> float:
    """Return asinh(x) to 2 ulp: by a polynomial up to 3/4, and log(x + sqrt(x**2 + 1)) beyond."""
    size = abs(x)
    huge = size > 268435456.0
    root = np.sqrt(size * size + 1.0)
    total = size if huge else size + root
    lost = 0.6931471805599453 if huge else ((root - total) + size) / total
    far = vector_log(total) + lost
    far = -far if x < 0.0 else far
    z = x * x if size < 0.75 else 0.0
    z2 = z * z
    z4 = z2 * z2
    p0 = (-0.1666666666666663 + z * 0.0749999999999212) + z2 * (
        -0.044642857136955275 + z * 0.03038194421948866
    )
    p1 = (-0.022372153954510355 + z * 0.017352687423105122) + z2 * (
        -0.013964040973156467 + z * 0.011545753488484951
    )
    p2 = (-0.009727827009690763 + z * 0.008247898043002732) + z2 * (
        -0.0068538387582540855 + z * 0.005309721082653915
    )
    p3 = (-0.003551465638366946 + z * 0.0018479409053683519) + z2 * (
        -0.0006429102863698111 + z * 0.00010950073930441438
    )
    near = x + x * (z * (p0 + z4 * (p1 + z4 * (p2 + z4 * p3))))
    near = x if size < 1e-8 else near
    return near if size < 0.75 else far


def vector_acosh(x: float) -> float:
    """Return acosh(x) to 2 ulp: sqrt(2 (x - 1)) times a polynomial up to 2, a logarithm beyond."""
    huge = x > 268435456.0
    t = x - 1.0
    total = x if huge else x + np.sqrt(t * (x + 1.0))
    far = vector_log(total) + (0.6931471805599453 if huge else 0.0)
    t = t if x < 2.0 else 0.0
    t2 = t * t
    t4 = t2 * t2
    p0 = (-0.08333333333333293 + t * 0.018749999999957107) + t2 * (
        -0.0055803571412686515 + t * 0.0018988714978908504
    )
    p1 = (-0.0006991296357123849 + t * 0.0002711344759140803) + t2 * (
        -0.00010908779640996769 + t * 4.5078470801341324e-05
    )
    p2 = (-1.894301020113161e-05 + t * 7.948325696905998e-06) + t2 * (
        -3.200669875035313e-06 + t * 1.151341043682216e-06
    )
    p3 = (-3.3216012479929216e-07 + t * 6.549772759336613e-08) + t2 * -6.409394485738497e-09
    root = np.sqrt(2.0 * t)
    near = root + root * (t * (p0 + t4 * (p1 + t4 * (p2 + t4 * p3))))
    return near if x < 2.0 else far


def vector_atanh(x: float) -> float:
    """Return atanh(x) to 2 ulp: by a polynomial up to 1/2, half of a logarithm beyond."""
    size = abs(x)
    far = 0.5 * vector_log((1.0 + size) / (1.0 - size))
    far = -far if x < 0.0 else far
    z = x * x if size < 0.5 else 0.0
    z2 = z * z
    z4 = z2 * z2
    p0 = (0.3333333333333402 + z * 0.19999999999786736) + z2 * (
        0.1428571430884576 + z * 0.11111109849419198
    )
    p1 = (0.09090949592958104 + z * 0.07691474862815954) + z2 * (
        0.06678182328962812 + z * 0.05772455111381461
    )
    p2 = (0.059932427927185596 + z * 0.014157110643530858) + z2 * (
        0.14591541067382732 - z * 0.15428583999006398
    )
    near = x + x * (z * (p0 + z4 * (p1 + z4 * (p2 + z4 * 0.22564248549401394))))
    return near if size < 0.5 else far
