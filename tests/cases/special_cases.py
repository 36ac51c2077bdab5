"""The functions of `scipy.special`, those of `math` that are their kin, and `np.i0`."""

from __future__ import annotations

from tests.cases.engine import cases_of

SPECIAL = """
scipy.special.cbrt: scipy.special.cbrt(p)
scipy.special.expit: scipy.special.expit(v)
": scipy.special.expit(odd)
": scipy.special.expit(f)
scipy.special.logit: scipy.special.logit(u)
scipy.special.log_expit: scipy.special.log_expit(v * 100)
scipy.special.softplus: scipy.special.softplus(v)
scipy.special.erf: scipy.special.erf(v)
scipy.special.erfc: scipy.special.erfc(v)
scipy.special.ndtr: scipy.special.ndtr(v)
scipy.special.expm1: scipy.special.expm1(v)
scipy.special.log1p: scipy.special.log1p(p)
scipy.special.exp2: scipy.special.exp2(v)
scipy.special.xlogy: scipy.special.xlogy(u, p)
": scipy.special.xlogy(0.0, odd)
scipy.special.xlog1py: scipy.special.xlog1py(u, p)
scipy.special.entr: scipy.special.entr(odd)
": scipy.special.entr(u)
scipy.special.logsumexp: scipy.special.logsumexp(v)
": scipy.special.logsumexp(v * 1000)
": scipy.special.logsumexp(A, axis=1)
": scipy.special.logsumexp(A, axis=0, keepdims=True)
": scipy.special.logsumexp(v, b=p)
": scipy.special.logsumexp(A, axis=1, b=np.abs(C))
": scipy.special.logsumexp(F, axis=1)
": a, b = scipy.special.logsumexp(v, b=w, return_sign=True)\\nreturn a * b
": a, b = scipy.special.logsumexp(A, 0, -C**2, True, return_sign=True)\\nreturn a * b
": a, b = scipy.special.logsumexp(F, axis=1, return_sign=True)\\nreturn a * b
scipy.special.softmax: scipy.special.softmax(v)
": scipy.special.softmax(A, axis=1)
scipy.special.log_softmax: scipy.special.log_softmax(A * 500, axis=0)
scipy.special.gammaln: scipy.special.gammaln(p)
": scipy.special.gammaln(-u)
": scipy.special.gammaln(f)
scipy.special.gamma: scipy.special.gamma(p)
": scipy.special.gamma(j)
scipy.special.loggamma: scipy.special.loggamma(p)
scipy.special.rgamma: scipy.special.rgamma(v)
scipy.special.digamma: scipy.special.digamma(p)
": scipy.special.digamma(-u)
": scipy.special.psi(f)
scipy.special.polygamma: scipy.special.polygamma(0, p)
": scipy.special.polygamma(2, p)
": scipy.special.polygamma(np.abs(i), p)
scipy.special.beta: scipy.special.beta(p, u)
scipy.special.betaln: scipy.special.betaln(A[0]**2, 3.0)
": scipy.special.betaln(K**2, p[:4])
scipy.special.binom: scipy.special.binom(7.5, p)
scipy.special.comb: scipy.special.comb(p + 3, u)
": scipy.special.comb(9.0, 1 + u, repetition=True)
": scipy.special.comb(4, i)
scipy.special.factorial: scipy.special.factorial(p)
": scipy.special.factorial(i)
scipy.special.multigammaln: scipy.special.multigammaln(p + 2, 4)
scipy.special.erfcx: scipy.special.erfcx(v)
scipy.special.erfinv: scipy.special.erfinv(u)
": scipy.special.erfinv(-u)
scipy.special.erfcinv: scipy.special.erfcinv(2 * u)
scipy.special.ndtri: scipy.special.ndtri(u)
scipy.special.log_ndtr: scipy.special.log_ndtr(5 * v)
": scipy.special.log_ndtr(f)
scipy.special.gammainc: scipy.special.gammainc(2.5, p)
scipy.special.gammaincc: scipy.special.gammaincc(i**2 + 1, p)
scipy.special.betainc: scipy.special.betainc(2, 3.5, u)
scipy.special.stdtr: scipy.special.stdtr(3, v)
scipy.special.chdtr: scipy.special.chdtr(4, p)
scipy.special.chdtrc: scipy.special.chdtrc(4, p)
scipy.special.j0: scipy.special.j0(9 * v)
scipy.special.j1: scipy.special.j1(9 * v)
scipy.special.jv: scipy.special.jv(3, 9 * v)
scipy.special.jn: scipy.special.jn(i, 9 * v)
scipy.special.y0: scipy.special.y0(9 * p)
scipy.special.y1: scipy.special.y1(9 * p)
scipy.special.yv: scipy.special.yv(2, 9 * p)
scipy.special.yn: scipy.special.yn(3, 9 * p)
scipy.special.i0: scipy.special.i0(9 * v)
scipy.special.i1: scipy.special.i1(v)
scipy.special.iv: scipy.special.iv(2, v)
scipy.special.i0e: scipy.special.i0e(9 * v)
scipy.special.i1e: scipy.special.i1e(v)
scipy.special.ive: scipy.special.ive(3, 9 * v)
scipy.special.k0: scipy.special.k0(p)
scipy.special.k1: scipy.special.k1(p)
scipy.special.kv: scipy.special.kv(2, p)
scipy.special.kn: scipy.special.kn(3, p)
scipy.special.k0e: scipy.special.k0e(9 * p)
scipy.special.k1e: scipy.special.k1e(p)
scipy.special.kve: scipy.special.kve(2, p)
np.i0: np.i0(v)
": np.i0(f)
scipy.special.exp10: scipy.special.exp10(v)
scipy.special.exprel: scipy.special.exprel(v)
": scipy.special.exprel(s - 1.7)
scipy.special.cosm1: scipy.special.cosm1(v)
scipy.special.rel_entr: scipy.special.rel_entr(p, u)
": scipy.special.rel_entr(odd, 2.0)
scipy.special.kl_div: scipy.special.kl_div(p, u)
scipy.special.huber: scipy.special.huber(0.7, v)
scipy.special.pseudo_huber: scipy.special.pseudo_huber(p, v)
scipy.special.boxcox: scipy.special.boxcox(p, u)
": scipy.special.boxcox(p, s - 1.7)
": scipy.special.boxcox(np.array([0.0, 0.0]), np.array([2.0, -2.0]))
scipy.special.boxcox1p: scipy.special.boxcox1p(p, -0.3)
scipy.special.inv_boxcox: scipy.special.inv_boxcox(p, u)
": scipy.special.inv_boxcox(p, s - 1.7)
scipy.special.inv_boxcox1p: scipy.special.inv_boxcox1p(v, 0.1)
math.gamma: math.gamma(s)
math.lgamma: math.lgamma(s)
math.erf: math.erf(s) + math.erfc(s)
"""

CASES = cases_of("Special functions", SPECIAL)

_SHAPES = "in the last argument; derivatives in the others are refused"
_ORDER = "of whole orders, in the argument"

NOTES = {
    **dict.fromkeys(
        (
            f"scipy.special.{n}"
            for n in ("gammainc", "gammaincc", "betainc", "stdtr", "chdtr", "chdtrc")
        ),
        _SHAPES,
    ),
    **dict.fromkeys(
        (f"scipy.special.{n}" for n in ("jv", "jn", "yv", "yn", "iv", "ive", "kv", "kn", "kve")),
        _ORDER,
    ),
    "scipy.special.polygamma": _ORDER,
    "scipy.special.logsumexp": "with `b=` and `return_sign=`",
}
