"""Distributions of `scipy.stats`, by name: SciPy is never imported here.

A method of a distribution is known by the class that defines it, the distribution by its name. What
holds for all families is written here: arguments, location and scale, and what lies outside.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from codegen_ad.frontend.context import Context, Handler, Value
from codegen_ad.frontend.library import densities_of_vectors
from codegen_ad.frontend.library.arrays import apply, common_shape
from codegen_ad.frontend.library.binding import Call, bind
from codegen_ad.frontend.library.densities import CONTINUOUS, DISCRETE, FUNCTIONS, Family
from codegen_ad.frontend.library.refused import refusal
from codegen_ad.frontend.values import Frozen, Outside
from codegen_ad.ir.node import Node, not_wrapping
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.expression import build

DENSITIES = {"logpdf": True, "pdf": False, "logpmf": True, "pmf": False}
"""Whether each is a logarithm."""

OUTSIDE = {
    "cdf": (0.0, 1.0),
    "sf": (1.0, 0.0),
    "logcdf": (-math.inf, 0.0),
    "logsf": (0.0, -math.inf),
}
"""What each is below and above the support."""


def evaluated(name: str, family: Family, method: str) -> Handler:
    """The handler of a method of one distribution."""
    first = "k" if family.discrete else "x"
    scale = "" if family.discrete else " scale=1"
    shapes = " ".join(family.shapes)
    text = f"scipy.stats.{name}.{method}: {first} {shapes} loc=0{scale}"

    def handler(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        call = bind(ctx, args, kwargs, text)
        return call.fresh(_value(call, family, method, first))

    return handler


def quantile(name: str, family: Family, method: str) -> Handler:
    """The handler of a method that gives the place for a probability."""
    shapes = " ".join(family.shapes)
    text = f"scipy.stats.{name}.{method}: q {shapes} loc=0 scale=1"

    def handler(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        call = bind(ctx, args, kwargs, text)
        b = call.b
        given = _given(call, "q", family)
        shape = common_shape(call, *(x.array.shape for x in given.values()))
        value = build(b, family.quantiles[method], given, FUNCTIONS)
        value = make.multiply(b, value, given["scale"]) if "scale" in given else value
        value = make.add(b, value, given["loc"]) if "loc" in given else value
        conditions = ["q >= 0", "q <= 1", *([family.valid] if family.valid else [])]
        conditions += ["scale > 0"] if "scale" in given else []
        valid = build(b, " and ".join(f"({c})" for c in conditions), given, FUNCTIONS)
        value = make.where(b, valid, value, make.constant(b, math.nan))
        return call.fresh(make.broadcast_to(b, value, shape))

    return handler


def _given(call: Call, first: str, family: Family) -> dict[str, Node]:
    """The arguments in float64, as SciPy takes them."""
    names = [n for n in (first, *family.shapes, "loc", "scale") if n in call.given]
    types = {n: call.node(n).array for n in names}
    # SciPy subtracts, negates and takes logarithms of these integers as they are.
    not_wrapping([t for n, t in types.items() if n != first and t.dtype is not DType.INT32])
    if "loc" in types and types["loc"].dtype.wraps:
        not_wrapping([types[first]])
    return {n: make.cast(call.b, call.node(n), DType.FLOAT64) for n in names}


def _value(call: Call, family: Family, method: str, first: str) -> Node:
    b = call.b
    given = _given(call, first, family)
    shape = common_shape(call, *(x.array.shape for x in given.values()))

    def written(text: str, z: Node) -> Node:
        return build(b, text, {**given, "z": z}, FUNCTIONS)

    z = given.pop(first)
    z = make.subtract(b, z, given["loc"]) if "loc" in given else z
    z = make.divide(b, z, given["scale"]) if "scale" in given else z
    conditions = [family.valid] if family.valid else []
    if method in DENSITIES:
        whole = "z != floor(z) and z == z" if family.discrete else ""
        anywhere = " or ".join(f"({t})" for t in (family.below, family.above, whole) if t)
        sides = [(anywhere, -math.inf)] if anywhere else []
        text = f"{family.log} - log(scale)" if "scale" in given else family.log
    else:
        z = apply(b, "floor", z) if family.discrete else z
        texts = (family.below, family.above)
        sides = [(t, v) for t, v in zip(texts, OUTSIDE[method], strict=True) if t]
        text = family.probabilities[method]
    if "scale" in given and (sides or method in OUTSIDE):
        conditions.append("scale > 0")
    # The formula never sees a place outside, so it can't make NaN of a value that is not used.
    places = " or ".join(t for t, _ in sides)
    within = written(f"({family.inside}) if {places} else z", z) if places else z
    value = written(text, within)
    for side, limit in sides:
        value = make.where(b, written(side, z), make.constant(b, limit), value)
    if conditions:
        valid = written(" and ".join(f"({c})" for c in conditions), z)
        value = make.where(b, valid, value, make.constant(b, math.nan))
    if DENSITIES.get(method) is False:
        value = apply(b, "exp", value)
    return make.broadcast_to(b, value, shape)


def of_vectors(name: str, method: str) -> Handler:
    """The handler of the density of a distribution over vectors."""
    place, parameters = densities_of_vectors.SIGNATURES[name]
    text = f"scipy.stats.{name}.{method}: {place} {parameters}"

    def handler(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        call = bind(ctx, args, kwargs, text)
        value = densities_of_vectors.logarithm(name, call)
        return call.fresh(value if DENSITIES[method] else apply(call.b, "exp", value))

    return handler


def _module() -> Any:
    return sys.modules.get("scipy.stats")


def name_of(found: object) -> str:
    """The name of a distribution of SciPy; empty for anything else."""
    if _module() is None:
        return ""
    for name in (getattr(found, "name", None), *densities_of_vectors.SIGNATURES):
        if isinstance(name, str) and getattr(_module(), name, None) is found:
            return name
    return ""


def handler_of(function: object) -> Handler | None:
    """The meaning of a method of a distribution, or of a distribution itself, which freezes it.

    A method is found on its class, and the distribution is the first argument of the call. None
    for anything else.
    """
    name = name_of(function)
    if name:
        return frozen(name, function)
    home, path = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    if _module() is None or not str(home).startswith("scipy.stats."):
        return None
    owner, _, method = str(path).partition(".")
    kind = getattr(sys.modules.get(str(home)), owner, None)
    if kind is None or getattr(kind, method, None) is not function:
        return None

    def handler(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        first = args[0] if args else None
        name = name_of(first.object) if isinstance(first, Outside) else ""
        known = _method(name, method) if name else _frozen_outside(path, method)
        return known(ctx, args[1:], kwargs)

    return handler


def _method(name: str, method: str) -> Handler:
    """The meaning of a method of a distribution, or its refusal."""
    family = CONTINUOUS.get(name) or DISCRETE.get(name)
    if family is not None and (method in DENSITIES or method in family.probabilities):
        return evaluated(name, family, method)
    if family is not None and method in family.quantiles:
        return quantile(name, family, method)
    if name in densities_of_vectors.SIGNATURES and method in DENSITIES:
        return of_vectors(name, method)
    return _unknown(f"{name}.{method}")


def frozen(name: str, distribution: object) -> Handler:
    """The handler of a distribution that is given its parameters before its place."""
    family = CONTINUOUS.get(name) or DISCRETE.get(name)
    if family is not None:
        scale = "" if family.discrete else " scale=1"
        parameters = f"{' '.join(family.shapes)} loc=0{scale}"
    elif name in densities_of_vectors.SIGNATURES:
        parameters = densities_of_vectors.SIGNATURES[name][1]
    else:
        return _unknown(name)

    def handler(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        call = bind(ctx, args, kwargs, f"scipy.stats.{name}: {parameters}")
        return Frozen(distribution, tuple(call.given.items()))

    return handler


def _frozen_outside(path: str, method: str) -> Handler:
    if path.partition(".")[0] not in ("rv_frozen", "rv_continuous_frozen", "rv_discrete_frozen"):
        return _unknown(path)
    return refusal(
        f"scipy.stats.{path}",
        "The distribution was given its parameters outside the function.",
        f"Give them inside: `norm(loc, scale).{method}(x)`, or `norm.{method}(x, loc, scale)`.",
    )


def _unknown(name: str) -> Handler:
    return refusal(
        f"scipy.stats.{name}",
        "It is not among the distributions and methods of SciPy that codegen_ad knows.",
        "Write its formula out with functions of NumPy and scipy.special, or give its derivative "
        "with @codegen_ad.custom_derivative.",
    )
