"""A loop over rows dealt in chunks: what each chunk leaves, and how that is added up.

Where chunks begin depends on sizes alone. Each chunk leaves what it adds up in a row of its own,
and these rows are added in order: the result has the same bits for any number of threads. What a
chunk adds up of float32 is float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.chunking.fresh import Fresh
from codegen_ad.plan.chunking.row_loops import RowLoop, Total, elements, is_long
from codegen_ad.plan.element import identity
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    For,
    Load,
    Note,
    Statement,
    Store,
    Tiles,
    Var,
    Window,
)

SHORT, LONG = 4096, 256
"""Rows of a chunk: of a line of operations each, and with loops of their own."""

MOST, SHARE = 64, 8
"""Where rows add to arrays there are at most so many chunks, and a chunk has at least a row for so
many elements of these: what chunks leave takes no more memory than a few numbers for each row."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """How a loop's rows are dealt.

    Attributes
    ----------
    extent : how many rows there are.
    least : lower bounds for the rows of a chunk, which has as many as the greatest.
    rows : the rows of a chunk: a constant, or a symbol.
    parts : arrays for what each chunk leaves, a row for each.
    first, last, chunk, chunks : names: a function works on each `chunk` from `first` up to `last`.
    """

    extent: Dim
    least: tuple[Dim, ...]
    rows: Dim
    parts: tuple[Allocate, ...]
    first: str
    last: str
    chunk: str
    chunks: str


def _kept(dtype: DType) -> DType:
    """The dtype in which terms are added up."""
    return DType.FLOAT64 if dtype.is_float else DType.INT64


def _groups(loop: RowLoop) -> dict[DType, list[Total]]:
    """The totals that share an array."""
    found: dict[DType, list[Total]] = {}
    for total in loop.totals:
        found.setdefault(_kept(total.dtype), []).append(total)
    return found


def chunks_of(loop: RowLoop, names: Fresh) -> Chunks:
    """How the rows of a loop are dealt."""
    extent, note = loop.loop.extent, loop.loop.note
    least = (Dim.constant(LONG if is_long(loop.loop) else SHORT),)
    size = loop.loop.size if isinstance(loop.loop, Tiles) else 1
    assert LONG % size == 0, "a tile would go on in the next chunk, whose rows it would count twice"
    if loop.arrays:
        bounds = (extent // MOST + 1, elements(loop.arrays) // SHARE)
        least = (*least, *((b + size - 1) // size * size for b in bounds))
    rows = least[0] if len(least) == 1 else Dim.symbol(names.of("rows", extent, least))
    chunks = names.of("chunks", extent, least)
    count = Dim.symbol(chunks)
    parts: list[Allocate] = []
    for dtype, totals in _groups(loop).items():
        name = names("sums" if dtype.is_float else "counts")
        parts.append(Allocate(name, (count, Dim.constant(len(totals))), dtype, None, note))
    for array in loop.arrays:
        made, name = array.made, names(f"{array.made.buffer}_parts")
        parts.append(Allocate(name, (count, *made.shape), _kept(made.dtype), None, note))
    return Chunks(
        extent, least, rows, tuple(parts), names.own["first"], names.own["last"],
        names.own["chunk"], chunks,
    )  # fmt: skip


def dealt(loop: RowLoop, chunks: Chunks, names: Fresh) -> For:
    """The loop over some of the chunks, each of which leaves what it adds up."""
    note, chunk = loop.loop.note, Dim.symbol(chunks.chunk)
    body: list[Statement] = []
    stores: list[Statement] = []
    for part, totals in zip(chunks.parts, _groups(loop).values(), strict=False):
        for number, total in enumerate(totals):
            start = identity(total.how, total.dtype)
            body.append(Assign((total.name,), (replace(start, dtype=part.dtype),), note))
            value = Var(total.name, part.dtype)
            stores.append(Store(part.buffer, (chunk, Dim.constant(number)), value, note))
    arrays = chunks.parts[len(chunks.parts) - len(loop.arrays) :]
    for part, array in zip(arrays, loop.arrays, strict=True):
        made = array.made
        body.append(Allocate(made.buffer, made.shape, part.dtype, 0.0, note))
        stores += _elementwise(
            made.shape,
            names,
            lambda at, p=part, m=made: Store(
                p.buffer, (chunk, *at), Load(m.buffer, at, p.dtype), note
            ),
            note,
        )
    body += [replace(s) for s in loop.scratch]
    window = Window(chunk * chunks.rows, chunks.rows, names.own["start"], names.own["step"])
    body.append(replace(loop.loop, window=window))
    last = Dim.symbol(chunks.last)
    span = (Dim.symbol(chunks.first), last)
    return For(chunks.chunk, last, body + stores, note, span=span)


def combined(loop: RowLoop, chunks: Chunks, names: Fresh) -> Iterator[Statement]:
    """Add what the chunks left, in order."""
    note, chunk = loop.loop.note, Dim.symbol(chunks.chunk)
    body: list[Statement] = []
    ends: list[Statement] = []
    for part, totals in zip(chunks.parts, _groups(loop).values(), strict=False):
        for number, total in enumerate(totals):
            term = Load(part.buffer, (chunk, Dim.constant(number)), part.dtype)
            variable = Var(total.name, total.dtype)
            if part.dtype is not total.dtype and total.how in ("sum", "prod"):
                wide = Var(names(f"{total.name}_wide"), part.dtype)
                yield Assign((wide.name,), (identity(total.how, part.dtype),), note)
                rounded = Apply("cast", (wide,), total.dtype)
                ends.append(Accumulate(variable, total.how, rounded, note))
                variable = wide
            same = variable.dtype is part.dtype
            value = term if same else Apply("cast", (term,), variable.dtype)
            body.append(Accumulate(variable, total.how, value, note))
    arrays = chunks.parts[len(chunks.parts) - len(loop.arrays) :]
    for part, array in zip(arrays, loop.arrays, strict=True):
        made = array.made
        body += _elementwise(
            made.shape,
            names,
            lambda at, p=part, m=made: Accumulate(
                Load(m.buffer, at, m.dtype), "sum", Load(p.buffer, (chunk, *at), p.dtype), note
            ),
            note,
        )
    if body:
        yield For(chunks.chunk, Dim.symbol(chunks.chunks), body, note, carried=True)
    yield from ends


def _elementwise(
    shape: Shape,
    names: Fresh,
    statement: Callable[[tuple[Dim, ...]], Statement],
    note: Note,
) -> list[Statement]:
    """A statement for each element of an array, in loops over its axes."""
    variables = names.axes[: len(shape)]
    assert len(variables) == len(shape)
    block: list[Statement] = [statement(tuple(map(Dim.symbol, variables)))]
    for variable, extent in reversed(list(zip(variables, shape, strict=True))):
        block = [For(variable, extent, block, note)]
    return block
