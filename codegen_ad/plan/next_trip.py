"""The end of a trip: every carried value becomes the next one.

Arrays change their names: what a trip has filled is called as what it has read, and the next trip
fills the memory that is free then.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.dims import product
from codegen_ad.ir.node import Node
from codegen_ad.ops.control import Loop, While
from codegen_ad.plan.kernel import Assign, CopyInto, Expr, Var
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope, Stored


def advance(
    p: Planner,
    body: Scope,
    names: list[str],
    outputs: Sequence[Node],
    results: Sequence[Expr | Stored],
    node: Node,
) -> None:
    """The end of a body: every carried value becomes the next one."""
    note = p.elements.note(node)
    left: list[str] = []
    right: list[Expr] = []
    used: set[str] = set()
    for name, output, result in zip(names, outputs, results, strict=True):
        if not isinstance(result, Stored):
            if result != Var(name, output.array.dtype):
                left.append(name)
                right.append(result)
            continue
        if result.buffer == name:
            used.add(name)
    turning = _turning(names, outputs, results, node)
    taken: dict[str, str] = {}  # the buffer that each name is for in the next trip
    for name, output, result in zip(names, outputs, results, strict=True):
        if not isinstance(result, Stored) or result.buffer == name:
            continue
        source = result.buffer
        if not result.owned or source in used or (source in names and name not in turning):
            copy = p.allocate(body, output, output.array.shape, output.array.dtype)
            body.statements.append(CopyInto(copy, source, note, output.array.shape))
            source = copy
        used.add(source)
        taken[name] = source
    for name, source in taken.items():
        dtype = outputs[names.index(name)].array.dtype
        left.append(name)
        right.append(Var(source, dtype))
        if name not in used:  # its memory is free: it is for what was filled in this trip
            while source in taken:
                source = taken[source]
            left.append(source)
            right.append(Var(name, dtype))
    if left:
        body.statements.append(Assign(tuple(left), tuple(right), note))


def _turning(
    names: Sequence[str], outputs: Sequence[Node], results: Sequence[Expr | Stored], node: Node
) -> set[str]:
    """The carried arrays that become what others were, as in `before, now = now, after`.

    They take over memory, no copy. Small arrays are copied, for these may become variables; so are
    those of loops that record: what changes names in pairs may stand in its record.
    """
    if isinstance(node.params, Loop | While) and node.params.stacked:
        return set()
    given: dict[str, list[str]] = {}
    for name, output, result in zip(names, outputs, results, strict=True):
        small = product(output.array.shape).is_constant
        if isinstance(result, Stored) and result.owned and not small:
            given.setdefault(result.buffer, []).append(name)
    return {n for source, n_s in given.items() if len(n_s) == 1 and source not in n_s for n in n_s}
