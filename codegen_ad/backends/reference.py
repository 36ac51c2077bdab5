"""The reference backend: a program run node by node in plain NumPy, slowly and plainly.

It is what every other backend is compared with, and what `explain` shows values by. It never prints
code, fuses nothing and keeps every value until its region ends.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.backends.order import Orders, types_of
from codegen_ad.errors import InternalError, InvalidArgument
from codegen_ad.ir.builder import Result
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Checks, Node, Program, Region
from codegen_ad.ir.types import ArrayType
from codegen_ad.ops import ELEMENTWISE, SEVERAL, STRUCTURAL
from codegen_ad.ops.constants import RunSize
from codegen_ad.ops.control import Branch, Custom, Loop, While

Array = NDArray[Any]
Values = tuple[Array, ...]
OnNode = Callable[[Node, float, float], None]
"""Called with each node that has run, when it began (by `perf_counter`) and the seconds it took.

The seconds of a loop or branch hold those of the nodes inside, which are told before it.
"""


def evaluate(
    program: Program,
    inputs: Sequence[Any],
    sizes: Mapping[str, int] | None = None,
    *,
    on_node: OnNode | None = None,
) -> list[Array]:
    """The program's outputs for these inputs, as new arrays of the outputs' dtypes.

    Symbols that are an axis of an input are read from its shape; `sizes` gives any others.
    `on_node` is told of every node that runs, inside regions too.

    Raises
    ------
    InvalidArgument
        If the inputs differ in number, rank or size from what the program takes.
    Exception
        Of whatever class the user's own check has, where it fails.
    """
    if len(inputs) != len(program.inputs):
        raise InvalidArgument(
            f"`{program.name}` takes {len(program.inputs)} inputs, got {len(inputs)}"
        )
    arrays = [
        np.asarray(value, dtype=node.array.dtype.numpy_name)
        for node, value in zip(program.inputs, inputs, strict=True)
    ]
    known = read_sizes([node.array for node in program.inputs], arrays, sizes or {})
    with np.errstate(all="ignore"):
        results = _Machine(on_node).run(program.inputs, program.results, arrays, known)
    count = len(program.outputs)
    if program.checks is not None:
        _raise_failure(program.checks, results[count:])
    return [np.array(value) for value in results[:count]]


def _raise_failure(checks: Checks, found: Sequence[Array]) -> None:
    """Raise the first failure, if there is one."""
    code, *values = found
    if not code:
        return
    failure = checks.failures[int(code) - 1]
    kind: type[Exception] = getattr(builtins, failure.exception)
    if failure.message is None:
        raise kind
    shown = [values[i].item() for i in failure.shown]
    raise kind(failure.message.format(*shown) if shown else failure.message)


def read_sizes(
    types: Sequence[ArrayType], arrays: Sequence[Array], sizes: Mapping[str, int]
) -> dict[str, int]:
    """The value of every symbol that is an axis of one of these arrays, and of those in `sizes`.

    Raises
    ------
    InvalidArgument
        If a shape contradicts its type.
    """
    known = dict(sizes)
    for type, array in zip(types, arrays, strict=True):
        if array.ndim != type.rank:
            raise InvalidArgument(f"an array of shape {array.shape} is no {type}")
        for dim, length in zip(type.shape, array.shape, strict=True):
            if dim.name is not None:
                known.setdefault(dim.name, length)
    for type, array in zip(types, arrays, strict=True):
        for dim, length in zip(type.shape, array.shape, strict=True):
            _read_part(dim, length, known)
    for type, array in zip(types, arrays, strict=True):
        for dim, length in zip(type.shape, array.shape, strict=True):
            if set(dim.symbols()) <= known.keys() and dim.evaluate(known) != length:
                raise InvalidArgument(
                    f"an array of shape {array.shape} is no {type}: {dim} is {dim.evaluate(known)}"
                )
    return known


def _read_part(dim: Dim, length: int, known: dict[str, int]) -> None:
    """Find the one symbol that is not known of a size `divisor*part + rest`."""
    for monomial, divisor in dim.terms:
        match monomial:
            case (str(name),) if name not in known:
                rest = Dim(tuple(t for t in dim.terms if t[0] != monomial))
                if set(rest.symbols()) <= known.keys():
                    known[name] = (length - rest.evaluate(known)) // divisor
            case _:
                pass


class _Machine:
    """Runs regions."""

    def __init__(self, on_node: OnNode | None = None) -> None:
        self._on_node = on_node
        self._orders = Orders()

    def run(
        self,
        inputs: Sequence[Node],
        outputs: tuple[Node, ...],
        arguments: Sequence[Array],
        sizes: Mapping[str, int],
    ) -> Values:
        """The values of `outputs`; symbols that are bound on the way stay in here."""
        known = dict(sizes)
        values: dict[Node, Values] = {
            node: (value,) for node, value in zip(inputs, arguments, strict=True)
        }
        left = self._orders.run(outputs, values, known, self._observed)
        if left:
            raise InternalError(f"no value for the sizes that {left[0]} needs")
        return tuple(values[node][0] for node in outputs)

    def _observed(self, node: Node, values: Mapping[Node, Values], sizes: dict[str, int]) -> Values:
        if self._on_node is None or isinstance(node.params, Result):
            return self._step(node, values, sizes)
        began = perf_counter()
        results = self._step(node, values, sizes)
        self._on_node(node, began, perf_counter() - began)
        return results

    def _step(self, node: Node, values: Mapping[Node, Values], sizes: dict[str, int]) -> Values:
        if isinstance(node.params, Result):
            return (values[node.args[0]][node.params.index],)
        args = [values[a][0] for a in node.args]
        match node.params:
            case Loop() as loop:
                results = self._loop(loop, node, args, sizes)
            case While() as loop:
                results = self._while(loop, node, args, sizes)
            case Branch() as branch:
                taken = branch.then if args[0] else branch.otherwise
                results = self._region(taken, args[1:], sizes)
            case Custom() as custom:
                results = self._region(custom.forward, args, sizes)
            case RunSize(symbol):
                sizes[symbol] = int(args[0])
                results = (args[0],)
            case _ if node.op in SEVERAL:
                results = tuple(SEVERAL[node.op].evaluate(args, node.params, sizes))
            case _:
                results = (compute(node, args, sizes),)
        return tuple(
            _fit(node, value, type, sizes)
            for value, type in zip(results, types_of(node), strict=True)
        )

    def _region(self, region: Region, args: Sequence[Array], sizes: Mapping[str, int]) -> Values:
        return self.run(region.inputs, region.outputs, args, sizes)

    def _loop(self, loop: Loop, node: Node, args: Sequence[Array], sizes: dict[str, int]) -> Values:
        trip = max(int(args[0]), 0)
        carried: Values = tuple(args[1 : 1 + loop.carried])
        captured = args[1 + loop.carried :]
        rows: list[Values] = []
        _bind(node, loop.length, trip, sizes)  # the body may use it
        for i in range(trip):
            out = self._region(loop.body, (np.asarray(i), *carried, *captured), sizes)
            carried = out[: loop.carried]
            rows.append(out[loop.carried :])
        return carried + _stack(rows, node.items[loop.carried :], sizes)

    def _while(
        self, loop: While, node: Node, args: Sequence[Array], sizes: dict[str, int]
    ) -> Values:
        carried: Values = tuple(args[: loop.carried])
        captured = args[loop.carried :]
        rows: list[Values] = []
        while self._region(loop.cond, (*carried, *captured), sizes)[0]:
            out = self._region(loop.body, (*carried, *captured), sizes)
            carried = out[: loop.carried]
            rows.append(out[loop.carried :])
        _bind(node, loop.length, len(rows), sizes)
        stacked = _stack(rows, node.items[loop.carried : -1], sizes)
        return (*carried, *stacked, np.asarray(len(rows)))


def compute(node: Node, args: Sequence[Array], sizes: Mapping[str, int]) -> Array:
    """The value of a node with one result and no regions; NumPy may have widened its dtype."""
    if node.op in ELEMENTWISE:
        return ELEMENTWISE[node.op].evaluate(*args)
    if node.op in STRUCTURAL:
        return STRUCTURAL[node.op].evaluate(args, node.params, sizes)
    raise InternalError(f"no meaning in NumPy is known for {node}")


def _bind(node: Node, length: Dim, trip: int, sizes: dict[str, int]) -> None:
    """Give a loop's symbol its trip count, or check the count that was known before."""
    if length.name is not None:
        sizes.setdefault(length.name, trip)
    if length.evaluate(sizes) != trip:
        raise InternalError(f"{node} ran {trip} times, not {length} = {length.evaluate(sizes)}")


def _stack(rows: Sequence[Values], types: Sequence[ArrayType], sizes: Mapping[str, int]) -> Values:
    if rows:
        return tuple(np.stack(column) for column in zip(*rows, strict=True))
    return tuple(
        np.empty([d.evaluate(sizes) for d in t.shape], dtype=t.dtype.numpy_name) for t in types
    )


def _fit(node: Node, value: Any, type: ArrayType, sizes: Mapping[str, int]) -> Array:
    """The value with the dtype of its type, where NumPy widened it; its shape must be right."""
    array = np.asarray(value, dtype=type.dtype.numpy_name)
    if array.shape != tuple(dim.evaluate(sizes) for dim in type.shape):
        raise InternalError(f"{node.op.name} gives the shape {array.shape}, not {type}")
    return array
