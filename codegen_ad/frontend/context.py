"""What the meaning of a library function may ask of the interpreter that met the call.

`codegen_ad.frontend.library` is written against this protocol, the interpreter implements it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from codegen_ad.errors import CodegenError
from codegen_ad.frontend.arrays.views import Step
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType

Value = object
"""An abstract value: see `codegen_ad.frontend.values`."""


class Context(Protocol):
    """The services of the interpreter at one call site."""

    @property
    def b(self) -> Builder:
        """The builder of the program being read."""
        ...

    def node(self, value: Value, what: str = "argument") -> Node:
        """The value as an array node.

        Arrays and views are read, Python numbers become literals (i8, f8, b1), symbolic sizes
        become scalars, nested sequences of numbers and arrays are stacked.
        """
        ...

    def promote(self, *values: Value, floating: bool = False) -> list[Node]:
        """The values as nodes of one dtype by NumPy's rules (Python numbers are weak).

        With `floating`, integers and booleans become f8.
        """
        ...

    def fresh(self, node: Node, *, weak: bool = False, ordered: bool = False) -> Value:
        """A new array that shares memory with nothing; in C order for certain if `ordered`."""
        ...

    def view(self, value: Value, step: Step) -> Value:
        """A view of an array through one more step; shares memory with it."""
        ...

    def read_only(self, value: Value) -> Value:
        """The same view of an array, which cannot be written through."""
        ...

    def list_of(self, items: Sequence[Value]) -> Value:
        """A new list."""
        ...

    def try_items(self, value: Value) -> list[Value] | None:
        """The items of a sequence whose length is known now, else None."""
        ...

    def items(self, value: Value, what: str = "argument") -> list[Value]:
        """The items of a tuple, list, range, zip or other sequence of static length.

        Also the rows of an array whose first axis has a static length; refused otherwise.
        """
        ...

    def snapshot(self) -> Any:
        """What calls may change, as it is now."""
        ...

    def restore(self, saved: Any) -> None:
        """Go back to an earlier state; it can be gone back to again."""
        ...

    def is_array(self, value: Value) -> bool:
        """Whether the value is data: an array, or a scalar that is not known now (weak or not)."""
        ...

    def iota(self, start: Dim | int, length: Dim | int, step: int = 1) -> Node:
        """The i8 vector `start, start + step, …`."""
        ...

    def write(self, target: Value, value: Value) -> None:
        """`target[...] = value` for an array: broadcast, cast, seen by all views of its storage."""
        ...

    def static(self, value: Value, what: str) -> object:
        """The Python value, which must be known now; refused otherwise. Sizes may be `Dim`."""
        ...

    def is_static(self, value: Value) -> bool:
        """Whether `static` would succeed."""
        ...

    def dim(self, value: Value, what: str) -> Dim:
        """The value as a dimension: a Python int or a symbolic size; refused otherwise."""
        ...

    def axes(self, value: Value, rank: int, what: str = "axis") -> tuple[int, ...]:
        """A static axis argument (None means all) as sorted, non-negative axes; checked."""
        ...

    def equate(self, first: Dim, second: Dim, what: str) -> None:
        """Require two dimensions to be the same.

        If they are not the same already, reading starts again with this known, and the kernel
        checks it when called; impossible ones are refused with ShapeMismatch.
        """
        ...

    def require(self, at_least: Dim, minimum: Dim | int, what: str) -> None:
        """Require `at_least >= minimum` when the kernel is called, for a slice or a maximum."""
        ...

    def holds(self, first: Dim, second: Dim | int, what: str) -> bool:
        """Whether a size is at least another; where only a call tells, each case has a kernel."""
        ...

    def smaller(self, first: Dim, second: Dim, what: str) -> Dim:
        """The smaller one of two sizes; where only a call tells, each case has a kernel."""
        ...

    def is_zero_for_a_remainder(self, difference: Dim) -> bool:
        """Whether a difference of sizes is zero for one remainder of a symbol alone."""
        ...

    def refuse_when(self, condition: Node, exception: str, message: str) -> None:
        """Let the kernel raise what NumPy would where the condition holds."""
        ...

    def whole(self, x: Node) -> Node:
        """A float as an integer of Python, which it raises for where there is none."""
        ...

    def visited(self, index: Node, extent: Dim, axis: int = 0) -> Node:
        """Positions in an axis of size `extent` that NumPy refuses if they lie outside.

        They are checked where something is read or written there, or else for themselves.
        """
        ...

    def places(self, mask: Node) -> list[Node]:
        """Where a mask holds, as one array of integers for each of its axes."""
        ...

    def length(self, value: Node) -> Dim:
        """An integer scalar as a size; 0 where it is negative."""
        ...

    def is_run_time(self, dim: Dim) -> bool:
        """Whether the value of a size is known only while the kernel runs."""
        ...

    def refuse(
        self, message: str, instead: str, error: type[CodegenError] | None = None
    ) -> NoReturn:
        """Refuse the call, pointing at it: what is wrong, and what to write instead."""
        ...

    def call(self, function: Value, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        """Call any callable value (a Python function, a lambda, a library function)."""
        ...

    def default_dtype(self) -> DType:
        """f8."""
        ...


Handler = Callable[[Context, Sequence[Value], Mapping[str, Value]], Value]
"""The meaning of a library function: context, positional and keyword arguments to result."""
