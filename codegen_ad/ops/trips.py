"""Which iterations of a loop depend on each other: what is carried only as a sum is read by none.

A carried value is a sum if each iteration adds terms to it, or takes them away, and nothing else
reads it on the way. The nodes from the value that an iteration begins with to the one it ends with
are its spine: additions, writes that add, and branches and loops that only add in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codegen_ad.ir.builder import Result
from codegen_ad.ir.node import Kind, Node, Region, toposort
from codegen_ad.ops import BY_NAME
from codegen_ad.ops.control import Branch, Loop
from codegen_ad.ops.indexing import Scatter, Update

ADD, SUBTRACT = BY_NAME["add"], BY_NAME["subtract"]


def dependent(region: Region, start: Iterable[int]) -> set[Node]:
    """The nodes of a region that depend on its inputs at these positions.

    A node with several results is not listed: each of its results depends on what it needs itself.
    """
    found = {region.inputs[k] for k in start}
    for node in toposort(region.outputs):
        if isinstance(node.params, Result) and isinstance(node.args[0].params, Branch | Loop):
            if _result_depends(node.args[0], node.params.index, found):
                found.add(node)
        elif isinstance(node.params, Branch | Loop):
            continue
        elif any(a in found for a in node.needs):
            found.add(node)
    return found


def _result_depends(source: Node, index: int, found: set[Node]) -> bool:
    params = source.params
    positions = [k for k, a in enumerate(source.args) if a in found]
    if not positions:
        return False
    if positions[0] == 0:
        return True  # which side runs, or how many trips there are
    if isinstance(params, Branch):
        inside = [k - 1 for k in positions]
        return any(side.outputs[index] in dependent(side, inside) for side in params.regions)
    assert isinstance(params, Loop)
    reached = set(positions)
    while True:
        nodes = dependent(params.body, reached)
        more = {1 + k for k in range(params.carried) if params.body.outputs[k] in nodes}
        if more <= reached:
            return params.body.outputs[index] in nodes or 1 + index in reached
        reached |= more


def spine(region: Region, position: int, output: int) -> list[Node] | None:
    """The nodes from an input to an output to which the region only adds; None if it reads them.

    The input comes first. Each node after it takes the one before, the result of a branch or a loop
    by way of the node that it is a result of.
    """
    start = region.inputs[position]
    reached = dependent(region, (position,))
    if any(o in reached for k, o in enumerate(region.outputs) if k != output):
        return None
    nodes: list[Node] = []
    node = region.outputs[output]
    while node is not start:
        before = _augend(node, reached)
        if before is None:
            return None
        nodes.append(node)
        node = before
    nodes.append(start)
    # Nothing beside the spine depends on it, not even what goes into the next node of it.
    return nodes[::-1] if reached == set(nodes) else None


def _augend(node: Node, reached: set[Node]) -> Node | None:
    """The value that a node adds to, if that is all it does with what is `reached`."""
    if isinstance(node.params, Result):
        (source,) = node.args
        index = node.params.index
        match source.params:
            case Branch() as branch:
                return _augend_of_branch(source, branch, index, reached)
            case Loop() as loop if index < loop.carried:
                own = [k for k, a in enumerate(source.args) if a in reached]
                only = own == [1 + index]
                return source.args[1 + index] if only and is_sum(loop, index) else None
            case _:
                return None
    adds = node.op is ADD or (isinstance(node.params, Update | Scatter) and node.params.accumulate)
    if adds or node.op is SUBTRACT:
        own = [k for k, a in enumerate(node.args) if a in reached]
        first = own == [0] or (node.op is ADD and own == [1])
        if first and node.args[own[0]].type == node.type:
            return node.args[own[0]]
    return None


def _augend_of_branch(source: Node, branch: Branch, index: int, reached: set[Node]) -> Node | None:
    own = [k for k, a in enumerate(source.args) if a in reached]
    if len(own) != 1 or own[0] == 0:
        return None
    sides = (spine(side, own[0] - 1, index) for side in branch.regions)
    return source.args[own[0]] if all(side is not None for side in sides) else None


def is_sum(loop: Loop, k: int) -> bool:
    """Whether the loop only adds to what it carries at this position."""
    return spine(loop.body, 1 + k, k) is not None


def is_independent(loop: Loop) -> bool:
    """Whether no iteration reads what the one before left, other than to add to it."""
    read = range(loop.carried)
    return all(is_sum(loop, k) or _is_unread(loop, k) for k in read)


def _is_unread(loop: Loop, k: int) -> bool:
    return loop.body.inputs[1 + k] not in toposort(loop.body.outputs)


def depends(node: Node, others: Sequence[Node]) -> bool:
    """Whether a node needs one of the others, directly or not."""
    return any(n in others for n in toposort((node,)) if n is not node)


def is_alike(x: Node, y: Node) -> bool:
    """Whether two structured nodes run under the same condition, or for the same trips."""
    match x.params, y.params:
        case Branch(), Branch():
            return x.args[0] is y.args[0]
        case Loop() as first, Loop() as second:
            return x.args[0] is y.args[0] and first.length == second.length
        case _:
            return False


def is_structured(node: Node) -> bool:
    """Whether a node owns regions that run side by side with those of its like."""
    return node.op.kind in (Kind.BRANCH, Kind.LOOP)
