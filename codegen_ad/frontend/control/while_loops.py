"""`while` loops: a condition on what is carried, asked before each run of the body.

A condition that changes something, or that checks data, becomes the first statement of the body of
`while True`. Where a list is as long as the text says and the body changes that, as in
`while stack: item = stack.pop()`, the iterations are written out.
"""

from __future__ import annotations

import ast
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from codegen_ad.frontend.control import branches, checks, nests
from codegen_ad.frontend.control.carrying import CarriedLoop, settle
from codegen_ad.frontend.control.loops import after_first, enter, jumped, key_of, leave, refuse_none
from codegen_ad.frontend.control.rounds import Body
from codegen_ad.frontend.sizes.symbolic import Restart
from codegen_ad.frontend.values import Array
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.node import Kind, Node, toposort
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.control import WHILE, While

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_HARMLESS = (
    Kind.INPUT, Kind.CONSTANT, Kind.SIZE, Kind.ELEMENTWISE, Kind.REDUCE, Kind.CONTRACT,
    Kind.MOVEMENT,
)  # fmt: skip
"""What raises nothing, whatever its numbers are."""

_MOST_COPIES = 128
"""So many iterations of a `while` loop may be written out."""


def while_(m: Machine, node: ast.While) -> None:
    """A `while` loop, after the first iteration if that is by itself."""
    key = key_of(m, node)
    node = m.facts.tested.get(key, node)
    outer = enter(m)
    if key in m.facts.unrolled and key in m.facts.certain:
        _written_out(m, node, key)
    elif key in m.facts.peeled:
        with m.spot(node.test):
            with _only_read(m, node, key):
                going = branches.decide(m, m.perhaps(m, node.test))
            if isinstance(going, Node):
                refuse_none(m, make.apply(m.b, "logical_not", going))
        if going is not False:
            after_first(m, lambda: m.execute(m, node.body), lambda: _while(m, node, key))
    else:
        _while(m, node, key)
    leave(m, node.orelse, outer)


def _written_out(m: Machine, node: ast.While, key: object) -> None:
    """One copy of the body for each iteration, where the condition is known before the run.

    Where it turns out not to be, or there are too many, reading starts again with a loop.
    """
    for _ in range(_MOST_COPIES):
        with m.spot(node.test):
            going = branches.decide(m, m.perhaps(m, node.test))
        if going is False:
            return
        m.frame.env["%continue"] = False
        if going is True:
            m.execute(m, node.body)
        over = jumped(m)
        if over is True:
            return
        if isinstance(going, Node) or isinstance(over, Node):
            break
    m.facts.certain.discard(key)
    raise Restart


def _while(m: Machine, node: ast.While, key: object) -> None:
    """A `while` loop of the program."""
    b = m.b
    saved = m.snapshot()
    with b.scope(), m.spot(node.test), _only_read(m, node, key):
        first = branches.decide(m, m.perhaps(m, node.test))
    m.restore(saved)
    if first is False:
        return
    if first is True and key not in m.facts.unrolled:
        m.facts.certain.add(key)
    endless = isinstance(node.test, ast.Constant)

    def body(_: Node | None) -> None:
        m.execute(m, node.body)

    with m.rolling(key, None):
        loop = settle(m, Body(body, node, lambda: first is True))
    inputs, outputs, captured = loop.close()
    condition = loop.test(lambda: _going_on(m, node, key, loop))
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


@contextmanager
def _only_read(m: Machine, node: ast.While, key: object) -> Generator[None]:
    """Read a condition that changes nothing; reading starts again with one that does inside.

    `while test: body` is then `while True`, with `if not test: break` before the body. The `else`
    clause runs before this `break`, which is the only one that it does not belong to.
    """
    store, shared = dict(m.store), [dict(frame.env) for frame in m.frames]
    yield
    names = any(isinstance(n, ast.NamedExpr) for n in ast.walk(node.test))
    held = any(m.store.get(cell) is not content for cell, content in store.items())
    bound = any(
        frame.env.get(name) is not value
        for frame, env in zip(m.frames, shared, strict=True)
        for name, value in env.items()
    )
    if not names and not held and not bound:
        return
    if nests.jumps(node.orelse, ast.Break, ast.Continue):
        m.refuse(
            "The condition of this loop changes something or checks data, and its `else` clause "
            "leaves or continues the loop around.",
            "Write `while True`, with the condition in an `if` inside.",
        )
    leave = ast.copy_location(ast.Break(), node.test)
    over = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
    test = ast.copy_location(ast.If(over, [*node.orelse, leave], []), node.test)
    true = ast.copy_location(ast.Constant(value=True), node.test)
    m.facts.tested[key] = ast.copy_location(ast.While(true, [test, *node.body], []), node)
    raise Restart


def _going_on(m: Machine, node: ast.While, key: object, loop: CarriedLoop) -> Node:
    """The loop's condition on what is carried: the test, unless the loop was left.

    A test that may raise, as `x[i] > 0` does where `i` has run out, is not asked once it was left.
    """
    b = m.b
    flags = [
        make.apply(b, "logical_not", m.read(cast("Array", m.frame.env[f]))) for f in loop.flags
    ]
    if checks.may_have_failed(m):
        flags.append(checks.passed(m))

    def test() -> bool | Node:
        return branches.decide(m, m.perhaps(m, node.test))

    saved = m.snapshot()
    with m.spot(node.test), _only_read(m, node, key), b.scope() as tried:
        found = test()
    m.restore(saved)
    with m.spot(node.test):
        if flags and isinstance(found, Node) and _may_raise(tried, found):
            return branches.guarded(m, _all(m, flags), test)
        found = test()
    if found is not True:
        flags.insert(0, found if isinstance(found, Node) else make.constant(b, found, DType.BOOL))
    if not flags:
        m.refuse("Nothing ends this loop.", "Add a `break` or a condition that changes.")
    return _all(m, flags)


def _all(m: Machine, conditions: Sequence[Node]) -> Node:
    first, *rest = conditions
    for condition in rest:
        first = make.apply(m.b, "logical_and", first, condition)
    return first


def _may_raise(scope: Scope, condition: Node) -> bool:
    """Whether something that was computed here may raise: a subscript, a factorization, a loop."""
    return any(scope.owns(n) and n.op.kind not in _HARMLESS for n in toposort((condition,)))
