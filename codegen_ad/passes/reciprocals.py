"""Derivatives that are divided by the same array are multiplied by its reciprocal.

A division takes as long as several products, and the derivatives of `x / y` and `sqrt(y)` divide by
what their values divide by. One reciprocal serves all of them. That may change the last digit of a
derivative, never of a value. A divisor below 6e-309, whose reciprocal is infinite, gives infinite
derivatives, or NaN in place of 0; in single precision such divisors are met (3e-39, a probability
that underflows), so that its quotients stay.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, product
from codegen_ad.ir.node import Node, Program, Region, toposort
from codegen_ad.ir.types import DType
from codegen_ad.ops import BY_NAME, make
from codegen_ad.passes.rewrite import inherit, rebuild, reopen


def reciprocals(program: Program) -> Program:
    """The program with one reciprocal for each array that divides several derivatives."""
    b = reopen(program)
    return program.rebuilt(_scope(b, program.inputs, program.results), b.notes)


def _scope(b: Builder, inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """The outputs of a program or region, rebuilt."""
    order = toposort(outputs)
    shared = _dividing_several(b, order)
    new: dict[Node, Node] = {i: i for i in inputs}
    b.declare(inputs)
    for node in order:
        if node in new:
            continue
        regions = [_region(b, r) for r in node.regions]
        args, sizes = ([new[n] for n in some] for some in (node.args, node.sizes))
        if _is_quotient(b, node) and node.args[1] in shared:
            new[node] = _by_reciprocal(b, node, *args)
        else:
            new[node] = rebuild(b, node, args, regions, sizes)
    return [new[o] for o in outputs]


def _region(b: Builder, region: Region) -> Region:
    with b.scope():
        return Region(region.inputs, tuple(_scope(b, region.inputs, region.outputs)))


def _is_quotient(b: Builder, node: Node) -> bool:
    """Whether a node is a float64 derivative divided by an array; numbers are left."""
    if node.op is not BY_NAME["divide"] or node not in b.notes.gradients:
        return False
    return node.array.dtype is DType.FLOAT64 and node.args[1].array.rank > 0


def _dividing_several(b: Builder, order: Sequence[Node]) -> set[Node]:
    """What divides at least two derivatives, or one in several places."""
    met: set[Node] = set()
    several: set[Node] = set()
    for node in order:
        if _is_quotient(b, node):
            divisor = node.args[1]
            times = product(node.array.shape).exact_quotient(product(divisor.array.shape))
            if divisor in met or times != ONE:
                several.add(divisor)
            met.add(divisor)
    return several


def _by_reciprocal(b: Builder, node: Node, x: Node, y: Node) -> Node:
    with b.at(b.notes.origins.get(node), gradient=True):
        one = make.constant(b, 1, y.array.dtype)
        inverse = make.divide(b, one, y)
        made = inverse if make.constant_value(x) == 1 else make.multiply(b, x, inverse)
        if made.array.shape != node.array.shape:
            made = make.broadcast_to(b, made, node.array.shape)
    inherit(b.notes, node, made)
    return made
