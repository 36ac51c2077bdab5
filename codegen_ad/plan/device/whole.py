"""What a kernel plan becomes on a device of many threads: passes over the data, one after another.

A pass is one launch. Its loop is shared out among a fixed grid of threads: each takes every row
whose number is its own plus a multiple of the number of threads. What the loop adds up, each thread
adds up for itself, in order; then the threads' sums are added in an order that never changes. What
does not depend on the rows every thread computes for itself; what is left to be written when the
sums are known, one thread writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.kernel import Expr, For, Kernel, LibraryCall, Number, Parameter, Statement

THREADS = 256
BLOCKS = 528
"""The grid of every pass over data: four blocks for each of 132 multiprocessors. It is the same on
every device, because the order of sums follows from it."""

SORT = "sorted"
"""The call that sorts the numbers of rows by key: what it gives are the order, room for another
one, where each key begins, and room for counting."""

PRODUCT = "dot"
"""The call that multiplies two arrays of one or two axes: a library's."""

SORT_BLOCKS = 128
SORT_DIGITS = 256
"""Its blocks, which wait for each other and count digits of eight bits. The order that comes out
does not depend on them."""

LEAST = 2048
"""A team of one block is as fast for fewer trips: a barrier of several blocks takes as long as a
block takes for about so many. By the model of one warp, to be measured."""

LARGEST_OWN = 128
"""Arrays of at most so many elements may be private to a thread."""


def identity(how: str, dtype: DType) -> Number | None:
    """What a reduction begins with; None where threads can't share it."""
    infinite = {"max": "-inf", "min": "inf"}
    if how in ("sum", "prod"):
        number = int(how == "prod")
        return Number(repr(float(number)) if dtype.is_float else str(number), dtype)
    if how in infinite and dtype.is_float:
        return Number(infinite[how], dtype)
    if how in infinite and dtype is DType.INT64:
        return Number(str(-(2**63) if how == "max" else 2**63 - 1), dtype)
    return None


def words(dtype: DType, shape: Shape = ()) -> int:
    """How many registers of 32 bits a number takes, or an array of known sizes."""
    return prod(d.value for d in shape) * (2 if dtype.numpy_name.endswith("64") else 1)


@dataclass(frozen=True, slots=True)
class Total:
    """What every thread adds up for itself: a number, or a small array under the name `own`.

    `adds` says that it holds something already, to which the total is added. `start` is the first
    place along the first axis, where other passes add up the rest of an array.
    """

    name: str
    how: str
    dtype: DType
    shape: Shape = ()
    own: str = ""
    adds: bool = False
    start: int = 0

    @property
    def words(self) -> int:
        """How many registers of 32 bits it takes."""
        return words(self.dtype, self.shape)

    @property
    def count(self) -> int:
        """The number of elements."""
        return prod(d.value for d in self.shape)


@dataclass(frozen=True, slots=True)
class Own:
    """An array that every thread has for itself."""

    name: str
    shape: Shape
    dtype: DType

    @property
    def words(self) -> int:
        """How many registers of 32 bits it takes."""
        return words(self.dtype, self.shape)


@dataclass(frozen=True, slots=True)
class Buffer:
    """An array in the device's memory that is no parameter of the user's.

    `role` is "output", "scratch" (what a later pass reads), "counter" or "status".
    """

    name: str
    shape: tuple[Dim | str, ...]
    dtype: DType
    role: str


@dataclass(frozen=True, slots=True)
class Lanes:
    """What the lanes of a warp share of a trip: an inner loop, and what it adds up."""

    loop: For
    totals: tuple[Total, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A launch that no statements describe: a function of whole arrays."""

    statement: LibraryCall


@dataclass(slots=True)
class Pass:
    """One launch.

    Attributes
    ----------
    before : what every thread computes for itself.
    loop : the loop whose trips are shared out, or None.
    totals : what the loop adds up.
    own : arrays of the threads.
    after : what one thread does in the end, when all totals are known.
    again : the index, 0, at which the loop reads again what all rows share; empty if it doesn't.
    lanes : with it, a warp takes a trip, and its lanes share this; one of them does what follows.
    atomic : the arrays to which the loop's threads add in any order.
    number : of the loop of the kernel that this is a part of; -1 where it can't be parted.
    """

    before: list[Statement]
    loop: For | None
    totals: tuple[Total, ...] = ()
    own: tuple[Own, ...] = ()
    after: list[Statement] = field(default_factory=list[Statement])
    again: str = ""
    lanes: Lanes | None = None
    atomic: frozenset[str] = frozenset()
    number: int = -1


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """A kernel as passes, with what it needs in the device's memory beside its parameters.

    `outputs` are the names of the arrays that hold the kernel's results, in order, `counts` numbers
    that sizes of arrays are made of, `rooms` those that earlier launches find (`counted.py`). With
    `is_long` there are sums over all rows for each element of an array, as products of matrices
    are.
    """

    kernel: Kernel
    passes: tuple[Pass | Call, ...]
    parameters: tuple[Parameter, ...]
    buffers: tuple[Buffer, ...]
    outputs: tuple[str, ...]
    counts: tuple[tuple[str, Expr], ...] = ()
    is_long: bool = False
    rooms: tuple[str, ...] = ()
