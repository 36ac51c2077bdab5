"""Boolean masks: the elements they pick, as positions whose number only the run knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen_ad.frontend.sizes.run_time import hold
from codegen_ad.ir.dims import product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import make
from codegen_ad.ops.filter import POSITIONS, Positions

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def positions(m: Machine, mask: Node) -> Node:
    """Where a mask holds, in C order, counted from the front of its flattened elements."""
    b = m.b
    with b.home((mask,)):
        flat = make.reshape(b, mask, (product(mask.array.shape),))
        count = make.sum_(b, make.cast(b, flat, DType.INT64), (0,))
    length = hold(m, count, "count")
    with b.home((mask,)):
        return b.node(POSITIONS, (flat,), Positions(length))


def places(m: Machine, mask: Node) -> list[Node]:
    """Where a mask holds, as one array of integers for each of its axes."""
    b, shape = m.b, mask.array.shape
    rest = positions(m, mask)
    found: list[Node] = []
    for dim in reversed(shape[1:]):
        size = make.size(b, dim)
        found.insert(0, make.apply(b, "remainder", rest, size))
        rest = make.apply(b, "floor_divide", rest, size)
    return [rest, *found]


def pick(m: Machine, x: Node, mask: Node) -> Node:
    """`x[mask]`."""
    fit(m, x.array.shape, mask.array.shape)
    return make.gather(m.b, _flattened(m, x, mask), positions(m, mask))


def put(m: Machine, x: Node, mask: Node, values: Node) -> Node:
    """`x` with `x[mask]` replaced by values, of which there are as many as the mask picks."""
    flat = _flattened(m, x, mask)
    changed = make.scatter(m.b, flat, values, positions(m, mask), accumulate=False)
    return make.reshape(m.b, changed, x.array.shape)


def picked_shape(m: Machine, shape: Shape, mask: Node) -> Shape:
    """The shape of `x[mask]`."""
    return (positions(m, mask).array.shape[0], *shape[mask.array.rank :])


def fit(m: Machine, shape: Shape, mask: Shape) -> None:
    """Require a mask to have the sizes of the leading axes that it picks from."""
    if len(mask) > len(shape):
        m.refuse(
            f"A mask of {len(mask)} axes picks from an array of {len(shape)}.",
            "Use a mask of the shape of the array, or of its first axes.",
        )
    for have, want in zip(mask, shape, strict=False):
        if have != want:
            m.equate(want, have, m.text())


def _flattened(m: Machine, x: Node, mask: Node) -> Node:
    shape, rank = x.array.shape, mask.array.rank
    return make.reshape(m.b, x, (product(shape[:rank]), *shape[rank:]))
