"""Families of `scipy.special` that rest on operations of their own: gamma, error, Bessel functions.

Each name is one operation of the table, or a short formula of them.
"""

from __future__ import annotations

import math

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, like
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.elementwise_extras import UFUNC, floats, plain
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ops import make


def operation(name: str, op: str, parameters: str = "x") -> Handler:
    """The handler of a function that is the operation `op` of its arguments, in their order."""

    @signature(f"scipy.special.{name}: {parameters} {UFUNC}")
    def handler(call: Call) -> Value:
        return call.fresh(make.apply(call.b, op, *floats(call, *parameters.split())))

    return handler


def of_order(name: str, op: str, order: str = "v", argument: str = "z") -> Handler:
    """The handler of a function whose first argument is an order, which must be a whole number."""

    @signature(f"scipy.special.{name}: {order} {argument} {UFUNC}")
    def handler(call: Call) -> Value:
        value = call.value(order)
        if call.ctx.is_static(value):
            whole = float(call.number(order)).is_integer()
        else:
            whole = not call.node(order).array.dtype.is_float
        if not whole:
            call.refuse(
                f"`{call.name}` takes an order `{order}` that is a whole number here.",
                "Pass an integer, or integers of dtype int64. For other orders, give the "
                "derivative with @codegen_ad.custom_derivative.",
            )
        n, x = floats(call, order, argument)
        return call.fresh(make.apply(call.b, op, n, x))

    return handler


def chosen(b: Builder, condition: Node, value: Node, otherwise: float) -> Node:
    """`value` where the condition holds."""
    return make.where(b, condition, value, like(b, otherwise, value))


@signature(f"scipy.special.exp10: x {UFUNC}")
def exp10(call: Call) -> Value:
    """Ten to a power."""
    (x,) = floats(call, "x")
    return call.fresh(make.apply(call.b, "power", like(call.b, 10, x), x))


@signature(f"scipy.special.loggamma: z {UFUNC}")
def loggamma(call: Call) -> Value:
    """The logarithm of the gamma function; NaN below 0, where it is complex."""
    b = call.b
    (x,) = floats(call, "z")
    return call.fresh(chosen(b, apply(b, "greater_equal", x, 0), apply(b, "gammaln", x), math.nan))


@signature("scipy.special.factorial: n exact=False extend='zero'")
def factorial(call: Call) -> Value:
    """`gamma(n + 1)`; 0 below 0."""
    b = call.b
    call.only_default("exact", "extend", instead="Leave it out: factorials here are floating.")
    (x,) = call.ctx.promote(call.value("n"), floating=True)
    value = apply(b, "gamma", apply(b, "add", x, 1))
    return call.fresh(make.where(b, apply(b, "less", x, 0), like(b, 0, x), value))


@signature("scipy.special.comb: N k * exact=False repetition=False")
def comb(call: Call) -> Value:
    """The number of choices of `k` things from `N`: 0 where `k` is not between 0 and `N`."""
    b = call.b
    call.only_default("exact", instead="Leave it out: numbers of choices here are floating.")
    n, k = floats(call, "N", "k")
    if call.flag("repetition"):
        n = apply(b, "subtract", make.add(b, n, k), 1)
    inside = make.apply(
        b, "logical_and", apply(b, "greater_equal", k, 0), make.apply(b, "less_equal", k, n)
    )
    inside = make.apply(b, "logical_and", inside, apply(b, "greater_equal", n, 0))
    return call.fresh(chosen(b, inside, make.apply(b, "binom", n, k), 0.0))


@signature("scipy.special.multigammaln: a d")
def multigammaln(call: Call) -> Value:
    """The logarithm of the multivariate gamma function of dimension `d`."""
    b, d = call.b, call.integer("d")
    if d < 1:
        call.refuse("`d` of `scipy.special.multigammaln` must be positive.", "Pass 1 or more.")
    (a,) = call.ctx.promote(call.value("a"), floating=True)
    total = apply(b, "gammaln", a)
    for j in range(1, d):
        total = make.add(b, total, apply(b, "gammaln", apply(b, "subtract", a, 0.5 * j)))
    return call.fresh(apply(b, "add", total, 0.25 * d * (d - 1) * math.log(math.pi)))


def _both_positive(b: Builder, x: Node, y: Node) -> Node:
    return make.apply(b, "logical_and", apply(b, "greater", x, 0), apply(b, "greater", y, 0))


