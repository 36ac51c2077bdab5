"""Comprehensions over what is known, and running sums over what is not."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from codegen_ad.frontend import binding, branches, iteration, loops
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.refusals import refuse_expression
from codegen_ad.frontend.values import (
    Frame,
)

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def running_sum(m: Machine, argument: ast.expr) -> Value:
    """`sum(term for x in xs)` over something of symbolic length, as the loop that it is."""
    if not isinstance(argument, ast.GeneratorExp) or len(argument.generators) != 1:
        return None
    (generator,) = argument.generators
    iterable = m.evaluate(m, generator.iter)
    if not iteration.is_data(iterable) or m.try_items(iterable) is not None:
        return None
    add = ast.AugAssign(ast.Name("%sum", ast.Store()), ast.Add(), argument.elt)
    body: ast.stmt = add
    for test in reversed(generator.ifs):
        body = ast.If(test, [body], [])
    loop = ast.For(generator.target, generator.iter, [body], [])
    for part in (add, add.target, body, loop):
        ast.copy_location(part, argument)
    outer = m.frame
    tree = ast.Lambda(ast.arguments([], [], None, [], [], None, []), argument.elt)
    frame = Frame(outer.name, outer.source, {"%sum": 0}, outer, path=outer.path, tree=tree)
    m.frames.append(frame)
    try:
        loops.for_(m, loop)
        return frame.env["%sum"]
    finally:
        m.frames.pop()


def generate(m: Machine, generators: Sequence[ast.comprehension]) -> Iterator[None]:
    """Run through a comprehension, its names bound in a frame of their own."""
    outer = m.frame
    frame = Frame(outer.name, outer.source, {}, outer, path=outer.path)
    m.frames.append(frame)
    try:
        yield from _nested(m, generators)
    finally:
        if frame in m.frames:  # gone where the elements raise
            m.frames.remove(frame)


def _nested(m: Machine, generators: Sequence[ast.comprehension]) -> Iterator[None]:
    if not generators:
        yield
        return
    first, *rest = generators
    if first.is_async:
        refuse_expression(m, m.spots[-1])
    with m.spot(first.iter):
        items = m.items(m.evaluate(m, first.iter), "iterable of a comprehension")
    for item in items:
        binding.bind(m, first.target, item)
        if all(branches.known(m, m.evaluate(m, test), "condition") for test in first.ifs):
            yield from _nested(m, rest)
