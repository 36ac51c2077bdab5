"""What a fit need not compute in every step: values that no fitted parameter reaches.

A step computes what is cheap from the data again, because a product costs no more than a load. A
transcendental function, a sum, a sort or a factorisation of the data is computed once, before the
first step, and kept. What is kept is never larger than an input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import AxisSize, Monomial, product
from codegen_ad.ir.node import Kind, Node, Notes, Program, toposort
from codegen_ad.ir.types import ArrayType, Shape
from codegen_ad.ops import make
from codegen_ad.ops.costs import is_costly
from codegen_ad.passes.rewrite import reopen

CHEAP = (
    Kind.INPUT, Kind.CONSTANT, Kind.SIZE, Kind.ELEMENTWISE, Kind.MOVEMENT, Kind.GATHER, Kind.RESULT,
)  # fmt: skip
SMALL = 16
"""Up to the square of this many numbers are kept for each row of an input."""


@dataclass(frozen=True, slots=True)
class Divided:
    """A program in two: `once` computes the last inputs of `each`; None if nothing is kept.

    `inputs` are the numbers of the inputs that `once` takes.
    """

    once: Program | None
    each: Program
    inputs: tuple[int, ...] = ()


def divide(program: Program, varied: Sequence[Node], sizes: Sequence[AxisSize[int]]) -> Divided:
    """Keep what does not depend on the inputs `varied` and is worth it.

    `sizes` says where each size symbol can be read.
    """
    fixed = [i for i in program.inputs if i not in varied]
    known = {s.symbol for s in sizes if program.inputs[s.array] in fixed}
    kept = list(_Search(program, fixed, varied, known))
    if not kept:
        return Divided(None, program)
    names = _names(program, kept)
    b = reopen(program)
    fresh = {n: b.input(name, n.array) for n, name in zip(kept, names, strict=True)}
    for node, made in fresh.items():
        b.notes.copy(node, made)
    each = program.rebuilt(_replaced(b, program, fresh), b.notes)
    each = replace(each, inputs=(*program.inputs, *fresh.values()))
    once = replace(
        program, outputs=tuple(kept), output_names=tuple(names), checks=None,
        inputs=tuple(i for i in fixed if _is_read(i, kept, sizes, program)),
    )  # fmt: skip
    return Divided(once, each, tuple(program.inputs.index(i) for i in once.inputs))


def _replaced(b: Builder, program: Program, fresh: dict[Node, Node]) -> list[Node]:
    return b.substitute(program.results, {i: i for i in program.inputs} | fresh)


def _is_read(
    node: Node, kept: Sequence[Node], sizes: Sequence[AxisSize[int]], program: Program
) -> bool:
    """Whether `kept` needs an input: its elements, or a size that is read from it."""
    number = program.inputs.index(node)
    return node in toposort(kept) or any(s.array == number for s in sizes)


def _names(program: Program, kept: Sequence[Node]) -> list[str]:
    """A name for each: the user's, else the operation and what it is applied to."""
    taken = {str(program.notes.names.get(i)) for i in program.inputs}
    names: list[str] = []
    for node in kept:
        base = program.notes.names.get(node) or _described(node, program.notes)
        name, number = base, 1
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        names.append(name)
    return names


def _described(node: Node, notes: Notes) -> str:
    sources = [notes.names[n] for n in toposort((node,)) if n.op.kind is Kind.INPUT]
    return "_".join((node.op.name, *sources))


class _Search:
    """The nodes worth keeping, in the order in which a step would compute them."""

    def __init__(
        self, program: Program, fixed: Sequence[Node], varied: Sequence[Node], known: set[str]
    ) -> None:
        self.program = program
        self.known = known
        self.room = [(), *(_largest(i.array.shape) for i in fixed)]
        self.order = program.nodes()
        self.varying: set[Node] = set(varied)
        self.costly: set[Node] = set()
        self.unfit: set[Node] = set()
        for node in self.order:
            if not self.varying.isdisjoint(node.needs):
                self.varying.add(node)
                continue
            if is_literal(node):
                continue
            if is_long(node) or not self.costly.isdisjoint(node.args):
                self.costly.add(node)
            if node.sizes or not self.unfit.isdisjoint(node.needs) or self._has_own_size(node):
                self.unfit.add(node)

    def __iter__(self) -> Iterator[Node]:
        found: dict[Node, None] = {}
        for node in self.order:
            if node in self.varying:
                for arg in node.needs:
                    found.update(dict.fromkeys(self._kept(arg)))
        for node in self.program.results:
            found.update(dict.fromkeys(self._kept(node)))
        yield from found

    def _kept(self, node: Node) -> Iterator[Node]:
        """What of a fixed value is kept: itself, or what it is a cheap function of."""
        if node in self.varying or node not in self.costly:
            return
        if node not in self.unfit and not self._is_wide(node) and self._fits(node):
            yield node
        elif node.op.kind in CHEAP:
            for arg in node.args:
                yield from self._kept(arg)

    def _is_wide(self, node: Node) -> bool:
        """Whether it is another look at something costly, or spreads it over more elements."""
        if node.op.kind is Kind.MOVEMENT:
            return True
        if is_long(node):
            return False
        costly = [a for a in node.args if a in self.costly]
        return bool(costly) and all(spreads(a) for a in costly)

    def _fits(self, node: Node) -> bool:
        """Whether it grows with the data no faster than some input does."""
        terms = product(node.array.shape).terms
        return all(count <= SMALL**2 for _, count in terms) and any(
            all(_holds(largest, monomial) for monomial, _ in terms) for largest in self.room
        )

    def _has_own_size(self, node: Node) -> bool:
        """Whether it has a size that no input of the data tells."""
        types = (node.type,) if isinstance(node.type, ArrayType) else node.type.items
        return any(s not in self.known for t in types for d in t.shape for s in d.symbols())


def is_literal(node: Node) -> bool:
    """Whether it is made of written numbers only, such as a unit vector of a Jacobian."""
    if node.op.kind is Kind.UPDATE:
        return all(map(is_literal, node.args))
    return make.constant_value(node) is not None


def is_long(node: Node) -> bool:
    """Whether it costs more than reading its result from memory."""
    return is_costly(node) or node.op.kind not in CHEAP


def _holds(largest: Monomial, monomial: Monomial) -> bool:
    return Counter(map(str, monomial)) <= Counter(map(str, largest))


def _largest(shape: Shape) -> Monomial:
    return max((m for m, _ in product(shape).terms), key=len, default=())


def spreads(node: Node) -> bool:
    """Whether a movement holds its argument's elements several times."""
    return node.op.kind is Kind.MOVEMENT and any(
        product(a.array.shape) != product(node.array.shape) for a in node.args
    )
