"""Functions, classes and containers: a function for each construct."""

from __future__ import annotations

import functools
import operator
import statistics
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tests.frontend.construct import A, Table, X

uses = Table("Functions and containers")

SCALE = 1.5


class Scaled:
    """A plain class: what `__init__` sets is all that its objects hold."""

    def __init__(self, state: Any, rate: Any = 0.5) -> None:
        self.state = state
        self._rate = rate

    @property
    def rate(self) -> Any:
        """What is added, squared."""
        return self._rate

    @rate.setter
    def rate(self, value: Any) -> None:
        self._rate = value**2

    def step(self, x: Any) -> Scaled:
        """Change the state, in a way that other classes say otherwise."""
        self.state = np.sin(self.state * x) + self.rate
        return self

    @staticmethod
    def twice(x: Any) -> Any:
        """Twice the square."""
        return 2 * x**2

    def __call__(self, x: Any) -> Any:
        return (self.state * x**2).sum()


class Damped(Scaled):
    """A class with constants, which calls the one behind it."""

    factors = (0.5, 2.0)
    weights = np.array([0.5, 1.5, -0.5, 2.0, 1.0])
    shape = np.sin

    def __init__(self, state: Any, friction: Any) -> None:
        super().__init__(state * self.factors[1], rate=friction)
        self.friction = friction

    @classmethod
    def made(cls, state: Any) -> Damped:
        """Make one with the friction that its class says."""
        return cls(state, cls.factors[0] * state)

    def step(self, x: Any) -> Scaled:
        """Take the step of the class behind this, and damp it."""
        super().step(x)
        Scaled.step(self, self.friction)
        self.state = self.shape(self.state) * self.__class__.factors[0]
        return self

    def __call__(self, x: Any) -> Any:
        return super().__call__(x) + (self.weights * x).sum() * self.friction


class Grown(Scaled):
    """Another way to take a step."""

    def step(self, x: Any) -> Scaled:
        """Take the root of a product."""
        self.state = np.sqrt(self.state * x)
        return self


WEIGHTS = np.array([0.5, 1.5, -0.5, 2.0, 1.0])


def _power(x: Any, k: int) -> Any:
    return 1.0 if k == 0 else x * _power(np.sin(x), k - 1)


def _weighted(x: Any, scale: float = 2.0, *more: Any, shift: float = 0.0, **named: Any) -> Any:
    total = (scale * x**2 + shift).sum()
    for other in more:
        total = total * other
    return total + named.get("extra", 0.0)


@uses("calls of Python functions", "they are read too")
def helpers(x: Any) -> Any:
    return _weighted(x[:2], 3.0) * _weighted(x[2:])


@uses("recursion", "to a depth that is known")
def recursion(x: Any) -> Any:
    return _power(x, 3).sum()


@uses("default and keyword arguments, `*args`, `**kwargs`")
def arguments(x: Any) -> Any:
    named = {"extra": x[3] ** 2}
    return _weighted(x, 0.5, *(x[0], x[1]), shift=x[2], **named)


@uses("inner functions and closures")
def closures(x: Any) -> Any:
    rate = x[0]

    def grow(y: Any, times: int = 2) -> Any:
        for _ in range(times):
            y = y * rate + 0.1
        return y

    return grow(x[1]) * grow(x[2], times=3)


@uses("`nonlocal`")
def nonlocals(x: Any) -> Any:
    total = x[0]

    def add(v: Any) -> None:
        nonlocal total
        total = total * v

    add(x[1])
    add(x[2] ** 2)
    return total


def _smoother(rate: Any) -> Any:
    level = None

    def update(v: Any) -> Any:
        nonlocal level
        level = v if level is None else rate * v + (1 - rate) * level
        return level

    def now() -> Any:
        return level

    return update, now


@uses("`nonlocal` in functions that are returned")
def returned_nonlocals(x: Any) -> Any:
    (slow, now), (fast, _) = _smoother(x[0]), _smoother(0.9)
    slow(x[0])
    fast(x[1])
    total = 0.0
    for v in x:
        total += slow(v)
        if v > 0.1:
            total += fast(v**2) * now()
        while total < 0.3:
            total += now() ** 2 + 0.1
    return total * now()


@uses("`lambda`")
def lambdas(x: Any) -> Any:
    square = lambda v, w=x[0]: v**2 * w  # noqa: E731
    return square(x[1]) + square(x[2], x[3])


