"""Products with a matrix in the body of a loop, in parts that depend on different things.

`W @ concatenate([x[t], h])` is `W[:, :e] @ x[t] + W[:, e:] @ h`, of which only the second part
waits for the step before; its adjoint is a product of which some elements go to the step before,
and the others elsewhere or nowhere. In parts, what does not wait can be taken out of the loop
(`distribute.py`).
"""

from __future__ import annotations

from collections import Counter

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Region, toposort
from codegen_ad.ops import make
from codegen_ad.ops.movement import CONCATENATE, SLICE, Span, Spans
from codegen_ad.ops.reduction import Contract
from codegen_ad.passes.rewrite import inherit, rebuild


def fixed_in(region: Region, varying: int) -> set[Node]:
    """What is the same in every trip: inputs from number `varying` on, and movements of those."""
    found = set(region.inputs[varying:])
    for node in toposort(region.outputs):
        if node.op.kind is Kind.MOVEMENT and found.issuperset(node.needs):
            found.add(node)
    return found


def matrix_and_vector(node: Node, fixed: set[Node]) -> tuple[int, int] | None:
    """Where the matrix, which is `fixed`, and the vector stand among the arguments of a product."""
    params = node.params
    if not isinstance(params, Contract) or len(node.args) != 2 or not node.array.dtype.is_float:
        return None
    for matrix, vector in ((0, 1), (1, 0)):
        labels = params.operands[matrix]
        both = (*params.operands[vector], *params.output)
        plain = len(labels) == len(both) == 2 and set(labels) == set(both)
        if plain and node.args[matrix] in fixed and node.args[vector] not in fixed:
            return matrix, vector
    return None


def in_parts(b: Builder, region: Region, varying: int) -> Region:
    """The region with its products in parts: of concatenated vectors, and those that are cut."""
    fixed = fixed_in(region, varying)
    uses = Counter(a for node in toposort(region.outputs) for a in node.needs)
    cuts = Counter(node.args[0] for node in toposort(region.outputs) if node.op is SLICE)
    whole = {node for node in uses if uses[node] > cuts[node]} | set(region.outputs)
    new: dict[Node, Node] = {i: i for i in region.inputs}
    with b.scope():
        b.declare(region.inputs)
        for node in toposort(region.outputs):
            if node in new:
                continue
            with b.at(b.notes.origins.get(node), gradient=node in b.notes.gradients):
                made = _cut(b, node, fixed, whole, new) or _by_parts(b, node, fixed, new)
            if made is None:
                made = rebuild(b, node, [new[a] for a in node.args], node.regions, node.sizes)
            else:
                inherit(b.notes, node, made)
            new[node] = made
        return Region(region.inputs, tuple(new[o] for o in region.outputs))


def _cut(
    b: Builder, node: Node, fixed: set[Node], whole: set[Node], new: dict[Node, Node]
) -> Node | None:
    """A slice of a product of which nothing but slices is read: a product with fewer rows."""
    if not isinstance(node.params, Spans) or node.args[0] in whole:
        return None
    (product,) = node.args
    places = matrix_and_vector(product, fixed)
    if places is None:
        return None
    assert isinstance(product.params, Contract)
    (kept,) = product.params.output
    return _with_rows(b, product, places, kept, node.params.spans[0], new)


def _by_parts(b: Builder, node: Node, fixed: set[Node], new: dict[Node, Node]) -> Node | None:
    """The sum of the products with each part of a concatenated vector."""
    places = matrix_and_vector(node, fixed)
    if places is None or node.args[places[1]].op is not CONCATENATE:
        return None
    assert isinstance(node.params, Contract)
    (summed,) = node.params.operands[places[1]]
    first, total = Dim.constant(0), None
    for part in node.args[places[1]].args:
        length = part.array.shape[0]
        product = _with_rows(b, node, places, summed, Span(first, 1, length), new, part)
        total = product if total is None else make.add(b, total, product)
        first += length
    return total


def _with_rows(
    b: Builder,
    product: Node,
    places: tuple[int, int],
    label: int,
    span: Span,
    new: dict[Node, Node],
    vector: Node | None = None,
) -> Node:
    """The product of the part of a matrix in a span along one of its labels, with a vector."""
    assert isinstance(product.params, Contract)
    matrix = product.args[places[0]]
    spans = [
        span if own == label else make.whole(dim)
        for own, dim in zip(product.params.operands[places[0]], matrix.array.shape, strict=True)
    ]
    args = [
        new[a] if vector is None or k == places[0] else new[vector]
        for k, a in enumerate(product.args)
    ]
    # A value and its gradient take the same parts of a matrix, so they are the value's.
    with b.at(b.notes.origins.get(product), gradient=matrix in b.notes.gradients):
        args[places[0]] = make.slice_(b, args[places[0]], spans)
    return make.contract(b, args, product.params.operands, product.params.output)
