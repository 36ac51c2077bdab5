"""Functions that are refused, one for each message: lists and dicts."""

from __future__ import annotations

from typing import Any

import numpy as np

HELPERS = ()

STATE: list[float] = []


def shared_list_on_one_path(x: Any) -> Any:
    items = [x[0]]
    if x[0] > 0:
        found = items
    found.append(x[2])
    return items


def list_with_two_names_after_a_loop(x: Any) -> Any:
    for v in x:
        first = [v, 0.0]
        second = first
    second[0] = 1.0
    return first[0]


def list_that_is_all_items(x: Any) -> Any:
    row = [x[0], x[1]]
    rows = [row for v in x]
    rows[0][0] = 1.0
    return sum(r[0] for r in rows)


def list_changes_in_a_list(x: Any) -> Any:
    rows = [[v, 1.0] for v in x]
    copy = rows[1:]
    copy[0][0] = 1.0
    return sum(r[0] for r in rows)


def list_grows_on_one_path(x: Any) -> Any:
    found = [2 * v for v in x[:3]]
    for v in x:
        if v > 0:
            found.append(v)
    return np.array(found).sum()


def list_grows_in_while(x: Any) -> Any:
    found = [x[0]]
    while found[-1] < 100:
        found.append(found[-1] * 2)
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
    found[:2] = [1.0]
    return sum(found)


def other_item_in_a_long_list(x: Any) -> Any:
    found = [0] * len(x)
    for i, v in enumerate(x):
        found[i] = v * 2
    return sum(found)


def long_list_sorted(x: Any) -> Any:
    found = [v for v in x]  # noqa: C416
    found.sort()
    return found[0]


def global_statement(x: Any) -> Any:
    global STATE
    STATE = [1.0]
    return x


def change_outside_list(x: Any) -> Any:
    STATE.append(1.0)
    return x


def item_deleted(x: Any) -> Any:
    found = [v * 2 for v in x]
    del found[0]
    return found[0]


def list_written_beyond(x: Any) -> Any:
    found = [x]
    found[3] = x
    return found


def popped_beyond(x: Any) -> Any:
    found = [x]
    return found.pop(3)


def dict_grows_on_one_path(x: Any) -> Any:
    found = {"a": x[0]}
    if x[0] > 0:
        found["b"] = x[1]
    return found["a"]


def fraction_in_a_long_list(x: Any) -> Any:
    found = [v * 2 for v in x]
    return found[0.5]


def list_not_by_one(x: Any) -> Any:
    found = [0.0]
    for v in x:
        found = [v, *found]
    return sum(found)


def position_in_a_growing_list(x: Any) -> Any:
    found = [0.0]
    for v in x:
        found.append(found[v] + 1.0)
    return found[-1]


def first_items_of_another_shape(x: Any) -> Any:
    found = [x]
    for v in x:
        found.append(v)
    return len(found) * x


def item_that_is_no_number(x: Any) -> Any:
    found = []
    for _ in x:
        found.append({"a": 1.0})
    return found[0]["a"] * x


def list_taken_from(x: Any) -> Any:
    found = [v for v in x]  # noqa: C416
    for v in x:
        found.append(v)
        found.append(v)
    return sum(found)


def items_of_other_axes(x: Any) -> Any:
    found = [x]
    for v in x:
        found.append(x)
        found[-1] = v
    return found[-1]


def item_of_other_axes(x: Any) -> Any:
    found = []
    for k in range(len(x)):
        found.append(x[k])
        found = [*found, x]
    return found[0]


def appended_arrays_and_numbers(x: Any, a: Any) -> Any:
    found = [a[0]]
    for v in x:
        found.append(a[0] * v)
    for v in x:
        found.append(v)
    return found[0]


def list_not_by_one_item(x: Any) -> Any:
    found = list(x[:1])
    for v in x:
        if v > 0:
            found.append(v)
        else:
            found.append(v)
            found.append(v)
    return sum(found)


def list_from_a_call_grows_on_one_path(x: Any) -> Any:
    found = list(x[:2])
    for v in x:
        if v > 0:
            found.append(v)
    return sum(found)


def list_filled_by_a_whole_array(x: Any) -> Any:
    found = []
    for v in x:
        if v > 0:
            found.append(v)
            found.extend(x)
    return sum(found)


def list_filled_with_arrays_that_change(x: Any) -> Any:
    found = []
    place = np.zeros(2)
    for v in x:
        if v > 0:
            place[0] = v
            found.append(place)
    return sum(p[0] for p in found)


def list_of_comprehension_left_early(x: Any) -> Any:
    found = [v for v in x]  # noqa: C416
    for v in x:
        found.append(v)
        if v > 3:
            break
    return sum(found)


def list_changes_while_gone_through(x: Any) -> Any:
    found = []
    for v in x:
        if v > 0:
            found.append(v)
    for v in found:
        if v > 2:
            found.append(v / 2)
    return sum(found)


def list_filled_in_trips_of_another(x: Any) -> Any:
    found, lengths = [], []
    for v in x:
        if v > 0:
            found.append(v)
    for _ in found:
        for _ in range(len(found)):
            if x[0] > 0:
                lengths.append(1.0)
    return sum(lengths)


def list_made_again(x: Any) -> Any:
    found = [0.0]
    for v in x:
        found.append(v)
        found = [found[-1], v]
    return found[-1]


def fraction_in_a_growing_list(x: Any) -> Any:
    found = [0.0]
    for v in x:
        found.append(found[0.5] + v)
    return found[-1]


def list_of_nothing(x: Any) -> Any:
    items = [None] * len(x)
    for i, v in enumerate(x):
        items[i] = v**2
    return sum(items)


def lists_summed(x: Any) -> Any:
    return np.sum(np.array(sum(([v] for v in x), [0.0])) ** 2)


def lists_asked_for_any(x: Any) -> Any:
    rows = [[0.0 * v] for v in x]
    return x[0] * any(rows)


def largest_of_lists(x: Any) -> Any:
    return max([[v, -v] for v in x])[1]


def largest_of_arrays(x: Any) -> Any:
    return max([x * v for v in x])


def items_of_two_precisions(x: Any) -> Any:
    items = [np.float32(v) for v in x] + [0.5]
    return items[0] * np.float32(3.0)


def list_joined_with_a_tuple(x: Any) -> Any:
    return sum([x[0], 1.0] + (x[1], 2.0))


def list_compared_with_a_tuple(x: Any) -> Any:
    return x[0] if [x[0], x[1]] < (x[1], 2.0) else x[1]


def tuple_of_a_long_list(x: Any) -> Any:
    rows = [(v, 2 * v) for v in x]
    rows[0][0] = 5.0
    return sum(a * b for a, b in rows)


def list_among_long_tuples(x: Any) -> Any:
    rows = [(v, 2 * v) for v in x]
    rows.append([x[0], x[1]])
    return sum(a * b for a, b in rows)


def choice_of_lists(x: Any) -> Any:
    large, small = [], []
    for v in x:
        (large if v > 1 else small).append(v)
    return np.sum(np.array(large)) - np.sum(np.array(small))
