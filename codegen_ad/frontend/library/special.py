"""`scipy.special`, by name: SciPy is never imported here.

Handlers are found by a function's name and checked against the module, if the user has imported it.
"""

from __future__ import annotations

import math
import sys
from types import MethodType

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library import special_families
from codegen_ad.frontend.library.arrays import (
    apply,
    broadcast,
    finite_or_0,
    kept,
    like,
    maximum_of,
    nonempty,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.library.refused import refusal
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ops import make
from codegen_ad.ops.reduction import SUM


def _unary(call: Call) -> Node:
    call.only_default("where", "casting", "order", "dtype", "subok")
    (x,) = call.ctx.promote(call.value("x"), floating=True)
    return x


def _pair(call: Call) -> list[Node]:
    return broadcast(call, *call.ctx.promote(call.value("x"), call.value("y"), floating=True))


def elementwise(name: str) -> Handler:
    """The handler of a SciPy function that is one operation of the elementwise table."""

    @signature(
        f"scipy.special.{name}: x out=None where=True casting='same_kind' order='K' dtype=None"
        " subok=True"
    )
    def handler(call: Call) -> Value:
        return call.fresh(apply(call.b, name, _unary(call)))

    return handler


@signature("scipy.special.log_expit: x out=None")
def log_expit(call: Call) -> Value:
    """The logarithm of the logistic function."""
    b, x = call.b, _unary(call)
    return call.fresh(make.negative(b, apply(b, "softplus", make.negative(b, x))))


@signature("scipy.special.xlogy: x y out=None")
def xlogy(call: Call) -> Value:
    """`x * log(y)`, and 0 where `x` is 0 whatever `y` is."""
    b = call.b
    x, y = _pair(call)
    return call.fresh(make.multiply(b, x, apply(b, "log", _beside_zero(b, x, y, 0.0, 1.0))))


@signature("scipy.special.xlog1py: x y out=None")
def xlog1py(call: Call) -> Value:
    """`x * log1p(y)`, and 0 where `x` is 0 whatever `y` is."""
    b = call.b
    x, y = _pair(call)
    return call.fresh(make.multiply(b, x, apply(b, "log1p", _beside_zero(b, x, y, -1.0, 0.0))))


def _beside_zero(b: Builder, x: Node, y: Node, pole: float, safe: float) -> Node:
    """`y`, but `safe` where `x` is 0 and the logarithm is not finite; NaN stays.

    Where the logarithm is finite the product is 0 by itself, and its derivative is the logarithm.
    """
    infinite = make.apply(
        b, "logical_or", apply(b, "less_equal", y, pole), apply(b, "equal", y, math.inf)
    )
    both = make.apply(b, "logical_and", apply(b, "equal", x, 0), infinite)
    return make.where(b, both, like(b, safe, y), y)


@signature("scipy.special.entr: x out=None")
def entr(call: Call) -> Value:
    """`-x * log(x)`: 0 at 0, -inf below."""
    b, x = call.b, _unary(call)
    inside = apply(b, "greater", x, 0)
    safe = make.where(b, inside, x, like(b, 1, x))
    value = make.negative(b, make.multiply(b, safe, apply(b, "log", safe)))
    value = make.where(b, inside, value, make.where(b, apply(b, "isnan", x), x, like(b, 0, x)))
    return call.fresh(make.where(b, apply(b, "less", x, 0), like(b, -math.inf, x), value))


def _exponents(call: Call) -> tuple[Node, tuple[int, ...], Node]:
    """`x`, its axes, and its largest elements, which have no derivative: it cancels."""
    (x,) = call.ctx.promote(call.value("x"), floating=True)
    axes = call.axes("axis", x.array.rank)
    nonempty(call, x, axes)
    return x, axes, finite_or_0(call.b, maximum_of(call.b, x, axes))


@signature("scipy.special.logsumexp: x axis=None b=None keepdims=False return_sign=False")
def logsumexp(call: Call) -> Value:
    """The logarithm of the sum of exponentials, which neither overflow nor all vanish."""
    b, signed = call.b, call.flag("return_sign")
    if call.has("b"):
        x, weights = broadcast(
            call, *call.ctx.promote(call.value("x"), call.value("b"), floating=True)
        )
        none = apply(b, "equal", weights, 0)
        x = make.where(b, none, like(b, -math.inf, x), x)
    else:
        (x,), weights = call.ctx.promote(call.value("x"), floating=True), None
    axes = call.axes("axis", x.array.rank)
    nonempty(call, x, axes)
    largest = maximum_of(b, x, axes)
    top = finite_or_0(b, largest)
    terms = apply(b, "exp", make.subtract(b, x, top))
    terms = terms if weights is None else make.multiply(b, weights, terms)
    total = reduced(b, SUM, terms, axes, keepdims=True)
    # The logarithm of no terms has the derivative 0; that of terms that cancel has none.
    size = apply(b, "absolute", total) if signed else total
    out, never = make.add(b, apply(b, "log", size), top), like(b, -math.inf, total)
    out = make.where(b, apply(b, "equal", largest, -math.inf), never, out)
    results = (out, apply(b, "sign", total)) if signed else (out,)
    if not call.flag("keepdims"):
        left = tuple(d for a, d in enumerate(x.array.shape) if a not in axes)
        results = tuple(make.reshape(b, result, left) for result in results)
    found = tuple(call.fresh(result) for result in results)
    return found if signed else found[0]


@signature("scipy.special.softmax: x axis=None")
def softmax(call: Call) -> Value:
    """Exponentials that sum to 1."""
    b = call.b
    x, axes, top = _exponents(call)
    terms = apply(b, "exp", make.subtract(b, x, top))
    total = make.reshape(b, make.sum_(b, terms, axes), kept(x.array.shape, axes))
    return call.fresh(make.divide(b, terms, total))


@signature("scipy.special.log_softmax: x axis=None")
def log_softmax(call: Call) -> Value:
    """The logarithm of `softmax`."""
    b = call.b
    x, axes, top = _exponents(call)
    shifted = make.subtract(b, x, top)
    total = reduced(b, SUM, apply(b, "exp", shifted), axes, keepdims=True)
    return call.fresh(make.subtract(b, shifted, apply(b, "log", total)))


NAMES: dict[str, Handler] = {
    **{
        n: elementwise(n)
        for n in ("expit", "logit", "erf", "erfc", "expm1", "log1p", "exp2", "cbrt")
    },
    "log_expit": log_expit,
    "xlogy": xlogy,
    "xlog1py": xlog1py,
    "entr": entr,
    "logsumexp": logsumexp,
    "softmax": softmax,
    "log_softmax": log_softmax,
    **special_families.NAMES,
}

FUNCTIONS: dict[object, Handler] = {np.i0: special_families.numpy_i0}


def handler_of(function: object) -> Handler | None:
    """The meaning of a function of SciPy, or its refusal; None for a function of anything else."""
    name = str(getattr(function, "__name__", "") or type(function).__name__)
    module = sys.modules.get("scipy.special")
    if module is not None and name and getattr(module, name, None) is function:
        return NAMES.get(name) or _unknown(f"scipy.special.{name}")
    home = str(getattr(function, "__module__", None) or type(function).__module__)
    if home.partition(".")[0] != "scipy":
        return None
    if isinstance(function, MethodType) and home.startswith("scipy.stats."):
        return None  # the caller asks for the method and its distribution apart
    owner = getattr(getattr(function, "__self__", None), "name", None)
    parts = [p for p in home.split(".") if not p.startswith("_")]
    return _unknown(".".join([*parts, *([owner] if isinstance(owner, str) else []), name]))


def _unknown(name: str) -> Handler:
    return refusal(
        name,
        "It is not among the functions of SciPy that codegen_ad knows.",
        "Write its formula out, or give its derivative with @codegen_ad.custom_derivative.",
    )
