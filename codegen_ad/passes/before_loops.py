"""What is the same in every trip of a loop, and costs more than a load, is computed before it.

`np.exp(log_scale)` or `A.T @ A` in a loop over steps need not be computed in each step, nor their
derivatives: what the steps add to the cotangent goes through them once, after the loop. Only
what cannot fail is moved, since the loop may have no trips, and what is kept has at most as many
elements as something that the loop reads anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim, product
from codegen_ad.ir.node import Kind, Node, Notes, Program, Region, toposort
from codegen_ad.ir.types import ArrayType
from codegen_ad.ops.control import Loop, While
from codegen_ad.ops.unary import TAP
from codegen_ad.passes.invariants import is_literal, is_long, spreads
from codegen_ad.passes.rewrite import rebuild, reopen

_MOVED = (Kind.CONSTANT, Kind.ELEMENTWISE, Kind.MOVEMENT, Kind.CONTRACT)
"""Kinds that may be computed where no trip would have: they read what is there, and never raise."""


def before_loops(program: Program) -> Program:
    """The program whose loops compute nothing costly that is the same in all their trips."""
    b = reopen(program)
    return program.rebuilt(_scope(b, program.inputs, program.results), b.notes)


def _scope(b: Builder, inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """The outputs of a program or region, rebuilt."""
    b.declare(inputs)
    new: dict[Node, Node] = {i: i for i in inputs}
    for node in toposort(outputs):
        if node in new:
            continue
        args, sizes = ([new[n] for n in some] for some in (node.args, node.sizes))
        regions = [_region(b, r) for r in node.regions]
        if isinstance(node.params, Loop | While):
            for number in range(len(regions)):
                _move(b, node.params, args, regions, number)
        new[node] = rebuild(b, node, args, regions, sizes)
    return [new[o] for o in outputs]


def _region(b: Builder, region: Region) -> Region:
    with b.scope():
        return Region(region.inputs, tuple(_scope(b, region.inputs, region.outputs)))


def _move(
    b: Builder, params: Loop | While, args: list[Node], regions: list[Region], number: int
) -> None:
    """Compute what a region need not before its loop, and hand it in: `args` and `regions` grow."""
    region = regions[number]
    first = params.carried + (isinstance(params, Loop))
    kept = list(dict.fromkeys(_kept(region, region.inputs[first:])))
    if not kept:
        return
    captured = region.inputs[first:]
    outer = args[len(args) - len(captured) :]
    names = [_name(b.notes, n) for n in kept]
    for name, made in zip(
        names, b.substitute(kept, dict(zip(captured, outer, strict=True))), strict=True
    ):
        b.notes.names.setdefault(made, name)
        args.append(made)
    for k, some in enumerate(regions):
        with b.scope():
            fresh = [b.input(name, n.array) for name, n in zip(names, kept, strict=True)]
            gone = dict(zip(kept, fresh, strict=True)) if k == number else {}
            outputs = b.substitute(some.outputs, {i: i for i in some.inputs} | gone)
        regions[k] = Region((*some.inputs, *fresh), tuple(outputs))


def _name(notes: Notes, node: Node) -> str:
    """The user's name, else the operation and what it is applied to."""
    sources = [notes.names.get(n) for n in toposort((node,)) if n.op.kind is Kind.INPUT]
    few = [s for s in sources if s] if len(sources) <= 2 else []
    return notes.names.get(node) or "_".join((node.op.name, *few))


def _kept(region: Region, captured: Sequence[Node]) -> Iterator[Node]:
    """What is the same in every trip, costly, and used by what is not."""
    room = [product(i.array.shape) for i in region.inputs]
    same: set[Node] = {i for i in captured if not i.array.size}
    costly: set[Node] = set()
    order = toposort(region.outputs)
    for node in order:
        if _may_move(node) and same.issuperset(a for a in node.args):
            same.add(node)
            if not is_literal(node) and (is_long(node) or not costly.isdisjoint(node.args)):
                costly.add(node)

    def parts(node: Node) -> Iterator[Node]:
        if node not in costly:
            return
        is_wide = node.op.kind is Kind.MOVEMENT or (
            not is_long(node) and all(spreads(a) for a in node.args if a in costly)
        )
        if not is_wide and any(_fits(node, size) for size in room):
            yield node
        else:
            for arg in node.args:
                yield from parts(arg)

    for node in order:
        if node not in same:
            for arg in node.needs:
                yield from parts(arg)
    for node in region.outputs:
        yield from parts(node)


def _may_move(node: Node) -> bool:
    return (
        node.op.kind in _MOVED
        and node.op is not TAP  # the gradient of a name stands where the name does
        and not node.sizes
        and not node.regions
        and isinstance(node.type, ArrayType)
    )


def _fits(node: Node, room: Dim) -> bool:
    """Whether it surely has at most as many elements as something of size `room`."""
    more = room - product(node.array.shape)
    return all(count >= 0 for _, count in more.terms)
