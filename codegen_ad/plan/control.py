"""Loops, whiles and branches: their regions become the bodies of Python's own statements.

Carried scalars are variables that change, carried arrays are buffers that are written in place
where nothing reads the old value; what the derivative needs later is stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from codegen_ad.ir.builder import Result
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Region, toposort
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops.control import Branch, Loop, While
from codegen_ad.ops.trips import is_independent
from codegen_ad.plan import kernel, library, sums
from codegen_ad.plan.kernel import Apply, Assign, CopyInto, Expr, For, Grow, If, Index, Number, Var
from codegen_ad.plan.memory import row_store
from codegen_ad.plan.nests import Nest
from codegen_ad.plan.next_trip import advance
from codegen_ad.plan.planner import Planner, Row
from codegen_ad.plan.scope import Scope, Stored
from codegen_ad.plan.units import Structured, Unit, stored_whole
from codegen_ad.plan.writing.branches import written_through

PlanRegion = Callable[[Planner, Scope, Sequence[Node], Sequence[Nest | Unit]], list[Expr | Stored]]
Carried = list[tuple[Node, str]]


def emit(
    p: Planner, scope: Scope, node: Node, copied: Collection[Node], plan_region: PlanRegion
) -> None:
    """The statements of a structured node; its results get their values and places.

    A loop writes into the memory of what it begins with, and a branch into that of what it changes,
    but for those that are `copied`.
    """
    match node.params:
        case Loop():
            _loop(p, scope, node, node.params, copied, plan_region)
        case While():
            _while(p, scope, node, node.params, copied, plan_region)
        case Branch():
            _branch(p, scope, node, node.params, copied, plan_region)
        case _ if node.op.kind is Kind.LINALG:
            library.emit(p, scope, node, _results(p, scope, node))
        case _:
            raise AssertionError(f"{node.op.name} should have been inlined")


def _results(p: Planner, scope: Scope, node: Node) -> dict[int, Node]:
    users = p.region(scope).users.get(node, [])
    found: dict[int, Node] = {}
    for user in users:
        assert user.op.kind is Kind.RESULT
        found[getattr(user.params, "index")] = user  # noqa: B009
    return found


def _start(
    p: Planner,
    scope: Scope,
    node: Node,
    init: Sequence[Node],
    inputs: Sequence[Node],
    copied: Collection[Node],
) -> list[str]:
    """Variables and buffers of the carried values, holding their first values.

    What is added to a variable of the region around begins with what that one holds.
    """
    names: list[str] = []
    note = p.elements.note(node)
    scalars: list[tuple[str, Expr]] = []
    results = _results(p, scope, node)
    for index, (first, inside) in enumerate(zip(init, inputs, strict=True)):
        if index in results and results[index] in p.sums:
            name = p.sums[results[index]].variable
        elif not first.array.shape:
            name = p.names.fresh(inside)
            scalars.append((name, p.elements.value(scope, first, ())))
        else:
            place = scope.stored[first]
            if place.owned and first not in copied and node.args.count(first) == 1:
                name = place.buffer
            else:
                name = p.allocate(scope, inside, first.array.shape, first.array.dtype)
                scope.statements.append(CopyInto(name, place.buffer, note, first.array.shape))
        names.append(name)
    for name, expr in scalars:
        scope.statements.append(Assign((name,), (expr,), note))
    return names


def _enter(
    p: Planner,
    scope: Scope,
    body: Scope,
    region: Region,
    first: int,
    names: list[str],
    captured: Sequence[Node],
) -> None:
    """Bind the inputs of a region: carried values from `first` on, then captured ones."""
    inputs = region.inputs[first:]
    for node, name in zip(inputs, names, strict=False):
        if node.array.shape:
            body.stored[node] = stored_whole(node, name, owned=True)
        else:
            body.values[node, ()] = Var(name, node.array.dtype)
    for node, outer in zip(inputs[len(names) :], captured, strict=True):
        if node.array.shape:
            place = scope.stored[outer]
            body.stored[node] = Stored(place.buffer, place.axes, owned=False)
        else:
            body.values[node, ()] = p.elements.value(scope, outer, ())


def _finish(p: Planner, scope: Scope, node: Node, names: Sequence[str]) -> None:
    for index, result in _results(p, scope, node).items():
        if index >= len(names) or (node, index) in p.rows:
            continue
        type = result.array
        if type.shape:
            scope.stored[result] = stored_whole(result, names[index], owned=True)
        else:
            scope.values[result, ()] = Var(names[index], type.dtype)


def _loop(
    p: Planner,
    scope: Scope,
    node: Node,
    params: Loop,
    copied: Collection[Node],
    plan_region: PlanRegion,
) -> None:
    trip, *rest = node.args
    init, captured = rest[: params.carried], rest[params.carried :]
    extent = _trip_count(p, scope, node, trip, params.length)
    stacks = _stacks(p, scope, node, params.carried, params.stacked, params.length)
    names = _start(p, scope, node, init, params.body.inputs[1 : 1 + params.carried], copied)
    variable = p.names.fresh(params.body.inputs[0])
    body = Scope(scope, is_region=True, symbols={variable}, extents={variable: extent})
    body.values[params.body.inputs[0], ()] = Index(Dim.symbol(variable))
    _enter(p, scope, body, params.body, 1, names, captured)
    p.totals.update(sums.array_totals(params))
    added = [(1 + k, k, names[k]) for k in sums.carried_sums(params)]
    _body(p, body, node, params.body, names, stacks, Dim.symbol(variable), plan_region, added)
    waits = not is_independent(params)
    scope.statements.append(
        For(variable, extent, body.statements, p.elements.note(node), carried=waits)
    )
    _finish(p, scope, node, [*names, *(stack.buffer for stack in stacks)])


def _body(
    p: Planner,
    body: Scope,
    node: Node,
    region: Region,
    names: list[str],
    stacks: Sequence[Row],
    row: Dim,
    plan_region: PlanRegion,
    added: Sequence[tuple[int, int, str]] = (),
) -> None:
    outputs = region.outputs
    pushed = outputs[len(names) :]
    rows: list[Nest | Unit] = []
    for value, stack in zip(pushed, stacks, strict=True):
        place = Row(stack.buffer, (*stack.at, row))
        stack_inside = _only_kept(value, outputs)
        if stack_inside is not None:
            p.rows[stack_inside] = place
            rows.append(Structured(value.args[0]))
        else:
            rows.append(row_store(p, value, place.buffer, place.at))
    found = sums.enter(p, body, region, added)
    others = [k for k in range(len(names)) if k not in found.outputs]
    wanted = [outputs[k] for k in others]
    results = plan_region(p, body, (*wanted, *found.nodes), (*rows, *found.units))
    # Terms first: they may read what the other values were.
    sums.add(p, body, found, results[len(wanted) :])
    advance(p, body, [names[k] for k in others], wanted, results[: len(wanted)], node)


def _only_kept(value: Node, outputs: Sequence[Node]) -> tuple[Node, int] | None:
    """The loop inside, and which result, if a value is a stack that nothing else asks for."""
    if not isinstance(value.params, Result) or outputs.count(value) != 1:
        return None
    (loop,), index = value.args, value.params.index
    if not isinstance(loop.params, Loop) or index < loop.params.carried:
        return None
    if any(value in node.needs for node in toposort(outputs)):
        return None
    return loop, index


def _trip_count(p: Planner, scope: Scope, node: Node, trip: Node, length: Dim) -> Dim:
    """The number of trips as an index expression; a fresh symbol of the node becomes a variable."""
    if length.name is not None and _is_bound(p, scope, length.name):
        return length  # what stands for it elsewhere, and is known of it, holds here
    known = p.elements.index(scope, trip, ())
    value = p.elements.value(scope, trip, ())
    if length.name is not None:
        p.names.reserved.add(length.name)
        note = p.elements.note(node)
        scope.statements.append(Assign((length.name,), (value,), note))
        scope.region().symbols.add(length.name)
        return length
    if known is not None:
        return known
    return length


def _is_bound(p: Planner, scope: Scope, name: str) -> bool:
    return name in p.sizes or any(name in s.symbols for s in scope.all_outward())


def _stacks(
    p: Planner, scope: Scope, node: Node, carried: int, stacked: int, length: Dim
) -> list[Row]:
    found: list[Row] = []
    for index in range(carried, carried + stacked):
        type: ArrayType = node.items[index]
        result = _results(p, scope, node).get(index, node)
        place = p.rows.get((node, index))
        found.append(place or Row(p.allocate(scope, result, type.shape, type.dtype)))
    return found


def _while(
    p: Planner,
    scope: Scope,
    node: Node,
    params: While,
    copied: Collection[Node],
    plan_region: PlanRegion,
) -> None:
    init, captured = node.args[: params.carried], node.args[params.carried :]
    note = p.elements.note(node)
    names = _start(p, scope, node, init, params.body.inputs[: params.carried], copied)
    assert params.length.name is not None
    count = params.length.name
    p.names.reserved.add(count)
    zero = Number("0", DType.INT64)
    scope.statements.append(Assign((count,), (zero,), note))
    scope.region().symbols.add(count)
    stacks: list[Row] = []
    for index in range(params.carried, params.carried + params.stacked):
        type = node.items[index]
        shape = (Dim.constant(16), *type.shape[1:])
        result = _results(p, scope, node).get(index, node)
        stacks.append(Row(p.allocate(scope, result, shape, type.dtype)))
    test = Scope(scope, is_region=True)
    _enter(p, scope, test, params.cond, 0, names, captured)
    (condition,) = plan_region(p, test, params.cond.outputs, ())
    assert not isinstance(condition, Stored)
    body = Scope(scope, is_region=True)
    _enter(p, scope, body, params.body, 0, names, captured)
    if stacks:
        body.statements.append(Grow(tuple(stack.buffer for stack in stacks), count, note))
    _body(p, body, node, params.body, names, stacks, Dim.symbol(count), plan_region)
    one = Apply("add", (Index(Dim.symbol(count)), Number("1", DType.INT64)), DType.INT64)
    body.statements.append(Assign((count,), (one,), note))
    scope.statements.append(kernel.While(test.statements, condition, body.statements, count, note))
    _finish(p, scope, node, [*names, *(stack.buffer for stack in stacks), count])


def _branch(
    p: Planner,
    scope: Scope,
    node: Node,
    params: Branch,
    copied: Collection[Node],
    plan_region: PlanRegion,
) -> None:
    condition, *captured = node.args
    test = p.elements.value(scope, condition, ())
    note = p.elements.note(node)
    results = _results(p, scope, node)
    names: dict[int, str] = {}
    added: list[tuple[int, int, str]] = []
    in_place = {
        index: array
        for index, array in written_through(node).items()
        if index in results and array not in copied and scope.stored[array].owned
    }
    for index, result in results.items():
        type = result.array
        if result in p.sums:
            total = p.sums[result]
            added.append((captured.index(total.before), index, total.variable))
        elif index in in_place:
            names[index] = scope.stored[in_place[index]].buffer
        elif type.shape:
            names[index] = p.allocate(scope, result, type.shape, type.dtype)
        else:
            names[index] = p.names.fresh(result)
    sides: list[list[kernel.Statement]] = []
    for region in params.regions:
        side = Scope(scope, is_region=True)
        _enter(p, scope, side, region, 0, [], captured)
        for index, array in in_place.items():
            inside = region.inputs[captured.index(array)]
            side.stored[inside] = stored_whole(inside, names[index], owned=True)
            if array in p.totals:
                p.totals.add(inside)
        found = sums.enter(p, side, region, added)
        wanted = [region.outputs[i] for i in names]
        values = plan_region(p, side, (*wanted, *found.nodes), found.units)
        sums.add(p, side, found, values[len(wanted) :])
        values = values[: len(wanted)]
        left: list[str] = []
        right: list[Expr] = []
        # What is written in place comes last: others may be what it was before.
        made = sorted(
            zip(names.items(), values, strict=True), key=lambda one: one[0][0] in in_place
        )
        for (index, name), value in made:
            if isinstance(value, Stored):
                if value.buffer != name:
                    shape = results[index].array.shape
                    side.statements.append(CopyInto(name, value.buffer, note, shape))
            else:
                left.append(name)
                right.append(value)
        if left:
            side.statements.append(Assign(tuple(left), tuple(right), note))
        sides.append(side.statements)
    if not sides[0]:
        test, sides = _opposite(test), [sides[1], []]
    if sides[0]:
        scope.statements.append(If(test, sides[0], sides[1], note))
    for index, name in names.items():
        result = results[index]
        if result.array.shape:
            scope.stored[result] = stored_whole(result, name, owned=True)
        else:
            scope.values[result, ()] = Var(name, result.array.dtype)


def _opposite(test: Expr) -> Expr:
    match test:
        case Apply("logical_not", (inner,)):
            return inner
        case _:
            return Apply("logical_not", (test,), DType.BOOL)
