"""The adjoint of a branch is a branch on the same condition.

Each side computes again what it needs of that side of the primal, so that nothing of the side that
was not taken is ever executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen_ad.derive.integers import side
from codegen_ad.derive.structured import (
    Cotangents,
    Pull,
    Pulled,
    full,
    inline,
    placeholders,
    used,
)
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Region
from codegen_ad.ops.control import BRANCH, Branch


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of the adjoint: its inputs, the cotangents it yields, which of them it changed."""

    inputs: Sequence[Node]
    outputs: Sequence[Node]
    changed: Sequence[bool]


def branch_pullback(b: Builder, node: Node, given: Cotangents, pull: Pull) -> Pulled:
    """Cotangents of the captured values, from a branch on the same condition."""
    branch = node.params
    assert isinstance(branch, Branch)
    condition, *captured = node.args
    gs = [g for g in given.of_results if g is not None]
    results = [k for k, g in enumerate(given.of_results) if g is not None]
    wanted = [k for k in range(len(captured)) if given.wanted[1 + k]]
    starts = [full(b, captured[k], given.so_far[1 + k]) for k in wanted]
    told = {k: m for k in range(len(results)) if (m := given.mask_of(results[k])) is not None}
    outer = [*captured, *gs, *starts, *told.values()]

    def pull_side(region: Region, *, holds: bool) -> _Side:
        with b.scope():
            inputs = placeholders(b, outer)
            values, own_gs = inputs[: len(captured)], inputs[len(captured) :]
            start = own_gs[len(gs) :][: len(starts)]
            masks = dict(
                zip((own_gs[k] for k in told), own_gs[len(gs) + len(starts) :], strict=True)
            )
            outputs = inline(b, [region.outputs[k] for k in results], region.inputs, values)
            seeds = [
                (values[k], s)
                for k, s in zip(wanted, start, strict=True)
                if given.so_far[1 + k] is not None
            ]
            seeds += zip(outputs, own_gs, strict=False)
            known = side(given.known, node, values, holds=holds)
            targets = [values[k] for k in wanted]
            pulled, _ = pull(b, seeds, targets, (), given.checkpoints, known, masks)
            return _Side(
                inputs,
                [full(b, captured[k], g) for k, g in zip(wanted, pulled, strict=True)],
                [g is not None and g is not s for g, s in zip(pulled, start, strict=True)],
            )

    sides = [pull_side(branch.then, holds=True), pull_side(branch.otherwise, holds=False)]
    changed = [k for k in range(len(wanted)) if any(side.changed[k] for side in sides)]
    # A cotangent that both sides hand on does not wait for the branch.
    handed = {k: _handed_on(sides, k) for k in changed}
    changed = [k for k in changed if handed[k] is None]
    regions = [Region((), tuple(side.outputs[k] for k in changed)) for side in sides]
    keep = used(regions, [side.inputs for side in sides])
    then, otherwise = (
        Region(tuple(side.inputs[k] for k in keep), region.outputs)
        for side, region in zip(sides, regions, strict=True)
    )
    adjoint = b.node(BRANCH, (condition, *(outer[k] for k in keep)), Branch(then, otherwise))
    cotangents: list[Node | None] = [None] * len(node.args)
    for k, g in zip(changed, b.results(adjoint), strict=True):
        cotangents[1 + wanted[k]] = g
    for k, position in handed.items():
        if position is not None:
            cotangents[1 + wanted[k]] = outer[position]
    return Pulled(cotangents, totals=[1 + wanted[k] for k in handed])


def _handed_on(sides: Sequence[_Side], k: int) -> int | None:
    """The position of the input that both sides yield as the cotangent of one value, if they do."""
    found = {
        side.inputs.index(side.outputs[k]) if side.outputs[k] in side.inputs else None
        for side in sides
    }
    return found.pop() if len(found) == 1 else None
