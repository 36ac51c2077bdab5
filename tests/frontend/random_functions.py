"""Random functions of an array: assignments, views, writes, branches and loops, as Python text."""

from __future__ import annotations

import random

_UNARY = ("np.sin({})", "np.abs({})", "-{}", "{} ** 2", "np.tanh({})", "({} * 0.5)")
_BINARY = ("({} + {})", "({} - {})", "({} * {})", "np.maximum({}, {})")
_CONDITIONS = ("{}[0] > {}", "{}.sum() > {}", "{}[-1] < {}", "{}[1] * 2 > {}")


class Writer:
    """Writes one function; names `a` to `d` are vectors of one length, `s` and `t` are numbers."""

    def __init__(self, seed: int, *, views: bool = True) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.views = views
        self.loops = 0

    def function(self) -> str:
        """The text of a function `f(x, y)` of two vectors of equal length."""
        self.line(1, "a = x")
        self.line(1, "b = y")
        self.line(1, "c = x + y")
        self.line(1, "d = np.zeros_like(x)")
        self.line(1, "s = 0.0")
        self.line(1, "t = 1")
        self.block(1, self.random.randint(3, 7))
        self.line(1, "return a, b, c, d, s, t, x, y")
        return "def f(x, y):\n" + "\n".join(self.lines) + "\n"

    def line(self, depth: int, text: str) -> None:
        """One more line."""
        self.lines.append("    " * depth + text)

    def vector(self) -> str:
        """A vector expression."""
        name = self.random.choice("abcd")
        kind = self.random.random()
        if kind < 0.3:
            return name
        if kind < 0.55:
            return self.random.choice(_UNARY).format(name)
        if kind < 0.9:
            return self.random.choice(_BINARY).format(name, self.random.choice(["s", *"abcd"]))
        return f"np.where({name} > 0.5, {self.random.choice('abcd')}, s)"

    def number(self) -> str:
        """A number expression."""
        name = self.random.choice("abcd")
        return self.random.choice(
            (f"{name}.sum()", f"{name}[2]", "s * 0.5", "t + s", f"({name} * {name}).mean()", "2.0")
        )

    def block(self, depth: int, length: int, *, in_loop: bool = False) -> None:
        """A few statements."""
        for _ in range(length):
            self.statement(depth, in_loop=in_loop)

    def statement(self, depth: int, *, in_loop: bool) -> None:
        """One statement, sometimes with a block of its own."""
        kind = self.random.random()
        name, other = self.random.choice("abcd"), self.random.choice("abcd")
        if kind < 0.22:
            self.line(depth, f"{name} = {self.vector()}")
        elif kind < 0.32:
            self.line(depth, f"s = {self.number()}")
        elif kind < 0.38:
            self.line(depth, f"s += {self.number()}")
        elif kind < 0.42:
            self.line(depth, "t = t + 1")
        elif kind < 0.62:
            self.write(depth, name, other)
        elif kind < 0.66:
            self.line(depth, f"{name}, {other} = {other}, {name}")
        elif depth < 4 and kind < 0.84:
            self.branch(depth, in_loop=in_loop)
        elif depth < 3 and self.loops < 2:
            self.loop(depth)
        else:
            self.line(depth, f"s = s + {name}[1]")

    def write(self, depth: int, name: str, other: str) -> None:
        """A write into an array, in one of the ways there are."""
        choices = [
            f"{name}[1:] += {other}[:-1]",
            f"{name}[0] = s",
            f"{name} *= 0.5",
            f"{name}[::2] = {other}[0]",
            f"{name}[{other} > 0.7] = 0.25",
            f"{name}[1:-1] = {other}[2:] * 0.5 + {name}[:-2]",
            f"{name}[np.array([0, 2])] = {other}[:2]",
        ]
        if self.views:
            choices += [f"v = {name}[1:]; v[0] = s", f"w = {name}[::-1]; w += {other} * 0.1"]
        for part in self.random.choice(choices).split("; "):
            self.line(depth, part)

    def branch(self, depth: int, *, in_loop: bool) -> None:
        """An `if`, sometimes with an `else`, sometimes with a jump."""
        condition = self.random.choice(_CONDITIONS)
        self.line(depth, f"if {condition.format(self.random.choice('abcd'), '0.6')}:")
        self.block(depth + 1, self.random.randint(1, 2), in_loop=in_loop)
        jump = self.random.random()
        if in_loop and jump < 0.3:
            self.line(depth + 1, self.random.choice(("break", "continue")))
        elif jump < 0.4:
            self.line(depth + 1, "return a, b, c, d, s, t, x, y")
        if self.random.random() < 0.5:
            self.line(depth, "else:")
            self.block(depth + 1, self.random.randint(1, 2), in_loop=in_loop)

    def loop(self, depth: int) -> None:
        """A loop over positions, rows or a counter."""
        self.loops += 1
        k = f"k{self.loops}"
        kind = self.random.random()
        if kind < 0.4:
            self.line(depth, f"for {k} in range(3):")
            self.line(depth + 1, f"s = s + {k}")
        elif kind < 0.7:
            name = self.random.choice("abcd")
            self.line(depth, f"for {k} in range(len(x)):")
            self.line(depth + 1, f"{name}[{k}] = {name}[{k} - 1] * 0.5 + s")
        else:
            self.line(depth, f"{k} = 0")
            self.line(depth, f"while {k} < 3 and s < 50.0:")
            self.line(depth + 1, f"{k} += 1")
        self.block(depth + 1, self.random.randint(1, 3), in_loop=True)
