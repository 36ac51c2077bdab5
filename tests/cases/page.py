"""The page `docs/support.md`: what is supported, in each mode, made from the table of cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codegen_ad.frontend import refusals
from codegen_ad.frontend.library.refused import REASONS
from tests.cases import promised
from tests.cases.constructs import CONSTRUCTS
from tests.cases.engine import EDGES, Case, Run, facts
from tests.cases.spellings import spellings
from tests.cases.table import CASES, NOTES
from tests.frontend.construct import Construct
from tests.frontend.library.library_cases import DATA

YES, NO = "yes", "–"

INTRODUCTION = """\
# What is supported

This page is made from the tests by `pytest --update-golden`: `tests/cases` holds {cases} uses of
{functions} functions and operators, and each is run in every mode that its row names.

- **value**: NumPy's values, shapes and dtypes;
- **reverse**: the gradient, against differences;
- **forward**: Jacobian times vector, against reverse mode;
- **second**: derivatives of the gradient, against its differences;
- **float32**: single precision stays single precision, as in NumPy.

A function with a value alone gives integers or truth values, or its result does not depend on
floating point numbers. Methods (`x.sum()`) and functions (`np.sum(x)`) are the same. What is not
here is refused by name, with the line and what to write instead.

At a kink the derivative is 0 at a local extremum, the finite side where the other is not finite,
and otherwise the mean; the notes say where that matters."""

PYTHON = """\
## Python

Control flow stays control flow: loops are not unrolled, and a branch runs only the side that is
taken. Each construct is used by a function in `tests/frontend/constructs_*.py`, which is checked in
every mode."""

REDUCED = """\
## Reductions: axes and options

What NumPy gives each of them; a method (`x.sum()`) takes the same."""

MISTAKES = """\
## Mistakes that are easily made

Each is a function that some tool of this kind gets wrong, or a form of its arguments: it is run in
every mode, and compiled."""

REFUSED = """\
## Refused functions

Each is refused by name, with the reason and what to write instead."""

SCIPY = """\
Any other function of `scipy.special`, `scipy.linalg` and `scipy.stats`, and all other modules of
SciPy, are refused too: write the formula out, or give the derivative with
`@codegen_ad.custom_derivative`."""


def page() -> str:
    """The whole page."""
    functions = {case.function for case in CASES}
    parts = [INTRODUCTION.format(cases=len(CASES), functions=len(functions))]
    families = sorted({case.family for case in CASES})
    for family in families:
        parts.append(f"## {family}")
        parts.append(_table(HEAD, _rows([c for c in CASES if c.family == family])))
    parts += [REDUCED, _table(("function", *promised.OPTIONS, "method"), _reductions())]
    parts.append(PYTHON)
    for table in CONSTRUCTS:
        parts.append(f"### {table.title}")
        parts.append(_table(CONSTRUCT, [_construct(row) for row in table.rows]))
    parts.append("Statements and expressions that are refused:")
    parts.append(_table(("construct", "why", "instead"), _refused_syntax()))
    parts.append(MISTAKES)
    parts.append("\n".join(f"- {what}" for what in promised.MISTAKES))
    parts += [REFUSED, _table(("functions", "why", "instead"), _refused_functions()), SCIPY]
    return "\n\n".join(parts) + "\n"


CONSTRUCT = ("construct", "value", "reverse", "forward", "second", "notes")
HEAD = ("function", "value", "reverse", "forward", "second", "float32", "notes")


def _rows(cases: Sequence[Case]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for function in sorted({c.function for c in cases}, key=str.lower):
        own = [c for c in cases if c.function == function]
        derivative = YES if any(is_differentiated(c) for c in own) else NO
        name = function.replace("|", "\\|")
        rows.append(
            (f"`{name}`", YES, derivative, derivative, derivative, YES, NOTES.get(function, ""))
        )
    return rows


def _reductions() -> list[tuple[str, ...]]:
    used = frozenset().union(*(spellings(case.text) for case in CASES))
    rows: list[tuple[str, ...]] = []
    for name in sorted(promised.REDUCTIONS.split()):
        ways = (f"np.{name}", f".{name}")
        told = (any(f"{way}({o})" in used for way in ways) for o in promised.OPTIONS)
        method = YES if ways[1] in used else NO
        rows.append((f"`{ways[0]}`", *(YES if t else NO for t in told), method))
    return rows


def is_differentiated(case: Case) -> bool:
    """Whether the tests differentiate a case."""
    return facts(case.text).differentiated or Run(case.text, DATA, EDGES).differentiable


def _construct(row: Construct) -> tuple[str, ...]:
    return (row.text, YES, YES, YES, YES, row.note)


def _refused_syntax() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for table in (refusals.STATEMENTS, refusals.EXPRESSIONS):
        for kind, (why, instead) in table.items():
            rows.append((f"`{kind.__name__}`", why, instead))
    return sorted(rows)


def _refused_functions() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for why, instead, names in REASONS:
        listed = ", ".join(f"`np.{name}`" for name in sorted(names.split()))
        rows.append((listed, why, instead))
    rows.append(("`np.random.*`, `random.*`", "Random numbers change from call to call.",
                 "Draw them outside the function, and pass them in."))  # fmt: skip
    return sorted(rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)
