"""Fair clocks: peers take turns, so that a busy moment of the machine hits all of them alike."""

import importlib.util
import os
import statistics
import time
from collections.abc import Callable, Mapping

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
}

LONG = 0.1
"""Seconds that one measurement should last, by calling often enough."""


def use_threads(count: int) -> None:
    """Set what the libraries read when they are imported; call it first.

    Some thread pools are as large as the number of processors that the process may use, whatever
    the variables say: where the system allows it, that is `count`.
    """
    os.environ.update(ONE_THREAD)
    if count > 1:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(count)
        os.environ["NUMBA_NUM_THREADS"] = str(count)
        os.environ["XLA_FLAGS"] = (
            f"--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads={count}"
        )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[-count:]))


def installed(name: str) -> bool:
    """Whether a library is there, without importing it."""
    return importlib.util.find_spec(name) is not None


def interleaved(
    cases: Mapping[str, Callable[[], object]], rounds: int = 7, budget: float = 60.0
) -> dict[str, float]:
    """Median seconds of one call of each case; in each round every case has its turn.

    Each case is called twice before, to compile and to warm up. A short one is called many times in
    a row and the time divided. After `budget` seconds no further round begins.
    """
    counts = {name: _count(call) for name, call in cases.items()}
    times: dict[str, list[float]] = {name: [] for name in cases}
    start = time.perf_counter()
    for _ in range(rounds):
        for name, call in cases.items():
            times[name].append(_seconds(call, counts[name]) / counts[name])
        if time.perf_counter() - start > budget:
            break
    return {name: statistics.median(found) for name, found in times.items()}


def _count(call: Callable[[], object]) -> int:
    call()
    return max(1, int(LONG / max(_seconds(call, 1), 1e-7)))


def _seconds(call: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - start
