"""Operations that are calls of a library: one statement, or a loop of it over stacks of matrices.

What the call is spelled as is decided when text is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, is_dataclass

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import DType, Shape, TupleType
from codegen_ad.ops.reduction import Contract
from codegen_ad.plan import nests
from codegen_ad.plan.kernel import LibraryCall, Var
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope
from codegen_ad.plan.units import stored_whole

UNREAD = "_"


def emit(p: Planner, scope: Scope, node: Node, read: Mapping[int, Node]) -> None:
    """Call the function of `node`; the results that are `read`, by number, get their places."""
    batch = node.args[0].array.rank - 2 if node.op.kind is Kind.LINALG else 0
    count = len(node.type.items) if isinstance(node.type, TupleType) else 1
    note = p.elements.note(node)
    names: list[str] = []
    made: list[tuple[Shape, DType] | None] = []
    for index in range(count):
        result = read.get(index)
        is_new = result is not None and batch <= 0 and bool(result.array.shape)
        made.append((result.array.shape, result.array.dtype) if result and is_new else None)
        if result is None:
            names.append(UNREAD)
        elif batch > 0:
            names.append(p.allocate(scope, result, result.array.shape, result.array.dtype))
        else:
            names.append(p.names.fresh(result))
    arguments = tuple(scope.stored[a].buffer for a in node.args)
    plain = (False,) * len(arguments)
    call = LibraryCall(
        tuple(names), node.op.name, arguments, plain, note, options=_options(node), made=tuple(made)
    )
    _for_each(p, scope, node.args[0].array.shape[: max(batch, 0)], call)
    for index, result in read.items():
        if result.array.shape:
            scope.stored[result] = stored_whole(result, names[index], owned=True)
        else:
            scope.values[result, ()] = Var(names[index], result.array.dtype)


def product(p: Planner, scope: Scope, node: Node) -> None:
    """Write a product of matrices, or of stacks of them, into its buffer by BLAS."""
    assert isinstance(node.params, Contract)
    first, second = node.args
    labels, other = node.params.operands
    stack = len(labels) - 2
    (shared,) = [label for label in labels[stack:] if label in other]
    if node.params.output[stack] in other:
        first, second, labels, other = second, first, other, labels
    buffer = p.allocate(scope, node, node.array.shape, node.array.dtype)
    arguments = (scope.stored[first].buffer, scope.stored[second].buffer)
    transposed = (labels[stack] == shared, other[stack + 1] == shared)
    note = p.elements.note(node)
    call = LibraryCall((buffer,), "dot", arguments, transposed, note, into=True)
    _for_each(p, scope, node.array.shape[:stack], call)
    scope.stored[node] = stored_whole(node, buffer, owned=True)


def _for_each(p: Planner, scope: Scope, stack: Shape, call: LibraryCall) -> None:
    """The call, in loops over a stack of matrices if there is one."""
    inner, at = scope, list[Dim]()
    opened: list[tuple[Scope, Scope, Dim, Dim]] = []
    for extent in stack:
        outer = inner
        inner, variable = nests.open_loop(p, outer, extent)
        at.append(variable)
        opened.append((outer, inner, variable, extent))
    call.at = tuple(at)
    inner.statements.append(call)
    for outer, body, variable, extent in reversed(opened):
        nests.close_loop(outer, body, variable, extent, call.note)


def _options(node: Node) -> tuple[bool | float, ...]:
    """The parameters of a call of linear algebra, which are literals, in order."""
    if node.op.kind is not Kind.LINALG or not is_dataclass(node.params):
        return ()
    return astuple(node.params)
