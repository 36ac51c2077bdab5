"""Modified Bessel functions of whole order as plain arithmetic on single numbers.

What holds for `special_gamma` holds here too. The functions that end in `e` are scaled: I by
exp(-|x|), K by exp(x).

=================== =================================================== ======
function            points                                              error
=================== =================================================== ======
i0, i1, i0e, i1e    up to 700, or 1e6                                        3
iv, ive             order below 60, up to 1e4                                5
k0, k1, k0e, k1e    1e-9 to 700, or 1e6                                      3
kn, kve             order below 20, 0.001 to 1e4                             5
=================== =================================================== ======
"""

from __future__ import annotations

import numpy as np

from codegen_ad.ops.special_gamma import special_gamma


def special_i0_small(x: float) -> float:
    """Return I_0(x) for |x| <= 8: a polynomial in x * x, whose coefficients are all positive."""
    t = x * x / 64.0
    p = (2.9843929547724994e-13 * t + 4.618709730123242e-12) * t + 1.1671469172184896e-10
    p = (p * t + 2.3297546853111616e-09) * t + 4.214352073918766e-08
    p = (p * t + 6.742126231103061e-07) * t + 9.481199482324315e-06
    p = (p * t + 0.00011614462833705505) * t + 0.001226777675944858
    p = (p * t + 0.011040999065260043) * t + 0.08349755543763958
    p = (p * t + 0.5218597214833971) * t + 2.6419148400100934
    p = (p * t + 10.56765936004031) * t + 32.36345679012346
    p = (p * t + 72.81777777777778) * t + 113.77777777777777
    p = (p * t + 113.77777777777777) * t + 64.0
    p = (p * t + 16.0) * t + 1.0
    return p


def special_i1_small(x: float) -> float:
    """Return I_1(x) for |x| <= 8: x times a polynomial in x * x."""
    t = x * x / 64.0
    p = (6.985675444226449e-15 * t + 1.1669622381349316e-13) * t + 3.065613072694041e-12
    p = (p * t + 6.473239719602887e-11) * t + 1.2394812304932094e-09
    p = (p * t + 2.106919435705836e-08) * t + 3.1603992764766115e-07
    p = (p * t + 4.1480224874744205e-06) * t + 4.718375673605306e-05
    p = (p * t + 0.00046004162773528493) * t + 0.003795343428977069
    p = (p * t + 0.026092986074171928) * t + 0.1467730466672269
    p = (p * t + 0.6604787100025195) * t + 2.311675485008818
    p = (p * t + 6.068148148148148) * t + 11.377777777777778
    p = (p * t + 14.222222222222221) * t + 10.666666666666666
    p = (p * t + 4.0) * t + 0.5
    return x * p


def special_i0e(x: float) -> float:
    """Return exp(-|x|) I_0(x): beyond 8 a polynomial in 1 / x over the square root of x."""
    y = abs(x)
    if y <= 8.0:
        return special_i0_small(y) * np.exp(-y)
    t = 16.0 / y - 1.0
    p = -2.4421980968018323e-11 * t + 9.114760561366636e-11
    p = (p * t + 1.7698090134767305e-10) * t - 6.494591328307972e-10
    p = (p * t - 6.327911029546611e-10) * t + 2.1636813272756584e-09
    p = (p * t + 1.608488767543109e-09) * t - 4.530571139849549e-09
    p = (p * t - 3.5862835419052312e-09) * t + 6.52226491237843e-09
    p = (p * t + 7.600254559672059e-09) * t - 5.017594060317371e-09
    p = (p * t - 1.3427511508752177e-08) * t - 6.856484537475943e-09
    p = (p * t + 7.559364104977674e-09) * t + 2.1567806759419852e-08
    p = (p * t + 3.932512321047314e-08) * t + 8.872014585682265e-08
    p = (p * t + 2.9735992084674933e-07) * t + 1.4838476780922519e-06
    p = (p * t + 1.1143033788451757e-05) * t + 0.00013621607438951463
    p = (p * t + 0.0033605519836678913) * t + 0.4021765094450081
    return p / np.sqrt(y)


