"""A loop that carries what another one carries does the work of both.

In a branch, the gradient runs the loops of the side that was taken once more, to record what their
adjoints need. Where the value's side and the gradient's are one branch, these are two loops from
the same first values to the same last ones; one of them is enough, and it stacks what either does.

Which carried values are the same is found as for states of automata (Hopcroft 1971): all that begin
with one value are taken to be the same, until an iteration tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Region, toposort
from codegen_ad.ops.control import Loop, While
from codegen_ad.ops.trips import depends
from codegen_ad.passes.regions import like, written_out

Classes = tuple[tuple[int, ...], tuple[int, ...]]
"""For each carried value of two loops, the number of its class."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Two loops that are one, the first before the second."""

    loops: tuple[Node, Node]
    classes: Classes


def twins(b: Builder, outputs: Sequence[Node]) -> Twins | None:
    """The first two loops that are one, or None."""
    loops: list[Node] = []
    for node in toposort(outputs):
        if not isinstance(node.params, Loop | While):
            continue
        for first in loops:
            if _begin_alike(first, node) and not depends(node, (first,)):
                classes = _classes(b, first, node)
                if classes is not None:
                    return Twins((first, node), classes)
        loops.append(node)
    return None


def _begin_alike(first: Node, second: Node) -> bool:
    """Whether two loops have the same trips, and all that one carries begins as in the other."""
    if first.op is not second.op or _params(first).length != _params(second).length:
        return False
    if isinstance(first.params, Loop) and first.args[0] is not second.args[0]:
        return False
    one, two = set(_starts(first)), set(_starts(second))
    return bool(one and two) and (one <= two or two <= one)


def _params(node: Node) -> Loop | While:
    assert isinstance(node.params, Loop | While)
    return node.params


def _heads(node: Node) -> int:
    """How many arguments come before the carried ones."""
    return 1 if isinstance(node.params, Loop) else 0


def _starts(node: Node) -> tuple[Node, ...]:
    return node.args[_heads(node) :][: _params(node).carried]


def _captured(node: Node) -> tuple[Node, ...]:
    return node.args[_heads(node) + _params(node).carried :]


def _classes(b: Builder, first: Node, second: Node) -> Classes | None:
    """The carried values that stay the same; None unless one loop carries all of the other's."""
    both = (first, second)
    classes = _numbered([_starts(node) for node in both])
    while True:
        _, outputs = _region(b, both, -1, classes)
        ends = [
            list(zip(of, after, strict=False)) for of, after in zip(classes, outputs, strict=True)
        ]
        finer = _numbered(ends)
        if finer == classes:
            break
        classes = finer
    one, two = map(set, classes)
    if not (one <= two or two <= one):
        return None
    if isinstance(first.params, While):
        _, (condition, other) = _region(b, both, 0, classes)
        if condition != other:
            return None
    return classes


def _numbered(keys: Sequence[Sequence[object]]) -> Classes:
    numbers: dict[object, int] = {}
    one, two = (tuple(numbers.setdefault(k, len(numbers)) for k in of) for of in keys)
    return one, two


def _region(
    b: Builder, both: Sequence[Node], which: int, classes: Classes
) -> tuple[tuple[Node, ...], list[tuple[Node, ...]]]:
    """The inputs of a region that does what those of both loops do, and the outputs of each."""
    heads = _heads(both[0])
    regions = [node.regions[which] for node in both]
    with b.scope():
        index = [like(b, i) for i in regions[0].inputs[:heads]]
        own: dict[int, Node] = {}
        shared: dict[Node, Node] = {}
        for node, region, of in zip(both, regions, classes, strict=True):
            for number, inside in zip(of, region.inputs[heads:], strict=False):
                if number not in own:
                    own[number] = like(b, inside)
            for outer, inside in zip(
                _captured(node), region.inputs[heads + len(of) :], strict=True
            ):
                if outer not in shared:
                    shared[outer] = like(b, inside)
        given = (
            (*index, *(own[number] for number in of), *(shared[outer] for outer in _captured(node)))
            for node, of in zip(both, classes, strict=True)
        )
        outputs = written_out(b, zip(regions, given, strict=True))
    return (*index, *own.values(), *shared.values()), outputs


def united(b: Builder, found: Twins) -> dict[Node, Node]:
    """What to use in place of the results of two loops: those of one that does what both do."""
    both, classes = found.loops, found.classes
    first, params = both[0], _params(both[0])
    starts: dict[int, Node] = {}
    for node, of in zip(both, classes, strict=True):
        for number, start in zip(of, _starts(node), strict=True):
            starts.setdefault(number, start)
    inputs, outputs = _region(b, both, -1, classes)
    after: dict[int, Node] = {}
    stacked: dict[Node, int] = {}
    for of, out in zip(classes, outputs, strict=True):
        after |= zip(of, out, strict=False)
        for value in out[len(of) :]:
            stacked.setdefault(value, len(starts) + len(stacked))
    regions = [Region(inputs, (*(after[number] for number in starts), *stacked))]
    if isinstance(params, While):
        tested, conditions = _region(b, both, 0, classes)
        regions.insert(0, Region(tested, conditions[0]))
    joint = replace(params, carried=len(starts), stacked=len(stacked)).with_regions(tuple(regions))
    shared = dict.fromkeys(outer for node in both for outer in _captured(node))
    args = (*first.args[: _heads(first)], *starts.values(), *shared)
    with b.at(b.notes.origins.get(first), gradient=all(n in b.notes.gradients for n in both)):
        results = b.results(b.node(first.op, args, joint))
    mapping: dict[Node, Node] = {}
    for node, of, out in zip(both, classes, outputs, strict=True):
        places = [*of, *(stacked[value] for value in out[len(of) :]), len(results) - 1]
        for old, place in zip(b.results(node), places, strict=False):
            b.notes.copy(old, results[place])
            mapping[old] = results[place]
    return mapping
