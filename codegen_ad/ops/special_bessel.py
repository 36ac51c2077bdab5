"""Bessel functions of the first and second kind and whole order, as plain arithmetic.

What holds for `special_gamma` holds here too. Errors are relative to the size of the oscillation,
sqrt(J**2 + Y**2) or, below the first zero of J, to the value; numbers of Y_n next to its zeros and
arguments beyond 1e15 have no digits.

=================== =================================================== ======
function            points                                              error
=================== =================================================== ======
j0, j1              0 to 8                                                   4
j0, j1, y0, y1      8 to 1e5                                                 2
y0                  0 to 8                                                   5
y1                  0 to 8 (next to its zero at 5.43)                       19
jn, yn              order up to 20, up to 30                                16
=================== =================================================== ======
"""

from __future__ import annotations

import numpy as np

from codegen_ad.ops.special_gamma import special_gamma


def special_amplitude_p0(z: float) -> float:
    """Return P of DLMF 10.17 for order 0 in z = (8 / x)**2 <= 1, fitted."""
    p = (-1.3692728363694454e-07 * z + 0.0003650452699509978) * z + 0.02424535019893807
    p = (p * z + 0.33183646221741553) * z + 1.4414428013275995
    p = (p * z + 2.1979377285121706) * z + 1.0
    q = 0.0003853775257281097 * z + 0.024576502669815287
    q = (q * z + 0.3333646750792319) * z + 1.4438313539463425
    q = (q * z + 2.19903636132467) * z + 1.0
    return p / q


def special_amplitude_q0(z: float) -> float:
    """Return x / 8 times Q of DLMF 10.17 for order 0 in z = (8 / x)**2 <= 1, fitted."""
    p = (2.7469497593296124e-08 * z - 1.1658487261051693e-05) * z - 0.0006781119549093836
    p = (p * z - 0.007791972664168896) * z - 0.028992897684220365
    p = (p * z - 0.038648975673110875) * z - 0.015625
    q = 0.001025985170082629 * z + 0.04739889924241497
    q = (q * z + 0.5148297907257781) * z + 1.8778315846897191
    q = (q * z + 2.48268971651659) * z + 1.0
    return p / q


def special_amplitude_p1(z: float) -> float:
    """Return P of DLMF 10.17 for order 1 in z = (8 / x)**2 <= 1, fitted."""
    p = (2.378448374074465e-07 * z + 0.0003501981814505699) * z + 0.022627728369243618
    p = (p * z + 0.31586267608093416) * z + 1.3996470889002859
    p = (p * z + 2.1693176927261786) * z + 1.0
    q = 0.00031794182286322035 * z + 0.022097861765399757
    q = (q * z + 0.31338077151211496) * z + 1.3957135063249264
    q = (q * z + 2.1674866380386786) * z + 1.0
    return p / q


def special_amplitude_q1(z: float) -> float:
    """Return x / 8 times Q of DLMF 10.17 for order 1 in z = (8 / x)**2 <= 1, fitted."""
    p = (-4.009052702245417e-08 * z + 3.56870463070687e-05) * z + 0.00195366260344525
    p = (p * z + 0.022568261601883775) * z + 0.085025827385596
    p = (p * z + 0.11472713816051519) * z + 0.046875
    q = 0.0008866361058855876 * z + 0.04348236557532104
    q = (q * z + 0.4888271878290751) * z + 1.8241787582631543
    q = (q * z + 2.4517847416951555) * z + 1.0
    return p / q


def special_j0(x: float) -> float:
    """Return J_0(x): a polynomial times its two zeros below 8, then amplitude and phase."""
    y = abs(x)
    if y < 8.0:
        t = y * y / 32.0 - 1.0
        p = (4.006178286297737e-16 * t - 1.2482966637990574e-14) * t + 3.3923324014926297e-13
        p = (p * t - 8.023472603248695e-12) * t + 1.627648945732473e-10
        p = (p * t - 2.7948629678312687e-09) * t + 3.9988393454959875e-08
        p = (p * t - 4.677128021300755e-07) * t + 4.366932324640601e-06
        p = (p * t - 3.157342540223544e-05) * t + 0.00016977200713997844
        p = (p * t - 0.0006415390646406123) * t + 0.0015636431645931661
        p = (p * t - 0.002119794289479692) * t + 0.0011434937743762545
        # The zeros in two parts.
        first = ((y - 2.404825557695773) + 1.176691651530894e-16) * (y + 2.404825557695773)
        second = ((y - 5.520078110286311) - 8.088597146146722e-17) * (y + 5.520078110286311)
        return first * second * p
    if y == np.inf:
        return 0.0
    z = 8.0 / y
    p, q = special_amplitude_p0(z * z), z * special_amplitude_q0(z * z)
    c, s = np.cos(y), np.sin(y)
    return 0.5641895835477563 / np.sqrt(y) * (p * (c + s) - q * (s - c))


def special_j1(x: float) -> float:
    """Return J_1(x), as `special_j0` does."""
    y = abs(x)
    if y < 8.0:
        t = y * y / 32.0 - 1.0
        p = (1.1809575438223918e-17 * t - 3.910422781244815e-16) * t + 1.1343132028985911e-14
        p = (p * t - 2.8755308688882974e-13) * t + 6.2847338188380325e-12
        p = (p * t - 1.1696932521779358e-10) * t + 1.826854769538332e-09
        p = (p * t - 2.3521922545778545e-08) * t + 2.4425222607520203e-07
        p = (p * t - 1.989093515914257e-06) * t + 1.224217365301561e-05
        p = (p * t - 5.408003239085506e-05) * t + 0.00015860016799369874
        p = (p * t - 0.0002697522746716368) * t + 0.00019498936985895625
        first = ((y - 3.8317059702075125) + 1.5269184090088067e-16) * (y + 3.8317059702075125)
        second = ((y - 7.015586669815619) + 9.414165653410389e-17) * (y + 7.015586669815619)
        return x * (first * second * p)
    if y == np.inf:
        return 0.0
    z = 8.0 / y
    p, q = special_amplitude_p1(z * z), z * special_amplitude_q1(z * z)
    c, s = np.cos(y), np.sin(y)
    value = 0.5641895835477563 / np.sqrt(y) * (p * (s - c) + q * (s + c))
    return value if x > 0.0 else -value


