"""Normal equations of a least-squares problem: J^T r and J^T J of residuals r, in one pass.

The columns of J come from forward mode. Where there are few parameters each column is a program of
its own, and the products of columns are sums over the rows, so that the planner fuses all of them
into one loop and no row of J is stored. Otherwise J is an array, and J^T J one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.derive.forward import has_forward_rules, pushforward
from codegen_ad.derive.jacobian import WRITTEN_OUT, jacobian, sized, unit
from codegen_ad.derive.reverse import reopen
from codegen_ad.derive.structured import Checkpoints
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim, product
from codegen_ad.ir.node import Node, Program
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

OUTPUTS = ("value", "residuals", "gradient", "curvature")
"""Half of the sum of squares; the number of residuals; J^T r; J^T J."""


def normal_equations(
    program: Program,
    wrt: Sequence[Node],
    checkpoints: Checkpoints | None = None,
    room: int | None = None,
) -> Program:
    """The program of `OUTPUTS` for residuals: all elements of the program's outputs.

    With m residuals and p parameters (the elements of `wrt` one after another, in C order),
    `gradient` is of shape [p] and `curvature` of shape [p, p]. All are of the residuals' dtype,
    except their number, an integer.

    Sums are numbers of their own only where they fit into `room` registers of 32 bits, if that is
    given: a thread of a GPU adds up all of them at once.

    Raises
    ------
    NotDifferentiable
        If an output is not floating point.
    """
    if not program.outputs or not all(o.array.dtype.is_float for o in program.outputs):
        shown = ", ".join(str(o.type) for o in program.outputs) or "no numbers"
        raise NotDifferentiable(
            f"{program.name}() returns {shown}, and residuals are floating point numbers.\n"
            "Return the differences of model and data alone, as an array."
        )
    count = _total(wrt)
    is_few = count.is_constant and count.value <= WRITTEN_OUT
    if is_few and room is not None:
        is_double = any(o.array.dtype is not DType.FLOAT32 for o in program.outputs)
        is_few = sums(count.value) * (2 if is_double else 1) <= room
    if is_few and has_forward_rules(program):
        return _by_columns(program, wrt)
    return _by_matrix(program, wrt, checkpoints)


def sums(count: int) -> int:
    """How many sums the normal equations of so many parameters are."""
    return 1 + count + count * (count + 1) // 2


def _total(nodes: Sequence[Node]) -> Dim:
    total = Dim.constant(0)
    for node in nodes:
        total += product(node.array.shape)
    return total


def _by_columns(program: Program, wrt: Sequence[Node]) -> Program:
    forward = pushforward(program, wrt)
    tangents = forward.inputs[len(program.inputs) :]
    b = reopen(forward)
    still = {t: make.full(b, t.array.shape, 0.0, t.array.dtype) for t in tangents}
    outputs = sized(b, forward, forward.outputs, still)
    values, moved = outputs[: len(program.outputs)], outputs[len(program.outputs) :]
    columns: list[list[Node]] = []
    for tangent in tangents:
        for element in range(product(tangent.array.shape).value):
            units = still | {tangent: unit(b, tangent.array.shape, element, tangent.array.dtype)}
            columns.append(b.substitute(moved, units))
    residuals = b.substitute(values, still)
    checked = b.substitute(forward.checked, still)
    with b.at(None, gradient=True):
        gradient = [_dot(b, residuals, c) for c in columns]
        lower = [[_dot(b, c, d) for d in columns[: k + 1]] for k, c in enumerate(columns)]
        rows = [
            _row(b, [lower[max(k, j)][min(k, j)] for j in range(len(columns))])
            for k in range(len(columns))
        ]
        curvature = make.concatenate(b, [make.expand_dims(b, row, 0) for row in rows], 0)
        found = [*_value(b, residuals), _row(b, gradient), curvature]
    return _program(b, program, found, checked)


def _by_matrix(program: Program, wrt: Sequence[Node], checkpoints: Checkpoints | None) -> Program:
    mode = "forward" if has_forward_rules(program) else "reverse"
    blocks = jacobian(program, wrt, mode, checkpoints)
    b = reopen(blocks)
    blocks_of = iter(b.substitute(blocks.outputs, {}))
    residuals = b.substitute(sized(b, program, program.outputs), {})
    checked = b.substitute(blocks.checked, {})
    with b.at(None, gradient=True):
        gradient: Node | None = None
        curvature: Node | None = None
        for residual in residuals:
            m = product(residual.array.shape)
            flat = [make.reshape(b, next(blocks_of), (m, product(w.array.shape))) for w in wrt]
            matrix = make.concatenate(b, flat, 1)
            r = make.reshape(b, residual, (m,))
            g = make.contract(b, [matrix, r], [(0, 1), (0,)], (1,))
            c = make.contract(b, [matrix, matrix], [(0, 1), (0, 2)], (1, 2))
            gradient = g if gradient is None else make.add(b, gradient, g)
            curvature = c if curvature is None else make.add(b, curvature, c)
        assert gradient is not None and curvature is not None
        found = [*_value(b, residuals), gradient, curvature]
    return _program(b, program, found, checked)


def _value(b: Builder, residuals: Sequence[Node]) -> tuple[Node, Node]:
    squares = _dot(b, residuals, residuals)
    half = make.constant(b, 0.5, squares.array.dtype)
    return make.multiply(b, half, squares), make.size(b, _total(residuals))


def _dot(b: Builder, first: Sequence[Node], second: Sequence[Node]) -> Node:
    """The sum of the products of the elements at the same places."""
    total: Node | None = None
    for x, y in zip(first, second, strict=True):
        products = make.multiply(b, x, y)
        term = make.sum_(b, products, range(products.array.rank))
        total = term if total is None else make.add(b, total, term)
    assert total is not None
    return total


def _row(b: Builder, elements: Sequence[Node]) -> Node:
    """The numbers as an array of rank 1."""
    return make.concatenate(b, [make.reshape(b, e, (ONE,)) for e in elements], 0)


def _program(
    b: Builder, program: Program, found: Sequence[Node], checked: Sequence[Node]
) -> Program:
    return Program(
        program.name, program.inputs, tuple(found), OUTPUTS, b.notes, program.rechecked(checked)
    )
