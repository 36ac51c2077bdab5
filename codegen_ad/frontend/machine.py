"""The state of one reading, and the services that the rest of the frontend works with.

It holds the builder, the store of all storages, the stack of frames and the place being read. It
knows no statement, no expression and no function: those are rooms of their own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from codegen_ad.errors import CodegenError, SourceError, UnsupportedSyntax
from codegen_ad.frontend import statics, words
from codegen_ad.frontend.arrays import data, masks, views, visits, wrapping
from codegen_ad.frontend.containers import sequences
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks, maybe, wholes
from codegen_ad.frontend.control.checks import Log
from codegen_ad.frontend.sizes import requirements, run_time
from codegen_ad.frontend.sizes.run_time import RunTime, is_run_time
from codegen_ad.frontend.sizes.symbolic import Facts, Restart
from codegen_ad.frontend.values import (
    Array,
    Cell,
    Dict,
    Frame,
    List,
    Provenance,
    Rows,
    Unbound,
)
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node, Origin, WrappingIntegers
from codegen_ad.ir.types import ArrayType, BroadcastError, DType, Shape, broadcast_shapes
from codegen_ad.source import Location

Evaluate = Callable[["Machine", ast.expr], Value]
Execute = Callable[["Machine", Sequence[ast.stmt]], None]
Call = Callable[["Machine", Value, Sequence[Value], Mapping[str, Value]], Value]

_MOST_UNROLLED = 64


@dataclass(slots=True)
class Snapshot:
    """What a branch may change: the names of the frame and all that the store holds."""

    env: dict[str, Value]
    store: dict[Cell, Any]
    tangled: dict[Cell, dict[Cell, str]]


@dataclass(slots=True, eq=False)
class Machine:
    """One reading of one function; implements `codegen_ad.frontend.context.Context`."""

    b: Builder
    facts: Facts
    evaluate: Evaluate
    execute: Execute
    call_value: Call
    perhaps: Evaluate
    taps: tuple[str, ...] = ()
    size_names: dict[str, str] = field(default_factory=dict[str, str])
    store: dict[Cell, Any] = field(default_factory=dict[Cell, Any])
    tangled: dict[Cell, dict[Cell, str]] = field(default_factory=dict[Cell, dict[Cell, str]])
    foreign: dict[Cell, str] = field(default_factory=dict[Cell, str])
    repeated: dict[Cell, object] = field(default_factory=dict[Cell, object])
    written: dict[Cell, object] = field(default_factory=dict[Cell, object])
    fillings: dict[Cell, Any] = field(default_factory=dict[Cell, Any])
    trips: list[Dim | None] = field(default_factory=list["Dim | None"])
    frames: list[Frame] = field(default_factory=list[Frame])
    spots: list[ast.expr | ast.stmt] = field(default_factory=list[ast.expr | ast.stmt])
    dependencies: dict[Provenance, None] = field(default_factory=dict[Provenance, None])
    classes: dict[type, Provenance] = field(default_factory=dict[type, Provenance])
    captured: dict[Provenance, tuple[Array, Any]] = field(
        default_factory=dict[Provenance, tuple[Array, Any]]
    )
    variables: dict[tuple[int, str], Provenance] = field(
        default_factory=dict[tuple[int, str], Provenance]
    )
    outside: dict[int, Value] = field(default_factory=dict[int, Value])
    remarks: dict[str, None] = field(default_factory=dict[str, None])
    labels: dict[Cell, str] = field(default_factory=dict[Cell, str])
    symbols: int = 0
    log: Log = field(default_factory=Log)
    run_time: RunTime = field(default_factory=RunTime)
    rolled: list[tuple[object, int | None]] = field(default_factory=list[tuple[object, int | None]])
    tapped: set[str] = field(default_factory=set[str])
    repeated_items: Cell = field(default_factory=Cell)
    roots: dict[Cell, Any] = field(default_factory=dict[Cell, Any])
    kept: list[Any] = field(default_factory=list[Any])
    own_passes: list[Any] = field(default_factory=list[Any])
    transform: Any = None  # `codegen_ad.frontend.calls.nested.Transform`

    def __post_init__(self) -> None:
        """What may be several items of one list is tangled with something that stays in use."""
        self.roots[self.repeated_items] = self.store[self.repeated_items] = ()

    # The place -------------------------------------------------------------------------------

    @property
    def frame(self) -> Frame:
        """The call being read."""
        return self.frames[-1]

    @contextmanager
    def spot(self, node: ast.expr | ast.stmt) -> Generator[None]:
        """Errors raised inside point at `node`."""
        self.spots.append(node)
        try:
            yield
        except WrappingIntegers as error:
            wrapping.refuse(self, error)
        finally:
            self.spots.pop()

    def where(self) -> Location | None:
        """The place in the user's code that is being read."""
        return self.frame.source.locate(self.spots[-1]) if self.frames and self.spots else None

    def line(self, node: ast.expr | ast.stmt | None = None) -> int:
        """The line of a node, counted from the `def`."""
        node = node or self.spots[-1]
        source = self.frame.source
        return node.lineno - (source.def_line - source.first_line)

    def origin(self, node: ast.stmt | ast.expr) -> Origin:
        """The provenance of what a statement makes."""
        text = self.frame.source.text.splitlines()[node.lineno - 1].strip()
        return Origin(self.frame.name, self.line(node), text)

    def text(self, node: ast.AST | None = None) -> str:
        """The user's text of an expression, on one line."""
        return ast.unparse(node or self.spots[-1])

    # Refusals --------------------------------------------------------------------------------

    def refuse(
        self, message: str, instead: str, error: type[CodegenError] | None = None
    ) -> NoReturn:
        """Refuse what stands at the present place: what is wrong, and what to write instead."""
        kind = error or UnsupportedSyntax
        text = f"{message}\n{instead}"
        raise kind(text, where=self.where()) if issubclass(kind, SourceError) else kind(text)

    def fails(self, error: Exception) -> NoReturn:
        """Refuse what raises an exception as it stands."""
        self.refuse(
            f"`{self.text()}` fails when the function runs: {words.said(error)}.",
            "Call the function itself to see the error.",
        )

    def unbound(self, value: Unbound) -> NoReturn:
        """Refuse to read a name without a value, unless there is a way to give it one."""
        if value.equal is not None:
            self.equate(*value.equal)
        if value.loop is not None and value.loop not in self.facts.peeled:
            self.facts.peeled.add(value.loop)
            raise Restart
        if value.key is not None and value.key not in self.facts.maybe:
            self.facts.maybe.add(value.key)
            raise Restart
        if value.short is not None and value.short not in self.facts.unrolled:
            self.facts.unrolled.add(value.short)
            raise Restart
        self.refuse(value.reason, value.instead)

    def certain(self, value: Value, text: str) -> Value:
        """The value, which the user's `text` stands for; that it is there is checked."""
        return maybe.certain(self, value, text)

    # Storages --------------------------------------------------------------------------------

    def fresh(
        self, node: Node, *, weak: bool = False, label: str = "", ordered: bool = False
    ) -> Array:
        """A new array that shares memory with nothing."""
        cell = Cell(label, ordered)
        self.store[cell] = node
        return Array(cell, weak=weak)

    def list_of(self, items: Sequence[Value]) -> List:
        """A new list."""
        cell = Cell()
        self.store[cell] = tuple(items)
        return List(cell)

    def list_of_rows(self, rows: Rows) -> List:
        """A new list whose length is not known."""
        cell = Cell()
        self.store[cell] = rows
        return List(cell)

    def dict_of(self, items: Mapping[Any, Value]) -> Dict:
        """A new dict."""
        cell = Cell()
        self.store[cell] = dict(items)
        return Dict(cell)

    def read(self, array: Array) -> Node:
        """The present value of an array."""
        return views.read(self.b, self.store[array.cell], array.steps)

    def type_of(self, array: Array) -> ArrayType:
        """Dtype and shape of an array."""
        return self.read(array).array

    def view(self, value: Value, step: views.Step) -> Value:
        """A view of an array through one more step; shares memory with it."""
        if not isinstance(value, Array):
            value = self.fresh(self.node(value))
        read_only = value.read_only or isinstance(step, views.Broadcast)
        found = Array(value.cell, (*value.steps, step), value.weak, read_only, value.boxed)
        if not self.type_of(found).rank and self.type_of(value).rank:
            return replace(found, boxed=True)
        return found

    def read_only(self, value: Value) -> Value:
        """The same view, which cannot be written through."""
        assert isinstance(value, Array)
        return replace(value, read_only=True)

    def tangle(self, one: Cell, other: Cell, reason: str) -> None:
        """Two storages may be the same memory: refuse writes to one while the other is in use."""
        self.tangled.setdefault(one, {})[other] = reason
        self.tangled.setdefault(other, {})[one] = reason

    def label(self, cell: Cell) -> str:
        """What the user calls a storage."""
        return self.labels.get(cell) or cell.label

    @contextmanager
    def rolling(self, key: object, length: int | None) -> Generator[None]:
        """A loop of this length, if it is known, is read as a loop of the program."""
        self.rolled.append((key, length))
        try:
            yield
        finally:
            self.rolled.pop()

    @contextmanager
    def counting(self, trips: Dim | None) -> Generator[None]:
        """What is read happens so many times at most, as far as that is known."""
        self.trips.append(trips)
        try:
            yield
        finally:
            self.trips.pop()

    def short_loop(self) -> object:
        """The key of the innermost loop if its length is known and small, else None."""
        key, length = self.rolled[-1]
        return key if length is not None and length <= _MOST_UNROLLED else None

    def unroll(self) -> None:
        """Start again with the innermost loop of known, small length unrolled, if there is one."""
        for key, length in reversed(self.rolled):
            short = length is not None and length <= _MOST_UNROLLED
            known = short or key in self.facts.certain
            if known and key not in self.facts.unrolled:
                self.facts.unrolled.add(key)
                raise Restart

    def snapshot(self) -> Snapshot:
        """What a branch may change, as it is now."""
        tangled = {cell: dict(partners) for cell, partners in self.tangled.items()}
        return Snapshot(dict(self.frame.env), dict(self.store), tangled)

    def restore(self, saved: Snapshot) -> None:
        """Go back to an earlier state; it can be gone back to again."""
        self.frame.env = dict(saved.env)
        self.store = {**self.roots, **saved.store}
        self.tangled = {cell: dict(partners) for cell, partners in saved.tangled.items()}

    # Sizes -----------------------------------------------------------------------------------

    def fresh_symbol(self, name: str = "trips") -> Dim:
        """A size that only the run knows, and that no argument's shape tells."""
        self.symbols += 1
        return Dim.symbol(f"{name}_{self.symbols}")

    def equate(self, first: Dim, second: Dim, what: str) -> None:
        """Require two sizes to be the same; reading starts again if that is news."""
        requirements.equate(self, first, second, what)

    def require(self, at_least: Dim, minimum: Dim | int, what: str) -> None:
        """Require a size to be at least `minimum` when the kernel is called."""
        requirements.require(self, at_least, minimum, what)

    def holds(self, first: Dim, second: Dim | int, what: str) -> bool:
        """Whether a size is at least another; where only a call tells, each case has a kernel."""
        return requirements.holds(self, first, second, what)

    def smaller(self, first: Dim, second: Dim, what: str) -> Dim:
        """The smaller one of two sizes; where only a call tells, each case has a kernel."""
        return requirements.smaller(self, first, second, what)

    def is_zero_for_a_remainder(self, difference: Dim) -> bool:
        """Whether a difference of sizes is zero for one remainder of a symbol alone."""
        return requirements.is_zero_for_a_remainder(self, difference)

    def refuse_when(self, condition: Node, exception: str, message: str) -> None:
        """Let the kernel raise what NumPy would where the condition holds."""
        checks.refuse_when(self, condition, exception, message)

    def whole(self, x: Node) -> Node:
        """A float as an integer of Python, which it raises for where there is none."""
        return wholes.converted(self, x)

    def visited(self, index: Node, extent: Dim, axis: int = 0) -> Node:
        """Positions in an axis that NumPy refuses if they lie outside."""
        return visits.visited(self, index, extent, axis)

    def places(self, mask: Node) -> list[Node]:
        """Where a mask holds, as one array of integers for each of its axes."""
        return masks.places(self, mask)

    def length(self, value: Node) -> Dim:
        """An integer scalar as a size; 0 where it is negative."""
        return run_time.length(self, value)

    def is_run_time(self, dim: Dim) -> bool:
        """Whether the value of a size is known only while the kernel runs."""
        return is_run_time(self, dim)

    def broadcast(self, *shapes: Shape) -> Shape:
        """The shape that NumPy broadcasts to; sizes that must agree are equated."""
        try:
            return broadcast_shapes(*shapes)
        except BroadcastError as error:
            self.equate(error.first, error.second, self.text())
            raise AssertionError("equal sizes do not fail to broadcast") from error

    def dim(self, value: Value, what: str) -> Dim:
        """The value as a size: a Python int or a symbolic size; refused otherwise."""
        return requirements.size_from(self, value, what)

    def axes(self, value: Value, rank: int, what: str = "axis") -> tuple[int, ...]:
        """A static axis argument (None means all) as sorted, non-negative axes; checked."""
        return words.axes(self, value, rank, what)

    # Values ----------------------------------------------------------------------------------

    def node(self, value: Value, what: str = "argument") -> Node:
        """The value as an array node."""
        return data.node_of(self, value, what)

    def promote(self, *values: Value, floating: bool = False) -> list[Node]:
        """The values as nodes of one dtype by NumPy's rules."""
        return data.promote(self, values, floating=floating)

    def write(self, target: Value, value: Value) -> None:
        """`target[...] = value` for an array."""
        assert isinstance(target, Array)
        data.write(self, target, value)

    def is_array(self, value: Value) -> bool:
        """Whether the value is data."""
        return isinstance(value, Array)

    def is_static(self, value: Value) -> bool:
        """Whether the value is known now."""
        return statics.is_static(self, value)

    def static(self, value: Value, what: str) -> Any:
        """The Python value, which must be known now; refused otherwise."""
        return statics.static(self, value, what)

    def items(self, value: Value, what: str = "argument") -> list[Value]:
        """The items of a sequence whose length is known now."""
        return sequences.items(self, value, what)

    def try_items(self, value: Value) -> list[Value] | None:
        """The items of a sequence whose length is known now, else None."""
        return sequences.try_items(self, value)

    def row(self, array: Array, index: Node | Dim | int) -> Value:
        """`array[index]` on the first axis: a view, or a new scalar."""
        return sequences.row(self, array, index)

    def iota(self, start: Dim | int, length: Dim | int, step: int = 1) -> Node:
        """The i8 vector `start, start + step, …`."""
        return sequences.iota(self, start, length, step)

    def call(self, function: Value, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        """Call any callable value."""
        return self.call_value(self, function, args, kwargs)

    def default_dtype(self) -> DType:
        """What NumPy makes of Python floats."""
        return DType.FLOAT64

    def describe(self, value: Value) -> str:
        """The value in words, for messages."""
        return words.describe(self, value)
