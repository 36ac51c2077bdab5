"""Polynomials and orthogonal series: evaluated, differentiated, integrated and added.

A series is summed by Clenshaw's recurrence (Math. Comp. 9, 1955, 118-120): with
`p[k+1] = a(k) p[k] + b(k) p[k-1]` and `y[k] = c[k] + a(k) y[k+1] + b(k+1) y[k+2]`, the sum of
`c[k] p[k]` is `c[0] p[0] + p[1] y[1] + b(1) p[0] y[2]`. It is written out for a number of terms
that is known, and a loop for others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    apply,
    as_float,
    at_least,
    common_shape,
    like,
    span,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.joining import joined
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, ZERO
from codegen_ad.ir.node import Node, Region, not_wrapping
from codegen_ad.ir.types import DType
from codegen_ad.ops import control, make
from codegen_ad.ops.reduction import SUM

Factor = Callable[[Builder, Node, Node], Node]
"""From the number of a term, in floating point, and `x` to a factor of the recurrence."""


@dataclass(frozen=True, slots=True)
class Basis:
    """`p[0] = 1`, `p[1] = first(x)`, `p[k+1] = a(k, x) p[k] + b(k, x) p[k-1]`."""

    first: Callable[[Builder, Node], Node]
    a: Factor
    b: Factor | None


def _x(_: Builder, x: Node) -> Node:
    return x


def _twice(b: Builder, x: Node) -> Node:
    return apply(b, "multiply", x, 2.0)


def _times_x(_: Builder, __: Node, x: Node) -> Node:
    return x


def _twice_x(b: Builder, _: Node, x: Node) -> Node:
    return _twice(b, x)


def _minus_one(b: Builder, _: Node, x: Node) -> Node:
    return like(b, -1.0, x)


def _next(b: Builder, k: Node) -> Node:
    return apply(b, "add", k, 1.0)


def _legendre_a(b: Builder, k: Node, x: Node) -> Node:
    odd = apply(b, "add", _twice(b, k), 1.0)
    return make.multiply(b, make.divide(b, odd, _next(b, k)), x)


def _falling(b: Builder, k: Node, _: Node) -> Node:
    """`-k / (k + 1)`."""
    return make.negative(b, make.divide(b, k, _next(b, k)))


def _minus_k(b: Builder, k: Node, _: Node) -> Node:
    return make.negative(b, k)


def _minus_twice_k(b: Builder, k: Node, _: Node) -> Node:
    return apply(b, "multiply", k, -2.0)


def _laguerre_a(b: Builder, k: Node, x: Node) -> Node:
    odd = apply(b, "add", _twice(b, k), 1.0)
    return make.divide(b, make.subtract(b, odd, x), _next(b, k))


def _one_less_x(b: Builder, x: Node) -> Node:
    return make.subtract(b, like(b, 1.0, x), x)


POWERS = Basis(_x, _times_x, None)
BASES: dict[object, tuple[str, Basis]] = {
    polynomial.polyval: ("polynomial.polyval", POWERS),
    chebyshev.chebval: ("chebyshev.chebval", Basis(_x, _twice_x, _minus_one)),
    legendre.legval: ("legendre.legval", Basis(_x, _legendre_a, _falling)),
    hermite.hermval: ("hermite.hermval", Basis(_twice, _twice_x, _minus_twice_k)),
    hermite_e.hermeval: ("hermite_e.hermeval", Basis(_x, _times_x, _minus_k)),
    laguerre.lagval: ("laguerre.lagval", Basis(_one_less_x, _laguerre_a, _falling)),
}


def series(name: str, basis: Basis) -> Handler:
    """The handler of the function that evaluates a series at points."""

    @signature(f"np.polynomial.{name}: x c tensor=True")
    def handler(call: Call) -> Value:
        b = call.b
        if basis.a is _twice_x:
            not_wrapping([call.node("x").array])
        x, c = call.ctx.promote(call.value("x"), call.value("c"), floating=True)
        c = c if c.array.rank else make.reshape(b, c, (ONE,))
        if call.flag("tensor"):
            c = make.reshape(b, c, (*c.array.shape, *((ONE,) * x.array.rank)))
        shape = common_shape(call, c.array.shape[1:], x.array.shape)
        return call.fresh(make.broadcast_to(b, _sum_of(call, basis, x, c), shape))

    return handler


def _sum_of(call: Call, basis: Basis, x: Node, c: Node) -> Node:
    b, number = call.b, c.array.shape[0]
    at_least(call, number, 1)
    constant = span(b, c, 0, 0, 1)
    constant = make.reshape(b, constant, c.array.shape[1:])
    if number == ONE:
        return make.add(b, constant, apply(b, "multiply", x, 0.0))
    zero = like(b, 0.0, x)
    shape = make.add(b, constant, x).array.shape
    empty = [make.broadcast_to(b, zero, shape)] * (1 if basis.b is None else 2)
    rest = make.flip(b, span(b, c, 0, 1, number - 1), 0)
    sums = _in_loop if not number.is_constant else _written_out
    carried = sums(b, basis, empty, rest, x)
    out = make.add(b, constant, make.multiply(b, basis.first(b, x), carried[0]))
    if basis.b is not None:
        out = make.add(b, out, make.multiply(b, basis.b(b, like(b, 1.0, x), x), carried[1]))
    return out


def _step(
    b: Builder, basis: Basis, k: Node, carried: Sequence[Node], term: Node, x: Node
) -> list[Node]:
    """One step of Clenshaw's recurrence, for term `k`."""
    total = make.add(b, term, make.multiply(b, basis.a(b, k, x), carried[0]))
    if basis.b is None:
        return [total]
    total = make.add(b, total, make.multiply(b, basis.b(b, _next(b, k), x), carried[1]))
    return [total, carried[0]]


