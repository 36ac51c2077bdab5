"""Many least-squares fits at once: the case that Gpufit was published with, and larger images.

Gpufit fits images of 5 by 5 pixels with a Gaussian peak of 5 parameters in single precision, and
reports 3.04 million fits a second, transfers included (A. Przybylski et al., Gpufit: an open-source
toolkit for GPU-accelerated curve fitting, Scientific Reports 7, 15722, 2017; on the GPU of then).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.bundle import Bundle
from benchmarks.gpu.device import STREAM, Device
from benchmarks.report import Row
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.many_fits import ManyFitsRun
from codegen_ad.runtime.cuda.table import DeviceFile, read
from codegen_ad.runtime.cuda.workspace import Workspace

GPUFIT = 3.04e6
"""Fits a second that Gpufit's publication reports."""

WANTED = {"on the device": 50, "there and back": 10}
"""How many times as many are wanted, with data that lie there, and with NumPy's."""

TEAMS = ("thread", "warp")
PIXELS = (5, 15)
MANY = (1000, 100_000, 1_000_000)
CHECKED = 1000
DRY = 2
STEPS = 20
LEAST_SECONDS = 20
TOLERANCE = 0.02
"""Difference of parameters from double precision, in standard errors."""


MODELLED = "peaks_f4_fit_many.py"
TRIPS = (7, 5, 5, 3)
"""The loops of its kernel: over evaluations of a fit, over rows and columns of pixels, and in the
search for the damping, which takes "two or three rounds". Of 1000 fits of `data` in single
precision none takes more than 6 iterations, 4.3 in the mean; a warp waits for the longest."""


def peak_image(peak, pixels, image):
    """Pixels of a Gaussian peak on a background, less those of an image."""
    height, x, y, width, background = peak
    square = (pixels[None, :] - x) ** 2 + (pixels[:, None] - y) ** 2
    return height * np.exp(-square / (2 * width**2)) + background - image


def data(fits: int, pixels: int) -> tuple[Any, Any, Any]:
    """First guesses, places of pixels, and noisy images, in single precision."""
    random = np.random.default_rng(pixels)
    middle = (pixels - 1) / 2
    low = (400.0, middle - 0.5, middle - 0.5, 0.9, 8.0)
    high = (600.0, middle + 0.5, middle + 0.5, 1.1, 12.0)
    count = min(fits, 10_000)  # drawn once, and then again and again: drawing takes long
    peaks = random.uniform(low, high, size=(count, 5))
    places = np.arange(float(pixels))
    images = np.stack([peak_image(p, places, 0.0) for p in peaks])
    images += random.normal(size=images.shape) * np.sqrt(images)
    starts = np.tile((500.0, middle, middle, 1.0, 10.0), (fits, 1))
    single = (np.resize(images, (fits, pixels, pixels)), places, starts)
    image, place, start = (v.astype("float32") for v in single)
    return start, place, image


def name_of(team: str) -> str:
    """What a team's file is called."""
    return f"fit_many_{team}_float32"


def write(folder: Path, dry: bool) -> list[tuple[str, DeviceFile]]:
    """Write the files, and what must come out; their names and what they say."""
    from codegen_ad import differentiate, fit_many

    function = differentiate(peak_image, wrt="peak")
    found: list[tuple[str, DeviceFile]] = []
    start, places, image = data(1, PIXELS[0])
    for team in TEAMS:
        mode = f"fit_many:image:{team}"
        text = function.source(start[0], places, image[0], mode=mode, target="cuda").plain
        (folder / f"{name_of(team)}.py").write_text(text)
        found.append((name_of(team), read(text)))
    for pixels in _pixels(dry):
        given = [v.astype("float64") for v in data(_checked(dry), pixels)]
        exact = fit_many(function, given[0], tuple(given[1:]), per_fit="image")
        held = {"x": exact.x, "errors": exact.errors}
        np.savez(folder / f"fit_many_{pixels}.npz", **held)
    return found


def modelled(generated: Path) -> Iterator[str]:
    """Fits a second by the model of many warps at once, beside what is wanted."""
    from codegen_ad.testing.machine_code import whole

    name = "residuals_fit_many"
    found = whole(generated / MODELLED, name, TRIPS)
    fits = found.fits(1, 32)
    wanted = WANTED["on the device"] * GPUFIT
    yield (
        f"{MODELLED}: {found.warps} warps at once on a multiprocessor, {found.cycles:.0f} of its "
        f"cycles for 32 fits of 5 by 5 pixels, {TRIPS[0]} evaluations each ({found.limit}); by "
        f"the model {fits:.3g} fits a second, {fits / GPUFIT:.0f} times what Gpufit reports: "
        f"{'reaches' if fits >= wanted else 'MISSES'} {WANTED['on the device']} times"
    )


