"""Trigonometric functions and their inverses, as `vector_math` says.

Polynomials without a source were fitted by Remez' algorithm in 300 bits, for the smallest relative
error of the function; their own is below 2**-55.
"""

from __future__ import annotations

import numpy as np

# 2 / pi in pieces of 50 bits, each from 25 bits after the one before; the digits are balanced.
TWO_OVER_PI = np.array([
    1, 21361415, -409129764439792, -155640476905503, 372321092467999, 258360513829816,
    366375477893285, 120608231562786, 449959087325694, -245723725379752, 357954108452630,
    -292615399556829, -532772323875803, 500588265233409, -153141327541317, -241242054793015,
    -552154249232866, 63755498436962, -91866051207940, 366386333618608, -413264448918604,
    -380605362561740, 318009698421165, -501294184808671, 104995864809942, -436352899152218,
    252944799224434, 509782085794910, 76934606197380, -71309218021613, -343055580268671,
    -72967518216, 448669181481355, -459445155654438, 396003307795674, 276431409412414,
    -20948758520971, 388363457185773, -51059214542853, -194407582745964, -512968752445460,
    -152214315474186, -114598636938008, 536809972716181, -148824220850496, -460362521774556,
    -325540135086270,
], dtype=np.float64)  # fmt: skip


def vector_turns(x: float) -> tuple[float, float, float]:
    """Return x in quarter turns: a whole number (behind 1.5 * 2**52), a fraction, what that lost.

    Payne and Hanek's reduction, for every x and without branches: multiplication starts at the
    digit of 2 / pi below which products are no longer whole turns. x is split in two and digits
    have 25 bits, so that products are exact, and so are sums of two of one weight.
    """
    exponent = (np.float64(x).view(np.int64) >> 52) & 2047
    first = exponent - 1027 if exponent > 1027 else 0
    first = (first * 5243) >> 17  # divided by 25
    scaled = x * np.int64((1073 - 25 * first) << 52).view(np.float64)
    bits = (np.float64(scaled).view(np.int64) + 33554432) & -67108864
    high = np.int64(bits).view(np.float64)
    low = scaled - high
    # Eight digits. Adding and subtracting 1.5 * 2**52 times a power of 2 rounds to multiples of it.
    pair = TWO_OVER_PI[first] * 8.881784197001252e-16
    digit0 = (pair + 201326592.0) - 201326592.0
    digit1 = pair - digit0
    pair = TWO_OVER_PI[first + 2] * 7.888609052210118e-31
    digit2 = (pair + 1.7881393432617188e-07) - 1.7881393432617188e-07
    digit3 = pair - digit2
    pair = TWO_OVER_PI[first + 4] * 7.006492321624085e-46
    digit4 = (pair + 1.5881867761018131e-22) - 1.5881867761018131e-22
    digit5 = pair - digit4
    pair = TWO_OVER_PI[first + 6] * 6.223015277861142e-61
    digit6 = (pair + 1.410593220986745e-37) - 1.410593220986745e-37
    digit7 = pair - digit6
    # The product, from large to small; multiples of four quarter turns are left out.
    part1 = low * digit0 + high * digit1
    part2 = low * digit1 + high * digit2
    part3 = low * digit2 + high * digit3
    part4 = low * digit3 + high * digit4
    part5 = low * digit4 + high * digit5
    part6 = (low * digit5 + high * digit6) + (low * digit6 + high * digit7)
    part1 = part1 - ((part1 + 2.7021597764222976e16) - 2.7021597764222976e16)
    part2 = part2 - ((part2 + 2.7021597764222976e16) - 2.7021597764222976e16)
    large = part1 + part2
    whole = (large + part3) + 6755399441055744.0
    large = large - (whole - 6755399441055744.0)
    # Each sum keeps what it loses.
    sum3 = large + part3
    lost3 = part3 - (sum3 - large)
    sum4 = sum3 + part4
    lost4 = part4 - (sum4 - sum3)
    turn = sum4 + part5
    lost5 = part5 - (turn - sum4)
    return whole, turn, (lost3 + lost4) + (lost5 + part6)


