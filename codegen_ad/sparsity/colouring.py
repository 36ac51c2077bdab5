"""Colours for the columns or rows of a pattern, so that those of one colour share no entry's place.

Columns of one colour have no row in common, so one product with their sum gives all their entries
(Curtis, Powell and Reid, "On the estimation of sparse Jacobian matrices", 1974). Fewest colours are
a hard problem; the greedy choice in the order of falling numbers of entries is near it (Coleman and
Moré, 1983).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Colouring:
    """A colour for each column, or for each row.

    Attributes
    ----------
    is_forward : whether columns are coloured: each colour is one product in forward mode.
    colours : of each column or row, from 0.
    count : how many colours there are.
    """

    is_forward: bool
    colours: Ints
    count: int


def coloured(
    rows: Ints, columns: Ints, shape: tuple[int, int], *, forward: bool, reverse: bool
) -> Colouring:
    """The better colouring of those allowed, by columns where they need as many colours.

    Parameters
    ----------
    rows, columns : of each entry of the pattern.
    shape : of the pattern.
    forward, reverse : whether columns and whether rows may be coloured.
    """
    m, n = shape
    if not reverse:
        return Colouring(True, *distance_2(columns, rows, (n, m)))
    if not forward:
        return Colouring(False, *distance_2(rows, columns, (m, n)))
    # A row's entries need as many colours of columns, and a column's entries of rows.
    of_columns = int(np.bincount(rows, minlength=1).max())
    of_rows = int(np.bincount(columns, minlength=1).max())
    if of_columns <= of_rows:
        first = Colouring(True, *distance_2(columns, rows, (n, m)))
        if first.count <= of_rows:
            return first
        second = Colouring(False, *distance_2(rows, columns, (m, n)))
    else:
        first = Colouring(False, *distance_2(rows, columns, (m, n)))
        if first.count < of_columns:
            return first
        second = Colouring(True, *distance_2(columns, rows, (n, m)))
    by_columns, by_rows = (first, second) if first.is_forward else (second, first)
    return by_columns if by_columns.count <= by_rows.count else by_rows


def distance_2(lines: Ints, crossed: Ints, shape: tuple[int, int]) -> tuple[Ints, int]:
    """A colour for each line, so that lines that cross one in common differ; and their number.

    `lines` and `crossed` are the pairs that cross. Each crossed line knows the colours it has met
    as the bits of an integer, so that the time is that of a walk over all pairs.
    """
    count, others = shape
    order = np.argsort(lines, kind="stable")
    degrees = np.bincount(lines, minlength=count)
    starts: list[int] = np.concatenate([[0], np.cumsum(degrees)]).tolist()
    met: list[int] = crossed[order].tolist()
    taken: list[int] = [0] * others
    colours: list[int] = [0] * count
    highest = 0
    largest_first: list[int] = np.argsort(-degrees, kind="stable").tolist()
    for line in largest_first:
        here = met[starts[line] : starts[line + 1]]
        used = 0
        for other in here:
            used |= taken[other]
        bit = ~used & (used + 1)  # the lowest that is not set
        for other in here:
            taken[other] |= bit
        colours[line] = bit.bit_length() - 1
        highest = max(highest, colours[line] + 1) if here else highest
    return np.array(colours, np.int64), highest
