"""Lists and objects that have several names, or stand in lists: each is right, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np

# ruff: noqa: C416


class Box:
    """Something that holds a value."""

    def __init__(self, held: Any) -> None:
        self.held = held


def second_name_in_a_loop(x: Any) -> Any:
    for v in x:
        a = [v, 0.0]
        b = a
    b[0] = 9 * x[0]
    return a[0]


def second_name_of_an_older_list(x: Any) -> Any:
    a = [x[0]]
    for v in x:
        b = a
        b[0] = b[0] * v
    b[0] += 3
    return a[0] * 2


def second_name_on_one_path(x: Any) -> Any:
    if x[0] > 0.1:
        a = [x[0]]
        b = a
    else:
        a, b = [x[1]], [x[2]]
    b[0] = 5.0 * x[0]
    return a[0] * b[0]


def second_name_of_a_dict(x: Any) -> Any:
    d = {"a": x[0]}
    for v in x:
        d = {"a": d["a"] * v}
        e = d
    e["a"] = 7.0 * x[1]
    return d["a"]


def second_name_of_an_object(x: Any) -> Any:
    for v in x:
        a = Box(v)
        b = a
    b.held = 9 * x[0]
    return a.held


def inner_lists_change_places(x: Any) -> Any:
    a = [[x[0]], [x[1]]]
    b = a[0]
    for v in x:
        a[0], a[1] = a[1], a[0]
        b[0] *= v
    return a[0][0] + 2 * a[1][0]


def in_a_tuple(x: Any) -> Any:
    b = [x[0]]
    a = (b, x[1])
    for v in x:
        a = (b, a[1] * v)
    b[0] = 7 * x[1]
    return a[0][0] + a[1]


def names_change_places(x: Any) -> Any:
    a, b = [x[0]], [x[1]]
    for v in x:
        a, b = b, a
        a[0] = a[0] * v
    return a[0] + 2 * b[0]


def one_list_for_all_items(x: Any) -> Any:
    r = [x[0], x[1]]
    items = [r for v in x]
    items[0][0] = x[2] * 5
    return sum(a[0] * a[1] for a in items)


def one_array_for_all_items(x: Any) -> Any:
    r = x[:2].copy()
    items = [r for v in x]
    r = 0
    items[0][0] = x[2] * 5
    return sum(a[0] * a[1] for a in items) + r


def parts_of_one_array(x: Any) -> Any:
    y = x.copy()
    items = []
    for n in range(len(x) - 1):
        items.append(y[n : n + 2])
    y = 0
    items[0][1] = x[3] * 5
    return sum(r.sum() * n for n, r in enumerate(items, 1)) + y


def changed_before_the_items_are_read(x: Any) -> Any:
    r = [x[0], x[1]]
    items = [r for v in x]
    r[0] = x[2] * 5
    return sum(a[0] * a[1] for a in items)


def changed_after_it_is_appended(x: Any) -> Any:
    items = []
    for v in x:
        r = [v, v * 2]
        items.append(r)
        r[0] = x[0] * 9
    return sum(a[0] * a[1] for a in items)


def changed_after_the_loop(x: Any) -> Any:
    items = []
    for v in x:
        r = [v, v * 2]
        items.append(r)
    r[0] = x[0] * 9
    return sum(a[0] * a[1] for a in items)


def changed_in_the_next_trip(x: Any) -> Any:
    items = []
    r = [x[0], x[1]]
    for v in x:
        r[0] = r[0] + v
        r = [v, v * 2]
        items.append(r)
    return sum(a[0] * a[1] for a in items)


def state_appended_each_time(x: Any) -> Any:
    items = []
    t = [0.0, 0.0]
    for v in x:
        t[0] += v
        items.append(t)
    return sum(a[0] * v for a, v in zip(items, x, strict=True))


def appended_to_a_long_list(x: Any) -> Any:
    items = [[v, 1.0] for v in x]
    r = [x[0], 2.0]
    items.append(r)
    r[0] = x[1] * 5
    return sum(a[0] * a[1] for a in items)


def appended_twice(x: Any) -> Any:
    items = [np.array([v, 1.0]) for v in x]
    r = x[:2].copy()
    items.append(r)
    items.append(r)
    r = 0
    items[-1][0] = x[3]
    return sum(a[0] * a[1] for a in items) + r


def item_appended_again(x: Any) -> Any:
    items = [[v, 1.0] for v in x]
    items.append(items[0])
    items[0][0] = x[3]
    return sum(a[0] * a[1] for a in items)


def joined_with_itself(x: Any) -> Any:
    items = [[v, 1.0] for v in x]
    items = items + items
    items[0][0] = x[1] * 5
    return sum(a[0] * a[1] for a in items)


def joined_with_another(x: Any) -> Any:
    a = [[v, 1.0] for v in x]
    b = [[v, 2.0] for v in x]
    c = a + b
    b[0][0] = x[1] * 5
    return sum(p[0] * p[1] for p in c)


def joined_with_a_short_one(x: Any) -> Any:
    r = [x[0], x[1]]
    items = [r, r] + [[v, 1.0] for v in x]
    items[0][0] = x[3]
    return sum(a * b for a, b in items)


def extended_by_itself(x: Any) -> Any:
    items = [[v, 1.0] for v in x]
    items.extend(items)
    items[0][0] = x[3]
    return sum(a[0] * a[1] for a in items)


def begun_with_a_list(x: Any) -> Any:
    r = [x[0], x[1]]
    items = [r]
    for v in x:
        items.append([v, 1.0])
    r[0] = x[3]
    return sum(a * b for a, b in items)


def begun_with_one_list_twice(x: Any) -> Any:
    r = [x[0], x[1]]
    items = [r, r]
    for v in x:
        items.append([v, 1.0])
    r = 0
    items[0][0] = x[3]
    return sum(a * b for a, b in items) + r


def last_item_of_a_growing_list(x: Any) -> Any:
    items = []
    for v in x:
        items.append([v, 0.0])
        items[-1][1] = v
    return sum(a[0] * a[1] for a in items)


def copied_item_by_item(x: Any) -> Any:
    items = [[v, 0.0] for v in x]
    copy = [a for a in items]
    copy[0][1] = x[2]
    return sum(a[0] * a[1] for a in items)


def inner_list_of_all_items(x: Any) -> Any:
    r = [1.0, 2.0]
    items = [[r, [v, 2.0]] for v in x]
    items[1][0][0] = x[0]
    return sum(a[0][0] * a[0][1] + a[1][0] * a[1][1] ** 2 for a in items)


def items_of_their_own(x: Any) -> Any:
    items = [[v, 0.0] for v in x]
    for n in range(1, len(items)):
        items[n][1] = items[n - 1][1] + items[n][0]
    m = items[1]
    m[1] = x[2]
    return sum(a[0] * a[1] for a in items) + m[0]


REFUSED = {
    second_name_in_a_loop, second_name_of_an_older_list, second_name_on_one_path,
    second_name_of_a_dict, second_name_of_an_object, inner_lists_change_places, in_a_tuple,
}  # fmt: skip
"""Refused for few elements, too."""
RIGHT = {names_change_places, items_of_their_own}
"""Never refused."""
