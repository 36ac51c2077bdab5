"""What a generated CUDA file says of its kernels: the plain data at its end.

The table is read from the file's text, without executing it: a warm process never imports numba.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from codegen_ad.errors import InternalError

TABLES = ("KERNELS", "ARRAYS", "SIZES", "OUTPUTS", "FAILURES")
PRODUCTS = "PRODUCTS"
"""Of files with products of matrices between kernels."""
NEEDED = "NEEDED"
"""Of files whose kernels find how many rows some arrays must have."""

_PRODUCT = re.compile(r"(\w+) = (\w+)(\.T)? @ (\w+)(\.T)?")
_ARRAY = re.compile(r"(?P<dtype>\w+)\[(?P<axes>[:, 1]*)\]")
_KNOWN = {"abs": abs, "float": float, "int": int, "math": math, "max": max, "min": min}
"""What texts over sizes may call."""

_FORMATS = {
    "float64": "d", "float32": "f4x", "int64": "q", "int32": "i4x", "uint64": "Q", "uint32": "I4x",
    "int16": "h6x", "uint16": "H6x", "int8": "b7x", "uint8": "B7x", "boolean": "?7x",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a kernel: a number, or an array of so many axes, the last contiguous.

    Attributes
    ----------
    text : the type as numba spells it.
    dtype : of the number, or of the elements.
    ndim : 0 for a number.
    """

    text: str
    dtype: np.dtype[Any]
    ndim: int

    @property
    def is_array(self) -> bool:
        """Whether it is an array."""
        return self.ndim > 0

    @property
    def format(self) -> str:
        """The number as `struct` lays it out in eight bytes."""
        return _FORMATS[self.text]


