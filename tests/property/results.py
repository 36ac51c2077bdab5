"""What random programs with array results give back: vectors, tables, picked parts, structures.

In a template `{n}`, `{t}`, `{r}`, `{k}`, `{s}` stand for expressions as in `forms.py`; `{all}` for
a number that every variable of the program has a part in. All ways out of one program have the
same structure, each with expressions of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.property.programs import Writer

RESULTS = (
    "{n} * {all}", "{n} * {all}", "{t} * {all}", "{r} * {all}", "({t} * {all}).T",
    "np.outer({n}, {r} * {all})", "np.where({n} > 0.1, {n}, {all})", "{k} * {all}",
    "({n} * {all})[p]", "{t}[p] * {all}", "{t}[p[0]] * {all}",
    "{t}[:, 1:] * ({n} * {all})[:, None]",
    "np.cumsum({n}) * {all}", "({n} * {all}, {s})", "({n}, {t} * {all})", "[{all}, {n}]",
    "{ 'a': {n} * {all}, 'b': ({r}, {s}) }", "dict(a={t}, b={all})", "({n}, {n} * {all}, {n})",
    "{n} / (1.5 + np.sum({n} ** 2)) + {all}", "{t} - {t}.mean(axis=0) * {all}",
    "{t} / (2.0 + np.abs({t}).sum(axis=1, keepdims=True)) * {all}", "({r} * {all}, {t} @ {r})",
    "np.stack([{n}, {n} * {all}])", "np.concatenate([{n}, {n} * {all}])", "{t} @ {t}.T * {all}",
    "np.concatenate([{r}, {n}[p[0]:], {n}[:p[0]]]) * {all}", "np.exp(-({n} - {all}) ** 2)",
    "({n}[::-1] * {all}, {t}[::-1])", "np.where({t} > {r}, {t}, {all})",
    "({n}[:, None] - {n}) * {all}",
    "np.add.outer({n}, {n}[:2]) * {all}", "np.cumsum({t} * {all}, axis=0)", "{all} + 0.0",
)  # fmt: skip


def result(w: Writer, total: str, *, last: bool = False) -> str:
    """A result of the writer's form; the last one of a program is mostly made of its variables."""
    text = w.result.replace("{all}", f"({total})")
    for letter, kind in (("n", "n"), ("t", "table"), ("r", "row"), ("k", "n-1"), ("s", "s")):
        while "{" + letter + "}" in text:
            is_name = last and w.names[kind] and w.choose((True, True, False))
            part = w.names[kind][-1] if is_name else w.bounded(kind)
            text = text.replace("{" + letter + "}", part, 1)
    return text
