"""Iterators that are refused: each page says what to write instead."""

from __future__ import annotations

import itertools
import operator
import statistics
from typing import Any

import numpy as np

DOT = operator.methodcaller("dot", np.ones(5))
HELPERS: frozenset[str] = frozenset()


def taken_while(x: Any) -> Any:
    return sum(itertools.takewhile(lambda v: v < 2.0, x))


def grouped(x: Any) -> Any:
    return sum(sum(group) for _, group in itertools.groupby(x))


def compressed_by_data(x: Any) -> Any:
    return sum(itertools.compress((x[0], x[1]), (x[0] > 1, True)))


def grouped_by_data(x: Any) -> Any:
    return sum(len(group) * x[0] for _, group in itertools.groupby((x[0], x[1])))


def compressed_by_an_array(x: Any) -> Any:
    return sum(itertools.compress((x[0], x[1]), x > 1))


def operator_in_place(x: Any) -> Any:
    return operator.iadd(x, 1.0).sum()


def getter_with_an_array(x: Any) -> Any:
    return DOT(x)


def mean_of_rows(a: Any) -> Any:
    return statistics.mean(a)


def geometric_mean(x: Any) -> Any:
    return statistics.geometric_mean(x)


def cycle_in_a_loop(x: Any) -> Any:
    total = 0.0
    for v in itertools.cycle((1.0, 2.0)):
        total += v * x[0]
        if total > 9.0:
            break
    return total


def cycle_of_nothing(x: Any) -> Any:
    return sum(u * v for u, v in zip(x, itertools.cycle([]), strict=False))


def cycle_as_long_as_data(x: Any) -> Any:
    return sum(u * v for u, v in zip(x, itertools.cycle([1.0, 2.0]), strict=False))


def endless_zip(x: Any) -> Any:
    return sum(k * x[0] for k, _ in zip(itertools.count(), itertools.repeat(1), strict=False))


def endless_comprehension(x: Any) -> Any:
    return sum(x[0] * k for k in itertools.count())


def counted_by_fractions(x: Any) -> Any:
    return sum(u * v for u, v in zip(x, itertools.count(0.5, 0.1), strict=False))


def products_counted(x: Any) -> Any:
    return sum(k * x[i] for k, (i, _) in enumerate(itertools.product(range(len(x)), range(2))))


def products_as_a_list(x: Any) -> Any:
    return np.array(list(itertools.product(x, x))).sum()


def permutations_of_unknown_length(x: Any) -> Any:
    return sum(p[0] for p in itertools.permutations(x))


def combinations_of_too_many(x: Any) -> Any:
    return sum(x[0] * len(c) for c in itertools.combinations(list("abcdefghijklmnopqrstuvwxyz"), 9))


def combinations_from_another_start(x: Any, k: Any) -> Any:
    return sum(x[i] * x[j] for i, j in itertools.combinations(range(1, k), 2))


def longest_of_unknown(x: Any) -> Any:
    return sum(u * v for u, v in itertools.zip_longest(x, x[:3], fillvalue=1.0))


def accumulated_without_a_start(x: Any) -> Any:
    return sum(itertools.accumulate(itertools.product(x, x), lambda u, v: u))


def sliced_from_the_end(x: Any) -> Any:
    return sum(itertools.islice(x, -3, None))


def written_while_paired(x: Any) -> Any:
    y, total = x.copy(), 0.0
    for u, v in itertools.pairwise(y):
        y[1:] = u * v
        total += u
    return total


def memory_order(x: Any) -> Any:
    return sum(v**2 for v in np.nditer(x))


def iterator_that_changes_something(x: Any) -> Any:
    seen = []

    def positive(v: Any) -> Any:
        seen.append(v)
        return v > 0.0

    return any(positive(v) for v in x[:3]) * len(seen) * x.sum()


def iterator_of_what_the_loop_changes(x: Any) -> Any:
    s = 0.0
    for v in (2.0 * v for v in x):
        x[-1] += v
        s += v
    return s


def list_that_gets_longer(x: Any) -> Any:
    items = [x[0], x[1]]
    for i, v in enumerate(items):
        if i < 2:
            items.append(v)
    return sum(items)


def next_of_an_iterator(x: Any) -> Any:
    values = iter((x[0], x[1]))
    return next(values) * next(values) * next(values)


def next_of_a_list(x: Any) -> Any:
    return next([x[0], x[1]])


def iterator_until_a_mark(x: Any) -> Any:
    return sum(iter(lambda: x[0], 1.0))


def next_on_one_path(x: Any) -> Any:
    values = iter((x[0], x[1]))
    first = next(values) if x[2] > 0 else 1.0
    return first * next(values)


def next_in_a_loop(x: Any) -> Any:
    values, total = iter(x), 0.0
    for v in x:
        total += v * next(values)
    return total


def first_that_is_larger(x: Any) -> Any:
    return next(v for v in x if v > 1)


def iterator_of_a_name_that_the_loop_binds(x: Any) -> Any:
    s, k = 0.0, 1.0
    for v in (k * v for v in x):
        k = k * 0.5
        s += v
    return s


def conditions_that_change_something(x: Any) -> Any:
    last = np.zeros(1)

    def rises(v: Any) -> Any:
        before = last[0]
        last[0] = v
        return v > before

    kept = [v * last[0] for v in x if rises(v)]
    return sum(kept)