def _entropies(call: Call) -> tuple[Node, Node, Node, Node, Node]:
    """Both arguments; whether both are positive; and they where they are, 1 elsewhere."""
    b = call.b
    x, y = floats(call, "x", "y")
    inside = _both_positive(b, x, y)
    return x, y, inside, chosen(b, inside, x, 1.0), chosen(b, inside, y, 1.0)


def _at_the_border(b: Builder, x: Node, y: Node, value: Node) -> Node:
    """`value` where `x` is 0 and `y` is not negative, NaN for NaN, infinity elsewhere."""
    edge = make.apply(b, "logical_and", apply(b, "equal", x, 0), apply(b, "greater_equal", y, 0))
    total = make.add(b, x, y)
    outside = make.where(b, apply(b, "isnan", total), total, like(b, math.inf, total))
    return make.where(b, edge, value, outside)


@signature(f"scipy.special.rel_entr: x y {UFUNC}")
def rel_entr(call: Call) -> Value:
    """`x * log(x / y)`: 0 where `x` is 0, infinity outside."""
    b = call.b
    x, y, inside, p, q = _entropies(call)
    value = make.multiply(b, p, apply(b, "log", make.divide(b, p, q)))
    return call.fresh(make.where(b, inside, value, _at_the_border(b, x, y, like(b, 0, x))))


@signature(f"scipy.special.kl_div: x y {UFUNC}")
def kl_div(call: Call) -> Value:
    """`x * log(x / y) - x + y`: `y` where `x` is 0, infinity outside."""
    b = call.b
    x, y, inside, p, q = _entropies(call)
    value = make.multiply(b, p, apply(b, "log", make.divide(b, p, q)))
    value = make.add(b, make.subtract(b, value, p), q)
    return call.fresh(make.where(b, inside, value, _at_the_border(b, x, y, y)))


@signature(f"scipy.special.huber: delta r {UFUNC}")
def huber(call: Call) -> Value:
    """Half the square up to `delta`, beyond it a line; infinity for negative `delta`."""
    b = call.b
    delta, r = floats(call, "delta", "r")
    size = apply(b, "absolute", r)
    near = apply(b, "multiply", apply(b, "square", r), 0.5)
    far = make.multiply(b, delta, make.subtract(b, size, apply(b, "multiply", delta, 0.5)))
    value = make.where(b, make.apply(b, "less_equal", size, delta), near, far)
    return call.fresh(make.where(b, apply(b, "less", delta, 0), like(b, math.inf, r), value))


@signature(f"scipy.special.pseudo_huber: delta r {UFUNC}")
def pseudo_huber(call: Call) -> Value:
    """`delta**2 * (sqrt(1 + (r / delta)**2) - 1)`, without the difference."""
    b = call.b
    delta, r = floats(call, "delta", "r")
    some = apply(b, "not_equal", delta, 0)
    ratio = make.divide(b, r, chosen(b, some, delta, 1.0))
    root = apply(b, "sqrt", apply(b, "add", apply(b, "square", ratio), 1))
    value = make.divide(b, apply(b, "square", r), apply(b, "add", root, 1))
    value = chosen(b, some, value, 0.0)
    return call.fresh(make.where(b, apply(b, "less", delta, 0), like(b, math.inf, r), value))


def quotient_near_zero(b: Builder, name: str, x: Node, series: tuple[float, ...]) -> Node:
    """The function over `x`; near 0 its series, whose derivatives lose no digits."""
    near = apply(b, "less", apply(b, "absolute", x), 0.05)
    small = chosen(b, near, x, 0.0)
    large = make.where(b, near, like(b, 1, x), x)
    total: Node = make.broadcast_to(b, like(b, series[-1], x), x.array.shape)
    for coefficient in reversed(series[:-1]):
        total = apply(b, "add", make.multiply(b, total, small), coefficient)
    return make.where(b, near, total, make.divide(b, apply(b, name, large), large))


EXPREL = tuple(1 / math.factorial(k + 1) for k in range(12))
LOG1PREL = tuple((-1) ** k / (k + 1) for k in range(14))


@signature(f"scipy.special.exprel: x {UFUNC}")
def exprel(call: Call) -> Value:
    """`(exp(x) - 1) / x`."""
    (x,) = floats(call, "x")
    return call.fresh(quotient_near_zero(call.b, "expm1", x, EXPREL))


