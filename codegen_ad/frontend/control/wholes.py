"""Integers of Python that are made of floats or divided: what Python raises there is raised here.

An integer is never NaN: out of NaN, infinity or a float of more than 64 bits a conversion makes
any number. Nothing of that is seen where the integer becomes a float again, which keeps them, or a
place in an array, which has a check of its own. A conversion that anything else uses is checked
when reading starts again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from codegen_ad.frontend.arrays import visits
from codegen_ad.frontend.control import checks
from codegen_ad.frontend.sizes.run_time import is_certain
from codegen_ad.frontend.sizes.symbolic import Restart
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Kind, Node, Region, toposort
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.control import Branch, Custom, Loop, While

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_TOO_LARGE = 2.0**63
_OF_INTEGERS = frozenset({"floor_divide", "remainder"})
_BESIDE = frozenset({"add", "subtract"})

Keys = frozenset[object]


def converted(m: Machine, x: Node) -> Node:
    """A float as an integer of Python: `int(x)`, `round(x)`, `math.floor(x)`."""
    number = make.cast(m.b, x, DType.INT64)
    if not x.array.dtype.is_float or m.log.closed or make.constant_value(number) is not None:
        return number
    key = id(m.spots[-1])
    if key not in m.facts.whole:
        held = m.b.notes.converted.get(number, frozenset())
        m.b.notes.converted[number] = held | {key}
        return number
    b = m.b
    lost = make.apply(b, "not_equal", x, x)
    checks.refuse_when(m, lost, "ValueError", "NaN cannot be made an integer")
    limit = make.constant(b, _TOO_LARGE, x.array.dtype)
    large = make.apply(b, "greater_equal", make.apply(b, "absolute", x), limit)
    checks.refuse_when(
        m, large, "OverflowError", "a number is too large to be an integer of 64 bits"
    )
    return number


def settle(m: Machine, outputs: Iterable[Node]) -> None:
    """Start again if the program uses a conversion otherwise than as a float or as a place."""
    used: set[object] = set()
    if m.b.notes.converted:
        _uses(m.b.notes.converted, outputs, {}, used)
    if used:
        m.facts.whole |= used
        raise Restart


def _uses(
    known: Mapping[Node, Keys],
    outputs: Iterable[Node],
    given: Mapping[Node, Keys],
    used: set[object],
) -> None:
    """Collect the conversions of which a program or a region uses the integer.

    `given` are those that it is handed from outside.
    """
    outputs = list(outputs)
    held = dict(given)
    for node in toposort(outputs):
        keys = set(known.get(node, ()))
        for place, arg in enumerate(node.args):
            if arg not in held or _is_place(node, place) or (arg in known and _is_float(node)):
                continue
            if _moves(node, place):
                keys |= held[arg]
            elif not node.regions:
                used |= held[arg]
        if keys:
            held[node] = frozenset(keys)
        for region, handed, changing in _regions(node):
            for arg in changing:
                used |= held.get(arg, frozenset())
            inner = {i: held[a] for i, a in zip(region.inputs, handed, strict=True) if a in held}
            _uses(known, region.outputs, inner, used)
    for node in outputs:
        used |= held.get(node, frozenset())


def _is_place(node: Node, place: int) -> bool:
    """Whether the argument is looked up as a place, in an array."""
    match node.op.kind:
        case Kind.GATHER:
            return place > 0
        case Kind.SCATTER:
            return place > 1
        case _:
            return False


def _is_float(node: Node) -> bool:
    """Whether an integer becomes a float: of one just made of a float, nothing is lost."""
    return node.op.name == "cast" and node.array.dtype.is_float


def _moves(node: Node, place: int) -> bool:
    """Whether the integer goes on as it is, or as one beside it."""
    if node.op.kind is Kind.MOVEMENT:
        return True
    if node.op.name == "where":
        return place > 0
    others = (a for k, a in enumerate(node.args) if k != place)
    return node.op.name in _BESIDE and all(make.constant_value(a) is not None for a in others)


def _regions(node: Node) -> Iterator[tuple[Region, Sequence[Node | None], Sequence[Node]]]:
    """Each region, what its inputs are outside, and the arguments that change in there."""
    match node.params:
        case Loop(carried=carried, body=body):
            yield body, (None,) * (carried + 1) + node.args[carried + 1 :], node.args[: carried + 1]
        case While(carried=carried, cond=cond, body=body):
            handed = (None,) * carried + node.args[carried:]
            yield cond, handed, node.args[:carried]
            yield body, handed, ()
        case Branch(then=then, otherwise=otherwise):
            yield then, node.args[1:], ()
            yield otherwise, node.args[1:], ()
        case Custom(forward=forward):
            yield forward, node.args, ()
        case _:
            for region in node.regions:
                yield region, (None,) * len(region.inputs), node.args


def check_division(m: Machine, name: str, args: Sequence[Node]) -> None:
    """Raise where a Python integer is divided by zero."""
    if name not in _OF_INTEGERS or args[1].array.dtype is not DType.INT64 or m.log.closed:
        return
    divisor = args[1]
    limits = visits.limits(m, divisor)
    if limits is not None:
        low, high = limits
        if is_certain(m, low - ONE) or is_certain(m, -high - ONE):
            return
        if low == high and not m.is_run_time(low) and m.holds(low, 1, m.text()):
            return
    zero = make.apply(m.b, "equal", divisor, make.constant(m.b, 0, DType.INT64))
    text = "integer division or modulo by zero"
    checks.refuse_when(m, zero, "ZeroDivisionError", text)
