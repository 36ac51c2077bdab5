"""Which liberties compiled files take with floating point numbers: sums in loops, and no others."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for path in (*ROOT.glob("generated/*/*.py"), *ROOT.glob("tests/golden/*/numba_cpu.py"))
    if path.parent.name != "cuda"
)
SUMS = {"plus"}
FORBIDDEN = re.compile(r"\b(?:nnan|ninf|afn|arcp|fast)\b")


def _flags(function: ast.FunctionDef) -> set[str] | None:
    """The fast-math flags that a function is compiled with; None if it isn't compiled."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "njit":
            given = {k.arg: k.value for k in decorator.keywords}
            return set(ast.literal_eval(given["fastmath"])) if "fastmath" in given else set()
    return None


def test_there_are_files() -> None:
    assert len(FILES) > 40


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_only_additions_of_sums_may_change_places(path: Path) -> None:
    for function in ast.walk(ast.parse(path.read_text())):
        flags = _flags(function) if isinstance(function, ast.FunctionDef) else None
        if flags is None:
            continue
        assert isinstance(function, ast.FunctionDef)
        if function.name in SUMS:
            assert flags == {"contract", "nsz", "reassoc"}
            last = function.body[-1]
            assert isinstance(last, ast.Return)
            assert ast.unparse(last) == "return total + term"
        else:
            assert flags <= {"contract"}, function.name


def compensated(w, x, y):  # type: ignore[no-untyped-def]
    """The rounding error of a sum, which the user computes: 0 if sums were taken as in algebra."""
    total = w + x
    lost = (total - w) - x
    return (np.exp(-(lost**2)) * lost).sum() + (w * (x - y) ** 2).sum()


def _kernel(w: float, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
    loss = differentiate(compensated, threads=1)
    found = loss.value_and_grad(w, x, y)
    prepared = loss.kernels.latest("value_and_grad")
    assert prepared is not None
    return found, prepared.compiled.function


def test_instructions_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core.caching import NullCache

    x = np.linspace(0.1, 1.0, 1000)
    _, function = _kernel(1e16, x, x)
    # Machine code from a disk can't be looked into.
    again = type(function)(
        function.py_func, targetoptions=dict(function.targetoptions), locals=function.locals
    )
    again._cache = NullCache()
    again(1e16, x, x)
    (llvm,) = again.inspect_llvm().values()
    moved = [line.strip() for line in llvm.splitlines() if re.search(r"\breassoc\b", line)]
    assert moved, "the loop has a sum that may be taken in any order"
    for line in moved:
        assert re.search(r"= fadd |@llvm\.vector\.reduce\.fadd|phi |select ", line), line
    flagged = [line for line in llvm.splitlines() if re.search(r"= (?:call|f\w+) ", line)]
    assert not [line for line in flagged if FORBIDDEN.search(line.partition("@")[0])]


def test_what_the_user_compensates_stays() -> None:
    x = np.linspace(0.1, 1.0, 1000)
    w = 1e15
    (value, gradient), _ = _kernel(w, x, x)
    total = w + x
    lost = (total - w) - x
    assert np.abs(lost).max() > 0.01
    np.testing.assert_allclose(value, compensated(w, x, x), rtol=1e-9)
    assert np.isfinite(gradient)


@pytest.mark.parametrize("row", [0, 1, 37, 999])
def test_a_row_that_is_not_a_number_makes_the_loss_none(row: int) -> None:
    x = np.linspace(0.1, 1.0, 1000)
    for bad in (np.nan, np.inf, -np.inf):
        for which in (0, 1):
            arrays = [x.copy(), x.copy()]
            arrays[which][row] = bad
            (value, gradient), _ = _kernel(2.0, *arrays)
            with np.errstate(invalid="ignore", over="ignore"):
                expected = compensated(2.0, *arrays)
            assert not np.isfinite(value)
            np.testing.assert_equal(value, expected)
            assert np.isnan(gradient) if np.isnan(bad) else not np.isfinite(gradient)
