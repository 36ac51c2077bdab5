"""Kernels that are checked before they are kept, and checks of second derivatives."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from codegen_ad import custom_derivative, differentiate
from codegen_ad.errors import CheckFailed, InvalidArgument

X = np.linspace(-1.0, 2.0, 20)


def test_the_verdict_stands_in_the_header() -> None:
    @differentiate(check=True, wrt=("p", "x"))
    def f(p: Any, x: Any) -> Any:
        return np.sum(np.sin(p["a"] * x) * p["b"])

    p = {"a": 1.5, "b": -2.0}
    value, _ = f.value_and_grad(p, X)
    assert value == pytest.approx(np.sum(np.sin(1.5 * X) * -2.0))
    head = str(f.source()).splitlines()[:3]
    pattern = (
        r"# Checked: \d+ comparisons with the plain function, largest relative difference .*\."
    )
    assert re.fullmatch(pattern, head[2])
    checked = f.kernels.latest("value_and_grad").compiled.metadata["checked"]
    assert checked["comparisons"] > 10
    assert checked["largest"] < 1e-6
    f.hvp(p, X, (p, X))
    assert "# Checked: " in str(f.source(mode="hvp"))
    with pytest.raises(InvalidArgument, match="missing a required argument"):
        f.grad(p)


@custom_derivative
def wrong(x: Any) -> Any:
    return x**2


@wrong.backward
def _(residuals: Any, g: Any) -> Any:
    return 3.0 * residuals[0] * g


def test_a_kernel_that_fails_is_not_kept() -> None:
    found = differentiate(check=True)(lambda x: np.sum(wrong(x)))
    for _ in range(2):
        with pytest.raises(CheckFailed, match="FAIL"):
            found.grad(X)
    assert found.value(X) == pytest.approx(np.sum(X**2))


def test_second_derivatives() -> None:
    right = differentiate(wrt=(0, 1))(lambda a, x: np.sum(np.tanh(a * x) ** 2))
    report = right.check(0.7, X, second=True)
    rows = [r for r in report.rows if r.what.startswith("second")]
    assert len(rows) == 2
    assert all(r.verdict == "ok" for r in rows)
