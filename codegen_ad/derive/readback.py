"""What an adjoint can have without a record: counters, and elements that a loop writes once.

`for t in range(n): x[t + 1] = f(x[t])` reads at `t` what no later iteration overwrites, so the
adjoint finds it in the array that the loop leaves behind. A `for` that may be left early carries
its index; on the way back that is known, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from codegen_ad.derive.bodies import Body, View
from codegen_ad.derive.integers import Known, counters
from codegen_ad.derive.staying import Table
from codegen_ad.derive.versions import Part, demanded, inside
from codegen_ad.ir.builder import RESULT, Builder, Result
from codegen_ad.ir.node import Node, Params, Region, toposort
from codegen_ad.ops import make
from codegen_ad.ops.control import Branch, Loop, While


def without_records(
    b: Builder, view: View, body: Body, results: Sequence[Node], known: Known
) -> tuple[Body, dict[Node, Node]]:
    """The body with such values taken from elsewhere, and the outer values of its new inputs.

    `results` are the loop's, `known` what is known where it stands.
    """
    captures: dict[Node, Node] = {}
    counted: dict[Node, Node] = {}
    for k in counters(view.carried, view.params.body.outputs):
        first = b.input("first", view.carried[k].array)
        captures[first] = view.args[k]
        counted[body.carried[k]] = make.add(b, first, body.index)
    if counted:
        body = _with(b, body, counted, toposort((*body.nexts, *body.nodes)))
    for k in range(view.params.carried):
        if not view.carried[k].array.shape:
            continue
        table = Table(view, body, k, known)
        if not table.is_known or not any(v in table.versions for v in body.nodes):
            continue
        final = b.input(b.notes.names.get(view.carried[k], "filled"), results[k].array)
        found = _from_final(b, body, table, final)
        if found is not None:
            captures[final] = results[k]
            body = found
    return body, captures


def _from_final(b: Builder, body: Body, table: Table, final: Node) -> Body | None:
    """The body where what stays of an array is read from `final`; None if nothing does."""
    outputs = (*body.next_gs, *body.sums)
    finals = dict.fromkeys(table.versions, final)
    # What was written is at hand, too.
    written = {x.args[1]: make.gather(b, final, *x.args[2:]) for x in table.kept}
    if table.all_stay(outputs, written):
        order = demanded(outputs, {*finals, *written})
        return _with(b, body, _mapping(b, order, finals, written), order)
    order = demanded(outputs, written)
    reads = [n for n in order if any(a in finals for a in n.args) and table.stays(n)]
    mapping = dict(written) if not written.keys().isdisjoint(body.nodes) else {}
    for node in order:
        if node in reads:
            # What else it takes may follow from reads that do not stay.
            others = b.substitute(node.args, mapping)
            args = [finals.get(a, other) for a, other in zip(node.args, others, strict=True)]
            _replace(b, mapping, node, args, order, finals)
    return _with(b, body, mapping, order) if mapping else None


def _with(b: Builder, body: Body, mapping: Mapping[Node, Node], order: Sequence[Node]) -> Body:
    """The body with values replaced; `order` are those that are needed then."""
    images = [x for x in order if x in body.originals]
    rewritten, found = body.substitute(b, mapping, images)
    # What nobody needs is not made with values that only stand for those that are read.
    nexts = [y if x in order else x for x, y in zip(body.nexts, rewritten.nexts, strict=True)]
    originals = dict(body.originals)
    for node, image in zip(images, found, strict=True):
        originals.setdefault(image, body.originals[node])
    return replace(rewritten, nexts=nexts, originals=originals)


def _rewritten(b: Builder, outputs: Sequence[Node], finals: Mapping[Node, Node]) -> list[Node]:
    """The outputs with reads of the versions of an array made reads of what is in their place."""
    return b.substitute(outputs, _mapping(b, demanded(outputs, finals), finals))


def _mapping(
    b: Builder,
    order: Sequence[Node],
    finals: Mapping[Node, Node],
    written: Mapping[Node, Node] | None = None,
) -> dict[Node, Node]:
    """What to replace for that: the versions, and results of nodes that no longer make any."""
    mapping = {**finals, **(written or {})}
    for node in order:
        if node.regions and any(a in finals for a in node.args):
            _replace(b, mapping, node, b.substitute(node.args, mapping), order, finals)
    return mapping


def _replace(
    b: Builder,
    mapping: dict[Node, Node],
    node: Node,
    args: Sequence[Node],
    order: Sequence[Node],
    finals: Mapping[Node, Node],
) -> None:
    """Note what is to be used for a node that takes a version, or for its results, in `order`."""
    parts = inside(node, finals) if node.regions else []
    assert parts is not None, "what can't be looked into does not stay"
    params, gone = node.params, parts[0].yields if parts else None
    if gone is not None:
        regions = tuple(_without(b, part, parts[0], params, finals) for part in parts)
        if isinstance(params, Branch):
            params = Branch(*regions)
        else:
            assert isinstance(params, Loop | While)
            first = 1 if isinstance(params, Loop) else 0
            # The array is captured now.
            args = [*args[: first + gone], *args[first + gone + 1 :], args[first + gone]]
            params = replace(params, carried=params.carried - 1).with_regions(
                regions if isinstance(params, Loop) else regions[::-1]
            )
    sizes = b.substitute(node.sizes, mapping)
    with b.at(b.notes.origins.get(node), gradient=node in b.notes.gradients):
        made = b.node(node.op, args, params, sizes)
        b.notes.copy_text(node, made)
        if not node.regions:
            mapping[node] = made
            return
        for result in order:
            if isinstance(result.params, Result) and result.args == (node,):
                number = result.params.index
                number -= gone is not None and number > gone
                mapping[result] = b.node(RESULT, (made,), Result(number))
                b.notes.copy_text(result, mapping[result])


def _without(
    b: Builder, part: Part, first: Part, params: Params | None, finals: Mapping[Node, Node]
) -> Region:
    """A region that no longer makes a version, but reads what stays of it from an input."""
    own = {x: x for x, a in zip(part.inputs, part.args, strict=True) if a in finals}
    own |= dict.fromkeys(part.chain, part.chain[0]) if part.chain else {}
    inputs = [*part.region.inputs]
    if first.yields is not None and not isinstance(params, Branch):
        carried = part.inputs[first.yields]
        inputs = [*(x for x in inputs if x is not carried), carried]
    with b.scope():
        b.declare(part.region.inputs)
        outputs = _rewritten(b, part.outputs, own)
    return Region(tuple(inputs), tuple(outputs))
