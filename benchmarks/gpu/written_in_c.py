"""The same losses in CUDA C++, compiled by NVIDIA's compiler: what a file is measured against.

NVRTC is nvcc's compiler as a library, which needs no compiler for the host. Kernels are compiled
while the bundle is made, and launched with the grid of the generated ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.bundle import Bundle
from benchmarks.gpu.cases import CASES, Case
from benchmarks.gpu.correctness import TOLERANCE
from benchmarks.gpu.device import STREAM, Device
from benchmarks.gpu.sweep import LEAST_SECONDS, SIZES, Times
from benchmarks.report import Row
from codegen_ad.plan.device.whole import BLOCKS, THREADS
from codegen_ad.runtime.cuda.ahead import Image, Resources, architecture
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.table import Kernel, parameter

SOURCE = Path(__file__).parent / "loops.cu"
FOLDER = "written_in_c"
NUMBERS = {"float32": "float", "float64": "double"}
SLOWEST = 1.3
"""How much longer than nvcc's the generated kernel may take."""

CHECKED = 1000


def entry(case: Case) -> str:
    """The kernel of a case."""
    return case.name.removesuffix(f"_{case.dtype}")


def write(folder: Path, capabilities: tuple[tuple[int, int], ...]) -> str:
    """Write the machine code of all cases; what is missing if it can't be made."""
    try:
        compiler: Any = import_module("cuda.bindings.nvrtc")
    except ImportError:
        return "not compiled: cuda-bindings are missing"
    to = folder / FOLDER
    to.mkdir(mode=0o700, exist_ok=True)
    for capability in capabilities:
        for dtype in NUMBERS:
            try:
                code = compiled(compiler, dtype, capability)
            except RuntimeError as error:
                return f"not compiled: {error}"
            (to / _name(dtype, capability)).write_bytes(code)
    return ""


def compiled(compiler: Any, dtype: str, capability: tuple[int, int]) -> bytes:
    """The machine code of all kernels for numbers of a dtype.

    Raises
    ------
    RuntimeError
        With what the compiler says.
    """

    def ask(result: tuple[Any, ...]) -> Any:
        status, *values = result
        if int(status) != 0:
            raise RuntimeError(f"NVRTC answers {status.name}")
        return values[0] if values else None

    source = SOURCE.read_bytes()
    program = ask(compiler.nvrtcCreateProgram(source, SOURCE.name.encode(), 0, [], []))
    options = [
        f"--gpu-architecture={architecture(capability)}".encode(),
        f"-DNUMBER={NUMBERS[dtype]}".encode(),
        b"--std=c++17",
    ]
    (status,) = compiler.nvrtcCompileProgram(program, len(options), options)
    if int(status) != 0:
        log = b" " * ask(compiler.nvrtcGetProgramLogSize(program))
        ask(compiler.nvrtcGetProgramLog(program, log))
        raise RuntimeError(log.decode().strip())
    code = b" " * ask(compiler.nvrtcGetCUBINSize(program))
    ask(compiler.nvrtcGetCUBIN(program, code))
    ask(compiler.nvrtcDestroyProgram(program))
    return code


def rows(device: Device, bundle: Bundle, times: Times) -> Iterator[Row]:
    """One row for each case and number of points that was measured before."""
    if device.is_dry:
        capability = device.properties.capability
        for case in CASES:
            code = bundle.folder / FOLDER / _name(case.dtype, capability)
            note = f"{len(code.read_bytes())} bytes of code" if code.exists() else "not compiled"
            yield Row(case.name, None, "", note=note)
        return
    for case in CASES:
        for n in sorted(n for name, n in times if name == case.name):
            if device.left() < LEAST_SECONDS:
                yield Row(case.name, None, "", note="not measured: no time left")
                return
            yield _row(device, bundle, case, n, times[case.name, n])


def _row(device: Device, bundle: Bundle, case: Case, n: int, ours: float) -> Row:
    loop = Loop(device, bundle.folder, case, n)
    theirs = device.seconds(loop)
    label = f"{case.name}, n = {n:.0e}"
    if n != max(SIZES):
        return Row(label, 1e3 * theirs, "ms", theirs / ours)
    worst = difference(Loop(device, bundle.folder, case, CHECKED), bundle, case)
    if not worst <= TOLERANCE[case.dtype]:
        return Row(label, worst, "", note="WRONG", reached=False)
    target = f"ours takes at most {SLOWEST} times as long"
    reached = ours <= SLOWEST * theirs
    return Row(label, 1e3 * theirs, "ms", theirs / ours, target=target, reached=reached)


def difference(loop: Loop, bundle: Bundle, case: Case) -> float:
    """The largest difference from what must come out, relative to the largest element."""
    loop()
    expected = np.concatenate([v.reshape(-1) for v in bundle.expected(case.name, CHECKED)])
    scale = float(np.max(np.abs(expected))) or 1.0
    return float(np.max(np.abs(loop.results() - expected))) / scale


class Loop:
    """A kernel with all its arrays on the device: a call launches it."""

    def __init__(self, device: Device, folder: Path, case: Case, n: int) -> None:
        capability = device.properties.capability
        code = (folder / FOLDER / _name(case.dtype, capability)).read_bytes()
        names = ("w", "x", "y", "n", "partial", "out", "counter")
        kinds = tuple(parameter("int64" if name == "n" else "uint64") for name in names)
        kernel = Kernel(entry(case), kinds, THREADS, BLOCKS, names, rows="n")
        image = Image(entry(case), code, Resources(0, 0, 0, 0, 0), {})
        *parameters, x, y = case.data(n, case.dtype)
        w = np.concatenate([np.reshape(p, -1) for p in parameters])
        self._held = [device.array(v) for v in (w, x, y)]
        self._held.append(device.empty((BLOCKS, w.size + 1), case.dtype))
        self._out = device.empty((w.size + 1,), case.dtype)
        counter = device.array(np.zeros(1, np.uint32))
        self._held += [self._out, counter]
        places = [v.address for v in self._held]
        self._values = [*places[:3], n, *places[3:]]
        self._kernel = LoadedKernel(device.driver, kernel, image)
        self._blocks = kernel.grid({"n": n})

    def __call__(self) -> None:
        """Launch the kernel once."""
        self._kernel.launch(self._values, STREAM, self._blocks)

    def results(self) -> np.ndarray:
        """What the last call left: the value, and the gradient."""
        return self._out.to_numpy(STREAM)


def _name(dtype: str, capability: tuple[int, int]) -> str:
    return f"{dtype}_{architecture(capability)}.cubin"
