"""Arrays that a branch changes in part, or leaves as they are: they stay in their memory.

Without this each side would copy the whole array, for the sake of one element perhaps.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.builder import Result
from codegen_ad.ir.node import Node, Region
from codegen_ad.ops.control import Branch, Loop
from codegen_ad.plan.units import written_in_place


def written_through(node: Node) -> dict[int, Node]:
    """The arrays that a branch changes, by the number of the result that each becomes.

    On each side the result is what the side is handed, with or without writes into it, one after
    the other. A result that sides make of different arrays is not listed, nor is an array that
    becomes several results.
    """
    assert isinstance(node.params, Branch)
    _, *captured = node.args
    sides = node.params.regions
    begun = {k: _begun(sides, k) for k, t in enumerate(node.items) if t.shape}
    found = {k: captured[j] for k, j in begun.items() if j is not None}
    return {
        k: array
        for k, array in found.items()
        if list(found.values()).count(array) == 1 and node.args.count(array) == 1
    }


def _begun(sides: Sequence[Region], output: int) -> int | None:
    """The number of the input that all sides begin an output with, if it is one."""
    found = {_beginning(side, side.outputs[output]) for side in sides}
    return found.pop() if len(found) == 1 else None


def _beginning(region: Region, node: Node) -> int | None:
    """The number of the input into which all is written that makes a node."""
    before: Node | None = node
    while before is not None:
        if before in region.inputs:
            return region.inputs.index(before)
        before = _before(before)
    return None


def _before(node: Node) -> Node | None:
    """The array that a node is, with something written into it."""
    if not isinstance(node.params, Result):
        return written_in_place(node)
    (source,) = node.args
    index = node.params.index
    match source.params:
        case Branch():
            return written_through(source).get(index)
        case Loop() as loop if index < loop.carried:
            return source.args[1 + index]
        case _:
            return None
