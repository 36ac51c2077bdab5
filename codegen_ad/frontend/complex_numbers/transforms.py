"""The discrete Fourier transforms of `np.fft`, along one axis or several."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from codegen_ad.frontend.complex_numbers.arithmetic import Algebra, conjugate
from codegen_ad.frontend.complex_numbers.parts import Function
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, Complex
from codegen_ad.ir.dims import Dim, as_dim
from codegen_ad.ir.node import Node, Op, not_wrapping
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.fourier import DFT, INVERSE_DFT
from codegen_ad.ops.movement import Span

Named = Mapping[str, Value]
Pair = tuple[Node, Node]
"""Real and imaginary part, the transformed axis last."""

_NAMES = ("a", "n", "axis", "norm")
_SEVERAL = ("a", "s", "axes", "norm")


def _bound(
    a: Algebra, names: Sequence[str], args: Sequence[Value], kwargs: Named
) -> dict[str, Any]:
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    unknown = [k for k in given if k not in names]
    if unknown or len(args) > len(names):
        what = f"`{unknown[0]}=`" if unknown else "more arguments"
        a.m.refuse(
            f"`{a.m.text()}` takes {', '.join(names)} here, and gets {what}.",
            "Leave the others out.",
        )
    return {name: given.get(name) for name in names}


def _pair(a: Algebra, value: Value) -> Pair:
    """The parts as floating point nodes of one shape."""
    real, imag = a.m.promote(*a.of(value), floating=True)
    if not real.array.rank:
        a.m.refuse("A single number has no Fourier transform.", "Pass an array.")
    shape = a.m.broadcast(real.array.shape, imag.array.shape)
    return make.broadcast_to(a.m.b, real, shape), make.broadcast_to(a.m.b, imag, shape)


def _axis(a: Algebra, value: Value, rank: int) -> int:
    (axis,) = a.m.axes(-1 if value is None else value, rank)
    return axis


def _moved(a: Algebra, pair: Pair, axis: int, *, back: bool = False) -> Pair:
    """The axis put last, or the last one put in its place."""
    rank = pair[0].array.rank
    order = [*(k for k in range(rank) if k != axis), axis]
    if back:
        order = [order.index(k) for k in range(rank)]
    one, other = (make.transpose(a.m.b, node, order) for node in pair)
    return one, other


def _fitted(a: Algebra, node: Node, length: Dim) -> Node:
    """`node` cut off or continued with zeros to `length` along its last axis."""
    have = node.array.shape[-1]
    if have == length:
        return node
    if a.m.is_run_time(have - length):
        a.m.equate(have, length, a.m.text())
        return node
    if a.m.holds(have, length, a.m.text()):
        return _part(a, node, as_dim(0), 1, length)
    zeros = make.full(a.m.b, (*node.array.shape[:-1], length - have), 0, node.array.dtype)
    return make.concatenate(a.m.b, (node, zeros), node.array.rank - 1)


def _part(a: Algebra, node: Node, start: Dim, step: int, length: Dim) -> Node:
    spans = [make.whole(d) for d in node.array.shape]
    spans[-1] = Span(start, step, length)
    return make.slice_(a.m.b, node, spans)


def _along_last(a: Algebra, pair: Pair, op: Op, scale: Node | None) -> Pair:
    b = a.m.b
    rank = pair[0].array.rank
    halves = [make.expand_dims(b, node, rank) for node in pair]
    found = b.node(op, (make.concatenate(b, halves, rank),))
    if scale is not None:
        found = make.multiply(b, found, make.cast(b, scale, found.array.dtype))
    spans = [make.whole(d) for d in found.array.shape]
    parts: list[Node] = []
    for place in (0, 1):
        spans[-1] = Span(as_dim(place), 1, as_dim(1))
        parts.append(make.reshape(b, make.slice_(b, found, spans), found.array.shape[:-1]))
    return parts[0], parts[1]


def _scale(a: Algebra, norm: Value, length: Dim, *, inverse: bool) -> Node | None:
    """What the unscaled sum is multiplied by."""
    b = a.m.b
    norm = a.m.static(norm, "norm") or "backward"
    if norm not in ("backward", "ortho", "forward"):
        a.m.refuse(f"`norm` is {norm!r}.", "Use 'backward', 'ortho' or 'forward'.")
    if norm != "ortho" and (norm == "backward") is not inverse:
        return None
    if length.is_constant:
        number = length.value if norm != "ortho" else math.sqrt(length.value)
        return make.constant(b, 1 / number)
    size = make.cast(b, make.size(b, length), DType.FLOAT64)
    one = make.constant(b, 1.0)
    return make.divide(b, one, make.apply(b, "sqrt", size) if norm == "ortho" else size)


def _length(a: Algebra, value: Value, default: Dim) -> Dim:
    length = default if value is None else a.m.dim(value, "length of the transform")
    a.m.require(length, 1, a.m.text())
    return length


def _complex_transform(*, inverse: bool) -> Callable[[Algebra, Value, Value, Value, Value], Value]:
    def transform(a: Algebra, value: Value, n: Value, axis: Value, norm: Value) -> Value:
        pair = _pair(a, value)
        place = _axis(a, axis, pair[0].array.rank)
        pair = _moved(a, pair, place)
        length = _length(a, n, pair[0].array.shape[-1])
        pair = _fitted(a, pair[0], length), _fitted(a, pair[1], length)
        scale = _scale(a, norm, length, inverse=inverse)
        found = _along_last(a, pair, INVERSE_DFT if inverse else DFT, scale)
        found = _moved(a, found, place, back=True)
        return Complex(a.m.fresh(found[0]), a.m.fresh(found[1]))

    return transform


fft = _complex_transform(inverse=False)
ifft = _complex_transform(inverse=True)


def rfft(a: Algebra, value: Value, n: Value, axis: Value, norm: Value) -> Value:
    """The transform of real numbers: the first half, which tells the other."""
    if isinstance(value, Complex):
        a.m.refuse("NumPy's `rfft` drops imaginary parts.", "Use `np.fft.fft`, or pass `.real`.")
    whole = cast("Complex", fft(a, value, n, axis, norm))
    pair = _pair(a, whole)
    place = _axis(a, axis, pair[0].array.rank)
    moved = _moved(a, pair, place)
    half = moved[0].array.shape[-1] // 2 + 1
    cut = _part(a, moved[0], as_dim(0), 1, half), _part(a, moved[1], as_dim(0), 1, half)
    found = _moved(a, cut, place, back=True)
    return Complex(a.m.fresh(found[0]), a.m.fresh(found[1]))


def irfft(a: Algebra, value: Value, n: Value, axis: Value, norm: Value) -> Value:
    """The real numbers of which a half transform is given; the other half is its mirror image."""
    pair = _pair(a, value)
    place = _axis(a, axis, pair[0].array.rank)
    real, imag = _moved(a, pair, place)
    length = _length(a, n, 2 * (real.array.shape[-1] - 1))
    half = length // 2 + 1
    real, imag = _fitted(a, real, half), _fitted(a, imag, half)
    rest = length - half
    last = real.array.rank - 1
    mirrored = [_part(a, node, rest, -1, rest) for node in (real, imag)]
    real = make.concatenate(a.m.b, (real, mirrored[0]), last)
    imag = make.concatenate(a.m.b, (imag, make.negative(a.m.b, mirrored[1])), last)
    scale = _scale(a, norm, length, inverse=True)
    found, _ = _moved(a, _along_last(a, (real, imag), INVERSE_DFT, scale), place, back=True)
    return a.m.fresh(found)


def _opposite(norm: Any) -> Any:
    return {"backward": "forward", "forward": "backward"}.get(norm or "backward", norm)


def hfft(a: Algebra, value: Value, n: Value, axis: Value, norm: Value) -> Value:
    """The transform of a signal that is its own mirror image, conjugated: real."""
    return irfft(a, conjugate(a, a.of(value)), n, axis, _opposite(norm))


def ihfft(a: Algebra, value: Value, n: Value, axis: Value, norm: Value) -> Value:
    """The inverse of `hfft`."""
    return conjugate(a, cast("Complex", rfft(a, value, n, axis, _opposite(norm))))


def _one(transform: Callable[..., Value]) -> Function:
    def apply(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        given = _bound(a, _NAMES, args, kwargs)
        return transform(a, given["a"], given["n"], given["axis"], given["norm"])

    return apply


def _several(
    each: Callable[..., Value], last: Callable[..., Value], axes: Any, *, first: bool
) -> Function:
    """A transform along several axes; `last` is for the last one, done `first` or at the end."""

    def apply(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
        given = _bound(a, _SEVERAL, args, kwargs)
        value, norm = given["a"], given["norm"]
        rank = a.m.node(a.of(value).real).array.rank
        sizes = None if given["s"] is None else a.m.items(given["s"])
        wanted = given["axes"] if given["axes"] is not None else axes
        if wanted is None:
            count = rank if sizes is None else len(sizes)
            wanted = tuple(range(rank - count, rank))
        places = [int(p) for p in cast("Sequence[Any]", a.m.static(wanted, "axes"))]
        lengths = sizes or [None] * len(places)
        steps = list(zip(places, lengths, strict=True))
        order = [steps[-1], *steps[:-1]] if first else [*steps[:-1], steps[-1]]
        for place, length in order:
            transform = last if (place, length) == steps[-1] else each
            value = transform(a, value, length, place, norm)
        return value

    return apply


def _shifted(a: Algebra, args: Sequence[Value], kwargs: Named, *, back: bool) -> Value:
    given = _bound(a, ("x", "axes"), args, kwargs)
    value = given["x"]

    def shift(part: Value) -> Value:
        node = a.m.node(part)
        for axis in a.m.axes(given["axes"], node.array.rank):
            length = node.array.shape[axis]
            cut = length // 2 if back else length - length // 2
            spans = [make.whole(d) for d in node.array.shape]
            halves: list[Node] = []
            for start, stop in ((cut, length), (as_dim(0), cut)):
                spans[axis] = Span(start, 1, stop - start)
                halves.append(make.slice_(a.m.b, node, spans))
            node = make.concatenate(a.m.b, halves, axis)
        return a.m.fresh(node)

    return Complex(*map(shift, value)) if isinstance(value, Complex) else shift(value)


def fftshift(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    """Frequency zero to the middle."""
    return _shifted(a, args, kwargs, back=False)


def ifftshift(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    """The inverse of `fftshift`."""
    return _shifted(a, args, kwargs, back=True)


def fftfreq(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    """The frequencies of `fft`, in cycles per unit of the spacing."""
    given = _bound(a, ("n", "d"), args, kwargs)
    length = _length(a, given["n"], as_dim(1))
    half = (length - 1) // 2 + 1
    parts = a.m.iota(0, half), a.m.iota(-(length // 2), length - half)
    return _frequencies(a, make.concatenate(a.m.b, parts, 0), length, given["d"])


def rfftfreq(a: Algebra, args: Sequence[Value], kwargs: Named) -> Value:
    """The frequencies of `rfft`, in cycles per unit of the spacing."""
    given = _bound(a, ("n", "d"), args, kwargs)
    length = _length(a, given["n"], as_dim(1))
    return _frequencies(a, a.m.iota(0, length // 2 + 1), length, given["d"])


def _frequencies(a: Algebra, numbers: Node, length: Dim, spacing: Value) -> Value:
    if isinstance(spacing, Array):
        not_wrapping([a.m.type_of(spacing)])
    period = a.multiply(1.0 if spacing is None else spacing, a.m.fresh(make.size(a.m.b, length)))
    return a.divide(a.m.fresh(numbers), period)


FUNCTIONS: dict[Any, Function] = {
    np.fft.fft: _one(fft),
    np.fft.ifft: _one(ifft),
    np.fft.rfft: _one(rfft),
    np.fft.irfft: _one(irfft),
    np.fft.hfft: _one(hfft),
    np.fft.ihfft: _one(ihfft),
    np.fft.fft2: _several(fft, fft, (-2, -1), first=False),
    np.fft.ifft2: _several(ifft, ifft, (-2, -1), first=False),
    np.fft.rfft2: _several(fft, rfft, (-2, -1), first=True),
    np.fft.irfft2: _several(ifft, irfft, (-2, -1), first=False),
    np.fft.fftn: _several(fft, fft, None, first=False),
    np.fft.ifftn: _several(ifft, ifft, None, first=False),
    np.fft.rfftn: _several(fft, rfft, None, first=True),
    np.fft.irfftn: _several(ifft, irfft, None, first=False),
    np.fft.fftshift: fftshift,
    np.fft.ifftshift: ifftshift,
    np.fft.fftfreq: fftfreq,
    np.fft.rfftfreq: rfftfreq,
}
