"""Smaller programs that fail in the same way: statements and parts of expressions are left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

Edit = Callable[[], Any]
_NUMBER = re.compile(r"\w*\d[\w.]*(?:(?<=e)[-+]\d+)?|\b(?:nan|inf)\b")


def way_of(why: str) -> str:
    """How a program fails, without the numbers and names: where, and by which error."""
    lines = [line for line in why.splitlines() if line.strip()]
    at = max((k for k, line in enumerate(lines) if line.startswith("  File ")), default=0)
    shown = [line[:60] for line in lines[at:] if not line.startswith("    ")]
    return _NUMBER.sub("#", "\n".join(shown[:5]))


def shrunk(text: str, fails: Callable[[str], bool]) -> str:
    """A program of which nothing more can be left out; `fails` says whether one still fails.

    What stands before `def f(` is kept as it is.
    """
    start = text.index("def f(")
    head, body = text[:start], ast.unparse(ast.parse(text[start:]))
    if not fails(head + body + "\n"):
        return text
    has_changed = True
    while has_changed:
        has_changed, place = False, 0
        while (smaller := _without(body, place)) is not None:
            if len(smaller) < len(body) and fails(f"{head}{smaller}\n"):
                body, has_changed = smaller, True
            else:
                place += 1
    return f"{head}{body}\n"


def _without(text: str, place: int) -> str | None:
    """The text after one of all edits, or none if there are fewer."""
    tree = ast.parse(text)
    edits = list(_edits(tree))
    if place >= len(edits):
        return None
    edits[place]()
    return ast.unparse(ast.fix_missing_locations(tree))


def _edits(tree: ast.Module) -> Iterator[Edit]:
    """Statements first, as most goes with them; then parts of expressions."""
    nodes = list(ast.walk(tree))
    for node in nodes:
        for block in (getattr(node, name, None) for name in ("body", "orelse")):
            if isinstance(block, list) and node is not tree:
                for statement in block:
                    yield from _shorter(block, statement)
    for node in nodes:
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                for part in _parts(value):
                    yield lambda n=node, name=name, part=part: setattr(n, name, part)
            for k, item in enumerate(value if isinstance(value, list) else ()):
                if isinstance(item, ast.expr):
                    for part in _parts(item):
                        yield lambda v=value, k=k, part=part: v.__setitem__(k, part)


def _shorter(block: list[Any], statement: ast.stmt) -> Iterator[Edit]:
    """Without a statement, or with what is inside of it in its place."""

    def put(instead: list[Any]) -> None:
        at = block.index(statement)
        block[at : at + 1] = instead
        if not block:
            block.append(ast.Pass())

    yield lambda: put([])
    for name in ("body", "orelse"):
        if inside := getattr(statement, name, None):
            yield lambda: put(inside)


def _parts(value: ast.expr) -> Iterator[ast.expr]:
    """The expressions directly in an expression."""
    for child in ast.iter_child_nodes(value):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.keyword):
            yield child.value
