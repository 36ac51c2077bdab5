"""The sparsity pattern of a program's Jacobian, by running the program on vertices.

Each value is what its elements depend on. What is made of sizes, constants and integers alone has
its numbers beside that, so that positions, conditions and numbers of iterations are known. Loops
then run iteration by iteration. One that may end anywhere has what each of its ends makes; one
without a known number in its condition runs once, in a cycle.

It is the propagation of index domains of Griewank and Walther, "Evaluating Derivatives" (2008),
section 7.1, on arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from codegen_ad.backends.order import Orders, types_of
from codegen_ad.backends.reference import compute, read_sizes
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Result
from codegen_ad.ir.node import Node, Program, Region, toposort
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops import ELEMENTWISE, SEVERAL
from codegen_ad.ops.constants import RunSize
from codegen_ad.ops.control import Branch, Custom, Loop, While
from codegen_ad.ops.entry import Array, Sizes
from codegen_ad.sparsity.graph import Graph, Ints, Vertices
from codegen_ad.sparsity.kinds import Known, dependences, everything, shape_of

Values = tuple[Known, ...]
NOTHING = Known()
COUNTED = 10_000
"""So many iterations are followed one by one where each may be the last."""


def pattern(
    program: Program, wrt: Sequence[Node], arrays: Sequence[Any]
) -> tuple[Ints, Ints, tuple[int, ...]]:
    """Which elements of `wrt`, one after another, each element of the one output depends on.

    Parameters
    ----------
    program : has one output.
    wrt : inputs of the program.
    arrays : the value of every input. Of floating point ones only the shape is looked at: the
        pattern holds for all numbers.

    Returns
    -------
    indptr, indices : the pattern in compressed sparse rows, C order, indices sorted. It may hold
        entries that are always zero.
    shape : of the output, whose sizes may be counted in integers and truth values.

    Raises
    ------
    InvalidArgument
        If a shape contradicts its type.
    NotDifferentiable
        If a size depends on floating point numbers.
    """
    graph, (vertices,) = _traced(program, wrt, arrays, program.outputs)
    return *graph.rows(vertices), vertices.shape


def selection(
    program: Program, wrt: Sequence[Node], arrays: Sequence[Any], nodes: Sequence[Node]
) -> list[Ints] | None:
    """Which element of `wrt`, one after another, each element of some nodes is: -1 for a constant.

    None, if there is one that may be any of several.
    """
    graph, found = _traced(program, wrt, arrays, nodes)
    if any(v.max(initial=0) > graph.width for v in found):
        return None
    return [v - 1 for v in found]


def _traced(
    program: Program, wrt: Sequence[Node], arrays: Sequence[Any], nodes: Sequence[Node]
) -> tuple[Graph, list[Vertices]]:
    """The vertices of nodes of the program."""
    values = [
        np.asarray(a, dtype=i.array.dtype.numpy_name)
        for i, a in zip(program.inputs, arrays, strict=True)
    ]
    sizes = read_sizes([i.array for i in program.inputs], values, {})
    graph = Graph(sum(values[program.inputs.index(w)].size for w in wrt))
    given: list[Known] = []
    first = dict(zip(wrt, _starts(wrt, program, values), strict=True))
    for node, value in zip(program.inputs, values, strict=True):
        if node in first:
            numbers = np.arange(first[node], first[node] + value.size)
            given.append(Known(numbers.reshape(value.shape)))
        else:
            given.append(Known() if node.array.dtype.is_float else Known(None, value))
    tracer = _Tracer(graph, program)
    with np.errstate(all="ignore"):
        found = tracer.run(program.inputs, tuple(nodes), given, sizes)
    whole = [
        np.zeros(shape_of(n.array.shape, sizes), np.int64) if v.vertices is None else v.vertices
        for n, v in zip(nodes, found, strict=True)
    ]
    return graph, whole


def _starts(wrt: Sequence[Node], program: Program, values: Sequence[Array]) -> list[int]:
    starts: list[int] = []
    start = 1
    for node in wrt:
        starts.append(start)
        start += values[program.inputs.index(node)].size
    return starts


class _Tracer:
    """Runs regions on what is known of values."""

    def __init__(self, graph: Graph, program: Program) -> None:
        self._graph = graph
        self._program = program
        self._orders = Orders()

    def run(
        self,
        inputs: Sequence[Node],
        outputs: tuple[Node, ...],
        arguments: Sequence[Known],
        sizes: dict[str, int],
    ) -> Values:
        """What is known of `outputs`; the sizes that are learned on the way are added."""
        values: dict[Node, Values] = {n: (v,) for n, v in zip(inputs, arguments, strict=True)}
        left = self._orders.run(outputs, values, sizes, self._step)
        if left:
            raise self._unknown_size(left[0])
        return tuple(values[node][0] for node in outputs)

    def _step(self, node: Node, values: dict[Node, Values], sizes: dict[str, int]) -> Values:
        if isinstance(node.params, Result):
            return (values[node.args[0]][node.params.index],)
        args = [values[a][0] for a in node.args]
        match node.params:
            case Loop() as loop:
                return self._loop(loop, node, args, sizes)
            case While() as loop:
                return self._while(loop, node, args, sizes)
            case Branch() as branch:
                return self._branch(branch, node, args, sizes)
            case Custom() as custom:
                return self._custom(custom, node, args, sizes)
            case RunSize(symbol):
                number = args[0].number
                if number is None:
                    raise self._unknown_size(node)
                sizes[symbol] = int(number)
                return (args[0],)
            case _:
                return self._plain(node, args, sizes)

    def _plain(self, node: Node, args: Sequence[Known], sizes: Sizes) -> Values:
        types = types_of(node)
        moving = any(a.vertices is not None for a in args)
        if moving and any(t.dtype.is_float for t in types):
            shapes = [shape_of(t.shape, sizes) for t in types]
            found = dependences(self._graph, node, args, shapes, sizes)
            return tuple(
                Known(v) if t.dtype.is_float and v.any() else NOTHING
                for t, v in zip(types, found, strict=True)
            )
        numbers = _numbers(node, args, types, sizes)
        return tuple(Known(None, n) for n in numbers) if numbers else (NOTHING,) * len(types)

    def _region(self, region: Region, args: Sequence[Known], sizes: Mapping[str, int]) -> Values:
        return self.run(region.inputs, region.outputs, args, dict(sizes))

    def _branch(
        self, branch: Branch, node: Node, args: Sequence[Known], sizes: Mapping[str, int]
    ) -> Values:
        """The side that is taken; where that is not known, both together."""
        condition, *captured = args
        if condition.number is not None:
            taken = branch.then if condition.number else branch.otherwise
            return self._region(taken, captured, sizes)
        sides: list[Values] = []
        for region, holds in ((branch.then, True), (branch.otherwise, False)):
            # Inside of a side it is known whether the condition holds.
            given = [
                Known(None, np.asarray(holds)) if arg is node.args[0] else value
                for arg, value in zip(node.args[1:], captured, strict=True)
            ]
            sides.append(self._region(region, given, sizes))
        return tuple(map(self._either, *sides))

    def _either(self, x: Known, y: Known) -> Known:
        number = x.number if x.number is not None and _is_same(x.number, y.number) else None
        if x.vertices is None or y.vertices is None:
            return Known(y.vertices if x.vertices is None else x.vertices, number)
        return Known(self._graph.both(x.vertices, y.vertices), number)

    def _custom(
        self, custom: Custom, node: Node, args: Sequence[Known], sizes: Mapping[str, int]
    ) -> Values:
        """Whatever the user's derivative does: all results depend on all arguments."""
        results = self._region(custom.forward, [Known(None, a.number) for a in args], sizes)
        given = [a.vertices for a in args if a.vertices is not None]
        if not given:
            return results
        one = everything(self._graph, given)
        return tuple(
            Known(np.broadcast_to(one, shape_of(t.shape, sizes))) if t.dtype.is_float else value
            for t, value in zip(node.items, results, strict=True)
        )

    def _loop(self, loop: Loop, node: Node, args: Sequence[Known], sizes: dict[str, int]) -> Values:
        trip, *rest = args
        carried, captured = tuple(rest[: loop.carried]), rest[loop.carried :]
        if trip.number is None:
            if loop.stacked:
                raise self._unknown_size(node)
            return self._cycle(loop, node, carried, captured, sizes)
        count = max(int(trip.number), 0)
        if loop.length.name is not None:
            sizes.setdefault(loop.length.name, count)
        rows: list[Values] = []
        for i in range(count):
            here = Known(None, np.asarray(i))
            out = self._region(loop.body, (here, *carried, *captured), sizes)
            carried = out[: loop.carried]
            rows.append(out[loop.carried :])
        return carried + _stacked(rows, node.items[loop.carried :], sizes)

    def _while(
        self, loop: While, node: Node, args: Sequence[Known], sizes: dict[str, int]
    ) -> Values:
        start, captured = tuple(args[: loop.carried]), args[loop.carried :]
        carried = start
        rows: list[Values] = []
        exits: list[Values] = []
        while True:
            (condition,) = self._region(loop.cond, (*carried, *captured), sizes)
            if condition.number is None:
                if loop.stacked:
                    raise self._unknown_size(node)
                if not _is_counted(loop, carried) or len(exits) >= COUNTED:
                    return (*self._cycle(loop, node, start, captured, sizes), NOTHING)
                exits.append(carried)  # it may end here, or go on
            elif not condition.number:
                break
            out = self._region(loop.body, (*carried, *captured), sizes)
            carried = out[: loop.carried]
            rows.append(out[loop.carried :])
        if exits:
            for values in exits:
                carried = tuple(map(self._either, carried, values))
            return (*carried, NOTHING)
        if loop.length.name is not None:
            sizes.setdefault(loop.length.name, len(rows))
        count = Known(None, np.asarray(len(rows)))
        return (*carried, *_stacked(rows, node.items[loop.carried : -1], sizes), count)

    def _cycle(
        self,
        loop: Loop | While,
        node: Node,
        carried: Values,
        captured: Sequence[Known],
        sizes: dict[str, int],
    ) -> Values:
        """What any number of iterations carry: it depends on the start, and on what each makes.

        Nothing is stacked.
        """
        graph, types = self._graph, node.items[: loop.carried]
        inside: list[Known] = []
        for value, type in zip(carried, types, strict=True):
            shape = shape_of(type.shape, sizes)
            if not type.dtype.is_float:
                inside.append(NOTHING)
                continue
            vertices = graph.fresh(int(np.prod(shape, dtype=np.int64))).reshape(shape)
            if value.vertices is not None:
                graph.close(vertices, value.vertices)
            inside.append(Known(vertices))
        index = (NOTHING,) if isinstance(loop, Loop) else ()
        out = self._region(loop.body, (*index, *inside, *captured), sizes)
        for value, after in zip(inside, out, strict=False):
            if value.vertices is not None and after.vertices is not None:
                graph.close(value.vertices, after.vertices)
        return tuple(inside)

    def _unknown_size(self, node: Node) -> NotDifferentiable:
        origin = self._program.notes.origins.get(node)
        where = f" (line {origin.line}: {origin.text})" if origin is not None else ""
        return NotDifferentiable(
            f"{self._program.name}() makes arrays of a size that depends on floating point "
            f"numbers{where}: the sparsity of its Jacobian is not known before the run.\n"
            "Use jacobian(...) without sparse=True, or arrays of full size: np.where(mask, x, 0)."
        )


