"""A plugin that reports what compiling the kernels of a run took, in processor time.

Machine code that comes from the cache counts too: loading it is what a later process does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen_ad.runtime import load

SHOWN = 3
COMPILED = 0.1
"""Seconds from which a kernel was compiled rather than loaded."""


class CompileTimes:
    """Times every kernel that becomes ready in this process, or in one of its workers."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.found: list[tuple[float, str]] = []
        self._make_ready = load._make_ready

    def pytest_sessionstart(self) -> None:
        load._make_ready = self._timed

    def _timed(self, function: Callable[..., object], args: tuple[object, ...]) -> None:
        start = time.process_time()
        self._make_ready(function, args)
        seconds = time.process_time() - start
        if seconds > COMPILED:
            code: Any = getattr(function, "py_func", function)
            self.found.append((seconds, Path(code.__code__.co_filename).stem))

    def pytest_sessionfinish(self) -> None:
        load._make_ready = self._make_ready
        if hasattr(self.config, "workerinput"):
            output: dict[str, Any] = self.config.workeroutput  # pyright: ignore
            output["compile_times"] = self.found

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.found += getattr(node, "workeroutput", {}).get("compile_times", [])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.found:
            return
        seconds = [s for s, _ in self.found]
        longest = ", ".join(
            f"{name} {s:.1f} s" for s, name in sorted(self.found)[: -SHOWN - 1 : -1]
        )
        terminalreporter.write_line(
            f"compiled {len(seconds)} kernels: median {statistics.median(seconds):.2f} s of "
            f"processor time, longest: {longest}"
        )