def _written_out(
    b: Builder, basis: Basis, carried: Sequence[Node], terms: Node, x: Node
) -> Sequence[Node]:
    number = terms.array.shape[0].value
    for i in range(number):
        term = make.reshape(b, span(b, terms, 0, i, 1), terms.array.shape[1:])
        carried = _step(b, basis, like(b, float(number - i), x), carried, term, x)
    return carried


def _in_loop(
    b: Builder, basis: Basis, carried: Sequence[Node], terms: Node, x: Node
) -> Sequence[Node]:
    number = terms.array.shape[0]
    with b.scope():
        i = b.input("i", make.size(b, number).array)
        before = [b.input(f"y{p}", y.array) for p, y in enumerate(carried, 1)]
        all_terms, point = b.input("c", terms.array), b.input("x", x.array)
        left = make.subtract(b, make.size(b, number), i)
        after = _step(
            b,
            basis,
            make.cast(b, left, x.array.dtype),
            before,
            make.gather(b, all_terms, i),
            point,
        )
        body = Region((i, *before, all_terms, point), tuple(after))
    args = (make.size(b, number), *carried, terms, x)
    loop = b.node(control.LOOP, args, control.Loop(len(carried), 0, number, body))
    return b.results(loop)


# Coefficients, the highest power first ------------------------------------------------------------


@signature("np.polyval: p x")
def polyval(call: Call) -> Value:
    """A polynomial, highest coefficient first."""
    b = call.b
    p, x = call.ctx.promote(call.value("p"), call.value("x"))
    number = p.array.shape[0]
    if not number.is_constant:
        not_wrapping([x.array])
        x = as_float(b, x)
        powers = apply(b, "subtract", make.cast(b, make.size(b, number - 1), x.array.dtype), 0)
        exponents = make.subtract(b, powers, make.cast(b, make.iota(b, number), x.array.dtype))
        terms = make.apply(b, "power", make.expand_dims(b, x, x.array.rank), exponents)
        terms = make.multiply(b, terms, make.cast(b, p, x.array.dtype))
        return call.fresh(reduced(b, SUM, terms, (x.array.rank,)))
    out = make.broadcast_to(b, like(b, 0, x), x.array.shape)
    for k in range(number.value):
        coefficient = make.reshape(b, span(b, p, 0, k, 1), ())
        out = coefficient if not k else make.add(b, make.multiply(b, out, x), coefficient)
    return call.fresh(make.broadcast_to(b, out, x.array.shape))


def _coefficients(call: Call, name: str) -> Node:
    p = call.node(name)
    if p.array.rank != 1:
        call.refuse(f"`{call.name}` takes coefficients as a vector.", "Pass `p.ravel()`.")
    at_least(call, p.array.shape[0], 1)
    return p


@signature("np.polyder: p m=1")
def polyder(call: Call) -> Value:
    """The coefficients of the derivative, highest power first."""
    p = _coefficients(call, "p")
    for _ in range(_order(call)):
        p = _derived(call, p)
    return call.fresh(p)


def _order(call: Call) -> int:
    order = call.integer("m")
    if order < 0:
        call.refuse(f"`{call.name}` of order {order}.", "The order is at least 0.")
    return order


def _derived(call: Call, p: Node) -> Node:
    b, degree = call.b, p.array.shape[0] - 1
    at_least(call, degree, 0)
    powers = call.ctx.iota(degree, degree, -1)
    terms, powers = call.ctx.promote(call.fresh(span(b, p, 0, 0, degree)), call.fresh(powers))
    return make.multiply(b, terms, powers)


