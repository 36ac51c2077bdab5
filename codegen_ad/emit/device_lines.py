"""Statements as lines of Python for one thread of a device.

There are no exceptions on a device: what fails writes a number into `status`, where the caller
finds it, and the thread goes on at a place that exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from codegen_ad.emit.device_spell import DeviceSpelling
from codegen_ad.emit.spell import spell_literal
from codegen_ad.emit.writing import BlockWriter
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.empty import may_be_empty
from codegen_ad.plan.kernel import (
    Accumulate,
    Apply,
    Assign,
    Check,
    CheckRange,
    Expr,
    For,
    If,
    Index,
    Let,
    Load,
    Need,
    Note,
    Number,
    Raise,
    Statement,
    Store,
    Var,
    While,
)

_AUGMENTED = {"sum": "+=", "prod": "*="}


class Failures:
    """What may go wrong in a kernel file: the number of each failure, and what it means.

    `axes` are the sizes that are whole axes of arguments.
    """

    def __init__(self, axes: Set[str]) -> None:
        self.axes = axes
        self.known: list[tuple[str, str]] = []

    def number(self, exception: str, message: str) -> int:
        """The number of a failure, from 1 on."""
        found = (exception, message)
        if found not in self.known:
            self.known.append(found)
        return self.known.index(found) + 1


class DeviceWriter(BlockWriter):
    """Writes what a thread does; while `may_leave`, all threads leave together where one fails."""

    def __init__(self, function: str, failures: Failures) -> None:
        super().__init__(function)
        self.failures = failures
        self.unsigned: set[str] = set()
        self.spelling = DeviceSpelling(self.unsigned)
        self.own: Mapping[str, str] = {}  # the thread's arrays in place of those added to
        self.atomic: Set[str] = frozenset()  # arrays that threads add to in any order
        self.may_leave = False
        self.counts: Set[str] = frozenset()  # sizes as floating-point numbers
        self._loops = 0  # loops of this thread around what is written

    def spell(self, expr: Expr) -> str:
        """The text of an expression."""
        return self.spelling.expression(expr)

    def block(self, statements: list[Statement], depth: int) -> None:
        """Write statements, indented; none that counts on a size that turned out too small."""
        for number, statement in enumerate(statements):
            if self.ends(statement) and not (self.may_leave or self._loops):
                rest = statements[number + 1 :]
                super().block(statements[: number + 1], depth)
                if rest:
                    self.line("else:", depth)
                    self.block(rest, depth + 1)
                return
        super().block(statements, depth)

    def statement(self, statement: Statement, depth: int) -> None:
        """Write one statement and what is in it."""
        match statement:
            case Let(name, Apply("divide", (over, Var(count, dtype)))) if (
                count in self.counts and not isinstance(over, Number)
            ):
                self._quotient(name, over, count, dtype, depth)
            case Let(name, expr):
                self.assign(name, expr, depth)
            case Assign((name,), (expr,)):
                self.assign(name, expr, depth)
            case Assign(names, exprs):
                self.lines_of(f"{', '.join(names)} = {', '.join(map(self.spell, exprs))}", depth)
            case Accumulate():
                self._accumulate(statement, depth)
            case Store(buffer, indices, expr):
                self.assign(self.spelling.element(buffer, indices), expr, depth)
            case Check():
                self._check(statement, depth)
            case CheckRange(count, extent, axis, note):
                self.line(f"if {count} > {extent}:", depth)
                self._fail("IndexError", _out_of_bounds(self._place(note), axis), depth + 1)
                self._leave_loop(depth + 1)
            case Raise(exception, message, _, note):
                self._fail(exception, message or self._place(note), depth)
            case Need(place, rows):
                self.line(f"cuda.atomic.max(needed, {place}, {self.spell(rows)})", depth)
            case For(variable, extent, body):
                self.line(f"for {variable} in range({self.bound(extent)}):", depth)
                self.unsigned.add(variable)
                self.trip(body, depth + 1)
                self.unsigned.discard(variable)
            case While(test, condition, body):
                self.line("while True:", depth)
                self.trip(test, depth + 1) if test else None
                self.line(f"if {self.spelling.opposite(condition)}:", depth + 1)
                self.line("break", depth + 2)
                self.trip(body, depth + 1)
            case If(condition, [], otherwise):
                self.line(f"if {self.spelling.opposite(condition)}:", depth)
                self.block(otherwise, depth + 1)
            case If(condition, then, otherwise):
                self.line(f"if {self.spell(condition)}:", depth)
                self.block(then, depth + 1)
                if otherwise:
                    self.line("else:", depth)
                    self.block(otherwise, depth + 1)
            case _:
                raise AssertionError(f"{type(statement).__name__} is not for single threads")

    def ends(self, statement: Statement) -> bool:
        """Whether nothing can be done behind a statement where it finds a failure."""
        match statement:
            case CheckRange():
                return True
            case Check(extent=extent):
                return may_be_empty(extent, self.failures.axes)
            case _:
                return False

    def trip(self, body: list[Statement], depth: int) -> None:
        """Write a loop's body."""
        self._loops += 1
        self.block(body, depth)
        self._loops -= 1

    def bound(self, extent: Dim) -> str:
        """A trip count, unsigned as the variable that it bounds."""
        return f"u64({extent})" if extent.is_constant else self.spelling.index(extent)

    def shared(self, loop: For, start: str, stride: str, again: str = "", depth: int = 0) -> None:
        """Write a loop whose trips are shared out among threads.

        `again` is 0 in each of them, and the compiler can't know it.
        """
        variable = loop.variable
        self.line(f"{variable} = {start}", depth)
        self.unsigned.add(variable)
        self.line(f"while {variable} < {self.bound(loop.extent)}:", depth)
        if again:
            self.line(
                "# Zero, in a way that keeps numbers of all rows out of registers.", depth + 1
            )
            # One bit would do, but loops of one trip more at most are written out.
            self.line(f"{again} = {variable} >> u64(60)", depth + 1)
            self.unsigned.add(again)
        self.trip(loop.body, depth + 1)
        self.line(f"{variable} += {stride}", depth + 1)
        self.unsigned -= {variable, again}

    def _quotient(self, name: str, over: Expr, count: str, dtype: DType, depth: int) -> None:
        """A division by a number that stays, without the branches that a division has.

        The remainder of the first quotient makes it exact (Markstein 1990, "Computation of
        elementary functions on the IBM RISC System/6000 processor"): nothing over- or underflows
        on the way, since the number is whole.
        """
        self.line(f"inverse = {spell_literal(1, dtype)} / {count}", depth)
        product = Apply("multiply", (over, Var("inverse", dtype)), dtype)
        self.assign("quotient", product, depth)
        rest = f"cuda.fma(-quotient, {count}, {self.spell(over)})"
        exact = f"cuda.fma({rest}, inverse, quotient)"
        finite = f"abs(quotient) < {spell_literal(float('inf'), dtype)}"
        self.lines_of(f"{name} = cuda.selp({finite}, {exact}, quotient)", depth)

    def _accumulate(self, statement: Accumulate, depth: int) -> None:
        place = statement.target
        if isinstance(place, Load) and place.buffer in self.own:
            place = replace(place, buffer=self.own[place.buffer])
        if isinstance(place, Load) and place.buffer in self.atomic:
            index = self.spelling.place(place.indices)
            value = self.spell(statement.expr)
            self.lines_of(f"cuda.atomic.add({place.buffer}, {index}, {value})", depth)
            return
        target, value = self.spell(place), self.spell(statement.expr)
        if statement.how in _AUGMENTED:
            self.lines_of(f"{target} {_AUGMENTED[statement.how]} {value}", depth)
        elif statement.how in ("any", "all"):
            sign = "|" if statement.how == "any" else "&"
            self.lines_of(f"{target} = {target} {sign} ({value})", depth)
        else:
            # A nan, once met, stays: it is neither above nor equal to anything.
            sign = ">" if statement.how == "max" else "<"
            test = f"({value} {sign} {target}) | ({value} != {value})"
            self.lines_of(f"{target} = cuda.selp({test}, {value}, {target})", depth)

    def _check(self, statement: Check, depth: int) -> None:
        name, size = statement.name, self._size(statement.extent)
        self.line(f"if {name} < 0:", depth)
        self.line(f"{name} += {size}", depth + 1)
        self.line(f"if ({name} < 0) | ({name} >= {size}):", depth)
        failure = _out_of_bounds(self._place(statement.note), statement.axis)
        self._fail("IndexError", failure, depth + 1)
        if self.ends(statement):
            self._leave_loop(depth + 1)
        else:
            self.line(f"{name} = 0", depth + 1)

    def _leave_loop(self, depth: int) -> None:
        if self._loops and not self.may_leave:
            self.line("break", depth)

    def _size(self, dim: Dim) -> str:
        return self.spell(Index(dim))

    def _fail(self, exception: str, message: str, depth: int) -> None:
        number = self.failures.number(exception, message)
        self.line(f"cuda.atomic.max(status, 0, {number})", depth)
        if self.may_leave:
            self.line("return", depth)

    def _place(self, note: Note) -> str:
        return f"{self.where(note.origin)}: " if note.origin is not None else ""


def _out_of_bounds(place: str, axis: int) -> str:
    return f"{place}index is out of bounds for axis {axis}"
