"""The measurement on a GPU, run dry: everything up to the launch, which the simulator does."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from benchmarks.gpu import __main__ as script
from benchmarks.gpu import bundle, cases, mutations
from codegen_ad.errors import CodegenError
from codegen_ad.runtime.cuda.table import read


def unsupported(p, x, y):
    """Nothing reads what a person types."""
    return np.sum(p) * float(input())


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = cases.Case("refused", unsupported, cases.CASES[0].data, "float64", 2, 1)
    chosen = (cases.named("cubic_float32"), refused)
    monkeypatch.setattr(bundle, "CASES", chosen)
    monkeypatch.setattr(cases, "CASES", chosen)
    atomics = {k: v for k, v in mutations.MUTATIONS.items() if k == "no atomic"}
    monkeypatch.setattr(mutations, "MUTATIONS", atomics)


@pytest.mark.usefixtures("few")
def test_a_dry_run_goes_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--dry", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "cubic_float32 loads" in text
    assert "refused:" in text
    assert "same bits in every run" in text
    assert "FAILED" not in text
    kept = json.loads((tmp_path / "gpu.json").read_text())
    assert kept["dry"] is True
    titles = [s["title"] for s in kept["sections"]]
    assert titles[:2] == ["Device and kernels", "Correctness: difference from double precision"]
    assert "cubic_float32: value and gradient, 4 parameters" in titles
    assert "Whole fits" in titles
    assert "fit_gd_warp4_float64, 3 fits" in text
    assert "warp, 5 x 5, 2 fits, there and back" in text
    assert "RaceFound" in text
    assert "NOT FOUND" not in text
    assert (tmp_path / "gpu.txt").read_text().startswith("simulated device")


def test_a_machine_without_a_device_says_so(tmp_path: Path) -> None:
    try:
        script.SYSTEM.driver()
    except CodegenError as error:
        with pytest.raises(type(error)):
            script.main(["--bundle", str(tmp_path)])


def test_one_thing_must_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.main([])
    assert "--build FOLDER" in capsys.readouterr().err


def test_the_kernels_of_the_ceilings_have_a_table() -> None:
    file = read(bundle.HAND_WRITTEN.read_text(encoding="utf-8"))
    assert file.kernels["grid_barriers"].cooperative
    assert {"copy", "read", "shuffles", "nothing"} <= set(file.kernels)
