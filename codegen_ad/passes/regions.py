"""Regions of several nodes written out beside each other, on inputs that they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Region, toposort


def like(b: Builder, node: Node) -> Node:
    """A new input of a region, called as the other one is."""
    return b.input(b.notes.names.get(node, "value"), node.array)


def written_out(
    b: Builder, regions: Iterable[tuple[Region, Sequence[Node]]]
) -> list[tuple[Node, ...]]:
    """The outputs of each region, rebuilt here on other inputs.

    What a value and its gradient share is the value's.
    """
    found: list[tuple[Node, ...]] = []
    plain: set[Node] = set()
    for region, inputs in regions:
        nodes = [n for n in toposort(region.outputs) if n not in region.inputs]
        images = b.substitute(
            (*nodes, *region.outputs), dict(zip(region.inputs, inputs, strict=True))
        )
        gradients = zip(nodes, images, strict=False)
        plain |= {image for n, image in gradients if n not in b.notes.gradients}
        found.append(tuple(images[len(nodes) :]))
    b.notes.gradients -= plain
    return found
