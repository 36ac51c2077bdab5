"""Gradients of any number of parameters keep within a thread's registers: asked of the compiler."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("numba_cuda", reason="compiles kernels: the extra cuda-check")

from benchmarks.gpu.families import FAMILIES
from benchmarks.gpu.parameters import COUNTS, DTYPES, planned
from codegen_ad.testing.machine_code.examine import CAPABILITIES


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count", "dtype"), [("decays", 24, "f8"), ("waves", 48, "f4")])
def test_estimates_that_were_wrong_are_mended(name: str, count: int, dtype: str) -> None:
    text, found = planned(name, count, dtype, (9, 0))
    assert not found
    assert re.search(r"as estimated, spilled \d+ bytes on sm_90", text)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", FAMILIES)
def test_no_gradient_spills(name: str, count: int, dtype: str, capability: tuple[int, int]) -> None:
    text, found = planned(name, count, dtype, capability)
    assert not found, text


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("count", [32, 128])
@pytest.mark.parametrize("name", FAMILIES)
def test_no_fit_spills(name: str, count: int) -> None:
    text, found = planned(name, count, "f8", (9, 0), "fit:adam:block")
    assert not found, text
