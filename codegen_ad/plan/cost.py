"""What a kernel costs, counted on its plan: operations, bytes, and what is stored.

Counts are for one turn of the innermost loop that each statement stands in; they predict, they do
not measure.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ops.costs import COSTLY
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Expr,
    For,
    If,
    Index,
    Kernel,
    Let,
    LibraryCall,
    Load,
    MatrixVector,
    Product,
    Statement,
    Store,
    Tiles,
    While,
    blocks,
)

WEIGHT_COSTLY = 15
WEIGHT_DIVIDE = 4
"""Simple operations that a transcendental function and a division are taken to cost."""

WORD = 8
"""Bytes that take as long to read or write as a simple operation."""

Loops = dict[Dim, Counter[str]]
"""What is counted, by how often it runs."""

FREE = {"cast", "negative", "where"}


@dataclass(frozen=True, slots=True)
class _Known:
    """What counting has to know.

    Attributes
    ----------
    segmented : for the length of a segment of a loop, the number of segments and of all trips.
    few : numbers of trips that are never more than a literal; such loops are not counted.
    ends : whether an axis is so long that the few elements near its ends are written out one by
        one, which is not counted, either.
    shown : extents as products of the loops around.
    """

    segmented: Mapping[str, tuple[Dim, Dim]]
    few: frozenset[str]
    ends: tuple[Expr, ...]
    shown: dict[Dim, str] = field(default_factory=dict[Dim, str])


@dataclass(frozen=True, slots=True)
class Work:
    """Operations by class, and bytes, in a loop over `extent` (1 outside loops).

    `shown` is the extent as a product of the loops around it.
    """

    extent: Dim
    simple: int
    divisions: int
    costly: tuple[tuple[str, int], ...]
    read: int
    written: int
    shown: str = ""

    @property
    def weight(self) -> int:
        """Operations, weighted."""
        functions = sum(n for _, n in self.costly)
        return self.simple + WEIGHT_DIVIDE * self.divisions + WEIGHT_COSTLY * functions


@dataclass(frozen=True, slots=True)
class Cost:
    """What a kernel costs: loop by loop, relative to the value alone, and in memory.

    If it `has_edges`, there are loops over a few elements at most, which do not count.
    """

    loops: tuple[Work, ...]
    calls: tuple[str, ...]
    ratio: float | None
    stored: tuple[str, ...]
    has_edges: bool = False

    def lines(self) -> tuple[str, ...]:
        """The cost as text for a kernel's docstring."""
        lines = [self._loop(w) for w in self.loops if w.extent != ONE and w.weight]
        if not lines:
            lines = [self._loop(w) for w in self.loops if w.weight]
        if self.has_edges:
            lines.append("Not counted: loops over a few elements, as near the ends of an axis.")
        if self.calls:
            lines.append(f"Library calls: {', '.join(self.calls)}.")
        stored = ", ".join(self.stored) or "nothing of the data's length"
        lines += textwrap.wrap(f"Stored: {stored}.", 100)
        if self.ratio is not None:
            lines.append(f"Predicted cost relative to the value alone: {self.ratio:.1f}.")
        return tuple(lines)

    def _loop(self, work: Work) -> str:
        parts = [f"{work.simple + work.divisions} operations"]
        parts += [f"{n} {name}" for name, n in work.costly]
        traffic = f"{work.read} bytes read, {work.written} written"
        each = "Cost" if work.extent == ONE else f"Cost for each of {work.shown}"
        return f"{each}: {', '.join(parts)}; {traffic}."


def cost(
    kernel: Kernel,
    value_only: Kernel | None = None,
    segmented: Mapping[str, tuple[Dim, Dim]] = MappingProxyType({}),
) -> Cost:
    """Count the operations of a kernel; `value_only` is the plan of the value alone.

    `segmented` holds, for the length of a segment of a loop, the number of segments and the trips
    of all of them.
    """
    loops: Loops = {}
    known = _Known(segmented, *_edges(kernel.body))
    _count(kernel.body, ONE, loops, known)
    calls = tuple(s.function for s in _all(kernel.body) if isinstance(s, LibraryCall))
    own = {o for o in kernel.outputs if isinstance(o, str)}
    stored = tuple(
        f"{s.buffer}[{', '.join(map(str, s.shape))}]"
        for s in _all(kernel.body)
        if isinstance(s, Allocate) and s.buffer not in own
        and any(not d.is_constant for d in s.shape) and ZERO not in s.shape
    )  # fmt: skip
    works = tuple(_work(e, counted, known.shown.get(e, str(e))) for e, counted in loops.items())
    ratio = None
    if value_only is not None and not calls:
        before = cost(value_only)
        ratio = _ratio(works, before.loops)
    return Cost(works, calls, ratio, stored, bool(known.few))


