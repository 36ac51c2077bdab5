"""Carried arrays that an adjoint restores: it puts back what each iteration has overwritten.

A loop that writes a few elements of an array in each iteration, at places that data name, leaves
behind all the others. So the adjoint needs no record of the whole array: it carries the array back
from what the loop left, and each of its iterations first puts the old elements in the places of the
new ones. What is recorded is as long as what is written.

Recording overwritten values is the "global trade-off" of tapes of values in L. Hascoët and
V. Pascual, "The Tapenade automatic differentiation tool", ACM TOMS 39 (2013) 20:1-20:43.
"""

from __future__ import annotations

from dataclasses import replace

from codegen_ad.derive.bodies import Body, Restored, View
from codegen_ad.derive.records import Records, to_record
from codegen_ad.derive.structured import placeholders
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, toposort
from codegen_ad.ops import make
from codegen_ad.ops.costs import elements
from codegen_ad.ops.indexing import SCATTER, UPDATE, Update

_FEW = 4
"""How many times as many elements a table has as an iteration writes, at least."""


def restoring(b: Builder, view: View, body: Body, records: Records) -> tuple[Body, Records]:
    """The body with arrays restored where that is cheaper than what is recorded, and its records.

    `view` is the loop that the body is of.
    """
    for position in range(view.params.carried):
        if _is_kept(body, records, position):
            changed = _restored(b, view, body, position)
            if changed is None:
                continue
            written = sum(elements(x.array) for x in changed.restored[-1].overwritten)
            if written * _FEW > elements(view.carried[position].array):
                continue  # most of it: steps that run again from a few kept states are better
            found = to_record(changed, sparing=False)
            # The record is read, and what is read is written once more.
            cost = found.cost + written
            if cost < records.cost:
                body, records = changed, replace(found, cost=cost)
    return body, records


def _is_kept(body: Body, records: Records, position: int) -> bool:
    """Whether the whole of an array is recorded in each iteration, before a write or behind it."""
    links = _links(body.nexts[position], body.carried[position])
    if not links:
        return False
    return any(x in records.values for x in (body.carried[position], *links))


def _links(last: Node, first: Node) -> list[Node]:
    """The writes that make the last of the first, the last write first; none if not all are."""
    found: list[Node] = []
    while last is not first:
        if last.op not in (SCATTER, UPDATE):
            return []
        found.append(last)
        last = last.args[0]
    return found


def _restored(b: Builder, view: View, body: Body, position: int) -> Body | None:
    """The body that carries an array back; None where it can't say which elements were there."""
    links = _links(body.nexts[position], body.carried[position])
    of_loop = _links(view.params.body.outputs[position], view.carried[position])
    if len(links) != len(of_loop) or any(_has_own_sizes(x, view) for x in of_loop):
        return None
    (after,) = placeholders(b, [view.carried[position]])
    mapping: dict[Node, Node] = {}
    originals = dict(body.originals)
    known = toposort((*view.params.body.outputs, *originals.values()))
    twins = {b.key(x.op, x.args, x.params, x.sizes): x for x in reversed(known)}
    overwritten: list[Node] = []
    here = after
    for link, own in zip(links, of_loop, strict=True):
        mapping[link] = here
        with b.at(b.notes.origins.get(own), gradient=False):
            old = _old(b, own)
            old = twins.get(b.key(old.op, old.args, old.params, old.sizes), old)
        kept = b.input("overwritten", old.array)
        originals[kept] = old
        overwritten.append(kept)
        here = _put_back(b, here, kept, link)
    mapping[body.carried[position]] = here
    order = [x for x in body.nodes if x in body.originals and x not in mapping]
    table = Restored(position, after, here, tuple(overwritten))
    body = replace(body, restored=(*body.restored, table), originals=originals)
    made, images = body.substitute(b, mapping, order)
    for node, image in zip(order, images, strict=True):
        originals.setdefault(image, originals[node])
    return replace(made, originals=originals)


def _has_own_sizes(write: Node, view: View) -> bool:
    """Whether it writes as many elements as only an iteration knows."""
    if write.sizes:
        return True
    known = {s for x in view.args for d in x.array.shape for s in d.symbols()}
    known |= {x.array.size for x in view.args if x.array.size is not None}
    return any(s not in known for d in write.args[1].array.shape for s in d.symbols())


def _old(b: Builder, write: Node) -> Node:
    """The elements that a write of the loop replaces or adds to."""
    if isinstance(write.params, Update):
        return make.slice_(b, write.args[0], write.params.spans)
    return make.gather(b, write.args[0], *write.args[2:])


def _put_back(b: Builder, array: Node, old: Node, write: Node) -> Node:
    """The array before a write of the adjoint's body."""
    if isinstance(write.params, Update):
        return make.update(b, array, old, write.params.spans)
    return make.scatter(b, array, old, *write.args[2:], accumulate=False)
