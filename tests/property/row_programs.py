"""Random programs over rows of data with inner sizes: products, sums along axes, steps of a state.

A function of `X f8[n, d]`, `t f8[n]`, the groups `g i8[n]`, and the parameters `W f8[d, k]`,
`V f8[k, k]`, `b f8[k]`, `s f8`: what is computed in tiles of rows, or of steps, or for each row.
"""

from __future__ import annotations

import random
import re
import warnings
from typing import Any

import numpy as np

from tests.end_to_end.cases import Case
from tests.end_to_end.checks import plain_value
from tests.property import vector_modes
from tests.property.simulator import Simulator, simulator_of
from tests.property.sources import REFUSALS, Outcome, function_of

NAMES = ("X", "t", "g", "W", "V", "b", "s")
WRT = (("W", "V", "b", "s"), ("W", "b"), ("X", "b"), ("V", "s"), ("t", "W"), ("b",), ("X", "t"))
ROWS = (1, 2, 7, 8, 9, 17, 63, 64, 65, 66, 129)
INNER = (1, 2, 3, 4, 5, 9, 17)
KINDS = ("nk", "nk", "n", "n", "k", "kk", "s")

EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "nk": (
        "X @ W", "X @ W + {k}", "{nk} * {nk}", "{nk} + {k}", "{nk} * {n}[:, None]", "{nk} @ {kk}",
        "np.tanh({nk})", "np.exp(-({nk}) ** 2)", "np.outer({n}, {k})", "{nk} - {nk}",
        "np.exp({nk} - {nk}.max(axis=1, keepdims=True))", "{nk} / (1.0 + {nk} ** 2)",
        "{nk} / (2.0 + np.abs({nk}).sum(axis=1, keepdims=True))", "np.where({nk} > 0.1, {nk}, {s})",
        "np.cumsum({nk}, axis=1)", "np.cumsum({nk}, axis=0) * 0.1", "{nk}[:, ::-1]", "{nk}[::-1]",
        "V[g]", "{nk} - {nk}.mean(axis=0)", "((X[:, None, :] - W.T) ** 2).sum(axis=2)",
        "np.maximum({nk}, 0.1 * {nk})", "{nk}[g % len(t)]", "np.roll({nk}, 1, axis=0)",
        "np.where({n}[:, None] > {k}, {nk}, 0.5)", "{nk} * {s}", "{nk} @ {kk}.T",
        "np.sort({nk}, axis=1)", "np.einsum('nk,kl,n->nl', {nk}, {kk}, {n})",
    ),
    "n": (
        "t", "{nk}.sum(axis=1)", "{nk} @ {k}", "{n} * {n}", "{n} - {n}", "np.sin({n})", "b[g]",
        "{nk}[np.arange(len(t)), g]", "{nk}.max(axis=1)", "np.log(np.exp({nk}).sum(axis=1))",
        "np.einsum('nk,nk->n', {nk}, {nk})", "np.sqrt(1.0 + {n} ** 2)", "np.cumsum({n}) * 0.1",
        "np.einsum('nk,kl,nl->n', {nk}, {kk}, {nk})", "{n} / (1.0 + np.sum({n} ** 2))",
        "{nk}[:, 0]",
        "np.where({n} > {s}, {n}, 0.3 * {n})", "np.linalg.norm({nk} + 3.0, axis=1)", "{n}[::-1]",
        "np.prod(np.tanh({nk}) + 1.5, axis=1)", "np.diff({n}, prepend=0.0)", "{n}[g % len(t)]",
        "np.abs({n}[:, None] - {n}).sum(axis=1) * 0.1", "{nk}.std(axis=1)", "X.sum(axis=1) * {s}",
    ),
    "k": (
        "b", "{nk}.sum(axis=0) * 0.1", "{nk}.mean(axis=0)", "{n} @ {nk} * 0.1", "{kk} @ {k}",
        "{k} * {k}", "np.tanh({k})", "{kk}.sum(axis=1)", "{nk}.max(axis=0)", "{k} - {k}.mean()",
        "np.bincount(g, weights={n}, minlength=len(b))", "np.exp({k}) / np.exp({k}).sum()",
        "{k} @ {kk}", "{nk}[-1]", "{nk}[0]", "{k} + {s}", "np.cumsum({k})", "{kk}[:, 0]", "V[0]",
        "({nk} * {n}[:, None]).sum(axis=0) / len(t)", "{nk}[{n} > 0.1].sum(axis=0)",
        "W.sum(axis=0)",
        "np.diag({kk})", "np.linalg.solve(np.eye(len(b)) * 4.0 + 0.1 * np.tanh({kk}), {k})",
    ),
    "kk": (
        "V", "{nk}.T @ {nk} / len(t)", "np.outer({k}, {k})", "{kk} * {kk}", "{kk}.T", "W.T @ W",
        "{kk} @ {kk} * 0.3", "np.eye(len(b)) + 0.1 * {kk}", "np.tanh({kk})", "{kk} + {k}",
        "np.einsum('nk,nl,n->kl', {nk}, {nk}, {n}) * 0.1", "{kk} - {kk}.sum(axis=0)",
        "np.exp({kk} - {kk}.max(axis=1, keepdims=True))", "np.triu({kk})", "{k}[:, None] - {k}",
    ),
    "s": (
        "s", "{n}.sum() * 0.1", "{n}.mean()", "{k} @ {k}", "{nk}.sum() * 0.1", "np.sin({s})", "0.7",
        "{kk}.sum()", "np.trace({kk})", "{n} @ {n} * 0.1", "{n}.max()", "np.linalg.norm({k})",
        "{s} * {s}", "{k}[0]", "{n}[-1]", "np.mean({nk} ** 2)", "np.log(1.0 + np.sum({n} ** 2))",
    ),
}  # fmt: skip

