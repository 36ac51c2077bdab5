"""Colourings: lines of one colour cross nothing in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_ad.sparsity.colouring import coloured, distance_2


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11))),
)
def test_lines_of_one_colour_cross_nothing_in_common(
    m: int, n: int, pairs: list[tuple[int, int]]
) -> None:
    held = sorted({(i % m, j % n) for i, j in pairs})
    rows, columns = np.array(held, np.int64).reshape(-1, 2).T
    colours, count = distance_2(columns, rows, (n, m))
    assert len(colours) == n
    seen = {(colours[j], i) for i, j in held}
    assert len(seen) == len(held)
    assert count == len({colours[j] for j in columns.tolist()})
    widest = max(np.bincount(rows, minlength=1))
    degree = max(
        (len({b for a, b in held for c, d in held if (a, d) == (c, j)}) for _, j in held), default=0
    )
    assert widest <= count <= max(degree * m, 1)


@pytest.mark.parametrize("n", [3, 50, 1001])
@pytest.mark.parametrize("width", [1, 2])
def test_a_band_needs_as_many_colours_as_it_is_wide(n: int, width: int) -> None:
    i, j = np.nonzero(np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= width)
    found = coloured(i, j, (n, n), forward=True, reverse=True)
    assert found.is_forward
    assert found.count == min(2 * width + 1, n)


def test_the_side_with_fewer_colours_is_taken() -> None:
    n = 40
    row = np.zeros((n, n), bool)
    row[0] = True
    np.fill_diagonal(row, True)
    for matrix, is_forward in ((row, False), (row.T, True)):
        i, j = np.nonzero(matrix)
        found = coloured(i, j, (n, n), forward=True, reverse=True)
        assert (found.is_forward, found.count) == (is_forward, 2)
        other = coloured(i, j, (n, n), forward=not is_forward, reverse=is_forward)
        assert (other.is_forward, other.count) == (not is_forward, n)


def test_an_empty_pattern_needs_no_colour() -> None:
    none = np.zeros(0, np.int64)
    for shape in ((0, 0), (0, 3), (3, 0), (3, 3)):
        assert coloured(none, none, shape, forward=True, reverse=True).count == 0
