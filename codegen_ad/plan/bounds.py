"""What is known about index expressions: whether they stay within an axis, and how they combine."""

from __future__ import annotations

from collections.abc import Callable

from codegen_ad.ir.dims import Dim, FloorDivision
from codegen_ad.plan.scope import Scope


def inside(scope: Scope, dim: Dim, extent: Dim) -> bool:
    """Whether `0 <= dim < extent` for all values of the loop variables, as far as can be proved."""
    return is_at_least(scope, dim, 0) and is_at_least(scope, extent - 1 - dim, 0)


def is_at_least(scope: Scope, dim: Dim, least: int) -> bool:
    """Whether `dim >= least` for all values of the loop variables, as far as can be proved.

    Inner variables first, because an inner loop's size may depend on an outer variable.
    """
    for around in scope.all_outward():
        dim = dim.substitute(around.sizes)
        for name, size in around.extents.items():
            dim = smallest(dim, name, size)
    return dim.is_constant and dim.value >= least


def smallest(dim: Dim, name: str, size: Dim) -> Dim:
    """The least that `dim` is for a variable of `range(size)`; as it is where that isn't known."""
    if not _is_linear(dim, name):
        return dim
    at_start = dim.substitute({name: Dim.constant(0)})
    slope = dim.substitute({name: Dim.constant(1)}) - at_start
    if not slope.is_constant:
        return dim
    return at_start if slope.value >= 0 else dim.substitute({name: size - 1})


def _is_linear(dim: Dim, name: str) -> bool:
    return all(
        monomial.count(name) <= 1 and not any(name in _divided(atom) for atom in monomial)
        for monomial, _ in dim.terms
    )


def _divided(atom: str | FloorDivision) -> set[str]:
    return set() if isinstance(atom, str) else set(atom.numerator.symbols())


def _largest_of(scope: Scope, x: Dim, y: Dim) -> Dim | None:
    """`max(x, y)`, where it is known which one it is: trip counts are written `max(size, 0)`."""
    if y.is_constant and is_at_least(scope, x, y.value):
        return x
    if x.is_constant and is_at_least(scope, y, x.value):
        return y
    return None


IndexRule = Callable[..., Dim | None]


def _sum(_: Scope, x: Dim, y: Dim) -> Dim:
    return x + y


def _difference(_: Scope, x: Dim, y: Dim) -> Dim:
    return x - y


def _product(_: Scope, x: Dim, y: Dim) -> Dim:
    return x * y


def _opposite(_: Scope, x: Dim) -> Dim:
    return -x


def _same(_: Scope, x: Dim) -> Dim:
    return x


INDEX_RULES: dict[str, IndexRule] = {
    "add": _sum,
    "subtract": _difference,
    "multiply": _product,
    "negative": _opposite,
    "cast": _same,
    "maximum": _largest_of,
}
