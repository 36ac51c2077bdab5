"""Loops: what a body changes is found by running it, until nothing new turns up.

A name or a storage that the body changes is carried: an input of the loop's body and a result of
the loop. A loop over a short literal sequence, or whose body needs the position as a number, is
unrolled.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from codegen_ad.frontend import binding, branches, checks, iteration
from codegen_ad.frontend.carrying import CarriedLoop, settle
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.rounds import Body
from codegen_ad.frontend.values import (
    Array,
    DynamicRange,
    Range,
)
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.dims import as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops import make
from codegen_ad.ops.control import LOOP, WHILE, Loop, While

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def for_(m: Machine, node: ast.For) -> None:
    """A `for` loop."""
    iterable = m.evaluate(m, node.iter)
    key = (*(id(f.tree) for f in m.frames), node.lineno, node.col_offset)
    with m.spot(node.iter):
        items = m.try_items(iterable)
        rolled = iteration.is_data(m, iterable)
    outer = _enter(m)
    if items is not None and (not rolled or key in m.facts.unrolled or len(items) == 0):
        _unrolled(m, node, items)
    else:
        _rolled(m, node, iterable, key, None if items is None else len(items))
    _leave(m, node.orelse, outer)


def _enter(m: Machine) -> dict[str, Value]:
    env = m.frame.env
    env.setdefault("%return", False)
    outer = {f: env.get(f, False) for f in ("%break", "%continue")}
    env |= {"%break": False, "%continue": False}
    return outer


def _leave(m: Machine, orelse: Sequence[ast.stmt], outer: dict[str, Value]) -> None:
    """Run the `else` clause unless the loop was left by `break`, which is over now."""
    broken = m.frame.env["%break"]
    m.frame.env |= {"%break": False, "%continue": False}
    if orelse and broken is not True:
        if isinstance(broken, Array):
            condition = make.apply(m.b, "logical_not", m.read(broken))
            branches.branch(m, condition, lambda: m.execute(m, orelse), lambda: None)
        else:
            m.execute(m, orelse)
    m.frame.env |= outer


def _unrolled(m: Machine, node: ast.For, items: Sequence[Value]) -> None:
    """One copy of the body for each item; jumps that depend on data guard the later copies."""
    for place, item in enumerate(items):
        m.frame.env["%continue"] = False
        jumped = _jumped(m)
        if jumped is True:
            return
        if isinstance(jumped, Node):
            going_on = make.apply(m.b, "logical_not", jumped)
            rest = items[place:]
            branches.branch(m, going_on, lambda rest=rest: _go_on(m, node, rest), lambda: None)
            return
        binding.bind(m, node.target, item)
        m.execute(m, node.body)


def _go_on(m: Machine, node: ast.For, rest: Sequence[Value]) -> None:
    m.frame.env |= {"%break": False, "%return": False}
    _unrolled(m, node, rest)


def _jumped(m: Machine) -> bool | Node:
    found: Node | None = None
    for name in ("%return", "%break"):
        flag = m.frame.env.get(name, False)
        if flag is True:
            return True
        if isinstance(flag, Array):
            read = m.read(flag)
            found = read if found is None else make.apply(m.b, "logical_or", found, read)
    return False if found is None else found


def _rolled(m: Machine, node: ast.For, iterable: Value, key: object, length: int | None) -> None:
    b = m.b
    trip_dim = None if isinstance(iterable, DynamicRange) else iteration.length_of(m, iterable)
    trip = iteration.trip_of(m, iterable) if trip_dim is None else make.size(b, trip_dim)
    if trip_dim is None and checks.may_have_failed(m):
        trip = make.where(b, checks.passed(m), trip, make.constant(b, 0, DType.INT64))

    last = iteration.last_of(m, iterable) if trip_dim is None else trip_dim - 1
    counted = isinstance(iterable, Range) and iterable.start == as_dim(0) and iterable.step == 1
    label = node.target.id if counted and isinstance(node.target, ast.Name) else "i"

    def enter(scope: Scope) -> Node:
        index = scope.input(label, ArrayType(DType.INT64))
        m.log.counters.add(index)
        m.run_time.positions[index] = last
        return index

    def body(index: Node | None) -> None:
        assert index is not None
        with m.spot(node.iter):
            item = iteration.item_of(m, iterable, index)
        binding.bind(m, node.target, item)
        m.execute(m, node.body)

    with m.rolling(key, length):
        loop = settle(m, Body(body, node, _certain(m, trip_dim, node), enter, trip_dim))
    if not loop.flags:
        inputs, outputs, captured = loop.close()
        with b.at(None):
            region = b.enclose(inputs, outputs, captured)
        size = trip_dim if trip_dim is not None else m.fresh_symbol()
        made = b.node(
            LOOP, (trip, *loop.initial, *captured), Loop(len(loop.initial), 0, size, region)
        )
        loop.finish(b.results(made))
        return
    _counted_while(m, loop, trip)


def _counted_while(m: Machine, loop: CarriedLoop, trip: Node) -> None:
    """A `for` loop that may be left early: a `while` with a counter."""
    b = m.b
    inputs, outputs, captured = loop.close()
    counter = inputs[0]
    with b.scope() as scope:
        i = scope.input("i", counter.array)
        states = [scope.input(str(b.notes.names.get(n, "state")), n.array) for n in inputs[1:]]
        going = make.apply(b, "less", i, trip)
        for flag in loop.flags:
            stopped = states[loop.place(flag)]
            going = make.apply(b, "logical_and", going, make.apply(b, "logical_not", stopped))
    ones, more = scope.close([going])
    outer = list(dict.fromkeys([*captured, *more]))
    with b.at(None):
        step = make.add(b, counter, make.constant(b, 1, DType.INT64))
        cond = b.enclose(scope.inputs, ones, outer)
        region = b.enclose(inputs, [step, *outputs], outer)
    zero = make.constant(b, 0, DType.INT64)
    params = While(1 + len(loop.initial), 0, m.fresh_symbol(), cond, region)
    made = b.node(WHILE, (zero, *loop.initial, *outer), params)
    loop.finish(b.results(made)[1 : 1 + len(loop.initial)])


def _certain(m: Machine, trip: object, node: ast.For) -> Callable[[], bool]:
    """Whether the body runs at least once; asked only where it matters."""

    def ask() -> bool:
        if trip is None:
            return False
        dim = as_dim(cast("int", trip))
        if dim.is_constant:
            return dim.value > 0
        with m.spot(node.iter):
            m.require(dim, 1, m.text())
        return True

    return ask


def while_(m: Machine, node: ast.While) -> None:
    """A `while` loop."""
    b = m.b
    outer = _enter(m)
    saved = m.snapshot()
    with b.scope(), m.spot(node.test), checks.none_in(m, "the condition of a loop"):
        first = branches.decide(m, m.evaluate(m, node.test))
    m.restore(saved)
    if first is False:
        _leave(m, node.orelse, outer)
        return
    endless = isinstance(node.test, ast.Constant)

    def body(_: Node | None) -> None:
        if any(isinstance(n, ast.NamedExpr) for n in ast.walk(node.test)):
            m.evaluate(m, node.test)
        m.execute(m, node.body)

    with m.rolling(node, None):
        loop = settle(m, Body(body, node, lambda: first is True))
    inputs, outputs, captured = loop.close()
    condition = loop.test(lambda: _going_on(m, node.test, loop))
    ones, more = condition.scope.close([condition.node])
    both = list(dict.fromkeys([*captured, *more]))
    with b.at(None):
        cond = b.enclose(condition.scope.inputs, ones, both)
        region = b.enclose(inputs, outputs, both)
    params = While(len(loop.initial), 0, m.fresh_symbol(), cond, region)
    made = b.node(WHILE, (*loop.initial, *both), params)
    loop.finish(b.results(made)[: len(loop.initial)])
    if endless and not isinstance(m.frame.env.get("%break"), Array):
        # The only way out of `while True` is a return.
        if "%return" not in loop.flags:
            m.refuse("Nothing ends this loop.", "Add a `break` or a condition.")
        m.frame.env["%return"] = True
    _leave(m, node.orelse, outer)


def _going_on(m: Machine, test: ast.expr, loop: CarriedLoop) -> Node:
    """The loop's condition on what is carried: the test, unless the loop was left."""
    b = m.b
    flags = [
        make.apply(b, "logical_not", m.read(cast("Array", m.frame.env[f]))) for f in loop.flags
    ]
    with m.spot(test):
        found = branches.decide(m, m.evaluate(m, test))
    if found is not True:
        flags.insert(0, found if isinstance(found, Node) else make.constant(b, found, DType.BOOL))
    if checks.may_have_failed(m):
        flags.append(checks.passed(m))
    if not flags:
        m.refuse("Nothing ends this loop.", "Add a `break` or a condition that changes.")
    going = flags[0]
    for flag in flags[1:]:
        going = make.apply(b, "logical_and", going, flag)
    return going
