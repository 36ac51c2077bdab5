"""Methods of arrays that no function of NumPy is the other spelling of: in-place ones and exits."""

from __future__ import annotations

from codegen_ad.frontend.arrays.views import Reshaped
from codegen_ad.frontend.arrays.wrapping import signed
from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import pick, sorted_along
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.shaping import itself
from codegen_ad.frontend.words import count
from codegen_ad.ir.dims import ONE, product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make


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
    call.ctx.write(call.value("a"), call.fresh(sorted_along(call.b, x, axis)))
    return None


@signature("item: a *index")
def item(call: Call) -> Value:
    """The one element as a Python number, or one element picked by its place."""
    b, x = call.b, call.node("a")
    if call.rest:
        given = call.rest if len(call.rest) != 1 else call.items_or_one(call.rest[0], "index")
        index = [call.as_integer(call.ctx.static(v, "index"), "index") for v in given]
        if len(index) == 1:
            line = make.reshape(b, x, (product(x.array.shape),))
            picked = make.gather(b, line, make.size(b, index[0]))
        elif len(index) == x.array.rank:
            picked = make.gather(b, x, *(make.size(b, i) for i in index))
        else:
            call.refuse(
                f"`.item` is given {count(len(index), 'place')} for {count(x.array.rank, 'axis')}.",
                "Give one for each axis.",
            )
        return python_number(call, picked)
    for dim in x.array.shape:
        call.ctx.equate(dim, ONE, ".item()")
    return python_number(call, make.reshape(b, x, ()))


def python_number(call: Call, x: Node) -> Value:
    """A single element as a Python number: of 64 bits, and weak in NumPy's promotion."""
    dtype = x.array.dtype
    if dtype.is_float:
        x = make.cast(call.b, x, DType.FLOAT64)
    elif dtype is not DType.BOOL:
        x = signed(call.ctx, x)
    return call.ctx.fresh(x, weak=True)


@signature("tolist: a")
def tolist(call: Call) -> Value:
    """Nested lists of Python numbers; of a single number, the number."""
    b, x = call.b, call.node("a")
    for dim in x.array.shape:
        if not dim.is_constant:
            call.refuse(
                f"`.tolist()` makes a list of {dim} items, and how many these are is not known "
                "when the function is compiled.",
                "Work with the array itself, or loop over it.",
            )

    def items(node: Node) -> Value:
        if not node.array.rank:
            return python_number(call, node)
        return call.ctx.list_of(
            [items(pick(b, node, 0, i)) for i in range(node.array.shape[0].value)]
        )

    return items(x)


@signature("flat: a")
def flat(call: Call) -> Value:
    """All elements in one line; what is written to it is written to the array."""
    return call.ctx.view(call.value("a"), Reshaped((product(call.node("a").array.shape),)))


@signature("nbytes: a")
def nbytes(call: Call) -> Value:
    """How many bytes the elements take."""
    x = call.node("a").array
    size = product(x.shape) * x.dtype.size
    return size.value if size.is_constant else size


ATTRIBUTES: dict[str, Handler] = {"flat": flat, "nbytes": nbytes}

METHODS: dict[str, Handler] = {
    "fill": fill,
    "sort": sort,
    "item": item,
    "tolist": tolist,
    "conj": itself,
    "conjugate": itself,
}
