"""Kernels compiled without a device, and what the static checks see in their machine code."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="compiles kernels: the extra cuda-check")
pytest.importorskip("cuda.bindings.nvjitlink", reason="links kernels: the extra cuda-check")

from benchmarks.gpu import many_fits
from codegen_ad import differentiate
from codegen_ad.errors import MissingDependency
from codegen_ad.runtime.cuda import ahead
from codegen_ad.runtime.cuda.ahead import Resources, compile_ahead, imported
from codegen_ad.runtime.cuda.devices import platform, using
from codegen_ad.runtime.cuda.table import read
from codegen_ad.runtime.cuda.toolkit import compiler_versions, is_numba_cuda
from codegen_ad.testing.machine_code import (
    Instruction,
    Listing,
    disassembled,
    examine,
    loops,
    problems,
    repeated,
    resident,
    share,
    table,
)
from codegen_ad.testing.machine_code.disassembly import NONE, _program

try:
    _program("nvdisasm")
except MissingDependency:
    pytest.skip("reads machine code: the extra cuda-check", allow_module_level=True)

FILE = Path(__file__).parent / "hand_kernels.py"
KERNELS = read(FILE.read_text(encoding="utf-8")).kernels


def text_with(tmp_path: Path, body: str, types: dict[str, str], threads: int = 128) -> Path:
    """A file with one kernel, `made`."""
    head = "import math\nimport numpy as np\nfrom numba import cuda\n\n\n"
    entry = {"arguments": types, "threads": threads, "blocks": 1, "rows": None}
    tables = f"KERNELS = {{'made': {entry}}}\n"
    tables += "ARRAYS = {}\nSIZES = {}\nOUTPUTS = ()\nFAILURES = ()\n"
    file = tmp_path / "made.py"
    file.write_text(f"{head}def made({', '.join(types)}):\n{body}\n\n\n{tables}")
    return file


SINGLE = {"x": "float32[::1]", "out": "float32[::1]"}
DOUBLE = {"x": "float64[::1]", "out": "float64[::1]", "n": "int64"}


@pytest.fixture(autouse=True)
def estimated() -> Iterator[None]:
    """Plans are estimates: they are held against what the compiler says here, once."""
    with using(replace(platform(), versions=dict)):
        yield


def test_every_kernel_compiles_for_every_architecture() -> None:
    found = list(examine(FILE))
    assert len(found) == 3 * len(KERNELS)
    assert {f.architecture for f in found} == {"sm_80", "sm_90", "sm_100"}
    assert not [p for f in found for p in problems(f)]
    scale = next(f for f in found if f.kernel == "scale" and f.architecture == "sm_90")
    assert scale.single
    assert not scale.doubles
    assert scale.ptx == (9, 0)
    assert 10 <= scale.resources.registers <= 32
    line = next(f for f in found if f.kernel == "line_value_and_grad" and f.step is not None)
    assert line.resources.shared_bytes == 4 * 3 * 8 + 4
    assert 0 < line.step < 1000
    assert table(found).count("\n") == 2 + len(found)


def test_double_precision_in_a_kernel_of_float32_is_seen(tmp_path: Path) -> None:
    body = "    i = cuda.threadIdx.x\n    out[i] = x[i] * 0.1"
    found = examine(text_with(tmp_path, body, SINGLE), [(9, 0)])
    (wrong,) = problems(next(found))
    assert "in float64" in wrong
    assert "DMUL" in wrong


def test_spills_are_seen(tmp_path: Path) -> None:
    names = [f"v{k}" for k in range(48)]
    lines = [f"    {v} = x[{k}]" for k, v in enumerate(names)]
    lines += ["    for _ in range(n):"]
    lines += [f"        {v} = {v} * {names[k - 1]} + x[i]" for k, v in enumerate(names)]
    lines += [f"    out[i] = {' + '.join(names)}"]
    body = "    i = np.uint32(cuda.threadIdx.x)\n" + "\n".join(lines)
    file = text_with(tmp_path, body, DOUBLE, threads=1024)
    assert any("spills" in p for f in examine(file, [(9, 0)]) for p in problems(f))


def test_a_shuffle_of_64_bits_moves_both_halves() -> None:
    """Another compiler of such kernels drops the upper half without a word."""
    image = compile_ahead(imported(FILE), KERNELS["fit_warp"], (9, 0))
    shuffles = [i for i in disassembled(image.code).instructions if i.operation.startswith("SHFL")]
    assert len(shuffles) == 2 * 2 * 5


def powers(w: Any, x: Any, y: Any) -> Any:
    return np.mean(((x[:, None] ** np.arange(len(w))) @ w - y) ** 2)


@pytest.mark.parametrize("count", [3, 32])
def test_a_fit_of_two_precisions_compiles(count: int, tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 40, dtype=np.float32)
    arguments = np.zeros(count, np.float32), x, np.sin(x)
    text = differentiate(powers).source(*arguments, mode="fit:gd:warp2", target="cuda").plain
    file = tmp_path / "made.py"
    file.write_text(text)
    (found,) = examine(file, [(9, 0)])
    assert not problems(found)


def peaks(heights: Any, places: Any, widths: Any, x: Any, y: Any) -> Any:
    model = (heights * np.exp(-(((x[:, None] - places) * widths) ** 2))).sum(axis=1)
    return np.mean((model - y) ** 2)


@pytest.mark.parametrize(("team", "capability"), [("warp", (10, 0)), ("block", (9, 0))])
def test_a_fit_of_many_numbers_that_lanes_tell_each_other_is_not_spilled(
    team: str, capability: tuple[int, int], tmp_path: Path
) -> None:
    function = differentiate(wrt=("heights", "places", "widths"))(peaks)
    arguments = np.ones(8), np.ones(8), np.ones(8), np.ones(9), np.ones(9)
    file = tmp_path / "made.py"
    file.write_text(function.source(*arguments, mode=f"fit:adam:{team}", target="cuda").plain)
    (found,) = examine(file, [capability])
    assert not problems(found)


def waves(p: Any, x: Any, y: Any) -> Any:
    return (p * np.sin(np.outer(x, 1.0 + np.arange(len(p))) + 0.1 * p)).sum(axis=1) - y


@pytest.mark.parametrize(
    ("count", "dtype", "team"), [(9, "f8", "thread"), (9, "f8", "warp"), (32, "f8", "thread")]
)
def test_many_fits_of_any_number_of_parameters_are_not_spilled(
    count: int, dtype: str, team: str, tmp_path: Path
) -> None:
    arguments = (np.ones(count, dtype), np.ones(40, dtype), np.ones(40, dtype))
    mode = f"fit_many:y:{team}"
    file = tmp_path / "made.py"
    file.write_text(differentiate(waves).source(*arguments, mode=mode, target="cuda").plain)
    found = next(f for f in examine(file, [(9, 0)]) if f.kernel == "waves_fit_many")
    assert not problems(found)


def wide(w: Any, x: Any, y: Any) -> Any:
    return np.mean((x @ w - y) ** 2)


@pytest.mark.parametrize("count", [33, 128])
def test_no_number_of_parameters_is_spilled(count: int, tmp_path: Path) -> None:
    arguments = np.ones(count), np.ones((9, count)), np.ones(9)
    file = tmp_path / "made.py"
    file.write_text(differentiate(wide).source(*arguments, target="cuda").plain)
    found = list(examine(file, [(9, 0)]))
    assert not [p for f in found for p in problems(f)]


def test_a_longer_step_takes_more_cycles(tmp_path: Path) -> None:
    steps = []
    for count in (1, 4):
        chain = "\n".join("        v = math.sqrt(v + np.float32(1))" for _ in range(count))
        body = f"    v = x[0]\n    for _ in range(n):\n{chain}\n    out[0] = v"
        file = text_with(tmp_path, body, {**SINGLE, "n": "int64"})
        (found,) = examine(file, [(9, 0)])
        steps.append(found.step)
    assert steps[1] > 2 * steps[0]


def test_the_compiler_is_the_right_one() -> None:
    from numba import cuda

    assert is_numba_cuda(cuda.__file__)
    assert set(compiler_versions()) == {"numba-cuda", "nvidia-nvvm", "nvidia-nvjitlink"}


def test_loops_are_found() -> None:
    image = compile_ahead(imported(FILE), KERNELS["scale"], (9, 0))
    found = loops(disassembled(image.code))
    assert found
    assert all(x.cycles > 0 and x.length > 2 for x in found)


def test_the_report_of_the_compiler_is_read() -> None:
    log = (
        "ptxas info    : Compiling entry function '_Zk' for 'sm_90'\n"
        "ptxas         .     16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n"
        "ptxas info    : Used 24 registers, used 1 barriers, 100 bytes smem\n"
    )
    found = ahead._resources(log)
    assert (found.registers, found.spill_bytes, found.stack_bytes) == (24, 20, 16)
    assert (found.barriers, found.shared_bytes) == (1, 100)
    assert ahead._entry(log, "k") == "_Zk"


def test_as_many_warps_run_at_once_as_there_is_room_for() -> None:
    def taking(registers: int, shared: int = 0) -> Resources:
        return Resources(registers, 0, 0, shared, 0)

    assert resident(taking(32), 256) == 64
    assert resident(taking(32), 32) == 32  # no more blocks
    assert resident(taking(106), 32) == 18  # registers in groups of eight
    assert resident(taking(255), 256) == 8
    assert resident(taking(32, 100 * 1024), 128) == 8  # shared memory


def test_many_long_fits_at_once_reach_their_number_by_the_model() -> None:
    """20,000 fits of 200,000 steps a second, 100 points in float64, a warp each."""
    path = Path(__file__).parents[2] / "generated" / "cuda" / "polynomial_loss_fit_gd_warp4.py"
    (found,) = examine(path, [(9, 0)])
    assert found.share is not None
    assert found.step is not None
    assert found.share.warps >= 18
    assert found.share.cycles >= found.step / found.share.warps
    assert found.share.fits(200_000) >= 2e4


def test_loops_within_loops_are_counted_as_often_as_they_go_round() -> None:
    def made(text: str) -> Instruction:
        return Instruction(text, 1, NONE, NONE, 0)

    texts = "MOV", "FADD", "FMUL", "BRA `(.L_x_2)", "FADD", "BRA `(.L_x_1)", "EXIT", "FADD"
    listing = Listing(tuple(map(made, texts)), {".L_x_1": 1, ".L_x_2": 2})
    cycles, times = repeated(listing, (10, 3))
    assert times == (1, 10, 30, 30, 10, 10, 1)
    assert cycles == sum(times)
    found = share(listing.instructions[:7], cycles, 4, times)
    assert found.cycles == cycles / 4
    with pytest.raises(ValueError, match="2 loops, not 1"):
        repeated(listing, (10,))


def test_many_least_squares_fits_reach_their_number_by_the_model() -> None:
    """50 times what Gpufit reports, data on the device."""
    (said,) = many_fits.modelled(Path(__file__).parents[2] / "generated" / "cuda")
    assert "reaches 50 times" in said, said