STATEMENTS = (
    "{m:nk} -= {m:nk}.max(axis=1, keepdims=True)",
    "{m:nk} /= 1.0 + np.abs({nk})",
    "{m:nk}[{n} > 0.1] *= {s}",
    "{m:nk}[:, 0] += {n}",
    "{m:nk}[{nk} > 0.3] = {s}",
    "{m:n}[{n} > 0.1] = {s}",
    "{m:k} += {k}",
    "{m:n}[1:] += {m:n}[:-1]",
    "{m:nk}[1:] = {nk}[:-1]",
    "np.add.at({m:k}, g, {n})",
    "np.add.at({m:kk}, g, {nk})",
    "{m:nk}[:] = {nk}",
    "{m:n} *= {n}",
    "for {i} in range(len(t)):\n    {m:k} = np.tanh({kk1} @ {m:k} + {nk1}[{i}])",
    "for {i} in range(len(t)):\n    {m:k} = np.sin({kk1} @ {m:k}) * {n1}[{i}]\n"
    "    {m:nk}[{i}] = {m:k}",
    "for {i} in range(len(t)):\n    {m:k} += {nk1}[{i}] * {n1}[{i}]",
    "for {i} in range(len(t)):\n    {m:s} = np.sin({m:s} + {nk1}[{i}] @ {k1})\n"
    "    {m:n}[{i}] += {m:s}",
    "for {i} in range(3):\n    {m:nk} = np.tanh({m:nk} @ {kk1} + {k1})",
    "for {i} in range(2):\n    {m:nk}, {o:nk} = np.sin({m:nk} * {n1}[:, None] - {o:nk}), {m:nk}",
    "for {i} in range(3):\n    {m:k}, {o:k} = np.sin({m:k} - 0.3 * {o:k} + {s1}), {m:k}",
    "for {i} in range(len(b)):\n    {m:n} += {nk1}[:, {i}] * {k1}[{i}] ** 2",
    "for {i} in range(len(b)):\n    {m:nk}[:, {i}] *= {k1}[{i}] + {n1}",
    "for {i} in range(1, len(t)):\n    {m:nk}[{i}] += 0.5 * {m:nk}[{i} - 1] * {k1}",
    "for {i} in range(len(t)):\n    if {n1}[{i}] > 0.2:\n        {m:k} += {nk1}[{i}]\n"
    "    else:\n        {m:s} += {n1}[{i}]",
    "for {i} in range(len(t)):\n    {m:s} += np.log(np.exp({nk1}[{i}]).sum()) * {n1}[{i}]",
    "for {i} in range(len(t)):\n    for {i}j in range(len(b)):\n"
    "        {m:nk}[{i}, {i}j] = np.sin({m:nk}[{i}, {i}j] + {k1}[{i}j]) * {n1}[{i}]",
    "for {i} in range(len(t)):\n    {m:kk} += np.outer({nk1}[{i}], {k1}) * 0.1",
    "if {s} > 0.1:\n    {m:nk} = {nk}\nelse:\n    {m:nk} = {m:nk} * {s1}",
    "if {s} > 0.9:\n    {m:n} += {nk1}.sum(axis=1)",
)
RESULTS = (
    "{nk}", "{n}", "{k}", "{kk}", "{s}", "({n}, {k})", "({nk}, {s})", "{nk} * {s}", "{n} * {s}",
    "{ 'a': {k}, 'b': {nk} }", "{k} * {s}", "({s}, {kk})", "{nk}.T", "{nk} * {k} + {n}[:, None]",
    "{n} + {n} @ {nk} @ {k}", "({nk} * {n}[:, None]).sum(axis=0)", "{nk} - {k}", "{s}", "{s} * {s}",
)  # fmt: skip
_PART = re.compile(r"\{(m:|o:)?(nk|n|kk|k|s)(1?)\}")


