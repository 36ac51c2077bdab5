"""Methods of arrays that no function of NumPy is the other spelling of: in-place ones and exits."""

from __future__ import annotations

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import take_along
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.shaping import itself
from codegen_ad.ir.dims import ONE, product
from codegen_ad.ops import make
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.scan import ARGSORT


@signature("fill: a value")
def fill(call: Call) -> Value:
    """Write one value everywhere."""
    call.ctx.write(call.value("a"), call.value("value"))
    return None


@signature("sort: a axis=-1 kind=None order=None * stable=None")
def sort(call: Call) -> Value:
    """Put the array itself in ascending order."""
    call.only_default("order")
    call.ignore("kind", "stable")
    x = call.node("a")
    axis = call.axis("axis", x.array.rank)
    places = call.b.node(ARGSORT, (x,), Axis(axis))
    call.ctx.write(call.value("a"), call.fresh(take_along(call.b, x, places, axis)))
    return None


@signature("item: a *index")
def item(call: Call) -> Value:
    """The one element as a Python number, or one element picked by its place."""
    b, x = call.b, call.node("a")
    if call.rest:
        index = [call.as_integer(call.ctx.static(v, "index"), "index") for v in call.rest]
        if len(index) == 1:
            line = make.reshape(b, x, (product(x.array.shape),))
            picked = make.gather(b, line, make.size(b, index[0]))
        elif len(index) == x.array.rank:
            picked = make.gather(b, x, *(make.size(b, i) for i in index))
        else:
            call.refuse(
                f"`.item` is given {len(index)} places for {x.array.rank} axes.",
                "Give one for each axis.",
            )
        return call.ctx.fresh(picked, weak=True)
    for dim in x.array.shape:
        call.ctx.equate(dim, ONE, ".item()")
    return call.ctx.fresh(make.reshape(b, x, ()), weak=True)


METHODS: dict[str, Handler] = {
    "fill": fill,
    "sort": sort,
    "item": item,
    "conj": itself,
    "conjugate": itself,
}
