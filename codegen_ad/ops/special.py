"""Special functions as elementwise operations.

NumPy has none of them. Each is a function of plain arithmetic, which stands beside this table, is
called for each element by the reference backend, and is carried by the generated files that use it.

The derivatives stay in the table, so they exist to any order, and lose no digits where the function
has them: that of `erfcx` is a repeated integral, and those of Bessel functions are of neighbouring
orders. Orders are whole numbers, which have no derivative. An argument by which the derivative is
not known says so, and differentiating by it is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from codegen_ad.ops import special_bessel as bessel
from codegen_ad.ops import special_error as error
from codegen_ad.ops import special_gamma as gamma
from codegen_ad.ops import special_incomplete as incomplete
from codegen_ad.ops import special_modified_bessel as modified
from codegen_ad.ops.entry import UNKNOWN, carried

# The argument that is not taken is kept away from where the quotient is infinite over infinite.
_LOG_NDTR = (
    "where(greater(x, 0),"
    " 0.3989422804014327 * exp(-0.5 * square(x)) / ndtr(where(greater(x, 0), x, 0)),"
    " 0.7978845608028654 / erfcx(-0.7071067811865476 * where(greater(x, 0), 0, x)))"
)

GAMMA = (
    carried(
        "gammaln",
        "x",
        gamma.special_gammaln,
        ("digamma(x)",),
        also=(math.lgamma,),
        at=((0.5,), (1.0,), (2.0,), (-1.5,), (1e3,)),
    ),
    carried(
        "gamma",
        "x",
        gamma.special_gamma,
        ("out * digamma(x)",),
        also=(math.gamma,),
        at=((0.5,), (5.0,), (-1.5,)),
    ),
    carried(
        "digamma",
        "x",
        gamma.special_digamma,
        ("polygamma(1, x)",),
        at=((0.1,), (1.4616321449683622,), (5.0,), (-1.5,), (1e3,)),
    ),
    carried(
        "polygamma",
        "nx",
        gamma.special_polygamma,
        ("", "polygamma(n + 1, x)"),
        at=((1.0, 0.5), (2.0, 3.0), (1.0, -1.5), (3.0, 20.0)),
    ),
    carried(
        "betaln",
        "xy",
        gamma.special_betaln,
        ("digamma(x) - digamma(x + y)", "digamma(y) - digamma(x + y)"),
        at=((0.5, 0.5), (3.0, 20.0), (40.0, 15.0)),
    ),
    carried(
        "rgamma",
        "x",
        gamma.special_rgamma,
        ("-out * digamma(x)",),
        at=((0.5,), (-1.5,), (20.0,)),
    ),
    carried(
        "beta",
        "xy",
        gamma.special_beta,
        ("out * (digamma(x) - digamma(x + y))", "out * (digamma(y) - digamma(x + y))"),
        at=((0.5, 0.5), (3.0, 2.0), (-0.5, 4.2)),
    ),
    carried(
        "binom",
        "xy",
        gamma.special_binom,
        (
            "out * (digamma(x + 1) - digamma(x - y + 1))",
            "out * (digamma(x - y + 1) - digamma(y + 1))",
        ),
        at=((5.0, 2.3), (7.5, 3.2), (40.0, 33.5)),
    ),
)

ERROR = (
    carried(
        "erfcx",
        "x",
        error.special_erfcx,
        ("-2 * ierfcx(1, x)",),
        at=((-2.0,), (0.0,), (3.0,), (50.0,)),
    ),
    carried(
        "ierfcx",
        "nx",
        error.special_ierfcx,
        ("", "-2 * (n + 1) * ierfcx(n + 1, x)"),
        at=((0.0, 0.5), (1.0, -2.0), (1.0, 0.9), (2.0, 3.0)),
    ),
    carried(
        "erfinv",
        "x",
        error.special_erfinv,
        ("0.886226925452758 * exp(square(out))",),
        at=((-0.9,), (0.0,), (0.5,), (0.99,)),
    ),
    carried(
        "erfcinv",
        "x",
        error.special_erfcinv,
        ("-0.886226925452758 * exp(square(out))",),
        at=((0.02,), (1.0,), (1.9,)),
    ),
    carried(
        "ndtri",
        "x",
        error.special_ndtri,
        ("2.5066282746310002 * exp(0.5 * square(out))",),
        at=((0.02,), (0.5,), (0.9,)),
    ),
    carried(
        "ndtr",
        "x",
        error.special_ndtr,
        ("0.3989422804014327 * exp(-0.5 * square(x))",),
        at=((-3.0,), (0.0,), (3.0,)),
    ),
    carried(
        "log_ndtr",
        "x",
        error.special_log_ndtr,
        (_LOG_NDTR,),
        at=((-40.0,), (-1.0,), (0.0,), (3.0,)),
    ),
)

INCOMPLETE = (
    carried(
        "gammainc",
        "ax",
        incomplete.special_gammainc,
        (UNKNOWN, "gamma_density(a, x)"),
        at=((0.5, 0.7), (3.0, 2.0), (40.0, 45.0)),
    ),
    carried(
        "gammaincc",
        "ax",
        incomplete.special_gammaincc,
        (UNKNOWN, "-gamma_density(a, x)"),
        at=((0.5, 0.7), (3.0, 2.0), (40.0, 45.0)),
    ),
    carried(
        "gamma_density",
        "ax",
        incomplete.special_gamma_density,
        ("out * (log(x) - digamma(a))", "out * ((a - 1) / x - 1)"),
        at=((0.5, 0.7), (3.0, 2.0), (40.0, 45.0)),
    ),
    carried(
        "betainc",
        "abx",
        incomplete.special_betainc,
        (UNKNOWN, UNKNOWN, "beta_density(a, b, x)"),
        at=((0.5, 0.7, 0.3), (3.0, 2.0, 0.6), (40.0, 45.0, 0.5)),
    ),
    carried(
        "beta_density",
        "abx",
        incomplete.special_beta_density,
        (
            "out * (log(x) - digamma(a) + digamma(a + b))",
            "out * (log1p(-x) - digamma(b) + digamma(a + b))",
            "out * ((a - 1) / x - (b - 1) / (1 - x))",
        ),
        at=((0.5, 0.7, 0.3), (3.0, 2.0, 0.6), (40.0, 45.0, 0.5)),
    ),
    carried(
        "stdtr",
        "vx",
        incomplete.special_stdtr,
        (
            UNKNOWN,
            "exp(-0.5 * log(v) - betaln(0.5, 0.5 * v) - 0.5 * (v + 1) * log1p(square(x) / v))",
        ),
        at=((3.0, 0.0), (0.5, -2.0), (50.0, 1.0)),
    ),
)

BESSEL = (
    carried("j0", "x", bessel.special_j0, ("-j1(x)",), at=((0.0,), (2.4,), (7.9,), (30.0,))),
    carried("j1", "x", bessel.special_j1, ("0.5 * (j0(x) - jn(2, x))",), at=((0.0,), (-9.0,))),
    carried(
        "jn",
        "nx",
        bessel.special_jn,
        ("", "0.5 * (jn(n - 1, x) - jn(n + 1, x))"),
        at=((0.0, 0.5), (2.0, 0.0), (3.0, 2.0), (2.0, -20.0)),
    ),
    carried("y0", "x", bessel.special_y0, ("-y1(x)",), at=((0.5,), (20.0,))),
    carried("y1", "x", bessel.special_y1, ("0.5 * (y0(x) - yn(2, x))",), at=((0.5,), (20.0,))),
    carried(
        "yn",
        "nx",
        bessel.special_yn,
        ("", "0.5 * (yn(n - 1, x) - yn(n + 1, x))"),
        at=((0.0, 0.5), (3.0, 2.0), (2.0, 20.0)),
    ),
)

MODIFIED_BESSEL = (
    carried("i0", "x", modified.special_i0, ("i1(x)",), at=((0.0,), (-3.0,), (9.0,))),
    carried("i1", "x", modified.special_i1, ("0.5 * (i0(x) + iv(2, x))",), at=((0.0,), (9.0,))),
    carried(
        "iv",
        "nx",
        modified.special_iv,
        ("", "0.5 * (iv(n - 1, x) + iv(n + 1, x))"),
        at=((0.0, 0.5), (2.0, 0.0), (3.0, -2.0)),
    ),
    carried(
        "i0e",
        "x",
        modified.special_i0e,
        ("i1e(x) - sign(x) * out",),
        at=((-3.0,), (0.5,), (9.0,)),
        policy="0 at 0: a local maximum",
    ),
    carried(
        "i1e",
        "x",
        modified.special_i1e,
        ("0.5 * (i0e(x) + ive(2, x)) - sign(x) * out",),
        at=((-3.0,), (0.5,), (9.0,)),
    ),
    carried(
        "ive",
        "nx",
        modified.special_ive,
        ("", "0.5 * (ive(n - 1, x) + ive(n + 1, x)) - sign(x) * out"),
        at=((3.0, -2.0), (2.0, 60.0)),
    ),
    carried("k0", "x", modified.special_k0, ("-k1(x)",), at=((0.5,), (3.0,))),
    carried("k1", "x", modified.special_k1, ("-0.5 * (k0(x) + kn(2, x))",), at=((0.5,), (3.0,))),
    carried(
        "kn",
        "nx",
        modified.special_kn,
        ("", "-0.5 * (kn(n - 1, x) + kn(n + 1, x))"),
        at=((0.0, 0.5), (3.0, 2.0)),
    ),
    carried("k0e", "x", modified.special_k0e, ("out - k1e(x)",), at=((0.5,), (3.0,))),
    carried(
        "k1e",
        "x",
        modified.special_k1e,
        ("out - 0.5 * (k0e(x) + kve(2, x))",),
        at=((0.5,), (3.0,)),
    ),
    carried(
        "kve",
        "nx",
        modified.special_kve,
        ("", "out - 0.5 * (kve(n - 1, x) + kve(n + 1, x))"),
        at=((0.0, 0.5), (3.0, 2.0)),
    ),
)

TABLE = (*GAMMA, *ERROR, *INCOMPLETE, *BESSEL, *MODIFIED_BESSEL)

FUNCTIONS: tuple[Callable[..., float], ...] = tuple(
    function
    for module in (gamma, error, incomplete, bessel, modified)
    for name, function in vars(module).items()
    if name.startswith("special_") and function.__module__ == module.__name__
)
"""What generated files may carry; what others call comes first."""
