"""Lists that only some paths make longer: what people write to keep what they look for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from codegen_ad import grad


def kept(x: Any) -> Any:
    found = []
    for v in x:
        if v > 0.5:
            found.append(v**2)
    return sum(found) + len(found) * x[0]


def two_lists(x: Any) -> Any:
    high, low = [], []
    for v in x:
        if v > 0.5:
            high.append(v)
        else:
            low.append(v**2)
    return sum(high) * 2 - np.array(low).mean() + len(low) * x[1]


def unless_continued(x: Any) -> Any:
    found = []
    for v in x:
        if v < 0.5:
            continue
        found.append(math.exp(v))
    return max(found)


def until_a_break(x: Any) -> Any:
    found = [0.0]
    for v in x:
        found.append(found[-1] + v)
        if found[-1] > 1.0:
            break
    return found[-1] + len(found)


def after_the_last_one(x: Any) -> Any:
    found = [x[0]]
    for v in x[1:]:
        if v > found[-1] + 0.1:
            found.append(v)
    return sum(found) * len(found)


def two_in_a_trip(x: Any) -> Any:
    found = []
    for v in x:
        found.append(v)
        found.append(v**2)
        if v > 0.6:
            found.extend([v, 2.0])
    return sum(found[1:]) + found[1] * found[-1]


def tuples(x: Any) -> Any:
    found = []
    for i, v in enumerate(x):
        if v > 0.5:
            found.append((i, v))
    return sum(i * v for i, v in found)


def rows(x: Any) -> Any:
    found = []
    for i, v in enumerate(x):
        if v > 0.5:
            found.append(np.array([v, i * v]))
    table = np.array(found)
    return (table[:, 0] * table[:, 1]).sum() + len(found)


def pairs(x: Any) -> Any:
    found = []
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            if x[j] - x[i] < 0.2:
                found.append((i, j))
    return sum((x[i] - x[j]) ** 2 for i, j in found) + len(found)


def in_each_row(x: Any) -> Any:
    total = 0.0
    for v in x:
        near = []
        for w in x:
            if abs(v - w) < 0.15:
                near.append(w)
        total += sum(near) / len(near)
    return total


def stack(x: Any) -> Any:
    found = []
    for v in x:
        while found and found[-1] > v * (1.2 - v) + 0.1:
            found.pop()
        found.append(v)
    return sum(found)


def runs(x: Any) -> Any:
    run, best = [], 0.0
    for v in x:
        if math.sin(9 * v) > 0:
            run.append(v)
        else:
            run.clear()
        best = max(best, sum(run))
    return best


def never(x: Any) -> Any:
    found = []
    for v in x:
        if v > 100:
            found.append(v)
    return (sum(found) if found else x[0]) + len(found)


def without_a_loop(x: Any) -> Any:
    terms = [x[0]]
    if x.sum() > 2:
        terms.append(x[1])
    if x.sum() > 0:
        terms.append(x[2] ** 2)
    return sum(terms) + len(terms)


def in_a_helper(x: Any) -> Any:
    def above(v: Any, least: float) -> Any:
        found = []
        for u in v:
            if u > least:
                found.append(u)
        return found

    return sum(above(x, 0.4)) * len(above(x, 0.7)) + sum(above(x**2, 0.3))


def in_a_dict(x: Any) -> Any:
    groups = {"all": [], "large": []}
    for v in x:
        groups["all"].append(v)
        if v > 0.6:
            groups["large"].append(v * 2)
    return sum(groups["all"]) * sum(groups["large"])


def by_another_name(x: Any) -> Any:
    found = []
    same = found
    for v in x:
        if v > 0.5:
            found.append(v)
    same.append(1.0)
    return sum(found) * len(same)


def places(x: Any) -> Any:
    found = []
    for i, v in enumerate(x):
        if v > 0.5:
            found.append(i)
    return x[found].sum() + x[found[0]] * found[-1]


def read_meanwhile(x: Any) -> Any:
    found, s = [], 0.0
    for v in x:
        if v > 0.4:
            found.append(v)
        s += len(found) * v
        if len(found) > 2:
            s += found[0] * found[-2]
    return s


def on_one_path_only(x: Any) -> Any:
    if x[0] > 0.1:
        found = []
        for v in x:
            if v > 0.5:
                found.append(v)
    return sum(found) if x[0] > 0.1 else 0.0


def joined(x: Any) -> Any:
    found = []
    for v in x:
        if v > 0.5:
            found.append(v)
    both = np.array(found + [1.0])  # noqa: RUF005
    before = found.copy()
    found.append(100.0)
    return both.sum() + sum([2.0] + found) + 2 * sum(before)  # noqa: RUF005


def derivative_inside(x: Any) -> Any:
    def cubes(v: Any) -> Any:
        found = []
        for u in v:
            if u > 0.5:
                found.append(u**3)
        return sum(found)

    return (grad(cubes)(x) ** 2).sum()