def weights(body: list[Statement]) -> list[tuple[Dim, int]]:
    """The weighted operations and bytes of statements, and how often they are run."""
    loops: Loops = {}
    _count(body, ONE, loops, _Known({}, *_edges(body)))
    works = [_work(extent, counted, "") for extent, counted in loops.items()]
    return [(w.extent, w.weight + (w.read + w.written) // WORD) for w in works]


def _ratio(after: tuple[Work, ...], before: tuple[Work, ...]) -> float | None:
    """Weighted operations in loops that run equally often, but for a few trips at the edges."""
    frequent = {w.extent.terms[0][0] for w in before if w.extent != ONE and w.extent.terms}
    new, old = (
        sum(w.weight for w in works if w.extent.terms and w.extent.terms[0][0] in frequent)
        for works in (after, before)
    )
    return new / old if old else None


def _all(body: list[Statement]) -> list[Statement]:
    found: list[Statement] = []
    for statement in body:
        found.append(statement)
        for block in blocks(statement):
            found += _all(block)
    return found


def _edges(body: list[Statement]) -> tuple[frozenset[str], tuple[Expr, ...]]:
    """The numbers of elements near the ends of axes, and on what else they depend."""
    found = [few for s in _all(body) if (few := _few(s)) is not None]
    return frozenset(name for name, _ in found), tuple(e for _, e in found if e is not None)


def _few(statement: Statement) -> tuple[str, Expr | None] | None:
    """The name of a number that is never more than a literal, if a statement gives it a value.

    With it comes what else must hold for it to be the literal.
    """
    match statement:
        case Assign((name,), (Apply("where", (test, most, _)),)) if _is_literal(most):
            pass
        case _:
            return None
    match test:
        case Apply("less", (least, _)) if least == most:
            return name, None
        case Apply("logical_and", (Apply("less", (least, _)), wanted)) if least == most:
            return name, wanted
        case _:
            return None


def _is_literal(expr: Expr) -> bool:
    return isinstance(expr, Index) and expr.dim.is_constant


def _inside(
    extent: Dim,
    trips: Dim,
    known: _Known,
) -> Dim:
    """How often the body of a loop runs that is run `extent` times itself."""
    segment = next((t for t in (trips, trips + 1) if str(t) in known.segmented), trips)
    count, whole = known.segmented.get(str(segment), (ONE, trips))
    outside = extent.exact_quotient(count)
    if outside is None:
        outside, whole = extent, trips
    found = outside * whole
    if outside != ONE and len(found.terms) > 1:
        around = known.shown.get(outside) or _factor(outside)
        known.shown.setdefault(found, f"{around}*{_factor(whole)}")
    return found


def _factor(dim: Dim) -> str:
    return f"({dim})" if len(dim.terms) > 1 else str(dim)


def _count(
    body: list[Statement],
    extent: Dim,
    loops: Loops,
    known: _Known,
) -> None:
    counted = loops.setdefault(extent, Counter())
    for statement in body:
        match statement:
            case For(extent=trips) if str(trips) in known.few:
                pass
            case If(condition=condition) if condition in known.ends:
                pass
            case For(extent=trips, body=block):
                _count(block, _inside(extent, trips, known), loops, known)
            case Tiles(rows=rows, extent=whole, body=block):
                inner: Loops = {}
                _count(block, extent, inner, known)
                for size, found in inner.items():
                    all_rows = size.substitute({rows: whole})
                    loops.setdefault(all_rows, Counter()).update(found)
            case While(test=test, body=block):
                _count(test, extent, loops, known)
                _count(block, extent, loops, known)
            case If(condition=condition, then=then, otherwise=otherwise):
                _expression(condition, counted)
                _count(then, extent, loops, known)
                _count(otherwise, extent, loops, known)
            case Let(expr=expr):
                _expression(expr, counted)
            case Assign(exprs=exprs):
                for expr in exprs:
                    _expression(expr, counted)
            case Accumulate(target=target, expr=expr):
                counted["simple"] += 1
                _expression(expr, counted)
                if isinstance(target, Load):
                    counted["written"] += target.dtype.size
            case Store(expr=expr):
                counted["written"] += expr.dtype.size
                _expression(expr, counted)
            case Product(terms=terms, rows=rows):
                loops.setdefault(extent * terms * rows, Counter())["simple"] += 2
            case MatrixVector(matrix=matrix, terms=terms):
                found = loops.setdefault(extent * terms, Counter())
                found["simple"] += 2
                found["read"] += matrix.dtype.size
            case _:
                pass


def _expression(expr: Expr, counted: Counter[str]) -> None:
    match expr:
        case Apply(op, args):
            if op in COSTLY:
                counted[f"costly {op}"] += 1
            elif op == "divide":
                counted["divisions"] += 1
            elif op not in FREE:
                counted["simple"] += 1
            for arg in args:
                _expression(arg, counted)
        case Load():
            counted["read"] += expr.dtype.size
        case _:
            pass


def _work(extent: Dim, counted: Counter[str], shown: str) -> Work:
    costly = tuple(
        (name.removeprefix("costly "), n)
        for name, n in sorted(counted.items())
        if name.startswith("costly ")
    )
    return Work(
        extent, counted["simple"], counted["divisions"], costly, counted["read"],
        counted["written"], shown,
    )  # fmt: skip
