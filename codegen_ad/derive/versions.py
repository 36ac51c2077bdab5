"""The versions of an array: what writes make of it, be they in loops or branches inside.

A version goes into a write, which makes the next one. A loop that carries the array makes a version
of it, and so does a branch; each has versions of its own inside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from codegen_ad.ir.builder import RESULT, Result
from codegen_ad.ir.node import Node, Region
from codegen_ad.ops.control import Branch, Loop, While
from codegen_ad.ops.indexing import SCATTER, UPDATE


@dataclass(frozen=True, slots=True)
class Part:
    """A region of a node that takes versions of an array.

    Attributes
    ----------
    args : the outer value of each input but a loop's index.
    chain : the versions in the region, if it makes a new one: its input, then what writes make.
    yields : the position of the result that is the new version.
    holds : whether it is the side of a branch that is taken where the condition holds.
    """

    region: Region
    inputs: Sequence[Node]
    args: Sequence[Node]
    chain: Sequence[Node]
    yields: int | None
    holds: bool = True

    @property
    def outputs(self) -> list[Node]:
        """What the region yields besides a version."""
        return [o for k, o in enumerate(self.region.outputs) if k != self.yields]


def before(node: Node) -> Node | None:
    """The version that a node makes a new one of, if it does."""
    if node.op in (SCATTER, UPDATE):
        return node.args[0]
    if node.op is not RESULT or not isinstance(node.params, Result):
        return None
    source, number = node.args[0], node.params.index
    params = source.params
    if isinstance(params, Loop | While) and number < params.carried:
        first = 1 if isinstance(params, Loop) else 0
        own = params.body.inputs[first + number]
        is_made = chain_of(params.body.outputs[number], own) is not None
        return source.args[first + number] if is_made else None
    if isinstance(params, Branch):
        origins = set(_origins(source, params, number))
        return origins.pop() if len(origins) == 1 else None
    return None


def _origins(node: Node, branch: Branch, number: int) -> Iterator[Node | None]:
    """What each side of a branch makes a version of; None if it is not made of what is captured."""
    for region in branch.regions:
        first = _down(region.outputs[number])[0]
        captured = first in region.inputs
        yield node.args[1 + region.inputs.index(first)] if captured else None


def chain_of(last: Node, first: Node) -> list[Node] | None:
    """The versions from the first to the last; None if the last is made in another way."""
    found = [last]
    while found[-1] is not first:
        earlier = before(found[-1])
        if earlier is None:
            return None
        found.append(earlier)
    return found[::-1]


def _down(last: Node) -> list[Node]:
    """The versions that lead to the last."""
    found = [last]
    while (earlier := before(found[-1])) is not None:
        found.append(earlier)
    return found[::-1]


def inside(node: Node, versions: Collection[Node | None]) -> list[Part] | None:
    """The regions of a node that takes versions; None if it does what is not looked into."""
    params = node.params
    if isinstance(params, Loop | While):
        first = 1 if isinstance(params, Loop) else 0
        args = node.args[first:]
        own = [k for k in range(params.carried) if args[k] in versions]
        if len(own) > 1:
            return None
        chain: Sequence[Node] = ()
        if own:
            found = chain_of(params.body.outputs[own[0]], params.body.inputs[first + own[0]])
            if found is None:
                return None
            chain = found
        yields = own[0] if own else None
        parts = [Part(params.body, params.body.inputs[first:], args, chain, yields)]
        if isinstance(params, While):
            parts.append(Part(params.cond, params.cond.inputs, args, (), None))
        return parts
    if not isinstance(params, Branch):
        return None
    numbers = range(len(params.then.outputs))
    made = [k for k in numbers if all(o in versions for o in _origins(node, params, k))]
    if len(made) > 1:
        return None
    yields = made[0] if made else None
    return [
        Part(
            region,
            region.inputs,
            node.args[1:],
            () if yields is None else _down(region.outputs[yields]),
            yields,
            holds,
        )
        for region, holds in ((params.then, True), (params.otherwise, False))
    ]


def demanded(outputs: Sequence[Node], stop: Collection[Node]) -> list[Node]:
    """What the outputs need, arguments first, where nothing is needed for `stop`."""
    order: list[Node] = []
    seen = set(stop)
    stack = [(output, False) for output in reversed(outputs)]
    while stack:
        node, is_done = stack.pop()
        if is_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.needs))
    return order
