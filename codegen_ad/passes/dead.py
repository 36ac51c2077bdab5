"""What nobody reads goes away: results of loops and branches, and what only they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class _Alive:
    """What some outputs need: the nodes, and which results of loops and branches."""

    nodes: set[Node]
    read: dict[Node, set[int]]


class _Trimmer:
    """One round."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.changed = False
        self._known: dict[tuple[Node, ...], _Alive] = {}

    def alive(self, outputs: Sequence[Node]) -> _Alive:
        """What the outputs need, where loops and branches compute only what is read of them."""
        key = tuple(outputs)
        if key in self._known:
            return self._known[key]
        found = _Alive(set(outputs), {})
        for node in reversed(toposort(outputs)):
            if node not in found.nodes:
                continue
            found.nodes.update(node.sizes)
            if node.regions and not isinstance(node.params, Custom):
                found.nodes.update(self.taken(node, found.read.get(node, set())))
            else:
                found.nodes.update(node.args)
            if isinstance(node.params, Result):
                found.read.setdefault(node.args[0], set()).add(node.params.index)
        self._known[key] = found
        return found

    def taken(self, node: Node, read: set[int]) -> list[Node]:
        """The arguments that a loop or a branch needs for the results that are read."""
        if isinstance(node.params, Branch):
            condition, *captured = node.args
            asked = sorted(read)
            sides = [Region(r.inputs, tuple(r.outputs[k] for k in asked)) for r in node.regions]
            return [condition, *(captured[k] for k in self._used(sides, range(len(captured)), 0))]
        assert isinstance(node.params, Loop | While)
        first = 1 if isinstance(node.params, Loop) else 0
        body, n = node.params.body, node.params.carried
        carried, stacked = self._kept(node.params, read)
        regions = [Region(body.inputs, tuple(body.outputs[k] for k in (*carried, *stacked)))]
        used = self._used(regions, range(n, len(body.inputs) - first), first)
        if isinstance(node.params, While):
            used += self._used([node.params.cond], range(n, len(body.inputs)), 0)
        return [*node.args[:first], *(node.args[first + k] for k in (*carried, *used))]

    def _kept(self, loop: Loop | While, read: set[int]) -> tuple[list[int], list[int]]:
        """Which values a loop has to carry, and which it has to stack, if these are read."""
        first = 1 if isinstance(loop, Loop) else 0
        n, outputs = loop.carried, loop.body.outputs
        kept = {k for k in read if k < n}
        stacked = [k for k in range(n, n + loop.stacked) if k in read]
        if isinstance(loop, While):
            kept |= set(self._used([loop.cond], range(n), 0))
        while True:
            inside = Region(loop.body.inputs, tuple(outputs[k] for k in (*sorted(kept), *stacked)))
            more = kept | set(self._used([inside], range(n), first))
            if more == kept:
                return sorted(kept), stacked
            kept = more

    def _used(self, regions: Sequence[Region], positions: range, first: int) -> list[int]:
        """The inputs at these positions, counted from `first`, that one of the regions needs."""
        alive = [(r, self.alive(r.outputs).nodes) for r in regions]
        return [k for k in positions if any(r.inputs[first + k] in nodes for r, nodes in alive)]

    def scope(self, inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
        """The outputs of a program or region, rebuilt."""
        alive = self.alive(outputs)
        new: dict[Node, Node] = {i: i for i in inputs}
        self.b.declare(inputs)
        places: dict[Node, dict[int, int]] = {}
        for node in toposort(outputs):
            if node in new or node not in alive.nodes:
                continue
            # What a loop or a branch does not need has not been made: `trim` leaves it out.
            args, sizes = ([new.get(n, n) for n in some] for some in (node.args, node.sizes))
            if isinstance(node.params, Result) and node.args[0] in places:
                place = Result(places[node.args[0]][node.params.index])
                new[node] = self.b.node(RESULT, args, place)
                for notes in (self.b.notes.origins, self.b.notes.names):
                    if node in notes:
                        notes.setdefault(new[node], notes[node])  # pyright: ignore
                inherit(self.b.notes, node, new[node])
            elif node.regions and not isinstance(node.params, Custom):
                read = alive.read.get(node, set())
                params, args, places[node] = self.trim(node.params, args, read)
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
        carried, stacked = self._kept(loop, read)
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
        nodes = set(toposort(region.outputs))
        found |= {k for k in positions if region.inputs[k] in nodes}
    return sorted(found)
