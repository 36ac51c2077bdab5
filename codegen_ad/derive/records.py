"""What a loop records on the way forward, so that its adjoint need not run it backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codegen_ad.ir.builder import INPUT, Builder
from codegen_ad.ir.dims import Dim, product
from codegen_ad.ir.node import Kind, Node, Params, Region, toposort
from codegen_ad.ir.types import TupleType
from codegen_ad.ops.constants import RunSize
from codegen_ad.ops.control import Loop, While

TYPICAL_SIZE = 1000
"""What an unknown size is taken for when records are compared."""


def to_record(
    outputs: Sequence[Node], carried: Sequence[Node], originals: Mapping[Node, Node]
) -> list[Node]:
    """The values of the primal that the adjoint needs and cannot compute from the index.

    Of the two choices, the values used and the carried ones they follow from, the smaller one.
    """
    order = toposort(outputs)
    states = set(carried)
    depends = set(states)
    for node in order:
        if any(a in depends for a in node.needs):
            depends.add(node)
    # Sizes that only exist once a loop in the body has run; those of the inputs are known before.
    inner = {symbol for node in order for symbol in _bound(node)}
    inner -= {s for n in order if n.op is INPUT for d in n.array.shape for s in d.symbols()}

    def can_record(node: Node) -> bool:
        return (
            node in originals
            and not isinstance(node.type, TupleType)
            and node.op.kind is not Kind.SIZE
            and not any(s in inner for d in node.array.shape for s in d.symbols())
        )

    used_directly: list[Node] = []
    stack, seen = list(reversed(outputs)), set(outputs)
    while stack:
        node = stack.pop()
        if node not in depends:
            continue
        if can_record(node):
            used_directly.append(node)
            continue
        fresh = [a for a in node.needs if a not in seen]
        seen.update(fresh)
        stack.extend(reversed(fresh))
    reached = [node for node in order if node in states]
    return used_directly if numbers(used_directly) <= numbers(reached) else reached


def numbers(nodes: Sequence[Node]) -> int:
    """How many bytes one iteration records, for sizes as they usually are."""
    return sum(typical(product(n.array.shape) * n.array.dtype.size) for n in nodes)


def typical(dim: Dim) -> int:
    """A size, if all sizes it depends on are as they usually are."""
    return dim.evaluate(dict.fromkeys(dim.symbols(), TYPICAL_SIZE))


def _bound(node: Node) -> Sequence[str]:
    params: Params | None = node.params
    if isinstance(params, RunSize):
        return (params.symbol,)
    return tuple(params.length.symbols()) if isinstance(params, Loop | While) else ()


def record(b: Builder, node: Node, values: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """The results of the loop that also stacks `values`, and these stacks."""
    params = node.params
    assert isinstance(params, Loop | While)
    body = Region(params.body.inputs, (*params.body.outputs, *values))
    stacked = params.stacked + len(values)
    if isinstance(params, Loop):
        longer = Loop(params.carried, stacked, params.length, body)
    else:
        longer = While(params.carried, stacked, params.length, params.cond, body)
    with b.at(b.notes.origins.get(node), gradient=False):
        results = list(b.results(b.node(node.op, node.args, longer)))
    first = params.carried + params.stacked
    stacks = results[first : first + len(values)]
    return [r for r in results if r not in stacks], stacks
