"""Jacobians: one derivative program for each unit vector, written out or run in a loop.

Forward mode has a column for each element of the inputs, reverse mode a row for each element of the
output. Where one of the two numbers is known and small, its unit vectors are written out, so that
all rows of a residual's Jacobian come from one pass over the data; otherwise reverse mode is looped
over.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.reverse import differentiate
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim, product
from codegen_ad.ir.node import Node, Notes, Program
from codegen_ad.ir.types import ArrayType, DType, Shape
from codegen_ad.ops import make
from codegen_ad.ops.control import LOOP, Loop
from codegen_ad.ops.movement import Span

WRITTEN_OUT = 16
"""Up to so many unit vectors are written out."""


def jacobian(program: Program, wrt: Sequence[Node]) -> Program:
    """The Jacobian of the program's one output in each of `wrt`, of shape `output + input`.

    Outputs are named `d_<input>`.

    Raises
    ------
    NotDifferentiable
        If the program has several outputs, or one that is not floating point.
    """
    if len(program.outputs) != 1 or not program.outputs[0].array.dtype.is_float:
        shown = ", ".join(str(o.type) for o in program.outputs)
        raise NotDifferentiable(
            f"{program.name}() returns {shown}, and a Jacobian is of one floating point array.\n"
            "Return that array alone."
        )
    (output,) = program.outputs
    if not output.array.shape:
        gradient = differentiate(program, wrt)
        return gradient.with_outputs(gradient.outputs[1:], gradient.output_names[1:])
    columns = [product(w.array.shape) for w in wrt]
    if all(c.is_constant for c in columns) and sum(c.value for c in columns) <= WRITTEN_OUT:
        return _by_columns(program, wrt)
    rows = product(output.array.shape)
    if rows.is_constant and rows.value <= WRITTEN_OUT:
        return _by_rows(program, wrt, rows.value)
    return _by_loop(program, wrt, rows)


def unit(b: Builder, shape: Shape, element: int, dtype: DType) -> Node:
    """The array of a known shape that is 1 at one element, in C order, and 0 elsewhere."""
    one = make.full(b, tuple(ONE for _ in shape), 1.0, dtype)
    spans: list[Span] = []
    for dim in reversed(shape):
        element, index = divmod(element, dim.value)
        spans.append(Span(Dim.constant(index), 1, ONE))
    zeros = make.full(b, shape, 0.0, dtype)
    return make.update(b, zeros, one, tuple(reversed(spans))) if shape else one


def _builder(program: Program) -> Builder:
    b = Builder()
    notes = program.notes
    b.notes = Notes(dict(notes.origins), dict(notes.names), set(notes.gradients))
    return b


def _by_columns(program: Program, wrt: Sequence[Node]) -> Program:
    """Forward mode: one column for each element of the inputs."""
    forward = pushforward(program, wrt)
    tangents = forward.inputs[len(program.inputs) :]
    b = _builder(forward)
    found: list[Node] = []
    for target, tangent in zip(wrt, tangents, strict=True):
        columns: list[Node] = []
        for element in range(product(target.array.shape).value):
            units = {
                t: unit(b, t.array.shape, element, t.array.dtype)
                if t is tangent
                else make.full(b, t.array.shape, 0.0, t.array.dtype)
                for t in tangents
            }
            (column,) = b.substitute(forward.outputs[1:], units)
            columns.append(make.expand_dims(b, column, column.array.rank))
        with b.at(None, gradient=True):
            stacked = make.concatenate(b, columns, columns[0].array.rank - 1)
            shape = (*stacked.array.shape[:-1], *target.array.shape)
            found.append(make.reshape(b, stacked, shape))
    return _finished(program, b, wrt, found)


def _by_rows(program: Program, wrt: Sequence[Node], rows: int) -> Program:
    """Reverse mode: one row for each element of the output."""
    reverse = differentiate(program, wrt)
    g = reverse.inputs[-1]
    b = _builder(reverse)
    parts: list[list[Node]] = [[] for _ in wrt]
    for element in range(rows):
        seed = unit(b, g.array.shape, element, g.array.dtype)
        for part, row in zip(parts, b.substitute(reverse.outputs[1:], {g: seed}), strict=True):
            part.append(make.expand_dims(b, row, 0))
    found: list[Node] = []
    with b.at(None, gradient=True):
        for target, part in zip(wrt, parts, strict=True):
            stacked = make.concatenate(b, part, 0)
            found.append(make.reshape(b, stacked, (*g.array.shape, *target.array.shape)))
    return _finished(program, b, wrt, found)


def _by_loop(program: Program, wrt: Sequence[Node], rows: Dim) -> Program:
    """Reverse mode in a loop over the elements of the output."""
    reverse = differentiate(program, wrt)
    g = reverse.inputs[-1]
    b = _builder(reverse)
    with b.scope() as scope:
        row = scope.input("row", ArrayType(DType.INT64))
        is_row = make.apply(b, "equal", make.iota(b, rows), row)
        one, zero = (make.constant(b, v, g.array.dtype) for v in (1.0, 0.0))
        seed = make.reshape(b, make.where(b, is_row, one, zero), g.array.shape)
        outputs = b.substitute(reverse.outputs[1:], {g: seed})
        inside, captured = scope.close(outputs)
    region = b.enclose(scope.inputs, inside, captured)
    params = Loop(0, len(wrt), rows, region)
    loop = b.node(LOOP, (make.size(b, rows), *captured), params)
    found = [
        make.reshape(b, result, (*g.array.shape, *target.array.shape))
        for target, result in zip(wrt, b.results(loop), strict=True)
    ]
    return _finished(program, b, wrt, found)


def _finished(program: Program, b: Builder, wrt: Sequence[Node], found: list[Node]) -> Program:
    names = [f"d_{b.notes.names.get(w, 'wrt')}" for w in wrt]
    for node, name in zip(found, names, strict=True):
        b.notes.names.setdefault(node, name)
    return Program(program.name, program.inputs, tuple(found), tuple(names), b.notes)
