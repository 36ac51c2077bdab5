"""Who sees a write: the aliasing rules of NumPy, function by function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from running import check

X = np.linspace(0.1, 2.0, 8)
A = np.arange(12.0).reshape(3, 4) + 0.5
T = np.arange(24.0).reshape(2, 3, 4) / 7


def slice_of_an_argument(x: Any) -> Any:
    b = x[1:]
    b[0] = 7.0
    return x, b


def original_after_a_view_was_taken(x: Any) -> Any:
    b = x[2:5]
    x[3] = -1.0
    x += 1.0
    return b, x


def slice_of_a_slice(x: Any) -> Any:
    b = x[1:7]
    c = b[::2]
    c *= 10.0
    return x, b, c


def vector_without_gaps(x: Any) -> Any:
    b, gaps = np.sin(x), x[::2]
    np.ravel(b[1:])[0] = 3.0
    np.ascontiguousarray(b[2:])[0] = 5.0
    return b, np.ravel(gaps), np.ascontiguousarray(gaps), np.ascontiguousarray(x[0])


def vector_in_fortran_order(x: Any) -> Any:
    b = np.sin(x)
    np.asfortranarray(b[1:])[0] = 3.0
    np.asarray(b[2:], order="f")[0] = 9.0
    b.astype(float, copy=False, order="F")[3] = 7.0
    return b, np.asfortranarray(x[::2]), np.asfortranarray(x[0]), np.asarray(x[1], order="F")


def matrix_in_fortran_order(a: Any) -> Any:
    zeros = np.zeros((3, 4))
    np.asfortranarray(zeros.T)[0] = a[0, :3]
    filled = (
        np.zeros((3, 2), order="F") + np.full((3, 2), 2.0, order="f") + np.ones((3, 2), "f8", "F")
    )
    return np.asfortranarray(a), np.asfortranarray(a.T), zeros, filled, np.eye(3, order="F")


def reversed_view(x: Any) -> Any:
    b = x[::-1]
    b[:3] = x[:3] * 2
    return x, b


def negative_step_with_bounds(x: Any) -> Any:
    return x[5:1:-2], x[-2:-6:-1], x[::-3], x[6::-1], x[:2:-1], x[3:3], x[5:2]


def transposed(a: Any) -> Any:
    b = a.T
    b[0] = 1.0
    b[1, 2] = 5.0
    a[2, :3] += b[3]
    return a, b


def transposed_by_functions(a: Any) -> Any:
    b = np.swapaxes(a, 0, 1)
    c = np.transpose(a)
    b[0, 0] = 9.0
    c[1] = 3.0
    return a, b, c


def row(a: Any) -> Any:
    r = a[1]
    r *= 2.0
    a[1, 0] = 0.0
    return r, a


def column(a: Any) -> Any:
    c = a[:, -1]
    c -= a[:, 0]
    return c, a


def new_axis(x: Any) -> Any:
    b = x[:, None]
    b[2] = 4.0
    c = np.expand_dims(x, 0)
    c[0, 1] = 3.0
    d = c.squeeze()
    d[0] = -1.0
    return x, b, c, d


def reshape_of_a_vector(x: Any) -> Any:
    b = x.reshape(2, 4)
    b[0] = 0.0
    x[7] = 1.5
    return x, b


def fancy_indexing_copies(x: Any) -> Any:
    i = np.array([0, 2, 2])
    b = x[i]
    b[0] = 100.0
    return x, b


def copies(x: Any) -> Any:
    b = x.copy()
    c = np.array(x)
    d = x + 0.0
    e = np.asarray(x)
    b[0], c[1], d[2], e[3] = 1.0, 2.0, 3.0, 4.0
    return x, b, c, d, e


def in_place_arithmetic_on_a_name(x: Any) -> Any:
    y = x
    y += 1.0
    y = y * 2.0
    y += 1.0
    return x, y


def numbers_are_not_arrays(x: Any) -> Any:
    s = x[0]
    t = s
    s += 1.0
    return s, t, x


def out_argument(x: Any) -> Any:
    y = np.zeros_like(x)
    z = np.exp(x, out=y)
    z[0] = 0.0
    return y, z


def swap(x: Any) -> Any:
    a, b = x[:4], x[4:]
    a[:], b[:] = b + 0.0, a + 0.0
    return x


def swap_of_items(x: Any) -> Any:
    x[0], x[1] = x[1], x[0]
    return x


def masks(x: Any) -> Any:
    x[x > 1] = 0.0
    x[x > 0.5] *= 3.0
    x[x == 0] += 0.25
    return x


def lists_of_booleans_are_masks(a: Any) -> Any:
    b = a.copy()
    b[[True, False, True]] *= 2.0
    b[:, [False, True, False, True]] += 1.0
    rows = [a[0, 0] > 0, a[1, 0] > 5, a[2, 0] > 5]
    whole = [[True] * 4, [False] * 4, [i % 2 == 0 for i in range(4)]]
    b[[]] = 7.0
    return b, a[rows], a[whole], a[[True, False, True], [0, 1]], a[(True, False, False),], a[:, []]


def mask_of_rows(a: Any) -> Any:
    a[a[:, 0] > 4] = np.array([1.0, 2.0, 3.0, 4.0])
    return a


def index_arrays(a: Any) -> Any:
    i = np.array([0, 2, 0])
    a[i] += 1.0
    a[i, 1:] = a[0, 1:] * 2
    a[np.array([0, 1]), np.array([1, 3])] = -1.0
    a[:, np.array([1, 0])] = a[:, :2]
    return a, a[:, i], a[i, i], a[[1, 0]][:, 1]


def index_arrays_between_slices(t: Any) -> Any:
    i = np.array([2, 0])
    return t[:, i, :], t[0, i], t[i % 2, :, i], t[:, 0, i], t[..., i, 1], t[1, :, i]


def ellipsis(t: Any) -> Any:
    t[..., 0] = 1.0
    return t, t[..., -1], t[0, ...], t[..., None]


def lists_hold_views(x: Any) -> Any:
    parts = [x[:3], x[3:]]
    parts[0] *= 2.0
    more = parts
    more.append(x[1:2])
    more[2][0] = 50.0
    return x, parts[0], len(parts)


def functions_write_into_arguments(x: Any) -> Any:
    def scale(v: Any, factor: float = 2.0) -> None:
        v *= factor

    scale(x[2:])
    scale(x, factor=0.5)
    return x


def dtype_stays(i: Any) -> Any:
    i += 2
    i[1:] = i[:-1] * 3
    i[0] = 7.9
    return i


CASES = [
    *((f, (X,)) for f in (
        slice_of_an_argument, original_after_a_view_was_taken, slice_of_a_slice, reversed_view,
        negative_step_with_bounds, new_axis, reshape_of_a_vector, fancy_indexing_copies, copies,
        in_place_arithmetic_on_a_name, numbers_are_not_arrays, out_argument, swap, swap_of_items,
        masks, vector_without_gaps, vector_in_fortran_order, lists_hold_views,
        functions_write_into_arguments,
    )),
    *((f, (A,)) for f in (transposed, transposed_by_functions, matrix_in_fortran_order, row, column,
                          lists_of_booleans_are_masks, mask_of_rows, index_arrays)),
    *((f, (T,)) for f in (index_arrays_between_slices, ellipsis)),
    (dtype_stays, (np.arange(5),)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "args"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_write_is_seen_as_in_numpy(function: Any, args: tuple[Any, ...]) -> None:
    check(function, *args)
