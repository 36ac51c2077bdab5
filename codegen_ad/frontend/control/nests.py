"""Loops over what is itself made by loops: `itertools.product`, and iterators without an end.

A `for` loop over them is written as the loops that it stands for, which are then read like any.
What these bind has a name with a dot, which no name of the user's has.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING

from codegen_ad.frontend.values import Endless, Nested

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def for_(m: Machine, node: ast.For, iterable: Nested | Endless) -> None:
    """A `for` loop over what other loops give."""
    env, frame = m.frame.env, m.frame
    suffix = f"{node.lineno}_{node.col_offset}"
    if isinstance(iterable, Endless):
        statement, given = _endless(m, node, iterable, suffix)
    else:
        statement, given = _nested(node, iterable, suffix)
    for part in ast.walk(statement):
        if isinstance(part, ast.expr | ast.stmt) and not hasattr(part, "lineno"):
            ast.copy_location(part, node.iter)
    env |= given
    try:
        m.execute(m, [statement])
    finally:
        for name in [n for n in frame.env if n.endswith(f".{suffix}")]:
            frame.env.pop(name)


def _nested(node: ast.For, nested: Nested, suffix: str) -> tuple[ast.stmt, dict[str, object]]:
    """The loops one inside the other, and what their names stand for.

    What `break` leaves is all of them: an inner loop that ends by itself continues the outer one,
    which is left otherwise.
    """
    inner = [_renamed(g.target) for g in nested.generators]
    own = {t.id: f"{t.id[1:]}.{suffix}" for t in inner}
    own |= {n: f"{n[1:]}.{suffix}" for n in nested.names}
    breaks = jumps(node.body, ast.Break)
    item = _Rename(own).visit(copy.deepcopy(nested.item))
    body: list[ast.stmt] = [ast.Assign([node.target], item), *node.body]
    outermost = len(nested.generators) - 1
    for level, generator in enumerate(reversed(nested.generators)):
        given = _Rename(own).visit(copy.deepcopy(generator))
        for test in reversed(given.ifs):
            body = [ast.If(test, body, [])]
        loop = ast.For(given.target, given.iter, body, [])
        ast.copy_location(loop, node)
        if level < outermost:  # what tells loops apart is where they stand
            loop.lineno, loop.col_offset = node.iter.lineno, node.iter.col_offset + level
            loop.end_lineno, loop.end_col_offset = node.iter.end_lineno, node.iter.end_col_offset
            loop.orelse = [ast.Continue()] if breaks else []
            body = [loop, ast.Break()] if breaks else [loop]
        else:
            loop.orelse = node.orelse
            body = [loop]
    return body[0], {own[n]: v for n, v in zip(nested.names, nested.parts, strict=True)}


def _renamed(target: ast.expr) -> ast.Name:
    assert isinstance(target, ast.Name)
    return target


class _Rename(ast.NodeTransformer):
    """Give names of their own to what the loops bind."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Replace a name."""
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def _endless(
    m: Machine, node: ast.For, endless: Endless, suffix: str
) -> tuple[ast.stmt, dict[str, object]]:
    """`while True`, with the item in front."""
    if endless.cycle:
        with m.spot(node.iter):
            m.refuse(
                "A loop over `itertools.cycle` is not translated.",
                "Count, and pick the item by its position: `items[i % len(items)]`.",
            )
    name = f"count.{suffix}"
    step = ast.Name(f"step.{suffix}", ast.Load())
    body: list[ast.stmt] = [ast.Assign([node.target], ast.Name(name, ast.Load()))]
    if not (isinstance(endless.step, int) and endless.step == 0):
        body.append(ast.AugAssign(ast.Name(name, ast.Store()), ast.Add(), step))
    loop = ast.While(ast.Constant(value=True), [*body, *node.body], node.orelse)
    given = {name: endless.start, step.id: endless.step}
    return ast.copy_location(loop, node), given


def jumps(nodes: Iterable[ast.AST], *kinds: type[ast.stmt]) -> bool:
    """Whether statements hold a jump of these kinds for the loop that they are the body of."""
    for node in nodes:
        if isinstance(node, kinds):
            return True
        if isinstance(node, ast.expr | ast.FunctionDef):
            continue
        inner = node.orelse if isinstance(node, ast.For | ast.While) else ast.iter_child_nodes(node)
        if jumps(inner, *kinds):
            return True
    return False
