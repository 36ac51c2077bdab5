"""Functions that leave out elements at which what they computed there has no finite slope.

Each is `sqrt` at 0 or below for the elements that do not count, and where they stand is said in
another way by each. The derivative is 0 there and 1 / (2 sqrt(x)) elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def by_mask(x: Any) -> Any:
    return np.sum(np.sqrt(x)[x > 0])


def by_own_mask(x: Any) -> Any:
    e = 0.5 * np.exp(0.5 * np.log(x))
    return 2 * e[np.isfinite(e) & (e > 0)].sum()


def by_power(x: Any) -> Any:
    return (x**0.5)[x > 0].sum()


def by_masked_store(x: Any) -> Any:
    y = np.sqrt(x)
    y[x <= 0] = 0.0
    return y.sum()


def by_nonzero(x: Any) -> Any:
    return np.sqrt(x)[np.nonzero(x > 0)].sum()


def by_compress(x: Any) -> Any:
    return np.compress(x > 0, np.sqrt(x)).sum()


def by_extract(x: Any) -> Any:
    return np.extract(x > 0, np.sqrt(x)).sum()


def by_take(x: Any) -> Any:
    return np.take(np.sqrt(x), np.flatnonzero(x > 0)).sum()


def by_store_of_picked(x: Any) -> Any:
    m = x > 0
    y = np.zeros(len(x))
    y[m] = np.sqrt(x)[m]
    return y.sum()


def by_where(x: Any) -> Any:
    return np.where(x > 0, np.sqrt(x), 0).sum()


def by_where_of_rows(x: Any) -> Any:
    rows = np.sqrt(x)[:, None] * np.array([0.25, 0.75])
    return np.where((x > 0)[:, None], rows, 0).sum()


def by_sum_where(x: Any) -> Any:
    return np.sum(np.sqrt(x), where=x > 0)


def by_select(x: Any) -> Any:
    return np.select([x <= 0, x > 0], [0 * x, np.sqrt(x)]).sum()


def by_putmask(x: Any) -> Any:
    y = np.sqrt(x)
    np.putmask(y, x <= 0, 0.0)
    return y.sum()


def by_out_where(x: Any) -> Any:
    y = np.zeros(len(x))
    np.sqrt(x, out=y, where=x > 0)
    return y.sum()


def by_sorted_end(x: Any) -> Any:
    return np.sqrt(x)[np.argsort(x)][-(x > 0).sum() :].sum()


def by_masked_rows(x: Any) -> Any:
    y = np.sqrt(x)[:, None] * np.ones(2)
    return y[x > 0].sum() / 2


def by_product(x: Any) -> Any:
    m = x > 0
    return np.sqrt(x)[m] @ np.ones(len(x))[m]


def on_the_way(x: Any) -> Any:
    z = 3 * np.sqrt(x) + 1
    return ((z - 1) / 3)[x > 0].sum()


def by_loop(x: Any) -> Any:
    r = np.sqrt(x)
    s = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            s += r[i]
    return s


def by_value_in_loop(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        r = np.sqrt(x[i])
        if r > 0:
            s += r
    return s


def by_continue(x: Any) -> Any:
    r = np.sqrt(x)
    s = 0.0
    for i in range(len(x)):
        if not r[i] > 0:
            continue
        s += r[i]
    return s


def by_store_in_loop(x: Any) -> Any:
    r = np.sqrt(x)
    for i in range(len(x)):
        if x[i] <= 0:
            r[i] = 0.0
    return r.sum()


def by_nested_loops(x: Any) -> Any:
    r = np.sqrt(x)
    s = np.zeros(len(x))
    for _ in range(3):
        for i in range(len(x)):
            if x[i] > 0:
                s[i] += r[i] / 3
    return s.sum()


def by_while(x: Any) -> Any:
    r = np.sqrt(x)
    s = 0.0
    i = 0
    while i < len(x):
        if x[i] > 0:
            s = s + r[i]
        i += 1
    return s


def by_comprehension(x: Any) -> Any:
    return sum([v for v in np.sqrt(x) if v > 0])


def by_filled_array(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = np.sqrt(x[i])
    return y[x > 0].sum()


def by_filled_in_branch(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        if x[i] >= 0:
            r = np.sqrt(x[i])
            y[i] = r
    return y[x > 0].sum()


def by_filled_rows(x: Any) -> Any:
    y = np.zeros((len(x), 2))
    for i in range(len(x)):
        y[i] = np.sqrt(x[i]) * np.array([0.25, 0.75])
    return y[x > 0].sum()


def by_array_of_items(x: Any) -> Any:
    return np.array([np.sqrt(v) for v in x])[x > 0].sum()


BY_CONDITION = (
    by_mask, by_own_mask, by_power, by_masked_store, by_nonzero, by_compress, by_extract, by_take,
    by_store_of_picked, by_where, by_where_of_rows, by_sum_where, by_select, by_putmask,
    by_out_where, by_sorted_end, by_masked_rows, by_product, on_the_way, by_loop, by_value_in_loop,
    by_continue, by_store_in_loop, by_nested_loops, by_while, by_comprehension, by_filled_array,
    by_filled_in_branch, by_filled_rows, by_array_of_items,
)  # fmt: skip
"""What counts is where the argument is positive."""


def from_slice(x: Any) -> Any:
    return np.sqrt(x)[1:].sum()


def from_slices(x: Any) -> Any:
    r = np.sqrt(x)
    return r[1:3].sum() + r[3:].sum()


def from_places(x: Any) -> Any:
    return np.sqrt(x)[list(range(1, len(x)))].sum()


def from_store(x: Any) -> Any:
    r = np.sqrt(x)
    r[0] = 0.0
    return r.sum()


def from_store_at_places(x: Any) -> Any:
    r = np.sqrt(x)
    r[[0]] = 0.0
    return r.sum()


def from_deleted(x: Any) -> Any:
    return np.delete(np.sqrt(x), [0]).sum()


def from_split(x: Any) -> Any:
    _, rest = np.split(np.sqrt(x), [1])
    return rest.sum()


def from_joined(x: Any) -> Any:
    r = np.sqrt(x)
    return np.concatenate([r[1:], 0 * x[:1]]).sum()


def from_sum_of_all_before(x: Any) -> Any:
    return np.cumsum(np.sqrt(x)[1:])[-1]


def from_loop(x: Any) -> Any:
    r = np.sqrt(x)
    s = 0.0
    for i in range(1, len(x)):
        s += r[i]
    return s


def from_early_return(x: Any) -> Any:
    r = np.sqrt(x)
    if x[0] <= 0:
        return r[1:].sum()
    return r.sum()


def from_condition(x: Any) -> Any:
    r = np.sqrt(x[0])
    return np.sqrt(x[1:]).sum() + (r if x[0] > 0 else 0.0)


def from_list(x: Any) -> Any:
    items = [np.sqrt(v) for v in x]
    return sum(items[1:])


FROM_THE_SECOND = (
    from_slice, from_slices, from_places, from_store, from_store_at_places, from_deleted,
    from_split, from_joined, from_sum_of_all_before, from_loop, from_early_return, from_condition,
    from_list,
)  # fmt: skip
"""All but the first element counts."""


def largest(x: Any) -> Any:
    return np.max(np.sqrt(x))


def largest_of_numbers(x: Any) -> Any:
    return np.nanmax(np.sqrt(x))


def at_largest(x: Any) -> Any:
    r = np.sqrt(x)
    return r[np.argmax(x)]


def last_of_sorted(x: Any) -> Any:
    return np.sort(np.sqrt(x))[-1]


def highest_quantile(x: Any) -> Any:
    return np.quantile(np.sqrt(x), 1.0)


LARGEST = (largest, largest_of_numbers, at_largest, last_of_sorted, highest_quantile)
"""Only the largest element counts."""


def pairs_by_mask(points: Any) -> Any:
    d = np.sqrt(((points[:, None] - points[None, :]) ** 2).sum(-1))
    return d[~np.eye(len(points), dtype=bool)].sum()


def pairs_by_where(points: Any) -> Any:
    d = np.sqrt(((points[:, None] - points[None, :]) ** 2).sum(-1))
    return np.where(np.eye(len(points), dtype=bool), 0, d).sum()


def pairs_of_triangle(points: Any) -> Any:
    d = np.sqrt(((points[:, None] - points[None, :]) ** 2).sum(-1))
    return 2 * d[np.triu_indices(len(points), 1)].sum()


def pairs_by_diagonal(points: Any) -> Any:
    d = np.sqrt(((points[:, None] - points[None, :]) ** 2).sum(-1))
    np.fill_diagonal(d, 0.0)
    return d.sum()


def pairs_by_loops(points: Any) -> Any:
    d = np.sqrt(((points[:, None] - points[None, :]) ** 2).sum(-1))
    s = 0.0
    for i in range(len(points)):
        for j in range(len(points)):
            if i != j:
                s += d[i, j]
    return s


PAIRS = (
    pairs_by_mask, pairs_by_where, pairs_of_triangle, pairs_by_diagonal, pairs_by_loops,
)  # fmt: skip
"""The sum of all distances, twice each."""


def lengths_by_mask(rows: Any) -> Any:
    r = np.sqrt(np.sum(rows * rows, axis=1))
    return r[r > 0].sum()


def lengths_by_slice(rows: Any) -> Any:
    return np.sqrt(np.sum(rows * rows, axis=1))[1:].sum()


def lengths_by_loop(rows: Any) -> Any:
    r = np.sqrt(np.sum(rows * rows, axis=1))
    s = 0.0
    for i in range(len(rows)):
        if r[i] > 0:
            s += r[i]
    return s


LENGTHS = (lengths_by_mask, lengths_by_slice, lengths_by_loop)
"""The sum of the rows' lengths; the first row is zero."""
