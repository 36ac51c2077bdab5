"""Functions that are refused, one for each message: shapes, subscripts, dtypes and writes."""

from __future__ import annotations

from typing import Any

import numpy as np

HELPERS = ()

TABLE = np.arange(4.0)

BYTES = np.array([1, 2, 3], dtype=np.uint8)
HALVES = np.array([1.0, 2.0, 3.0], dtype=np.float16)


def shapes(x: Any, a: Any) -> Any:
    return np.ones(3) + np.ones(5) * x.sum()


def too_many_subscripts(x: Any) -> Any:
    return x[0, 1]


def mask_of_too_many_axes(x: Any) -> Any:
    return x[x[:, None] > x].sum()


def sizes_of_two_sides(x: Any, k: Any) -> Any:
    z = x[: k // 2] if x[0] > 0 else x[k // 2 :]
    return z.sum()


def slice_bound_not_integer(x: Any) -> Any:
    return x[: x[0]].sum()


def shape_of_another(x: Any, a: Any) -> Any:
    return x.reshape(len(a), -1).sum()


def float_index(x: Any) -> Any:
    return x[x]


def write_to_outside_array(x: Any) -> Any:
    TABLE[0] = x[0]
    return TABLE


def broadcast_view_written(x: Any) -> Any:
    y = np.broadcast_to(x, (2, 3))
    y[0] = 1.0
    return y


def reshape_written(a: Any) -> Any:
    b = a.T.reshape(-1)
    b[0] = 1.0
    return a, b


def fortran_order_written(a: Any) -> Any:
    b = np.asarray(np.sin(a), order="f")
    zeros = np.zeros((2, 3), order="f")
    zeros.reshape(-1)[0] = a[0, 0]
    return zeros, b


def ravel_with_gaps_written(a: Any) -> Any:
    b = np.sin(a[:, 0])
    c = np.ravel(b[::-1])
    c[0] = 1.0
    return b, c


def in_place_dtype(i: Any) -> Any:
    i += 0.5
    return i


def in_place_shape(x: Any, a: Any) -> Any:
    x += a
    return x


def bits(x: Any) -> Any:
    return np.sum(x[x > 0 & x])


def negated_truth(x: Any) -> Any:
    return x if ~(bool(x[0] > 0)) else -x


def integer_powers(i: Any) -> Any:
    return i**-1


def strange_dtype(x: Any) -> Any:
    return x + np.zeros(3, dtype="f2")[0]


def array_or_number(x: Any) -> Any:
    s = np.array(0.0)
    t = s
    if x[0] > 0:
        s = s + 1.0
    s += x.sum()
    return s + t


def array_without_axes_chosen_by_data(x: Any) -> Any:
    a, b = np.array(1.0), np.array(2.0)
    c = a if x[0] > 0 else b
    c += x[1]
    return a + b


def subscript_of_a_function(x: Any) -> Any:
    return np.sin[0] * x


def position_from_a_size(x: Any) -> Any:
    return (x, x * 2)[len(x)]


def tuple_written(x: Any) -> Any:
    pair = (x, x)
    pair[0] = 1.0
    return pair


def array_as_a_float(a: Any) -> Any:
    return float(a)


def larger_of_arrays(x: Any) -> Any:
    return max(x, x * 2)


def half_precision(x: Any) -> Any:
    return x * HALVES


def of_bytes_in_half_precision(x: Any) -> Any:
    return x * np.sqrt(BYTES)


def unsigned_that_go_round(x: Any) -> Any:
    return x * (np.sum(BYTES) // 2)


def products_that_go_round(x: Any) -> Any:
    return x * np.polyval(BYTES, BYTES[0])


def out_of_bounds(x: Any) -> Any:
    return x * (BYTES + 300)


def written_in_more_axes(x: Any, a: Any) -> Any:
    x[:] = a
    return x


def ragged(x: Any) -> Any:
    return np.array([x, x[0]])


def too_large(x: Any) -> Any:
    return x * 10**30


def subscript_true(x: Any) -> Any:
    return x[True]


def subscript_condition(x: Any) -> Any:
    rates = [x[0], x[1]]
    return rates[x[2] > 0.0]


def subscript_text(x: Any) -> Any:
    return x["a"]


def fraction_of_an_axis(x: Any) -> Any:
    return np.zeros(2.5) + x[0]


def size_from_a_condition(x: Any) -> Any:
    return np.sum(x, keepdims=x[0] > 0)


def shapes_of_two_paths(x: Any, a: Any) -> Any:
    y = x if x[0] > 0 else a
    return y.sum()


def power_of_integers_by_data(i: Any) -> Any:
    return i.astype(np.int32) ** i.astype(np.int32)


def step_zero(x: Any) -> Any:
    return x[::0]


def step_of_a_size(x: Any) -> Any:
    y = x * 1.0
    y[:: len(x) + 1] += 1.0
    return y.sum()


def dtype_of_a_ufunc(x: Any) -> Any:
    return np.sin(x, casting="unsafe", dtype="i8")


def axis_twice(a: Any) -> Any:
    return a.sum(axis=(0, 0))


def fractional_size(x: Any) -> Any:
    return np.zeros((2.5, 3)) + x[0]


def shape_from_a_list(x: Any) -> Any:
    return np.tile(x, [int(v) for v in x])


def nonlocal_shape(x: Any, a: Any) -> Any:
    y = np.zeros(3)
    z = y.reshape(3, 1) if x[0] > 0 else y
    return z.sum()


def subscript_of_none(x: Any) -> Any:
    nothing = None
    return nothing[0] * x


def shift(i: Any) -> Any:
    return i << 70


def text_as_a_size(x: Any) -> Any:
    return np.eye("a") @ x