def power_transform(name: str, logarithm: str, pole: float) -> Handler:
    """The handler of Box and Cox's transform of `x`, or of `1 + x`."""

    @signature(f"scipy.special.{name}: x lmbda {UFUNC}")
    def handler(call: Call) -> Value:
        b = call.b
        x, power = floats(call, "x", "lmbda")
        at_pole = apply(b, "equal", x, pole)
        level = apply(b, logarithm, make.where(b, at_pole, like(b, pole + 1, x), x))
        exponent = make.multiply(b, power, level)
        value = make.multiply(b, level, quotient_near_zero(b, "expm1", exponent, EXPREL))
        positive = apply(b, "greater", power, 0)
        limit = make.divide(b, like(b, -1, x), chosen(b, positive, power, 1.0))
        limit = make.where(b, positive, limit, like(b, -math.inf, x))
        return call.fresh(make.where(b, at_pole, limit, value))

    return handler


def inverse_transform(name: str, exponential: str) -> Handler:
    """The handler of the inverse of Box and Cox's transform."""

    @signature(f"scipy.special.{name}: y lmbda {UFUNC}")
    def handler(call: Call) -> Value:
        b = call.b
        y, power = floats(call, "y", "lmbda")
        ratio = quotient_near_zero(b, "log1p", make.multiply(b, power, y), LOG1PREL)
        return call.fresh(apply(b, exponential, make.multiply(b, y, ratio)))

    return handler


@signature(f"scipy.special.cosm1: x {UFUNC}")
def cosm1(call: Call) -> Value:
    """`cos(x) - 1`, without the difference."""
    b = call.b
    (x,) = floats(call, "x")
    half = apply(b, "sin", apply(b, "multiply", x, 0.5))
    return call.fresh(apply(b, "multiply", apply(b, "square", half), -2))


def halves(name: str, op: str, parameters: str) -> Handler:
    """The handler of a tail of the chi-squared distribution."""

    @signature(f"scipy.special.{name}: {parameters} {UFUNC}")
    def handler(call: Call) -> Value:
        b = call.b
        a, x = (apply(b, "multiply", n, 0.5) for n in floats(call, *parameters.split()))
        return call.fresh(make.apply(b, op, a, x))

    return handler


@signature("np.i0: x")
def numpy_i0(call: Call) -> Value:
    """NumPy's modified Bessel function of order 0."""
    plain(call)
    return call.fresh(apply(call.b, "i0", *floats(call, "x")))


NAMES: dict[str, Handler] = {
    **{
        name: operation(name, op, parameters)
        for name, op, parameters in (
            ("gammaln", "gammaln", "x"),
            ("gamma", "gamma", "z"),
            ("rgamma", "rgamma", "z"),
            ("psi", "digamma", "z"),
            ("beta", "beta", "a b"),
            ("betaln", "betaln", "a b"),
            ("binom", "binom", "x y"),
            ("erfcx", "erfcx", "x"),
            ("erfinv", "erfinv", "y"),
            ("erfcinv", "erfcinv", "y"),
            ("ndtri", "ndtri", "y"),
            ("ndtr", "ndtr", "x"),
            ("log_ndtr", "log_ndtr", "x"),
            ("gammainc", "gammainc", "a x"),
            ("gammaincc", "gammaincc", "a x"),
            ("betainc", "betainc", "a b x"),
            ("stdtr", "stdtr", "df t"),
            ("softplus", "softplus", "x"),
            *((name, name, "x") for name in ("j0", "j1", "y0", "y1", "i0", "i1", "i0e", "i1e")),
            *((name, name, "x") for name in ("k0", "k1", "k0e", "k1e")),
        )
    },
    "polygamma": of_order("polygamma", "polygamma", "n", "x"),
    "jv": of_order("jv", "jn"),
    "yv": of_order("yv", "yn"),
    "yn": of_order("yn", "yn", "n", "x"),
    "iv": of_order("iv", "iv"),
    "ive": of_order("ive", "ive"),
    "kv": of_order("kv", "kn"),
    "kn": of_order("kn", "kn", "n", "x"),
    "kve": of_order("kve", "kve"),
    "exp10": exp10,
    "loggamma": loggamma,
    "factorial": factorial,
    "comb": comb,
    "multigammaln": multigammaln,
    "rel_entr": rel_entr,
    "kl_div": kl_div,
    "huber": huber,
    "pseudo_huber": pseudo_huber,
    "exprel": exprel,
    "boxcox": power_transform("boxcox", "log", 0.0),
    "boxcox1p": power_transform("boxcox1p", "log1p", -1.0),
    "inv_boxcox": inverse_transform("inv_boxcox", "exp"),
    "inv_boxcox1p": inverse_transform("inv_boxcox1p", "expm1"),
    "cosm1": cosm1,
    "chdtr": halves("chdtr", "gammainc", "v x"),
    "chdtrc": halves("chdtrc", "gammaincc", "v x"),
}
