"""Functions that change something while an expression or a loop is computed, each in its turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


def chain_that_ends(x: Any) -> Any:
    seen = np.zeros(4)

    def looked_at(i: int) -> Any:
        seen[i] += x[i]
        return x[i]

    found = looked_at(1) < looked_at(0) < looked_at(2)
    found += looked_at(0) < looked_at(1) < looked_at(3)
    return (seen * np.array([1.0, 10.0, 100.0, 1000.0])).sum() ** 2 + found


def keys_before_values(x: Any) -> Any:
    seen: list[Any] = []

    def number(v: Any) -> int:
        seen.append(v)
        return len(seen)

    table = {number(x[0]): number(x[1]), number(x[2]): number(x[3])}
    return sum(k * 10 * v for k, v in table.items()) * seen[1] ** 2 + seen[2]


def asserted_once(x: Any) -> Any:
    y, rest = x * 1.0, [x[0], x[1], 3]

    def doubled() -> Any:
        y[0] *= 2
        return y[0]

    assert doubled() > -100
    assert rest.pop() == 3
    return (y**2).sum() * len(rest) + rest[-1]


def asked_for_once(x: Any) -> Any:
    calls = [0.0]

    def items() -> Any:
        calls[0] += 1.0
        return [x[0], x[1]]

    total = sum(v * 2 for v in items()) + sum([v * v for v in items()])
    many = [v for v in (items(), items())[0] if v is not None]
    return total * calls[0] + many[1] ** 2


def named_in_comprehensions(x: Any) -> Any:
    q, first = 1.0, x[0]
    squares = [(q := v * v) for v in x]
    total = sum((last := q * v) for v in x[:3])
    running = [first := first * v for v in (x[0], x[1], x[2])]
    largest = [[(deep := u * v) for u in (1.0, x[2])] for v in (x[0], x[1])]
    return q * squares[0] + total * last + first * running[1] + deep * largest[0][1]


def lists_change_meanwhile(x: Any) -> Any:
    total, steps = 0.0, []
    items = [x[0], x[1], x[2]]
    for v in items:
        if len(items) < 6:
            items.append(v * 1.5)
        if len(steps) < 2:
            items[len(steps) + 1] = items[len(steps) + 1] * v
        total += v**2
        steps.append(v)
    for i, v in enumerate(items):
        items[i] = v * 2.0
        if i < 4:
            items[i + 1] += v
        total += v
    for k, (v, w) in enumerate(zip(items, items[1:], strict=False)):  # noqa: RUF007
        items[k + 1] = 3.0 * v
        total += v * w
    for v in reversed(items):
        items[0] = items[0] + 0.1 * v
        total += v
    while_popped = [x[0], x[1], x[2], x[3]]
    for v in while_popped:
        total = total * 2 + v
        while_popped.pop()
    return total


def long_lists_change_meanwhile(x: Any) -> Any:
    items, total = [v * 2 for v in x], 0.0
    for i, v in enumerate(items):
        if i < len(x) - 1:
            items[i + 1] = items[i + 1] * v
        total += v * v
    return total


def dicts_change_meanwhile(x: Any) -> Any:
    table = {"a": x[0], "b": x[1], "c": x[2]}
    values, pairs, total = table.values(), table.items(), 0.0
    for key, v in table.items():
        table[key] = v * 2.0
        table["c"] = table["c"] + v
        total += v
    for v in values:
        table["b"] = v * v
        total += v
    table["z"] = x[3]
    return total + sum(v * (k + 1) for k, v in enumerate(values)) + len(pairs)


def arrays_beside_numbers_change(x: Any) -> Any:
    y, total = x * 1.0, 0.0
    for k, v in zip([0, 1, 2], y, strict=False):
        y[k + 1] += v * v
        total += k * v
    return total


def effects_of_whole_lists(x: Any) -> Any:
    seen: list[Any] = []

    def noted(v: Any) -> Any:
        seen.append(v * len(seen))
        return v

    total = sum(noted(v) for v in (x[0], x[1])) + max(map(noted, (x[2], x[1])))
    a, b = map(noted, (x[0], x[3]))
    return total * a + b * sum(list(map(noted, seen[:2])) + [noted(v) for v in (a, b)]) + seen[-1]


@dataclass
class Pair:
    """Two numbers that may be set."""

    one: Any
    other: Any = 0.0


def targets_once(x: Any) -> Any:
    pair, calls, items = Pair(x[0]), [0.0], [x[1], x[2]]

    def of_pair() -> Any:
        calls[0] += 1.0
        return pair

    def of_items() -> Any:
        calls[0] *= 3.0
        return items

    of_pair().one += 2.0
    of_items()[0] *= x[3]
    of_pair().other -= calls[0]
    return pair.one * items[0] + calls[0] * x[4] + pair.other


def named_in_a_condition(x: Any) -> Any:
    i, total = 0, 0.0
    while (v := x[i]) > 0.65 and (i := i + 1) < len(x):
        total += v * i
    return total + v**2 * i
