"""Iterators of `itertools` and NumPy, and lists in counted loops: a function for each construct."""

from __future__ import annotations

import functools
import itertools
import operator
from itertools import product
from typing import Any

import numpy as np

from tests.frontend.construct import A, Table, X

uses = Table("Iterators")


@uses("`itertools.product`", "nested loops; `break` leaves all of them", x=X, a=A)
def products(x: Any, a: Any) -> Any:
    total, i = 0.0, 7
    for i, j in product(range(len(x)), range(2)):
        total += x[i] * (j + 1)
        i = 0
    for u, v in product(x, x[:2]):
        if u * v > 2.2:
            break
        total += u * v**2
    else:
        total = 0.0
    for u, v, power in product(x[:2], (0.5, x[3]), (1, 2)):
        if power == 2 and u > 1.0:
            continue
        total += (u * v) ** power
    for row, other in product(a, a[:2]):
        total *= 1.0 + 0.1 * (row @ other)
    return total + i + sum(x[k] * x[m] for k, m in product(range(len(x)), repeat=2))


@uses("pools of `itertools`", "looked at when they are made, as Python does")
def pools(x: Any) -> Any:
    y, total = x.copy(), x[0]
    for u, v in product(y, y):
        y[0] = u * 2.0
        total += u * v
    for u, v in itertools.combinations(y, 2):
        y[1] += u
        total += u * v
    return total * y[0] * y[1]


@uses("`itertools.combinations`, `permutations`", x=X, a=A)
def combinations(x: Any, a: Any) -> Any:
    total = 0.0
    for i, j in itertools.combinations(range(len(x)), 2):
        total += (x[i] - x[j]) ** 2 * (i + 2 * j)
    for i, j in itertools.combinations(range(1, len(x), 2), 2):
        total += x[i] * x[j] ** 2
    for u, v, w in itertools.combinations(x, 3):
        total += u * v**2 * w**3
    for u, v in itertools.permutations(x, 2):
        total += u * v**2
    for u, v in itertools.combinations_with_replacement(x, 2):
        total += u / v
    for row, other in itertools.combinations(a, 2):
        total += np.sqrt(((row - other) ** 2).sum())
    pairs = itertools.combinations(enumerate((x[0], x[2], 0.5)), 2)
    total += sum((j - i) * u * v**2 for (i, u), (j, v) in pairs)
    first, second = np.array(list(itertools.combinations(range(4), 2))).T
    return total + ((x[first] - x[second]) ** 3).sum()


@uses("`itertools.chain`, `pairwise`, `islice`, `zip_longest`", x=X, a=A)
def joined(x: Any, a: Any) -> Any:
    total = 0.0
    for v in itertools.chain([1.0, x[0]], x**2, (2.0,), range(3)):
        if v > 2.5:
            break
        total += v * v
    else:
        total *= 2.0
    total += sum(v**3 for v in itertools.chain.from_iterable(a)) * sum(itertools.chain(x, [1.0]))
    total += sum((v - u) ** 2 * (k + 1) for k, (u, v) in enumerate(itertools.pairwise(x)))
    for start, stop in itertools.pairwise([0, 2, len(x)]):
        total *= x[start:stop].sum()
    for v in itertools.islice(x, 1, 4, 2):
        total += v**2
    return total + sum(u * v for u, v in itertools.zip_longest(x[:3], [1.0, 2.0], fillvalue=3.0))


@uses("`itertools.count`, `repeat`, `cycle`", "in `zip` and `map`, or in a loop that is left")
def endless(x: Any) -> Any:
    total, term = 0.0, 1.0
    for k in itertools.count(1):
        term = term * x[0] / k
        if k % 2 == 0:
            continue
        total += term
        if abs(term) < 1e-14:
            break
    for _ in itertools.repeat(None):
        total = 0.5 * (total + x[1] / total)
        if abs(total**2 - x[1]) < 1e-15 * x[1]:
            break
    total += sum(k * v**2 for k, v in zip(itertools.count(2, 3), x))
    total += sum(map(pow, x, itertools.repeat(3)))
    total += sum(itertools.repeat(x[2], 4))
    return total * sum(u * v for u, v in zip(itertools.cycle([1.0, x[3]]), range(5)))


@uses("`itertools.accumulate`, `starmap`, `map` of several")
def folded(x: Any) -> Any:
    levels = list(itertools.accumulate(x, lambda level, v: 0.3 * v + 0.7 * level))
    products_ = itertools.accumulate([x[0], x[1], x[2]], operator.mul, initial=2.0)
    total = np.array(levels) @ x + sum(products_) + sum(itertools.accumulate(x))
    total += sum(map(lambda u, v: u * v**2, x, x[::-1]))
    return total * sum(map(lambda u, v: u / v, x, x[::-1]))