@dataclass(frozen=True, slots=True)
class Kernel:
    """How a kernel is compiled and launched.

    Attributes
    ----------
    name : of the function in the file.
    parameters : what it takes.
    threads, blocks : of a block and of the grid.
    names : of the parameters.
    rows : how many rows of data the grid shares out, as text over the sizes; None for a grid that
        is always whole.
    cooperative : whether the grid has barriers, so that all its blocks must run at once.
    fastmath : whether all of its arithmetic may be approximate.
    shared : bytes of shared memory whose size the launch gives.
    least : for fewer rows there is one block.
    kept : sizes of data whose rows threads keep, with the least and the largest that each may be.
    """

    name: str
    parameters: tuple[Parameter, ...]
    threads: int
    blocks: int
    names: tuple[str, ...] = ()
    rows: str | None = None
    cooperative: bool = False
    fastmath: bool = False
    shared: int = 0
    kept: tuple[tuple[str, tuple[int, int]], ...] = ()
    least: int = 0

    @property
    def launch_bounds(self) -> tuple[int, int]:
        """What the compiler counts on: threads of a block, and blocks on a multiprocessor."""
        return self.threads, 1

    def grid(self, sizes: Mapping[str, int]) -> int:
        """How many blocks are launched: no more than have a row, which changes no bit."""
        if self.rows is None:
            return self.blocks
        rows = value(self.rows, sizes)
        if rows < self.least:
            return 1
        return min(self.blocks, max(1, -(-rows // self.threads)))

    @property
    def signature(self) -> str:
        """The signature as numba spells it."""
        return f"void({', '.join(p.text for p in self.parameters)})"


@dataclass(frozen=True, slots=True)
class Product:
    """A product of two arrays, which a library computes.

    Attributes
    ----------
    before : the kernel before which it stands; None behind the last one.
    names : of the result, and of what is multiplied.
    transposed : which of the two go in transposed.
    parameters : the three arrays.
    """

    before: str | None
    names: tuple[str, str, str]
    transposed: tuple[bool, bool]
    parameters: tuple[Parameter, ...]


def parameter(text: str) -> Parameter:
    """A parameter from its type in numba's spelling, such as `float32` or `float64[:, ::1]`."""
    text = text.strip()
    found = _ARRAY.fullmatch(text)
    name = text if found is None else found["dtype"]
    if name not in _FORMATS:
        raise InternalError(f"the type {text!r} of a kernel's parameter is not known")
    dtype = np.dtype("?" if name == "boolean" else name)
    return Parameter(text, dtype, 0 if found is None else found["axes"].count(",") + 1)


@dataclass(frozen=True, slots=True)
class Array:
    """An array beside the user's that kernels need.

    Attributes
    ----------
    role : "output", "scratch", "counter" (zero before the first launch, and after each), or
        "status", "barrier" and "needed" (zero before each call).
    dtype : of its elements.
    shape : texts over the sizes.
    """

    role: str
    dtype: np.dtype[Any]
    shape: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """A generated CUDA file, by what its tables say.

    Attributes
    ----------
    source : its text.
    kernels : in the order in which they are launched.
    arrays : those beside the user's, by name.
    sizes : for each size, the parameter and the axis that it is read from (and what it is divided
        by, if it is), or how it is found from sizes before it and numbers that are passed.
    outputs : names of the arrays that are the results, in order.
    failures : exception and message for each number that a kernel may leave in "status".
    products : what a library computes between kernels.
    rooms : the numbers of rows that there is room for, in the order of the array of role "needed".
    """

    source: str
    kernels: Mapping[str, Kernel]
    arrays: Mapping[str, Array]
    sizes: Mapping[str, tuple[str, int] | tuple[str, int, int] | str]
    outputs: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]
    products: tuple[Product, ...] = ()
    rooms: tuple[str, ...] = ()

    def sizes_of(
        self, shapes: Mapping[str, tuple[int, ...]], given: Mapping[str, Any]
    ) -> dict[str, int]:
        """The value of each size, from the shapes of the user's arrays and the numbers passed."""
        numbers = {n: v for n, v in given.items() if not shapes[n]}
        return self._sizes_with(shapes, numbers)

    def sizes_of_fits(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        given: Mapping[str, Any],
        on_host: Callable[[Any, str], NDArray[Any]],
    ) -> list[dict[str, int]]:
        """The same for many fits, for each set of sizes that one of them has.

        Fits may have numbers of their own that sizes are found from: of each such set once.
        `on_host` copies an array from a device.
        """
        numbers = {n: v for n, v in given.items() if not shapes[n]}
        texts = (where for where in self.sizes.values() if isinstance(where, str))
        asked = {n for text in texts for n in _code(text).co_names}
        own = [n for n in given if shapes[n] and n in asked and n not in self.sizes]
        if not own:
            return [self._sizes_with(shapes, numbers)]
        rows = np.unique(np.stack([on_host(given[n], n) for n in own], axis=1), axis=0)
        sets = [dict(zip(own, row, strict=True)) for row in rows.tolist()]
        return [self._sizes_with(shapes, numbers | each) for each in sets]

    def room(self, what: Array, sizes: Sequence[Mapping[str, int]]) -> tuple[int, ...]:
        """The shape of an array that is large enough for each set of sizes, and for one element.

        A place out of bounds is noted, and read as place 0.
        """
        return tuple(max(1, *(value(text, each) for each in sizes)) for text in what.shape)

    def _sizes_with(
        self, shapes: Mapping[str, tuple[int, ...]], numbers: Mapping[str, Any]
    ) -> dict[str, int]:
        found: dict[str, int] = {}
        for size, where in self.sizes.items():
            if isinstance(where, str):
                found[size] = value(where, {**numbers, **found})
            else:
                name, axis, *divisor = where
                found[size] = shapes[name][axis] // (*divisor, 1)[0]
        return found


def read(source: str) -> DeviceFile:
    """What a generated file says of itself."""
    found: dict[str, Any] = {}
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=content) if name in (
                *TABLES,
                PRODUCTS,
                NEEDED,
            ):
                found[name] = ast.literal_eval(content)
            case _:
                continue
    if missing := [name for name in TABLES if name not in found]:
        raise InternalError(f"the file has no table {missing[0]}")
    return DeviceFile(
        source,
        {name: _kernel(name, entry) for name, entry in found["KERNELS"].items()},
        {
            name: Array(what["role"], np.dtype(what["dtype"]), tuple(what["shape"]))
            for name, what in found["ARRAYS"].items()
        },
        dict(found["SIZES"]),
        tuple(found["OUTPUTS"]),
        tuple((kind, message) for kind, message, *_ in found["FAILURES"]),
        tuple(product(entry) for entry in found.get(PRODUCTS, ())),
        tuple(found.get(NEEDED, ())),
    )


def product(entry: Mapping[str, Any]) -> Product:
    """What the table of products says of one."""
    matched = _PRODUCT.fullmatch(entry["product"])
    if matched is None:
        raise InternalError(f"the product {entry['product']!r} is not understood")
    result, left, left_over, right, right_over = matched.groups()
    names = (result, left, right)
    types = tuple(parameter(entry["arguments"][name]) for name in names)
    return Product(entry["before"], names, (bool(left_over), bool(right_over)), types)


def value(text: str, sizes: Mapping[str, int]) -> int:
    """The value of an expression over sizes, of a file whose kernels are executed anyway."""
    return int(eval(_code(text), {"__builtins__": _KNOWN}, dict(sizes)))


@cache
def _code(text: str) -> CodeType:
    return compile(text, "<size>", "eval")


def _kernel(name: str, entry: Mapping[str, Any]) -> Kernel:
    arguments = cast("dict[str, str]", entry["arguments"])
    return Kernel(
        name,
        tuple(parameter(text) for text in arguments.values()),
        int(entry["threads"]),
        int(entry["blocks"]),
        tuple(arguments),
        entry["rows"],
        bool(entry.get("cooperative", False)),
        bool(entry.get("fastmath", False)),
        int(entry.get("shared", 0)),
        tuple(cast("Mapping[str, tuple[int, int]]", entry.get("kept", {})).items()),
        int(entry.get("least", 0)),
    )
