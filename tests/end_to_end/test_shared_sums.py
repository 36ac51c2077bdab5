"""What all rows of a tile share is added up once, not once for each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.runtime.compiled import flat
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, executed, inputs_of, stages_of


def written(x, p):
    v = np.sin(x * x[::-1])
    v[p % 2 == 0] *= 2.0
    v[2] = 0.5
    return v * np.sum(np.sin(v))


def scaled(x, p):
    """The norm is one of the array before it is written to."""
    v = x + 0.0
    v[p == 0] *= np.linalg.norm(v)
    v[2] *= np.sum(v)
    return v


def gathered(x, p):
    """Reading at places from data may fail, so its loop runs row by row."""
    v = np.sin(x[p]) * x
    v[1] = 0.3
    return v * np.sum(np.sin(v) * x[p])


def branched(x, p):
    v = x * 1.0
    v[3] = 0.5
    if p[0] > 0:
        return v * np.sum(np.sin(v))
    return v * np.sum(np.cos(v)) * np.prod(v)


def carried(x, p):
    v = x * 1.0
    v[2] = 0.5
    total = 0.0
    for i in range(len(x)):
        total = total * 0.5 + np.sin(v[i])
    return v * total


def swept(x, p):
    """The adjoint's array changes its name from step to step, in each row."""
    a = np.sin(x[p])
    a[1:] += 0.5 * a[:-1]
    a[0] = a[-1]
    b = a[::-1]
    for _ in range(len(x)):
        a[1:] += 0.3 * (a[1:] - a[:-1] * 2.0)
        a[0] = np.sin(a[-1])
        a[:-1] -= 0.1 * a[1:] * a[:-1]
    return b * (np.sum(np.sin(a)) + np.sum(np.sin(b)) + np.sum(np.sin(x)))


@pytest.mark.every(2)
@pytest.mark.parametrize("function", [written, scaled, gathered, branched, carried])
@pytest.mark.parametrize("size", [12, 70])
def test_sums_that_rows_share(function: Any, size: int) -> None:
    check(function, size)


def test_arrays_that_change_names() -> None:
    """Few differentiated numbers, so that rows are those of the places alone."""
    check(swept, 3)


def check(function: Any, size: int) -> None:
    """Each row of a Jacobian, backwards and forwards, against the complex step."""
    x = np.random.default_rng(3).uniform(0.2, 0.9, size)
    args = (x, (np.arange(size) + 1) % min(size, 5))
    case = Case(function, lambda n, rng: args, ("x",))
    h = 1e-30
    columns = [np.imag(function(x + 1j * h * e, args[1])) / h for e in np.eye(size)]
    if function is scaled:  # a norm of complex numbers is none of their parts
        columns = [
            (function(x + 1e-6 * e, args[1]) - function(x - 1e-6 * e, args[1])) / 2e-6
            for e in np.eye(size)
        ]
    for mode in ("jacobian:reverse", "jacobian:forward"):
        stages = stages_of(case, args, mode)
        kernel = executed(stages.text)[stages.kernel.name]
        found, *_ = flat(kernel(*inputs_of(case, args, stages)))
        assert_close(
            found, np.stack(columns, axis=1), rtol=1e-7 if function is scaled else 1e-11, what=mode
        )
