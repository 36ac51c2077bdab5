"""What a loop records on the way forward, so that its adjoint need not run it backwards.

The adjoint of an iteration needs values of the primal. Each is kept, in an array with a row for
each iteration, or computed again from what is kept, from the loop's index and from captured values.
Which are kept is a minimum cut. Each value is an arc, whose capacity is what it costs to keep it;
arcs without limit lead from it to the values that are computed from it, and from those that the
adjoint uses to the sink; what it costs to compute a value again is an arc from the source to it.
The source is also where the carried values begin, because they can't be computed again. So what is
cut off from the source is computed again, and the arcs cut are kept.

The next value of a carried one is, on the way back, what the iteration before found recorded. If
that value is kept, the adjoint can carry it, and both are had for one record.

Min-cuts choose what to rematerialise in J. Feng and D. Huang, "Optimal gradient checkpoint search
for arbitrary computation graphs", CVPR 2021, and others; keeping what is used nonlinearly is the
to-be-recorded analysis of L. Hascoët, U. Naumann and V. Pascual, "To be recorded analysis in
reverse-mode automatic differentiation", Future Generation Computer Systems 21 (2005) 1401-1417.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codegen_ad.derive.bodies import Body
from codegen_ad.derive.mincut import UNLIMITED, Network
from codegen_ad.derive.structured import called
from codegen_ad.ir.builder import INPUT, Builder
from codegen_ad.ir.node import Kind, Node, Params, Region, toposort
from codegen_ad.ir.types import TupleType
from codegen_ad.ops.constants import RunSize
from codegen_ad.ops.control import Loop, While
from codegen_ad.ops.costs import elements, operations

BYTE = 1
"""What it costs to keep a byte and to read it again, in operations.

