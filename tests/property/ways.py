"""The dtype of a function's result over all the ways that it may take, as NumPy finds them.

A kernel's result has one dtype, that which NumPy's have on all ways together: the ways are taken by
chance, whatever the conditions say, and those that fail are none.
"""

from __future__ import annotations

import ast
import contextlib
import random
from collections.abc import Callable
from typing import Any, cast

import numpy as np

MOST = 3
"""Trips of a `while` whose condition nobody asks."""


class _Chance(ast.NodeTransformer):
    """Conditions become calls of `way`, and the least and the largest of several numbers any."""

    def visit(self, node: ast.AST) -> Any:
        self.generic_visit(node)
        match node:
            case ast.If() | ast.IfExp():
                node.test = _call("way", node.test)
            case ast.While():
                node.test = _call("again", node.test, ast.Constant(node.lineno))
            case ast.comprehension():
                node.ifs = [_call("way", test) for test in node.ifs]
            case ast.Call(func=ast.Name("min" | "max"), args=[_, _, *_]):
                node.func = ast.Name("any_of", ast.Load())
            case _:
                pass
        return node


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def dtype_of_all(
    text: str, space: dict[str, Any], arguments: Callable[[int], tuple[Any, ...]], tries: int = 600
) -> np.dtype[Any] | None:
    """What the dtypes of `f`'s result on the ways found come to together; None if all ways fail.

    Parameters
    ----------
    text : a program.
    space : what its names outside stand for.
    arguments : makes those of a call from a seed.
    """
    rng = random.Random(0)
    trips: dict[int, int] = {}

    def way(_: object) -> bool:
        return rng.random() < 0.5

    def again(_: object, line: int) -> bool:
        trips[line] = trips.get(line, 0) + 1
        return trips[line] % (MOST + 1) != 0 and rng.random() < 0.8

    tree = ast.fix_missing_locations(_Chance().visit(ast.parse(text)))
    names = space | {"way": way, "again": again, "any_of": lambda *a: rng.choice(a)}
    with np.errstate(all="ignore"):
        exec(compile(tree, "<ways>", "exec"), names)
        found: set[np.dtype[Any]] = set()
        for seed in range(tries):
            with contextlib.suppress(Exception):
                result = cast("Callable[..., Any]", names["f"])(*arguments(seed))
                found.add(np.asarray(result).dtype)
    return np.result_type(*found) if found else None
