"""Whole fits: one of many steps, by a warp, a block and a grid, and many side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.bundle import Bundle
from benchmarks.gpu.cases import cubic, polynomial_data
from benchmarks.gpu.device import Device
from benchmarks.report import Row
from codegen_ad.runtime.cuda.fits import DeviceRun
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.table import DeviceFile, read

POINTS = 100
STEPS = 200_000
MANY = (1, 100, 10_000, 100_000)
CHECKED_STEPS = 50
LEAST_SECONDS = 20
RATE = 0.05
TOLERANCE = {"float32": 2e-4, "float64": 1e-11}
"""Difference of the parameters from double precision on the processor, after some steps."""

WANTED = 2e4
"""Fits of 200,000 steps a second that many at once are to reach."""


@dataclass(frozen=True)
class Fit:
    """A fit of the cubic.

    Attributes
    ----------
    method, team : by what it steps, and what runs it.
    dtype : of data and parameters.
    points : how many there are.
    steps : of the single fit that is timed.
    """

    method: str
    team: str
    dtype: str
    points: int = POINTS
    steps: int = STEPS

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"fit_{self.method}_{self.team}_{self.dtype}"

    def data(self, points: int) -> tuple[Any, Any, Any]:
        """Parameters and data."""
        return polynomial_data(4)(points, self.dtype)  # type: ignore[return-value]


FITS = (
    *(Fit(m, "warp4", d) for m in ("gd", "adam") for d in ("float32", "float64")),
    Fit("gd", "block", "float64", 10_000, 20_000),
    Fit("gd", "grid", "float64", 1_000_000, 2000),
)


def write(folder: Path, dry: bool) -> list[tuple[str, DeviceFile]]:
    """Write the files of all fits, and what must come out; their names and what they say."""
    from codegen_ad import differentiate, minimize

    function = differentiate(cubic)
    found: list[tuple[str, DeviceFile]] = []
    for fit in _chosen(dry):
        arguments = fit.data(POINTS)
        mode = f"fit:{fit.method}:{fit.team}"
        text = function.source(*arguments, mode=mode, target="cuda").plain
        (folder / f"{fit.name}.py").write_text(text)
        x0, *data = (np.asarray(v, np.float64) for v in arguments)
        options: dict[str, Any] = {"learning_rate": RATE, "steps": _checked(dry)}
        best = minimize(function, x0, tuple(data), method=fit.method, **options).x
        np.savez(folder / f"{fit.name}_best.npz", best=best)
        found.append((fit.name, read(text)))
    return found


def rows(device: Device, bundle: Bundle) -> Iterator[Row]:
    """Differences, single fits, and many side by side."""
    for fit in _chosen(device.is_dry):
        if device.left() < LEAST_SECONDS:
            yield Row(fit.name, None, "", note="not measured: no time left")
            continue
        file = read((bundle.folder / f"{fit.name}.py").read_text(encoding="utf-8"))
        (kernel,) = file.kernels.values()
        image = bundle.image_of(file, fit.name)(kernel, device.properties.capability)
        loaded = LoadedKernel(device.driver, kernel, image)
        yield _difference(device, bundle, fit, file, loaded)
        points, steps = (POINTS, 2) if device.is_dry else (fit.points, fit.steps)
        seconds, _ = _timed(fit, file, loaded, points, steps, 1)
        note = f"{points} points, {steps} steps: {1e6 * seconds / steps:.3g} µs a step"
        yield _row(device, f"{fit.name}, one fit", seconds, note)
        if fit.team.startswith("warp"):
            yield from _many(device, fit, file, loaded)


def _many(device: Device, fit: Fit, file: DeviceFile, loaded: LoadedKernel) -> Iterator[Row]:
    for fits in (1, 3) if device.is_dry else MANY:
        # Fewer steps where fits are many: they take as long as the first ones.
        steps = 2 if device.is_dry else max(STEPS // max(fits // 100, 1), 2000)
        seconds, _ = _timed(fit, file, loaded, POINTS, steps, fits)
        rate = fits / seconds * steps / STEPS
        note = f"{steps} steps: {rate:.3g} fits of {STEPS} steps a second"
        row = _row(device, f"{fit.name}, {fits} fits", seconds, note)
        if fits == MANY[-1] and fit.method == "gd" and not device.is_dry:
            row = Row(
                row.name, row.value, row.unit, note=note, target=f"{WANTED:.0e} a second",
                reached=rate >= WANTED,
            )  # fmt: skip
        yield row


def _row(device: Device, name: str, seconds: float, note: str) -> Row:
    if device.is_dry:
        return Row(name, None, "", note="launched")
    return Row(name, 1e3 * seconds, "ms", note=note)


def _difference(
    device: Device, bundle: Bundle, fit: Fit, file: DeviceFile, loaded: LoadedKernel
) -> Row:
    """How far a fit of some steps is from the processor's, and whether runs agree."""
    with np.load(bundle.folder / f"{fit.name}_best.npz") as held:
        exact = held["best"]
    bits: set[bytes] = set()
    for _ in range(2 if device.is_dry else 20):
        _, found = _timed(fit, file, loaded, POINTS, _checked(device.is_dry), 1)
        bits.add(found.tobytes())
    worst = float(np.max(np.abs(found[0] - exact)) / np.max(np.abs(exact)))
    reached = len(bits) == 1 and worst <= TOLERANCE[fit.dtype]
    note = "same bits in every run" if len(bits) == 1 else "DIFFERENT BITS"
    target = f"at most {TOLERANCE[fit.dtype]:g}"
    return Row(f"{fit.name}, difference", worst, "", note=note, target=target, reached=reached)


def _timed(
    fit: Fit, file: DeviceFile, loaded: LoadedKernel, points: int, steps: int, fits: int
) -> tuple[float, np.ndarray]:
    """Seconds of a launch of all steps, the copy of its counts included, and the best points."""
    from codegen_ad.fit.methods import choose

    choice = choose(fit.method, {"learning_rate": RATE})
    w, x, y = fit.data(points)
    starts = np.tile(w, (fits, 1))
    hyper = np.array([*choice.values, -1.0, -1.0])
    run = DeviceRun(file, loaded, 0, {"x": x, "y": y}, starts, hyper, steps, trace=False)
    weights = choice.weights(0, steps + 1)
    begin = time.perf_counter()
    run.launch(steps + 1, weights)
    return time.perf_counter() - begin, run.array("best")


def _chosen(dry: bool) -> tuple[Fit, ...]:
    """All fits, or the two that a dry run has time for."""
    return (FITS[1], FITS[2]) if dry else FITS


def _checked(dry: bool) -> int:
    return 2 if dry else CHECKED_STEPS