def vector_turn_sin(turn: float, lost: float) -> float:
    """Return the sine of a fraction of a quarter turn, at most 1/2."""
    z = turn * turn
    z2 = z * z
    low = (-0.645964097506245 + z * 0.079692626246064) + z2 * (
        -0.004681754132630781 + z * 0.00016044115266272482
    )
    high = -3.5986494227958913e-06 + z * 5.6346686763340666e-08
    p = z * (low + z2 * z2 * high)
    correction = turn * (6.123233995736766e-17 + p) + lost * 1.5707963267948966
    return turn * 1.5707963267948966 + correction


def vector_turn_cos(turn: float, lost: float) -> float:
    """Return the cosine of a fraction of a quarter turn, at most 1/2."""
    z = turn * turn + 2.0 * turn * lost
    z2 = z * z
    low = (-1.2337005501361697 + z * 0.2536695079010416) + z2 * (
        -0.02086348076317596 + z * 0.000919260272554268
    )
    high = (-2.5202026897890206e-05 + z * 4.710316246378809e-07) + z2 * -6.287215509013836e-09
    return 1.0 + z * (low + z2 * z2 * high)


def vector_sin(x: float) -> float:
    """Return sin(x) to 1.5 ulp, for every x."""
    whole, turn, lost = vector_turns(x)
    quarter = np.float64(whole).view(np.int64)
    sine = vector_turn_sin(turn, lost)
    cosine = vector_turn_cos(turn, lost)
    result = cosine if quarter & 1 else sine
    result = -result if quarter & 2 else result
    return x if abs(x) < 1e-8 else result


def vector_cos(x: float) -> float:
    """Return cos(x) to 1.5 ulp, for every x."""
    whole, turn, lost = vector_turns(x)
    quarter = np.float64(whole).view(np.int64)
    sine = vector_turn_sin(turn, lost)
    cosine = vector_turn_cos(turn, lost)
    result = sine if quarter & 1 else cosine
    return -result if (quarter + 1) & 2 else result


def vector_tan(x: float) -> float:
    """Return tan(x) to 2 ulp, for every x: a polynomial, inverted in every second quarter turn."""
    whole, turn, lost = vector_turns(x)
    z = turn * turn
    z2 = z * z
    z4 = z2 * z2
    low = (1.291928195012471 + z * 1.2750820199464412) + z2 * (
        1.2734371238253228 + z * 1.2732613049673902
    )
    middle = (1.273239593079108 + z * 1.2732969438116861) + z2 * (
        1.272297274002249 + z * 1.2841199826884033
    )
    high = (1.1839772914386282 + z * 1.7940583349450938) + z2 * (
        -0.8569063961437702 + z * 7.15834887754274
    )
    top = -8.861434018495371 + z * 10.162244311518362
    p = z * (low + z4 * (middle + z4 * (high + z4 * top)))
    # pi / 2 and the turn are split, so that their product is kept whole.
    leading = np.int64(np.float64(turn).view(np.int64) & -134217728).view(np.float64)
    first = leading * 1.5707963109016418
    rest = leading * 1.5893254773528196e-08 + (turn - leading + lost) * 1.5707963267948966
    rest = rest + turn * p
    tangent = first + rest
    rest = (first - tangent) + rest
    inverse = 1.0 / tangent
    inverse = inverse * (inverse * rest) - inverse
    result = inverse if np.float64(whole).view(np.int64) & 1 else tangent
    return x if abs(x) < 1e-8 else result


def vector_arc(x: float) -> float:
    """Return (asin(u) - u) / u for u**2 = x <= 1/4."""
    x2 = x * x
    x4 = x2 * x2
    low = (0.16666666666665375 + x * 0.07500000000344978) + x2 * (
        0.04464285682180973 + x * 0.03038195940298827
    )
    middle = (0.022371751745172815 + x * 0.017359798705638623) + x2 * (
        0.013884318796221562 + x * 0.012175158684297164
    )
    high = (0.006502550172993873 + x * 0.019597082865422475) + x2 * (
        -0.016331121829698612 + x * 0.03198480673744551
    )
    return x * (low + x4 * (middle + x4 * high))


