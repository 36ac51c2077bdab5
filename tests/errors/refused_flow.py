"""Functions that are refused, one for each message: loops, branches and exceptions."""

from __future__ import annotations

from typing import Any

import numpy as np

HELPERS = ()


def size_of_the_last_iteration(x: Any) -> Any:
    for i in range(1, len(x)):
        z = x[i:]
    return z.sum()


def array_truth(x: Any) -> Any:
    if x > 0:
        return x
    return -x


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


def shape_changes_in_loop(x: Any) -> Any:
    y = x
    for _ in range(len(x)):
        y = y[1:]
    return y.sum()


def array_changes_in_a_list(x: Any) -> Any:
    state = np.zeros(3)
    states = []
    for v in x:
        state += v
        states.append(state)
    return np.array(states).sum()


def loop_over_what_it_writes_to(x: Any) -> Any:
    rest = x.copy()
    total = 0.0
    for v in rest:
        total += v
        rest[1:] = 0.0
        rest = np.sin(x)
    return total


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


def match_of_unknown_length(x: Any) -> Any:
    match [v * 2 for v in x]:
        case [y, *_]:
            return y
    return x[0]


def match_with_too_many_parts(x: Any) -> Any:
    match x:
        case np.ndarray(shape, size):
            return x * size * len(shape)
    return x


def match_of_a_value_or_none(x: Any) -> Any:
    last = None
    for v in x:
        if v > 1:
            last = (v, v)
    match last:
        case (y, _):
            return y
    return x[0]


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


def del_in_loop(x: Any) -> Any:
    y = x
    for _ in range(3):
        x = x * 2
        del y
    return x


def range_of_four(x: Any) -> Any:
    s = 0.0
    for i in range(1, 2, 3, 4):
        s += x[i]
    return s


def range_without_a_step(x: Any) -> Any:
    s = 0.0
    for i in range(0, len(x), 0):
        s += x[i]
    return s


def range_in_steps_of_a_float(x: Any) -> Any:
    s = 0.0
    for i in range(0, len(x), x[0]):
        s += x[i]
    return s


def loop_over_a_number(x: Any) -> Any:
    s = 0.0
    for v in x[0]:
        s += v
    return s


def range_of_a_float(x: Any) -> Any:
    s = 0.0
    for i in range(x[0]):
        s += x[i]
    return s


def list_repeated_by_a_size(x: Any) -> Any:
    return np.mean(np.array([x[0], 1.0] * len(x)))


def zipped_with_items(x: Any) -> Any:
    s = 0.0
    for v, w in zip(x[x > 0.0], (1.0, x[0]), strict=False):
        s += v * w
    return s


def iterator_used_twice(x: Any) -> Any:
    squares = (v**2 for v in x)
    return sum(squares) / max(squares)


def iterator_made_before_a_loop(x: Any) -> Any:
    s, pairs = 0.0, zip(x, x[::-1], strict=False)
    for _ in range(3):
        for a, b in pairs:
            s += a * b
    return s


def iterator_of_what_changes(x: Any) -> Any:
    squares = (v**2 for v in x)
    x[0] = 5.0
    return sum(squares)


def endless_while(x: Any) -> Any:
    s = x[0]
    while 1:
        s = s * 2
    return s


def raises_always(x: Any) -> Any:
    raise ValueError(f"{x[0]}")


def loop_without_an_end(x: Any) -> Any:
    while True:
        x = x + 1.0
        if x.ndim == 2:
            return x


def always_raises(x: Any) -> Any:
    if x.ndim == 1:
        raise ValueError("no vectors")
    return x


def raises_for_data(x: Any) -> Any:
    if x[0] > 0:
        raise ValueError("positive")
    raise ValueError("negative")


def check_in_a_condition(x: Any) -> Any:
    def checked(v: Any) -> Any:
        assert v > 0
        return v

    s = x[0]
    for v in x:
        while checked(s) < 10:
            s = s * 2
        else:
            break
        s = s + v
    return s


def raises_for_all_data(x: Any) -> Any:
    if x[0] > 0:
        raise ValueError("positive")
    else:
        raise ValueError("negative")


def types_take_turns(x: Any) -> Any:
    a = b = c = d = e = f = g = h = i = j = k = m = n = o = p = q = r = s = t = u = w = 0
    z = 0.5
    for v in x:
        a, b, c, d, e, f, g, h, i, j, k = b, c, d, e, f, g, h, i, j, k, m
        m, n, o, p, q, r, s, t, u, w, z = n, o, p, q, r, s, t, u, w, z, v
    return a * x


def zipped_with_a_number(x: Any) -> Any:
    s = 0.0
    for v, _ in zip(x, enumerate, strict=False):
        s += v
    return s


def only_raises_end_it(x: Any) -> Any:
    s = 0.0
    while True:
        s = s + x[0]
        if s > 3:
            raise ValueError("too large")


def parts_of_two_lengths(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            s += x[:i] @ x[:j]
    return s


def raises_on_all_paths_in_a_loop(x: Any) -> Any:
    while x[0] > 0:
        if x[1] > 0:
            raise ValueError("positive")
        else:
            raise ValueError("negative")
    raise ValueError("none")


def array_grows_unless_continued(x: Any) -> Any:
    y = x[:1]
    for v in x:
        if v > 0:
            continue
        y = np.append(y, v)
    return y.sum()
