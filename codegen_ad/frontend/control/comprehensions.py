"""Comprehensions over what is known, and running sums over what is not."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from codegen_ad.errors import UnsupportedSyntax
from codegen_ad.frontend import binding
from codegen_ad.frontend.calls import outer as nonlocals
from codegen_ad.frontend.containers import iterators
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches, iteration, loops
from codegen_ad.frontend.refusals import refuse_expression
from codegen_ad.frontend.sizes.symbolic import Restart
from codegen_ad.frontend.values import Array, Frame, Nested, Once, Outside, Picked

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


Comprehension = ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp


def outermost(m: Machine, node: Comprehension) -> Value:
    """What the first `for` goes through, which is asked for once, where the comprehension is."""
    with m.spot(node.generators[0].iter):
        return m.evaluate(m, node.generators[0].iter)


def running_sum(m: Machine, argument: ast.GeneratorExp | ast.ListComp, given: Value) -> Value:
    """`sum(term for x in xs)` over something of symbolic length, as the loop that it is."""
    picks = any(g.ifs for g in argument.generators)
    iterable = _long(m, argument.generators, given, over_data=picks)
    if iterable is None:
        return None
    add = ast.AugAssign(ast.Name("%sum", ast.Store()), ast.Add(), argument.elt)
    return _loop(m, argument, argument.generators, iterable, add, "%sum", 0)


def listed(m: Machine, node: ast.ListComp | ast.GeneratorExp, given: Value) -> Value | None:
    """A comprehension over something of symbolic length: the loop that appends; None of others.

    Where conditions depend on data, those of all items are computed first. Elements are made of the
    items for which they hold.
    """
    key = ("picked", id(node))
    first, *others = node.generators
    pickable = bool(first.ifs) and not others and not _binds(first.ifs)
    iterable = _long(m, node.generators, given, known=key in m.facts.picked)
    if iterable is not None and key in m.facts.picked:
        changed = iterators.watch(m)
        kept = picked(m, iterable, _all(first), first.target, first.ifs[0])
        found = _listed(m, node, kept, [])
        if changed():
            m.refuse(
                "The conditions of this comprehension are computed before its items here, and one "
                "of them changes something.",
                "Write the `for` loop, with an `if` inside.",
            )
        return found
    try:
        if iterable is not None:
            return _listed(m, node, iterable, first.ifs)
        if pickable:
            found = [m.evaluate(m, node.elt) for _ in generate(m, node, given)]
            return tuple(found) if isinstance(node, ast.GeneratorExp) else m.list_of(found)
    except UnsupportedSyntax:
        if not pickable or not _goes_through_data(m, given):
            raise
        m.facts.picked.add(key)
        raise Restart from None
    return None


def _listed(
    m: Machine, node: ast.ListComp | ast.GeneratorExp, iterable: Value, ifs: list[ast.expr]
) -> Value:
    append = ast.Attribute(ast.Name("%items", ast.Load()), "append", ast.Load())
    add = ast.Expr(ast.Call(append, [node.elt], []))
    first, *others = node.generators
    first = ast.comprehension(first.target, first.iter, ifs, first.is_async)
    return _loop(m, node, [first, *others], iterable, add, "%items", m.list_of([]))


def picked(
    m: Machine,
    iterable: Value,
    test: ast.expr,
    target: ast.expr,
    place: ast.expr | None = None,
    given: dict[str, Value] | None = None,
) -> Picked:
    """The items of which a test holds, that names them `target`; `place` is where it stands."""
    append = ast.Attribute(ast.Name("%items", ast.Load()), "append", ast.Load())
    truth = ast.Call(ast.Name("%bool", ast.Load()), [test], [])
    add = ast.Expr(ast.Call(append, [truth], []))
    loop = ast.For(target, ast.Name("%iterable", ast.Load()), [add], [])
    env = {"%items": m.list_of([]), "%bool": Outside(bool, ()), **(given or {})}
    found = _run(m, loop, iterable, "%items", env, place)
    (places,) = m.places(m.node(found, "condition"))
    return Picked(iterable, m.fresh(places))


def filtered(m: Machine, function: Value, iterable: Value) -> Value:
    """`filter(function, iterable)` where what is kept depends on data: a list."""
    item = ast.Name("item", ast.Load())
    test: ast.expr = item
    if function is not None:
        test = ast.Call(ast.Name("%function", ast.Load()), [item], [])
    target = ast.Name("item", ast.Store())
    kept = picked(m, iterable, test, target, given={"%function": function})
    return mapped(m, Outside(operator.pos, ()), kept)


def _all(generator: ast.comprehension) -> ast.expr:
    """The conditions of a generator as one."""
    tests = generator.ifs
    if len(tests) == 1:
        return tests[0]
    return ast.copy_location(ast.BoolOp(ast.And(), list(tests)), tests[0])


def _binds(nodes: Sequence[ast.AST]) -> bool:
    return any(isinstance(part, ast.NamedExpr) for node in nodes for part in ast.walk(node))


def _goes_through_data(m: Machine, given: Value) -> bool:
    iterable = given.of if isinstance(given, Once) else given
    return iteration.is_data(m, iterable) and not isinstance(iterable, Nested)


def _long(
    m: Machine,
    generators: Sequence[ast.comprehension],
    given: Value,
    *,
    over_data: bool = False,
    known: bool = False,
) -> Value | None:
    """What the first `for` goes through: of symbolic length, or with `over_data` any array.

    With `known`, its length may be known too.
    """
    first = generators[0]
    if first.is_async:
        refuse_expression(m, m.spots[-1])
    iterable = given.of if isinstance(given, Once) else given
    with m.spot(first.iter):
        long = iteration.is_data(m, iterable) and (known or m.try_items(iterable) is None)
        long = long or (over_data and isinstance(iterable, Array))
        return iterators.drawn(m, given) if long else None


def _loop(
    m: Machine,
    node: ast.GeneratorExp | ast.ListComp,
    generators: Sequence[ast.comprehension],
    iterable: Value,
    inner: ast.stmt,
    name: str,
    start: Value,
) -> Value:
    """What a name holds after the comprehension, run as loops around one statement."""
    body = inner
    for place, generator in reversed(list(enumerate(generators))):
        for test in reversed(generator.ifs):
            body = ast.If(test, [body], [])
        around = generator.iter if place else ast.Name("%iterable", ast.Load())
        ast.copy_location(around, generator.iter)
        body = ast.For(generator.target, around, [body], [])
    assert isinstance(body, ast.For)
    return _run(m, body, iterable, name, {name: start}, node.elt)


def _run(
    m: Machine,
    loop: ast.For,
    iterable: Value,
    name: str,
    env: dict[str, Value],
    item: ast.expr | None = None,
) -> Value:
    """What a name holds after a loop, in a frame of its own, that stands for an expression."""
    for part in ast.walk(loop):
        if not hasattr(part, "lineno"):
            ast.copy_location(part, m.spots[-1])
    outer = m.frame
    tree = ast.Lambda(ast.arguments([], [], None, [], [], None, []), item or ast.Constant(None))
    tree = m.facts.trees.setdefault(("loop of", id(item or m.spots[-1])), tree)
    env = {**env, "%iterable": iterable}
    frame = Frame(outer.name, outer.source, env, outer, path=outer.path, tree=tree)
    _share(frame, outer, loop)
    m.frames.append(frame)
    try:
        loops.for_(m, loop)
        nonlocals.give_back(m, frame)
        return frame.env[name]
    finally:
        m.frames.remove(frame)


def _share(frame: Frame, outer: Frame, node: ast.AST) -> None:
    """Let what `:=` binds in a comprehension be names of the function around it."""
    for part in ast.walk(node):
        if isinstance(part, ast.NamedExpr):
            name = part.target.id
            frame.shared[name] = outer
            if name in outer.env:
                frame.env[name] = outer.env[name]


def mapped(m: Machine, function: Value, iterable: Value, *, starred: bool = False) -> Value:
    """`map(function, iterable)` over something of symbolic length: a list of the results.

    What is `starred` gives tuples of arguments.
    """
    item: ast.expr = ast.Name("item", ast.Load())
    item = ast.Starred(item, ast.Load()) if starred else item
    call = ast.Call(ast.Name("%function", ast.Load()), [item], [])
    append = ast.Attribute(ast.Name("items", ast.Load()), "append", ast.Load())
    add = ast.Expr(ast.Call(append, [call], []))
    env = {"%function": function, "items": m.list_of([])}
    return _run(m, _over("item", add), iterable, "items", env)


def reduced(m: Machine, function: Value, iterable: Value, start: Value) -> Value:
    """`functools.reduce(function, iterable, start)` over something of symbolic length."""
    names = [ast.Name("total", ast.Load()), ast.Name("item", ast.Load())]
    call = ast.Call(ast.Name("%function", ast.Load()), [*names], [])
    step = ast.Assign([ast.Name("total", ast.Store())], call)
    env = {"%function": function, "total": start}
    return _run(m, _over("item", step), iterable, "total", env)


def _over(item: str, step: ast.stmt) -> ast.For:
    return ast.For(ast.Name(item, ast.Store()), ast.Name("%iterable", ast.Load()), [step], [])


def generate(m: Machine, node: Comprehension, given: Value) -> Iterator[None]:
    """Run through a comprehension over what is `given`, its names bound in a frame of their own."""
    outer = m.frame
    frame = Frame(outer.name, outer.source, {}, outer, path=outer.path)
    _share(frame, outer, node)
    m.frames.append(frame)
    try:
        yield from _nested(m, node.generators, given)
        nonlocals.give_back(m, frame)
    finally:
        if frame in m.frames:  # gone where the elements raise
            m.frames.remove(frame)


def _nested(m: Machine, generators: Sequence[ast.comprehension], given: Value) -> Iterator[None]:
    first, *rest = generators
    if first.is_async:
        refuse_expression(m, m.spots[-1])
    with m.spot(first.iter):
        iterable = iterators.drawn(m, given)
        items = m.items(iterable, "iterable of a comprehension")
    for place, item in enumerate(items):
        if iterators.is_live(iterable):
            item = m.items(iterable)[place]
        check = iterators.guard(m, given)
        binding.bind(m, first.target, item)
        if not all(_keeps(m, test) for test in first.ifs):
            continue
        if rest:
            yield from _nested(m, rest, m.evaluate(m, rest[0].iter))
        else:
            yield
        with m.spot(first.iter):
            check()


def _keeps(m: Machine, test: ast.expr) -> bool:
    with m.spot(test):
        return branches.keeps(m, m.evaluate(m, test))
