"""Where a cotangent that loops and branches add up can be other than zero.

The cotangent of `r` in a loop that reads `r[i]` where a condition holds is a sum that begins with
zeros. Elements that no trip reads stay zero for certain, whatever their partial derivatives are.
Which ones, a loop beside the adjoint says: the same loop, which carries a mask in place of the sum
and sets it where the sum is added to. What the mask does not need is dropped later. Where every
trip adds to its own element, and all elements have a trip, there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from codegen_ad.derive.structured import placeholders
from codegen_ad.ir.builder import Builder, Result
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.node import Kind, Node, Region
from codegen_ad.ir.types import DType
from codegen_ad.ops import BY_NAME, make
from codegen_ad.ops.affine import affine
from codegen_ad.ops.control import Branch, Loop
from codegen_ad.ops.indexing import SCATTER, UPDATE, Scatter, Update
from codegen_ad.ops.movement import BROADCAST_TO, RESHAPE, SLICE, TRANSPOSE

MOVED = (BROADCAST_TO, RESHAPE, SLICE, TRANSPOSE)

Masks = Mapping[Node, Node | None]
"""For each sum that a region is given, or that was looked at before, the mask of it."""


def reached(b: Builder, g: Node, known: Masks) -> Node | None:
    """The mask of the elements of `g` that may be other than zero; None if all of them may.

    Of zeros to which something was added outside of loops nothing is said here: places say that
    (`placed.py`), and tangents of such sums, as of `np.bincount`, would only get slower.
    """
    return _mask(b, g, known) if _is_of_region(g) else None


def _is_of_region(g: Node) -> bool:
    """Whether a loop or a branch made it, or made a term of it."""
    todo, seen = [g], set[Node]()
    while todo:
        node = todo.pop()
        if isinstance(node.params, Result) or node.op is BY_NAME["where"]:
            return True
        if node in seen:
            continue
        seen.add(node)
        if node.op in (SCATTER, UPDATE, BY_NAME["negative"], *MOVED):
            todo.append(node.args[0])
        elif node.op in (BY_NAME["add"], BY_NAME["subtract"], BY_NAME["multiply"]):
            todo += node.args
    return False


def _mask(b: Builder, g: Node, known: Masks) -> Node | None:
    with b.at(b.notes.origins.get(g), gradient=True):
        return _mask_here(b, g, known)


def _mask_here(b: Builder, g: Node, known: Masks) -> Node | None:
    if g in known:
        return known[g]
    if make.constant_value(g) == 0:
        return make.full(b, g.array.shape, False, DType.BOOL)
    if isinstance(g.params, Result):
        source, index = g.args[0], g.params.index
        match source.params:
            case Loop() as loop if index < loop.carried:
                return _of_loop(b, source, loop, index, known)
            case Branch() as branch:
                return _of_branch(b, source, branch, index, known)
            case _:
                return None
    if g.op in (SCATTER, UPDATE):
        return _written(b, g, known)
    if g.op in MOVED or g.op is BY_NAME["negative"]:
        inner = _mask(b, g.args[0], known)
        if inner is None or g.op is BY_NAME["negative"]:
            return inner
        return b.node(g.op, (inner,), g.params, g.sizes or None)
    if g.op.kind is not Kind.ELEMENTWISE:
        return None
    return _computed(b, g, known)


def _computed(b: Builder, g: Node, known: Masks) -> Node | None:
    """The mask of what is not moved but computed."""
    if g.op is BY_NAME["where"]:
        condition, _, y = g.args
        if make.constant_value(y) == 0:
            return make.broadcast_to(b, condition, g.array.shape)
        return None
    if g.op in (BY_NAME["add"], BY_NAME["subtract"]):
        first = _mask(b, g.args[1], known)
        second = None if first is None else _mask(b, g.args[0], known)
        if first is None or second is None:
            return None
        return make.apply(b, "logical_or", first, second)
    if g.op is BY_NAME["multiply"]:  # a loop's sum times a number that was known after the loop
        for factor, other in (g.args, g.args[::-1]):
            mask = None if other.array.shape else _mask(b, factor, known)
            if mask is not None:
                return make.broadcast_to(b, mask, g.array.shape)
    return None


def _written(b: Builder, g: Node, known: Masks) -> Node | None:
    target, values, *indices = g.args
    mask = _mask(b, target, known)
    if mask is None:
        return None
    assert isinstance(g.params, Scatter | Update)
    if not g.params.accumulate and make.constant_value(values) != 0:
        return None
    value = make.full(b, values.array.shape, g.params.accumulate, DType.BOOL)
    added = _mask(b, values, known) if g.params.accumulate else None
    if isinstance(g.params, Update):
        if added is not None:
            value = make.apply(b, "logical_or", make.slice_(b, mask, g.params.spans), added)
        return make.update(b, mask, value, g.params.spans)
    if added is not None and not any(i.array.shape for i in indices):
        value = make.apply(b, "logical_or", make.gather(b, mask, *indices), added)
    return make.scatter(b, mask, value, *indices, accumulate=False)


def _of_branch(b: Builder, node: Node, branch: Branch, index: int, known: Masks) -> Node | None:
    """By the side that was taken; None if neither side leaves anything out."""
    condition, *captured = node.args
    given = {k: mask for k, a in enumerate(captured) if (mask := known.get(a)) is not None}
    outer = [*captured, *given.values()]
    regions: list[Region] = []
    dense = 0
    for side in branch.regions:
        with b.scope():
            inputs = placeholders(b, outer)
            own, masks = inputs[: len(captured)], inputs[len(captured) :]
            (g,) = b.substitute((side.outputs[index],), dict(zip(side.inputs, own, strict=True)))
            inside = {own[k]: mask for k, mask in zip(given, masks, strict=True)}
            for own_zero in (own[k] for k, a in enumerate(captured) if make.constant_value(a) == 0):
                inside.setdefault(own_zero, make.full(b, own_zero.array.shape, False, DType.BOOL))
            mask = _mask(b, g, inside)
            if mask is None:
                dense += 1
                mask = make.full(b, g.array.shape, True, DType.BOOL)
            regions.append(Region(tuple(inputs), (mask,)))
    if dense == len(regions):
        return None
    made = b.node(node.op, (condition, *outer), Branch(regions[0], regions[1]))
    return b.results(made)[0]


def _of_loop(b: Builder, node: Node, loop: Loop, index: int, known: Masks) -> Node | None:
    start = _mask(b, node.args[1 + index], known)
    if start is None:
        if not _clears(loop.body.outputs[index]):
            return None
        start = make.full(b, node.items[index].shape, True, DType.BOOL)
    if _covers(b, node, index):
        return None
    _, *args = node.args
    found = ((k, known.get(a)) for k, a in enumerate(args) if k >= loop.carried)
    given = {k: mask for k, mask in found if mask is not None}
    masks = [start, *given.values()]
    with b.scope():
        place, *own = placeholders(b, loop.body.inputs)
        carried, *captured = placeholders(b, masks)
        mapping = dict(zip(loop.body.inputs, (place, *own), strict=True))
        outputs = b.substitute(loop.body.outputs[: loop.carried], mapping)
        inside = {own[k]: mask for k, mask in zip(given, captured, strict=True)}
        mask = _mask(b, outputs[index], {**inside, own[index]: carried})
        if mask is None:
            return None
        count = loop.carried
        inputs = (place, *own[:count], carried, *own[count:], *captured)
        body = Region(inputs, (*outputs, mask))
    outer = (node.args[0], *args[:count], start, *args[count:], *masks[1:])
    made = b.node(node.op, outer, replace(loop, carried=count + 1, stacked=0, body=body))
    return b.results(made)[count]


def _clears(g: Node) -> bool:
    """Whether zeros are written to what a region hands on, in branches and loops too."""
    while True:
        if isinstance(g.params, Scatter | Update):
            if not g.params.accumulate and make.constant_value(g.args[1]) == 0:
                return True
            (g, *_) = g.args
        elif isinstance(g.params, Result):
            source, index = g.args[0], g.params.index
            if isinstance(source.params, Branch):
                return any(_clears(side.outputs[index]) for side in source.params.regions)
            if not isinstance(source.params, Loop) or index >= source.params.carried:
                return False
            if _clears(source.params.body.outputs[index]):
                return True
            g = source.args[1 + index]
        else:
            return False


def only_cleared(g: Node, start: Node) -> bool:
    """Whether `g` is `start` but for zeros that were written to it, in branches and loops too."""
    while g is not start:
        if isinstance(g.params, Scatter | Update):
            if g.params.accumulate or make.constant_value(g.args[1]) != 0:
                return False
            (g, *_) = g.args
        elif isinstance(g.params, Result):
            source, index = g.args[0], g.params.index
            match source.params:
                case Branch(then, otherwise):
                    sides = [(side, side.outputs[index]) for side in (then, otherwise)]
                    first = 1
                case Loop(carried, body=body) if index < carried:
                    sides, first = [(body, body.outputs[index])], 0
                case _:
                    return False
            found = {_cleared_input(side.inputs, output) for side, output in sides}
            if len(found) != 1 or (place := found.pop()) is None:
                return False
            if isinstance(source.params, Loop) and place != 1 + index:
                return False
            g = source.args[first + place]
        else:
            return False
    return True


def _cleared_input(inputs: Sequence[Node], output: Node) -> int | None:
    """The position of the input that an output is, but for zeros written to it."""
    for place, own in enumerate(inputs):
        if own.type == output.type and only_cleared(output, own):
            return place
    return None


@dataclass(frozen=True, slots=True)
class _Counted:
    """Integers as polynomials of sizes and indices, and the trips that belong to each index."""

    known: Mapping[Node, Dim]
    lengths: Mapping[str, Dim]

    def inside(self, node: Node, loop: Loop) -> _Counted:
        """The same in the body of a loop."""
        symbol = f"%{len(self.lengths)}"
        found = {loop.body.inputs[0]: Dim.symbol(symbol)}
        for own, arg in zip(loop.body.inputs[1:], node.args[1:], strict=True):
            if own.array.shape or own in loop.body.inputs[1 : 1 + loop.carried]:
                continue
            value = affine(arg, self.known)
            if value is not None:
                found[own] = value
        return _Counted(found, {**self.lengths, symbol: loop.length})

    def is_every(self, indices: Sequence[Node], shape: Sequence[Dim]) -> bool:
        """Whether all places of the leading axes have a trip of the loops around."""
        symbols: set[str] = set()
        for index, dim in zip(indices, shape, strict=False):
            place = affine(index, self.known)
            found = [
                s
                for s, length in self.lengths.items()
                if length == dim and place in (Dim.symbol(s), length - 1 - Dim.symbol(s))
            ]
            if dim != ONE and not found:
                return False
            symbols.update(found[:1])
        return len(symbols) == sum(d != ONE for d in shape[: len(indices)])


def _covers(b: Builder, node: Node, index: int, around: _Counted | None = None) -> bool:
    """Whether a loop adds to every element of what it carries, whatever the data are."""
    loop = node.params
    assert isinstance(loop, Loop)
    inside = (around or _Counted({}, {})).inside(node, loop)
    g = loop.body.outputs[index]
    while True:
        if g is loop.body.inputs[1 + index]:
            return False
        if isinstance(g.params, Scatter | Update) and g.params.accumulate:
            if _mask(b, g.args[1], {}) is not None:
                return False
            if g.op is SCATTER and inside.is_every(g.args[2:], g.array.shape):
                return True
            if isinstance(g.params, Update) and all(
                s == make.whole(d) for s, d in zip(g.params.spans, g.array.shape, strict=True)
            ):
                return True
            (g, *_) = g.args
        elif isinstance(g.params, Result) and isinstance(g.args[0].params, Loop):
            inner, k = g.args[0], g.params.index
            assert isinstance(inner.params, Loop)
            if k >= inner.params.carried:
                return False
            if _covers(b, inner, k, inside):
                return True
            g = inner.args[1 + k]
        elif isinstance(g.params, Result) and isinstance(g.args[0].params, Branch):
            return False
        else:
            return False
