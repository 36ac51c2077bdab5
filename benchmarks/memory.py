"""How much memory a call takes while it runs, beyond what is there before it (Linux only)."""

import ctypes
import gc
import resource
import time
from collections.abc import Callable
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")

SETTLE = 0.05
"""Seconds in which another thread of a library frees what a call needed; JAX has such a thread."""


def of_call(call: Callable[[], object]) -> int | None:
    """Bytes by which a call raises the process's resident memory at most; None if not known.

    It is called once before, so that what is compiled or kept for later calls does not count.
    """
    call()
    gc.collect()
    time.sleep(SETTLE)
    try:
        ctypes.CDLL(None).malloc_trim(0)
        CLEAR.write_text("5")  # the peak begins again
        before = _bytes("VmRSS")
        call()
        return max(0, _bytes("VmHWM") - before)
    except (OSError, AttributeError, StopIteration):
        return None


def of_process() -> int:
    """Bytes that the process had resident at most."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _bytes(key: str) -> int:
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])
