"""What an adjoint can have without a record: counters, and elements that a loop writes once.

`for t in range(n): x[t + 1] = f(x[t])` reads at `t` what no later iteration overwrites, so the
adjoint finds it in the array that the loop leaves behind. A `for` that may be left early carries
its index; on the way back that is known, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from codegen_ad.derive.bodies import Body, View
from codegen_ad.derive.staying import Staying
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.affine import affine


def without_records(
    b: Builder, view: View, body: Body, results: Sequence[Node]
) -> tuple[Body, dict[Node, Node]]:
    """The body with such values taken from elsewhere, and the outer values of its new inputs.

    `results` are the loop's.
    """
    mapping: dict[Node, Node] = {}
    captures: dict[Node, Node] = {}
    counters = dict(_counters(view))
    for k in counters:
        first = b.input("first", view.carried[k].array)
        captures[first] = view.args[k]
        mapping[body.carried[k]] = make.add(b, first, body.index)
    staying = Staying(view, counters)
    finals: dict[int, Node] = {}

    def final(k: int) -> Node:
        if k not in finals:
            finals[k] = b.input(b.notes.names.get(view.carried[k], "filled"), results[k].array)
            captures[finals[k]] = results[k]
        return finals[k]

    replaced: set[Node] = set()
    for k, writes in staying.whole():
        own = [body.carried[k], *(x for x, o in body.originals.items() if o in writes)]
        replaced.update(own)
        mapping |= dict.fromkeys(own, final(k))
    for node in body.nodes:
        original = body.originals.get(node)
        if original is None or node.op.kind is not Kind.GATHER:
            continue
        k = None if node.args[0] in replaced else staying.read_from(original)
        if k is not None:
            places = b.substitute(node.args[1:], mapping)
            mapping[node] = make.gather(b, final(k), *places)
    if not mapping:
        return body, {}
    images = [x for x in body.nodes if x in body.originals and x not in replaced]
    rewritten, found = body.substitute(b, mapping, images)
    originals = dict(body.originals)
    for node, image in zip(images, found, strict=True):
        originals.setdefault(image, body.originals[node])
    return replace(rewritten, originals=originals), captures


def _counters(view: View) -> Iterator[tuple[int, Dim]]:
    """The carried integers that grow by one in each iteration, with their value in the first."""
    for k, (own, after) in enumerate(zip(view.carried, view.params.body.outputs, strict=False)):
        if own.array.shape or own.array.dtype is not DType.INT64 or after.op.name != "add":
            continue
        x, y = after.args
        if (x is own and make.constant_value(y) == 1) or (y is own and make.constant_value(x) == 1):
            yield k, affine(view.args[k], {}) or Dim.symbol(f"%{k}")
