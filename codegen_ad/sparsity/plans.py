"""How a sparse Jacobian is computed at some sizes and integers: in which products, and where from.

Columns of the pattern, or rows, of one colour are one product (see `colouring`). Where elements of
the inputs are picked before anything is computed with them, rows are coloured by the picked
elements that they share: a product in reverse mode then has the derivatives by these, and what is
picked of one element several times in a row is added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.derive.picked import opened, picked, side_by_side
from codegen_ad.frontend.reader import Leaf
from codegen_ad.ir.node import Node, Program
from codegen_ad.sparsity.colouring import Colouring, coloured, distance_2
from codegen_ad.sparsity.trace import pattern, selection

Array = NDArray[Any]

MANY = 8
"""From so many colours on these are the innermost axis, for which loops use vectors."""

WRITTEN_OUT = 8
"""Up to so many products by what is picked: a kernel has them written out."""

WASTE = 4
"""So many numbers of such products may be computed for one that is an entry."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A function as a program, before anything is derived.

    Attributes
    ----------
    program : its one output is what is differentiated.
    leaves : what its inputs are.
    wrt : the inputs in which it is differentiated.
    """

    program: Program
    leaves: tuple[Leaf, ...]
    wrt: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """The part of a pattern in one of the differentiated inputs.

    Attributes
    ----------
    indptr, indices : compressed sparse rows.
    entries : where each entry stands among the products, in C order.
    size : how many columns there are.
    shape : of the input.
    sums : where the terms of each entry begin in `entries`, if some have several.
    """

    indptr: Array
    indices: Array
    entries: Array
    size: int
    shape: tuple[int, ...]
    sums: Array | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How the Jacobian is computed at some sizes and integers.

    Attributes
    ----------
    colouring : its lines are all columns, one input after another, or all rows.
    blocks : one for each input.
    seeds : the directions of each colour, as the kernel takes them.
    is_picked : whether the products are by what is picked of the inputs.
    """

    colouring: Colouring
    blocks: tuple[Block, ...]
    seeds: tuple[Array, ...]
    is_picked: bool = False

    @property
    def kernel(self) -> str:
        """The mode of the kernel that computes the products."""
        if self.is_picked:
            return f"compressed:picked:{self.colouring.count}"
        mode = "compressed:forward" if self.colouring.is_forward else "compressed:reverse"
        return f"{mode}:last" if self.is_last else mode

    @property
    def is_last(self) -> bool:
        """Whether the colours are the last axis of directions and products, not the first."""
        return self.is_picked or _is_last(self.colouring)


def planned(subject: Subject, leaves: Sequence[Any], *, forward: bool, reverse: bool) -> Plan:
    """The plan for these values of the program's inputs.

    Parameters
    ----------
    forward, reverse : which modes are allowed.
    """
    program, wrt = subject.program, subject.wrt
    shapes = [np.shape(leaves[program.inputs.index(w)]) for w in wrt]
    sizes = [int(np.prod(shape, dtype=np.int64)) for shape in shapes]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    found = _picking(program, wrt, leaves) if reverse else None
    if found is None:
        indptr, columns, output = pattern(program, wrt, leaves)
        rows, count = _rows_of(indptr), len(indptr) - 1
    else:
        count, output = found.count, found.output
        pairs = np.unique(found.rows * (sum(sizes) + 1) + found.columns)
        rows, columns = np.divmod(pairs, sum(sizes) + 1)
    least = min(
        [_most(rows)] * forward + [_most(columns)] * reverse
    )  # a row's entries need as many colours of columns, and a column's entries of rows
    if found is not None and (own := _coloured(found, least)) is not None:
        blocks = tuple(
            _picked_block(found, own, int(start), size, shape)
            for start, size, shape in zip(starts, sizes, shapes, strict=False)
        )
        seeds = _one_hot(own, own.colours, program.outputs[0], output, True)
        return Plan(own, blocks, (seeds,), is_picked=True)
    colouring = coloured(rows, columns, (count, sum(sizes)), forward=forward, reverse=reverse)
    blocks = tuple(
        _block(rows, columns, count, int(start), size, shape, colouring)
        for start, size, shape in zip(starts, sizes, shapes, strict=False)
    )
    return Plan(colouring, blocks, _seeds(program, wrt, colouring, blocks, output))


@dataclass(frozen=True, slots=True)
class _Picking:
    """A pattern in what a program picks of its inputs.

    Attributes
    ----------
    rows, places, columns : of each entry its row, the picked element, and that element's column.
    count : how many rows there are.
    elements : how many elements are picked.
    output : the shape of the output.
    """

    rows: Array
    places: Array
    columns: Array
    count: int
    elements: int
    output: tuple[int, ...]


