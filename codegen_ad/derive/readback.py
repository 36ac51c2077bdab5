"""What an adjoint can have without a record: counters, and elements that a loop writes once.

`for t in range(n): x[t + 1] = f(x[t])` reads at `t` what no later iteration overwrites, so the
adjoint finds it in the array that the loop leaves behind. A `for` that may be left early carries
its index; on the way back that is known, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from codegen_ad.derive.bodies import Body, View
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.affine import affine
from codegen_ad.ops.constants import IOTA
from codegen_ad.ops.movement import RESHAPE

_I = Dim.symbol("%i")
"""The number of iterations before the present one."""


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
    indices = _indices(view, counters)
    finals: dict[int, Node] = {}
    for node in body.nodes:
        original = body.originals.get(node)
        if original is None or node.op.kind is not Kind.GATHER:
            continue
        k = _stays(view, original, indices)
        if k is None:
            continue
        if k not in finals:
            finals[k] = b.input(b.notes.names.get(view.carried[k], "filled"), results[k].array)
            captures[finals[k]] = results[k]
        places = b.substitute(node.args[1:], mapping)
        mapping[node] = make.gather(b, finals[k], *places)
    if not mapping:
        return body, {}
    images = [node for node in body.nodes if node in body.originals]
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


def _indices(view: View, counters: Mapping[int, Dim]) -> dict[Node, Dim]:
    """What is known of integers in the loop's body: the index, and counters."""
    known = {view.carried[k]: first + _I for k, first in counters.items()}
    if view.index is not None:
        known[view.index] = _I
    return known


def _stays(view: View, read: Node, indices: Mapping[Node, Dim]) -> int | None:
    """The carried array that a gather reads from, if what it reads is still there at the end.

    A row is all elements with one index along one axis. Rows that are read and written move by one
    in each iteration, all the same way. A later iteration writes over the row unless writes go
    ahead of reads; a write that goes to the row that is read has to come before the read.
    """
    source, place = read.args[0], _row(read.args[1:], indices, view)
    if place is None:
        return None
    for k, own in enumerate(view.carried):
        writes = _writes(view.params.body.outputs[k], own)
        if writes is None or not any(source is node for node in (own, *writes)):
            continue
        for number, write in enumerate(writes):
            row = _row(write.args[2:], indices, view)
            ahead = None if row is None else row.first - place.first
            if row is None or ahead is None or not ahead.is_constant:
                return None
            if (row.axis, row.step) != (place.axis, place.step):
                return None
            is_done = source is not own and number <= writes.index(source)
            if ahead.value * row.step < (0 if is_done else 1):
                return None
        return k
    return None


def _writes(last: Node, first: Node) -> list[Node] | None:
    """The writes that make `last` of `first`, in order; None if it is made in another way."""
    found: list[Node] = []
    node = last
    while node is not first:
        if node.op.kind is not Kind.SCATTER:
            return None
        found.append(node)
        node = node.args[0]
    return found[::-1]


@dataclass(frozen=True, slots=True)
class _Row:
    """Where an iteration finds its row: `first` as a polynomial of `_I`, and what that grows by."""

    axis: int
    first: Dim
    step: int


def _row(places: Sequence[Node], indices: Mapping[Node, Dim], view: View) -> _Row | None:
    """The row of each iteration that indices pick from; None if it may be counted from the end.

    It is the first index that does not run along a whole axis.
    """
    axis, node = next(((a, i) for a, i in enumerate(places) if not _is_whole(i)), (0, places[0]))
    row = None if node.array.shape else affine(node, indices)
    if row is None:
        return None
    start = row.substitute({"%i": ZERO})
    step = row.substitute({"%i": ONE}) - start
    if step not in (ONE, -ONE):
        return None
    lowest = start if step == ONE else row.substitute({"%i": view.params.length - 1})
    is_known = all(
        coefficient >= 0 and all(isinstance(a, str) and a[0] != "%" for a in monomial)
        for monomial, coefficient in lowest.terms
    )
    return _Row(axis, row, step.value) if is_known else None


def _is_whole(index: Node) -> bool:
    """Whether an index runs along an axis, as in `x[:, t]`."""
    return (index.args[0] if index.op is RESHAPE else index).op is IOTA