Measured on float64: a product takes 0.13 ns in a loop that uses vectors, to keep a number and read
it again 0.65 ns while the records fit into a cache and 6.7 ns where each page is new.
"""

FEWEST = 1 << 30
"""The same where memory is short: of the ways that keep least, the one that computes least."""


@dataclass(frozen=True, slots=True)
class Records:
    """What is kept.

    Attributes
    ----------
    values : the values of the adjoint's body that are recorded.
    following : positions of carried values, all recorded, whose next values the adjoint carries.
    cost : what it costs to keep them, and to compute the others again.
    """

    values: Sequence[Node]
    following: Sequence[int]
    cost: int = 0


def to_record(body: Body, *, sparing: bool) -> Records:
    """What the adjoint needs of the primal and is cheapest to keep.

    `sparing` asks for the fewest bytes.
    """
    needs = _Needs.of(body)
    if not needs.is_carried:
        return Records((), ())
    byte = FEWEST if sparing else BYTE
    pairs = needs.pairs()
    best = needs.cut((), byte)
    for following in (pairs, *_toggled(pairs)) if pairs else ():
        found = needs.cut(following, byte)
        if found.cost < best.cost:
            best = found
    return best


def _toggled(pairs: Sequence[int]) -> Iterable[Sequence[int]]:
    """Each pair alone, and all but one: that settles it for up to three, and nearly for more."""
    if len(pairs) > 1:
        yield from ((k,) for k in pairs)
    if len(pairs) > 2:
        yield from (tuple(m for m in pairs if m != k) for k in pairs)


@dataclass(frozen=True, slots=True)
class _Needs:
    """The primal values of a loop's body that lie on a way to what its adjoint uses.

    Attributes
    ----------
    order : those that differ from one iteration to the next, arguments first.
    used : those that the adjoint uses as they are.
    keepable : those that can be recorded.
    """

    body: Body
    order: Sequence[Node]
    used: frozenset[Node]
    keepable: frozenset[Node]

    @staticmethod
    def of(body: Body) -> _Needs:
        """What the adjoint needs."""
        order = body.nodes
        adjoint = {*body.gs, *body.starts, *body.stacks}
        varies = {*body.found, body.index}
        for node in order:
            if node in varies:
                continue
            if any(a in adjoint for a in node.needs):
                adjoint.add(node)
            elif any(a in varies for a in node.needs):
                varies.add(node)
        varies.discard(body.index)
        used = {n for n in body.yields if n in varies}
        used |= {a for n in order if n in adjoint for a in n.needs if a in varies}
        wanted = set(toposort(used))
        needed = [n for n in order if n in varies and n in wanted]
        # Sizes that only exist once a loop in the body has run; those of the inputs are known.
        inner = {symbol for node in order for symbol in _bound(node)}
        inner -= {s for n in order if n.op is INPUT for d in n.array.shape for s in d.symbols()}
        keepable = set(body.found)
        for node in needed:
            if node in body.originals and _has_rows(node, inner) and not _is_nearly(node, keepable):
                keepable.add(node)
        return _Needs(body, needed, frozenset(used), frozenset(keepable))

    @property
    def is_carried(self) -> bool:
        """Whether anything needed follows from what the loop carries."""
        return not set(self.order).isdisjoint(self.body.found)

    def pairs(self) -> tuple[int, ...]:
        """The positions of carried values whose next values are needed, too."""
        nexts, own = self.body.nexts, self.body.carried
        needed = self.keepable.intersection(self.order)
        return tuple(
            k
            for k, (before, after) in enumerate(zip(own, nexts, strict=True))
            if after in needed and after.op is not INPUT and nexts.index(after) == k
            and before.array == after.array
        )  # fmt: skip

    def cut(self, following: Sequence[int], byte: int) -> Records:
        """The cheapest way, if these next values are carried back."""
        kept = {self.body.carried[k] for k in following}
        given = kept | {self.body.nexts[k] for k in following}
        network = Network()
        source, sink = network.place(), network.place()
        found = set(self.body.found)
        ends: dict[Node, tuple[int, int]] = {}
        for node in self.order:
            if node in given:
                continue
            ends[node] = first, last = network.place(), network.place()
            network.arc(first, last, byte * nbytes(node) if node in self.keepable else UNLIMITED)
            again = UNLIMITED if node in found else operations(node)
            network.arc(source, first, again)
            for arg in dict.fromkeys(node.needs):
                if arg in ends:
                    network.arc(ends[arg][1], first, UNLIMITED)
            if node in self.used:
                network.arc(last, sink, UNLIMITED)
        cost, behind = network.cut(source, sink)
        cost += sum(byte * nbytes(node) + elements(node.array) for node in kept)
        values = [
            node
            for node in self.order
            if node in kept
            or (node in ends and ends[node][0] not in behind and ends[node][1] in behind)
        ]
        return Records(values, following, cost)


def _has_rows(node: Node, inner: set[str]) -> bool:
    """Whether a row of it can be kept in each iteration."""
    if isinstance(node.type, TupleType) or node.op.kind is Kind.SIZE or node.type.size is not None:
        return False
    return not any(s in inner for d in node.array.shape for s in d.symbols())


def _is_nearly(node: Node, keepable: set[Node]) -> bool:
    """Whether it is a view of most of what can be kept: then the array itself has simpler rows."""
    if node.op.kind is not Kind.MOVEMENT or len(node.args) != 1 or node.args[0] not in keepable:
        return False
    return 100 * nbytes(node) > 95 * nbytes(node.args[0])


def nbytes(node: Node) -> int:
    """How many bytes the value takes, for sizes as they usually are."""
    return max(elements(node.array), 1) * node.array.dtype.size


def numbers(nodes: Sequence[Node]) -> int:
    """How many bytes one iteration records, for sizes as they usually are."""
    return sum(map(nbytes, nodes))


def _bound(node: Node) -> Sequence[str]:
    params: Params | None = node.params
    if isinstance(params, RunSize):
        return (params.symbol,)
    return tuple(params.length.symbols()) if isinstance(params, Loop | While) else ()


def record(
    b: Builder, node: Node, body: Region, values: Sequence[Node]
) -> tuple[list[Node], list[Node]]:
    """The results of the loop around `body` that also stacks `values`, and these stacks."""
    params = node.params
    assert isinstance(params, Loop | While)
    body = Region(body.inputs, (*body.outputs, *values))
    stacked = params.stacked + len(values)
    if isinstance(params, Loop):
        longer = Loop(params.carried, stacked, params.length, body)
    else:
        longer = While(params.carried, stacked, params.length, params.cond, body)
    with b.at(b.notes.origins.get(node), gradient=False):
        results = list(b.results(b.node(node.op, node.args, longer)))
    first = params.carried + params.stacked
    stacks = results[first : first + len(values)]
    for value, stack in zip(values, stacks, strict=True):
        name_record(b, value, stack)
    return [r for r in results if r not in stacks], stacks


def name_record(b: Builder, value: Node, stack: Node, of: str = "steps") -> None:
    """Call a record after what it is of, or let it be a part of the same statement."""
    name = called(b, value)
    if name is not None:
        b.notes.names.setdefault(stack, f"{name}_{of}")
    elif (origin := b.notes.origins.get(value)) is not None:
        b.notes.origins[stack] = origin
