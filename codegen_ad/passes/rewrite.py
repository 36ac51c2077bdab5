"""The one driver of rules: a program rebuilt from its inputs to its outputs, regions included.

A rule sees one node, whose arguments are rewritten already, and gives the node to use instead, or
None. What a rule makes inherits the place in the user's source and the name of what it replaces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Notes, Op, Program, Region, RegionParams, toposort

Rewrite = Callable[[Builder, Node], Node | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rewriting of nodes of some operations.

    `text` says what it does, and is what `explain` prints; `needs` what must be granted for it:
    "rounding" where the last digits may change, "finite" where nan or infinity may be lost.
    """

    text: str
    ops: tuple[Op, ...]
    rewrite: Rewrite
    needs: frozenset[str] = frozenset()


def reopen(program: Program) -> Builder:
    """A new builder that knows the notes of the program."""
    b = Builder()
    notes = program.notes
    b.notes = Notes(dict(notes.origins), dict(notes.names), set(notes.gradients))
    return b


def rewrite(
    program: Program,
    rules: Sequence[Rule],
    *,
    granted: frozenset[str] = frozenset(),
    fired: Counter[str] | None = None,
    rounds: int = 20,
) -> Program:
    """The program with the rules applied until none fires; `fired` counts how often each did."""
    table: dict[Op, list[Rule]] = {}
    for rule in rules:
        if rule.needs <= granted:
            for op in rule.ops:
                table.setdefault(op, []).append(rule)
    count: Counter[str] = Counter() if fired is None else fired
    for _ in range(rounds):
        before = count.total()
        driver = _Driver(reopen(program), table, count)
        results = driver.scope(program.inputs, program.results)
        program = program.rebuilt(results, driver.b.notes)
        if count.total() == before:
            break
    return program


def rebuild(
    b: Builder,
    node: Node,
    args: Sequence[Node],
    regions: Sequence[Region],
    sizes: Sequence[Node] | None = None,
) -> Node:
    """The node with other arguments, regions and scalars of run-time sizes, and its notes."""
    params = node.params
    if isinstance(params, RegionParams):
        params = params.with_regions(tuple(regions))
    with b.at(b.notes.origins.get(node), gradient=node in b.notes.gradients):
        made = b.node(node.op, args, params, sizes)
    if made is not node:
        inherit(b.notes, node, made)
    return made


def inherit(notes: Notes, source: Node, target: Node) -> None:
    """Give `target` the name of `source`, unless it has one or is a literal."""
    if target.op.kind is not Kind.CONSTANT and source in notes.names:
        notes.names.setdefault(target, notes.names[source])


class _Driver:
    """One round over a program."""

    def __init__(self, b: Builder, table: dict[Op, list[Rule]], fired: Counter[str]) -> None:
        self.b = b
        self.table = table
        self.fired = fired

    def scope(self, inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
        """The outputs of a program or region, rebuilt."""
        new: dict[Node, Node] = {i: i for i in inputs}
        self.b.declare(inputs)
        for node in toposort(outputs):
            if node not in new:
                regions = [self.region(r) for r in node.regions]
                args, sizes = ([new[n] for n in some] for some in (node.args, node.sizes))
                new[node] = self.apply(rebuild(self.b, node, args, regions, sizes))
        return [new[o] for o in outputs]

    def region(self, region: Region) -> Region:
        """The region on the same inputs, rebuilt."""
        with self.b.scope():
            return Region(region.inputs, tuple(self.scope(region.inputs, region.outputs)))

    def apply(self, node: Node) -> Node:
        """The node that the rules make of it."""
        notes = self.b.notes
        for _ in range(50):
            for rule in self.table.get(node.op, ()):
                with self.b.at(notes.origins.get(node), gradient=node in notes.gradients):
                    made = rule.rewrite(self.b, node)
                if made is not None and made is not node:
                    self.fired[rule.text] += 1
                    inherit(notes, node, made)
                    node = made
                    break
            else:
                break
        return node
