"""Decisions: known ones pick a side now, others become branches whose sides are merged."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from codegen_ad.frontend import special_methods
from codegen_ad.frontend.arrays.arithmetic import compare_sizes
from codegen_ad.frontend.arrays.pointwise import truth
from codegen_ad.frontend.containers import rows
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks, maybe, sides
from codegen_ad.frontend.control.merging import ABSENT, Merge
from codegen_ad.frontend.values import (
    Array,
    Complex,
    List,
    Maybe,
    Outside,
    Record,
    Rows,
    Unbound,
)
from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def decide(m: Machine, value: Value) -> bool | Node:
    """The truth of a value: known now, or a boolean scalar."""
    match value:
        case Array():
            kind = m.type_of(value)
            if kind.shape:
                m.refuse(
                    f"An array ({kind}) has no single truth value.",
                    "Use np.where(mask, x, y), or mask.any(), or mask.all().",
                )
            return truth(m, value)
        case Dim():
            found = compare_sizes(m, operator.ne, value, ZERO)
            return truth(m, m.fresh(make.size(m.b, value))) if found is None else found
        case Unbound():
            m.unbound(value)
        case Maybe(inner, present):
            found = decide(m, inner)
            there = m.read(present)
            if isinstance(found, Node):
                return make.apply(m.b, "logical_and", there, found)
            return there if found else False
        case Outside():
            return bool(value.object)
        case Record():
            return decide(m, special_methods.truth(m, value))
        case Complex():
            real, imag = (m.node(part) for part in value)
            zero = make.zeros_like(m.b, real)
            nonzero = [make.apply(m.b, "not_equal", part, zero) for part in (real, imag)]
            return decide(m, m.fresh(make.apply(m.b, "logical_or", *nonzero)))
        case List(cell) if isinstance(m.store[cell], Rows):
            return decide(m, rows.length(m, m.store[cell]))
        case _:
            items = m.try_items(value)
            return bool(items) if items is not None else bool(value)


def truth_value(m: Machine, value: Value) -> Value:
    """The truth of a value, as a value."""
    found = decide(m, value)
    return m.fresh(found, weak=True) if isinstance(found, Node) else found


def keeps(m: Machine, value: Value) -> bool:
    """The truth of a value that says whether an item is kept, which must be known now."""
    found = decide(m, value)
    if isinstance(found, Node):
        m.unroll()
        m.refuse(
            "Which items are left depends on data.",
            "Go through an array of them, `for v in np.array([a, b])`, or write the loop with an "
            "`if` inside.",
        )
    return found


def negated(m: Machine, value: Value) -> Value:
    """`not value`."""
    found = decide(m, value)
    if isinstance(found, Node):
        return m.fresh(make.apply(m.b, "logical_not", found), weak=True)
    return not found


def _is_test(spots: Sequence[ast.expr | ast.stmt]) -> bool:
    """Whether only the truth of the expression in the last of these places is asked for."""
    node = spots[-1]
    around = next((s for s in reversed(spots) if s is not node), None)
    match around:
        case (
            ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test)
        ):
            return test is node
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.BoolOp():
            return _is_test(spots[: spots.index(around) + 1])
        case _:
            return False


def connective(m: Machine, values: Sequence[ast.expr], *, stop: bool) -> Value:
    """`a and b and …`, or with `stop` `a or b or …`; later parts are computed only if needed."""
    first, *rest = values
    value = m.perhaps(m, first)
    if not rest:
        return value
    with m.spot(first):
        found = decide(m, value)
    if not isinstance(found, Node):
        return value if found is stop else connective(m, rest, stop=stop)
    if isinstance(value, List) and _is_test(m.spots):
        value = m.fresh(found, weak=True)

    def later() -> None:
        m.frame.env["%chosen"] = connective(m, rest, stop=stop)

    def now() -> None:  # what is true is not None
        there = value.value if stop and isinstance(value, Maybe) else value
        m.frame.env["%chosen"] = there

    return _chosen(m, found, now, later) if stop else _chosen(m, found, later, now)


def conditional(m: Machine, test: ast.expr, body: ast.expr, orelse: ast.expr) -> Value:
    """`body if test else orelse`: only the side taken is computed."""
    value = m.perhaps(m, test)
    with m.spot(test):
        found = decide(m, value)
    if not isinstance(found, Node):
        return m.perhaps(m, body if found else orelse)

    def side(chosen: ast.expr) -> Callable[[], None]:
        def compute() -> None:
            m.frame.env["%chosen"] = m.perhaps(m, chosen)

        return compute

    return _chosen(m, found, side(body), side(orelse))


def _chosen(
    m: Machine, condition: Node, then: Callable[[], None], otherwise: Callable[[], None]
) -> Value:
    branch(m, condition, then, otherwise)
    value = m.frame.env.pop("%chosen")
    if isinstance(value, Unbound):
        m.unbound(replace(value, reason=value.reason.replace("`%chosen`", f"`{m.text()}`")))
    return value


def guarded(m: Machine, condition: Node, compute: Callable[[], bool | Node]) -> Node:
    """`condition and compute()`, which is computed only where the condition holds."""

    def later() -> None:
        found = compute()
        m.frame.env["%chosen"] = m.fresh(found, weak=True) if isinstance(found, Node) else found

    def now() -> None:
        m.frame.env["%chosen"] = False

    found = decide(m, _chosen(m, condition, later, now))
    assert isinstance(found, Node)
    return found


def chosen(m: Machine, condition: Node, one: Value, other: Value) -> Value:
    """One of two values that are there already, as a condition on data says."""

    def bound(value: Value) -> Callable[[], None]:
        def bind() -> None:
            m.frame.env["%chosen"] = value

        return bind

    return _chosen(m, condition, bound(one), bound(other))


def branch(
    m: Machine, condition: Node, then: Callable[[], None], otherwise: Callable[[], None]
) -> None:
    """Run both sides on copies of names and store; what they change becomes a branch's results.

    Where one side raises, the other one is all that goes on, and needs no branch.
    """
    first = sides.run(m, lambda _: maybe.knowing(m, condition, holds=True, run=then))
    if first.raised is not None:
        checks.join(m, condition, first)
        maybe.narrow(m, condition, holds=False)
        otherwise()
        return
    second = sides.run(m, lambda _: maybe.knowing(m, condition, holds=False, run=otherwise))
    if second.raised is not None:
        checks.join(m, make.apply(m.b, "logical_not", condition), second)
        maybe.narrow(m, condition, holds=True)
        then()
        return
    merge = Merge(m, first, second, condition, outer=set(m.store))
    names = dict.fromkeys([*m.frame.env, *first.env, *second.env])
    env = {name: merge.name(name) for name in names}
    for cell in list(m.store):
        merge.held(cell)
    for side in (first, second):
        for cell, partners in side.tangled.items():
            m.tangled.setdefault(cell, {}).update(partners)
    merge.finish()
    m.frame.env = {k: v for k, v in env.items() if v is not ABSENT}
    for name, value in m.frame.env.items():
        if isinstance(value, Array) and not name.startswith("%") and value.cell in merge.made:
            m.b.notes.names.setdefault(m.store[value.cell], name)
