"""What loops would compute again in each trip of a loop around them, and whether it is kept.

In `for i: for k: y[i] += (a * x[k] + b) * w[k] * A[i, k]` the factor of `A` is the same for every
`i`. A vector of it costs one store, and each trip of the outer loop then reads where it would
compute.
"""

from __future__ import annotations

from collections.abc import Callable

from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import make
from codegen_ad.ops.costs import COSTS_MORE, is_costly
from codegen_ad.plan.access import Added, Gathered, NeedsStorage, Point, Pointwise, Same, access
from codegen_ad.plan.scope import Scope

LEAST = 3
"""So many products cost more than reading what is kept: a product and a sum are one instruction,
and reading what goes into them takes as long as reading their result."""


def is_worth_keeping(
    scope: Scope,
    node: Node,
    point: Point,
    rows: frozenset[str],
    stands: Callable[[Node], bool],
) -> bool:
    """Whether an element is the same in each trip of an outer loop, and more than a load.

    `rows` are the symbols of sizes that count rows of data: what is as long as these is kept only
    if it is costly. `stands` says of a node whether it is in memory as a whole.
    """
    if not scope.repeats(point):
        return False
    if is_costly(node):
        return True
    extents = (scope.extent(name) for dim in point for name in dim.symbols())
    if any(e is None or not rows.isdisjoint(e.symbols()) for e in extents):
        return False
    return _takes(LEAST, scope, node, point, stands)


def _takes(
    least: int, scope: Scope, node: Node, point: Point, stands: Callable[[Node], bool]
) -> bool:
    """Whether an element takes so many operations, given what stands in memory or has a name.

    Operations on what is the same in the inner loop, too, don't count: they are done before it.
    """
    names = {name for dim in point for name in dim.symbols()}
    pending, seen, total = [(node, point)], {(node, point)}, 0
    while pending and total < least:
        current, there = pending.pop()
        try:
            step = access(current, there)
        except NeedsStorage:
            continue
        further: tuple[tuple[Node, Point], ...]
        match step:
            case Same(source, at):
                further = ((source, at),)
            case Pointwise(operands):
                total += COSTS_MORE.get(current.op.name, 1)
                further = operands
            case Added(operands):
                total += len(operands) - 1
                further = operands
            case Gathered(source, _, _):
                continue
            case _:
                return False
        for arg, at in further:
            known = (
                (arg, at) in seen
                or names.isdisjoint(n for dim in at for n in dim.symbols())
                or arg.op.kind in (Kind.CONSTANT, Kind.INPUT, Kind.RESULT)
                or make.constant_value(arg) is not None
                or scope.value(arg, at) is not None
                or scope.place(arg, at) is not None
                or stands(arg)
            )
            if not known:
                seen.add((arg, at))
                pending.append((arg, at))
    return total >= least
