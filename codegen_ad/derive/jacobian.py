"""Jacobians: one derivative program for each unit vector, written out or run in a loop.

Forward mode has a column for each element of the inputs, reverse mode a row for each element of the
outputs. Where one of the two numbers is known and small, its unit vectors are written out, so that
all rows of a residual's Jacobian come from one pass over the data; otherwise one of the modes is
looped over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from codegen_ad.derive.forward import has_forward_rules, pushforward
from codegen_ad.derive.reverse import differentiate, distinct, reopen
from codegen_ad.derive.structured import Checkpoints
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, ZERO, Dim, product
from codegen_ad.ir.node import Kind, Node, Program
from codegen_ad.ir.types import ArrayType, DType, Shape
from codegen_ad.ops import make
from codegen_ad.ops.constants import RUN_SIZE
from codegen_ad.ops.control import LOOP, Loop
from codegen_ad.ops.movement import Span

WRITTEN_OUT = 16
"""Up to so many unit vectors are written out."""


def jacobian(
    program: Program,
    wrt: Sequence[Node],
    mode: str = "auto",
    checkpoints: Checkpoints | None = None,
) -> Program:
    """The Jacobians of the program's outputs in each of `wrt`, of shapes `output + input`.

    For each output in turn there is one for each of `wrt`, named `d_<input>`, or
    `d_<output>_<input>` where there are several outputs.

    Parameters
    ----------
    program : its outputs are floating point.
    wrt : inputs of the program.
    mode : `forward`, `reverse`, or `auto`, which goes by the shapes: forward mode where the inputs
        have few elements or the outputs surely have more, otherwise reverse mode.
    checkpoints : what loops keep in reverse mode, in place of records.

    Raises
    ------
    NotDifferentiable
        If an output is not floating point, or forward mode meets a derivative that was given for
        reverse mode only.
    """
    if not program.outputs or not all(o.array.dtype.is_float for o in program.outputs):
        shown = ", ".join(str(o.type) for o in program.outputs) or "no numbers"
        raise NotDifferentiable(
            f"{program.name}() returns {shown}, and a Jacobian is of floating point arrays.\n"
            "Return these alone."
        )
    is_forward = _is_forward(program, wrt, mode)
    found = _by_columns(program, wrt) if is_forward else _by_rows(program, wrt, checkpoints)
    return _named(*found, program, wrt)


def _is_forward(program: Program, wrt: Sequence[Node], mode: str) -> bool:
    if mode != "auto":
        return mode == "forward"
    if not has_forward_rules(program) or all(not o.array.shape for o in program.outputs):
        return False
    columns, rows = _count(wrt), _count(program.outputs)
    if columns.is_constant:
        return columns.value <= WRITTEN_OUT or (rows.is_constant and rows.value > columns.value)
    more = rows.exact_quotient(columns)
    return not rows.is_constant and more is not None and more != ONE


def _count(nodes: Sequence[Node]) -> Dim:
    """How many elements the nodes have together."""
    total = Dim.constant(0)
    for node in nodes:
        total += product(node.array.shape)
    return total


Blocks = list[list[Node]]
"""For each output, one block for each input."""


Found = tuple[Builder, Blocks, list[Node]]
"""The blocks, and the nodes of the program's checks, made by this builder."""


def _by_columns(program: Program, wrt: Sequence[Node]) -> Found:
    """Forward mode: one column for each element of the inputs."""
    forward = pushforward(program, wrt)
    tangents = forward.inputs[len(program.inputs) :]
    b = reopen(forward)
    columns = _count(wrt)
    is_written = columns.is_constant and columns.value <= WRITTEN_OUT
    # The checks and sizes are the same in every direction: those of one that is computed anyway.
    direction = {t: make.full(b, t.array.shape, 0.0, t.array.dtype) for t in tangents}
    if is_written and columns != ZERO:
        first = next(t for t in tangents if ZERO not in t.array.shape)
        direction[first] = unit(b, first.array.shape, 0, first.array.dtype)
    outputs = sized(b, forward, forward.outputs[len(program.outputs) :], direction)
    checked = b.substitute(forward.checked, direction)
    blocks: Blocks = [[] for _ in outputs]
    for target, tangent in zip(wrt, tangents, strict=True):
        if ZERO in target.array.shape:
            for block, output in zip(blocks, outputs, strict=True):
                block.append(_empty(b, output, target))
            continue
        still = {t: make.full(b, t.array.shape, 0.0, t.array.dtype) for t in tangents}
        if is_written:
            columns_of = _columns_written(b, outputs, tangent, still)
        else:
            columns_of = _looped(b, outputs, tangent, still, "column")
        for block, stacked, output in zip(blocks, columns_of, outputs, strict=True):
            shape = (*output.array.shape, *target.array.shape)
            with b.at(None, gradient=True):
                last = (*range(1, stacked.array.rank), 0)
                moved = stacked if is_written else make.transpose(b, stacked, last)
                block.append(make.reshape(b, moved, shape))
    return b, blocks, checked


def sized(
    b: Builder,
    program: Program,
    outputs: Sequence[Node],
    direction: Mapping[Node, Node] | None = None,
) -> list[Node]:
    """Nodes of a program rebuilt, with run-time sizes as they are in one direction.

    They are the same in all, but a loop may find a size beside the tangents of one direction, and
    a program says each size once. One that the builder knows already stays what it is. The nodes
    are to be substituted again, for a direction.
    """
    sizes: dict[Node, Node] = {}
    for node in program.nodes():
        if node.op.kind is Kind.SIZE:
            symbol = node.array.size
            held = b.size(symbol) if node.op is RUN_SIZE and symbol is not None else None
            sizes[node] = held or b.substitute((node,), {**(direction or {}), **sizes})[0]
    with b.scope():  # what is made of them stands where it is made again, in loops too
        return b.substitute(outputs, sizes)


