"""Every generated CUDA file, compiled for three architectures and held against its bounds."""

from __future__ import annotations

import multiprocessing
import os
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="compiles kernels: the extra cuda-check")
pytest.importorskip("cuda.bindings.nvjitlink", reason="links kernels: the extra cuda-check")

from codegen_ad.errors import MissingDependency
from codegen_ad.testing.machine_code import Findings, examine, problems, table
from codegen_ad.testing.machine_code.disassembly import _program

try:
    _program("nvdisasm")
except MissingDependency:
    pytest.skip("reads machine code: the extra cuda-check", allow_module_level=True)

ROOT = Path(__file__).parent.parent.parent
GENERATED = sorted((ROOT / "generated" / "cuda").glob("*.py"))
BOUNDS = ROOT / "docs" / "cuda_resources.md"
HEAD = """# What generated CUDA files take

By the static checks, without a device: registers, bytes spilled and shared memory by ptxas,
instructions by nvdisasm, and the cycles that one warp takes for a step of the longest loop by the
model of `codegen_ad/testing/machine_code/schedule.py`. These are bounds: a test fails where a file
takes more. `pytest --update-golden tests/cuda/test_generated_files.py` writes the table anew.
What gradients take by the number of parameters stands in [its own table](cuda_parameters.md).

"""
REGISTERS = 8
"""How many more may be taken: allocation comes in steps, and differs between compilers."""

SLACK = 1.15


RUN_BY = re.compile(r'golden\.check\(\s*f?"generated/cuda/([^"]+)"')
"""How a test that simulates a file names it; what is in braces is the test's own."""


def test_each_file_is_simulated_by_a_test() -> None:
    texts = [p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_*.py")]
    patterns = [
        re.sub(r"\\{\w+\\}", r"\\w+", re.escape(found))
        for text in texts
        if "from tests.cuda.device_runs import" in text or "testing.lockstep import" in text
        for found in RUN_BY.findall(text)
    ]
    for path in GENERATED:
        assert any(re.fullmatch(p, path.name) for p in patterns), f"nothing runs {path.name}"


def examined() -> list[Findings]:
    """What the files take; compilers work on several at once, in processes of their own."""
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        return [f for found in pool.map(examined_file, GENERATED) for f in found]


def examined_file(path: Path) -> list[Findings]:
    """The same for one file, as a list: what processes give each other is no generator."""
    return list(examine(path))


@pytest.mark.slow
def test_generated_files_keep_their_bounds(request: pytest.FixtureRequest) -> None:
    found = examined()
    assert not [p for f in found for p in problems(f)]
    if request.config.getoption("--update-golden"):
        BOUNDS.write_text(HEAD + table(found), encoding="utf-8")
        pytest.fail("the table was written anew: review the difference, and run again")
    kept = bounds()
    assert {(f.file, f.kernel, f.architecture) for f in found} == set(kept), "--update-golden"
    for f in found:
        registers, shared, instructions, step = kept[f.file, f.kernel, f.architecture]
        where = f"{f.kernel} of {f.file} on {f.architecture}"
        assert f.resources.registers <= registers + REGISTERS, where
        assert f.resources.shared_bytes <= shared, where
        assert f.instructions <= SLACK * instructions, where
        assert (f.step or 0.0) <= SLACK * step, where


def bounds() -> dict[tuple[str, str, str], tuple[int, int, int, float]]:
    """Registers, shared memory, instructions and cycles by file, kernel and architecture."""
    kept = {}
    for line in BOUNDS.read_text(encoding="utf-8").splitlines():
        cells = re.split(r"\s*\|\s*", line.strip("| "))
        if len(cells) >= 7 and cells[2].startswith("sm_"):
            step = float(cells[7]) if len(cells) > 7 and cells[7] else 0.0
            numbers = int(cells[3]), int(cells[5]), int(cells[6]), step
            kept[cells[0], cells[1].strip("`"), cells[2]] = numbers
    return kept
