"""Terms of a sum that have one number for a factor: the number times the sum of the rest.

What a sweep gathers for a derivative is mostly `d[i + 1] * c + d[i - 1] * c`, where `c` is the
same at all places. One product does. That may change the last digit of a derivative, never of a
value: only products of the gradient are taken apart. Terms whose sum is beyond
the largest number of their type give an infinite derivative, even if their factor is small.
Literals are looked for first (`literal_factors.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import BY_NAME, make
from codegen_ad.plan.access import Same, access, aligned
from codegen_ad.plan.kernel import Apply, Expr
from codegen_ad.plan.literal_factors import Element, added, plus, shared_literals, written
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope


@dataclass(slots=True)
class _Term:
    """Elements that are added up, and the number that multiplies their sum."""

    elements: list[Element]
    factor: Node | None = None
    products: list[Element] = field(default_factory=list[Element])


def total(p: Planner, scope: Scope, elements: Iterable[Element]) -> Expr:
    """The sum of elements, with one product for all those that a number multiplies."""
    elements = list(elements)
    shared, others = shared_literals(p, scope, elements)
    if not shared:
        return _by_number(p, scope, elements)
    plain = [t.element for t in others if not t.factors and t.literal > 0]
    whole = _by_number(p, scope, plain) if plain else None
    for group in sorted(shared, key=lambda s: s.literal < 0):  # the sum begins with no minus
        literal = group.literal if whole is None else abs(group.literal)
        part = written(p, scope, group, literal)
        whole = part if whole is None else plus(whole, part, group.literal)
    assert whole is not None
    for term in others:
        if term.factors or term.literal < 0:
            whole = added(p, scope, whole, term)
    return whole


def _by_number(p: Planner, scope: Scope, elements: Iterable[Element]) -> Expr:
    terms: list[_Term] = []
    by_factor: dict[Node, _Term] = {}
    for element in elements:
        parts = _parts(p, scope, element)
        if parts is None:
            terms.append(_Term([element]))
            continue
        rest, factor = parts
        if factor not in by_factor:
            by_factor[factor] = _Term([], factor)
            terms.append(by_factor[factor])
        by_factor[factor].elements.append(rest)
        by_factor[factor].products.append(element)
    return _sum([_written(p, scope, term) for term in terms])


def _written(p: Planner, scope: Scope, term: _Term) -> Expr:
    if term.factor is None or len(term.elements) == 1:
        node, point = (term.products or term.elements)[0]
        return p.elements.value(scope, node, point)
    rest = _sum([p.elements.value(scope, node, point) for node, point in term.elements])
    factor = p.elements.value(scope, term.factor, ())
    return Apply("multiply", (rest, factor), term.factor.array.dtype)


def _sum(terms: list[Expr]) -> Expr:
    whole = terms[0]
    for term in terms[1:]:
        whole = Apply("add", (whole, term), whole.dtype)
    return whole


def _parts(p: Planner, scope: Scope, element: Element) -> tuple[Element, Node] | None:
    """An element of an array and the number that it is multiplied by, if the product is no value.

    A product that is known by a name already, or stands in memory, is read.
    """
    node, point = element
    if scope.value(node, point) is not None or scope.place(node, point) is not None:
        return None
    if node.op.kind is Kind.MOVEMENT:
        moved = access(node, point)
        return _parts(p, scope, (moved.node, moved.point)) if isinstance(moved, Same) else None
    if node.op is not BY_NAME["multiply"] or node not in p.notes.gradients:
        return None
    operands = [(a, aligned(a, point)) for a in node.args]
    for (factor, place), (rest, there) in zip(operands, reversed(operands), strict=True):
        is_one_number = not place and there and make.constant_value(factor) is None
        if is_one_number and factor.array.dtype is rest.array.dtype is node.array.dtype:
            return (rest, there), factor
    return None
