"""Nodes, operations, regions and programs: immutable values, nothing else.

A node is (operation, arguments, parameters, type). Where it came from and what the user calls it
are kept beside it, in the builder's `Notes`. Engine, passes and planner look at the kind only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import cast

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import ArrayType, TupleType, Type


class Kind(Enum):
    """The closed list of what an operation can be."""

    INPUT = "input"
    CONSTANT = "constant"
    SIZE = "size"
    ELEMENTWISE = "elementwise"
    REDUCE = "reduce"
    CONTRACT = "contract"
    MOVEMENT = "movement"
    GATHER = "gather"
    SCATTER = "scatter"
    UPDATE = "update"
    SCAN = "scan"
    FILTER = "filter"
    LINALG = "linalg"
    LOOP = "loop"
    WHILE = "while"
    BRANCH = "branch"
    CALL = "call"
    RESULT = "result"


class Params:
    """Base of the frozen dataclasses that hold an operation's parameters.

    Subclasses are frozen, hashable, and print as their fields.
    """

    __slots__ = ()


Infer = Callable[[Sequence[Type], Params | None], Type]


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """An operation: its name, kind and typing rule. One object per operation.

    `infer` gives the result's type or raises `TypeMismatch`; what else belongs to an operation
    (evaluation, adjoint, spelling) stands in the tables of `codegen_ad.ops`, `derive` and `emit`.
    """

    name: str
    kind: Kind
    infer: Infer = field(repr=False)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


class TypeMismatch(Exception):
    """An operation was given arguments it has no meaning for; the message says which."""


class WrappingIntegers(TypeMismatch):
    """An operation would compute with integers that wrap around; it is written in int64 instead."""


def not_wrapping(types: Sequence[Type]) -> None:
    """Raise WrappingIntegers if a value is an integer whose arithmetic wraps around."""
    for kind in types:
        if isinstance(kind, ArrayType) and kind.dtype.wraps:
            raise WrappingIntegers(kind.dtype.numpy_name)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value. Made only by a `Builder`, which interns, so that equal means `is`.

    `sizes` are the scalars that hold the run-time sizes its parameters speak of.
    """

    op: Op
    args: tuple[Node, ...]
    params: Params | None
    type: Type
    sizes: tuple[Node, ...] = ()

    @property
    def needs(self) -> tuple[Node, ...]:
        """All nodes that must have a value first: arguments and run-time sizes."""
        return (*self.args, *self.sizes) if self.sizes else self.args

    @property
    def array(self) -> ArrayType:
        """The type of a node that has one result."""
        assert isinstance(self.type, ArrayType), f"{self.op.name} has several results"
        return self.type

    @property
    def items(self) -> tuple[ArrayType, ...]:
        """The types of a node that has several results."""
        assert isinstance(self.type, TupleType), f"{self.op.name} has one result"
        return self.type.items

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions a structured node owns, in order."""
        return self.params.regions if isinstance(self.params, RegionParams) else ()

    def __repr__(self) -> str:
        return f"<{self.op.name}: {self.type}>"


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A closed sub-program: its nodes reach no input but `inputs`."""

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]


class RegionParams(Params):
    """Parameters that own regions. No `ABC`: every node is asked whether it has such."""

    __slots__ = ()

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions, in order."""
        raise NotImplementedError

    def with_regions(self, regions: tuple[Region, ...]) -> RegionParams:
        """The same parameters around other regions."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Origin:
    """The user's source line a node came from.

    `line` counts from the `def` of `function` (1 is the `def` line); `text` is the statement.
    """

    function: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Access:
    """Where the user's function reads or writes at places that data name, and along how many."""

    origin: Origin
    extent: Dim


