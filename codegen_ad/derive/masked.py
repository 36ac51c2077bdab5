"""Products of cotangents and partial derivatives, where neither may spoil what was not chosen.

The cotangent of `x` in `where(c, x, y)` is `where(c, g, 0)`. Times a partial derivative that is
infinite where `c` does not hold, the 0 would become nan. So the product goes inside:
`where(c, g * partial, 0)`. What was not picked, or was replaced by a store, is treated alike
(`placed.py`). Cotangents here may have a smaller shape that broadcasts to the full one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from codegen_ad.derive import placed, scanned, stacked
from codegen_ad.derive.conditions import Chosen, is_looked_for
from codegen_ad.derive.contracted import Contribution, Spread, in_order
from codegen_ad.derive.placed import Part, Placed, Replaced
from codegen_ad.derive.products import is_number, product
from codegen_ad.derive.reached import reached
from codegen_ad.derive.structured import within
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import Shape, broadcast_shapes
from codegen_ad.ops import BY_NAME, STRUCTURAL, make
from codegen_ad.ops.indexing import GATHER, SCATTER, UPDATE, Scatter, Update
from codegen_ad.ops.movement import BROADCAST_TO, SLICE, Spans
from codegen_ad.ops.reduction import PROD, SUM, Reduce, extremum_partial, prod_partial
from codegen_ad.ops.unary import CAST, TAP


class Masks:
    """What is known of cotangents that are zero for certain at some of their elements."""

    def __init__(self, b: Builder) -> None:
        self._b = b
        self._known: dict[Node, Chosen | Placed | Replaced] = {}
        self._counted: dict[Node, Node | None] = {}  # what loops say; None where it is nothing

    def times(self, g: Node, partial: Node, own: Collection[Node] = ()) -> Node | None:
        """`g * partial`; None where that is zero whatever `g` is.

        `own` are the values that the partial derivative speaks of: they are computed anyway.
        """
        if make.constant_value(partial) == 0:
            return None
        if partial.op is BY_NAME["where"]:
            condition, x, y = partial.args
            return self._choose(condition, self.times(g, x, own), self.times(g, y, own))
        match self._known.get(g):
            case None if is_number(partial) or not self._learn(g):
                return product(self._b, g, partial, own)
            case Placed() as known if placed.fits(known, g.array.shape, partial.array.shape):
                return self._at_places(g, known, partial, own)
            case Replaced() as known if placed.is_within(partial, g):
                before = self.times(known.before, partial, own)
                assert before is not None
                return self._replaced(before, known.part)
            case _:
                chosen = self._chosen(g)
                assert chosen is not None
                result = product(self._b, chosen.value, partial, own)
                if chosen.value is g and is_number(partial):
                    self._known[result] = replace(chosen, value=result)  # no number spoils a 0
                    return result
                return self._mask(replace(chosen, value=result))

    def add(self, x: Node, y: Node) -> Node:
        """`x + y`; it is zero where both are."""
        b = self._b
        total = make.add(b, x, y)
        first, second = self._chosen(x), self._chosen(y)
        if first is not None and second is not None:
            if first.condition is second.condition:
                return self._mask(replace(first, value=make.add(b, first.value, second.value)))
            either = make.apply(b, "logical_or", first.condition, second.condition)
            self._known[total] = Chosen(either, total)
        return total

    def tell(self, g: Node, mask: Node) -> None:
        """Let `g` be known to be zero where `mask` does not hold."""
        self._known[g] = Chosen(mask, g, counted=True)

    def mask_of(self, g: Node) -> Node | None:
        """Where `g` may be other than zero; None if it may be everywhere."""
        if g not in self._known:
            self._learn(g)
        chosen = self._chosen(g)
        if chosen is None:
            return None
        return make.broadcast_to(self._b, chosen.condition, g.array.shape)

    def added(self, whole: Node, part: Node, result: Node) -> None:
        """Let `result`, to which the places of `part` were added in `whole`, be known."""
        first, second = self._known.get(whole), self._known.get(part)
        if isinstance(first, Placed) and isinstance(second, Placed):
            self._know(result, Placed((*first.parts, *second.parts)))
            return
        one, other = self._chosen(whole), self._chosen(part)
        if one is not None and other is not None:
            either = make.apply(self._b, "logical_or", one.condition, other.condition)
            self._known[result] = Chosen(either, result)

    def contracted(self, node: Node, g: Node) -> list[tuple[Node, Node]] | None:
        """What the arguments of a contraction get, some of them several times; None if all of `g`.

        What is left out of `g` is left out of what it is multiplied by: that need not be finite.
        """
        if not self._is_sparse(g):
            return None
        b, known = self._b, self._known[g]
        found: list[tuple[Node, Node]] = []
        told = known.parts if isinstance(known, Placed) else (Part(g),)
        parts = [self._by_rows(part, g) for part in told]
        for position, arg in enumerate(node.args):
            for part in parts:
                contribution = Contribution(b, node, part, position)
                chosen = self._chosen(part.values)
                if chosen is not None:
                    contribution.under(chosen.condition)
                spread = contribution.spread()
                self._learn_of(spread)
                found.append((arg, spread.result))
        return found

    def reduced(self, node: Node, g: Node) -> Node | None:
        """What a product or an extremum gives to what it is of; None if all of `g` counts.

        A product of all others that is infinite spoils no row that was left out.
        """
        if not self._is_sparse(g):
            return None
        b, (x,) = self._b, node.args
        one, zero = (make.constant(b, k, x.array.dtype) for k in (1, 0))
        share: Node | None = g
        if node.op is PROD:
            partial = prod_partial(b, node)
        else:
            chosen, count = extremum_partial(b, node)
            partial = make.where(b, chosen, one, zero)
            share = self.times(g, make.divide(b, one, count))
        assert isinstance(node.params, Reduce) and share is not None
        spread = make.restore(b, share, x.array.shape, node.params.axes)
        self.through(make.sum_(b, x, node.params.axes), share, (spread,))
        while spread.op is BROADCAST_TO:
            self.reshaped(spread, spread.args[0])
            (spread,) = spread.args
        return self.times(spread, partial)

    def scanned(self, node: Node, g: Node) -> Node | None:
        """What a running sum or product gives to what it is of; None if all of `g` counts."""
        if not self._is_sparse(g):
            return None
        b, known = self._b, self._known[g]
        if isinstance(known, Placed):
            found = scanned.by_slices(b, node, g, known.parts)
            if found is not None:
                result = placed.total(b, found, g.array.shape)
                self._know(result, found)
                return result if result in self._known else None
        chosen = self._chosen(g)
        assert chosen is not None
        value, inside = scanned.by_condition(b, node, g, chosen.condition)
        return self._mask(Chosen(inside, value, chosen.counted))

    def of_stack(
        self, node: Node, gs: Sequence[Node], pulled: Sequence[Node | None]
    ) -> Sequence[Node | None]:
        """What the arguments of linear algebra get: nothing where its results are left out."""
        if not stacked.is_stack(node) or not all(map(self._is_sparse, gs)):
            return pulled
        chosen = [(g, known.condition) for g in gs if (known := self._chosen(g)) is not None]
        flags = stacked.counted(self._b, node, chosen)
        if flags is None:
            return pulled
        return [g and self._mask(Chosen(stacked.along(self._b, flags, g), g)) for g in pulled]

    def through(self, node: Node, g: Node, results: Sequence[Node | None]) -> None:
        """Let what is known of `g` go with it through the pullback of `node`, which gave these."""
        self._places(node, g, results)
        moves = node.op.kind is Kind.MOVEMENT and node.op is not BROADCAST_TO
        if g in self._known and (moves or node.op in (SUM, CAST, TAP)):
            self._moved(node, g, results)
        for result in results:
            if result is not None and result.op is BY_NAME["where"]:
                condition, value, zero = result.args
                if make.constant_value(zero) == 0 and result not in self._known:
                    self._known[result] = Chosen(condition, value)

    def summed(self, g: Node, shape: Shape) -> Node:
        """`g` summed over the axes along which `shape` was broadcast."""
        b, own = self._b, g.array.shape
        match self._known.get(g):
            case Placed() as known:
                left, result = placed.summed(b, known, own, shape)
                if left is not None:
                    self._know(result, left)
                return result
            case None:
                return make.sum_to(b, g, shape)
            case _:
                chosen = self._chosen(g)
                result = make.sum_to(b, g, shape)
                if chosen is not None and is_looked_for(b, chosen, shape):
                    condition = make.broadcast_to(b, chosen.condition, own)
                    self._known[result] = Chosen(make.any_to(b, condition, shape), result)
                return result

    def reshaped(self, g: Node, result: Node) -> None:
        """Let `result`, which is `g` broadcast or stripped of broadcasting, be masked as `g` is."""
        if g is result or g not in self._known or result in self._known:
            return
        chosen = self._chosen(g)
        assert chosen is not None
        shape = result.array.shape
        condition, value = within(chosen.condition, shape), within(chosen.value, shape)
        if condition is not None and value is not None:
            self._known[result] = Chosen(condition, value)

    def _is_sparse(self, g: Node) -> bool:
        """Whether it is known where an array is zero; within a trip, flags would cost too much."""
        if self._b.in_region:
            known = self._known.get(g)
            return known is not None and not (isinstance(known, Chosen) and known.counted)
        return g in self._known or self._learn(g)

    def _learn(self, g: Node) -> bool:
        """Whether `g`, of which nothing is known yet, is what loops or branches added up."""
        if g in self._counted:
            return False
        self._counted[g] = mask = reached(self._b, g, self._counted)
        if mask is None:
            return False
        self._known[g] = Chosen(mask, g, counted=True)
        return True

    def _by_rows(self, part: Part, g: Node) -> Part:
        """Rows that are picked by number, as all rows: a sum over these goes along the data."""
        if len(part.indices) != 1:
            return part
        alone = Placed((part,))
        rows = placed.total(self._b, alone, g.array.shape)
        if rows not in self._known:
            self._know(rows, alone)
        return Part(rows)

    def _learn_of(self, spread: Spread) -> None:
        """Know of what was summed at places; in another order of its axes, as a condition."""
        b, whole, result = self._b, spread.whole, spread.result
        while result.op is BROADCAST_TO:
            (result,) = result.args
        if spread.known is not None:
            self._know(whole, spread.known)
        if spread.condition is not None:
            self._known[result] = Chosen(spread.condition, result)
        elif result is not whole and (chosen := self._chosen(whole)) is not None:
            condition = in_order(b, chosen.condition, spread.kept, spread.axes)
            self._known[result] = Chosen(condition, result)

    def _know(self, result: Node, known: Placed) -> None:
        if placed.covers(known, result.array.shape):
            self._counted[result] = None
        else:
            self._known[result] = known

    def _chosen(self, g: Node) -> Chosen | None:
        """What is known of `g` as a condition; None if nothing is."""
        match self._known.get(g):
            case None:
                return None
            case Chosen() as chosen:
                return chosen
            case known:
                condition = placed.condition(self._b, known, g.array.shape)
                before = self._chosen(known.before) if isinstance(known, Replaced) else None
                if before is not None:
                    condition = make.apply(self._b, "logical_and", condition, before.condition)
                return Chosen(condition, g)

    def _at_places(
        self, g: Node, known: Placed, partial: Node, own: Collection[Node]
    ) -> Node | None:
        """The product inside of what is added at places."""
        shape = broadcast_shapes(g.array.shape, partial.array.shape)
        parts: list[Part] = []
        for part in known.parts:
            there = placed.Reader(self._b, part, g.array.shape, own)
            values = self.times(part.values, there.read(partial, shape), there.own)
            if values is not None:
                parts.append(placed.widened(part, values, g.array.shape, shape))
        if not parts:
            return None
        product_of = Placed(tuple(parts))
        result = placed.total(self._b, product_of, shape)
        self._know(result, product_of)
        return result

    def _replaced(self, before: Node, part: Part) -> Node:
        zero = make.constant(self._b, 0, before.array.dtype)
        result = placed.written(self._b, before, part, zero, accumulate=False)
        self._known[result] = Replaced(before, part)
        return result

    def _places(self, node: Node, g: Node, results: Sequence[Node | None]) -> None:
        """Learn of what a read left out, and a store replaced."""
        first = results[0] if results else None
        if g in self._known and isinstance(node.params, Scatter | Update):
            self._read_back(node, g, results[1])
        if first is None or first in self._known:
            return
        match node.params:
            case Spans(spans) if node.op is SLICE:
                self._know(first, Placed((Part(g, (), spans),)))
            case None if node.op is GATHER and not (placed.is_order(node) and g not in self._known):
                self._know(first, Placed((Part(g, node.args[1:]),)))
            case Update(spans, accumulate=False) if node.op is UPDATE:
                self._known[first] = Replaced(g, Part(node.args[1], (), spans))
            case Scatter(accumulate=False) if node.op is SCATTER:
                self._known[first] = Replaced(g, Part(node.args[1], node.args[2:]))
            case _:
                pass

    def _read_back(self, node: Node, g: Node, values: Node | None) -> None:
        """Learn of the cotangent of what was written, which is a part of `g`."""
        known, chosen = self._known[g], self._chosen(g)
        if values is None or values in self._known or chosen is None:
            return
        if isinstance(known, Replaced) and isinstance(node.params, Update):
            is_apart = placed.apart(known.part.spans, node.params.spans)
            if is_apart and known.before not in self._known:
                return
        condition = make.broadcast_to(self._b, chosen.condition, g.array.shape)
        if isinstance(node.params, Update):
            part = make.slice_(self._b, condition, node.params.spans)
        else:
            part = make.gather(self._b, condition, *node.args[2:])
        self._known[values] = Chosen(part, values, chosen.counted)

    def _moved(self, node: Node, g: Node, results: Sequence[Node | None]) -> None:
        b, entry = self._b, STRUCTURAL[node.op]
        known = self._known[g]
        if isinstance(known, Placed) and results[0] is not None and len(results) == 1:
            result = results[0]
            while result.op is BROADCAST_TO:
                (result,) = result.args
            found = placed.moved(b, node, known, g.array.shape, result.array.shape)
            if found is not None:
                if result not in self._known:
                    self._know(result, found)
                return
        chosen = self._chosen(g)
        assert chosen is not None and entry.pullback is not None
        condition = make.broadcast_to(b, chosen.condition, node.array.shape)
        value = make.broadcast_to(b, chosen.value, node.array.shape)
        conditions = entry.pullback(b, node, condition) if node.op is not CAST else (condition,)
        moved = zip(results, conditions, entry.pullback(b, node, value), strict=True)
        for result, c, v in moved:
            if result is not None and c is not None and v is not None:
                self._known[result] = Chosen(c, v)

    def _mask(self, chosen: Chosen) -> Node:
        b, condition, value = self._b, chosen.condition, chosen.value
        result = make.where(b, condition, value, make.constant(b, 0, value.array.dtype))
        inner = self._chosen(value)
        if inner is not None:
            value = inner.value
            condition = make.apply(b, "logical_and", condition, inner.condition)
        self._known[result] = Chosen(condition, value, chosen.counted)
        return result

    def _choose(self, condition: Node, x: Node | None, y: Node | None) -> Node | None:
        b = self._b
        if x is None and y is None:
            return None
        if y is None:
            assert x is not None
            return self._mask(Chosen(condition, x))
        if x is None:
            return self._mask(Chosen(make.apply(b, "logical_not", condition), y))
        result = make.where(b, condition, x, y)
        first, second = self._chosen(x), self._chosen(y)
        if first is None and second is None:
            return result
        yes = make.constant(b, True, make.DType.BOOL)
        c, v = (yes, x) if first is None else (first.condition, first.value)
        d, w = (yes, y) if second is None else (second.condition, second.value)
        either = make.where(b, condition, c, d)
        if first is None:
            either = make.apply(b, "logical_or", condition, d)
        self._known[result] = Chosen(either, make.where(b, condition, v, w))
        return result
