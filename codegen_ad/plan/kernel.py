"""What a plan is made of: scalar expressions, statements, buffers, and the kernel around them.

Index expressions are `Dim` polynomials over size symbols, loop variables and integer variables.
A name that starts with "@" is a variable that `names` has not named yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from codegen_ad.ir.dims import ONE, AxisSize, Dim
from codegen_ad.ir.node import Node, Origin
from codegen_ad.ir.types import DType, Shape


@dataclass(frozen=True, slots=True)
class Var:
    """A scalar variable."""

    name: str
    dtype: DType


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, as text, of a dtype."""

    text: str
    dtype: DType


@dataclass(frozen=True, slots=True)
class Index:
    """An index expression or a size, as an integer value."""

    dim: Dim

    @property
    def dtype(self) -> DType:
        """Sizes and indices are 64-bit integers."""
        return DType.INT64


@dataclass(frozen=True, slots=True)
class Load:
    """One element of a buffer."""

    buffer: str
    indices: tuple[Dim, ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class Apply:
    """An elementwise operation, by name, on scalars."""

    op: str
    args: tuple[Expr, ...]
    dtype: DType


Expr = Var | Number | Index | Load | Apply


@dataclass(frozen=True, slots=True)
class Note:
    """Where a statement comes from, and whether it belongs to the derivative."""

    origin: Origin | None = None
    gradient: bool = False


@dataclass(slots=True)
class Let:
    """`name = expr`, once. `node` is what it computes, for its name."""

    name: str
    expr: Expr
    node: Node | None
    note: Note


@dataclass(slots=True)
class Assign:
    """`names = exprs`, all at once, to variables that change: carried values, accumulators."""

    names: tuple[str, ...]
    exprs: tuple[Expr, ...]
    note: Note


@dataclass(slots=True)
class Accumulate:
    """`target = target (how) expr`; `how` is sum, prod, max, min, any or all."""

    target: Var | Load
    how: str
    expr: Expr
    note: Note


@dataclass(slots=True)
class Store:
    """`buffer[indices] = expr`."""

    buffer: str
    indices: tuple[Dim, ...]
    expr: Expr
    note: Note


@dataclass(slots=True)
class Allocate:
    """A new buffer; `fill` is None for uninitialised memory."""

    buffer: str
    shape: Shape
    dtype: DType
    fill: float | None
    note: Note
    output: bool = False


@dataclass(slots=True)
class Fill:
    """Set all elements of a buffer."""

    buffer: str
    value: float
    note: Note


@dataclass(slots=True)
class CopyInto:
    """`target[...] = source`, two buffers of one shape."""

    target: str
    source: str
    note: Note
    shape: Shape


@dataclass(slots=True)
class View:
    """`buffer` is `source` in another shape (C order, no copy where it is contiguous)."""

    buffer: str
    source: str
    shape: Shape
    note: Note


@dataclass(slots=True)
class LibraryCall:
    """`results = function(arguments)`: BLAS, linear algebra, sorting. Arguments are buffers.

    `transposed` says which arguments go in transposed; `into` writes the result into a buffer;
    `options` are further arguments, literals. With `at` the call is about one matrix of stacks: it
    reads and writes every buffer at these leading indices. A result that nobody reads is "_". What
    each result is, where that is known, `made` says: shape and dtype.
    """

    results: tuple[str, ...]
    function: str
    arguments: tuple[str, ...]
    transposed: tuple[bool, ...]
    note: Note
    into: bool = False
    options: tuple[bool | float, ...] = ()
    at: tuple[Dim, ...] = ()
    made: tuple[tuple[Shape, DType] | None, ...] = ()


@dataclass(slots=True)
class Product:
    """`result = left @ right` for the rows of a tile, matrices at leading indices of buffers.

    `right` has the tile's rows along its last axis, `left` has none. What `adds` has them along the
    last axis of both, and is `result += left @ right.T`; `part` is room for the product. There are
    `terms` multiplications for a row. With `by_steps` the rows are steps, along the first axis of
    both: it is `result += left.T @ right`.
    """

    result: Load
    left: Load
    right: Load
    terms: Dim
    note: Note
    adds: bool = False
    part: str | None = None
    rows: Dim = ONE
    by_steps: bool = False


@dataclass(slots=True)
class MatrixVector:
    """`result += matrix @ vector` if `by_rows`, else `result += vector @ matrix`.

    All three stand at leading indices of buffers. There are `terms` multiplications. With `tile`, a
    first row and how many rows, the matrix is these rows of what stands there, and of the vector
    along them only the beginning is meant.
    """

    result: Load
    matrix: Load
    vector: Load
    terms: Dim
    note: Note
    by_rows: bool
    tile: tuple[Dim, Dim] | None = None


@dataclass(slots=True)
class Check:
    """Make `name` a valid index of an axis of size `extent`: wrap a negative one, else raise."""

    name: str
    extent: Dim
    axis: int
    note: Note


@dataclass(slots=True)
class CheckRange:
    """Raise unless all of `0 … count - 1` are indices of an axis of size `extent`."""

    count: Dim
    extent: Dim
    axis: int
    note: Note


@dataclass(frozen=True, slots=True)
class Window:
    """Some trips of a loop: `count` of them from `first` on, as far as there are as many.

    They are counted by `step`, and begin with `start`, which the compiler is told is not negative:
    otherwise it would take every index for one that may count from the end.
    """

    first: Dim
    count: Dim
    start: str
    step: str


@dataclass(slots=True)
class For:
    """`for variable in range(extent)`; `carried` if a trip depends on the one before.

    With `window` only the trips in it; a pair of numbers as `span` says from where up to where.
    `remark` says what is unusual about it.
    """

    variable: str
    extent: Dim
    body: list[Statement]
    note: Note
    carried: bool = False
    span: tuple[Dim, Dim] | None = None
    window: Window | None = None
    remark: str = ""


@dataclass(slots=True)
class Tiles:
    """For tiles of `size` rows out of `extent`: `body`, about `rows` rows from `first` on.

    The last tile may be shorter. Loops over its rows have the variable `row`. With `window` only
    the rows in it, whole tiles. `carried` if the rows are steps, each of which depends on the one
    before. `remark` says what the tiles are for.
    """

    first: str
    rows: str
    row: str
    extent: Dim
    size: int
    body: list[Statement]
    note: Note
    window: Window | None = None
    carried: bool = False
    remark: str = "what rows keep stands in buffers, rows last"


@dataclass(slots=True)
class While:
    """`while True`: run `test`, leave unless `condition`, run `body`; `count` counts the trips."""

    test: list[Statement]
    condition: Expr
    body: list[Statement]
    count: str
    note: Note


@dataclass(slots=True)
class Grow:
    """Make room in `buffers` for one more leading row, when `count` rows are full."""

    buffers: tuple[str, ...]
    count: str
    note: Note


@dataclass(slots=True)
class Need:
    """On a device: tell the caller, under a number, for how many rows there must be room."""

    place: int
    rows: Expr
    note: Note


@dataclass(slots=True)
class If:
    """A branch."""

    condition: Expr
    then: list[Statement]
    otherwise: list[Statement]
    note: Note


@dataclass(slots=True)
class Raise:
    """Raise the built-in exception of this name; `shown` are what the message has places for."""

    exception: str
    message: str | None
    shown: tuple[Expr, ...]
    note: Note


Statement = (
    Let | Assign | Accumulate | Store | Allocate | Fill | CopyInto | View | LibraryCall | Product
    | MatrixVector | Check | CheckRange | For | Tiles | While | Grow | Need | If | Raise
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the kernel: an array or a scalar."""

    name: str
    dtype: DType
    shape: Shape
    rank: int


@dataclass(slots=True)
class Kernel:
    """A planned function, whose `outputs` are variables, numbers or buffers."""

    name: str
    parameters: tuple[Parameter, ...]
    sizes: tuple[AxisSize[str], ...]
    body: list[Statement]
    outputs: tuple[Expr | str, ...]
    output_names: tuple[str, ...]
    output_shapes: tuple[Shape, ...]
    output_dtypes: tuple[DType, ...]
    stored: list[str] = field(default_factory=list[str])


def blocks(statement: Statement) -> Iterator[list[Statement]]:
    """The statement lists inside a statement."""
    match statement:
        case For(body=body) | Tiles(body=body):
            yield body
        case While(test=test, body=body):
            yield from (test, body)
        case If(then=then, otherwise=otherwise):
            yield from (then, otherwise)
        case _:
            pass


def walk(statements: list[Statement]) -> Iterator[Statement]:
    """All statements, outer before inner, in order."""
    for statement in statements:
        yield statement
        for block in blocks(statement):
            yield from walk(block)


def copied(statement: Statement) -> Statement:
    """A statement that may be changed without changing this one; expressions are immutable."""
    match statement:
        case For(body=body) | Tiles(body=body):
            return replace(statement, body=[copied(s) for s in body])
        case While(test=test, body=body):
            test, body = [copied(s) for s in test], [copied(s) for s in body]
            return replace(statement, test=test, body=body)
        case If(then=then, otherwise=otherwise):
            then, otherwise = [copied(s) for s in then], [copied(s) for s in otherwise]
            return replace(statement, then=then, otherwise=otherwise)
        case _:
            return replace(statement)
