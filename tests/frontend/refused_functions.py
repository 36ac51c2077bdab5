"""Functions that are refused, one for each message; `tests/errors/frontend` holds the messages."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import numpy as np

STATE: list[float] = []
TABLE = np.arange(4.0)


class Config:
    """An object that lives outside."""

    rate = 1.0


CONFIG = Config()


def fetch_rate(t: Any) -> Any:
    return np.packbits(t)


def unknown_builtin(x: Any) -> Any:
    return re.escape(x)


def unknown_method(x: Any) -> Any:
    return x.tobytes()


def unknown_attribute(x: Any) -> Any:
    return x.strides[0] * x


def compiled_function(x: Any) -> Any:
    return sorted(x, key=len)


def shapes(x: Any, a: Any) -> Any:
    return np.ones(3) + np.ones(5) * x.sum()


def too_many_subscripts(x: Any) -> Any:
    return x[0, 1]


def unpacking(x: Any) -> Any:
    a, b = x, x, x
    return a + b


def mask_of_too_many_axes(x: Any) -> Any:
    return x[x[:, None] > x].sum()


def size_of_the_last_iteration(x: Any) -> Any:
    for i in range(1, len(x)):
        z = x[i:]
    return z.sum()


def sizes_of_two_sides(x: Any, k: Any) -> Any:
    z = x[: k // 2] if x[0] > 0 else x[k // 2 :]
    return z.sum()


def slice_bound_not_integer(x: Any) -> Any:
    return x[: x[0]].sum()


def data_shape(x: Any, k: Any) -> Any:
    return x.reshape(k, -1).sum()


def float_index(x: Any) -> Any:
    return x[x]


def array_truth(x: Any) -> Any:
    if x > 0:
        return x
    return -x


def kinds_differ(x: Any) -> Any:
    mode = "a" if x[0] > 0 else "b"
    return x if mode == "a" else -x


def return_on_some_paths(x: Any) -> Any:
    if x[0] > 0:
        return x
    x = x + 1


def type_changes_in_loop(x: Any) -> Any:
    y = 0.0
    for v in x:
        y = (y, v)
    return y[1]


def none_or_unbound(x: Any) -> Any:
    if x[0] > 0:
        y = x
    elif x[1] > 0:
        y = None
    return y


def shared_list_on_one_path(x: Any) -> Any:
    items = [x[0]]
    if x[0] > 0:
        found = items
    found.append(x[2])
    return items


def shape_changes_in_loop(x: Any) -> Any:
    y = x
    for _ in range(len(x)):
        y = y[1:]
    return y.sum()


def list_grows_on_one_path(x: Any) -> Any:
    found = []
    for v in x:
        if v > 0:
            found.append(v)
    return np.array(found).sum()


def list_grows_until_a_break(x: Any) -> Any:
    found = []
    for v in x:
        found.append(v)
        if v > 3:
            break
    return np.array(found).sum()


def list_grows_in_while(x: Any) -> Any:
    found = [x[0]]
    while found[-1] < 100:
        found.append(found[-1] * 2)
    return sum(found)


def list_grows_by_two(x: Any) -> Any:
    found = []
    for v in x:
        found.append(v)
        found.append(2 * v)
    return sum(found)


def growing_list_as_a_whole(x: Any) -> Any:
    found = [x[0]]
    for v in x:
        found.append(sum(found) * v)
    return found[-1]


def items_of_two_shapes(x: Any, a: Any) -> Any:
    found = []
    for v in x:
        found.append(v)
    found.append(a)
    return len(found)


def item_set_in_a_long_list(x: Any) -> Any:
    found = [v * 2 for v in x]
    found[0] = 1.0
    return sum(found)


def array_changes_in_a_list(x: Any) -> Any:
    state = np.zeros(3)
    states = []
    for v in x:
        state += v
        states.append(state)
    return np.array(states).sum()


def long_list_returned(x: Any) -> Any:
    return [v * 2 for v in x]


def long_list_times_two(x: Any) -> Any:
    return sum([v for v in x] * 2)  # noqa: C416


def long_list_sorted(x: Any) -> Any:
    found = [v for v in x]  # noqa: C416
    found.sort()
    return found[0]


def comprehension_over_data(x: Any) -> Any:
    return {i: v * 2 for i, v in enumerate(x)}[0]


def endless(x: Any) -> Any:
    while True:
        x = x + 1


def raise_with_arguments(x: Any) -> Any:
    if x[0] < 0:
        raise ValueError("negative", x[0])
    return x.sum()


def raise_something_else(x: Any) -> Any:
    if x[0] < 0:
        raise x
    return x.sum()


def raise_again(x: Any) -> Any:
    if x[0] < 0:
        raise
    return x.sum()


def check_in_a_condition(x: Any) -> Any:
    def checked(v: Any) -> Any:
        assert v > 0
        return v

    s = x[0]
    while checked(s) < 10:
        s = s * 2
    return s


def static_raise(x: Any) -> Any:
    if x.ndim != 2:
        raise ValueError("x must be a matrix")
    return x


def static_assert(x: Any) -> Any:
    assert x.ndim == 2, "x must be a matrix"
    return x


def try_statement(x: Any) -> Any:
    try:
        return x / 2
    except ZeroDivisionError:
        return x


def with_statement(x: Any) -> Any:
    with contextlib.suppress(ValueError):
        x = x / 2
    return x


def import_statement(x: Any) -> Any:
    import math

    return x * math.pi


def class_statement(x: Any) -> Any:
    class Inner:
        pass

    return x, Inner


def match_on_a_class(x: Any) -> Any:
    match x:
        case np.ndarray():
            return x
    return -x


def match_with_a_star(x: Any) -> Any:
    match (x, 1, 2):
        case (y, *_):
            return y
    return x


def global_statement(x: Any) -> Any:
    global STATE
    STATE = [1.0]
    return x


def nonlocal_through_another(x: Any) -> Any:
    total = 0.0

    def add(v: Any) -> None:
        nonlocal total
        total += v

    def all_of(values: Any) -> None:
        for v in values:
            add(v)

    all_of(x)
    return total


def errstate_that_raises(x: Any) -> Any:
    with np.errstate(all="raise"):
        return np.log(x)


def text_used(x: Any) -> Any:
    name = f"{x[0]:.2f}"
    return x if name == "1.00" else -x


def generator(x: Any) -> Any:
    yield x


def set_display(x: Any) -> Any:
    return x * len({1, 2})


def change_outside_list(x: Any) -> Any:
    STATE.append(1.0)
    return x


def write_to_outside_array(x: Any) -> Any:
    TABLE[0] = x[0]
    return TABLE


def change_outside_object(x: Any) -> Any:
    CONFIG.rate = 2.0
    return x * CONFIG.rate


def endless_recursion(x: Any) -> Any:
    return endless_recursion(x * 0.5) + 1


def undefined_name(x: Any) -> Any:
    return x * undefined_thing  # noqa: F821


def read_before_bound(x: Any) -> Any:
    y = y + x  # noqa: F821
    return y


def broadcast_view_written(x: Any) -> Any:
    y = np.broadcast_to(x, (2, 3))
    y[0] = 1.0
    return y


def reshape_written(a: Any) -> Any:
    b = a.T.reshape(-1)
    b[0] = 1.0
    return a, b


def alias_chosen_by_data(x: Any) -> Any:
    y = x if x[0] > 0 else x * 2
    y[0] = 1.0
    return x, y


def in_place_dtype(i: Any) -> Any:
    i += 0.5
    return i


def in_place_shape(x: Any, a: Any) -> Any:
    x += a
    return x


def wrong_arguments(x: Any) -> Any:
    def helper(a: Any, b: Any) -> Any:
        return a + b

    return helper(x)


def unknown_keyword(x: Any) -> Any:
    return np.exp(x, where=x > 0)


def bits(i: Any) -> Any:
    return i & 3


def negative_booleans(x: Any) -> Any:
    return -(x > 0)


def integer_powers(i: Any) -> Any:
    return i**-1


def position_from_data(x: Any, k: Any) -> Any:
    parts = (x, x * 2, x.sum())
    return parts[k]


def returns_a_function(x: Any) -> Any:
    return lambda: x


def missing_key(p: Any) -> Any:
    return p["w"] * p["b"]


def fails_when_run(x: Any) -> Any:
    return x * (1 / 0)


def text_of_data(x: Any) -> Any:
    return x, f"{x.sum():.2f}"


def strange_dtype(x: Any) -> Any:
    return x + np.zeros(3, dtype="f2")[0]


def del_in_loop(x: Any) -> Any:
    y = x
    for _ in range(3):
        x = x * 2
        del y
    return x


def tuple_of_unknown_length(x: Any) -> Any:
    return tuple(x)


def array_without_axes(x: Any) -> Any:
    s = np.array(0.0)
    t = s
    s += x.sum()
    return t
