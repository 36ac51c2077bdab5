"""Kinks: functions of one number `s`, and where each has a kink or a jump.

`v` is (1, 2, 2, 4), so that some of its elements tie with `s`; `knots` are (0, 1, 3). Sorting is
not here: of equal elements each gets the cotangent of the place that a stable sort gives it.
"""

from __future__ import annotations

CASES = """
np.abs(s): 0
abs(s): 0
np.fabs(s): 0
np.absolute(3.0 * s - 6.0): 2
np.hypot(s, 0.0): 0
np.hypot(s, s): 0
np.sign(s) * s: 0
np.copysign(s, -2.0): 0
np.maximum(s, 0.0): 0
np.maximum(2.0, s): 2
np.maximum(s, -s): 0
np.maximum(3.0 * s, s): 0
np.minimum(s, 0.0): 0
np.minimum(s ** 2, 4.0): 2
np.fmax(s, 1.0): 1
np.fmin(s, 1.0): 1
max(s, 0.0): 0
min(s, 2.0 * s): 0
max([s, 1.0, 3.0 * s]): 1
np.clip(s, -1.0, 2.0): -1 2
np.clip(s, None, 2.0): 2
np.clip(3.0, s, 5.0): 3
np.floor(s) + s: 2 -1
np.ceil(s) + s: 2
np.rint(s) + s ** 2: 0.5 1.5
np.round(s, 1) + s: 0.25
np.trunc(s) + s: 2
np.fix(s) + 2.0 * s: -2
np.modf(s)[0]: 2 -1
np.mod(s, 2.0): 2 -4
s % 2.0: 4
np.fmod(s, 2.0): 0 2
s // 2.0 + s: 2
np.heaviside(s, 0.5) + s: 0
np.sign(s) + s: 0
np.power(np.abs(s), 1.5): 0
np.abs(s) ** 3: 0
np.exp(-np.abs(s)): 0
np.abs(s + 0j): 0
np.abs(s * (3.0 + 4.0j)): 0
np.max(np.array([s, 1.0, 2.0])): 2
np.min(np.array([s, 1.0, 3.0 * s])): 0 1
np.max(np.append(v, s)): 4
np.ptp(np.append(v, s)): 1 4
np.nanmax(np.append(v, s)): 4
np.max(np.stack([v * s, v]), axis=0) @ v: 1
np.cumsum(np.maximum(v * s, 2.0)) @ v: 1
np.maximum.reduce(np.append(v, s)): 4
np.median(np.append(v, s)): 2
np.quantile(np.array([1.0, 2.0, 4.0]), s): 0.5
np.quantile(np.array([1.0, 2.0, 4.0, 5.0, 9.0]), s): 0.25 0.5
np.quantile(np.array([1.0, 5.0, 4.0]) * s, 0.5): 1
np.percentile(np.array([1.0, 2.0, 4.0]), s): 50
np.quantile(np.array([1.0, 2.0, 4.0]), s, method='hazen'): 0.5
np.quantile(np.array([1.0, 2.0, 4.0]), s, method='weibull'): 0.5
np.quantile(np.array([1.0, 2.0, 4.0]), s, method='median_unbiased'): 0.5
np.nanquantile(np.array([1.0, np.nan, 2.0, 4.0]), s): 0.5
np.interp(s, knots, np.array([1.0, 3.0, -2.0])): 0 1 3
np.interp(s, knots, np.array([0.0, 1.0, 5.0])): 0 1 3
np.interp(1.0, np.array([0.0, s, 3.0]), np.array([1.0, 3.0, -2.0])): 1
np.interp(s, knots, np.array([0.0, 1.0, 5.0]), left=0.0): 0
np.interp(s, knots, np.array([0.0, 1.0, 0.0]), period=3.0): 1
np.linalg.norm(np.array([s, 0.0])): 0
np.linalg.norm(v * s): 0
np.linalg.norm(np.array([s, 1.0]), 1): 0
np.linalg.norm(np.array([s, 1.0]), np.inf): 1 -1
np.linalg.norm(np.array([s, 1.0]), -np.inf): 1
np.linalg.norm(v * s, 3): 0
np.linalg.norm(np.array([[s, 1.0], [2.0, 3.0]]), 1): 0 -2
np.linalg.norm(np.array([[s, 1.0], [2.0, 3.0]]), np.inf): 4
np.linalg.norm(np.array([[s, 1.0], [2.0, 3.0]]) * s): 0
np.linalg.norm(np.diag(np.array([s, 0.0]))): 0
np.std(np.array([s, 1.0])): 1
np.std(v * s): 0
np.sum(np.abs(np.diff(np.array([s, 1.0, 2.0])))): 1
np.sum(np.abs(v - s)): 1 2 4
np.max(np.abs(v - s)): 2.5
np.sum(np.maximum(v - s, 0.0) ** 2): 1 2
np.sum(np.maximum(v - s, 0.0)): 1 2
np.unwrap(np.array([0.0, s])) @ np.array([1.0, 1.0]): 4
np.nan_to_num(np.abs(s)): 0
scipy.special.i0e(s): 0
scipy.special.huber(1.0, s): 1
scipy.stats.laplace.logpdf(s): 0
scipy.stats.laplace.pdf(s): 0
scipy.stats.laplace.cdf(s): 0
scipy.stats.laplace.sf(s): 0
scipy.stats.laplace.logcdf(s): 0
scipy.stats.laplace.logsf(s): 0
scipy.stats.logistic.logpdf(s): 0
np.trapezoid(np.abs(v - s)): 2
np.where(s > 1.0, s, 1.0) + np.maximum(s, 1.0): 3
np.dot(np.minimum(v, s), v): 1 2 4
np.logaddexp(s, -np.inf): 0
np.arctan2(s, 0.0): 0
np.arctan2(0.0, s): 0
np.angle(s + 0j): 0
scipy.linalg.norm(v * s): 0
np.linalg.norm(np.array([[s, 0.0], [0.0, 0.0]]), 'nuc'): 0
np.linalg.svd(np.array([[s, 0.0], [0.0, 2.0]]))[1].sum(): 0
""".strip().splitlines()
