"""Provisional names of what a plan is made of, and what each stands for."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.plan.access import Point


@dataclass(slots=True)
class Names:
    """Provisional names, `@1`, `@2`, …, which `names.assign` replaces.

    `awaited` are sizes of parameters, by the names that they are read to, and the run-time sizes
    that they have to be; `known` are the symbols of arguments' sizes. `shared` ones are always the
    whole value of their element, which may have the same name where it is computed again in another
    loop. `tiles` and `blocks` are buffers that hold a tile of rows, or a block of steps, of what
    they stand for, `wishes` other names that are wanted, the best first. `said_by` has the names
    whose points mention a variable. `copies` are read in another pass over the rows than what they
    are copies of, and are called the same.
    """

    count: int = 0
    meaning: dict[str, tuple[Node, Point]] = field(default_factory=dict[str, tuple[Node, Point]])
    reserved: set[str] = field(default_factory=set[str])
    shared: set[str] = field(default_factory=set[str])
    sizes: set[str] = field(default_factory=set[str])
    awaited: dict[str, Dim] = field(default_factory=dict[str, Dim])
    known: frozenset[str] = frozenset()
    tiles: set[str] = field(default_factory=set[str])
    blocks: set[str] = field(default_factory=set[str])
    wishes: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    said_by: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    copies: dict[str, str] = field(default_factory=dict[str, str])

    def fresh(self, node: Node | None = None, point: Point = ()) -> str:
        """A new name; the element of `node` at `point` is what it stands for."""
        self.count += 1
        name = f"@{self.count}"
        if node is not None:
            self.meaning[name] = node, point
            for dim in point:
                for symbol in dim.symbols():
                    self.said_by.setdefault(symbol, []).append(name)
        return name

    def block_loop(self, variable: str, step: str) -> tuple[str, str]:
        """The names of a block's first step and of how many it has; `step` is one of them.

        What was said of steps by `variable` is said of steps of the block from here on.
        """
        first, count = self.fresh(), self.fresh()
        self.wishes |= {first: ("first", "base"), count: ("steps", "count"), step: ("step", "s")}
        self.same_loop(variable, step)
        return first, count

    def tile_loop(self, variable: str) -> tuple[str, str, str]:
        """The names of a tile's first row, of how many rows it has, and of a row in it.

        What was said of rows by `variable` is said of rows of the tile from here on.
        """
        first, count, row = self.fresh(), self.fresh(), self.fresh()
        self.wishes |= {first: ("first", "base"), count: ("rows", "count"), row: ("row", "r")}
        self.same_loop(variable, row)
        return first, count, row

    def same_loop(self, variable: str, other: str) -> None:
        """Say by the variable `other` what was said by `variable`, of a loop that it took over."""
        here = {variable: Dim.symbol(other)}
        names = self.said_by.pop(variable, [])
        for name in names:
            node, point = self.meaning[name]
            self.meaning[name] = node, tuple(d.substitute(here) for d in point)
        self.said_by.setdefault(other, []).extend(names)

    def tile_of(self, name: str) -> str:
        """The name of a buffer for a tile of what `name` stands for in one row."""
        made = self.part_of(name)
        if made in self.meaning:
            self.tiles.add(made)
        elif not name.startswith("@"):
            self.wishes[made] = (f"{name}_tile",)
        return made

    def block_of(self, name: str) -> str:
        """The name of a buffer for what `name` stands for in each step of a block."""
        made = self.part_of(name)
        if made in self.meaning:
            self.blocks.add(made)
        elif not name.startswith("@"):
            self.wishes[made] = (f"{name}_block",)
        return made

    def part_of(self, name: str) -> str:
        """A new name for a part of what `name` stands for."""
        node, _ = self.meaning.get(name, (None, ()))
        return self.fresh(node)

    def moved(self, name: str, variable: str, other: str) -> str:
        """Another name for the element of which `other` says what `variable` says of `name`'s."""
        node, point = self.meaning.get(name, (None, ()))
        here = {variable: Dim.symbol(other)}
        return self.fresh(node, tuple(d.substitute(here) for d in point))

    def again(self, name: str) -> str:
        """Another name for the same element."""
        made = self.fresh(*self.meaning.get(name, (None, ())))
        if name in self.shared:
            self.shared.add(made)
        return made

    def copy_of(self, name: str) -> str:
        """Another name for the same element in another loop, which is called the same there."""
        made = self.again(name)
        self.copies[made] = name
        return made