@uses("`np.ndindex`, `np.ndenumerate`", a=A)
def places(a: Any) -> Any:
    b = np.zeros(a.shape)
    for i, j in np.ndindex(*a.shape):
        b[i, j] = a[i, j] * (b[i - 1, j] if i > 0 else 1.0)
    for place in np.ndindex(a.shape):
        b[place] += a[place] ** 2
    for (i, j), v in np.ndenumerate(a):
        b[i, j] *= v + i * j
    return b.sum()


@uses("lists in `for i in range(n)`", "`n` may be an argument", x=X, n=6)
def grown(x: Any, n: Any) -> Any:
    times, states = [0.0], [x[0]]
    for _ in range(n):
        times.append(times[-1] + 0.1)
        states.append(states[-1] * (1.0 - 0.1 * x[1] * states[-1]))
    states = np.array(states)
    weights = np.array([x[2] ** k for k in range(n)])
    total = np.trapezoid(states, np.array(times)) + (weights / weights.sum() * np.arange(n)).sum()
    for count in (n, 3):
        total += np.mean([x[k % 5] ** 2 for k in range(count)])
    for i, j in product(range(n), range(2)):
        total += x[i % 5] * (j + 1)
    for i, j in itertools.combinations(range(n - 1), 2):
        total += x[i] * x[j]
    return total * len(weights)


@uses("`if c: items.append(v)`", "in counted loops; `pop()`, `clear()`")
def kept(x: Any) -> Any:
    large, stack = [], []
    for i, v in enumerate(x):
        if v > 0.8:
            large.append((i, v**2))
        while stack and stack[-1] > v:
            stack.pop()
        stack.append(v)
    return sum(i * v for i, v in large) * len(large) + np.array(stack).sum() * stack[-1]


@uses("`yield`, `yield from`", "in helpers; run to the end where they are called")
def given(x: Any) -> Any:
    def pairs(n: int) -> Any:
        for i in range(n):
            for j in range(i):
                yield i, x[i] * x[j]
        yield from ((0, v) for v in x[:2])

    return sum((i + 1) * v for i, v in pairs(len(x)))


@uses("lists of tuples", "as long as the data; an item is a tuple")
def tuples(x: Any) -> Any:
    path = [(0.0, x[0])]
    for v in x[1:]:
        time, state = path[-1]
        path.append((time + 0.1, state * (1.0 - 0.2 * v * state)))
    pairs = [((v, 2 * v), (w, 1.0)) for v, w in zip(x, x[::-1], strict=True)]
    total = sum(a * b + c * d for (a, b), (c, d) in pairs) + sum(path[2] + (x[1],))
    return total * np.array(path).sum() * (2.0 if path[0] == [0.0, x[0]] else x[1])


@uses("`[... for v in x if c]`, `filter`", "elements are made where the condition holds alone")
def picked(x: Any) -> Any:
    total, n = 0.0, len(x)
    for k in range(n):
        total += k * np.prod([(0.3 - x[i]) / (x[k] - x[i]) for i in range(n) if i != k])
    small = [np.sqrt(1.2 - v) for v in x if v < 1.2]
    total += np.mean(small) * len(small) + len([1 for v in x if v > 0.6])
    total += max(np.sqrt(v - 0.4) for i, v in enumerate(x) if v > 0.4 if i % 2 == 0)
    total += np.array([v for v in x if v > 100.0]).sum()
    total += sum(filter(lambda v: v > 0.5, x)) * np.prod(list(filter(lambda v: v > 0.6, x[:3])))
    return total * np.prod([x[i] for i in range(4) if x[i] > 0.5])


@uses(
    "`itertools.takewhile`, `dropwhile`, `filterfalse`, `compress`, `groupby`", "by what is known"
)
def left_out(x: Any) -> Any:
    places = (0, 1, 3, 2)
    total = sum(x[k] ** 2 for k in itertools.takewhile(lambda k: k < 3, places))
    total += sum(x[k] for k in itertools.dropwhile(lambda k: k < 3, places)) * x[4]
    total *= sum(x[k] for k in itertools.filterfalse(None, places))
    first = list(itertools.compress((x[0], x[1] ** 2, x[2]), (True, True, 0)))
    for size, names in itertools.groupby(["a", "b", "cc"], key=len):
        total = total + x[size] ** len(list(names))
    return total * first[1] + functools.reduce(lambda a, b: a * b + a, x)


@uses("`iter` and `next`", "where it is known before the run how many items are taken")
def one_by_one(x: Any) -> Any:
    values = iter(x)
    total = next(values)
    for v in values:
        total = total * 0.5 + v
    signs, pairs = iter("+*"), enumerate((x[0], x[1] ** 2))
    for v in (x[1], x[2]):
        total = total + v if next(signs) == "+" else total * v
    _, first = next(pairs)
    rest = sum(k * v for k, v in pairs)
    return total * first + rest + next((k for k in (1, 2, 3) if k > 1), 0) * next(signs, x[0])
