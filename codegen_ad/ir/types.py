"""The types of a program's values: dtypes, arrays with symbolic shapes, and tuples of arrays.

A scalar is an array of rank 0. There are no other types: Python's tuples, dicts and objects are
flattened by the frontend.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from codegen_ad.ir.dims import ONE, Dim


class DType(Enum):
    """Element types, by NumPy's short names."""

    BOOL = "b1"
    INT8 = "i1"
    INT16 = "i2"
    INT32 = "i4"
    INT64 = "i8"
    UINT8 = "u1"
    UINT16 = "u2"
    UINT32 = "u4"
    UINT64 = "u8"
    FLOAT32 = "f4"
    FLOAT64 = "f8"

    @property
    def is_float(self) -> bool:
        """Whether a derivative with respect to such a value exists."""
        return self in (DType.FLOAT32, DType.FLOAT64)

    @property
    def is_integer(self) -> bool:
        """Whether such a value counts or is a place."""
        return self.value[0] in "iu"

    @property
    def wraps(self) -> bool:
        """Whether arithmetic of such integers goes round where that of int64 does not.

        Programs hold and move them; they compute in int64 and convert what comes out.
        """
        return self.is_integer and self is not DType.INT64

    def fits(self, place: DType) -> bool:
        """Whether NumPy writes such values into an array of dtype `place` unless told not to.

        That is casting "same_kind": booleans to unsigned integers to integers to floating point
        numbers, not back.
        """
        kinds = "buif"
        return kinds.index(self.value[0]) <= kinds.index(place.value[0])

    @property
    def numpy_name(self) -> str:
        """The attribute of `numpy` that names this dtype."""
        return _NUMPY_NAMES[self]

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return int(self.value[1])

    def __str__(self) -> str:
        return self.value


_NUMPY_NAMES = {
    DType.BOOL: "bool_",
    DType.INT8: "int8",
    DType.INT16: "int16",
    DType.INT32: "int32",
    DType.INT64: "int64",
    DType.UINT8: "uint8",
    DType.UINT16: "uint16",
    DType.UINT32: "uint32",
    DType.UINT64: "uint64",
    DType.FLOAT32: "float32",
    DType.FLOAT64: "float64",
}

Shape = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class ArrayType:
    """A dtype and a shape: `f8[n, 3]`; a scalar prints as `f8`.

    `size` is set for one scalar only: the one that holds the value of that symbol (`i8=count_1`).
    """

    dtype: DType
    shape: Shape = ()
    size: str | None = None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def with_shape(self, shape: Shape) -> ArrayType:
        """The same dtype with another shape."""
        return ArrayType(self.dtype, shape)

    def with_dtype(self, dtype: DType) -> ArrayType:
        """The same shape with another dtype."""
        return ArrayType(dtype, self.shape)

    def __str__(self) -> str:
        if self.size is not None:
            return f"{self.dtype}={self.size}"
        if not self.shape:
            return str(self.dtype)
        return f"{self.dtype}[{', '.join(str(d) for d in self.shape)}]"


@dataclass(frozen=True, slots=True)
class TupleType:
    """The type of a node with several results: a loop, a branch, a call."""

    items: tuple[ArrayType, ...]

    def __str__(self) -> str:
        return f"({', '.join(str(t) for t in self.items)})"


Type = ArrayType | TupleType


class BroadcastError(Exception):
    """Two dimensions that must agree do not: the frontend equates them or tells the user."""

    def __init__(self, first: Dim, second: Dim) -> None:
        super().__init__(f"{first} and {second} cannot be broadcast together")
        self.first = first
        self.second = second


def broadcast_shapes(*shapes: Shape) -> Shape:
    """NumPy's broadcasting over symbolic shapes.

    A symbol stands for a size other than 1: a size of 1 is known when a kernel is specialised.

    Raises
    ------
    BroadcastError
        If two dimensions differ and neither is the constant 1.
    """
    rank = max((len(s) for s in shapes), default=0)
    result: list[Dim] = []
    for axis in range(-rank, 0):
        dim = ONE
        for shape in shapes:
            if len(shape) < -axis or shape[axis] == ONE:
                continue
            if dim not in (ONE, shape[axis]):
                raise BroadcastError(dim, shape[axis])
            dim = shape[axis]
        result.append(dim)
    return tuple(result)
