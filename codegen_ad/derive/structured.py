"""What the rules for control flow have in common: their shape, and the list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node

Replacement = tuple[Node, Sequence[Node]]
"""A loop, and the nodes to use in place of its results."""

Pull = Callable[
    [Builder, Sequence[tuple[Node, Node]], Sequence[Node], Sequence[Node]],
    tuple[list[Node | None], list[Node]],
]
"""`derive.reverse.pull`, handed to the rules, which call it on the regions."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """The cotangent of each argument, and what replaces the node's results, if anything does."""

    cotangents: Sequence[Node | None]
    results: Sequence[Node] | None = None


Rule = Callable[[Builder, Node, Sequence[Node | None], Sequence[bool], Pull], Pulled]
"""`(builder, node, cotangent of each result, which arguments matter, pull)`."""

RULES: Mapping[Kind, Rule] = {}
