"""Densities of `scipy.stats` over vectors: multivariate normal, Dirichlet, multinomial."""

from __future__ import annotations

import math

from codegen_ad.frontend.library.arrays import apply, common_shape, like, size_as, unify
from codegen_ad.frontend.library.binding import Call
from codegen_ad.frontend.library.densities import FUNCTIONS
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim, product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.expression import build
from codegen_ad.ops.linalg import CHOLESKY, SOLVE_TRIANGULAR, Triangle
from codegen_ad.ops.reduction import ALL, SUM

SIGNATURES = {
    "multivariate_normal": ("x", "mean=None cov=1 allow_singular=False"),
    "dirichlet": ("x", "alpha"),
    "multinomial": ("x", "n p"),
}
"""The place, and the parameters, of each family."""


def logarithm(name: str, call: Call) -> Node:
    """The logarithm of the density or probability."""
    return {
        "multivariate_normal": _multivariate_normal,
        "dirichlet": _dirichlet,
        "multinomial": _multinomial,
    }[name](call)


def _doubles(call: Call, *names: str) -> list[Node]:
    return [make.cast(call.b, call.node(n), DType.FLOAT64) for n in names]


def _sum_last(b: Builder, x: Node) -> Node:
    return reduced(b, SUM, x, (x.array.rank - 1,), keepdims=False)


def _squeezed(b: Builder, x: Node) -> Node:
    """Without the axes known to have one element, as SciPy leaves them out."""
    return make.reshape(b, x, tuple(d for d in x.array.shape if d != ONE))


def _multivariate_normal(call: Call) -> Node:
    """By the Cholesky factor of the covariance, of which only the lower triangle is read."""
    b = call.b
    call.only_default("allow_singular", instead="Leave it out: covariances must be definite.")
    given = [n for n in ("mean", "cov") if call.has(n)]
    x, *rest = _doubles(call, "x", *given)
    found = dict(zip(given, rest, strict=True))
    mean, cov = found.get("mean"), found.get("cov")
    sizes = [n.array.shape[0] for n in (mean, cov) if n is not None and n.array.rank]
    if any(n.array.rank > r for n, r in ((mean, 1), (cov, 2)) if n is not None):
        call.refuse(
            f"`{call.name}` takes a vector `mean` and a matrix `cov`.",
            "For several distributions, loop over them.",
        )
    size = sizes[0] if sizes else ONE
    for other in sizes[1:]:
        unify(call, size, other)
    x = _points(call, x, size)
    lead = x.array.shape[:-1]
    if mean is not None:
        x = make.subtract(b, x, mean)
    x = make.reshape(b, x, (product(lead), size))
    count = size_as(b, size, DType.FLOAT64)
    if cov is not None and cov.array.rank == 2:
        unify(call, *cov.array.shape)
        factor = b.node(CHOLESKY, (cov,))
        places = make.iota(b, size)
        diagonal = make.gather(b, factor, places, places)
        volume = apply(b, "multiply", _sum_last(b, apply(b, "log", diagonal)), 2)
        white = b.node(
            SOLVE_TRIANGULAR, (factor, make.transpose(b, x, (1, 0))), Triangle(lower=True)
        )
        distance = reduced(b, SUM, apply(b, "square", white), (0,), keepdims=False)
    elif cov is not None and cov.array.rank == 1:
        volume = _sum_last(b, apply(b, "log", cov))
        distance = _sum_last(b, make.divide(b, apply(b, "square", x), cov))
    else:
        cov = like(b, 1, x) if cov is None else cov
        volume = make.multiply(b, count, apply(b, "log", cov))
        distance = make.divide(b, _sum_last(b, apply(b, "square", x)), cov)
    constant = make.add(b, apply(b, "multiply", count, math.log(2 * math.pi)), volume)
    value = apply(b, "multiply", make.add(b, distance, constant), -0.5)
    return _squeezed(b, make.reshape(b, value, lead))


def _points(call: Call, x: Node, size: Dim) -> Node:
    """The places with their components along the last axis."""
    if x.array.rank == 0 or (x.array.rank == 1 and size == ONE):
        x = make.reshape(call.b, x, (*x.array.shape, ONE))
    unify(call, x.array.shape[-1], size)
    return x


def _dirichlet(call: Call) -> Node:
    """Components along the first axis, as in SciPy, all of them given."""
    b = call.b
    x, alpha = _doubles(call, "x", "alpha")
    if alpha.array.rank != 1 or x.array.rank not in (1, 2):
        call.refuse(
            f"`{call.name}` takes a vector `alpha`, and a vector `x` or a matrix of columns.",
            "For several distributions, loop over them.",
        )
    unify(call, x.array.shape[0], alpha.array.shape[0])
    places = make.transpose(b, x, (1, 0)) if x.array.rank == 2 else x
    powers = build(b, "xlogy(a - 1, x)", {"a": alpha, "x": places}, FUNCTIONS)
    total = apply(b, "gammaln", _sum_last(b, alpha))
    constant = make.subtract(b, total, _sum_last(b, apply(b, "gammaln", alpha)))
    return make.add(b, constant, _sum_last(b, powers))


def _multinomial(call: Call) -> Node:
    """NaN where the probabilities do not sum to 1, as SciPy has announced.

    Until then SciPy changes the last one, and warns.
    """
    b = call.b
    single = call.node("p").array.dtype is DType.FLOAT32
    x, n, p = _doubles(call, "x", "n", "p")
    if p.array.rank != 1 or n.array.rank or not x.array.rank:
        call.refuse(
            f"`{call.name}` takes one number `n` and a vector `p`.",
            "For several distributions, loop over them.",
        )
    common_shape(call, x.array.shape, p.array.shape)
    unify(call, x.array.shape[-1], p.array.shape[0])
    possible = build(b, "x >= 0 and x == floor(x)", {"x": x})
    possible = reduced(b, ALL, possible, (x.array.rank - 1,), keepdims=False)
    total = make.apply(b, "equal", _sum_last(b, x), n)
    possible = make.apply(b, "logical_and", possible, total)
    terms = build(
        b, "xlogy(x, p) - gammaln(x + 1)", {"x": build(b, "x if x >= 0 else 0", {"x": x}), "p": p},
        FUNCTIONS,
    )  # fmt: skip
    value = make.add(b, apply(b, "gammaln", apply(b, "add", n, 1)), _sum_last(b, terms))
    value = make.where(b, possible, value, like(b, -math.inf, value))
    proper = build(b, "p >= 0 and p <= 1", {"p": p})
    proper = reduced(b, ALL, proper, (0,), keepdims=False)
    rounding = 1e-10 if not single else 2e-6
    whole = build(b, f"absolute(s - 1) < {rounding}", {"s": _sum_last(b, p)})
    proper = make.apply(b, "logical_and", proper, whole)
    return make.where(b, proper, value, like(b, math.nan, value))
