"""What the device can do at most: the lines that all other times are held against."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.gpu.bundle import CEILINGS, Bundle
from benchmarks.gpu.device import STREAM, Device
from benchmarks.report import Row
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.table import Kernel

BYTES = 2 * 10**9
STEPS = 100_000


class Ceilings:
    """The kernels of `ceilings_kernels.py`, and the time they take."""

    def __init__(self, device: Device, bundle: Bundle) -> None:
        self.device = device
        file = bundle.ceilings()
        image = bundle.image_of(file, CEILINGS)
        capability = device.properties.capability
        self.kernels = {
            n: LoadedKernel(device.driver, k, image(k, capability)) for n, k in file.kernels.items()
        }
        # A simulated thread takes its time: a few are enough to see that all is in place.
        self.blocks = 2 if device.is_dry else None
        self.steps = 2 if device.is_dry else STEPS

    def rows(self) -> Iterator[Row]:
        """Bandwidth, arithmetic, latencies, transfers."""
        yield from self._bandwidth()
        yield from self._arithmetic()
        yield from self._latencies()
        yield from self._transfers()

    def seconds(self, name: str, *values: Any) -> float:
        """Time of one launch."""
        kernel = self.kernels[name]
        arguments = [v.view() if hasattr(v, "view") else v for v in values]
        return self.device.seconds(lambda: kernel.launch(arguments, STREAM, self.blocks))

    def _bandwidth(self) -> Iterator[Row]:
        n = 64 if self.device.is_dry else BYTES // 4
        x, out = (self.device.empty((n,), np.float32) for _ in range(2))
        driver = self.device.driver
        copied = self.device.seconds(lambda: driver.copy(out.address, x.address, x.nbytes, STREAM))
        yield _rate("copy by the driver", 2 * x.nbytes / copied)
        yield _rate("copy by a kernel", 2 * x.nbytes / self.seconds("copy", x, out))
        yield _rate("read", x.nbytes / self.seconds("read", x, out))

    def _arithmetic(self) -> Iterator[Row]:
        for name, chains, label in (
            ("multiply_add_float32", 8, "multiply-add, float32"),
            ("multiply_add_float64", 8, "multiply-add, float64"),
            ("exponentials", 4, "exponential, float32"),
        ):
            kernel = self.kernels[name].kernel
            count = self._threads(kernel)
            out = self.device.empty((count,), kernel.parameters[1].dtype)
            steps = self.steps // 10 or 1
            rate = count * chains * steps / self.seconds(name, steps, out)
            yield Row(label, rate / 1e12, "T/s")

    def _latencies(self) -> Iterator[Row]:
        for name, label in (
            ("shuffles", "shuffle of a warp"),
            ("barriers", "barrier of a block of 256"),
            ("grid_barriers", "barrier of a grid of 132 blocks"),
        ):
            steps = self.steps // (10 if name == "grid_barriers" else 1) or 1
            out = self.device.empty((self._threads(self.kernels[name].kernel),), np.float32)
            yield Row(label, 1e9 * self.seconds(name, steps, out) / steps, "ns")
        out = self.device.empty((1,), np.float32)
        yield Row("launches, one after another", 1e6 * self.seconds("nothing", out), "µs")

    def _transfers(self) -> Iterator[Row]:
        driver, size = self.device.driver, 64 if self.device.is_dry else 256 * 2**20
        there = self.device.empty((size,), np.uint8)
        pageable = np.ones(size, np.uint8)
        pinned = driver.pinned(size)
        ctypes.memset(pinned, 1, size)
        try:
            for label, host in (("pageable", pageable.ctypes.data), ("pinned", pinned)):
                yield _rate(
                    f"to the device, {label}",
                    size / self._wall(lambda h=host: driver.to_device(there.address, h, size, 0)),
                )
                yield _rate(
                    f"to the host, {label}",
                    size / self._wall(lambda h=host: driver.to_host(h, there.address, size, 0)),
                )
        finally:
            driver.release(pinned)

    def _wall(self, work: Callable[[], object]) -> float:
        """Time by the clock of the host, from the call to the end: the best of five."""
        found: list[float] = []
        for _ in range(5):
            begin = time.perf_counter()
            work()
            self.device.driver.synchronize(STREAM)
            found.append(time.perf_counter() - begin)
        return min(found)

    def _threads(self, kernel: Kernel) -> int:
        return (self.blocks or kernel.blocks) * kernel.threads


def _rate(label: str, bytes_per_second: float) -> Row:
    return Row(label, bytes_per_second / 1e9, "GB/s")