def special_y0(x: float) -> float:
    """Return Y_0(x): -inf at 0, NaN below."""
    if not x > 0.0:
        return -np.inf if x == 0.0 else np.nan
    if x < 8.0:
        t = x * x / 32.0 - 1.0
        p = 2.5576616218907466e-14 * t - 8.840111900737966e-13
        p = (p * t + 2.6818237435502344e-11) * t - 7.130461466149226e-10
        p = (p * t + 1.6391065240160875e-08) * t - 3.218507844592323e-07
        p = (p * t + 5.321318633761208e-06) * t - 7.279541882454126e-05
        p = (p * t + 0.0008061586060550506) * t - 0.0070257410572709695
        p = (p * t + 0.046367047681347105) * t - 0.21895747096171628
        p = (p * t + 0.6721770783431723) * t - 1.0775477338215995
        p = (p * t + 0.14412632369302442) * t + 1.6470964788745466
        p = (p * t - 0.8284358903604587) * t + 0.617749345540575
        return (p - 1.0) + 0.6366197723675814 * np.log(x) * special_j0(x)
    if x == np.inf:
        return 0.0
    z = 8.0 / x
    p, q = special_amplitude_p0(z * z), z * special_amplitude_q0(z * z)
    c, s = np.cos(x), np.sin(x)
    return 0.5641895835477563 / np.sqrt(x) * (p * (s - c) + q * (s + c))


def special_y1(x: float) -> float:
    """Return Y_1(x): -inf at 0, NaN below."""
    if not x > 0.0:
        return -np.inf if x == 0.0 else np.nan
    if x < 8.0:
        t = x * x / 32.0 - 1.0
        p = 7.338090945282559e-16 * t - 2.6951389107285232e-14
        p = (p * t + 8.728814257439169e-13) * t - 2.488750990528334e-11
        p = (p * t + 6.16974260611845e-10) * t - 1.3153322551124148e-08
        p = (p * t + 2.3804929913727272e-07) * t - 3.6009998743578177e-06
        p = (p * t + 4.4674330129143775e-05) * t - 0.00044381734351149876
        p = (p * t + 0.0034224907399180455) * t - 0.019628756833099423
        p = (p * t + 0.07854786922242545) * t - 0.19639839859930425
        p = (p * t + 0.23507209206669755) * t + 0.023367571720993584
        p = (p * t - 0.24337743079193114) * t + 1.07075985882118
        return x * (p - 1.0) + 0.6366197723675814 * (np.log(x) * special_j1(x) - 1.0 / x)
    if x == np.inf:
        return 0.0
    z = 8.0 / x
    p, q = special_amplitude_p1(z * z), z * special_amplitude_q1(z * z)
    c, s = np.cos(x), np.sin(x)
    return 0.5641895835477563 / np.sqrt(x) * (q * (s - c) - p * (s + c))


def special_jn(n: float, x: float) -> float:
    """Return J_n(x) of whole order n.

    Forward recurrence where |x| > n; otherwise backwards from far above n, scaled to the larger of
    J_0 and J_1 (Miller's algorithm, DLMF 3.6).
    """
    order, y = abs(n), abs(x)
    if order != np.floor(order) or y != y:
        return np.nan
    odd = order != 2.0 * np.floor(0.5 * order)
    sign = -1.0 if odd and (n < 0.0) != (x < 0.0) else 1.0
    if order <= 1.0:
        return sign * (special_j1(y) if odd else special_j0(y))
    if y * y <= 4e-17 * (order + 1.0):
        return sign * (0.5 * y) ** order / special_gamma(order + 1.0)
    j0, j1 = special_j0(y), special_j1(y)
    if y > order:
        lower, value, k = j0, j1, 1.0
        while k < order:
            lower, value = value, 2.0 * k / y * value - lower
            k += 1.0
        return sign * value
    k = order + np.floor(np.sqrt(60.0 * order)) + 20.0
    upper, value, found = 0.0, 1e-300, 0.0
    while k > 0.0:
        upper, value = value, 2.0 * k / y * value - upper
        k -= 1.0
        if k == order:
            found = value
        if abs(value) > 1e200:
            upper, value, found = upper * 1e-200, value * 1e-200, found * 1e-200
    scale = j0 / value if abs(j0) > abs(j1) else j1 / upper
    return sign * (found * scale)


def special_yn(n: float, x: float) -> float:
    """Return Y_n(x) of whole order n, by forward recurrence: -inf at 0, NaN below."""
    order = abs(n)
    if order != np.floor(order) or not x >= 0.0:
        return np.nan
    odd = order != 2.0 * np.floor(0.5 * order)
    sign = -1.0 if odd and n < 0.0 else 1.0
    lower, value, k = special_y0(x), special_y1(x), 1.0
    if order == 0.0:
        return lower
    while k < order and value > -np.inf:
        lower, value = value, 2.0 * k / x * value - lower
        k += 1.0
    return sign * value
