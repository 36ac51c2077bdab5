"""Whether kernels give what they must, and the same bits every time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.gpu.bundle import CHECKED, Bundle
from benchmarks.gpu.device import Device, Prepared
from benchmarks.report import Row

RUNS = 100
TOLERANCE = {"float32": 2e-4, "float64": 1e-11}
"""Difference from double precision on the processor, relative to the largest element: sums of many
rounded terms, and functions of the device that are off by a unit or two in the last place."""

SANITIZERS = ("memcheck", "racecheck")


def rows(device: Device, bundle: Bundle, points: tuple[int, ...] = CHECKED) -> Iterator[Row]:
    """One row for each case: the largest difference, and whether all runs agree."""
    for member in bundle.members():
        case = member.case
        if member.file is None:
            yield Row(case.name, None, "", note=f"refused: {member.why}")
            continue
        worst, same = 0.0, True
        for n in points:
            given = dict(zip(member.parameters, case.data(n, case.dtype), strict=True))
            program = Prepared(device, member.file, bundle.image_of(member.file, case.name), given)
            first: list[bytes] = []
            for _ in range(2 if device.is_dry else RUNS):
                program.poison()
                program()
                found = program.results()
                bits = [v.tobytes() for v in found]
                first = first or bits
                same = same and bits == first
            for ours, exact in zip(found, bundle.expected(case.name, n), strict=True):
                worst = max(worst, _difference(ours.reshape(exact.shape), exact))
        reached = same and worst <= TOLERANCE[case.dtype]
        note = "same bits in every run" if same else "DIFFERENT BITS"
        target = f"at most {TOLERANCE[case.dtype]:g}"
        yield Row(case.name, worst, "", note=note, target=target, reached=reached)


def _difference(ours: np.ndarray, exact: np.ndarray) -> float:
    scale = float(np.max(np.abs(exact), initial=0.0)) or 1.0
    found = np.abs(ours.astype(np.float64) - exact)
    return float("inf") if np.isnan(found).any() else float(found.max(initial=0.0)) / scale


def sanitized(folder: Path, seconds: float) -> Iterator[Row]:
    """What NVIDIA's sanitizer says of all cases at small sizes, if it is installed."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        yield Row("compute-sanitizer", None, "", note="not installed")
        return
    inner = [sys.executable, "-m", "benchmarks.gpu", "--bundle", str(folder), "--only", "small"]
    for tool in SANITIZERS:
        command = [program, "--tool", tool, "--error-exitcode", "9", *inner]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=seconds / 2)
        except subprocess.TimeoutExpired:
            yield Row(tool, None, "", note=f"took over {seconds / 2:.0f} s")
            continue
        last = (run.stdout.strip().splitlines() or ["no output"])[-1]
        yield Row(tool, None, "", note=last[:120], target="no error", reached=run.returncode == 0)
