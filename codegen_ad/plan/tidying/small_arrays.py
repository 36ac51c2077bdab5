"""Which arrays of a few elements are read and written at known places alone, in loops over steps.

Only float64: a store to an array of another type may convert, an assignment doesn't.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from codegen_ad.ir.types import DType
from codegen_ad.plan.access import Point, unrolled_points
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    CopyInto,
    Expr,
    Fill,
    For,
    If,
    Kernel,
    Let,
    Load,
    Statement,
    Store,
    Tiles,
    While,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.in_place import swaps
from codegen_ad.plan.tidying.rename import expressions, mentioned
from codegen_ad.plan.tidying.uses import loads


class SmallArrays:
    """The arrays of a kernel of which each element can be a variable.

    A loop hands on an array by exchanging its name with that of another one, which each trip fills.

    Attributes
    ----------
    made : what makes each array.
    handed_on : arrays that each trip fills, and the ones that take their elements over.
    """

    def __init__(self, kernel: Kernel, largest: int) -> None:
        """`largest` is how many elements an array may have."""
        self.kernel = kernel
        self.made = {
            s.buffer: s for s in kernel.body if isinstance(s, Allocate) and _is_small(s, largest)
        }
        self.handed_on: dict[str, str] = {}
        self.in_steps: set[str] = set()
        if self.made:
            self._look(kernel.body, None, in_steps=False)
        pairs = list(self.handed_on.items())
        for new, old in pairs:
            if not self.in_steps.isdisjoint((new, old)):
                self.in_steps |= {new, old}
        self._drop(self.made.keys() - self.in_steps)
        while any((new in self.made) != (old in self.made) for new, old in pairs):
            self._drop(n for pair in pairs for n in pair if not self.made.keys() >= set(pair))
        self.handed_on = {new: old for new, old in pairs if new in self.made}

    def is_read_empty(self, array: str) -> bool:
        """Whether something may come before all of its elements have a value."""
        left = unwritten(self.kernel.body, array, self._points(array))
        return left is None or (array in self.kernel.outputs and bool(left))

    def _points(self, array: str) -> frozenset[Point]:
        return frozenset(unrolled_points(self.made[array].shape))

    def _drop(self, names: Iterable[str]) -> None:
        for name in list(names):
            self.made.pop(name, None)

    def _look(self, block: list[Statement], loop: For | While | None, *, in_steps: bool) -> None:
        """Drop the arrays with which a block, the body of `loop`, does what isn't understood."""
        for statement in block:
            used = self.made.keys() & set(mentioned(statement))
            if in_steps:
                self.in_steps |= used
            if isinstance(statement, Assign) and loop is not None:
                found = [p for p in swaps(statement) if self._is_handed_on(loop, statement, *p)]
                self.handed_on |= dict(found)
                used -= {n for pair in found for n in pair}
            self._drop(n for n in used if not _is_understood(statement, n))
            steps = _steps(statement)
            if isinstance(statement, For | Tiles) and steps is None:
                inside = {n for s in walk(statement.body) for n in mentioned(s)}
                self._drop(self.made.keys() & inside)
            for inner in blocks(statement):
                body_of = steps if steps is not None and inner is steps.body else None
                self._look(inner, body_of, in_steps=in_steps or steps is not None)

    def _is_handed_on(self, loop: For | While, swap: Assign, new: str, old: str) -> bool:
        """Whether each trip fills all of `new` before it reads any, and nothing else knows it."""
        if new in self.handed_on or new in self.kernel.outputs:
            return False
        if new not in self.made or old not in self.made:
            return False
        inside = {id(s) for s in walk(loop.body)}
        outside = (s for s in walk(self.kernel.body) if id(s) not in inside)
        if any(new in mentioned(s) for s in outside if s is not self.made[new]):
            return False
        at = next(k for k, s in enumerate(loop.body) if s is swap)
        if any(new in mentioned(s) for s in walk(loop.body[at + 1 :])):
            return False
        same = self.made[new].shape == self.made[old].shape
        return same and unwritten(loop.body[:at], new, self._points(new)) == frozenset()


def unwritten(
    block: Sequence[Statement], array: str, missing: frozenset[Point]
) -> frozenset[Point] | None:
    """The elements of an array without a value behind a block, of those `missing` before it.

    None if one may be read before it has a value.
    """
    for statement in block:
        read = {
            load.indices
            for e in expressions(statement)
            for load in loads(e)
            if load.buffer == array
        }
        left: frozenset[Point] | None = missing
        match statement:
            case Allocate(buffer=buffer, fill=fill) if buffer == array:
                left = missing if fill is None else frozenset()
            case Fill(buffer=buffer) | CopyInto(target=buffer) if buffer == array:
                left = frozenset()
            case Store(buffer=buffer, indices=at) if buffer == array:
                left = missing - {at}
            case If(then=then, otherwise=otherwise):
                left = _either(
                    unwritten(then, array, missing), unwritten(otherwise, array, missing)
                )
            case While(test=test, body=body):
                left = unwritten(test, array, missing)
                if left is None or unwritten(body, array, left) is None:
                    return None
            case For(body=body) | Tiles(body=body):
                left = missing if unwritten(body, array, missing) is not None else None
            case _:
                if array in mentioned(statement) and not read:
                    read = missing  # the whole array
        if left is None or not missing.isdisjoint(read):
            return None
        missing = left
    return missing


def _either(
    first: frozenset[Point] | None, second: frozenset[Point] | None
) -> frozenset[Point] | None:
    return None if first is None or second is None else first | second


def _steps(statement: Statement) -> For | While | None:
    """A statement that is a loop whose trips wait for each other."""
    match statement:
        case While() | For(carried=True):
            return statement
        case _:
            return None


def _is_small(made: Allocate, largest: int) -> bool:
    if made.dtype is not DType.FLOAT64 or not all(d.is_constant for d in made.shape):
        return False
    if made.fill is not None and not math.isfinite(made.fill):
        return False
    return bool(made.shape) and 0 < math.prod(d.value for d in made.shape) <= largest


def _is_understood(statement: Statement, array: str) -> bool:
    """Whether what a statement itself does with an array can be done with variables."""
    read = expressions(statement)
    written = 0
    match statement:
        case Allocate() | Fill():
            return True
        case CopyInto(target=target, source=source):
            return target != source
        case Store(buffer=buffer, indices=at, expr=expr) if buffer == array:
            written = 1
            if expr.dtype is not DType.FLOAT64 or not _is_known(at):
                return False
        case Accumulate(target=Load(buffer), expr=expr) if buffer == array:
            if expr.dtype is not DType.FLOAT64:
                return False
        case Let() | Assign() | Store() | Accumulate() | If() | While():
            pass
        case _:
            return False
    places = _places(read, array)
    mentions = sum(name == array for name in mentioned(statement))
    return len(places) + written == mentions and all(map(_is_known, places))


def _places(read: Collection[Expr], array: str) -> list[Point]:
    return [load.indices for e in read for load in loads(e) if load.buffer == array]


def _is_known(at: Point) -> bool:
    return all(d.is_constant for d in at)