@uses("`functools.partial`")
def partials(x: Any) -> Any:
    part = functools.partial(_weighted, scale=x[0], shift=0.5)
    return part(x) ** 2


@uses("`map`, `filter`, `functools.reduce`")
def mapped(x: Any) -> Any:
    squares = list(map(lambda v: v**2, (x[0], x[1], x[2])))  # noqa: C417
    return functools.reduce(lambda a, b: a * b + a, squares)


@uses("`import` inside of the function", "found when the function is read; changes are noticed")
def imported(x: Any) -> Any:
    from math import exp
    from math import sin as wave

    import numpy as xp
    import scipy.special

    def inside(v: Any) -> Any:
        from numpy import linalg

        return linalg.norm(v) * exp(v[0])

    return xp.sum(scipy.special.erf(x)) * wave(x[1]) + inside(x)


@uses("globals and arrays outside", "changes are noticed")
def outside(x: Any) -> Any:
    return (WEIGHTS * x**2).sum() ** SCALE if WEIGHTS.size == 5 else x.sum()


@dataclass
class Point:
    u: Any
    v: Any

    def dot(self, other: Any) -> Any:
        return self.u * other.u + self.v * other.v


class Pair(NamedTuple):
    first: Any
    second: Any


class Model:
    """A plain class with numbers in it."""

    def __init__(self) -> None:
        self.rate = 0.7
        self.offset = np.array([0.1, 0.2, 0.3, 0.4, 0.5])

    def __call__(self, x: Any) -> Any:
        return (self.step(x) ** 2).sum()

    def step(self, x: Any) -> Any:
        return self.rate * x**2 + self.offset


MODEL = Model()


@uses("methods and attributes of objects outside")
def methods(x: Any) -> Any:
    return MODEL(x) * MODEL.step(x)[0]


@uses("dataclasses", "made in the function, with methods")
def dataclasses(x: Any) -> Any:
    p = Point(x[0], x[1] ** 2)
    q = Point(v=x[2], u=np.sin(p.u))
    p.u = p.u * 2
    return p.dot(q)


@uses("plain classes", "made in the function by `__init__`, with methods and properties")
def plain_classes(x: Any) -> Any:
    one = Scaled(x[0], rate=x[1])
    one.rate = x[2] * one.rate
    other = Grown(x[3]).step(x[4]).step(x[0])
    for v in x:
        one.step(v)
    same = one
    same.state *= x[1]
    return one(x) * other.state + Scaled.twice(x[1]) * (one is same)


@uses("constants of classes, `super()`", "found as Python finds them; changes are noticed")
def inherited(x: Any) -> Any:
    one, other = Damped.made(x[0]), Damped(x[1], x[2])
    for v in x:
        one.step(v)
    return one(x) * other.step(x[3])(x) + type(other).factors[1] * x[4]


@uses("NamedTuples")
def named_tuples(x: Any) -> Any:
    pair = Pair(x[0], x[1:])
    first, second = pair._replace(first=x[2] ** 2)
    return (first * second + pair.first).prod()


@uses("tuples", "unpacked, with stars, swapped")
def tuples(x: Any) -> Any:
    a, (b, *rest) = x[0], (x[1], x[2], x[3])
    a, b = b, a
    return a**2 * b + sum(rest) * a


@uses("`first, *rest = array`", "`rest` is a list of the others", x=X, a=A)
def first_and_rest(x: Any, a: Any) -> Any:
    first, *rest, last = x
    row, *rows = a
    total = sum(r.sum() * row[0] for r in rows)
    return first * last**2 * sum(v**3 for v in rest) * len(rest) + total


@uses("lists", "changed in place, seen by every name")
def lists(x: Any) -> Any:
    items = [x[0], x[1]]
    other = items
    other.append(x[2] ** 2)
    items[0] *= 3.0
    return other[0] * other[-1] + items.pop() ** 2 + len(items)


@uses("`sort`, `remove`, `index`, `popitem`", "`remove` and `index` of what is known")
def ordered(x: Any) -> Any:
    items, names = [x[3], x[1], x[2] * 2.0], ["b", "a", "c", "a"]
    same = items
    items.sort(key=lambda v: -v)
    names.remove("a")
    last = names.index("a", 1) + (1, 2, 1).index(1, 1) - 1
    names.sort(reverse=True)
    table = dict(zip(names, x, strict=False))
    name, value = table.popitem()
    return same[0] * same[1] ** 2 * x[last] + value * len(table) + table[names[0]] * (name == "a")