def text_of(seed: int, statements: int | None = None) -> str:
    """The program of a seed, from one to four statements long."""
    rng = random.Random(seed)
    return _Writer(rng).program(1 + seed % 4 if statements is None else statements)


class _Writer:
    """Writes one program; `names` holds the variables of each kind."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names: dict[str, list[str]] = {kind: [] for kind in EXPRESSIONS}
        self.count = 0

    def program(self, statements: int) -> str:
        lines: list[str] = []
        for kind in ("nk", "n", self.rng.choice(("k", "kk", "s"))):
            lines += self.variable(kind)
        for _ in range(statements):
            if self.rng.random() < 0.6:
                lines += self.statement()
            else:
                lines += self.variable(self.rng.choice(KINDS))
        lines.append(f"return {self.filled(self.rng.choice(RESULTS), 1, lines)}")
        body = "\n".join(f"    {line}" for line in lines)
        return f"def f({', '.join(NAMES)}):\n{body}\n"

    def variable(self, kind: str) -> list[str]:
        """A new array, of its own memory."""
        text = self.expression(kind, 2)
        self.count += 1
        self.names[kind].append(f"v{self.count}")
        return [f"v{self.count} = {text} + 0.0"]

    def statement(self) -> list[str]:
        before: list[str] = []
        self.count += 1
        text = self.rng.choice(STATEMENTS).replace("{i}", f"i{self.count}")
        found = self.filled(text, 1, before)
        return [*before, *found.splitlines()]

    def expression(self, kind: str, depth: int) -> str:
        if self.names[kind] and (not depth or self.rng.random() < 0.4):
            return self.rng.choice(self.names[kind])
        options = EXPRESSIONS[kind]
        if not depth:
            options = tuple(e for e in options if "{" not in e)
        return f"({self.filled(self.rng.choice(options), depth - 1, [])})"

    def filled(self, text: str, depth: int, before: list[str]) -> str:
        """A template with its parts: `m` and `o` are two variables, the same ones throughout."""
        held: dict[tuple[str, str], str] = {}

        def part(match: re.Match[str]) -> str:
            role, kind, is_leaf = match.groups()
            if not role:
                return self.expression(kind, 0 if is_leaf else max(depth, 0))
            if (role, kind) not in held:
                others = [n for n in self.names[kind] if n not in held.values()]
                if not others:
                    before.extend(self.variable(kind))
                    others = self.names[kind][-1:]
                held[role, kind] = self.rng.choice(others)
            return held[role, kind]

        # What is written to first, so that no expression makes a variable of a block.
        return _PART.sub(part, text)


def arguments(seed: int) -> tuple[Any, ...]:
    """Arguments of the seed; long rows have few elements each."""
    rng, sizes = np.random.default_rng(seed), random.Random(seed)
    n, d, k = sizes.choice(ROWS), sizes.choice(INNER), sizes.choice(INNER)
    if n > 20:
        d, k = min(d, 5), min(k, 5)
    X, W, V = (rng.normal(size=shape) * 0.7 for shape in ((n, d), (d, k), (k, k)))
    t, b, s = rng.normal(size=n), rng.normal(size=k), np.float64(rng.normal())
    if seed % 4 == 1:
        X, V = np.asfortranarray(X), V.T
    return X, t, rng.integers(0, k, size=n), W, V, b, s


def wrt_of(seed: int) -> tuple[str, ...]:
    """What the program of a seed is differentiated in."""
    return WRT[seed % len(WRT)]


def run(text: str, seed: int, simulate_every: int = 0) -> Outcome:
    """Check a program with arguments of the seed; the error says where its numbers differ."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = simulator_of(seed, simulate_every)
        return simulator.outcome(_run(text, arguments(seed), seed, simulator))


def _run(text: str, args: tuple[Any, ...], seed: int, simulator: Simulator) -> Outcome:
    case = Case(function_of(text), lambda *_: (), wrt=wrt_of(seed))
    places = [NAMES.index(name) for name in case.wrt]
    try:
        value = plain_value(case, args)
    except Exception as error:  # the program itself is wrong for these arguments
        return Outcome("wild", f"{type(error).__name__}: {error}")
    try:
        vector_modes.check(case, case, args, places, seed, simulator)
        if isinstance(value, float):
            vector_modes.check_number(case, args, places, seed, simulator)
    except vector_modes.Useless as reason:
        return Outcome("wild", str(reason))
    except REFUSALS as error:
        return Outcome("refused", getattr(error, "message", str(error)))
    return Outcome("same")
