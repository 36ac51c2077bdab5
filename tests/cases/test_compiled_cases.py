"""The cases of the table compiled: many in one kernel, against the derivatives of each alone.

A group is a function that adds up weighted sums of its cases, `total += np.sum(w * case)`, with
arrays in one layout: contiguous, in Fortran's order, every other element, or backwards.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.cases.engine import EDGES, SINGLE, Case, Run, facts
from tests.cases.table import CASES
from tests.frontend.library.library_cases import DATA, GLOBALS

SIZE = 4
"""Cases in one kernel: compiling takes longer than in proportion to what is in it."""


def _fortran(x: np.ndarray) -> np.ndarray:
    return np.asfortranarray(x)


def _every_other(x: np.ndarray) -> np.ndarray:
    wide = np.full([2 * n for n in x.shape], 7, x.dtype)
    part = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    part[...] = x
    return part


def _backwards(x: np.ndarray) -> np.ndarray:
    back = tuple(slice(None, None, -1) for _ in x.shape)
    return np.ascontiguousarray(x[back])[back]


LAYOUTS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    np.ascontiguousarray,
    _fortran,
    _every_other,
    _backwards,
)


def _usable(case: Case) -> bool:
    """One expression of one array, with a derivative."""
    if "\n" in case.text:
        return False
    here = facts(case.text)
    return here.outputs == 1 and here.differentiated


def _chosen() -> list[Case]:
    """The first case of each function named here, or all of the table in a thorough run."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "thorough":
        return [case for case in CASES if _usable(case)]
    wanted = set(COMPILED.split())
    named = [case for case in reversed(CASES) if case.function in wanted]
    first = {case.function: case for case in named if _usable(case)}
    assert wanted == set(first), wanted - set(first)
    return list(first.values())


# What is made of the oddest programs; every other function is compiled by tests of its own room.
COMPILED = """
np.nanmedian np.nanstd np.quantile np.cov np.corrcoef np.cumulative_sum np.nancumsum np.interp
np.sort np.choose np.polyint np.polynomial.chebyshev.chebval np.polynomial.laguerre.lagval np.vecdot
np.diagonal np.block np.delete np.insert np.pad np.geomspace np.tril_indices np.triu_indices
np.apply_along_axis np.vectorize np.piecewise np.resize np.r_ np.hanning
ufunc.reduceat np.lib.stride_tricks.sliding_window_view
"""
USABLE = _chosen()
ALONE = {"np.interp"}  # as long to compile as a group: each element takes branches of its own


def _groups() -> list[list[Case]]:
    """Cases of like cost stand next to each other in the table, so each goes to another group."""
    together = [case for case in USABLE if case.function not in ALONE]
    number = -(-len(together) // SIZE)
    dealt = [together[k::number] for k in range(number)]
    return dealt + [[case] for case in USABLE if case.function in ALONE]


GROUPS = _groups()


def weight_of(k: int) -> float:
    """The weight of the case number `k` in its group."""
    return round(0.3 + 0.1 * (k % 7), 1)


def _function(cases: Sequence[Case]) -> tuple[Callable[..., Any], list[str]]:
    lines = ["total = 0.0"]
    for k, case in enumerate(cases):
        lines.append(f"total += np.sum({weight_of(k)} * ({case.text}))")
    body = "\n".join(lines)
    code = compile(body, "<names>", "exec")
    names = [n for n in DATA if n in code.co_names]
    source = f"def group({', '.join(names)}):\n"
    source += "".join(f"    {line}\n" for line in [*lines, "return total"])
    filename = f"<group {cases[0]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space = dict(GLOBALS)
    exec(compile(source, filename, "exec"), space)
    return space["group"], names


@pytest.mark.every(3)
@pytest.mark.parametrize("number", range(len(GROUPS)))
def test_group(number: int) -> None:
    cases, layout = GROUPS[number], LAYOUTS[number % len(LAYOUTS)]
    function, names = _function(cases)
    arrays = [layout(a) if np.ndim(a) else float(a) for a in (DATA[n] for n in names)]
    wrt = [n for n in names if np.asarray(DATA[n]).dtype == np.float64 and n not in EDGES | SINGLE]
    with np.errstate(all="ignore"):
        value, *gradients = differentiate(function, wrt=wrt).value_and_grad(*arrays)
        expected = float(function(*(np.copy(DATA[n])[()] for n in names)))
    assert value == pytest.approx(expected, rel=1e-11, abs=1e-11)
    total = {n: np.zeros(np.shape(DATA[n])) for n in wrt}
    for k, case in enumerate(cases):
        for name, gradient in _gradients(Run(case.text, DATA), weight_of(k)).items():
            total[name] = total[name] + gradient
    found = gradients[0] if isinstance(gradients[0], tuple) else gradients
    for name, gradient in zip(wrt, found, strict=True):
        size = float(np.max(np.abs(total[name]), initial=1.0))
        np.testing.assert_allclose(gradient, total[name], rtol=1e-9, atol=1e-11 * size)


def _gradients(here: Run, weight: float) -> dict[str, np.ndarray]:
    """The gradient of the weighted sum of the one output."""
    shape = np.shape(here.values()[0])
    if here.cotangents:
        found = here.gradients(cotangents=[np.full(shape, weight)])
    else:
        found = [weight * g for g in here.gradients()]
    return {here.names[k]: g for k, g in zip(here.varied, found, strict=True)}
