"""Long parts of a kernel beside its loops over chunks are functions that numba compiles apart."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from codegen_ad import differentiate
from codegen_ad.emit.cut_view import LONGEST_INLINED


@differentiate
def area(p: Any, x: Any, xp: Any) -> Any:
    y = np.interp(x, xp, p)
    return np.trapezoid(y * y, x)


@differentiate
def mean_square(p: Any, x: Any) -> Any:
    return np.mean((p[0] * x - p[1]) ** 2)


def inlined(text: str) -> dict[str, bool]:
    """The functions of a file, and whether numba puts them into the one that calls them."""
    found = re.findall(r"@njit\((cache=True[^\n]*)\)\ndef (\w+)\(", text)
    return {name: "inline" in options for options, name in found}


def test_a_long_end_is_compiled_by_itself() -> None:
    x, xp = np.linspace(0.0, 1.0, 300), np.linspace(0.0, 1.0, 20)
    p = np.random.default_rng(0).normal(size=20)
    text = area.source(p, x, xp)
    kernel = "area_value_and_grad"
    assert inlined(text) == {f"{kernel}_rows": True, f"{kernel}_end": False, kernel: False}
    end = re.search(rf"def {kernel}_end\(.*?\n\n\n", text, re.DOTALL)
    assert end is not None
    assert end[0].count("\n") > LONGEST_INLINED
    _, found = area.value_and_grad(p, x, xp)
    d = 1e-6 * np.cos(np.arange(20))
    plain = area.__wrapped__
    change = (plain(p + d, x, xp) - plain(p - d, x, xp)) / 2
    np.testing.assert_allclose(np.sum(found * d), change, rtol=1e-7)


def test_a_short_end_is_not() -> None:
    text = mean_square.source(np.ones(2), np.linspace(0.0, 1.0, 10_000))
    kernel = "mean_square_value_and_grad"
    assert inlined(text) == {f"{kernel}_rows": True, f"{kernel}_end": True, kernel: False}
