"""The most that sizes can be which each trip of a loop finds anew: known before a kernel runs.

The record of a segment has as many rows as the segment has steps. A device's arrays are made before
a kernel runs, so that one has room for the longest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.whole import Buffer
from codegen_ad.plan.free import fresh
from codegen_ad.plan.kernel import Apply, Assign, Expr, Index, Kernel, Let, Number, Statement, walk


def with_longest(
    buffers: Iterable[Buffer], kernel: Kernel, taken: set[str]
) -> tuple[tuple[Buffer, ...], dict[str, Expr]]:
    """The buffers with room for the longest that they can be, and how to find the sizes of these.

    Sizes of which no bound is known stay as they are.
    """
    outer = {id(s) for s in kernel.body}
    inner: dict[str, list[Expr]] = {}
    for statement in walk(kernel.body):
        for name, expr in _numbers(statement) if id(statement) not in outer else ():
            inner.setdefault(name, []).append(expr)
    bounds = {name: _most(exprs[0]) for name, exprs in inner.items() if len(exprs) == 1}
    most = {name: bound for name, bound in bounds.items() if bound is not None}
    names = {name: fresh(f"most_{name}", taken) for name in most}
    found = tuple(replace(b, shape=tuple(_longest(d, names) for d in b.shape)) for b in buffers)
    return found, {names[name]: bound for name, bound in most.items()}


def _numbers(statement: Statement) -> Iterator[tuple[str, Expr]]:
    match statement:
        case Let(name, expr):
            yield name, expr
        case Assign(names, exprs):
            yield from zip(names, exprs, strict=True)
        case _:
            pass


def _most(expr: Expr) -> Expr | None:
    """The most that a // m - b // m can be, whatever a and b are, as long as a - b is the same.

    Two numbers rounded down are no further apart than the numbers are, rounded up.
    """
    match expr:
        case Apply(
            "subtract",
            (
                Apply("floor_divide", (Index(a), Index(m))),
                Apply("floor_divide", (Index(b), Index(n))),
            ),
        ) if m == n:
            one = Number("1", DType.INT64)
            apart = _apply("absolute", Index(a - b))
            divisor = _apply("maximum", _apply("absolute", Index(m)), one)
            return _apply(
                "floor_divide", _apply("add", apart, _apply("subtract", divisor, one)), divisor
            )
        case _:
            return None


def _apply(op: str, *args: Expr) -> Apply:
    return Apply(op, args, DType.INT64)


def _longest(dim: Dim | str, names: Mapping[str, str]) -> Dim | str:
    """A size with bounds in place of what they bound, where it grows with that."""
    if not isinstance(dim, Dim):
        return dim
    for monomial, coefficient in dim.terms:
        bounded = names.keys() & set(monomial)
        if bounded and (len(monomial) > 1 or coefficient < 0):
            return dim
    return dim.substitute({n: Dim.symbol(names[n]) for n in names.keys() & set(dim.symbols())})
