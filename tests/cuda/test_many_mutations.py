"""What the checks say of kernels of many least-squares fits in which something is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from benchmarks.gpu import mutations
from benchmarks.gpu.mutations import CUDA, MUTATIONS, TRANSPOSED, WARP


@pytest.fixture(scope="module")
def right() -> Any:
    return mutations.right()


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_mistake_is_found(what: str, right: Any) -> None:
    assert mutations.of_fits(what, right)


@pytest.mark.parametrize("what", TRANSPOSED)
def test_a_mistake_in_tiles_is_found(what: str) -> None:
    assert mutations.of_tiles(TRANSPOSED[what])


def test_tiles_are_transposed() -> None:
    assert not mutations.of_tiles(("", ""))


def test_double_precision_is_seen(tmp_path: Path) -> None:
    pytest.importorskip("numba_cuda", reason="compiles kernels: the extra cuda-check")
    from codegen_ad.errors import MissingDependency
    from codegen_ad.testing.machine_code import examine, problems

    text = (CUDA / f"{WARP}.py").read_text(encoding="utf-8")
    old = "value = np.float32(0.5) * (value_1"
    assert old in text
    file = tmp_path / "leaking.py"
    file.write_text(text.replace(old, "value = 0.5 * (value_1"), encoding="utf-8")
    try:
        (found,) = examine(file, [(9, 0)])
    except MissingDependency:
        pytest.skip("reads machine code: the extra cuda-check")
    assert any("in float64" in p for p in problems(found))
