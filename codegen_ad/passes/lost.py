"""Places named by data that a derivative no longer visits: NumPy would refuse them all the same.

A program that reads or writes at a place checks it there. The Hessian of what is linear in `w[i]`
does not read `w[i]`, so that nobody checks `i`. Rather than letting every pass carry checks along,
what was asked for is compared with what is left; the function is then read again with explicit
checks of the places that were lost, which cost nothing where none was.

The comparison errs on the safe side: where it can't tell that a place is still visited, the check
is made explicit, which at worst is made twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Access, Kind, Node, Notes, Program, Region, toposort
from codegen_ad.ir.types import TupleType
from codegen_ad.ops.control import Branch, Loop, While
from codegen_ad.ops.movement import BROADCAST_TO, RESHAPE, TRANSPOSE
from codegen_ad.ops.unary import CAST

_MOVED = (BROADCAST_TO, RESHAPE, TRANSPOSE, CAST)
"""What does not change which places an index names."""

_Guard = tuple[object, ...]
"""What has to hold for a region to run: a loop has trips, a branch takes a side."""


def lost(
    read: Program,
    simplified: Program,
    after: Program,
    asked: Collection[Access],
    sizes: Collection[str],
) -> frozenset[Access]:
    """The accesses of a function that a program does not check.

    Parameters
    ----------
    read : the program of the function.
    simplified : the same after the algebra, in whose words `after` speaks of places.
    after : what was derived from that.
    asked : the accesses of the function whose places are not known to lie within their axes.
    sizes : symbols of axes that are not empty: loops of so many trips surely run.
    """
    if not asked:
        return frozenset()
    table: dict[object, int] = {}
    found, said, left = (_accesses(p, table, sizes) for p in (read, simplified, after))
    along: dict[Dim, set[_Visit]] = {}
    for access, visits in left.items():
        along.setdefault(access.extent, set()).update(visits)
    none: set[_Visit] = set()

    def is_kept(access: Access) -> bool:
        visits = _in_words(found.get(access, none), said.get(access, none))
        return _is_kept(visits, left.get(access, none), along.get(access.extent, none))

    return frozenset(a for a in asked if not is_kept(a))


@dataclass(frozen=True, slots=True)
class _Visit:
    """A read or write: the number of its index as an expression, its data, and its guards."""

    index: int
    data: frozenset[str]
    guards: frozenset[_Guard]


def _in_words(found: set[_Visit], said: set[_Visit]) -> set[_Visit]:
    """The visits as the algebra has written them, if it has left out none."""
    return said if len(said) == len(found) else found


def _is_kept(found: set[_Visit], left: set[_Visit], along: set[_Visit]) -> bool:
    """Whether for every visit one runs whenever it does, by the same index.

    `left` are those from the same statement, `along` all to axes of the same size.
    """
    one = len({v.index for v in found}) == 1 == len({v.index for v in left})

    def is_made(visit: _Visit) -> bool:
        # The only index in a statement may have been written in other words by the algebra.
        others = {o for o in along if o.index == visit.index}
        others |= {o for o in left if one and o.data == visit.data}
        return any(o.guards <= visit.guards for o in others)

    return bool(found) and all(is_made(v) for v in found)


def _accesses(
    program: Program, table: dict[object, int], sizes: Collection[str]
) -> dict[Access, set[_Visit]]:
    walk = _Walk(program.notes, table, frozenset(sizes), {})
    inputs = {i: (walk.number(("input", str(i.params))), frozenset([str(i.params)]))
              for i in program.inputs}  # fmt: skip
    walk.scope(program.results, inputs, frozenset())
    return walk.found


_Known = tuple[int, frozenset[str]]
"""The number of an expression, equal for equal ones, and the inputs that it depends on."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """Numbers the expressions of a program, regions included, and collects its accesses."""

    notes: Notes
    table: dict[object, int]
    sizes: frozenset[str]
    found: dict[Access, set[_Visit]]

    def number(self, key: object) -> int:
        """A number for an expression, the same for equal ones of all programs."""
        return self.table.setdefault(key, len(self.table))

    def scope(
        self, outputs: Collection[Node], inputs: Mapping[Node, _Known], guards: frozenset[_Guard]
    ) -> None:
        """Everything that the outputs of a program or region need."""
        known = dict(inputs)
        for node in toposort(outputs):
            if node in known:
                continue
            args = [known[a] for a in node.args]
            data = frozenset[str]().union(*(d for _, d in args))
            if node.op in _MOVED:
                known[node] = args[0]
            elif node.regions:
                # Which result is which is known as long as there are as many.
                count = len(node.items) if isinstance(node.type, TupleType) else 1
                place = self.notes.origins.get(node)
                key = (node.op.name, place, count, tuple(n for n, _ in args))
                known[node] = self.number(key), data
                self.regions(node, args, data, guards)
            else:
                key = (node.op.name, str(node.params), tuple(n for n, _ in args))
                known[node] = self.number(key), data
            if node.op.kind in (Kind.GATHER, Kind.SCATTER):
                self.visit(node, args, guards)

    def visit(self, node: Node, args: list[_Known], guards: frozenset[_Guard]) -> None:
        """Note the places that are read or written."""
        origin = self.notes.origins.get(node)
        first = 1 if node.op.kind is Kind.GATHER else 2
        if origin is not None:
            for (number, data), extent in zip(args[first:], node.args[0].array.shape, strict=False):
                visit = _Visit(number, data, guards)
                self.found.setdefault(Access(origin, extent), set()).add(visit)

    def regions(
        self, node: Node, args: list[_Known], data: frozenset[str], guards: frozenset[_Guard]
    ) -> None:
        """What runs under more guards, or for each trip."""
        match node.params:
            case Loop(carried, _, length, body):
                trips = frozenset[_Guard]() if self._runs(length) else {("loop", length)}
                counter = self.number(("counter", length)), frozenset[str]()
                self._loop(node, body, [counter], args[1:], carried, guards | trips, data)
            case While(carried, _, _, cond, body):
                # The condition is asked once at least, the body maybe never.
                self._loop(node, cond, [], args, carried, guards, data)
                inside = guards | {("while", self.notes.origins.get(node))}
                self._loop(node, body, [], args, carried, inside, data)
            case Branch(then, otherwise):
                for side, region in enumerate((then, otherwise)):
                    inputs = dict(zip(region.inputs, args[1:], strict=True))
                    guard = ("branch", args[0][0], side)
                    self.scope(region.outputs, inputs, guards | {guard})
            case _:  # a derivative of the user's own runs where its call stands
                for region in node.regions:
                    inputs = {i: (self.number((i.params, "own")), data) for i in region.inputs}
                    self.scope(region.outputs, inputs, guards)

    def _loop(
        self,
        node: Node,
        body: Region,
        first: list[_Known],
        args: list[_Known],
        carried: int,
        guards: frozenset[_Guard],
        data: frozenset[str],
    ) -> None:
        own = body.inputs[len(first) :]
        origin = self.notes.origins.get(node)
        state = [
            (self.number(("carried", self.notes.names.get(i), str(i.params), origin)), data)
            for i in own[:carried]
        ]
        inputs = dict(zip(body.inputs, [*first, *state, *args[carried:]], strict=True))
        self.scope(body.outputs, inputs, guards)

    def _runs(self, length: Dim) -> bool:
        """Whether a loop of so many trips surely has one."""
        return bool(length.terms) and all(
            factor > 0 and all(isinstance(a, str) and a in self.sizes for a in monomial)
            for monomial, factor in length.terms
        )
