"""`match` as the chain of `if` that it is; patterns of classes and mappings are refused."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_INSTEAD = "Write `if` and `elif`, with `isinstance` where it is about a class."


def as_conditions(m: Machine, node: ast.Match, name: str) -> list[ast.stmt]:
    """The statements that do what `match` does, for a subject that `name` is bound to."""
    otherwise: list[ast.stmt] = []
    for case in reversed(node.cases):
        subject = ast.Name(name, ast.Load())
        found = _pattern(m, case.pattern, subject)
        if found is None:  # a sequence of another length
            continue
        tests, names = found
        binds: list[ast.stmt] = [
            ast.Assign([ast.Name(n, ast.Store())], value) for n, value in names
        ]
        if case.guard is None:
            body = [*binds, *case.body]
        else:
            body = [*binds, ast.If(case.guard, list(case.body), list(otherwise))]
        otherwise = [ast.If(_all(tests), body, list(otherwise))] if tests else body
    for statement in otherwise:
        for part in ast.walk(statement):
            if isinstance(part, ast.expr | ast.stmt) and not hasattr(part, "lineno"):
                ast.copy_location(part, node.subject)
    return otherwise


def _all(tests: Sequence[ast.expr]) -> ast.expr:
    return tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), list(tests))


Found = tuple[list[ast.expr], list[tuple[str, ast.expr]]]
"""What must hold, and what names are bound then."""


def _pattern(m: Machine, pattern: ast.pattern, subject: ast.expr) -> Found | None:
    match pattern:
        case ast.MatchValue(value=value):
            return [ast.Compare(subject, [ast.Eq()], [value])], []
        case ast.MatchSingleton(value=value):
            return [ast.Compare(subject, [ast.Is()], [ast.Constant(value)])], []
        case ast.MatchAs(pattern=None, name=name):
            return [], [] if name is None else [(name, subject)]
        case ast.MatchAs(pattern=inner, name=name):
            assert inner is not None
            assert name is not None
            found = _pattern(m, inner, subject)
            return None if found is None else (found[0], [*found[1], (name, subject)])
        case ast.MatchOr(patterns=patterns):
            parts = [p for p in (_pattern(m, p, subject) for p in patterns) if p is not None]
            if not parts:
                return None
            if any(names for _, names in parts):
                m.refuse("Alternatives that bind names are not translated.", _INSTEAD)
            if any(not tests for tests, _ in parts):
                return [], []
            return [ast.BoolOp(ast.Or(), [_all(tests) for tests, _ in parts])], []
        case ast.MatchSequence(patterns=patterns):
            return _sequence(m, patterns, subject)
        case _:
            m.refuse("`match` on a class or a mapping is not translated.", _INSTEAD)


def _sequence(m: Machine, patterns: Sequence[ast.pattern], subject: ast.expr) -> Found | None:
    ast.copy_location(subject, m.spots[-1])
    items = m.try_items(m.evaluate(m, _located(m, subject)))
    stars = [i for i, p in enumerate(patterns) if isinstance(p, ast.MatchStar)]
    if items is None or len(stars) > 0:
        m.refuse(
            "A sequence is matched here only if its length is known, and without `*`.", _INSTEAD
        )
    if len(items) != len(patterns):
        return None
    tests: list[ast.expr] = []
    names: list[tuple[str, ast.expr]] = []
    for place, part in enumerate(patterns):
        found = _pattern(m, part, ast.Subscript(subject, ast.Constant(place), ast.Load()))
        if found is None:
            return None
        tests += found[0]
        names += found[1]
    return tests, names


def _located(m: Machine, node: ast.expr) -> ast.expr:
    for part in ast.walk(node):
        if isinstance(part, ast.expr) and not hasattr(part, "lineno"):
            ast.copy_location(part, m.spots[-1])
    return node
