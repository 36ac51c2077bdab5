"""A loop that is given a row of an array reads the array itself, at that row.

What a loop inside of a loop recorded is one row of an outer record. As a value of its own, the
row would be copied before the loop inside could read it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Program, Region, toposort
from codegen_ad.ops import make
from codegen_ad.ops.affine import affine
from codegen_ad.ops.control import Custom, Loop, While
from codegen_ad.passes.rewrite import rebuild, reopen


def rows(program: Program) -> Program:
    """The program whose loops take arrays in place of rows, where they read only elements."""
    b = reopen(program)
    around = _Around(frozenset(program.inputs), {}, {})
    return program.rebuilt(_scope(b, program.inputs, program.results, around), b.notes)


@dataclass(frozen=True, slots=True)
class _Around:
    """What is known in a region.

    Attributes
    ----------
    fixed : the inputs that stay the same while the region runs, so that reading them can wait.
    known : integers, as polynomials of sizes and of the indices of the loops around.
    lengths : the number of trips that belongs to each such index.
    """

    fixed: Collection[Node]
    known: Mapping[Node, Dim]
    lengths: Mapping[str, Dim]

    def has_row(self, row: Node) -> bool:
        """Whether the node is a row, one for each trip of a loop around, of an array that stays."""
        if row.op.kind is not Kind.GATHER or len(row.args) != 2 or not row.array.shape:
            return False
        source, index = row.args
        if source not in self.fixed or index.array.shape:
            return False
        place = affine(index, self.known)
        return any(
            source.array.shape[0] == length
            and place in (Dim.symbol(symbol), length - 1 - Dim.symbol(symbol))
            for symbol, length in self.lengths.items()
        )

    def inside(self, params: Loop | While, region: Region, args: Sequence[Node]) -> _Around:
        """The same in the region of a loop with these arguments."""
        first = 1 if isinstance(params, Loop) and region is params.body else 0
        captured = region.inputs[first + params.carried :]
        outer = args[len(args) - len(captured) :]
        known: dict[Node, Dim] = {}
        for own, arg in zip(captured, outer, strict=True):
            if not arg.array.shape and (value := affine(arg, self.known)) is not None:
                known[own] = value
        lengths = dict(self.lengths)
        if first:
            symbol = f"%{len(lengths)}"
            known[region.inputs[0]] = Dim.symbol(symbol)
            lengths[symbol] = params.length
        return _Around(frozenset(captured), known, lengths)


def _scope(
    b: Builder, inputs: Sequence[Node], outputs: Sequence[Node], around: _Around
) -> list[Node]:
    """The outputs of a program or region, rebuilt."""
    b.declare(inputs)
    new: dict[Node, Node] = {i: i for i in inputs}
    for node in toposort(outputs):
        if node in new:
            continue
        args, sizes = ([new[n] for n in some] for some in (node.args, node.sizes))
        regions = list(node.regions)
        if isinstance(node.params, Loop | While):
            args, regions = _taking_arrays(b, node.params, args, around)
            regions = [_region(b, r, around.inside(node.params, r, args)) for r in regions]
        elif not isinstance(node.params, Custom):
            regions = [_region(b, r, _Around(frozenset(r.inputs), {}, {})) for r in regions]
        new[node] = rebuild(b, node, args, regions, sizes)
    return [new[o] for o in outputs]


def _region(b: Builder, region: Region, around: _Around) -> Region:
    with b.scope():
        return Region(region.inputs, tuple(_scope(b, region.inputs, region.outputs, around)))


@dataclass(slots=True)
class _Added:
    """Arguments that a loop has more."""

    args: list[Node] = field(default_factory=list[Node])

    def position(self, arg: Node) -> int:
        """The place of the argument among those added."""
        if arg not in self.args:
            self.args.append(arg)
        return self.args.index(arg)


def _taking_arrays(
    b: Builder, params: Loop | While, args: Sequence[Node], around: _Around
) -> tuple[list[Node], list[Region]]:
    """The arguments and regions of a loop that takes arrays in place of rows."""
    regions = list(params.regions)
    begin = 1 if isinstance(params, Loop) else 0
    chosen = [
        k
        for k in range(begin + params.carried, len(args))
        if around.has_row(args[k])
        and all(_reads_elements(r, _own(params, r)[k - begin]) for r in regions)
    ]
    if not chosen:
        return list(args), regions
    added = _Added()
    places = {k: [added.position(a) for a in args[k].args] for k in chosen}
    made: list[Region] = []
    for region in regions:
        own = _own(params, region)
        gone = {own[k - begin]: places[k] for k in chosen}
        with b.scope():
            more = [b.input(b.notes.names.get(a, "value"), a.array) for a in added.args]
            b.declare(region.inputs)
            new: dict[Node, Node] = {i: i for i in region.inputs}
            for node in toposort(region.outputs):
                if node in new:
                    continue
                inner, sizes = ([new[n] for n in some] for some in (node.args, node.sizes))
                if node.args and node.args[0] in gone:
                    read = make.gather(b, *(more[k] for k in gone[node.args[0]]), *inner[1:])
                    b.notes.copy(node, read)
                    new[node] = read
                else:
                    new[node] = rebuild(b, node, inner, node.regions, sizes)
            outputs = tuple(new[o] for o in region.outputs)
        kept = [i for i in region.inputs if i not in gone]
        made.append(Region((*kept, *more), outputs))
    return [*(a for k, a in enumerate(args) if k not in places), *added.args], made


def _own(params: Loop | While, region: Region) -> Sequence[Node]:
    """The inputs of a region without the loop's index."""
    return region.inputs[1 if isinstance(params, Loop) and region is params.body else 0 :]


def _reads_elements(region: Region, value: Node) -> bool:
    """Whether a region only reads at single rows of one of its inputs."""
    if value in region.outputs:
        return False
    users = [n for n in toposort(region.outputs) if value in n.needs]
    return all(
        n.op.kind is Kind.GATHER
        and n.args.count(value) == 1
        and n.args[0] is value
        and all(not i.array.shape for i in n.args[1:])
        for n in users
    )