def _columns_written(
    b: Builder, outputs: Sequence[Node], tangent: Node, still: dict[Node, Node]
) -> list[Node]:
    """The outputs for each unit vector of one tangent, on a new last axis."""
    columns: Blocks = [[] for _ in outputs]
    for element in range(product(tangent.array.shape).value):
        units = still | {tangent: unit(b, tangent.array.shape, element, tangent.array.dtype)}
        for column, node in zip(columns, b.substitute(outputs, units), strict=True):
            column.append(make.expand_dims(b, node, node.array.rank))
    with b.at(None, gradient=True):
        return [make.concatenate(b, column, column[0].array.rank - 1) for column in columns]


def _by_rows(program: Program, wrt: Sequence[Node], checkpoints: Checkpoints | None) -> Found:
    """Reverse mode: one row for each element of an output."""
    b = reopen(program)
    blocks: Blocks = []
    checked: list[Node] = []
    for position, output in enumerate(program.outputs):
        name = program.output_names[position]
        only = program.with_outputs((output,), (name,))
        reverse = differentiate(only, wrt, checkpoints=checkpoints)
        _add_notes(b, reverse)
        gradients = sized(b, reverse, reverse.outputs[1:])
        checked = checked or b.substitute(reverse.checked, {})
        if ZERO in output.array.shape:
            blocks.append([_empty(b, output, target) for target in wrt])
            continue
        if not output.array.shape:
            blocks.append(b.substitute(gradients, {}))
            continue
        g = reverse.inputs[-1]
        rows = product(g.array.shape)
        if rows.is_constant and rows.value <= WRITTEN_OUT:
            stacked = _rows_written(b, gradients, g)
        else:
            stacked = _looped(b, gradients, g, {}, "row")
        with b.at(None, gradient=True):
            blocks.append(
                [
                    make.reshape(b, row, (*g.array.shape, *target.array.shape))
                    for row, target in zip(stacked, wrt, strict=True)
                ]
            )
    return b, blocks, checked


def _rows_written(b: Builder, gradients: Sequence[Node], g: Node) -> list[Node]:
    parts: Blocks = [[] for _ in gradients]
    for element in range(product(g.array.shape).value):
        seed = unit(b, g.array.shape, element, g.array.dtype)
        for part, row in zip(parts, b.substitute(gradients, {g: seed}), strict=True):
            part.append(make.expand_dims(b, row, 0))
    with b.at(None, gradient=True):
        return [make.concatenate(b, part, 0) for part in parts]


def _looped(
    b: Builder, outputs: Sequence[Node], seed: Node, others: dict[Node, Node], name: str
) -> list[Node]:
    """The outputs for each unit vector of `seed`, on a new first axis, from a loop over these."""
    count = product(seed.array.shape)

    def directions(place: Node) -> dict[Node, Node]:
        is_here = make.apply(b, "equal", make.iota(b, count), place)
        one, zero = (make.constant(b, v, seed.array.dtype) for v in (1.0, 0.0))
        here = make.reshape(b, make.where(b, is_here, one, zero), seed.array.shape)
        return others | {seed: here}

    return looped(b, outputs, count, directions, name)


def looped(
    b: Builder,
    outputs: Sequence[Node],
    count: Dim,
    directions: Callable[[Node], dict[Node, Node]],
    name: str,
) -> list[Node]:
    """The outputs on a new first axis of size `count`, from a loop over their directions.

    `directions` gives what stands in place of nodes, by the number of the iteration.
    """
    with b.scope() as scope:
        place = scope.input(name, ArrayType(DType.INT64))
        inside, captured = scope.close(b.substitute(outputs, directions(place)))
    region = b.enclose(scope.inputs, inside, captured)
    params = Loop(0, len(outputs), count, region)
    return list(b.results(b.node(LOOP, (make.size(b, count), *captured), params)))


def unit(b: Builder, shape: Shape, element: int, dtype: DType) -> Node:
    """The array of a known shape that is 1 at one element, in C order, and 0 elsewhere."""
    one = make.full(b, tuple(ONE for _ in shape), 1.0, dtype)
    spans: list[Span] = []
    for dim in reversed(shape):
        element, index = divmod(element, dim.value)
        spans.append(Span(Dim.constant(index), 1, ONE))
    zeros = make.full(b, shape, 0.0, dtype)
    return make.update(b, zeros, one, tuple(reversed(spans))) if shape else one


def _empty(b: Builder, output: Node, target: Node) -> Node:
    """The Jacobian where there are no outputs or no inputs."""
    return make.full(b, (*output.array.shape, *target.array.shape), 0.0, output.array.dtype)


def _add_notes(b: Builder, program: Program) -> None:
    """Let the builder know what is known of a program's nodes."""
    notes = program.notes
    b.notes.origins.update(notes.origins)
    b.notes.names.update(notes.names)
    b.notes.gradients.update(notes.gradients)


def _named(
    b: Builder, blocks: Blocks, checked: Sequence[Node], program: Program, wrt: Sequence[Node]
) -> Program:
    inputs = [str(b.notes.names.get(w, "wrt")) for w in wrt]
    single = len(blocks) == 1
    names = [f"d_{i}" if single else f"d_{o}_{i}" for o in program.output_names for i in inputs]
    nodes = [node for block in blocks for node in block]
    for node, name in zip(nodes, names, strict=True):
        b.notes.names.setdefault(node, name)
    return Program(
        program.name, program.inputs, tuple(nodes), tuple(distinct(names)), b.notes,
        program.rechecked(checked),
    )  # fmt: skip
