"""What the simulator says of a fit's kernels from which something was taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from codegen_ad.testing.lockstep import LockstepError, agree, launch, load, poison

CUDA = Path(__file__).parent.parent.parent / "generated" / "cuda"
STEPS = 3
BLOCK, GRID = "polynomial_loss_fit_momentum_block", "polynomial_loss_fit_adam_grid"
KEPT = "polynomial_loss_fit_gd_warp4"

MUTATIONS = {
    "no barrier behind the rows of warps": (
        BLOCK, "            sums[turn, warp, lane] = sum_own\n        cuda.syncthreads()",
        "            sums[turn, warp, lane] = sum_own", 1,
    ),
    "no second buffer": (BLOCK, "        turn = 1 - turn\n", "", 1),
    "no barrier before the results": (
        BLOCK, "    cuda.syncthreads()\n    if warp == 0:", "    if warp == 0:", 1,
    ),
    "a row of another warp": (BLOCK, "sums[turn, warp, lane]", "sums[turn, 0, lane]", 1),
    "a row too far": (BLOCK, "range(1, 8)", "range(1, 9)", 1),
    "a parameter too many": (BLOCK, "        if lane < 5:", "        if lane < 6:", 1),
    "one thread steps alone": (
        BLOCK, "        cuda.syncthreads()\n",
        "        if lane < 9:\n            cuda.syncthreads()\n", 1,
    ),
    "no second buffer of blocks": (GRID, "        turn = 1 - turn\n", "", 2),
    "no fence before the count": (
        GRID, "            cuda.threadfence()\n            cuda.atomic",
        "            cuda.atomic", 2,
    ),
    "no fence behind the count": (
        GRID, "                pass\n            cuda.threadfence()\n", "                pass\n", 2,
    ),
    "no atomic": (GRID, "cuda.atomic.add(arrived, 0, 1)", "arrived[0] += 1", 2),
    "a block that is not waited for": (
        GRID, "        expected += blocks\n", "        expected += blocks - 1\n", 2,
    ),
    "a row that is not there": (
        KEPT, "        if i < u64(n):\n            x_",
        "        if i <= u64(n):\n            x_", 1,
    ),
    "a row that is not kept": (KEPT, "for row in range(u64(4)):", "for row in range(u64(3)):", 1),
    "a place too far": (KEPT, "y_kept[row] = y[i, 0]", "y_kept[row + u64(1)] = y[i, 0]", 1),
    "a step that is not there": (
        GRID, "first + ahead + 1 < until", "first + ahead < until", 2,
    ),
    "a barrier that blocks pass at once": (GRID, ", 0) < expected:", ", 0) < 0:", 2),
}  # fmt: skip


def arguments(text: str, blocks: int, until: int = STEPS + 1) -> list[Any]:
    """The arguments of a fit's kernel, with what it is not given undefined."""
    file = load(text)
    kernel = file.names["KERNELS"]["loss_fit"]
    x = np.linspace(-1, 0.7, 100 if "x_kept" in text else 300)[:, None]
    more = [] if blocks == 1 else [0.999, 1e-8]
    found: dict[str, Any] = {
        "x": x,
        "y": np.sin(3 * x),
        "hyper": np.array([0.1, *([] if "x_kept" in text else [0.9]), *more, -1.0, -1.0]),
        "weights": np.full((STEPS + 1, 2), 0.5),
        "trace": np.zeros(STEPS),
        "first": 0,
        "until": until,
        "total": STEPS,
    }
    for name, what in file.names["ARRAYS"].items():
        shape = tuple(1 if text == "fits" else int(text) for text in what["shape"])
        is_zero = what["role"] in ("state", "barrier")
        found[name] = (np.zeros if is_zero else poison)(shape, np.dtype(what["dtype"]))
    found["counts"][:] = 0, 2
    found["record"][:] = np.inf, 0.0, np.inf
    return [found[name] for name in kernel["arguments"]]


def threads(name: str) -> int:
    return 32 if name == KEPT else 256


@pytest.mark.parametrize("name", [BLOCK, GRID])
def test_the_kernels_themselves_are_right(name: str) -> None:
    text = (CUDA / f"{name}.py").read_text(encoding="utf-8")
    blocks = 2 if name == GRID else 1
    given = arguments(text, blocks)
    counts = launch(load(text), "loss_fit", blocks, threads(name), given, order="reverse")
    assert given[4][0].tolist() == [STEPS, 1]
    # One barrier a step, and one of an evaluation that is ahead and not judged; the grid's have one
    # in the middle, between two of the block.
    assert counts.barriers == (STEPS + 3 if blocks == 1 else blocks * (4 * (STEPS + 2) + 2))


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_mistake_in_a_fit_is_found(what: str) -> None:
    name, old, new, blocks = MUTATIONS[what]
    text = (CUDA / f"{name}.py").read_text(encoding="utf-8")
    assert old in text
    broken = load(text.replace(old, new, 1))
    # Who writes results waits for those who read what was there: without a step, nothing else does.
    given = arguments(text, blocks, 0 if "results" in what else STEPS + 1)
    for order in ("forward", "reverse") if blocks == 1 else ():
        with pytest.raises(LockstepError):
            launch(
                broken,
                "loss_fit",
                blocks,
                threads(name),
                [v.copy() if isinstance(v, np.ndarray) else v for v in given],
                order=order,
            )
    with pytest.raises(LockstepError):
        agree(broken, "loss_fit", blocks, threads(name), given)
