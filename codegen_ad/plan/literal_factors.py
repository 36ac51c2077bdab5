"""Terms of a sum whose literals are equal, or one twice the other: the literal times one sum.

`200 * c - 400 * a * x` takes three products, `200 * (c - 2 * a * x)` two: twice a number is an
addition. Such literals come from derivatives of squares. As with other factors of a sweep
(`common_factors.py`), only products of the gradient are taken apart, and the last digit of a
derivative may change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import BY_NAME
from codegen_ad.ops.make import constant_value
from codegen_ad.plan.access import Point, Same, access, aligned
from codegen_ad.plan.kernel import Apply, Expr, Number
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope

Element = tuple[Node, Point]

_FREE = (0.0, 1.0, 2.0)
"""Literals, without their sign, that cost no product."""

_SMALLEST = 2.0**-64
"""Literals nearer to 0 may keep terms from overflowing, and their inverses from vanishing."""


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a sum: a literal times elements, or `element` itself if `factors` is empty."""

    element: Element
    literal: float
    factors: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """A literal, and terms that have it or twice it for a factor."""

    literal: float
    terms: Sequence[Term]


def shared_literals(
    p: Planner, scope: Scope, elements: Sequence[Element]
) -> tuple[list[Shared], list[Term]]:
    """The literals that terms of a sum of elements share, most terms first, and the other terms."""
    dtype = elements[0][0].array.dtype
    if not dtype.is_float or any(node.array.dtype is not dtype for node, _ in elements):
        return [], []
    terms = [term for element in elements for term in _terms(p, scope, element, 1.0)]
    found: list[Shared] = []
    while best := _most(terms):
        least = min(abs(t.literal) for t in best)
        sign = 1.0 if any(t.literal > 0 for t in best) else -1.0
        terms = [t for t in terms if t not in best]
        best.sort(key=lambda t: t.literal * sign < 0)  # so that no sum begins with a minus
        found.append(Shared(sign * least, best))
    return found, terms


def _most(terms: Sequence[Term]) -> list[Term]:
    best: list[Term] = []
    for base in terms:
        if base.factors and _is_worth_it(base.literal):
            found = [t for t in terms if t.factors and abs(t.literal / base.literal) in (1.0, 2.0)]
            best = found if len(found) > max(1, len(best)) else best
    return best


def written(p: Planner, scope: Scope, shared: Shared, literal: float) -> Expr:
    """The sum of the terms times a literal: that of all, with or without its sign."""
    dtype = shared.terms[0].element[0].array.dtype
    whole: Expr | None = None
    for term in shared.terms:
        ratio = term.literal / shared.literal
        part = product(p, scope, term, abs(ratio))
        whole = part if whole is None else plus(whole, part, ratio)
    assert whole is not None
    return Apply("multiply", (Number(str(literal), dtype), whole), dtype)


def added(p: Planner, scope: Scope, whole: Expr, term: Term) -> Expr:
    """A sum with one term more, which is taken away if its literal is negative."""
    return plus(whole, product(p, scope, term, abs(term.literal)), term.literal)


def plus(whole: Expr, part: Expr, sign: float) -> Expr:
    """A sum, or a difference if the sign is negative."""
    return Apply("subtract" if sign < 0 else "add", (whole, part), whole.dtype)


def product(p: Planner, scope: Scope, term: Term, literal: float) -> Expr:
    """The factors of a term, times a literal."""
    factors = [p.elements.value(scope, *element) for element in term.factors or (term.element,)]
    if literal != 1.0:
        factors.insert(0, Number(str(literal), factors[0].dtype))
    whole = factors[0]
    for factor in factors[1:]:
        whole = Apply("multiply", (whole, factor), whole.dtype)
    return whole


def _is_worth_it(literal: float) -> bool:
    return abs(literal) not in _FREE and _SMALLEST <= abs(literal) <= 1 / _SMALLEST


def _terms(p: Planner, scope: Scope, element: Element, sign: float) -> Iterator[Term]:
    """What is added up in an element of the gradient, with the signs as literals."""
    node, point = element
    if not _is_open(p, scope, element):
        yield Term(element, sign)
    elif node.op.kind is Kind.MOVEMENT and isinstance(moved := access(node, point), Same):
        yield from _terms(p, scope, (moved.node, moved.point), sign)
    elif node.op in (BY_NAME["add"], BY_NAME["subtract"]):
        left, right = node.args
        yield from _terms(p, scope, (left, aligned(left, point)), sign)
        turned = -sign if node.op is BY_NAME["subtract"] else sign
        yield from _terms(p, scope, (right, aligned(right, point)), turned)
    else:
        parts = _product(p, scope, element)
        literals = [v for node, _ in parts if (v := constant_value(node)) is not None]
        factors = tuple(e for e in parts if constant_value(e[0]) is None)
        if len(literals) == 1 and factors and float(literals[0]) != 0:
            yield Term(element, sign * float(literals[0]), factors)
        else:
            yield Term(element, sign)


def _product(p: Planner, scope: Scope, element: Element) -> list[Element]:
    """The factors of an element of the gradient, in order."""
    node, point = element
    if node.op is not BY_NAME["multiply"] or not _is_open(p, scope, element):
        return [element]
    return [e for a in node.args for e in _product(p, scope, (a, aligned(a, point)))]


def _is_open(p: Planner, scope: Scope, element: Element) -> bool:
    """Whether an element of the gradient has no name yet, and does not stand in memory."""
    node, point = element
    known = scope.value(node, point) is not None or scope.place(node, point) is not None
    return node in p.notes.gradients and not known