@uses("lists that grow in loops")
def grown(x: Any) -> Any:
    out = []
    for i in range(len(x)):
        out.append(x[i] ** 2 + i)
    return sum(out) * out[2] * out[-1]


@uses("`[0.0] * n`", "`n` may be data; its items are numbers, set one by one", x=X, n=5)
def repeated(x: Any, n: Any) -> Any:
    out, counts, found = [0.0] * len(x), [0] * n, [False] * n
    for i in range(n):
        for j in range(i):
            out[i] += x[j] * x[i]
        counts[i - 1] += i
        found[i] = x[i] > 1.0
    same = out
    same[-1] *= x[0]
    same.append(x[1])
    copy = out[:]
    copy[0] = 7.0
    return (
        sum(out) ** 2 + np.dot(np.array(counts), x) * len(copy) + sum(x[np.array(found)]) + copy[0]
    )


@uses("list and dict comprehensions")
def comprehensions(x: Any) -> Any:
    squares = [v * w for v, w in zip(x, x[::-1], strict=True) if True]
    table = {k: x[k] ** 2 for k in range(3)}
    return sum(squares) * table[1] + table[2]


@uses("generators in `sum`, `max`, `min`")
def generators(x: Any) -> Any:
    powers = [v**3 for v in x]
    return sum(v * w for v, w in zip(x, powers, strict=True)) * max(v for v in x) + min(powers)


@uses("methods of texts", "of texts that are known: `split`, `join`, `upper` and the like")
def texts(x: Any) -> Any:
    names, spec = "a b c", "0:1.5,2:3.0"
    weights = dict(zip(names.split(), x, strict=False))
    pairs = (part.split(":") for part in spec.split(","))
    total = sum(float(weight) * x[int(place)] ** 2 for place, weight in pairs)
    return total * weights["-".join(["a"]).lower()] * weights["c"]


@uses("dicts", "with keys that are known")
def dicts(x: Any) -> Any:
    p = {"w": x[:2], "b": x[2]}
    p["b"] = p["b"] ** 2
    p.update(c=x[3])
    total = 0.0
    for name, value in p.items():
        total += np.sum(value) ** (2 if name == "w" else 3)
    return total * p.get("d", 2.0)


@uses("structures as arguments", p=(X, A))
def structures(p: Any) -> Any:
    vector, matrix = p
    return (matrix[0, 1] * vector**2).sum() * matrix.sum()


@uses("`:=`")
def walrus(x: Any) -> Any:
    total = 0.0
    for v in x:
        if (w := v**2) > 0.6:
            total += w * v
    return total


@uses("several targets, annotations, augmented assignment")
def assignments(x: Any) -> Any:
    a = b = x[0]
    c: Any = x[1]
    a *= c
    b -= c**2
    a **= 2
    return a / b + a


@uses("`del`, `pass`, docstrings")
def deleted(x: Any) -> Any:
    """Square, and forget."""
    y = x**2
    z = y.sum()
    del y
    items, named = [x[0], x[1], x[2] ** 2], {"a": x[0], "b": x[3] ** 2}
    del items[0], named["a"]
    return z**2 * items[0] * items[1] * named["b"] + len(named)


@uses("`sorted`", "of numbers and tuples, with `key=` and `reverse=`")
def in_order(x: Any) -> Any:
    first, second, *_ = sorted([x[0], x[1] * 2, x[2] ** 2])
    top = sorted((x[0], x[1], x[2], x[3]), key=lambda v: (v - 1) ** 2, reverse=True)
    names = sorted(["bb", "a"], key=len)
    pairs = sorted([((x[0], 2), x[1]), ((x[2], 1), x[3]), ((x[0], 1), x[2])], reverse=True)
    last = pairs[0][1] ** 2 * pairs[1][1] + pairs[2][0][0]
    return first * second**2 + top[0] * top[1] ** 3 + len(names) * top[-1] + last


@uses("comparisons of tuples and lists", "item by item, as Python does")
def in_lexicographic_order(x: Any) -> Any:
    total = x[0] ** 2 if (x[0], x[1]) < (x[0], x[2]) else x[1] ** 3
    if [x[3], 1.0] >= [x[3] * 1.0]:  # as long as they go they are equal: the longer one is larger
        total = total * x[2]
    nested = (1, (x[2], x[0])) <= (1, (x[1], x[0]))
    return total + x[3] ** 2 if nested else total * x[3]