def rows(device: Device, bundle: Bundle) -> Iterator[Row]:
    """Differences from the processor, and fits a second."""
    for team in TEAMS:
        file = read((bundle.folder / f"{name_of(team)}.py").read_text(encoding="utf-8"))
        image = bundle.image_of(file, name_of(team))
        capability = device.properties.capability
        kernels = {
            name: LoadedKernel(device.driver, kernel, image(kernel, capability))
            for name, kernel in file.kernels.items()
        }
        for pixels in _pixels(device.is_dry):
            yield _difference(device, bundle, team, file, kernels, pixels)
            for fits in (DRY,) if device.is_dry else MANY:
                if device.left() < LEAST_SECONDS:
                    yield Row(f"{team}, {fits} fits", None, "", note="not measured: no time left")
                    continue
                yield from _rates(device, team, file, kernels, pixels, fits)


def _begun(
    device: Device, file: DeviceFile, kernels: dict[str, LoadedKernel], given: Any
) -> ManyFitsRun:
    """Fits whose data are copied to the device, and transposed there if need be."""
    start, places, image = given
    workspace = Workspace(device.driver, file.arrays, STREAM)
    eps = float(np.finfo("float32").eps)
    limits = np.array([4 * eps, eps**0.5, eps ** (2 / 3), 4 * eps])
    arguments = {"pixels": places, "image": image}
    steps = 2 if device.is_dry else STEPS
    return ManyFitsRun(
        file, kernels, workspace, (0, STREAM), arguments, {"image"}, start, limits, steps
    )


def _difference(
    device: Device,
    bundle: Bundle,
    team: str,
    file: DeviceFile,
    kernels: dict[str, LoadedKernel],
    pixels: int,
) -> Row:
    """How far fits are from double precision on the processor, and whether runs agree."""
    with np.load(bundle.folder / f"fit_many_{pixels}.npz") as held:
        exact, errors = held["x"], held["errors"]
    bits: set[bytes] = set()
    run = _begun(device, file, kernels, data(_checked(device.is_dry), pixels))
    for _ in range(1 if device.is_dry else 20):
        run.again()
        run.launch(run.steps)
        found = run.results()
        bits.add(b"".join(v.tobytes() for v in found.values()))
    run.close()
    # Two steps of a dry run are near, and not yet there.
    limit = 1.0 if device.is_dry else TOLERANCE
    worst = float(np.max(np.abs(found["best"] - exact) / errors))
    ended = np.isin(found["outcome"], (0, 4, 5)).all() or device.is_dry
    same = "same bits in every run" if len(bits) == 1 else "DIFFERENT BITS"
    note = f"in standard errors; {same}; {found['counts'][:, 0].mean():.1f} iterations"
    reached = bool(worst <= limit and len(bits) == 1 and ended)
    label = f"{team}, {pixels} x {pixels}, difference"
    return Row(label, worst, "", note=note, target=f"at most {limit:g}", reached=reached)


def _rates(
    device: Device,
    team: str,
    file: DeviceFile,
    kernels: dict[str, LoadedKernel],
    pixels: int,
    fits: int,
) -> Iterator[Row]:
    """Fits a second, the data on the device; and with NumPy's, there and back."""
    given = data(fits, pixels)
    label = f"{team}, {pixels} x {pixels}, {fits} fits"
    run = _begun(device, file, kernels, given)

    def launch() -> None:
        run.again()
        run.launch(run.steps)

    seconds = device.seconds(launch)
    run.close()

    def whole() -> float:
        begin = time.perf_counter()
        run = _begun(device, file, kernels, given)
        run.launch(run.steps)
        run.results()
        run.close()
        return time.perf_counter() - begin

    everything = min(whole() for _ in range(1 if device.is_dry else 3))
    for what, took in (("on the device", seconds), ("there and back", everything)):
        if device.is_dry:
            yield Row(f"{label}, {what}", None, "", note="launched")
            continue
        is_anchor = (team, pixels, fits) == ("thread", PIXELS[0], MANY[-1])
        wanted = WANTED[what] * GPUFIT
        yield Row(
            f"{label}, {what}", 1e3 * took, "ms", note=f"{fits / took:.3g} fits a second",
            target=f"{wanted:.3g} a second" if is_anchor else "",
            reached=fits / took >= wanted if is_anchor else None,
        )  # fmt: skip


def _pixels(dry: bool) -> tuple[int, ...]:
    return PIXELS[:1] if dry else PIXELS


def _checked(dry: bool) -> int:
    return DRY if dry else CHECKED