def special_i1e(x: float) -> float:
    """Return exp(-|x|) I_1(x), as `special_i0e` does."""
    y = abs(x)
    if y <= 8.0:
        return special_i1_small(x) * np.exp(-y)
    t = 16.0 / y - 1.0
    p = 2.2421777101601832e-11 * t - 9.491890802587987e-11
    p = (p * t - 1.628326904539357e-10) * t + 6.772748062399631e-10
    p = (p * t + 5.870665757442591e-10) * t - 2.2624401604792947e-09
    p = (p * t - 1.5218215624499402e-09) * t + 4.763780141907981e-09
    p = (p * t + 3.5017653279377292e-09) * t - 6.944418685054753e-09
    p = (p * t - 7.687251384251843e-09) * t + 5.572018424276466e-09
    p = (p * t + 1.4051746956436294e-08) * t + 6.847578290660575e-09
    p = (p * t - 8.432168979451115e-09) * t - 2.339412295660056e-08
    p = (p * t - 4.312849803007092e-08) * t - 1.0001075046264973e-07
    p = (p * t - 3.4838563464260584e-07) * t - 1.8349102493990048e-06
    p = (p * t - 1.5038547198221756e-05) * t - 0.00021923576383137776
    p = (p * t - 0.009749577193235765) * t + 0.38939845902587233
    value = p / np.sqrt(y)
    return value if x > 0.0 else -value


def special_i0(x: float) -> float:
    """Return I_0(x)."""
    y = abs(x)
    if y <= 8.0:
        return special_i0_small(y)
    if y > 800.0:
        return np.inf
    # exp(y) itself may overflow where the result does not.
    half = np.exp(0.5 * y)
    return special_i0e(y) * half * half


def special_i1(x: float) -> float:
    """Return I_1(x)."""
    y = abs(x)
    if y <= 8.0:
        return special_i1_small(x)
    if y > 800.0:
        return np.inf if x > 0.0 else -np.inf
    half = np.exp(0.5 * y)
    return special_i1e(x) * half * half


def special_ive(n: float, x: float) -> float:
    """Return exp(-|x|) I_n(x) of whole order n.

    Hankel's expansion (DLMF 10.40.1) where x is larger than 40 + 2 n**2; otherwise backwards from
    far above n, scaled to I_0 (Miller's algorithm, DLMF 3.6).
    """
    order, y = abs(n), abs(x)
    if order != np.floor(order) or y != y:
        return np.nan
    odd = order != 2.0 * np.floor(0.5 * order)
    sign = -1.0 if odd and x < 0.0 else 1.0
    if order <= 1.0:
        return sign * (special_i1e(y) if odd else special_i0e(y))
    if y * y <= 4e-17 * (order + 1.0):
        return sign * (0.5 * y) ** order / special_gamma(order + 1.0) * np.exp(-y)
    if y > 40.0 + 2.0 * order * order:
        total, term, k = 1.0, 1.0, 1.0
        while abs(term) > 1e-17 and k < 40.0:
            odd_number = 2.0 * k - 1.0
            term *= (odd_number * odd_number - 4.0 * order * order) / (8.0 * k * y)
            total += term
            k += 1.0
        return sign * total * 0.3989422804014327 / np.sqrt(y)
    k = order + 20.0 + np.floor(np.sqrt(order * order + 100.0 * y))
    upper, value, found = 0.0, 1e-300, 0.0
    while k > 0.0:
        upper, value = value, 2.0 * k / y * value + upper
        k -= 1.0
        if k == order:
            found = value
        if value > 1e200:
            upper, value, found = upper * 1e-200, value * 1e-200, found * 1e-200
    return sign * (found * (special_i0e(y) / value))


def special_iv(n: float, x: float) -> float:
    """Return I_n(x) of whole order n."""
    y = abs(x)
    if y > 800.0:
        return np.nan if n != n else np.inf if x > 0.0 or n == 2.0 * np.floor(0.5 * n) else -np.inf
    half = np.exp(0.5 * y)
    return special_ive(n, x) * half * half


