"""Pairs of nested loops, and what is known of the names in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from codegen_ad.plan.element import identity
from codegen_ad.plan.kernel import Assign, Expr, For, Let, Var, walk
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tiling.factors import Lets, lets_of
from codegen_ad.plan.tiling.rows import assigned


@dataclass(frozen=True, slots=True)
class Pair:
    """Two loops, the names that are given a value once in them, and all that they change."""

    outer: For
    inner: For
    lets: Lets
    changed: frozenset[str]


def pair_of(outer: For, inner: For) -> Pair:
    """What is known of a loop and one that stands in it."""
    lets = lets_of(outer.body, inner) | lets_of(inner.body)
    several = Counter(n for s in walk(outer.body) for n in assigned(s))
    lets = {name: let for name, let in lets.items() if several[name] == 1}
    return Pair(outer, inner, lets, frozenset(several))


def is_plain(loop: For) -> bool:
    """Whether a loop runs over a whole size, and its trips do not depend on each other."""
    return not loop.carried and loop.span is None and loop.window is None


def start_of_sum(loop: For, name: str) -> Assign | None:
    """Where a sum begins with 0, if that is in this loop, and a loop in it has all of the sum."""
    changes = [s for s in walk(loop.body) if name in assigned(s)]
    starts = [s for s in loop.body if isinstance(s, Assign) and name in s.names]
    if len(starts) != 1 or len(changes) != 2:
        return None
    (start,) = starts
    value = start.exprs[start.names.index(name)]
    return start if value == identity("sum", value.dtype) else None


def let_instead(loop: For, start: Assign, target: Var, value: Expr, names: Names) -> None:
    """Let a sum that began with 0 in a loop be a value that is known instead."""
    position = next(k for k, s in enumerate(loop.body) if s is start)
    node, _ = names.meaning.get(target.name, (None, ()))
    loop.body.insert(position + 1, Let(target.name, value, node, start.note))
    pairs = [(n, e) for n, e in zip(start.names, start.exprs, strict=True) if n != target.name]
    if pairs:
        start.names, start.exprs = tuple(n for n, _ in pairs), tuple(e for _, e in pairs)
    else:
        del loop.body[position]
