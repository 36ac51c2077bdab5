"""Statements, one after another; jumps are flags that the rest of a block asks for."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.errors import CodegenError, UnsupportedSyntax
from codegen_ad.frontend import binding
from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.calls import generators, outer
from codegen_ad.frontend.calls.ignored import text_of_data, with_
from codegen_ad.frontend.calls.imports import import_modules, import_parts
from codegen_ad.frontend.containers import iterators
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches, checks, comparisons, loops, maybe, while_loops
from codegen_ad.frontend.control.matching import as_conditions
from codegen_ad.frontend.expressions import closure
from codegen_ad.frontend.refusals import refuse_statement
from codegen_ad.frontend.values import Array, Dict, List, Record, Unbound
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import BroadcastError
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

JUMPS = ("%return", "%break", "%continue")


def execute(m: Machine, statements: Sequence[ast.stmt]) -> None:
    """Run a block: up to its end, or to where every path has jumped away."""
    for place, statement in enumerate(statements):
        jumped = jump(m)
        if jumped is True:
            return
        if isinstance(jumped, Node):
            rest = statements[place:]
            going_on = make.apply(m.b, "logical_not", jumped)
            branches.branch(m, going_on, lambda rest=rest: _go_on(m, rest), lambda: gone(m, JUMPS))
            return
        with m.spot(statement), m.b.at(m.origin(statement)):
            try:
                over = _statement(m, statement, statements[place + 1 :])
            except BroadcastError as error:
                m.equate(error.first, error.second, m.text(_head(statement)))
                raise
            if over:
                return


def _head(statement: ast.stmt) -> ast.AST:
    """What names a statement in a message: its test or iterable where it has a body."""
    return getattr(statement, "test", None) or getattr(statement, "iter", None) or statement


def _go_on(m: Machine, rest: Sequence[ast.stmt]) -> None:
    """Run statements where no jump has been taken."""
    m.frame.env |= dict.fromkeys(JUMPS, False)
    execute(m, rest)


def gone(m: Machine, names: Sequence[str]) -> None:
    """Where a jump has been taken and there is one kind only, it is known which."""
    dynamic = [name for name in names if isinstance(m.frame.env.get(name), Array)]
    if len(dynamic) == 1:
        m.frame.env[dynamic[0]] = True


def jump(m: Machine) -> bool | Node:
    """Whether a `return`, `break` or `continue` has been reached."""
    found: Node | None = None
    for name in JUMPS:
        flag = m.frame.env.get(name, False)
        if flag is True:
            return True
        if isinstance(flag, Array):
            node = m.read(flag)
            found = node if found is None else make.apply(m.b, "logical_or", found, node)
    return False if found is None else found


def _statement(m: Machine, node: ast.stmt, rest: Sequence[ast.stmt]) -> bool:
    """Run one statement; True if it has run `rest` too."""
    match node:
        case ast.Assign(targets=targets, value=value):
            names = all(isinstance(target, ast.Name) for target in targets)
            read = m.perhaps if names else m.evaluate
            found = _text(m, value) if text_of_data(value) else read(m, value)
            for target in targets:
                binding.bind(m, target, found)
        case ast.AugAssign():
            binding.augment(m, node)
        case ast.AnnAssign(target=target, value=value):
            if value is not None:
                binding.bind(m, target, m.evaluate(m, value))
        case ast.Expr(value=ast.Yield() | ast.YieldFrom() as value) if "%items" in m.frame.env:
            generators.give(m, value)
        case ast.Expr(value=value):
            if not isinstance(value, ast.Constant):
                iterators.check_kept(m, m.evaluate(m, value))
        case ast.If():
            return _if(m, node, rest)
        case ast.For():
            loops.for_(m, node)
        case ast.While():
            while_loops.while_(m, node)
        case ast.Return(value=value):
            found = None if value is None else m.perhaps(m, value)
            _read_all(m, found)
            m.frame.env |= {"%value": found, "%return": True}
        case ast.Break():
            m.frame.env["%break"] = True
        case ast.Continue():
            m.frame.env["%continue"] = True
        case ast.Pass():
            pass
        case ast.With(body=body) if with_(m, node):
            execute(m, [*body, *rest])
            return True
        case ast.Match(subject=subject):
            name = f"%match_{node.lineno}"
            m.frame.env[name] = m.perhaps(m, subject)
            with m.spot(subject):
                conditions = as_conditions(m, node, name)
            execute(m, [*conditions, *rest])
            m.frame.env.pop(name, None)
            return True
        case ast.Import():
            import_modules(m, node)
        case ast.ImportFrom():
            import_parts(m, node)
        case ast.Nonlocal(names=names):
            for name in names:
                outer.share(m, name)
        case ast.FunctionDef(name=name, args=args, decorator_list=decorators):
            if decorators:
                m.refuse(
                    "A decorator on an inner function is not translated.",
                    "Define the decorated function outside.",
                )
            m.frame.env[name] = closure(m, name, node, args)
        case ast.Assert(test=test, msg=message):
            _assert(m, test, message)
        case ast.Raise(exc=error):
            _raise(m, error)
        case ast.Delete(targets=targets):
            for target in targets:
                binding.delete(m, target)
        case _:
            refuse_statement(m, node)
    return False


def _text(m: Machine, node: ast.expr) -> Value:
    """A text, which must not be used where it shows numbers that only the run knows."""
    try:
        return m.evaluate(m, node)
    except CodegenError as error:
        if not isinstance(error, UnsupportedSyntax):
            raise
        shown = error.message.splitlines()
        return Unbound(shown[0], instead="\n".join(shown[1:]))


def _if(m: Machine, node: ast.If, rest: Sequence[ast.stmt]) -> bool:
    value = m.perhaps(m, node.test)
    with m.spot(node.test):
        condition = branches.decide(m, value)
    if not isinstance(condition, Node):
        execute(m, node.body if condition else node.orelse)
        return False
    leaves = [_always_jumps(node.body), _always_jumps(node.orelse)]
    whole = any(leaves)

    def side(body: Sequence[ast.stmt], *, go_on: bool) -> None:
        execute(m, [*body, *rest] if go_on else body)

    branches.branch(
        m,
        condition,
        lambda: side(node.body, go_on=whole and not leaves[0]),
        lambda: side(node.orelse, go_on=whole and not leaves[1]),
    )
    return whole


def _always_jumps(body: Sequence[ast.stmt]) -> bool:
    """Whether a block cannot fall through: then what follows belongs to the other side."""
    if not body:
        return False
    match body[-1]:
        case ast.Return() | ast.Break() | ast.Continue() | ast.Raise():
            return True
        case ast.If(body=then, orelse=otherwise):
            return _always_jumps(then) and _always_jumps(otherwise)
        case _:
            return False


def _read_all(m: Machine, value: Value) -> None:
    """Read what is returned here, so that it has the line of the `return`."""
    if isinstance(value, Array):
        m.read(value)
    elif isinstance(value, tuple | List | Dict | Record):
        for part in data.parts_of(m, cast("Value", value)):
            _read_all(m, part)


def _assert(m: Machine, test: ast.expr, message: ast.expr | None) -> None:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for part in test.values:
            _assert(m, part, message)
        return
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, right = comparisons.operands(m, test)
        if not m.b.in_region and _assert_sizes(m, test, left, right):
            return
        value = comparisons.compare(m, test.ops[0], left, right)
    else:
        value = m.perhaps(m, test)
    with m.spot(test):
        found = branches.decide(m, value)
        if isinstance(found, Node):
            checks.require(m, found, message)
            maybe.narrow(m, found, holds=True)
        elif not found and m.b.in_region:
            checks.fails(m, "AssertionError", checks.message_of(m, message))
        elif not found:
            text = "" if message is None else f": {m.static(m.evaluate(m, message), 'message')}"
            m.refuse(
                f"This `assert` fails for these arguments{text}.",
                "Call it with arguments for which it holds.",
            )


def _assert_sizes(m: Machine, test: ast.Compare, left: Value, right: Value) -> bool:
    """Whether the assertion is about sizes: then it is a requirement, checked when called."""
    pairs = [_size_items(m, left), _size_items(m, right)]
    if len(pairs[0]) != len(pairs[1]):
        return False
    flat = [*pairs[0], *pairs[1]]
    if not all(isinstance(s, Dim | int) for s in flat) or not any(isinstance(s, Dim) for s in flat):
        return False
    with m.spot(test):
        for one, other in zip(pairs[0], pairs[1], strict=True):
            a, b = m.dim(one, "size"), m.dim(other, "size")
            match test.ops[0]:
                case ast.Eq():
                    m.equate(a, b, f"assert {m.text()}")
                case ast.GtE():
                    m.require(a, b, f"assert {m.text()}")
                case ast.Gt():
                    m.require(a, b + 1, f"assert {m.text()}")
                case ast.LtE():
                    m.require(b, a, f"assert {m.text()}")
                case ast.Lt():
                    m.require(b, a + 1, f"assert {m.text()}")
                case _:
                    return False
    return True


def _size_items(m: Machine, value: Any) -> list[Any]:
    return m.items(cast("Value", value)) if type(value) is tuple else [value]


def _raise(m: Machine, error: ast.expr | None) -> None:
    if m.b.in_region:
        checks.raise_(m, error)
    shown = "" if error is None else f": {m.text(error)}"
    m.refuse(
        f"The function raises an exception for these arguments{shown}.",
        "Call it with arguments that it accepts.",
    )


def result(m: Machine) -> Value:
    """What the frame's function returned."""
    env = m.frame.env
    returned = env.get("%return", False)
    if returned is False:
        return None
    if returned is not True:
        m.refuse(
            f"`{m.frame.name}` returns a value on some paths only, depending on data.",
            "Return a value on every path.",
            UnsupportedSyntax,
        )
    value = env["%value"]
    if isinstance(value, Unbound):
        reason = value.reason.replace("`%value`", "What is returned")
        m.unbound(replace(value, reason=reason))
    return value