def special_k0e(x: float) -> float:
    """Return exp(x) K_0(x): the ascending series (DLMF 10.31.2) to 1, then a function of 1 / x."""
    if not x > 0.0:
        return np.inf if x == 0.0 else np.nan
    if x <= 1.0:
        t = x * x
        p = (2.6984361912313664e-14 * t + 6.507971505261944e-12) * t + 1.208426900211292e-09
        p = (p * t + 1.627105606146431e-07) * t + 1.4914719299410551e-05
        p = (p * t + 0.0008460350907081938) * t + 0.025248929932162698
        p = (p * t + 0.2789828789146031) * t + 0.11593151565841245
        return (p - np.log(x) * special_i0_small(x)) * np.exp(x)
    t = 1.0 / x
    p = (0.017287397340128928 * t + 2.1554905934165522) * t + 43.03004839642576
    p = (p * t + 298.1693346773358) * t + 934.2858338743883
    p = (p * t + 1502.2469409143855) * t + 1320.3545359384912
    p = (p * t + 648.3006241798016) * t + 174.51287330456879
    p = (p * t + 23.707558797970115) * t + 1.2533141373155001
    q = (0.05025470579440768 * t + 3.2089646485392254) * t + 49.39450387983009
    q = (q * t + 297.6591507705626) * t + 857.8252376193939
    q = (q * t + 1308.4947155423738) * t + 1111.5323134357097
    q = (q * t + 533.69735387267) * t + 141.55092666346818
    q = (q * t + 19.040895139226475) * t + 1.0
    return p / q / np.sqrt(x)


def special_k1e(x: float) -> float:
    """Return exp(x) K_1(x), as `special_k0e` does."""
    if not x > 0.0:
        return np.inf if x == 0.0 else np.nan
    if x <= 1.0:
        t = x * x
        p = (-1.5262686869512895e-15 * t - 4.161426795175456e-13) * t - 8.87189995422256e-11
        p = (p * t - 1.4030163678364844e-08) * t - 1.5592887702114463e-06
        p = (p * t - 0.00011253607036630417) * t - 0.004642182766471561
        p = (p * t - 0.08537071972865078) * t - 0.3079657578292062
        return (1.0 / x + (np.log(x) * special_i1_small(x) + x * p)) * np.exp(x)
    t = 1.0 / x
    p = (0.1227409800481436 * t + 5.962010783358317) * t + 76.6508441115134
    p = (p * t + 409.70524784491056) * t + 1095.6358911947784
    p = (p * t + 1603.9465429217196) * t + 1339.3011199700984
    p = (p * t + 642.2729361987986) * t + 171.84247923678427
    p = (p * t + 23.452561325835305) * t + 1.2533141373155003
    q = (0.006869081886194532 * t + 1.0569401215220227) * t + 23.255256583745503
    q = (q * t + 173.44921561000734) * t + 578.5547283494782
    q = (q * t + 983.0033247664497) * t + 907.5379587969659
    q = (q * t + 465.62437270910317) * t + 130.35110985067558
    q = (q * t + 18.337436593166395) * t + 1.0
    return p / q / np.sqrt(x)


def special_k0(x: float) -> float:
    """Return K_0(x): infinite at 0, NaN below."""
    return special_k0e(x) * np.exp(-x)


def special_k1(x: float) -> float:
    """Return K_1(x): infinite at 0, NaN below."""
    return special_k1e(x) * np.exp(-x)


def special_kve(n: float, x: float) -> float:
    """Return exp(x) K_n(x) of whole order n, by forward recurrence."""
    order = abs(n)
    if order != np.floor(order) or not x >= 0.0:
        return np.nan
    lower, value, k = special_k0e(x), special_k1e(x), 1.0
    if order == 0.0:
        return lower
    while k < order and value < np.inf:
        lower, value = value, 2.0 * k / x * value + lower
        k += 1.0
    return value


def special_kn(n: float, x: float) -> float:
    """Return K_n(x) of whole order n."""
    return special_kve(n, x) * np.exp(-x)
