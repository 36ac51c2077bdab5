"""Threads that share the chunks of a kernel's rows; who works on which chunk changes nothing.

They are threads of Python, started when the first large call wants them: a kernel's functions run
without the GIL, so they need neither a threading layer of numba nor `parallel=True`, which takes
seconds to compile. How many run is numba's to say: `NUMBA_NUM_THREADS`, `numba.set_num_threads`.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

from codegen_ad.options import threads_of

LARGE = 10_000_000
"""Weighted operations from which a call is shared by threads: about a millisecond. Waking them
takes some ten microseconds, and more where the processor is busy."""

DEAL = 4
"""Chunks are dealt in so many parts for each thread, so that a slow thread holds up little."""


class Team:
    """Calls a function for all chunks, parts of them in other threads.

    Parameters
    ----------
    limit : as many threads at most; None for as many as numba would use.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit

    def __call__(self, function: Callable[..., object], chunks: int, *arguments: Any) -> None:
        """Call `function(first, last, *arguments)` for parts of `range(chunks)`, and wait.

        An error is that of the first chunk that fails, as without threads. Calls from several
        threads, and in forked processes, do not wait for each other: whoever calls takes part, and
        is never held up by what other calls have still to do.
        """
        threads = min(self._threads(), chunks)
        if threads < 2:
            function(0, chunks, *arguments)
            return
        function(0, 0, *arguments)  # compiled, or loaded, before threads meet
        parts = min(chunks, DEAL * threads)
        waiting = deque((chunks * k // parts, chunks * (k + 1) // parts) for k in range(parts))
        failed: list[tuple[int, Exception]] = []

        def work() -> None:
            while True:
                try:
                    first, last = waiting.popleft()
                except IndexError:
                    return
                try:
                    function(first, last, *arguments)
                except Exception as error:  # raised below, once the chunks before it are done
                    failed.append((first, error))
                    waiting.clear()

        helpers = _helpers(threads - 1, work)
        try:
            work()
        finally:
            waiting.clear()
            for helper in helpers:
                if not helper.cancel():
                    helper.result()
        if failed:
            raise min(failed, key=lambda found: found[0])[1]

    def _threads(self) -> int:
        allowed = _numbas()
        limit = self._limit if self._limit is not None else threads_of(None)
        return allowed if limit is None else min(limit, allowed)


def _helpers(count: int, work: Callable[[], None]) -> list[Future[None]]:
    """Let threads of the process's pool work too; none where Python is about to end."""
    try:
        # A forked process has no threads but the one that forked: it needs a pool of its own.
        pool = _pool(os.getpid())
        return [pool.submit(work) for _ in range(count)]
    except RuntimeError:
        return []


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of a process; each starts when there is work for it."""
    return ThreadPoolExecutor(max(1, _most() - 1), thread_name_prefix="codegen_ad")


def _most() -> int:
    """How many threads numba may use at most."""
    from numba import config

    found: Any = config
    return int(found.NUMBA_NUM_THREADS)


def _numbas() -> int:
    """How many threads numba would use now.

    Asking numba starts its own threads; nobody has set a number while they have not been started.
    """
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    if parallel is None or not getattr(parallel, "_is_initialized", False):
        return _most()
    return int(parallel.get_num_threads())
