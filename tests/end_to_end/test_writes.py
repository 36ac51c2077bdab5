"""Writes that add to one array: one loop for all of them, with what they add."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.plan.kernel import Allocate, For, Load, walk
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    interpreted,
    leaves_in,
    numeric_gradients,
    plain_value,
)
from tests.end_to_end.test_fusion import plan_of

RNG = np.random.default_rng(4)


def neighbours(table, first, x):
    """Three places of one table, which may be the same one."""
    model = table[first] * x + table[first + 1] * x**2 + table[first + 2] * np.sin(x)
    return (model**2).sum()


def two_tables(a, b, i, j):
    return np.exp(a[i] * b[j]).sum() + (a[j % len(a)] ** 2).sum()


def columns(X, w):
    """Each column by itself, the gradient of which is one array."""
    r = X[:, 0] * w - X[:, 2] ** 2 + np.cos(X[:, X.shape[1] - 1])
    return (r * r * X[:, 1]).sum()


def adds_itself(a, i):
    a = a.copy()
    a[i] += a[:2]
    a[1:3] += a[0:2]
    a[i] += 2 * a[1:3]
    return (a**2).sum()


def repeated(a, i, x):
    out = np.zeros(3)
    np.add.at(out, i, x * a[i])
    np.add.at(out, i, a[i] ** 2)
    np.add.at(out, i[::-1], x)
    return (out**3).sum()


def columns_of_rows(a, i, w):
    """Parts of rows that are picked, some of them twice: each is added where it is from."""
    row = a[i]
    turned, rest = row[:, :3], row[:, 3:]
    r = (turned * w[:3]).sum(axis=1) * rest[:, 0] + np.sin(row[:, 4:6]).sum(axis=1)
    return (r**2).sum() + (row[1:, 2] * row[1:, 1:2][:, 0]).sum()


def in_steps(a, i):
    """The same in a loop, for rows and for columns."""
    total = 0.0
    for k in i:
        total = total * a[k, 1] + (a[k][2:4] ** 2).sum() * a[k][5] + a[:, k][1:].sum() * total
    return total


def overwritten(a, i):
    """A row is added that was made in parts, and one that replaces others."""
    a = a * 1.0
    step = np.zeros((len(i), a.shape[1]))
    step[:, 1:3] += a[i, :2]
    step[:, 2:] += a[i, 2:] ** 2
    np.add.at(a, i, step)
    np.add.at(a, i, step * a[i])
    a[i[:2]] = step[:2]
    return (a**2).sum()


def rows(M, i, v):
    """Rows and elements of the same matrix."""
    return (M[i] @ v).sum() + (M[i, 1] * M[0, i % 3] ** 2).sum() + M[2].sum()


def squared_rows(M, i):
    out = np.zeros_like(M)
    for k in range(len(i)):
        out[i[k]] += M[k] ** 2
        out[i[k], 0] += M[k, 1]
    return (out**2).sum()


def best_columns(W, X, t):
    """Columns that each row chooses by a maximum over an inner axis."""
    return (W[:, (X @ W).argmax(axis=1)] * t).sum()


def own_places(x, i):
    """Places that follow from what is written over."""
    i = i % len(x)
    i[i] = i[::-1] * (i[0] + 1) % len(x)
    i[i] = 2
    z = x * 1.0
    z[(z[i] > 0.1) * 2 - i] *= 2.5
    z[i - (z > 0.3)] = x**2 * z[::-1]
    return (z**2 * x).sum() + (x[i] ** 3).sum()


def own_row(M, v):
    """A row whose number is an element of the table."""
    M = M * v
    M[int(M[0, 0] * 0.0)] = M[1] * 2.0 + M[0]
    M[int(abs(M[0, 1]) * 1.1) % 3] += M[2, ::-1]
    return (M**2 * v).sum()


def at(n: int, *parts: Any) -> tuple[Any, ...]:
    return tuple(p(n) for p in parts)


def normal(*shape: int) -> Any:
    return lambda n: RNG.normal(size=tuple(n if s < 0 else s for s in shape))


def places(high: int) -> Any:
    return lambda n: RNG.integers(-high, high, n)


FUNCTIONS = [
    (neighbours, (normal(9), lambda n: RNG.integers(0, 7, n), normal(-1))),
    (two_tables, (normal(5), normal(4), places(4), places(4))),
    (columns, (normal(-1, 5), normal(-1))),
    (repeated, (normal(3), places(3), normal(-1))),
    (rows, (normal(4, 3), places(4), normal(3))),
    (squared_rows, (lambda n: RNG.normal(size=(max(n, 1), 4)), places(1))),
    (adds_itself, (normal(6), lambda n: np.array([1, 1]))),
    (columns_of_rows, (normal(9, 12), places(9), normal(3))),
    (in_steps, (normal(12, 12), places(12))),
    (overwritten, (normal(9, 12), places(9))),
    (best_columns, (normal(12, 9), normal(-1, 12), normal(-1))),
]


@pytest.mark.parametrize("n", [5, 1, 0])
@pytest.mark.parametrize(("function", "parts"), FUNCTIONS, ids=lambda p: getattr(p, "__name__", ""))
def test_gradients_are_those_of_differences(function: Any, parts: Any, n: int) -> None:
    args = at(n, *parts)
    case = Case(function, lambda k, rng: args)
    value, gradients = interpreted(case, args)(*args)
    assert_close(value, plain_value(case, args), rtol=1e-12, what="value")
    found = [leaf for _, leaf in leaves_in(gradients)]
    for k, wanted in enumerate(numeric_gradients(case, args)):
        assert_close(found[k], wanted, rtol=1e-6, what=f"gradient {k}")


@pytest.mark.parametrize("n", [3, 30])
@pytest.mark.parametrize(
    ("function", "parts"), [(own_places, (normal(-1), places(3))), (own_row, (normal(3, -1),) * 2)]
)
def test_places_that_follow_from_what_is_written_over(function: Any, parts: Any, n: int) -> None:
    test_gradients_are_those_of_differences(function, parts, n)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_compiled_with_strides(dtype: str) -> None:
    table, x = RNG.normal(size=18).astype(dtype)[::2], RNG.normal(size=40).astype(dtype)[1::3]
    first = RNG.integers(0, 7, 39)[::3]
    case = Case(neighbours, lambda n, rng: (table, first, x))
    value, gradients = differentiate(neighbours).value_and_grad(table, first, x)
    rounding = 1e-4 if dtype == "f4" else 1e-6
    assert_close(value, neighbours(table, first, x), rtol=rounding, what="value")
    found = [leaf for _, leaf in leaves_in(gradients)]
    for k, wanted in enumerate(numeric_gradients(case, (table, first, x))):
        assert found[k].dtype == dtype
        assert_close(found[k], wanted, rtol=rounding, what=f"gradient {k}")
    with pytest.raises(IndexError, match="out of bounds"):
        differentiate(neighbours).value_and_grad(table, first + 3, x)


def loops(kernel: Any) -> list[For]:
    return [s for s in kernel.body if isinstance(s, For)]


def test_all_places_of_a_table_take_one_loop() -> None:
    args = at(5, *FUNCTIONS[0][1])
    kernel, _ = plan_of(neighbours, *args)
    (loop,) = loops(kernel)
    added = [s for s in walk(loop.body) if isinstance(getattr(s, "target", None), Load)]
    assert len(added) == 3


def test_columns_take_one_loop() -> None:
    kernel, _ = plan_of(columns, *at(5, *FUNCTIONS[2][1]))
    assert len(loops(kernel)) == 1


def test_parts_of_rows_are_added_where_they_are_from() -> None:
    kernel, _ = plan_of(columns_of_rows, *at(5, normal(9, 12), places(9), normal(3)))
    made = [s for s in walk(kernel.body) if isinstance(s, Allocate)]
    rows = [s for s in made if str(s.shape[0]) == "n" and len(s.shape) == 2]
    assert not rows, "the gradient of the rows is made nowhere"
