"""Random functions that fill a table in nested loops, at places of all kinds."""

from __future__ import annotations

import linecache
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

WIDTH = "n + 3"
TARGETS = ("D[i, j]", "D[i, j]", "D[i, j + 1]", "D[i + 1, j]", "D[i + 1, j + 1]")
CONDITIONS = (
    "i == j", "i > j", "i != j", "j >= 1", "i >= 1 and j >= 1", "i < 1 or j < 1", "i - j > w",
)  # fmt: skip
TERMS = (
    "D[i, k] * D[j, k]", "np.sin(D[i, k])", "D[k, j] * p[1]", "D[i - k, j] ** 2",
    "D[k, k] * D[i, k]",
)  # fmt: skip


def make(seed: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The first function from a seed on that stays inside of its table, and its arguments."""
    for number in range(1000 * seed, 1000 * seed + 1000):
        random_ = random.Random(number)
        text = Text(random_).function()
        name = f"<table {number}>"
        linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
        scope: dict[str, Any] = {"np": np}
        exec(compile(text, name, "exec"), scope)
        n, rng = random_.choice((4, 5, 6)), np.random.default_rng(number)
        data = (rng.uniform(0.3, 0.9, size) for size in (3, n, n + 3))
        args = (*data, random_.choice((0, 1, 2, 3)))
        try:
            scope["f"](*args)
        except IndexError:
            continue
        return scope["f"], args
    raise AssertionError("no function stays inside of its table")


class Text:
    """The text of one function of three parameters, data of `n` and `n + 3`, and a width."""

    def __init__(self, random_: random.Random) -> None:
        self.random = random_
        self.pick = random_.choice

    def function(self) -> str:
        lines = ["def f(p, y, q, w):", "    n, total = len(y), 0.0"]
        whole = (f"np.zeros(({WIDTH}, {WIDTH}))", "np.outer(q, q) * p[0]")
        lines.append(f"    D = {self.pick(whole)}")
        if self.often(0.3):
            lines.append("    D[0, 0] = p[1]")
        if self.often(0.3):
            lines += ["    D[:, 0] = p[2]", "    D[0, :] = p[1]"]
        pad = "    "
        if self.often(0.12):
            lines.append("    for t in range(2):")
            pad += "    "
        lines.append(f"{pad}for i in {self.range_()}:")
        if self.often(0.15):
            lines += [f"{pad}    j = {self.pick(('1', 'i', '0'))}", *self.body(pad + "    ")]
        lines += [f"{pad}    for j in {self.range_('i')}:", *self.body(pad + "        ")]
        if self.often(0.1):
            lines += [f"{pad}        if D[i, j] > 0.8:", f"{pad}            break"]
        if self.often(0.25):
            lines += [f"{pad}    j = {self.pick(('1', 'i', '0'))}", *self.body(pad + "    ")]
        return "\n".join([*lines, "    return total + np.sum(D ** 2 * np.outer(q, q + 1.0))\n"])

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def range_(self, outer: str = "") -> str:
        low = self.pick(("0", "1", "1", "2"))
        high = self.pick(("n", "n + 1", "n", "n - 1"))
        if outer and self.often(0.5):
            low = self.pick((low, outer, f"{outer} + 1", f"max(1, {outer} - w)"))
            high = self.pick((high, outer, f"{outer} + 1", f"min(n, {outer} + w) + 1"))
        step = self.pick(("", "", "", "-1", "2", "-2"))
        if step.startswith("-"):
            return f"range({high} - 1, {low} - 1, {step})"
        return f"range({low}, {high}{step and ', ' + step})"

    def place(self, name: str) -> str:
        """An index, mostly near a loop's."""
        if self.often(0.72):
            by = self.pick((0, 0, 0, 1, 1, -1, -1, 2, -2))
            return f"{name} + {by}" if by >= 0 else f"{name} - {-by}"
        more = (
            f"n - {name}", f"n - 1 - {name}", f"{name} // 2", f"max({name} - 1, 0)",
            f"min({name} + 1, n)", "0", "-1", "-2", "i + j - n", "j - i", "(i + j) // 2",
        )  # fmt: skip
        return self.pick(more)

    def read(self) -> str:
        first, second = ("i", "j") if self.often(0.85) else ("j", "i")
        return f"D[{self.place(first)}, {self.place(second)}]"

    def value(self) -> str:
        parts = [f"y[{self.pick(('i % n', 'j % n'))}] * p[{self.pick('012')}]"]
        for _ in range(self.pick((1, 1, 2, 3))):
            read, other = self.read(), self.read()
            kinds = (f"p[0] * np.sin({read})", f"{read} * {other}", f"min({read}, {other})")
            parts.append(self.pick(kinds))
        return f"np.tanh({' + '.join(parts)})"

    def body(self, pad: str) -> Iterator[str]:
        for _ in range(self.pick((1, 1, 1, 2))):
            target = self.pick(TARGETS)
            if self.often(0.3):
                target = f"D[{self.place('i')}, {self.place('j')}]"
            kind = self.random.random()
            if kind < 0.25:
                yield f"{pad}if {self.pick(CONDITIONS)}:"
                yield f"{pad}    {target} = {self.value()}"
                if self.often(0.6):
                    yield f"{pad}else:"
                    yield f"{pad}    {target} = {self.value()}"
            elif kind < 0.4:
                yield f"{pad}s = y[0]"
                yield f"{pad}for k in range({self.pick(('j', 'i', 'j + 1', '2'))}):"
                yield f"{pad}    s -= {self.pick(TERMS)}"
                yield f"{pad}{target} = np.tanh(s * {self.pick(('p[2]', self.read()))})"
            elif kind < 0.5:
                yield f"{pad}total += {self.read()} ** 2"
            elif kind < 0.62:
                yield f"{pad}D[i, {self.pick((':', '1:3'))}] = {self.value()}"
            elif kind < 0.68:
                yield f"{pad}{target} -= {self.value()}"
            else:
                yield f"{pad}{target} = {self.value()}"
