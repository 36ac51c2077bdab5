"""Regions that are equal but for the names of their inputs.

A region is an object of its own wherever it was made, so that two loops that do the same have
parameters that differ. By the one region that stands for all like it, they are seen to be equal.
"""

from __future__ import annotations

from codegen_ad.ir.node import Node, Op, Params, Region, RegionParams, toposort
from codegen_ad.ir.types import Type

Line = tuple[Op, tuple[int, ...], Params | None, tuple[int, ...]]
Text = tuple[tuple[Type, ...], tuple[Line, ...], tuple[int, ...]]


class Regions:
    """The regions met so far, the first of each kind."""

    def __init__(self) -> None:
        self._first: dict[Text, Region] = {}
        self._known: dict[Region, Region] = {}

    def first(self, region: Region) -> Region:
        """The first region met that is like this one."""
        found = self._known.get(region)
        if found is None:
            found = self._known[region] = self._first.setdefault(self._text(region), region)
        return found

    def shared(self, params: RegionParams) -> RegionParams:
        """Parameters that are equal for equal nodes; their regions may have other inputs."""
        return params.with_regions(tuple(self.first(region) for region in params.regions))

    def _text(self, region: Region) -> Text:
        """What the region does, its nodes by the order in which outputs need them."""
        number = {node: place for place, node in enumerate(region.inputs)}
        lines: list[Line] = []
        for node in toposort(region.outputs):
            if node not in number:
                lines.append(self._line(node, number))
                number[node] = len(number)
        return (
            tuple(i.type for i in region.inputs),
            tuple(lines),
            tuple(number[o] for o in region.outputs),
        )

    def _line(self, node: Node, number: dict[Node, int]) -> Line:
        params = node.params
        if isinstance(params, RegionParams):
            params = self.shared(params)
        args, sizes = (tuple(number[n] for n in some) for some in (node.args, node.sizes))
        return node.op, args, params, sizes
