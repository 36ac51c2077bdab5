"""Decisions, loops and jumps: a function for each construct."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tests.frontend.construct import A, Table, X

CHOSEN = frozenset({0, 3})
uses = Table("Decisions, loops and jumps")


@uses("`if`, `elif`, `else`", "on data, only the side taken runs")
def branches(x: Any) -> Any:
    total = 0.0
    for v in x:
        if v > 1.2:
            total += v**3
        elif v > 0.7:
            total -= np.sin(v) * v
        else:
            total *= v
    return total


@uses("`a if c else b`")
def conditional_expression(x: Any) -> Any:
    y = x[0] ** 2 if x[0] > x[1] else x[1] * np.exp(x[0])
    return y * x[2]


@uses("`and`, `or`, `not`", "later parts are computed only if needed")
def connectives(x: Any) -> Any:
    total = x[0]
    for v in x:
        if (v > 0.5 and v * x[0] < 1.0) or not v > 0.4:
            total += v**2 * x[1]
    return total**2


@uses("chained comparisons")
def chained(x: Any) -> Any:
    total = x[0] ** 2
    for v in x:
        if 0.5 < v < 1.3:
            total *= v
    return total


@uses("`in`, `not in`", "numbers among numbers, also of data, or sets; known keys and texts")
def among(x: Any) -> Any:
    total = x[0] ** 2
    odd = []
    for i in range(len(x)):
        if i in (1, 3):
            total *= x[i]
        if i in {2, 4} or i in CHOSEN:
            total += x[i] ** 2
        if x[i] not in (x[0], 0.5, x[1]):
            total += x[i] ** 3
    for i in range(4):
        if i % 2:
            continue
        odd.append(x[i] * x[i + 1])
    return total * sum(odd) if "scale" not in {"rate": 1.0} else total


@uses("`match`", k=2, x=X)
def matching(k: Any, x: Any) -> Any:
    match k:
        case 1:
            return x.sum()
        case 2 | 3:
            return (x**3).sum()
        case _:
            return x.prod()


class Named:
    """Its first attribute may stand without its name."""

    __match_args__ = ("rate",)

    def __init__(self, rate: Any, power: Any) -> None:
        self.rate = rate
        self.power = power


class Pair(NamedTuple):
    a: Any
    b: Any


def _matched(value: Any, x: Any) -> Any:
    match value:
        case {"kind": "line", "slope": slope}:
            return slope * x[0]
        case {"kind": "curve", **others}:
            return others["power"] * x[1] ** 2 * len(others)
        case {}:
            return x[2]
        case Named(0.5, power=k) | Named(rate=k) if k > 1.0:
            return k**2 * x[3]
        case Named(power=3) as named:
            return named.rate * x[4]
        case Pair(a, b=2):
            return a * x[0] ** 3
        case Pair() | [Pair(), *_]:
            return x[1] ** 3
        case ("first", u) | (u, "last"):
            return u**2
        case [u, *rest, w] if u > 0:
            return u * w * len(rest) + sum(rest)
        case str(text):
            return x[0] * len(text)
        case bool():
            return x[0] * 5
        case int(n) | [n]:
            return n * x[1]
        case np.ndarray(ndim=1) | None:
            return x.sum() ** 2
        case float():
            return value * x[2] ** 2
    return x.prod()


@uses(
    "`match` on dicts, classes and sequences", "of structures that are known; stars, alternatives"
)
def matching_structures(x: Any) -> Any:
    subjects = [
        {"kind": "line", "slope": x[1]}, {"kind": "curve", "power": x[0], "more": 1}, {"a": 1},
        Named(0.5, x[0] + 2), Named(0.5, x[0] / 9), Named(x[0], 3), Pair(x[0], 2),
        Pair(x[0], 3), [Pair(1, 2), 3, 4], ("first", x[3]), (x[2], "last"), [x[0], x[1], 2, x[2]],
        [x[0], x[2]], "text", True, 7, [4], x, None, x[2], x[2] * 1.0, range(3), (-x[0], 1.0),
    ]  # fmt: skip
    total = 0.0
    for k, subject in enumerate(subjects):
        total = total + _matched(subject, x) * (k + 1)
    return total


@uses("`for` over `range`", "of any length, known or not")
def over_range(x: Any) -> Any:
    s = 0.1
    for i in range(1, len(x), 2):
        s = np.tanh(s * x[i]) + x[i - 1] ** 2
    return s


@uses("`for` over a `range` of data", x=X, k=4)
def over_range_of_data(x: Any, k: Any) -> Any:
    s = x[0]
    for i in range(k):
        s = np.sin(s) * x[i]
    return s


@uses("`for` over a `range` with a step of data", "of either sign", x=X, k=2)
def over_range_in_steps(x: Any, k: Any) -> Any:
    s = x[0]
    for i in range(0, len(x), k):
        s = np.sin(s) * x[i]
    for j, i in enumerate(range(len(x) - 1, -1, -k)):
        s = s + x[i] ** 2 * j
    return s * len(range(len(x), 0, -k))


@uses("`for` over arrays", "row by row", a=A)
def over_rows(a: Any) -> Any:
    s = 0.0
    for row in a:
        s += (row**2).sum() * row[0] * (1 + s)
    return s


@uses("`for` over `zip`")
def over_zip(x: Any) -> Any:
    s = 1.0
    for a, b in zip(x[1:], x, strict=False):
        s = s * a + b**2
    return s


@uses("iterators with a name", "which nothing goes through twice")
def over_iterators(x: Any) -> Any:
    pairs, squares = zip(x, x[::-1], strict=False), (v**2 for v in x)
    s = max(squares)
    if s > 0.3:
        for a, b in pairs:
            s = s * a + b
    else:
        s += sum(a * b for a, b in pairs)
    return s * sum(map(np.sin, reversed(x)))


@uses("`for` over `enumerate`")
def over_enumerate(x: Any) -> Any:
    s = 1.0
    for i, v in enumerate(x, 1):
        s = s * v + v**i
    return s


@uses("`for` over `reversed`")
def over_reversed(x: Any) -> Any:
    s = 0.0
    for v in reversed(x):
        s = s * v + v**2
    return s


@uses("`for` over tuples and lists")
def over_tuples(x: Any) -> Any:
    s = 0.0
    for power, weight in ((1, 0.5), (2, x[0]), (3, x[1])):
        s += weight * x[2] ** power
    return s


@uses("nested loops", "with bounds that depend on the outer loop or on data")
def nested(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        k = 2 if x[i] > 1 else 1
        for j in range(i * k // 2):
            s += x[i] * x[j] ** 2 * np.sin(s)
    return s


@uses("`while`", "with any condition on data")
def newton(x: Any) -> Any:
    y = x[0]
    k = 0
    while abs(y * y - x[1]) > 1e-9 and k < 30:
        y = y - (y * y - x[1]) / (2 * y)
        k += 1
    return y * x[2] ** 2


@uses("`break`, `continue`")
def jumps(x: Any) -> Any:
    s = x[0]
    for v in x:
        if v < 0.5:
            continue
        s = s * v + v**2
        if s > 4:
            break
    return s


@uses("`break` out of `while True`")
def until(x: Any) -> Any:
    y = x[0]
    while True:
        y = y * (1 + x[1]) + x[2]
        if y > 5 or x[1] < 0.2:
            break
        y = y + 0.5
    return y**2


@uses("`else` of a loop", "jumps in it belong to the loop around")
def loop_else(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        for j in range(i):
            if x[j] > x[i]:
                s += x[j] ** 2
                break
        else:
            continue
        s += x[i] ** 3
    return s


@uses("`return` early, and in loops")
def early(x: Any) -> Any:
    s = 0.0
    for v in x:
        s += v**2
        if s > 2:
            return s * v
    return s**2


@uses("a name with a value on some paths only", "`UnboundLocalError` where it is read without one")
def found(x: Any) -> Any:
    for i in range(len(x)):
        if x[i] > 0.8:
            hit = x[i] ** 2 * x[0]
            break
    return hit**2


@uses("None or a value", "told apart by `is None`; `TypeError` where None is used as a number")
def none_or_value(x: Any) -> Any:
    best = None
    for v in x:
        if best is None or v > best:
            best = v
    return best**3 * x[0]


@uses("`assert`", "kept as a check when the kernel runs")
def asserted(x: Any) -> Any:
    total = (x**2).sum()
    assert total > 0, "the sum must be positive"
    return np.sqrt(total) * x[0]


@uses("`raise`", "kept as a check, with the class and message of the user's")
def raised(x: Any) -> Any:
    s = 0.0
    for v in x:
        if v < 0:
            raise ValueError(f"{v} is negative")
        s += np.log(v) ** 2
    return s


@uses("`print`, f-strings, logging", "left out of kernels")
def told(x: Any) -> Any:
    s = (x**2).sum()
    print(f"the sum is {s:.3f}")
    return s**2


@uses("`with np.errstate(...)`")
def error_state(x: Any) -> Any:
    with np.errstate(divide="ignore"):
        y = np.log(x) / x
    return (y**2).sum()


@uses("`while` with a condition that changes something", "calls, `assert` and writes in it")
def changing_condition(x: Any) -> Any:
    left = np.array([3.0, 0.0])
    steps = 0.0

    def step(y: Any) -> Any:
        nonlocal steps
        assert y > 0, "the value must stay positive"
        left[0] -= 1
        steps += y
        return left[0]

    y = x[0]
    while step(y) > 0:
        y = y * x[1]
    else:
        y = y + x[2]
    return y**2 + steps + left.sum()


TREE = ((0, (1, 2)), (0, 1))


@uses("`while` over a list that gets shorter", "written out, where the text says how long it is")
def stacks(x: Any) -> Any:
    total, todo = 0.0, [(TREE, x[2])]
    while todo:
        node, weight = todo.pop()
        if isinstance(node, tuple):
            todo += [(child, weight * x[0]) for child in node]
        elif x[node] > 0.3:
            total = total + weight * x[node] ** 2
        else:
            total = total - weight
    queue = [x[0], x[1], x[2]]
    while len(queue) > 1:
        queue.append(queue.pop(0) * queue.pop(0) + 1.0)
    number, digits = 11, []
    while True:
        if not number:
            break
        digits.append(number % 3)
        number //= 3
    return total * queue[0] + sum(x[d] * 3.0**-k for k, d in enumerate(digits))
