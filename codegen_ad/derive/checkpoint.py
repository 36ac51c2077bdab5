"""Checkpointing: a long loop keeps some of its states, and runs again from these on the way back.

The outermost loop that would record something is the one that is checkpointed; loops inside of it
record as usual, for one iteration at a time. A loop that carries an array as long as itself, such
as a path that it fills, records little and has large states: it is left as it is.

Loops that are faster that way keep states without being asked to: those of few operations on large
arrays, such as a difference equation's steps in time.
"""

from __future__ import annotations

from codegen_ad.derive.binomial import binomial
from codegen_ad.derive.bodies import Adjoint
from codegen_ad.derive.records import numbers
from codegen_ad.derive.segments import lengths, segments
from codegen_ad.derive.states import States
from codegen_ad.derive.structured import Checkpoints
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import product
from codegen_ad.ir.node import Kind, Node, toposort
from codegen_ad.ops.costs import TYPICAL_SIZE, operations, typical
from codegen_ad.ops.movement import CONCATENATE, SLICE
from codegen_ad.ops.trips import dependent

AGAIN = 2
"""How many operations run again for each byte of a state, without being asked for.

Measured on float64: to keep a number and read it again takes as long as 50 products if the records
are tens of megabytes, because the system hands out each page anew; 5 if they fit into a cache. Up
to 16 operations for a number lose little there, and gain much here.
"""

MIXING = (Kind.GATHER, Kind.SCATTER, Kind.UPDATE, Kind.SCAN, Kind.CONTRACT, Kind.LINALG)


def checkpointed(
    b: Builder, adjoint: Adjoint, checkpoints: Checkpoints
) -> tuple[list[Node], list[Node] | None] | None:
    """What the adjoint carries at the end, and the loop's results, or None where they stay.

    None if keeping states would take more memory than recording.

    Raises
    ------
    NotDifferentiable
        If there is a memory budget and the size of a state depends on more than the arguments.
    """
    view, body, option = adjoint.view, adjoint.body, checkpoints.option
    if option is None or (option.snapshots is None and option.budget is None):
        states = States.needed_for(view, (body.originals[r] for r in adjoint.recorded))
    else:
        # Each step runs again inside its own adjoint, on whatever the adjoint's body needs.
        nodes = set(toposort(after for _, after, _ in adjoint.carried))
        pairs = zip(body.carried, view.carried, strict=True)
        states = States.needed_for(view, (own for inner, own in pairs if inner in nodes))
    if not _is_worth_it(adjoint, states) or (option is None and not _is_faster(adjoint, states)):
        return None
    checkpoints.loops += 1
    number = checkpoints.loops
    if option is None or (option.snapshots is None and option.budget is None):
        checkpoints.segmented |= lengths(view.params.length, number)
        return segments(b, adjoint, states, number)
    if option.budget is not None:
        _check_budget(b, adjoint, states, checkpoints)
    return binomial(b, adjoint, states, option, number)


def _is_worth_it(adjoint: Adjoint, states: States) -> bool:
    """Whether states and one segment's records are less than n, for sizes as they usually are."""
    length = adjoint.view.params.length
    steps = length.value if length.is_constant else TYPICAL_SIZE
    record, root = numbers(adjoint.recorded), max(2 * steps, 1) ** 0.5
    kept = root * (typical(states.size) + record / 2)
    return kept < max(steps, root * 2 + 1) * record


def _is_faster(adjoint: Adjoint, states: States) -> bool:
    """Whether steps that run again take less time than records in memory that is new in each call.

    It takes steps of few operations on arrays, whose elements look at others: a loop in which they
    don't goes inside of one over the elements, and then its records are short.
    """
    view, recorded = adjoint.view, adjoint.recorded
    if not view.is_counted or view.params.stacked:
        return False
    if all(product(r.array.shape).is_constant for r in recorded):
        return False
    body = view.params.body
    again = [body.outputs[k] for k in states.kept]
    again += [adjoint.body.originals[r] for r in recorded]
    moving = dependent(body, [view.first + k for k in states.kept])
    mixes = any(_mixes(node) for node in toposort(again) if node in moving)
    return mixes and sum(map(operations, toposort(again))) <= AGAIN * typical(states.size)


def _mixes(node: Node) -> bool:
    """Whether elements of an array come to other places."""
    return node.op in (SLICE, CONCATENATE) or node.op.kind in MIXING


def _check_budget(b: Builder, adjoint: Adjoint, states: States, checkpoints: Checkpoints) -> None:
    assert checkpoints.option is not None
    origin = b.notes.origins.get(adjoint.node)
    unknown = [s for s in states.size.symbols() if s not in checkpoints.known]
    if unknown:
        line = f"line {origin.line}: " if origin is not None else ""
        raise NotDifferentiable(
            f"{line}how many states of this loop fit into {checkpoints.option.text} depends on "
            "more than the sizes of the arguments: the loop carries an array whose size is computed"
            " from their values.\n"
            "Give a number of snapshots instead: checkpoint=100."
        )
    checkpoints.rooms.append((2 * states.size, origin))
