"""Random loops over steps in which every row of the data meets every other.

What a step keeps has two or three axes, and its loops over rows run on tiles, of four rows here:
tables are filled whole and in parts, carried to the next step and kept for all steps. All
functions are analytic, so that derivatives are complex steps.
"""

from __future__ import annotations

import linecache
import random
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

from codegen_ad.plan.tiling import tiles
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted, stages_of
from tests.property.simulator import simulator_of
from tests.property.sources import Outcome

PARAMETERS = ("x", "v", "m")
ROWS = (1, 3, 4, 6, 9)
STEPS = (1, 2, 5)


def text_of(seed: int) -> str:
    """The program of a seed: a function of two tables, a vector, places and a number of steps."""
    return _Writer(random.Random(seed)).program()


class _Writer:
    """Names: x, v f8[n, d]; m f8[n]; K, L f8[n, n]; R f8[n, n, d]; p i8[n]."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def program(self) -> str:
        body = self.block(0, self.rng.randint(2, 5))
        return "\n".join((
            "def f(x, v, m, p, steps):",
            "    x, v, m = x.copy(), v.copy(), m.copy()",
            f"    K = {self.pairs(fresh=True)}",
            "    L = 0.1 * K.T + 0.2 * m",
            "    R = x[None, :, :] - 0.5 * v[:, None, :]",
            "    total = 0.0",
            "    for k in range(steps):",
            *(f"        {line}" for line in body),
            "        x = 0.5 * np.sin(x)",
            f"        total += {self.number()}",
            "    return total + np.sin(x).sum() + (m * m).sum() + np.sin(K).sum() + np.sin(L).sum()"
            " + np.sin(R).sum() + v.sum()",
            "",
        ))  # fmt: skip

    def number(self) -> str:
        return self.rng.choice((
            "np.sin(K).sum()", "np.sin(K[p, p]).sum()", "np.sin(L[0]).sum()", "np.sin(x).sum()",
            "np.tanh(R[:, 0]).sum()", "np.sin((K * L).sum(axis=0)).sum()", "0.0",
        ))  # fmt: skip

    def table(self) -> str:
        return self.rng.choice(("K", "L", "K", "L.T", "K[p]", "L[:, p]", "R[:, :, 0]"))

    def vector(self) -> str:
        return self.rng.choice((
            "m", "m[::-1]", "x[:, 0]", "v[:, 1]", "m[p]", f"np.sin({self.table()}).sum(axis=1)",
            f"np.sin({self.table()}).sum(axis=0)", f"{self.table()}[0]", "K @ m", "np.diag(L)",
        ))  # fmt: skip

    def rows(self) -> str:
        return self.rng.choice((
            "x", "v", f"np.sin({self.table()}) @ x", f"{self.table()}.T @ np.sin(v)", "x[p]",
            f"({self.table()}[:, :, None] * R).sum(axis={self.rng.choice('01')})",
            f"{self.vector()}[:, None] * x", "R[0]", "R[:, 0]", "R.sum(axis=1)", "v[:, ::-1]",
        ))  # fmt: skip

    def pairs(self, *, fresh: bool = False) -> str:
        made = (
            "np.exp(-((x[:, None, 0] - v[None, :, 1]) ** 2))",
            "np.sqrt(((x[None, :, :] - x[:, None, :]) ** 2).sum(axis=2) + 0.5)",
            "m[:, None] * np.sin(v[:, 0])", "np.sin(x) @ v.T", "np.cos(x @ x.T)",
        )  # fmt: skip
        if fresh:
            return self.rng.choice(made)
        return self.rng.choice((
            *made, *made, f"{self.table()} / (1.0 + {self.table()} ** 2)",
            f"{self.table()} / ({self.table()} ** 2 + 1.0).sum(axis=1)[:, None]",
            f"np.tanh({self.table()} + {self.vector()})", "(R ** 2).sum(axis=2)",
            f"np.sin({self.table()}) @ {self.table()}", f"0.5 * {self.table()} + L.T",
        ))  # fmt: skip

    def block(self, depth: int, statements: int) -> list[str]:
        return [line for _ in range(statements) for line in self.statement(depth)]

    def statement(self, depth: int) -> list[str]:
        name = self.rng.choice("KL")
        kinds = ["pairs", "pairs", "pairs", "part", "part", "row", "rows", "vector", "three"]
        match self.rng.choice([*kinds, "if", "for"] if depth < 2 else kinds):
            case "pairs":
                sign = self.rng.choice(("=", "=", "=", "+=", "*="))
                value = f"np.sin({self.pairs()})"
                return [
                    f"{name}{self.rng.choice(('', '[:]')) if sign == '=' else ''} {sign} {value}"
                ]
            case "part":
                part = self.rng.choice(("[:, 1:]", "[1:]", "[:-1, :]", "[::2]", "[:, ::-1]"))
                sign = self.rng.choice(("=", "+=", "*="))
                return [f"{name}{part} {sign} np.sin({self.pairs()}){part}"]
            case "row":
                place = self.rng.choice(("0", "-1", "k % len(m)", "p[0]", ":, 0", ":, k % len(m)"))
                return [f"{name}[{place}] {self.rng.choice(('=', '+='))} {self.vector()}"]
            case "rows":
                target = self.rng.choice(("x", "v"))
                if self.rng.random() < 0.5:
                    return [f"{target} = {target} + 0.1 * np.sin({self.rows()})"]
                return [f"{target} += 0.1 * np.sin({self.rows()})"]
            case "vector":
                return [f"m = 0.5 * m + 0.1 * np.sin({self.vector()})"]
            case "three":
                return [self.rng.choice((
                    "R = x[None, :, :] - x[:, None, :]", "R = 0.5 * R + K[:, :, None] * 0.1",
                    f"R = np.sin(R) * {self.table()}[:, :, None]", "R[:, 0] = v", "R[0] += x",
                    f"R[:, :, 1] = np.sin({self.pairs()})", "R = R[:, :, ::-1] * 0.9",
                ))]  # fmt: skip
            case "if":
                condition = self.rng.choice(("k % 2 == 0", "k > 0", "p[0] > 1", "k < 1"))
                lines = [f"if {condition}:", *self.inner(depth)]
                return [*lines, "else:", *self.inner(depth)] if self.rng.random() < 0.4 else lines
            case _:
                trips = self.rng.choice(("2", "k", "3"))
                return [f"for j{depth} in range({trips}):", *self.inner(depth)]

    def inner(self, depth: int) -> list[str]:
        return [f"    {line}" for line in self.block(depth + 1, self.rng.randint(1, 2))]


def function_of(text: str) -> Callable[..., Any]:
    """The function `f` of a text, whose source can be found."""
    filename = f"<program of meetings {hash(text) & 0xFFFFFFFF:x}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    space: dict[str, Any] = {"np": np, "__name__": "program_of_meetings"}
    exec(compile(text, filename, "exec"), space)
    return space["f"]


def run(text: str, seed: int, simulate_every: int = 0) -> Outcome:
    """Check a program: NumPy's value, and derivatives along a direction for each argument."""
    function, simulator = function_of(text), simulator_of(seed, simulate_every)
    rng = np.random.default_rng(seed)
    n, steps = ROWS[seed % len(ROWS)], STEPS[seed // len(ROWS) % len(STEPS)]
    numbers = (rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), rng.normal(size=n))
    rest = (rng.integers(0, n, size=n), steps)
    case = Case(function, lambda *_: (), PARAMETERS)
    with mock.patch.object(tiles, "TILE", 4):
        stages = stages_of(case, (*numbers, *rest))
    value, gradient = interpreted(case, (*numbers, *rest), stages=stages)(*numbers, *rest)
    assert_close(value, function(*numbers, *rest), rtol=1e-9, what="value")
    for k, (name, part) in enumerate(zip(PARAMETERS, gradient, strict=True)):
        direction = rng.normal(size=np.shape(part))
        moved = [a.astype(complex) for a in numbers]
        moved[k] += 1e-30j * direction
        slope = np.imag(function(*moved, *rest)) / 1e-30
        assert_close(np.sum(part * direction), slope, rtol=1e-7, what=name)
    simulator.check(case, (*numbers, *rest), "value_and_grad", [value, *gradient])
    return simulator.outcome(Outcome("same"))
