"""`match` as the chain of `if` that it is: what is a sequence, a dict or of a class is known now.

As in Python, strings and arrays are no sequences, and of alternatives the first that fits counts.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Complex, Dict, List, Maybe, Outside, Range

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_WHOLE = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)
"""Classes whose one positional pattern is about the whole object."""


def as_conditions(m: Machine, node: ast.Match, name: str) -> list[ast.stmt]:
    """The statements that do what `match` does, for a subject that `name` is bound to."""
    otherwise: list[ast.stmt] = []
    for case in reversed(node.cases):
        after = otherwise
        for pattern in reversed([*_alternatives(case.pattern)]):
            found = _pattern(m, pattern, ast.Name(name, ast.Load()))
            if found is None:  # not of this kind
                continue
            tests, names = found
            binds: list[ast.stmt] = [
                ast.Assign([ast.Name(n, ast.Store())], value) for n, value in names
            ]
            if case.guard is None:
                body = [*binds, *case.body]
            else:  # no other alternative is tried where the guard does not hold
                body = [*binds, ast.If(case.guard, list(case.body), list(after))]
            otherwise = [ast.If(_all(tests), body, list(otherwise))] if tests else body
    for statement in otherwise:
        for part in ast.walk(statement):
            if isinstance(part, ast.expr | ast.stmt) and not hasattr(part, "lineno"):
                ast.copy_location(part, node.subject)
    return otherwise


def _all(tests: Sequence[ast.expr]) -> ast.expr:
    return tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), list(tests))


def _alternatives(pattern: ast.pattern) -> Iterator[ast.pattern]:
    """The pattern, once for each way through those of its alternatives that bind names."""
    match pattern:
        case ast.MatchOr(patterns=patterns) if any(_binds(p) for p in patterns):
            for part in patterns:
                yield from _alternatives(part)
        case ast.MatchSequence(patterns=patterns):
            yield from (ast.MatchSequence(chosen) for chosen in _ways(patterns))
        case ast.MatchAs(pattern=inner, name=name) if inner is not None:
            yield from (ast.MatchAs(part, name) for part in _alternatives(inner))
        case ast.MatchMapping(keys=keys, patterns=patterns, rest=rest):
            yield from (ast.MatchMapping(keys, chosen, rest) for chosen in _ways(patterns))
        case ast.MatchClass(cls=cls, patterns=patterns, kwd_attrs=names, kwd_patterns=named):
            for chosen in _ways([*patterns, *named]):
                here, there = chosen[: len(patterns)], chosen[len(patterns) :]
                yield ast.MatchClass(cls, here, names, there)
        case _:
            yield pattern


def _binds(pattern: ast.pattern) -> bool:
    named = (ast.MatchAs, ast.MatchStar)
    return any(
        (isinstance(part, named) and part.name is not None)
        or (isinstance(part, ast.MatchMapping) and part.rest is not None)
        for part in ast.walk(pattern)
    )


def _ways(patterns: Sequence[ast.pattern]) -> Iterator[list[ast.pattern]]:
    yield from map(list, itertools.product(*(tuple(_alternatives(p)) for p in patterns)))


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
            if any(not tests for tests, _ in parts):
                return [], []
            return [ast.BoolOp(ast.Or(), [_all(tests) for tests, _ in parts])], []
        case ast.MatchSequence(patterns=patterns):
            return _sequence(m, patterns, subject)
        case ast.MatchMapping(keys=keys, patterns=patterns, rest=rest):
            return _mapping(m, keys, patterns, rest, subject)
        case ast.MatchClass():
            return _object(m, pattern, subject)
        case _:
            raise AssertionError(ast.dump(pattern))


def _each(
    m: Machine, patterns: Sequence[ast.pattern], subjects: Sequence[ast.expr]
) -> Found | None:
    """What must hold for each pattern and its subject."""
    tests: list[ast.expr] = []
    names: list[tuple[str, ast.expr]] = []
    for pattern, subject in zip(patterns, subjects, strict=True):
        found = _pattern(m, pattern, subject)
        if found is None:
            return None
        tests += found[0]
        names += found[1]
    return tests, names


def _sequence(m: Machine, patterns: Sequence[ast.pattern], subject: ast.expr) -> Found | None:
    value = cast("Any", _value(m, subject))
    if isinstance(value, Complex) or not isinstance(value, tuple | List | Range):
        return None
    items = m.try_items(cast("Value", value))
    if items is None:
        m.refuse(
            "A sequence is matched here only if its length is known.",
            "Write `if len(items) ...`, and pick its items: `items[0]`.",
        )
    star = next((k for k, p in enumerate(patterns) if isinstance(p, ast.MatchStar)), None)
    if star is None:
        if len(items) != len(patterns):
            return None
        return _each(m, patterns, [_at(subject, ast.Constant(k)) for k in range(len(items))])
    behind = len(patterns) - star - 1
    if len(items) < star + behind:
        return None
    last = len(items) - behind
    places = [*range(star), *range(last, len(items))]
    found = _each(
        m,
        [p for p in patterns if not isinstance(p, ast.MatchStar)],
        [_at(subject, ast.Constant(k)) for k in places],
    )
    name = cast("ast.MatchStar", patterns[star]).name
    if found is None or name is None:
        return found
    middle = [_at(subject, ast.Constant(k)) for k in range(star, last)]
    return found[0], [*found[1], (name, ast.List(middle, ast.Load()))]


def _mapping(
    m: Machine,
    keys: Sequence[ast.expr],
    patterns: Sequence[ast.pattern],
    rest: str | None,
    subject: ast.expr,
) -> Found | None:
    value = _value(m, subject)
    if not isinstance(value, Dict):
        return None
    held = m.store[value.cell]
    wanted = [m.static(m.evaluate(m, key), "key") for key in keys]
    if any(key not in held for key in wanted):
        return None
    found = _each(m, patterns, [_at(subject, ast.Constant(key)) for key in wanted])
    if found is None or rest is None:
        return found
    others = [ast.Constant(key) for key in held if key not in wanted]
    left = ast.Dict([*others], [_at(subject, key) for key in others])
    return found[0], [*found[1], (rest, left)]


def _object(m: Machine, pattern: ast.MatchClass, subject: ast.expr) -> Found | None:
    value, cls = _value(m, subject), m.evaluate(m, pattern.cls)
    if not m.call(Outside(isinstance, ()), [value, cls], {}):
        return None
    kind: Any = cls.object if isinstance(cls, Outside) else None
    if kind in _WHOLE and pattern.patterns:
        return _each(m, pattern.patterns[:1], [subject])
    named = getattr(kind, "__match_args__", ())
    if len(pattern.patterns) > len(named):
        m.refuse(
            f"`{m.text(pattern.cls)}` names {len(named)} of its attributes for patterns without a "
            f"name, and gets {len(pattern.patterns)}.",
            "Name the attributes: `Point(x=a, y=b)`.",
        )
    names = [*named[: len(pattern.patterns)], *pattern.kwd_attrs]
    if not all(m.call(Outside(hasattr, ()), [value, name], {}) for name in names):
        return None
    subjects = [ast.Attribute(subject, name, ast.Load()) for name in names]
    return _each(m, [*pattern.patterns, *pattern.kwd_patterns], subjects)


def _at(subject: ast.expr, place: ast.expr) -> ast.expr:
    return ast.Subscript(subject, place, ast.Load())


def _value(m: Machine, subject: ast.expr) -> Value:
    """What a part of the subject is, which must be there on every path."""
    for part in ast.walk(subject):
        if isinstance(part, ast.expr) and not hasattr(part, "lineno"):
            ast.copy_location(part, m.spots[-1])
    value = m.perhaps(m, subject)
    if isinstance(value, Maybe):
        m.refuse(
            "Whether there is a value to match depends on data.",
            "Ask for it first: `if value is not None: ...`.",
        )
    return value
