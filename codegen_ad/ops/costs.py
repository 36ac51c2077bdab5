"""What operations cost: which are as much as a call of a function, and estimates of work."""

from __future__ import annotations

import math

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Region, toposort
from codegen_ad.ir.types import ArrayType, TupleType
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.control import Branch, Custom, Loop, While
from codegen_ad.ops.reduction import Contract
from codegen_ad.ops.unary import CAST

COSTLY = frozenset(
    (
        "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "expit",
        "softplus", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh",
        "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "erf", "erfc", "power", "cbrt",
        "hypot", "logit", *(entry.op.name for entry in ELEMENTWISE.values() if entry.carried),
    )
)  # fmt: skip
"""Elementwise operations that cost as much as some ten products or more."""


def is_costly(node: Node) -> bool:
    """Whether a node computes such an operation; whole powers are a few products."""
    return node.op.name in COSTLY and not _is_whole_power(node)


def _is_whole_power(node: Node) -> bool:
    """Whether it is a power that is computed by products."""
    if node.op.name != "power":
        return False
    exponent = node.args[1]
    while exponent.op.kind is Kind.MOVEMENT:
        exponent = exponent.args[0]
    value = make.constant_value(exponent)
    if value is not None:
        return float(value).is_integer()
    return exponent.op is CAST and not exponent.args[0].array.dtype.is_float


TYPICAL_SIZE = 1000
"""What an unknown size, or number of trips, is taken for when costs are compared."""

COSTS_MORE = {"divide": 4, "sqrt": 4, "remainder": 6, "floor_divide": 6}
"""Elementwise operations that are no call, and cost as much as so many products."""


def typical(dim: Dim) -> int:
    """A size, if all sizes it depends on are as they usually are.

    Of a difference, such as what is behind the first `n` of `m`, no more is known than of a size.
    """
    value = dim.evaluate(dict.fromkeys(dim.symbols(), TYPICAL_SIZE))
    return value if value > 0 or dim.is_constant else TYPICAL_SIZE


def elements(array: ArrayType) -> int:
    """How many elements it typically has."""
    return math.prod(map(typical, array.shape))


def operations(node: Node) -> int:
    """About how many products take as long as the node, given its arguments, at typical sizes."""
    if node.op.kind in (Kind.INPUT, Kind.CONSTANT, Kind.SIZE, Kind.RESULT):
        return 0
    params = node.params
    match params:
        case Loop() | While():
            length = typical(params.length)
            return max(length, 1) * sum(map(region_operations, node.regions))
        case Branch():
            return max(map(region_operations, node.regions))
        case Custom():
            return region_operations(params.forward)
        case Contract():
            dims: dict[int, Dim] = {}
            for arg, labels in zip(node.args, params.operands, strict=True):
                dims.update(zip(labels, arg.array.shape, strict=True))
            return len(node.args) * math.prod(map(typical, dims.values()))
        case _:
            return _of_arrays(node)


def region_operations(region: Region) -> int:
    """About how many products take as long as the region."""
    return sum(map(operations, toposort(region.outputs)))


def _of_arrays(node: Node) -> int:
    args = [a.array for a in node.args if isinstance(a.type, ArrayType)]
    outputs = node.items if isinstance(node.type, TupleType) else (node.array,)
    size = sum(map(elements, outputs))
    match node.op.kind:
        case Kind.ELEMENTWISE:
            return size * (12 if is_costly(node) else COSTS_MORE.get(node.op.name, 1))
        case Kind.MOVEMENT:
            # A view of one array costs nothing; several are copied into one.
            return size if len(node.args) > 1 else 0
        case Kind.GATHER:
            return size
        case Kind.LINALG:
            largest = max((typical(d) for t in args for d in t.shape), default=1)
            return 2 * largest * max(size, *map(elements, args))
        case _:
            return max(size, *map(elements, args[:1]))