def vector_asin(x: float) -> float:
    """Return asin(x) to 1.5 ulp; above 1/2, asin(x) = pi / 2 - 2 asin(sqrt((1 - x) / 2))."""
    size = abs(x)
    square = x * x if size <= 0.5 else 0.5 * (1.0 - size)
    arc = vector_arc(square)
    root = 2.0 * np.sqrt(square)
    # pi / 2 - root is in two parts, as is pi / 2.
    first = 1.5707963267948966 - root
    rest = ((1.5707963267948966 - first) - root) + 6.123233995736766e-17
    far = first + (rest - root * arc)
    far = -far if x < 0.0 else far
    return x + x * arc if size <= 0.5 else far


def vector_acos(x: float) -> float:
    """Return acos(x) to 1.5 ulp; above 1/2, acos(x) = 2 asin(sqrt((1 - x) / 2))."""
    size = abs(x)
    square = x * x if size <= 0.5 else 0.5 * (1.0 - size)
    arc = vector_arc(square)
    root = 2.0 * np.sqrt(square)
    near = 1.5707963267948966 - (x - (6.123233995736766e-17 - x * arc))
    behind = 3.141592653589793 - (root + (root * arc - 1.2246467991473532e-16))
    far = behind if x < 0.0 else root + root * arc
    return near if size <= 0.5 else far


def vector_angle(y: float, x: float) -> tuple[float, float, float]:
    """Return the angle of (x, y), neither below 0, as a sum of three, the largest first.

    The nearest of five angles, with tangents 0, 1/2, 1, 3/2 and infinity, is taken away first.
    """
    far = y > 2.4375 * x
    center = 0.0 if y < 0.4375 * x else 0.5 if y < 0.6875 * x else 1.0 if y < 1.1875 * x else 1.5
    base = 0.7853981633974483 if center == 1.0 else 0.982793723247329
    base = 0.4636476090008061 if center == 0.5 else base
    base = 0.0 if center == 0.0 else base
    base = 1.5707963267948966 if far else base
    lost = 3.061616997868383e-17 if center == 1.0 else 1.3903311031230998e-17
    lost = 2.2698777452961687e-17 if center == 0.5 else lost
    lost = 0.0 if center == 0.0 else lost
    lost = 6.123233995736766e-17 if far else lost
    top = -x if far else y - center * x
    bottom = y if far else x + center * y
    u = top / bottom
    z = u * u
    z2 = z * z
    z4 = z2 * z2
    low = (-0.33333333333332926 + z * 0.19999999999875118) + z2 * (
        -0.14285714272381614 + z * 0.1111111039998489
    )
    middle = (-0.09090886990944637 + z * 0.07691873905717975) + z2 * (
        -0.06661049398959007 + z * 0.0583341318766707
    )
    high = (-0.04976235407938035 + z * 0.03651674035204115) + z2 * -0.016271067683815085
    return base, u, u * (z * (low + z4 * (middle + z4 * high))) + lost


def vector_atan(x: float) -> float:
    """Return atan(x) to 1 ulp."""
    base, angle, rest = vector_angle(abs(x), 1.0)
    result = base + (angle + rest)
    result = -result if x < 0.0 else result
    return x if abs(x) < 1e-8 else result


def vector_atan2(y: float, x: float) -> float:
    """Return the angle of (x, y) to 2 ulp, in the quadrant that their signs give, zeros' too."""
    height, width = abs(y), abs(x)
    longest = height if height > width else width
    scale = 1.8665272370064378e-301 if longest > 1e300 else 1.0
    scale = 5.357543035931337e300 if longest < 1e-290 else scale
    # Two infinities, or two zeros, are as far as each other, or on the axis.
    infinite = longest == np.inf
    width = width * scale if not infinite else 1.0 if width == np.inf else 0.0
    height = height * scale if not infinite else 1.0 if height == np.inf else 0.0
    width = 1.0 if longest == 0.0 else width
    base, angle, rest = vector_angle(height, width)
    front = base + (angle + rest)
    turned = 3.141592653589793 - base
    gap = ((3.141592653589793 - turned) - base) + 1.2246467991473532e-16
    behind = turned - (angle + (rest - gap))
    result = behind if np.float64(x).view(np.int64) < 0 else front
    result = -result if np.float64(y).view(np.int64) < 0 else result
    return result if x == x and y == y else x + y
