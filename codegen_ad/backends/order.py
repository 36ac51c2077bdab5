"""The order in which the nodes of a region run where they are run one by one.

A size that only the run knows gets its value on the way, so that what speaks of it has to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from codegen_ad.ir.builder import INPUT, Result
from codegen_ad.ir.node import Node, symbols_in, toposort
from codegen_ad.ir.types import ArrayType, TupleType
from codegen_ad.ops.constants import RunSize
from codegen_ad.ops.control import Loop, While

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Step:
    """A node and the symbols that must have a value before it can run."""

    node: Node
    needs: frozenset[str]


class Orders:
    """The order of each region's nodes, found once, because loops run them often."""

    def __init__(self) -> None:
        self._orders: dict[tuple[Node, ...], tuple[_Step, ...]] = {}

    def run(
        self,
        outputs: tuple[Node, ...],
        values: dict[Node, Value],
        sizes: dict[str, int],
        step: Callable[[Node, dict[Node, Value], dict[str, int]], Value],
    ) -> list[Node]:
        """Add to `values` what `step` makes of each node that `outputs` need.

        `step` adds the sizes that it learns to `sizes`. Returns the nodes that could not run,
        because a size that they need has no value.
        """
        waiting: Sequence[_Step] = self._order(outputs)
        while waiting:
            later: list[_Step] = []
            for one in waiting:
                node = one.node
                if one.needs <= sizes.keys() and all(a in values for a in node.needs):
                    values[node] = step(node, values, sizes)
                else:
                    later.append(one)
            if len(later) == len(waiting):
                return [one.node for one in later]
            waiting = later
        return []

    def _order(self, outputs: tuple[Node, ...]) -> tuple[_Step, ...]:
        if outputs not in self._orders:
            self._orders[outputs] = _order(outputs)
        return self._orders[outputs]


@lru_cache(maxsize=16)  # who compares derivatives runs a few programs many times
def _order(outputs: tuple[Node, ...]) -> tuple[_Step, ...]:
    nodes = (n for n in toposort(outputs) if n.op is not INPUT)
    return tuple(_Step(n, frozenset(_needed(n))) for n in nodes)


def types_of(node: Node) -> tuple[ArrayType, ...]:
    """The type of each result of a node."""
    return node.type.items if isinstance(node.type, TupleType) else (node.type,)


def _needed(node: Node) -> set[str]:
    """The symbols a node reads: those of its type and parameters, less those it binds itself."""
    if isinstance(node.params, Result):
        return set()  # its argument has run
    needed = set(symbols_in(node.params))
    for type in types_of(node):
        needed |= set(symbols_in(type))
    for region in node.regions:
        inside = [n for n in toposort(region.outputs) if n.op is not INPUT]
        bound = {name for n in inside for name in _bound(n)}
        needed |= {name for n in inside for name in _needed(n)} - bound
    return needed - set(_bound(node))


def _bound(node: Node) -> Iterator[str]:
    match node.params:
        case Loop(length=length) | While(length=length) if length.name is not None:
            yield length.name
        case RunSize(symbol):
            yield symbol
        case _:
            pass
