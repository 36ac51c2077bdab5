"""Random loops over arrays of two elements, whose kernels keep these in variables or in memory.

Steps store to known places, swap names, bind them again, and do so in branches and inner loops.
Both kernels of a program do the same arithmetic, so their results have the same bits. For that,
loops add to elements in memory one term after the other: sums in variables of their own
(`plan/tidying/promote.py`) begin with zero, and have tests of their own.
"""

from __future__ import annotations

import random
from typing import Any
from unittest import mock

import numpy as np

from codegen_ad.plan.tidying import promote, scalars
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted, leaves_in, plain_value, stages_of
from tests.property.simulator import simulator_of
from tests.property.sources import Outcome, function_of

NAMES = ("q", "p", "r")
STEPS = (0, 1, 4)
LIMITS = ("0.1", "-0.2", "0.01 * k")


def text_of(seed: int) -> str:
    """The program of a seed: a function of two states, two coefficients and a number of steps."""
    return _Writer(random.Random(seed)).program()


class _Writer:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def program(self) -> str:
        body = [*self.block(0, self.rng.randint(2, 5)), f"{self.name()} *= 0.5"]
        if self.rng.random() < 0.5:
            body += ["if total > 3.0:", "    break"]
        return "\n".join((
            "def f(q, p, c, steps):",
            "    q, p, r, total = q.copy(), p.copy(), np.zeros(2), 0.0",
            "    for k in range(steps):",
            *(f"        {line}" for line in body),
            "    return np.tanh(q).sum() + p[0] * 0.1 + r[1] + 0.1 * total",
            "",
        ))  # fmt: skip

    def name(self) -> str:
        return self.rng.choice(NAMES)

    def element(self) -> str:
        return f"{self.name()}[{self.rng.choice('01')}]"

    def number(self, depth: int = 0) -> str:
        leaves = (self.element(), self.element(), self.element(), f"c[{self.rng.choice('01')}]",
                  "total * 0.1", "0.3", "0.01 * k")  # fmt: skip
        if depth > 1 or self.rng.random() < 0.75:
            return self.rng.choice(leaves)
        return f"({self.number(depth + 1)} {self.rng.choice('+-*')} {self.number(depth + 1)})"

    def vector(self) -> str:
        return self.rng.choice((
            f"{self.name()} * {self.name()}", f"np.array([{self.number()}, {self.number()}])",
            f"{self.name()}[::-1] * 0.5", f"{self.name()}.copy()", "np.zeros(2)",
            f"np.tanh({self.name()})", f"c * {self.number()}",
            f"np.array([[0.1, {self.number()}], [{self.number()}, 0.2]]) @ {self.name()}",
        ))  # fmt: skip

    def block(self, depth: int, statements: int) -> list[str]:
        return [line for _ in range(statements) for line in self.statement(depth)]

    def statement(self, depth: int) -> list[str]:
        one, two = self.rng.sample(NAMES, 2)
        kinds = ["store", "store", "bind", "bind", "add", "fill", "swap", "total", "pair"]
        match self.rng.choice([*kinds, "if", "for"] if depth < 2 else kinds):
            case "store":
                sign = self.rng.choice(("=", "+=", "*=", "-="))
                return [f"{self.element()} {sign} {self.number()}"]
            case "bind":
                return [f"{one} = {self.vector()}"]
            case "add":
                return [f"{one} += {self.vector()}"]
            case "fill":
                return [f"{one}[:] = {self.vector()}"]
            case "swap":
                return [f"{one}, {two} = {two}, {one}"]
            case "total":
                return [f"total += {self.number()}"]
            case "pair":
                return [f"{one}[0], {one}[1] = {one}[1], {self.number()}"]
            case "if":
                lines = [f"if {self.number()} > {self.rng.choice(LIMITS)}:", *self.inner(depth)]
                return [*lines, "else:", *self.inner(depth)] if self.rng.random() < 0.6 else lines
            case _:
                trips = self.rng.choice(("2", "k", "steps"))
                return [f"for j{depth} in range({trips}):", *self.inner(depth)]

    def inner(self, depth: int) -> list[str]:
        return [f"    {line}" for line in self.block(depth + 1, self.rng.randint(1, 3))]


def run(text: str, seed: int, simulate_every: int = 0) -> Outcome:
    """Check a program: NumPy's value, and the same bits from variables and from memory."""
    simulator = simulator_of(seed, simulate_every)
    case = Case(function_of(text), lambda *_: (), ("q", "p", "c"))
    rng = np.random.default_rng(seed)
    states = rng.normal(size=2), rng.normal(size=2), rng.uniform(0.3, 0.9, 2)
    made: list[Any] = []
    for largest in (scalars.LARGEST, 0):
        with (
            mock.patch.object(scalars, "LARGEST", largest),
            mock.patch.object(promote, "MOST", 0),
        ):
            made.append(stages_of(case, (*states, 3)))
    for steps in STEPS:
        args = (*states, steps)
        found = [interpreted(case, args, stages=stages)(*args) for stages in made]
        assert_close(found[0][0], plain_value(case, args), rtol=1e-10, what="value")
        for one, two in zip(*(leaves_in(f) for f in found), strict=True):
            np.testing.assert_array_equal(one[1], two[1], err_msg=f"{steps} steps")
        wanted = [leaf for _, leaf in leaves_in(found[0])]
        simulator.check(case, args, "value_and_grad", wanted)
    return simulator.outcome(Outcome("same"))
