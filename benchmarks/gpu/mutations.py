"""Mistakes put into kernels of many least-squares fits, each of which the simulator must find.

The files are those in `generated/cuda`. A mistake is found where the simulator refuses a run (a
race, an index outside of an array, lanes that diverge), or where what comes out is something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import Row
from examples import gaussian_peaks as peaks

CUDA = Path(__file__).parent.parent.parent / "generated" / "cuda"
THREAD, WARP = "peaks_f4_fit_many", "peaks_f4_fit_many_warp"
FITS = 2
STARTS = np.tile(peaks.START, (FITS, 1)).astype("f4")
IMAGES = peaks.images(FITS)[1].astype("f4")
ORDERS = ("reverse",)
TOLERANCE = 3e-4

MUTATIONS = {
    "no barrier before the state is written": (WARP, "    cuda.syncwarp()\n", ""),
    "all lanes write": (WARP, "if cuda.threadIdx.x == 0:\n        for", "if True:\n        for"),
    "no atomic": (THREAD, "cuda.atomic.add(running, 0, 1)", "running[0] += 1"),
    "a thread too many": (THREAD, "if fit >= u64(", "if fit > u64("),
    "rows of one lane too far": (WARP, "i = u64(lane)", "i = u64(lane + 1)"),
    "another stride than the lanes": (WARP, "i += u64(32)", "i += u64(2)"),
    "a sum of another lane": (
        WARP, "d_value_3 = cuda.shfl_sync(ALL, sum_own, 3)",
        "d_value_3 = cuda.shfl_sync(ALL, sum_own, 2)",
    ),
    "the data of another fit": (THREAD, "image[:, :, fit]", "image[:, :, 0]"),
    "a lane that goes": (
        WARP, "    if fit >=", "    if cuda.threadIdx.x == 3:\n        return\n    if fit >=",
    ),
    "a start that is not handed on": (THREAD, "= best[i, fit], scales", "= points[i, fit], scales"),
    "iterations that are not handed on": (WARP, "iteration = counts[fit, 0]", "iteration = 0"),
}  # fmt: skip

TRANSPOSED = {
    "no barrier between writing and reading": ("    cuda.syncthreads()\n    for k", "    for k"),
    "rows for columns": ("= tile[lane, k]", "= tile[k, lane]"),
    "a row too far": ("(left + k < source.shape[1])", "(left + k <= source.shape[1])"),
    "a tile too few": ("(source.shape[1] + 31) // 32", "source.shape[1] // 32"),
}


def rows() -> Iterator[Row]:
    """For each mistake how it is found."""
    wanted = right()
    for name in MUTATIONS:
        yield _row(name, of_fits(name, wanted))
    for name in TRANSPOSED:
        yield _row(f"transposed: {name}", of_tiles(TRANSPOSED[name]))


def _row(name: str, found: str) -> Row:
    return Row(name, None, "", note=found or "NOT FOUND", reached=bool(found))


def right() -> Any:
    """Points and iterations of fits of threads, which those of warps are near to."""
    found, others = fitted(THREAD), fitted(WARP)
    assert found["running"][0] == FITS
    assert (found["counts"][0] == 2).all()
    wanted = points(found, THREAD)
    np.testing.assert_allclose(points(others, WARP), wanted, rtol=TOLERANCE)
    return wanted


def of_fits(name: str, wanted: Any) -> str:
    """How a mistake in a fit is found; empty if it is not."""
    from codegen_ad.testing.lockstep import LockstepError

    file, old, new = MUTATIONS[name]

    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    try:
        found = points(fitted(file, change), file)
    except LockstepError as error:
        return type(error).__name__
    return "" if np.allclose(found, wanted, rtol=TOLERANCE) else "other results"


def of_tiles(change: tuple[str, str]) -> str:
    """How a mistake in the kernel that transposes is found; empty if it is not."""
    from codegen_ad.testing.lockstep import LockstepError, agree, load, poison

    old, new = change
    text = (CUDA / f"{THREAD}.py").read_text(encoding="utf-8")
    assert old in text, old
    source = np.arange(33 * 65, dtype="f4").reshape(33, 65)
    given = [source, poison((65, 33), np.dtype("f4"))]
    file = load(text.replace(old, new, 1))
    try:
        _, found = agree(file, "transposed_float32", 6, 256, given, orders=ORDERS)
    except LockstepError as error:
        return type(error).__name__
    return "" if np.array_equal(found, source.T) else "other results"


def fitted(name: str, change: Callable[[str], str] = str) -> dict[str, Any]:
    """Everything as two launches leave it, of an iteration each."""
    from codegen_ad.testing.lockstep import agree, load, poison

    file = load(change((CUDA / f"{name}.py").read_text(encoding="utf-8")))
    kernel = file.names["KERNELS"]["residuals_fit_many"]
    is_last = file.names["SIZES"]["fits"] == ("points", 1)
    known: dict[str, Any] = {
        "points": STARTS.T.copy() if is_last else STARTS,
        "pixels": peaks.PIXELS.astype("f4"),
        "noise": np.float32(peaks.NOISE),
        "image": np.moveaxis(IMAGES, 0, -1).copy() if is_last else IMAGES,
        "limits": np.array([1e-9, 1e-9, 1e-9, 5e-7], "f4"),
        "steps": 10,
    }
    for array, what in file.names["ARRAYS"].items():
        shape = tuple(FITS if n == "fits" else int(n) for n in what["shape"])
        known[array] = poison(shape, np.dtype(what["dtype"]))
    for begun in (0, 1):
        known["begun"], known["until"] = begun, begun + 1
        known["running"][:] = 0
        values = [known[n] for n in kernel["arguments"]]
        blocks = 1 if is_last else FITS
        after = agree(file, "residuals_fit_many", blocks, kernel["threads"], values, orders=ORDERS)
        known.update(zip(kernel["arguments"], after, strict=True))
    return known


def points(found: Mapping[str, Any], name: str) -> Any:
    """The best points, and the numbers of iterations."""
    both = [found["best"], found["counts"]]
    return np.concatenate([v.T if name == THREAD else v for v in both], axis=1)
