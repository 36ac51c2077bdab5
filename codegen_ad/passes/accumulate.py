"""Arrays that a loop only adds to are added to in place."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Program, Region
from codegen_ad.ops import make
from codegen_ad.ops.control import LOOP, Loop
from codegen_ad.ops.trips import ADD, SUBTRACT, spine
from codegen_ad.passes.rewrite import Rule, rewrite


def accumulate(program: Program) -> Program:
    """The program whose loops write no second array for a sum."""
    return rewrite(program, ACCUMULATE)


def _in_place(b: Builder, node: Node) -> Node | None:
    loop = node.params
    assert isinstance(loop, Loop)
    additions: list[tuple[Node, Node]] = []
    for k, output in enumerate(loop.body.outputs[: loop.carried]):
        if output.array.shape:
            nodes = spine(loop.body, 1 + k, k) or []
            pairs = pairwise(nodes)
            additions += [(before, n) for before, n in pairs if n.op in (ADD, SUBTRACT)]
    if not additions:
        return None
    with b.scope():
        new = {i: i for i in loop.body.inputs}
        for before, addition in additions:
            term = addition.args[1 - addition.args.index(before)]
            target, value = b.substitute((before, term), new)
            value = make.broadcast_to(b, value, target.array.shape)
            with b.at(b.notes.origins.get(addition), gradient=addition in b.notes.gradients):
                if addition.op is SUBTRACT:
                    value = make.negative(b, value)
                spans = [make.whole(d) for d in target.array.shape]
                new[addition] = make.update(b, target, value, spans, accumulate=True)
            b.notes.copy(addition, new[addition])
        outputs = tuple(b.substitute(loop.body.outputs, new))
    body = Region(loop.body.inputs, outputs)
    return b.node(LOOP, node.args, replace(loop, body=body))


ACCUMULATE = (Rule("an array plus what a loop adds to it -> in place", (LOOP,), _in_place),)
