"""What nobody reads goes away: results of loops and branches, and what only they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codegen_ad.ir.builder import RESULT, Builder, Result
from codegen_ad.ir.node import Node, Params, Program, Region, toposort
from codegen_ad.ops.control import Branch, Custom, Loop, While
from codegen_ad.passes.rewrite import inherit, rebuild, reopen


def dead(program: Program) -> Program:
    """The program with loops and branches that compute only what is read."""
    while True:
        trimmer = _Trimmer(reopen(program))
        results = trimmer.scope(program.inputs, program.results)
        program = program.rebuilt(results, trimmer.b.notes)
        if not trimmer.changed:
            return program


class _Trimmer:
    """One round; what becomes unread by it is found in the next."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.changed = False

    def scope(self, inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
        """The outputs of a program or region, rebuilt."""
        order = toposort(outputs)
        read: dict[Node, set[int]] = {}
        for node in order:
            if isinstance(node.params, Result):
                read.setdefault(node.args[0], set()).add(node.params.index)
        new: dict[Node, Node] = {i: i for i in inputs}
        self.b.declare(inputs)
        places: dict[Node, dict[int, int]] = {}
        for node in order:
            if node in new:
                continue
            args, sizes = ([new[n] for n in some] for some in (node.args, node.sizes))
            if isinstance(node.params, Result) and node.args[0] in places:
                place = Result(places[node.args[0]][node.params.index])
                new[node] = self.b.node(RESULT, args, place)
                for notes in (self.b.notes.origins, self.b.notes.names):
                    if node in notes:
                        notes.setdefault(new[node], notes[node])  # pyright: ignore
                inherit(self.b.notes, node, new[node])
            elif node.regions and not isinstance(node.params, Custom):
                params, args, places[node] = self.trim(node.params, args, read.get(node, set()))
                with self.b.at(
                    self.b.notes.origins.get(node), gradient=node in self.b.notes.gradients
                ):
                    new[node] = self.b.node(node.op, args, params)
            else:
                new[node] = rebuild(self.b, node, args, node.regions, sizes)
        return [new[o] for o in outputs]

    def trim(
        self, params: Params | None, args: list[Node], read: set[int]
    ) -> tuple[Params, list[Node], dict[int, int]]:
        """Parameters and arguments without what is not read, and where each result went."""
        match params:
            case Branch():
                return self._branch(params, args, sorted(read))
            case Loop() | While():
                return self._loop(params, args, read)
            case _:
                raise AssertionError(params)

    def _branch(
        self, branch: Branch, args: list[Node], read: list[int]
    ) -> tuple[Params, list[Node], dict[int, int]]:
        condition, *captured = args
        sides = [self._region(side, read) for side in branch.regions]
        keep = _needed(sides, range(len(captured)))
        self.changed |= len(read) < len(branch.then.outputs) or len(keep) < len(captured)
        then, otherwise = (Region(tuple(s.inputs[k] for k in keep), s.outputs) for s in sides)
        places = {index: place for place, index in enumerate(read)}
        return Branch(then, otherwise), [condition, *(captured[k] for k in keep)], places

    def _loop(
        self, loop: Loop | While, args: list[Node], read: set[int]
    ) -> tuple[Params, list[Node], dict[int, int]]:
        first = 1 if isinstance(loop, Loop) else 0
        own = loop.body.inputs[first:]
        n = loop.carried
        kept = {k for k in read if k < n}
        stacked = [k for k in range(n, n + loop.stacked) if k in read]
        if isinstance(loop, While):
            kept |= _reached(loop.cond, range(n), 0)
        while True:
            inside = Region(own, tuple(loop.body.outputs[k] for k in (*sorted(kept), *stacked)))
            more = kept | {k for k in range(n) if own[k] in set(toposort(inside.outputs))}
            if more == kept:
                break
            kept = more
        carried = sorted(kept)
        body = self._region(loop.body, [*carried, *stacked])
        shifted = replace(body, inputs=body.inputs[first:])
        regions = [shifted]
        if isinstance(loop, While):
            regions.append(self._region(loop.cond, [0]))
        captured = _needed(regions, range(n, len(own)))
        total = len(loop.body.outputs)
        self.changed |= len(carried) + len(stacked) < total or len(captured) < len(own) - n
        keep = [*carried, *captured]
        trimmed = [Region(tuple(r.inputs[k] for k in keep), r.outputs) for r in regions]
        places = {index: place for place, index in enumerate((*carried, *stacked))}
        new_args = [*args[:first], *(args[first + k] for k in keep)]
        inputs = (*loop.body.inputs[:first], *trimmed[0].inputs)
        new_body = Region(inputs, trimmed[0].outputs)
        if isinstance(loop, Loop):
            return Loop(len(carried), len(stacked), loop.length, new_body), new_args, places
        places[n + loop.stacked] = len(places)
        cond = trimmed[1]
        return While(len(carried), len(stacked), loop.length, cond, new_body), new_args, places

    def _region(self, region: Region, outputs: Sequence[int]) -> Region:
        with self.b.scope():
            made = self.scope(region.inputs, [region.outputs[k] for k in outputs])
        return Region(region.inputs, tuple(made))


def _needed(regions: Sequence[Region], positions: range) -> list[int]:
    """The inputs at these positions that one of the regions reaches."""
    found: set[int] = set()
    for region in regions:
        found |= _reached(region, positions, 0)
    return sorted(found)


def _reached(region: Region, positions: range, first: int) -> set[int]:
    nodes = set(toposort(region.outputs))
    return {k for k in positions if region.inputs[first + k] in nodes}