@uses(
    "`max` and `min` of numbers",
    "the first stays unless another is beyond it, also where one is NaN",
)
def extremes_of_numbers(x: Any) -> Any:
    nothing = np.nan * x[0]
    total = max(2.0 * x[1], nothing) + min(x[2], nothing, x[3]) * max(v * v for v in x)
    return total + max([x[1], nothing, x[4]]) * max(np.where(np.arange(5) == 2, np.nan, x))


@uses("`max` and `min`", "of tuples, and with `key=`")
def largest(x: Any) -> Any:
    value, place = max((x[i] ** 2, i) for i in range(4))
    smallest = min(range(4), key=lambda i: x[i])
    row = max([x[:2], x[2:4]], key=lambda r: r[0] - r[1])
    return value * x[place] + x[smallest] ** 3 + np.sum(row**2)


POWER = operator.methodcaller("sum", axis=0)


NAMES = {"rate", "scale"}


@uses("sets", "of what is known; they do not change here, and are gone through in `sorted` order")
def sets(x: Any) -> Any:
    places = {1, 2} | set(range(2, 4))
    odd = {k for k in sorted(places) if k % 2} & frozenset([1, 3, 5])
    total = sum(x[k] ** k for k in sorted(places)) * len(odd) * sum(odd) + max(places) * x[0]
    if "rate" in NAMES and NAMES.issubset(["rate", "scale", "more"]) and odd < places:
        total = total * x[min(places - odd)] ** len(places ^ odd)
    if not places.isdisjoint(odd) and set() != odd and x[0] not in {x[1], 0.5}:
        total = total + x[4] ** 3
    return total


@uses("functions of `operator`", "operators by name; `itemgetter`, `attrgetter`, `methodcaller`")
def operators(x: Any) -> Any:
    first, last = operator.itemgetter(0, -1)(x)
    pair = Pair(x[1], Point(x[2], x[3]))
    inner, u = operator.attrgetter("second.v", "first")(pair)
    total = operator.mul(first, last) + operator.pow(inner, 2) / operator.abs(operator.neg(u))
    y = operator.sub(x, 0.5)
    operator.setitem(y, 0, operator.getitem(x, 1) ** 2)
    kept = operator.not_(operator.lt(x[0], 0)) and operator.contains((1, 2), 2)
    rows = sorted([(x[0], 2), (x[1], 1)], key=operator.itemgetter(1))
    joined = operator.concat([x[0]], [x[1] ** 2])
    scaled = POWER(x**2) * operator.matmul(x, y) if kept else operator.truediv(x[0], x[1])
    return total + scaled * rows[0][0] + functools.reduce(operator.mul, y) + joined[1]


@uses("`statistics`", "`mean`, `stdev`, `median` and their kin; `mean([2, 4])` stays 3")
def of_statistics(x: Any) -> Any:
    items = [x[0], x[1] ** 2, x[2]]
    total = statistics.mean(items) * statistics.fmean(x, weights=x**2) + statistics.median(x) ** 2
    spread = statistics.stdev(x) * statistics.variance(items) + statistics.pstdev(v**2 for v in x)
    near = statistics.variance(x, x[0]) + statistics.pvariance(data=x, mu=1.0)
    both = statistics.covariance(x, x**2) * statistics.correlation(x, np.exp(-x))
    return total + spread * near + both * statistics.mean([2, 4])


@uses("`<<`, `>>`, `&` of integers", "shifts, and masks of low bits")
def bits(x: Any) -> Any:
    total = x[1 << 1] ** 2 * x[7 >> 1]
    for i in range(-3, 3):
        total = total + x[i & 3] * (i >> 1) + x[0] ** 2 * (i << 2) + x[1] / 2 ** (i + 3)
    return total


@uses("`&`, `|`, `^`, `~` of integers", "of any size, bit by bit; of booleans they are logic")
def bitwise(x: Any) -> Any:
    total = x[0] * np.bitwise_or(5, 9) * np.left_shift(3, 2)
    numbers = np.arange(-3, 1).astype(np.int16)
    numbers[1] ^= 5
    for i in range(-3, 4):
        gray, ones = (i & 7) ^ ((i & 7) >> 1), 0
        while gray:
            ones += gray & 1
            gray >>= 1
        total = total + x[ones] ** 2 * ((i | 4) + ~i) + np.sum(x[:4] * np.invert(numbers & i))
    return total
