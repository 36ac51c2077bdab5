"""Fewer looks for cyclic garbage while a kernel is made or loaded.

Programs, kernels and the compiler's own notes are many small objects that mostly stay. Python walks
over new ones after every 700 of them, which took a tenth of the time to the first gradient. It
never stops looking altogether, so that memory stays bounded.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from threading import Lock

_OBJECTS = 100_000
"""New objects between two looks: with a million the time is the same."""


@contextmanager
def fewer_collections() -> Generator[None]:
    """Let Python look for garbage after 100,000 new objects, or later if it was told so.

    The collector is one for all threads: what it was told comes back with the last that leaves,
    unless somebody has told it something else meanwhile.
    """
    collector = _collector()
    collector.enter()
    try:
        yield
    finally:
        collector.leave()


class _Collector:
    """Counts who is inside, and knows what held before."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._before = gc.get_threshold()
        self._set = self._before

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            self._before = gc.get_threshold()
            first, *rest = self._before
            # A threshold of 0 switches the collector off.
            gc.set_threshold(first and max(first, _OBJECTS), *rest)
            self._set = gc.get_threshold()

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and gc.get_threshold() == self._set:
                gc.set_threshold(*self._before)


@cache
def _collector() -> _Collector:
    return _Collector()
