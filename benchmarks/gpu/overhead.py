"""What a call costs beside the kernel: from Python to the launch, there and back, cold and warm."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.gpu.bundle import Bundle
from benchmarks.gpu.device import STREAM, Device, Prepared
from benchmarks.report import Row
from codegen_ad.runtime.cuda.program import DeviceProgram

LAUNCH_MICROSECONDS = 10
COUNT = 2000


def rows(device: Device, bundle: Bundle) -> Iterator[Row]:
    """Launches, and whole calls with data on the device and on the host."""
    member = next((m for m in bundle.members() if m.file is not None), None)
    if member is None:
        return
    case, file = member.case, member.file
    assert file is not None
    n = 100 if device.is_dry else 1000
    arguments = case.data(n, case.dtype)
    given = dict(zip(member.parameters, arguments, strict=True))
    image = bundle.image_of(file, case.name)
    launch = Prepared(device, file, image, given)
    program = DeviceProgram(file, device.driver, 0, image)
    there = {k: device.array(v) for k, v in given.items()}
    count = 2 if device.is_dry else COUNT
    took = _each(device, launch, count)
    yield _limited(device, "a launch from Python", took)
    took = _each(device, lambda: program.run(there, member.numbers), count)
    yield Row("a first call, data on the device", took, "µs")
    names, leaves = list(there), list(there.values())
    repeated = program.repeat(names, leaves, member.numbers)
    assert repeated is not None
    took = _each(device, lambda: repeated(*leaves), count)
    yield _limited(device, "a repeated call, data on the device", took)
    took = _each(device, lambda: program.run(given, member.numbers), count)
    yield Row(f"a call, {n} points of NumPy there and back", took, "µs")
    if device.is_dry:
        return
    large = dict(zip(member.parameters, case.data(10**7, case.dtype), strict=True))
    took = _each(device, lambda: program.run(large, member.numbers), 3)
    yield Row("a call, 10⁷ points of NumPy there and back", took / 1e3, "ms")


def _limited(device: Device, name: str, took: float) -> Row:
    target = f"at most {LAUNCH_MICROSECONDS} µs"
    reached = None if device.is_dry else took <= LAUNCH_MICROSECONDS
    return Row(name, took, "µs", target=target, reached=reached)


def _each(device: Device, work: Callable[[], object], count: int) -> float:
    """Microseconds of the host for each of many calls, which the device keeps up with."""
    work()
    device.driver.synchronize(STREAM)
    found: list[float] = []
    for _ in range(3):
        begin = time.perf_counter()
        for _ in range(count):
            work()
        device.driver.synchronize(STREAM)
        found.append((time.perf_counter() - begin) / count)
    return 1e6 * float(np.min(found))


def start(folder: Path) -> Iterator[Row]:
    """Time of a process that loads kept machine code, computes once and ends."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--bundle", str(folder), "--only", "once"]
    for name in ("first", "second"):
        begin = time.perf_counter()
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        took = time.perf_counter() - begin
        note = "" if run.returncode == 0 else (run.stderr.strip().splitlines() or ["failed"])[-1]
        yield Row(f"a process from start to end, {name} time", took, "s", note=note[:100])