def _is_counted(loop: While, carried: Values) -> bool:
    """Whether the condition reads a whole number that is known, and so may come to be false."""
    read = set(toposort(loop.cond.outputs))
    return any(
        i in read and not i.array.dtype.is_float and value.number is not None
        for i, value in zip(loop.cond.inputs, carried, strict=False)
    )


def _is_same(x: Array, y: Array | None) -> bool:
    return y is not None and np.array_equal(x, y)


def _numbers(
    node: Node, args: Sequence[Known], types: Sequence[ArrayType], sizes: Sizes
) -> list[Array] | None:
    """The value of each result, where those of all arguments are known."""
    unknown = [k for k, a in enumerate(args) if a.number is None]
    if unknown:
        return _whatever(node, args, unknown, sizes)
    numbers = [a.number for a in args if a.number is not None]
    try:
        if node.op in SEVERAL:
            found = SEVERAL[node.op].evaluate(numbers, node.params, sizes)
        else:
            found = [compute(node, numbers, sizes)]
    except (ValueError, IndexError, ArithmeticError):
        return None  # an error that the kernel meets too, unless this never runs
    return [np.asarray(v, t.dtype.numpy_name) for v, t in zip(found, types, strict=True)]


def _whatever(
    node: Node, args: Sequence[Known], unknown: Sequence[int], sizes: Sizes
) -> list[Array] | None:
    """The value that a logical operation has whatever the unknown booleans are, if there is one."""
    if node.op not in ELEMENTWISE or any(a.array.dtype is not DType.BOOL for a in node.args):
        return None
    found: list[Array] = []
    for guess in product((False, True), repeat=len(unknown)):
        of = dict(zip(unknown, guess, strict=True))
        numbers = [np.asarray(of.get(k, a.number)) for k, a in enumerate(args)]
        value = np.broadcast_to(compute(node, numbers, sizes), shape_of(node.array.shape, sizes))
        if found and not np.array_equal(value, found[0]):
            return None
        found.append(value)
    return found[:1]


def _stacked(rows: Sequence[Values], types: Sequence[ArrayType], sizes: Sizes) -> Values:
    """What each iteration yields, on a new leading axis."""
    stacks: list[Known] = []
    for k, type in enumerate(types):
        column = [row[k] for row in rows]
        numbers = [v.number for v in column if v.number is not None]
        moving = [v.vertices is not None for v in column]
        shape = shape_of(type.shape, sizes)
        vertices = None
        if any(moving):
            vertices = np.zeros(shape, np.int64)
            for i, value in enumerate(column):
                if value.vertices is not None:
                    vertices[i] = value.vertices
        whole = len(numbers) == len(column)
        empty = np.empty(shape, type.dtype.numpy_name)
        number = (np.stack(numbers) if numbers else empty) if whole else None
        stacks.append(Known(vertices, number if vertices is None else None))
    return tuple(stacks)