@dataclass(slots=True)
class Notes:
    """What is known about nodes beside the program. Losing it all leaves the same program.

    `converted` are integers that the user's function makes of floats, and where.
    """

    origins: dict[Node, Origin] = field(default_factory=dict[Node, Origin])
    names: dict[Node, str] = field(default_factory=dict[Node, str])
    gradients: set[Node] = field(default_factory=set[Node])
    converted: dict[Node, frozenset[object]] = field(default_factory=dict[Node, frozenset[object]])

    def copy_text(self, source: Node, target: Node) -> None:
        """Let `target` inherit line and name of `source`, unless it has its own."""
        if source in self.origins:
            self.origins.setdefault(target, self.origins[source])
        if source in self.names:
            self.names.setdefault(target, self.names[source])
        if source in self.converted:
            held = self.converted.get(target, frozenset())
            self.converted[target] = held | self.converted[source]

    def copy(self, source: Node, target: Node) -> None:
        """The same, and that `source` is part of a gradient."""
        self.copy_text(source, target)
        if source in self.gradients and target is not source:
            self.gradients.add(target)


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception that a program raises: the user's `raise` or `assert`, once it has failed.

    `exception` is the name of a built-in class. `message` is its argument, if it has one; with
    `shown`, it is a format string for these of the program's `Checks.values`.
    """

    exception: str
    message: str | None
    shown: tuple[int, ...]
    origin: Origin


@dataclass(frozen=True, slots=True, eq=False)
class Checks:
    """What a program requires of its data.

    `code` is 0, or the number of the first failure, counted from 1; `values` are what messages
    show. Both are computed like any other value, so that loops with checks stay what they are.
    """

    code: Node
    values: tuple[Node, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A function of arrays: named inputs, named outputs, and the notes of its nodes."""

    name: str
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    output_names: tuple[str, ...]
    notes: Notes
    checks: Checks | None = None

    def with_outputs(self, outputs: Sequence[Node], names: Sequence[str]) -> Program:
        """The same program with other outputs."""
        return replace(self, outputs=tuple(outputs), output_names=tuple(names))

    @property
    def checked(self) -> tuple[Node, ...]:
        """The nodes of the checks: the code and the values shown."""
        return () if self.checks is None else (self.checks.code, *self.checks.values)

    @property
    def results(self) -> tuple[Node, ...]:
        """All that is computed: the outputs, then the nodes of the checks."""
        return (*self.outputs, *self.checked)

    def rebuilt(self, results: Sequence[Node], notes: Notes) -> Program:
        """The same program with `results` made anew, in the same order."""
        count = len(self.outputs)
        return replace(
            self,
            outputs=tuple(results[:count]),
            notes=notes,
            checks=self.rechecked(results[count:]),
        )

    def rechecked(self, nodes: Sequence[Node]) -> Checks | None:
        """The checks with their nodes made anew."""
        if self.checks is None:
            return None
        return replace(self.checks, code=nodes[0], values=tuple(nodes[1:]))

    def nodes(self) -> list[Node]:
        """All nodes outside regions, arguments first."""
        return toposort(self.results)


def dims_in(value: object) -> Iterator[Dim]:
    """All sizes in parameters, not in the regions they own."""
    match value:
        case Dim():
            yield value
        case Region():
            pass
        case tuple():
            for item in cast("tuple[object, ...]", value):
                yield from dims_in(item)
        case _:
            for name in _fields(value.__class__):
                yield from dims_in(getattr(value, name))


@cache
def _fields(cls: type) -> tuple[str, ...]:
    """The names of a dataclass's fields; of another class none."""
    return tuple(part.name for part in fields(cls)) if is_dataclass(cls) else ()


def symbols_in(value: object) -> Iterator[str]:
    """The symbols of all sizes in parameters, not in the regions they own."""
    for dim in dims_in(value):
        yield from dim.symbols()


def toposort(outputs: Iterable[Node]) -> list[Node]:
    """All nodes that `outputs` need, arguments first, in an order that depends on the program only.

    Regions are closed, so what is inside them is not listed.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    for output in outputs:
        stack: list[tuple[Node, Iterator[Node]]] = []
        if output not in seen:
            seen.add(output)
            stack.append((output, iter(output.needs)))
        while stack:
            node, rest = stack[-1]
            for arg in rest:
                if arg not in seen:
                    seen.add(arg)
                    stack.append((arg, iter(arg.needs)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order
