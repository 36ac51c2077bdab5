"""The device at hand, for measuring: arrays, timed launches, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from codegen_ad.runtime.cuda.arrays import DeviceArray
from codegen_ad.runtime.cuda.driver import Driver, Properties
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.table import DeviceFile, value

STREAM = 0
POISON = 0xFF


@dataclass
class Device:
    """A device, and until when it may be used.

    Attributes
    ----------
    driver : of the device.
    is_dry : whether it is simulated: sizes are small then, and times mean nothing.
    until : when the measurement must end, by `time.monotonic`.
    """

    driver: Driver
    is_dry: bool
    until: float
    properties: Properties = field(init=False)

    def __post_init__(self) -> None:
        self.driver.use(0)
        self.properties = self.driver.properties(0)

    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    def array(self, values: Any) -> DeviceArray:
        """A copy of an array on the device."""
        values = np.ascontiguousarray(values)
        made = DeviceArray(self.driver, values.shape, values.dtype)
        if values.nbytes:
            self.driver.to_device(made.address, values.ctypes.data, values.nbytes, STREAM)
            self.driver.synchronize(STREAM)
        return made

    def empty(self, shape: tuple[int, ...], dtype: Any) -> DeviceArray:
        """An array that holds poison."""
        made = DeviceArray(self.driver, shape, dtype)
        self.driver.fill(made.address, POISON, made.nbytes, STREAM)
        return made

    def seconds(self, work: Callable[[], object], *, least: float = 0.05, rounds: int = 5) -> float:
        """Time of one run of what `work` gives to the stream: the median of several rounds."""
        work()
        self.driver.synchronize(STREAM)
        if self.is_dry:
            return float("nan")
        count = 1
        while True:
            once = self._timed(work, count)
            if once >= least or count >= 2**14:
                break
            count = max(2 * count, min(2**14, int(count * least / max(once, 1e-6))))
        found = sorted(self._timed(work, count) for _ in range(rounds))
        return found[len(found) // 2] / count

    def _timed(self, work: Callable[[], object], count: int) -> float:
        start = self.driver.clock(STREAM)
        for _ in range(count):
            work()
        end = self.driver.clock(STREAM)
        return self.driver.milliseconds(start, end) / 1e3


class Prepared:
    """A file's kernels with all their arrays on the device: a call launches, and nothing else."""

    def __init__(
        self, device: Device, file: DeviceFile, image: Callable[..., Any], given: dict[str, Any]
    ) -> None:
        self.device = device
        self.file = file
        capability = device.properties.capability
        self.kernels = [
            LoadedKernel(device.driver, k, image(k, capability)) for k in file.kernels.values()
        ]
        self.held: dict[str, Any] = {}
        for name, v in given.items():
            self.held[name] = device.array(v) if np.ndim(v) else v
        sizes = file.sizes_of({n: np.shape(v) for n, v in given.items()}, given)
        for name, what in file.arrays.items():
            shape = tuple(value(text, sizes) for text in what.shape)
            made = self.held[name] = device.empty(shape, what.dtype)
            if what.role in ("counter", "status"):
                device.driver.fill(made.address, 0, made.nbytes, STREAM)
        views = {n: v.view() if isinstance(v, DeviceArray) else v for n, v in self.held.items()}
        self.launches = [
            (k, [views[n] for n in k.kernel.names], k.kernel.grid(sizes)) for k in self.kernels
        ]

    def __call__(self) -> None:
        """Launch all kernels once."""
        for kernel, values, blocks in self.launches:
            kernel.launch(values, STREAM, blocks)

    def poison(self) -> None:
        """Spoil the results of the last call."""
        for name in self.file.outputs:
            array = self.held[name]
            self.device.driver.fill(array.address, POISON, array.nbytes, STREAM)

    def results(self) -> list[np.ndarray]:
        """What the last call left."""
        return [self.held[name].to_numpy(STREAM) for name in self.file.outputs]
