"""Long statements, broken over lines: nothing is lost, and each operand keeps its parentheses."""

from __future__ import annotations

import ast

import pytest

from codegen_ad.emit.breaking import broken

CASES = {
    "t = (a if m else z) + (b if m else z) - (c + d)": [
        "t = (",
        "    (a if m else z)",
        "    + (b if m else z)",
        "    - (c + d)",
        ")",
    ],
    "t -= rate * (mean / weight) / (root + tiny)": [
        "t -= (",
        "    rate",
        "    * (mean / weight)",
        "    / (root + tiny)",
        ")",
    ],
    "t[i, 0] = a if x > 0.0 else b if x == 0.0 else c + d": [
        "t[i, 0] = (",
        "    a",
        "    if x > 0.0",
        "    else b",
        "    if x == 0.0",
        "    else c + d",
        ")",
    ],
    "total = plus(tot, one * two)": ["total = plus(", "    tot, one * two", ")"],
    "t = first_thing - (second - third)": [
        "t = (",
        "    first_thing",
        "    - (second - third)",
        ")",
    ],
    "t = first + k * (second_one + thirds[i] + two)": [
        "t = (",
        "    first",
        "    + k",
        "    * (",
        "        second_one",
        "        + thirds[i]",
        "        + two",
        "    )",
        ")",
    ],
    "t = -(first_one + second_one) * exp(first_one + second_one)": [
        "t = (",
        "    -(",
        "        first_one",
        "        + second_one",
        "    )",
        "    * exp(",
        "        first_one",
        "        + second_one,",
        "    )",
        ")",
    ],
    "target = one + (two - six)": ["target = (", "    one + (two - six)", ")"],
}


@pytest.mark.parametrize("line", CASES)
def test_a_long_statement_is_broken_at_its_outermost_operator(line: str) -> None:
    found = broken(line, 24)
    assert found == CASES[line]
    assert ast.dump(ast.parse("\n".join(found))) == ast.dump(ast.parse(line))


def test_arguments_that_fit_on_no_line_have_one_each() -> None:
    line = "total = plus(total, first_of_many * second_of_many)"
    found = broken(line, 24)
    assert found == [
        "total = plus(",
        "    total,",
        "    first_of_many",
        "    * second_of_many,",
        ")",
    ]


def test_many_results_of_a_call() -> None:
    """Names that fill a line leave the call to others; more of them have a line each."""
    line = "first, second, third = steps(x, y, z)"
    found = broken(line, 24)
    assert found == ["first, second, third = (", "    steps(x, y, z)", ")"]
    line = "first, second, third, fourth = steps(x, y, z)"
    found = broken(line, 24)
    assert found == [
        "(", "    first,", "    second,", "    third,", "    fourth,", ") = steps(x, y, z)",
    ]  # fmt: skip
    assert ast.dump(ast.parse("\n".join(found))) == ast.dump(ast.parse(line))


def test_what_fits_or_cannot_be_broken_stays() -> None:
    assert broken("t = a + b") == ["t = a + b"]
    assert broken("a_long_name = another_long_name", 10) == ["a_long_name = another_long_name"]