def _picking(program: Program, wrt: Sequence[Node], leaves: Sequence[Any]) -> _Picking | None:
    """None, if nothing is picked."""
    nodes = picked(program, wrt)
    chosen = selection(program, wrt, leaves, nodes) if nodes else None
    if chosen is None:
        return None
    inner, given = opened(program, nodes)
    kind = nodes[0].array.dtype.numpy_name
    shown = [np.broadcast_to(np.zeros((), kind), c.shape) for c in chosen]
    indptr, places, output = pattern(inner, given, [*leaves, *shown])
    rows, columns = _rows_of(indptr), np.concatenate([c.ravel() for c in chosen])[places]
    elements = sum(c.size for c in chosen)
    used = columns >= 0
    rows, places, columns = rows[used], places[used], columns[used]
    if side_by_side(nodes):  # places among rows of all arrays, one array after another in each
        ends: list[int] = np.cumsum([c.size for c in chosen]).tolist()
        wide = [
            np.arange(end - c.size, end).reshape(len(c), prod(c.shape[1:]))
            for c, end in zip(chosen, ends, strict=True)
        ]
        at = np.empty(elements, np.int64)
        at[np.concatenate(wide, axis=1).ravel()] = np.arange(elements)
        places = at[places]
    return _Picking(rows, places, columns, len(indptr) - 1, elements, output)


def _coloured(found: _Picking, least: int) -> Colouring | None:
    """A colouring of the rows by what is picked, if it is a better one than `least` colours.

    A product in reverse mode is taken to cost two.
    """
    most = min(WRITTEN_OUT, least // 2)
    bound = _most(found.places)
    if not bound or bound > most or bound * found.elements > WASTE * len(found.rows):
        return None
    colours, count = distance_2(found.rows, found.places, (found.count, found.elements))
    return Colouring(False, colours, count) if count <= most else None


def _rows_of(indptr: Array) -> Array:
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def _most(lines: Array) -> int:
    """How often the most frequent number is there."""
    return int(np.bincount(lines, minlength=1).max())


def _picked_block(
    found: _Picking, colouring: Colouring, start: int, size: int, shape: tuple[int, ...]
) -> Block:
    """The columns from `start` on; entries that are picked more than once are sums."""
    inside = (found.columns >= start) & (found.columns < start + size)
    rows, own, places = found.rows[inside], found.columns[inside] - start, found.places[inside]
    by_row = np.lexsort((places, own, rows))
    rows, own, places = rows[by_row], own[by_row], places[by_row]
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = (rows[1:] != rows[:-1]) | (own[1:] != own[:-1])
    entries = places * colouring.count + colouring.colours[rows].astype(np.intp)
    sums = None if is_new.all() else np.flatnonzero(is_new)
    indptr, indices = _compressed(rows[is_new], own[is_new], found.count, size)
    return Block(indptr, indices, entries, size, shape, sums)


def _compressed(rows: Array, columns: Array, count: int, size: int) -> tuple[Array, Array]:
    """Sorted entries as compressed rows, in the smallest integers that SciPy takes."""
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
    largest = max(size, len(columns), count)
    kind = np.int32 if largest <= np.iinfo(np.int32).max else np.int64
    return indptr.astype(kind), columns.astype(kind)


def _is_last(colouring: Colouring) -> bool:
    return colouring.count >= MANY


def _block(
    rows: Array,
    columns: Array,
    count: int,
    start: int,
    size: int,
    shape: tuple[int, ...],
    colouring: Colouring,
) -> Block:
    """The columns from `start` on."""
    inside = (columns >= start) & (columns < start + size)
    own_rows, own = rows[inside], columns[inside] - start
    indptr, indices = _compressed(own_rows, own, count, size)
    lines, places, length = (
        (start + own, own_rows, count) if colouring.is_forward else (own_rows, own, size)
    )
    colours = colouring.colours[lines].astype(np.intp)
    last = _is_last(colouring)
    entries = places * colouring.count + colours if last else colours * length + places
    return Block(indptr, indices, entries, size, shape)


def _seeds(
    program: Program,
    wrt: Sequence[Node],
    colouring: Colouring,
    blocks: Sequence[Block],
    output: tuple[int, ...],
) -> tuple[Array, ...]:
    """For each colour the sum of its unit vectors, of the inputs or of an output of that shape."""
    if not colouring.is_forward:
        (node,) = program.outputs
        return (_one_hot(colouring, colouring.colours, node, output, _is_last(colouring)),)
    ends = np.cumsum([b.size for b in blocks])[:-1]
    parts = np.split(colouring.colours, ends)
    return tuple(
        _one_hot(colouring, part, node, block.shape, _is_last(colouring))
        for part, node, block in zip(parts, wrt, blocks, strict=True)
    )


def _one_hot(
    colouring: Colouring, colours: Array, node: Node, shape: tuple[int, ...], is_last: bool
) -> Array:
    dtype, count, every = node.array.dtype.numpy_name, colouring.count, np.arange(len(colours))
    if is_last:
        seeds = np.zeros((len(colours), count), dtype)
        seeds[every, colours] = 1
        return seeds.reshape(*shape, count)
    seeds = np.zeros((count, len(colours)), dtype)
    if count:
        seeds[colours, every] = 1
    return seeds.reshape(count, *shape)


def entries_of(plan: Plan, products: Sequence[Array]) -> list[Array]:
    """The entries of each block."""
    together = plan.is_picked or plan.colouring.is_forward
    of = [products[0]] * len(plan.blocks) if together else products
    found = [p.ravel().take(block.entries) for p, block in zip(of, plan.blocks, strict=True)]
    return [
        data if block.sums is None else np.add.reduceat(data, block.sums)
        for data, block in zip(found, plan.blocks, strict=True)
    ]
