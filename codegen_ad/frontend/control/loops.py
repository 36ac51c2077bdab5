"""Loops: what a body changes is found by running it, until nothing new turns up.

A name or a storage that the body changes is carried: an input of the loop's body and a result of
the loop. A loop over a short literal sequence, or whose body needs the position as a number, is
unrolled. Where the first iteration finds a number and leaves an array, as in `total = total + x`
after `total = 0.0`, it is written out before the loop of the others.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, cast

from codegen_ad.frontend import binding
from codegen_ad.frontend.containers import iterators
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches, checks, iteration, nests
from codegen_ad.frontend.control.carrying import CarriedLoop, settle
from codegen_ad.frontend.control.rounds import Body
from codegen_ad.frontend.sizes import requirements
from codegen_ad.frontend.sizes.run_time import is_certain
from codegen_ad.frontend.values import (
    Array,
    DynamicRange,
    Endless,
    List,
    Nested,
    Range,
)
from codegen_ad.frontend.words import plain
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
    key = key_of(m, node)
    with m.spot(node.iter):
        given = m.evaluate(m, node.iter)
        iterable = iterators.drawn(m, given)
    if isinstance(iterable, Nested | Endless):
        nests.for_(m, node, iterable)
        return
    with m.spot(node.iter):
        items = m.try_items(iterable)
        rolled = iteration.is_data(m, iterable)
        if items is None and _is_empty(m, iterable):
            items = ()
    outer = enter(m)
    with _held(m, node, iterable):
        if items is not None and (not rolled or key in m.facts.unrolled or len(items) == 0):
            live = rolled or iterators.is_live(iterable)
            now = partial(m.try_items, iterable) if live else lambda: items
            _unrolled(m, node, now, given)
        else:
            _rolled(m, node, (given, iterable), key, None if items is None else len(items))
    leave(m, node.orelse, outer)


@contextmanager
def _held(m: Machine, node: ast.For, iterable: Value) -> Generator[None]:
    """Let what a loop runs over count as seen until its end: the body may bind its name anew."""
    name, env = f"%over_{node.lineno}_{node.col_offset}", m.frame.env
    env[name] = iterable
    try:
        yield
    finally:
        for held in (env, m.frame.env):
            held.pop(name, None)


def key_of(m: Machine, node: ast.For | ast.While) -> object:
    """What identifies a loop in every attempt at reading."""
    return (*(id(f.tree) for f in m.frames), node.lineno, node.col_offset)


def _is_empty(m: Machine, iterable: Value) -> bool:
    """Whether the signature says that there is nothing to run over."""
    if isinstance(iterable, DynamicRange):
        return False
    length = iteration.length_of(m, iterable)
    return not m.is_run_time(length) and requirements.is_empty(m, length, m.text())


def enter(m: Machine) -> dict[str, Value]:
    """Let no jump have happened yet in a loop; the jumps of the loop around come back."""
    env = m.frame.env
    env.setdefault("%return", False)
    outer = {f: env.get(f, False) for f in ("%break", "%continue")}
    env |= {"%break": False, "%continue": False}
    return outer


def leave(m: Machine, orelse: Sequence[ast.stmt], outer: dict[str, Value]) -> None:
    """Run the `else` clause unless the loop was left by `break`, which is over now.

    A jump in the clause belongs to the loop around.
    """
    broken = m.frame.env["%break"]
    m.frame.env |= outer
    if orelse and broken is not True:
        if isinstance(broken, Array):
            condition = make.apply(m.b, "logical_not", m.read(broken))
            branches.branch(m, condition, lambda: m.execute(m, orelse), lambda: None)
        else:
            m.execute(m, orelse)


def _unrolled(
    m: Machine,
    node: ast.For,
    items: Callable[[], Sequence[Value] | None],
    given: Value,
    place: int = 0,
) -> None:
    """One copy of the body for each item; jumps that depend on data guard the later copies.

    The items are asked for in each copy: those of an array are what it holds by then, and a list
    may have become longer or shorter.
    """
    while (found := items()) is not None and place < len(found):
        m.frame.env["%continue"] = False
        over = jumped(m)
        if over is True:
            return
        if isinstance(over, Node):
            _go_on(m, over, partial(_unrolled, m, node, items, given, place))
            return
        check = iterators.guard(m, given)
        binding.bind(m, node.target, found[place])
        m.execute(m, node.body)
        place += 1
        if place < len(found) and jumped(m) is not True and not isinstance(given, List):
            with m.spot(node.iter):
                check()


def _go_on(m: Machine, over: Node, rest: Callable[[], None]) -> None:
    """The iterations that are left, where the loop has not been left."""

    def run() -> None:
        m.frame.env |= {"%break": False, "%return": False}
        rest()

    branches.branch(m, make.apply(m.b, "logical_not", over), run, lambda: None)


def after_first(m: Machine, first: Callable[[], None], rest: Callable[[], None]) -> None:
    """The first iteration by itself, and the others unless it leaves the loop."""
    first()
    m.frame.env["%continue"] = False
    over = jumped(m)
    if isinstance(over, Node):
        _go_on(m, over, rest)
    elif not over:
        rest()


def jumped(m: Machine) -> bool | Node:
    """Whether a loop has been left."""
    found: Node | None = None
    for name in ("%return", "%break"):
        flag = m.frame.env.get(name, False)
        if flag is True:
            return True
        if isinstance(flag, Array):
            read = m.read(flag)
            found = read if found is None else make.apply(m.b, "logical_or", found, read)
    return False if found is None else found


def _rolled(
    m: Machine, node: ast.For, over: tuple[Value, Value], key: object, length: int | None
) -> None:
    """A loop of the program, after the first iteration if that is by itself.

    It goes `over` what was given, and what that goes through if it is an iterator.
    """
    if key not in m.facts.peeled:
        _loop(m, node, over, key, length, 0)
        return
    _, iterable = over

    def first() -> None:
        binding.bind(m, node.target, iteration.first_of(m, iterable))
        m.execute(m, node.body)

    with m.spot(node.iter):
        if isinstance(iterable, DynamicRange):
            one = make.constant(m.b, 1, DType.INT64)
            refuse_none(m, make.apply(m.b, "less", iteration.trip_of(m, iterable), one))
        else:
            items = iteration.length_of(m, iterable)
            if m.is_run_time(items):
                m.require(items, 1, m.text())
            else:
                _certain(m, items, node)()
    after_first(m, first, lambda: _loop(m, node, over, key, length, 1))


def refuse_none(m: Machine, none: Node) -> None:
    """Refuse to run where no iteration would."""
    checks.refuse_when(m, none, "ValueError", "this loop has to run at least once")


def _loop(
    m: Machine,
    node: ast.For,
    over: tuple[Value, Value],
    key: object,
    length: int | None,
    skipped: int,
) -> None:
    """The iterations but for the first `skipped` ones."""
    b, (given, iterable) = m.b, over
    trip_dim = None
    if isinstance(iterable, DynamicRange):
        trip = iteration.trip_of(m, iterable)
        if skipped:
            trip = make.subtract(b, trip, make.constant(b, skipped, DType.INT64))
        if checks.may_have_failed(m):
            trip = make.where(b, checks.passed(m), trip, make.constant(b, 0, DType.INT64))
        last = iteration.last_of(m, iterable)
        last = None if last is None else last - skipped
        if key in m.facts.counted:
            trip_dim = m.length(trip)
    else:
        trip_dim = iteration.length_of(m, iterable) - skipped
        trip = make.size(b, trip_dim)
        last = trip_dim - 1

    counted = isinstance(iterable, Range) and iterable.start == as_dim(0) and iterable.step == 1
    label = plain(node.target.id) if counted and isinstance(node.target, ast.Name) else "i"

    def inside(scope: Scope) -> Node:
        index = scope.input(label, ArrayType(DType.INT64))
        m.log.counters.add(index)
        m.run_time.positions[index] = last
        return index

    def body(index: Node | None) -> None:
        assert index is not None
        if skipped:
            index = make.add(b, index, make.constant(b, skipped, DType.INT64))
        with m.spot(node.iter):
            item = iteration.item_of(m, iterable, index)
        check = iterators.guard(m, given)
        binding.bind(m, node.target, item)
        m.execute(m, node.body)
        with m.spot(node.iter):
            check()

    certain = _certain(m, None if isinstance(iterable, DynamicRange) else trip_dim, node)
    most = iteration.most_of(m, iterable) if isinstance(iterable, DynamicRange) else None
    with m.rolling(key, length):
        loop = settle(m, Body(body, node, certain, inside, trip_dim, most))
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
            if m.is_run_time(dim):
                return is_certain(m, dim - 1)
            return m.holds(dim, 1, m.text())

    return ask
