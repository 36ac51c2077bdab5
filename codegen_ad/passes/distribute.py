"""Loops over steps in parts, so that products that no step waits for are products of matrices.

Where each step of a recurrence multiplies a matrix by something that does not depend on the product
(the input of a layer, or what the layer below made), the loop becomes two, one after the other
(loop distribution, Kennedy and Allen 1990): the first keeps the vectors of all steps, one product
of matrices takes the place of as many products with a vector, and the second reads its rows. What
is left in a loop is what waits for the step before, whose matrices stay in the nearest cache.

Only loops that keep something of each step anyway, records of a value or what reads them, are taken
apart: the memory of a value alone does not grow with its steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codegen_ad.ir.builder import RESULT, Builder, Result
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Program, Region, toposort
from codegen_ad.ops import make
from codegen_ad.ops.control import LOOP, Loop
from codegen_ad.ops.costs import is_costly
from codegen_ad.ops.indexing import GATHER
from codegen_ad.ops.reduction import Contract
from codegen_ad.ops.trips import is_independent
from codegen_ad.passes.product_parts import fixed_in, in_parts, matrix_and_vector
from codegen_ad.passes.regions import like
from codegen_ad.passes.rewrite import inherit, rebuild, reopen

LEAST = 16
"""Constant sizes up to here are too small for products of matrices."""

_AGAIN = (
    Kind.INPUT, Kind.CONSTANT, Kind.SIZE, Kind.ELEMENTWISE, Kind.MOVEMENT, Kind.GATHER
)  # fmt: skip
_MOVED = (*_AGAIN, Kind.REDUCE, Kind.CONTRACT, Kind.UPDATE, Kind.SCATTER, Kind.SCAN)
"""Kinds that may stand in any part: without regions, and without a failure of their own."""


def distribute(program: Program) -> Program:
    """The program with its outermost loops in parts, where that takes products out of them."""
    b = reopen(program)
    b.declare(program.inputs)
    new: dict[Node, Node] = {i: i for i in program.inputs}
    parts: dict[Node, list[Node]] = {}
    for node in toposort(program.results):
        if node in new:
            continue
        if node.op is RESULT and node.args[0] in parts:
            assert isinstance(node.params, Result)
            new[node] = parts[node.args[0]][node.params.index]
            b.notes.copy(node, new[node])
            continue
        args, sizes = ([new[n] for n in some] for some in (node.args, node.sizes))
        if _may_be_parted(node):
            with b.at(b.notes.origins.get(node), gradient=node in b.notes.gradients):
                made = _parted(b, node, args)
            if made is not None:
                parts[node] = made
                continue
        new[node] = rebuild(b, node, args, node.regions, sizes)
    return program.rebuilt([new[r] for r in program.results], b.notes)


def _may_be_parted(node: Node) -> bool:
    """Whether a loop has steps that wait for each other, and keeps something of each of them."""
    loop = node.params
    if not isinstance(loop, Loop) or node.sizes or not loop.carried or is_independent(loop):
        return False
    if loop.length.is_constant and loop.length.value <= LEAST:
        return False
    inside = toposort(loop.body.outputs)
    if any(n.sizes or n.regions or n.op.kind not in _MOVED for n in inside):
        return False
    return loop.stacked > 0 or any(_is_record(a, loop.length) for a in node.args)


def _is_record(node: Node, length: Dim) -> bool:
    """Whether it is what a loop of as many trips stacked."""
    if not isinstance(node.params, Result) or not isinstance(node.args[0].params, Loop):
        return False
    source = node.args[0].params
    return node.params.index >= source.carried and source.length == length


def _parted(b: Builder, node: Node, args: Sequence[Node]) -> list[Node] | None:
    """The results of a loop, by its parts; None if there is no product to take out."""
    loop = node.params
    assert isinstance(loop, Loop)
    body = in_parts(b, loop.body, 1 + loop.carried)
    stages = _Stages(loop, body)
    if not stages.products:
        return None
    return _Maker(b, loop, body, args, stages).made()


class _Stages:
    """Which part of a loop each node of its body belongs to.

    What only looks at the index and at what is the same in all trips is in part 0, which every
    other part computes for itself; a product that is taken out is there for the parts after that
    of its vector.

    Attributes
    ----------
    products : the products that are taken out, with the places of matrix and vector.
    of : the part of each node.
    """

    def __init__(self, loop: Loop, body: Region) -> None:
        self.order = toposort(body.outputs)
        self.carried = body.inputs[1 : 1 + loop.carried]
        self.next = dict(zip(self.carried, body.outputs, strict=False))
        self.fixed = fixed_in(body, 1 + loop.carried)
        reached = self._reached()
        self.products = {
            node: places
            for node in self.order
            if (places := matrix_and_vector(node, self.fixed)) is not None
            and _is_large(node, places)
            and not reached[node.args[places[1]]] >> self._number[node] & 1
        }
        self.of = self._numbered(reached)

    def _reached(self) -> dict[Node, int]:
        """What each node depends on, in its step or those before, as bits."""
        nodes = list(dict.fromkeys((*self.order, *self.carried)))
        self._number = {node: k for k, node in enumerate(nodes)}
        reached = {node: 1 << k for node, k in self._number.items()}
        while True:
            before = dict(reached)
            for node in nodes:
                for other in node.needs:
                    reached[node] |= reached[other]
                if node in self.next:
                    reached[node] |= reached[self.next[node]]
            if reached == before:
                return reached

    def _numbered(self, reached: dict[Node, int]) -> dict[Node, int]:
        found: dict[Node, int] = dict.fromkeys(self.carried, 0)
        for node in self.carried:
            if reached[self.next[node]] >> self._number[node] & 1:
                found[node] = 1  # a recurrence, not only what the step before had
        while True:
            for node in self.order:
                if node in self.products:
                    vector = node.args[self.products[node][1]]
                    found[node] = found[vector] + 1
                elif node not in self.next:
                    least = 0 if node.op.kind in _AGAIN and not is_costly(node) else 1
                    found[node] = max((found[a] for a in node.args), default=0)
                    found[node] = max(found[node], least)
            late = [c for c in self.carried if found[self.next[c]] > found[c]]
            if not late:
                return found
            for node in late:
                found[node] = found[self.next[node]]

    def direct(self, product: Node, length: Dim) -> Node | None:
        """The row of an array as long as the loop that a product takes for its vector, if so."""
        vector = product.args[self.products[product][1]]
        if vector.op is not GATHER or vector.args[0] not in self.fixed or len(vector.args) != 2:
            return None
        array = vector.args[0].array
        scalar = not vector.args[1].array.shape
        return vector if scalar and array.rank == 2 and array.shape[0] == length else None


def _is_large(product: Node, places: tuple[int, int]) -> bool:
    shape = product.args[places[0]].array.shape
    return all(not d.is_constant or d.value > LEAST for d in shape)


@dataclass(slots=True)
class _Part:
    """What a part of a loop is made of.

    Attributes
    ----------
    carried : the numbers of what it carries.
    stacked : the nodes of the body of which it keeps the value of each step.
    leaves : what it takes from outside: from parts before, from products, and what is fixed.
    """

    carried: list[int] = field(default_factory=list[int])
    stacked: dict[Node, None] = field(default_factory=dict[Node, None])
    leaves: dict[Node, None] = field(default_factory=dict[Node, None])


class _Maker:
    """Makes the parts of one loop, in order, and the products between them."""

    def __init__(
        self, b: Builder, loop: Loop, body: Region, args: Sequence[Node], stages: _Stages
    ) -> None:
        self.b, self.loop, self.body, self.args, self.stages = b, loop, body, args, stages
        self.outer = dict(
            zip(body.inputs[1 + loop.carried :], args[1 + loop.carried :], strict=True)
        )
        last = max(stages.of[o] for o in body.outputs)
        self.parts = [_Part() for _ in range(last + 1)]
        self.kept: dict[Node, Node] = {}

    def made(self) -> list[Node]:
        """The results of the loop."""
        stages, n = self.stages, self.loop.carried
        for k, node in enumerate(stages.carried):
            self.parts[max(1, stages.of[node])].carried.append(k)
        for node in self.body.outputs[n:]:
            self.parts[max(1, stages.of[node])].stacked[node] = None
        for number in reversed(range(len(self.parts))):
            self._fill(number)
        results: dict[int, Node] = {}
        for number, part in enumerate(self.parts):
            if part.carried or part.stacked:
                results |= self._loop(number, part)
        stacked = [self.kept[o] for o in self.body.outputs[n:]]
        return [*(results[k] for k in range(n)), *stacked]

    def _fill(self, number: int) -> None:
        """Find out what a part needs, and ask the parts before for it."""
        part, stages = self.parts[number], self.stages
        stack = [*(self.body.outputs[k] for k in part.carried), *part.stacked]
        seen: set[Node] = set()
        while stack:
            node = stack.pop()
            if node in seen or node is self.body.inputs[0]:
                continue
            seen.add(node)
            if node in stages.fixed:
                part.leaves[node] = None
            elif node in stages.products:
                part.leaves[node] = None
                vector = node.args[stages.products[node][1]]
                row = stages.direct(node, self.loop.length)
                if row is None:
                    self.parts[stages.of[vector]].stacked[vector] = None
                else:
                    stack.append(row.args[1])
            elif 0 < stages.of[node] < number:
                part.leaves[node] = None
                self.parts[stages.of[node]].stacked[node] = None
            elif node in stages.next:
                k = stages.carried.index(node)
                if k not in part.carried:
                    part.carried.append(k)
                stack.append(stages.next[node])
            else:
                stack += node.args
        part.carried.sort()

    def _loop(self, number: int, part: _Part) -> dict[int, Node]:
        """The loop of a part; its final values by their numbers."""
        b, body = self.b, self.body
        outside = [self._outside(leaf) for leaf in part.leaves]
        outputs = [*(body.outputs[k] for k in part.carried), *part.stacked]
        with b.scope():
            index = like(b, body.inputs[0])
            own = [like(b, body.inputs[1 + k]) for k in part.carried]
            mapping = {body.inputs[0]: index}
            mapping |= {body.inputs[1 + k]: x for k, x in zip(part.carried, own, strict=True)}
            captured = [like(b, value) for value in outside]
            rows: list[tuple[Node, Node]] = []
            for leaf, inside in zip(part.leaves, captured, strict=True):
                if leaf in self.stages.fixed:
                    mapping[leaf] = inside
                else:
                    rows.append((leaf, inside))
            for leaf, inside in rows:
                with b.at(b.notes.origins.get(leaf), gradient=leaf in b.notes.gradients):
                    place = index
                    if leaf in self.stages.products:
                        row = self.stages.direct(leaf, self.loop.length)
                        if row is not None:
                            (place,) = b.substitute((row.args[1],), mapping)
                    mapping[leaf] = make.gather(b, inside, place)
            made = b.substitute(outputs, mapping)
            region = Region((index, *own, *captured), tuple(made))
        starts = [self.args[1 + k] for k in part.carried]
        params = Loop(len(part.carried), len(part.stacked), self.loop.length, region)
        node = b.node(LOOP, (self.args[0], *starts, *outside), params)
        results = b.results(node)
        for value, stack in zip(part.stacked, results[len(part.carried) :], strict=True):
            self.kept[value] = stack
            if value in b.notes.names:
                b.notes.names.setdefault(stack, f"{b.notes.names[value]}_steps")
            elif value in b.notes.origins:
                b.notes.origins[stack] = b.notes.origins[value]
        return dict(zip(part.carried, results, strict=False))

    def _outside(self, leaf: Node) -> Node:
        """What a part is given for a leaf; of what varies, an array with a row for each step."""
        if leaf in self.stages.products:
            return self._product(leaf)
        if leaf in self.stages.fixed:
            return self._fixed(leaf)
        return self.kept[leaf]

    def _fixed(self, leaf: Node) -> Node:
        return self.b.substitute((leaf,), self.outer)[0]

    def _product(self, leaf: Node) -> Node:
        """The product of matrices whose rows are those of all steps."""
        params = leaf.params
        assert isinstance(params, Contract)
        at_matrix, at_vector = self.stages.products[leaf]
        row = self.stages.direct(leaf, self.loop.length)
        vector = leaf.args[at_vector]
        rows = self.kept[vector] if row is None else self._fixed(row.args[0])
        matrix = self._fixed(leaf.args[at_matrix])
        step = 1 + max(params.operands[at_matrix])
        labels = ((step, *params.operands[at_vector]), params.operands[at_matrix])
        with self.b.at(self.b.notes.origins.get(leaf), gradient=leaf in self.b.notes.gradients):
            made = make.contract(self.b, (rows, matrix), labels, (step, *params.output))
        inherit(self.b.notes, leaf, made)
        return made
