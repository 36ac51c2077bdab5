"""Loops of the same trips run as one, and so do branches on the same condition.

A loop and its adjoint are two loops over the same data. Where no iteration waits for another, and
neither loop for the other, one loop does the work of both, and what both compute is computed once.
Loops whose iterations wait are one where they carry the same (`twins.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codegen_ad.ir.builder import RESULT, Builder, Result
from codegen_ad.ir.node import Node, Program, Region, RegionParams, toposort
from codegen_ad.ops.constants import RUN_SIZE
from codegen_ad.ops.control import Branch, Loop
from codegen_ad.ops.trips import is_alike, is_independent, is_structured
from codegen_ad.passes.regions import like, written_out
from codegen_ad.passes.rewrite import rebuild, reopen
from codegen_ad.passes.twins import twins, united


def merge(program: Program) -> Program:
    """The program with loops and branches merged, outer ones first, and then inside of them."""
    b = reopen(program)
    return program.rebuilt(_scope(b, program.inputs, program.results), b.notes)


def _scope(b: Builder, inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """The outputs of a program or region, rebuilt."""
    b.declare(inputs)
    found = list(outputs)
    if _pair(found) is not None or twins(b, found) is not None:
        found = b.substitute(found, {i: i for i in inputs})
    while (same := twins(b, found)) is not None:
        found = b.substitute(found, united(b, same))
    while (pair := _pair(found)) is not None:
        found = b.substitute(found, _merged(b, *pair))
    found = _sized_once(b, inputs, found)
    new: dict[Node, Node] = {i: i for i in inputs}
    for node in toposort(found):
        if node in new:
            continue
        args, sizes = ([new[n] for n in some] for some in (node.args, node.sizes))
        regions = [_region(b, r) for r in node.regions]
        made = rebuild(b, node, args, regions, sizes)
        if made.op is RESULT and is_structured(made.args[0]):
            made = _first_like(b, made)
        new[node] = made
    return [new[o] for o in found]


def _region(b: Builder, region: Region) -> Region:
    with b.scope():
        return Region(region.inputs, tuple(_scope(b, region.inputs, region.outputs)))


def _sized_once(b: Builder, inputs: Sequence[Node], outputs: list[Node]) -> list[Node]:
    """The outputs with one scalar for each size that the run knows.

    Value and gradient may find what it is made of in two ways: by one loop, and by one that goes
    from checkpoint to checkpoint. Both find the same.
    """
    held: dict[str | None, Node] = {i.array.size: i for i in inputs if i.array.size is not None}
    again: dict[Node, Node] = {}
    for node in toposort(outputs):
        if node.op is RUN_SIZE and (first := held.setdefault(node.array.size, node)) is not node:
            again[node] = first
    return b.substitute(outputs, {**{i: i for i in inputs}, **again}) if again else outputs


def _pair(outputs: Sequence[Node]) -> tuple[Node, Node] | None:
    """The first two nodes that may run as one."""
    nodes: list[Node] = []
    after: dict[Node, int] = {}  # for each node, which of `nodes` it needs, as bits
    for node in toposort(outputs):
        needs = 0
        for other in node.needs:
            needs |= after[other]
        after[node] = needs
        loop = node.params if isinstance(node.params, Loop) else None
        if is_structured(node) and (loop is None or is_independent(loop)):
            for k, first in enumerate(nodes):
                if not needs >> k & 1 and is_alike(first, node):
                    return first, node
            after[node] |= 1 << len(nodes)
            nodes.append(node)
    return None


def _merged(b: Builder, first: Node, second: Node) -> dict[Node, Node]:
    """What to use in place of the results of two nodes: those of the one that does both."""
    both = (first, second)
    carried = [_carried(n) for n in both]
    starts = [n.args[1 : 1 + c] for n, c in zip(both, carried, strict=True)]
    captured = [n.args[1 + c :] for n, c in zip(both, carried, strict=True)]
    shared = list(dict.fromkeys((*captured[0], *captured[1])))
    regions: list[Region] = []
    for pair in zip(first.regions, second.regions, strict=True):
        heads = len(pair[0].inputs) - len(first.args) + 1
        with b.scope():
            index = [like(b, i) for i in pair[0].inputs[:heads]]
            own = [
                [like(b, i) for i in region.inputs[heads : heads + c]]
                for region, c in zip(pair, carried, strict=True)
            ]
            inner: dict[Node, Node] = {}
            for region, c, outer in zip(pair, carried, captured, strict=True):
                for inside, value in zip(region.inputs[heads + c :], outer, strict=True):
                    if value not in inner:
                        inner[value] = like(b, inside)
            given = (
                (*index, *mine, *(inner[value] for value in outer))
                for mine, outer in zip(own, captured, strict=True)
            )
            outputs = written_out(b, zip(pair, given, strict=True))
        regions.append(
            Region(
                (*index, *own[0], *own[1], *(inner[value] for value in shared)),
                (
                    *(o for out, c in zip(outputs, carried, strict=True) for o in out[:c]),
                    *(o for out, c in zip(outputs, carried, strict=True) for o in out[c:]),
                ),
            )
        )
    params = first.params
    assert isinstance(params, RegionParams)
    params = params.with_regions(tuple(regions))
    if isinstance(params, Loop) and isinstance(second.params, Loop):
        stacked = params.stacked + second.params.stacked
        params = replace(params, carried=sum(carried), stacked=stacked)
    origin = b.notes.origins.get(first)
    with b.at(origin, gradient=all(n in b.notes.gradients for n in both)):
        made = b.node(first.op, (first.args[0], *starts[0], *starts[1], *shared), params)
    results = b.results(made)
    others = [len(n.items) - c for n, c in zip(both, carried, strict=True)]
    places = (
        (*range(carried[0]), *(sum(carried) + k for k in range(others[0]))),
        (
            *(carried[0] + k for k in range(carried[1])),
            *(sum(carried) + others[0] + k for k in range(others[1])),
        ),
    )
    mapping: dict[Node, Node] = {}
    for node, where in zip(both, places, strict=True):
        for old, k in zip(b.results(node), where, strict=True):
            b.notes.copy(old, results[k])
            mapping[old] = results[k]
    return mapping


def _carried(node: Node) -> int:
    return node.params.carried if isinstance(node.params, Loop) else 0


def _first_like(b: Builder, result: Node) -> Node:
    """The first result of a branch or a loop that is always the same; what passes through it."""
    (source,) = result.args
    assert isinstance(result.params, Result)
    index = result.params.index
    if isinstance(source.params, Branch):
        sides = source.regions
        through = {_position(side.inputs, side.outputs[index]) for side in sides}
        position = through.pop()
        if position is not None and not through:
            return source.args[1 + position]
        alike = (j for j in range(index) if all(s.outputs[j] is s.outputs[index] for s in sides))
    else:
        assert isinstance(source.params, Loop)
        alike = (j for j in range(index) if _same_in_loop(b, source, source.params, j, index))
    first = next(alike, None)
    return result if first is None else b.node(RESULT, (source,), Result(first))


def _position(inputs: Sequence[Node], node: Node) -> int | None:
    return inputs.index(node) if node in inputs else None


def _same_in_loop(b: Builder, node: Node, loop: Loop, j: int, k: int) -> bool:
    """Whether two results of a loop are the same: the same stack, or carried the same way."""
    body, n = loop.body, loop.carried
    if (j < n) != (k < n):
        return False
    if k >= n:
        return body.outputs[j] is body.outputs[k]
    if node.args[1 + j] is not node.args[1 + k]:
        return False
    with b.scope():
        found = b.substitute(
            (body.outputs[j], body.outputs[k]), {body.inputs[1 + k]: body.inputs[1 + j]}
        )
    return found[0] is found[1]