@signature("np.polyint: p m=1 k=None")
def polyint(call: Call) -> Value:
    """The coefficients of an integral, highest power first; `k` are its constants."""
    b, order = call.b, _order(call)
    p = make.cast(b, _coefficients(call, "p"), DType.FLOAT64)
    constants = _constants(call, p, "k", order)
    for i in range(order):
        number = p.array.shape[0]
        powers = make.cast(b, call.ctx.iota(number, number, -1), p.array.dtype)
        p = make.concatenate(b, [make.divide(b, p, powers), constants[i]], 0)
    return call.fresh(p)


def _constants(call: Call, p: Node, name: str, order: int) -> list[Node]:
    b = call.b
    if not call.has(name):
        return [make.full(b, (ONE,), 0, p.array.dtype)] * order
    k = make.cast(b, call.node(name), p.array.dtype)
    if not k.array.rank or k.array.shape == (ONE,):
        if order > 1:
            k = make.broadcast_to(b, make.reshape(b, k, (ONE,)), (make.as_dim(order),))
        return [make.reshape(b, span(b, _line(b, k), 0, i, 1), (ONE,)) for i in range(order)]
    if k.array.shape[0] != make.as_dim(order):
        call.ctx.equate(k.array.shape[0], make.as_dim(order), call.name)
    return [span(b, k, 0, i, 1) for i in range(order)]


def _line(b: Builder, x: Node) -> Node:
    return x if x.array.rank else make.reshape(b, x, (ONE,))


def combined(name: str, operation: str) -> Handler:
    """The handler of the sum or difference of two polynomials, highest power first."""

    @signature(f"np.{name}: a1 a2")
    def handler(call: Call) -> Value:
        b = call.b
        x, y = (_line(b, n) for n in call.ctx.promote(call.value("a1"), call.value("a2")))
        missing = x.array.shape[0] - y.array.shape[0]
        if not missing.is_constant:
            call.ctx.require(missing, 0, call.name)
        longer = not missing.is_constant or missing.value > 0
        if missing != ZERO and longer:
            y = joined(call, [make.full(b, (missing,), 0, y.array.dtype), y], 0)
        elif missing != ZERO:
            x = joined(call, [make.full(b, (-missing,), 0, x.array.dtype), x], 0)
        return call.fresh(make.apply(b, operation, x, y))

    return handler


# Coefficients, the lowest power first -------------------------------------------------------------


@signature("np.polynomial.polynomial.polyder: c m=1 scl=1 axis=0")
def series_derivative(call: Call) -> Value:
    """The coefficients of the derivative, lowest power first."""
    b = call.b
    call.only_default("axis")
    c = as_float(b, _coefficients(call, "c"))
    for _ in range(_order(call)):
        degree = c.array.shape[0] - 1
        if degree == ZERO:
            c = apply(b, "multiply", c, 0.0)
            continue
        at_least(call, degree, 1)
        powers = make.cast(b, call.ctx.iota(1, degree), c.array.dtype)
        c = make.multiply(b, span(b, c, 0, 1, degree), powers)
        c = make.multiply(b, c, _scale(call, c)) if call.has("scl") else c
    return call.fresh(c)


def _scale(call: Call, c: Node) -> Node:
    return make.cast(call.b, call.node("scl"), c.array.dtype)


@signature("np.polynomial.polynomial.polyint: c m=1 k=[] lbnd=0 scl=1 axis=0")
def series_integral(call: Call) -> Value:
    """The coefficients of the integral from 0, lowest power first."""
    b, order = call.b, _order(call)
    call.only_default("axis", "k", "lbnd", instead="Add the constant to the first coefficient.")
    c = as_float(b, _coefficients(call, "c"))
    for _ in range(order):
        number = c.array.shape[0]
        c = make.multiply(b, c, _scale(call, c)) if call.has("scl") else c
        powers = make.cast(b, call.ctx.iota(1, number), c.array.dtype)
        first = make.full(b, (ONE,), 0, c.array.dtype)
        c = make.concatenate(b, [first, make.divide(b, c, powers)], 0)
    return call.fresh(c)


FUNCTIONS: dict[object, Handler] = {
    np.polyval: polyval,
    np.polyder: polyder,
    np.polyint: polyint,
    np.polyadd: combined("polyadd", "add"),
    np.polysub: combined("polysub", "subtract"),
    polynomial.polyder: series_derivative,
    polynomial.polyint: series_integral,
    **{function: series(name, basis) for function, (name, basis) in BASES.items()},
}
