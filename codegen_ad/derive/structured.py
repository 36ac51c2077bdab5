"""What the rules for control flow have in common.

A rule rebuilds the primal inside the region of the adjoint, on fresh inputs in place of the
captured values, and calls the engine on it. The cotangent that a captured value has already is
taken in and added to inside, so that adding one element in a loop costs one addition, not an
array's length.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from codegen_ad.derive.integers import Known
from codegen_ad.ir.builder import Builder, Input
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.node import Node, Origin, Region, toposort
from codegen_ad.ir.types import Shape, TupleType
from codegen_ad.ops import make
from codegen_ad.ops.movement import BROADCAST_TO
from codegen_ad.options import Checkpoint

Seed = tuple[Node, Node]
"""A node and a cotangent of it."""

Replacement = tuple[Node, Sequence[Node]]
"""A loop, and the nodes to use in place of its results."""


@dataclass(slots=True)
class Checkpoints:
    """How loops are checkpointed, and what came of it.

    Attributes
    ----------
    option : what the user asked for; None if loops find out themselves whether they gain by it.
    known : the size symbols that the arguments' shapes tell.
    loops : how many loops keep states instead of what their adjoints need.
    rooms : for each loop under a memory budget, the bytes it needs at least, and its line.
    segmented : for the symbol of a segment's length, the number of segments and the trips of all.
    """

    option: Checkpoint | None
    known: frozenset[str] = frozenset()
    loops: int = 0
    rooms: list[tuple[Dim, Origin | None]] = field(default_factory=list[tuple[Dim, Origin | None]])
    segmented: dict[str, tuple[Dim, Dim]] = field(default_factory=dict[str, tuple[Dim, Dim]])

    def requirements(self) -> list[dict[str, str]]:
        """What is required of the sizes when the kernel is called, as its metadata has it."""
        if self.option is None:
            return []
        return [
            {
                "kind": "room",
                "first": str(self.option.budget),
                "second": str(room),
                "message": f"{_line(origin)}{self.option.text} is too little memory for two states "
                "of this loop",
            }
            for room, origin in self.rooms
        ]


def _line(origin: Origin | None) -> str:
    return f"line {origin.line}: " if origin is not None else ""


class Pull(Protocol):
    """`derive.reverse.pull`, handed to the rules, which call it on regions."""

    def __call__(
        self,
        b: Builder,
        seeds: Sequence[Seed],
        wrt: Sequence[Node],
        primal: Sequence[Node] = ...,
        checkpoints: Checkpoints | None = ...,
        known_integers: Known | None = ...,
        masks: Mapping[Node, Node] | None = ...,
    ) -> tuple[list[Node | None], list[Node]]:
        """The cotangents of `wrt`, and `primal` again."""
        ...


@dataclass(frozen=True, slots=True)
class Cotangents:
    """What a rule is given.

    Attributes
    ----------
    of_results : the cotangent of each result, or None.
    wanted : whether the cotangent of an argument is asked for.
    so_far : the cotangent that an argument has from elsewhere, to be added to; or None.
    checkpoints : how loops outside of recorded ones are checkpointed; None where they are not.
    known : what is known of integers where the node stands.
    mask_of : where the cotangent of the result at a position may be other than zero, if known.
    """

    of_results: Sequence[Node | None]
    wanted: Sequence[bool]
    so_far: Sequence[Node | None]
    checkpoints: Checkpoints | None = None
    known: Known = field(default_factory=Known)
    mask_of: Callable[[int], Node | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a rule gives.

    Attributes
    ----------
    cotangents : what comes to each argument, or None.
    totals : the positions of those that have `so_far` in them already.
    results : the nodes to use in place of the node's results, where the node was replaced.
    """

    cotangents: Sequence[Node | None]
    totals: Collection[int] = ()
    results: Sequence[Node] | None = None


Rule = Callable[[Builder, Node, Cotangents, Pull], Pulled]


def active(order: Iterable[Node], wrt: Iterable[Node]) -> set[Node]:
    """The nodes of `order`, and of `wrt`, through which outputs depend on `wrt`."""
    found = set(wrt)
    for node in order:
        if any(a in found for a in node.args) and _carries(node):
            found.add(node)
    return found


def _carries(node: Node) -> bool:
    """Whether a cotangent can come to the node."""
    if isinstance(node.type, TupleType):
        return any(item.dtype.is_float for item in node.items)
    return node.array.dtype.is_float


def full(b: Builder, node: Node, g: Node | None) -> Node:
    """The cotangent of `node` in its full shape."""
    if g is None:
        g = make.constant(b, 0, node.array.dtype)
    return make.broadcast_to(b, g, node.array.shape)


def within(node: Node, shape: Shape) -> Node | None:
    """`node` without broadcasting that makes it larger than `shape`; None if it stays larger."""
    while node.op is BROADCAST_TO and node.array.shape != shape:
        (node,) = node.args
    own = node.array.shape
    pairs = zip(reversed(own), reversed(shape), strict=False)
    fits = len(own) <= len(shape) and all(d in (ONE, s) for d, s in pairs)
    return node if fits else None


def placeholders(b: Builder, nodes: Sequence[Node], prefix: str = "") -> list[Node]:
    """A fresh region input for each node, called as the node is."""
    return [b.input(prefix + b.notes.names.get(n, "value"), n.array) for n in nodes]


def inline(
    b: Builder, nodes: Sequence[Node], inputs: Sequence[Node], args: Sequence[Node]
) -> list[Node]:
    """`nodes` of a region rebuilt here, with `args` in place of its inputs."""
    with b.at(None, gradient=False):
        return b.substitute(nodes, dict(zip(inputs, args, strict=True)))


def used(regions: Sequence[Region], inputs: Sequence[Sequence[Node]]) -> list[int]:
    """The positions of the inputs that at least one of the regions needs."""
    reached = [set(toposort(region.outputs)) for region in regions]
    return [
        k
        for k in range(len(inputs[0]))
        if any(own[k] in nodes for own, nodes in zip(inputs, reached, strict=True))
    ]


def called(b: Builder, node: Node) -> str | None:
    """The user's name of a value, or of what a loop carries, if it has one."""
    if node in b.notes.names:
        return b.notes.names[node]
    return node.params.name if isinstance(node.params, Input) else None
