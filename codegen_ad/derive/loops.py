"""The adjoint of a loop is a loop that runs the other way.

It carries the cotangents of the carried values, and adds up those of the captured ones. Its body
computes again what follows from the loop index and the captured values alone. What else it needs
is recorded on the way forward, or follows from what is (`records.py`). A recurrence that is linear
records nothing.

What loops inside a loop record is recorded by the loop around them, or lives for one iteration: the
loops inside are then run again on the way back, whichever costs less.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace

from codegen_ad.derive.bodies import Adjoint, Body, View, adjoint_body, adjoint_loop, live
from codegen_ad.derive.checkpoint import checkpointed
from codegen_ad.derive.reached import only_cleared
from codegen_ad.derive.readback import without_records
from codegen_ad.derive.records import Records, record, to_record
from codegen_ad.derive.restoring import restoring
from codegen_ad.derive.structured import Checkpoints, Cotangents, Pull, Pulled, full, placeholders
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import product
from codegen_ad.ir.node import Node
from codegen_ad.ops import make
from codegen_ad.ops.control import Loop, While
from codegen_ad.ops.trips import depends

SMALL = 16
"""Arrays of up to this many elements may be set to zero in every iteration of a loop."""


def loop_pullback(b: Builder, node: Node, given: Cotangents, pull: Pull) -> Pulled:
    """Cotangents of the carried and captured values, from a loop the other way."""
    params = node.params
    assert isinstance(params, Loop | While)
    if isinstance(params, Loop):
        view = View(params, node.args[0], node.args[1:], params.body.inputs[0], 1)
        offset = 1
    else:
        view = View(params, b.results(node)[-1], node.args, None, 0)
        offset = 0
    wanted = given.wanted[offset:]
    moving = live(view, given, wanted)
    captured = [
        k
        for k, x in enumerate(view.captured)
        if wanted[params.carried + k] and x.array.dtype.is_float
    ]
    stacked = [
        k
        for k in range(params.carried, params.carried + params.stacked)
        if given.of_results[k] is not None
    ]
    masks = {k: mask for k in stacked if (mask := given.mask_of(k)) is not None}
    told = {k: mask for k in moving if (mask := given.mask_of(k)) is not None}
    cleared: list[int] = []

    def derived(checkpoints: Checkpoints | None = None) -> tuple[Body, View, dict[Node, Node]]:
        with b.scope():
            body, longer = adjoint_body(
                b, view, moving, captured, stacked, pull, given.known, checkpoints, masks, cleared
            )
            body, again = without_records(b, longer, body, b.results(node), given.known)
        return body, longer, again

    body, longer, found_again = derived()
    pairs = zip(moving, body.next_gs, body.gs, strict=True)
    cleared = [k for k, after, before in pairs if k in told and only_cleared(after, before)]
    if cleared:
        body, longer, found_again = derived()
    sparing = given.checkpoints is not None and given.checkpoints.option is not None
    records = to_record(body, sparing=sparing)
    if given.checkpoints is not None and not records.values and any(n.regions for n in body.nodes):
        # This loop is run again as a whole, so the loops inside are the outermost that record.
        body, longer, found_again = derived(given.checkpoints)
        records = to_record(body, sparing=sparing)

    if not sparing:
        with b.scope():
            body, records = restoring(b, longer, body, records)
    of_results = given.of_results
    outer_gs = [full(b, view.args[k], of_results[k]) for k in moving]
    factor = None
    if not records.values and not stacked and all(map(operator.is_, body.next_gs, body.gs)):
        factor = _late_factor(b, node, outer_gs, [view.captured[k] for k in captured])
    if factor is not None:
        outer_gs = [make.constant(b, 1, factor.array.dtype)]
        given = replace(given, so_far=[None] * len(given.so_far))
    outer_starts = [
        full(b, view.args[params.carried + k], given.so_far[offset + params.carried + k])
        for k in captured
    ]
    outer_stacks = [full(b, b.results(node)[k], of_results[k]) for k in stacked]
    outer_stacks += [*masks.values(), *(told[k] for k in cleared)]
    body, recorded, follows = _following(b, longer, body, records)
    changed = [k for k in range(len(moving)) if body.next_gs[k] is not body.gs[k]]
    added = [k for k in range(len(captured)) if body.sums[k] is not body.starts[k]]
    adjoint = Adjoint(
        node,
        longer,
        body,
        recorded,
        (
            *((body.gs[k], body.next_gs[k], outer_gs[k]) for k in changed),
            *((body.starts[k], body.sums[k], outer_starts[k]) for k in added),
            *((own, body.carried[k], b.results(node)[k]) for k, own in follows.items()),
            *((t.after, t.before, b.results(node)[t.position]) for t in body.restored),
        ),
        {
            **dict(zip(body.gs, outer_gs, strict=True)),
            **dict(zip(body.captured, view.args[params.carried :], strict=True)),
            **dict(zip(body.stacks, outer_stacks, strict=True)),
            **found_again,
        },
        reverse=bool(changed) or bool(follows) or bool(body.restored),
    )
    found, results = _run(b, adjoint, given)
    cotangents: list[Node | None] = [None] * len(node.args)
    for k, g in zip(moving, outer_gs, strict=True):
        cotangents[offset + k] = g
    for k, g in zip(changed, found, strict=False):
        cotangents[offset + moving[k]] = g
    for k, g in zip(added, found[len(changed) :], strict=False):
        total = g if factor is None else make.multiply(b, g, factor)
        cotangents[offset + params.carried + captured[k]] = total
    if factor is not None:
        cotangents[offset + moving[0]] = factor
        return Pulled(cotangents)
    totals = [offset + params.carried + captured[k] for k in added]
    return Pulled(cotangents, totals, results)


def _late_factor(b: Builder, node: Node, gs: Sequence[Node], wanted: Sequence[Node]) -> Node | None:
    """The number that is a factor of all that the adjoint adds up, if it follows from the loop.

    The adjoint is linear in it. Without it, the adjoint need not wait for the loop, and both can
    run as one. It then begins with zeros, which many iterations of a loop around it are not given
    large arrays of.
    """
    sizes = [product(x.array.shape) for x in wanted]
    if b.in_region and not all(d.is_constant and d.value <= SMALL for d in sizes):
        return None
    if not isinstance(node.params, Loop) or len(gs) != 1 or gs[0].array.shape:
        return None
    alike = all(x.array.dtype is gs[0].array.dtype for x in wanted)
    return gs[0] if alike and depends(gs[0], [node]) else None


def _following(
    b: Builder, view: View, body: Body, records: Records
) -> tuple[Body, Sequence[Node], dict[int, Node]]:
    """The body with inputs for next values that the adjoint carries, by position; what it records.

    On the way back, the next value of a carried one is what the iteration before found recorded.
    """
    if not records.following:
        return body, records.values, {}
    follows = dict(
        zip(
            records.following,
            placeholders(b, [view.carried[k] for k in records.following]),
            strict=True,
        )
    )
    with b.scope():
        made, recorded = body.substitute(
            b, {body.nexts[k]: own for k, own in follows.items()}, records.values
        )
    originals = {**body.originals}
    for node, image in zip(records.values, recorded, strict=True):
        originals.setdefault(image, body.originals[node])
    return replace(made, originals=originals), recorded, follows


def _run(b: Builder, adjoint: Adjoint, given: Cotangents) -> tuple[list[Node], list[Node] | None]:
    """What the adjoint carries at the end, and the loop's results if it has others now."""
    if not adjoint.carried:
        return [], None
    params, trip = adjoint.view.params, adjoint.view.trip
    if not adjoint.recorded:
        return adjoint_loop(b, adjoint, trip, params.length, adjoint.starts, {}), None
    if given.checkpoints is not None and not adjoint.body.restored:
        found = checkpointed(b, adjoint, given.checkpoints)
        if found is not None:
            return found
    originals = [adjoint.body.originals[r] for r in adjoint.recorded]
    results, stacks = record(b, adjoint.node, params.body, originals)
    if not adjoint.view.is_counted:
        trip = results[-1]  # the first loop goes away
    of = dict(zip(adjoint.recorded, stacks, strict=True))
    return adjoint_loop(b, adjoint, trip, params.length, adjoint.starts, of), results
