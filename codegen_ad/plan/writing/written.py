"""What is written into the memory of an array, one write after the other, as one unit of work."""

from __future__ import annotations

from dataclasses import dataclass

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.plan.access import Point


@dataclass(frozen=True, slots=True)
class Sweep:
    """Updates of `target`, first to last, each of which leaves out a few elements at the ends.

    `low` and `high` are how many elements lie outside of some part, for each axis.
    """

    target: Node
    links: tuple[Node, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def extents(self) -> tuple[Dim, ...]:
        """The sizes of what all parts have in common."""
        sizes = zip(self.target.array.shape, self.low, self.high, strict=True)
        return tuple(d - low - high for d, low, high in sizes)

    @property
    def start(self) -> Point:
        """Where that begins."""
        return tuple(map(Dim.constant, self.low))


@dataclass(frozen=True, slots=True)
class Part:
    """Values that a write puts somewhere: all of its own, or those of an update that makes them."""

    link: Node
    update: Node | None = None

    @property
    def values(self) -> Node:
        """The values."""
        return (self.update or self.link).args[1]


@dataclass(frozen=True, slots=True)
class Writes:
    """What is written into the memory of `target`, first to last; only the last result is read.

    Attributes
    ----------
    sweep : how updates of shifted parts are done at once, if they are.
    elsewhere : whether they go into an array of their own: they read around each place, or what is
        there before are zeros, which need no memory.
    """

    target: Node
    links: tuple[Node, ...]
    sweep: Sweep | None = None
    elsewhere: bool = False
