"""Watching a kernel that runs a whole fit: progress, callback, time limit, Ctrl-C.

The kernel is compiled, releases the interpreter lock and cannot be interrupted. It shares two small
arrays with Python: it writes `progress` as it goes and reads `stop` at every step. This room never
knows what is fitted; anything that honours the contract of `watch` can be watched.
"""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

SHORT = 100
"""Runs of no more steps are called directly: starting a thread would take as long."""

TICK = 0.1
"""Seconds between two looks at the progress, and between two calls of the callback."""

PATIENCE = 0.5
"""Seconds after which a run is long enough for a progress bar that was not asked for."""


class Status(IntEnum):
    """What the kernel returns."""

    CONVERGED = 0
    STEPS_DONE = 1
    STOPPED = 2
    NOT_FINITE = 3
    SMALL_STEP = 4
    SMALL_CHANGE = 5
    TOO_FEW = 6
    STALLED = 7


class Reason(Enum):
    """Who stopped a run."""

    INTERRUPT = "Ctrl-C"
    CALLBACK = "the callback"
    TIME_LIMIT = "the time limit"


class Progress(NamedTuple):
    """What a kernel writes into its `progress` array, in this order.

    The numbers are written one after another without a lock, so that a reader may see those of two
    neighbouring steps at once.
    """

    step: int
    loss: float
    gradient_norm: float
    best_loss: float


class Outcome(NamedTuple):
    """How a run ended, and who stopped it if someone did."""

    status: Status
    reason: Reason | None

    @property
    def message(self) -> str:
        """One sentence for people."""
        match self.status:
            case Status.CONVERGED:
                return "Converged: a tolerance was reached."
            case Status.STEPS_DONE:
                return "All steps were taken."
            case Status.STOPPED:
                by = "" if self.reason is None else f" by {self.reason.value}"
                return f"Stopped{by}; this is the best point up to then."
            case Status.NOT_FINITE:
                return "The loss or its gradient is not finite; this is the best point before that."
            case Status.SMALL_STEP:
                return "Converged: steps are small beside the parameters."
            case Status.SMALL_CHANGE:
                return "Converged: a step would hardly lower the sum of squares."
            case Status.TOO_FEW:
                return "There are fewer residuals than parameters."
            case Status.STALLED:
                return "No step lowers the sum of squares, and the gradient says that one would."

    def is_success(self, *, tolerances: bool) -> bool:
        """Whether the run did what was asked; with tolerances, taking all steps is not enough."""
        if self.status is Status.STEPS_DONE:
            return not tolerances
        return self.status in (Status.CONVERGED, Status.SMALL_STEP, Status.SMALL_CHANGE)


Callback = Callable[[int, float, float], object]
"""`callback(step, loss, gradient_norm)`; returning True stops the run."""


def read_progress(progress: NDArray[np.float64]) -> Progress:
    """The numbers in a kernel's `progress` array."""
    step, loss, gradient_norm, best_loss = progress.tolist()
    return Progress(int(step), loss, gradient_norm, best_loss)


def watch(
    run: Callable[[], int],
    progress: NDArray[np.float64],
    stop: NDArray[np.int64],
    *,
    steps: int,
    progress_bar: bool | None = None,
    callback: Callback | None = None,
    time_limit: float | None = None,
    short: int = SHORT,
    unit: str = "step",
) -> Outcome:
    """Call `run` and see to it while it works.

    Parameters
    ----------
    run
        Calls the kernel and returns its status code. The kernel returns `Status.STOPPED` soon after
        `stop[0]` is not 0, and has written `progress` when it returns.
    progress, stop
        The arrays that the kernel writes and reads; `stop` is 0.
    steps
        How many steps the kernel takes at most.
    progress_bar
        True shows one, False shows none; None shows one once the run has lasted half a second, if
        the standard error stream is a terminal.
    callback
        Called from this thread, at most about ten times a second, and once with the last step.
    time_limit
        Seconds after which the run is stopped.
    short
        Runs of no more steps are called directly, where nothing else wants a thread.
    unit
        What the progress bar counts. Only where it is steps does it show the loss.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C comes before the first step, or a second time. Otherwise Ctrl-C is an `Outcome`.
    Exception
        Whatever `run` or the callback raises; the kernel has returned by then.
    """
    first = progress[0]
    if steps <= short and callback is None and time_limit is None and not progress_bar:
        outcome = _call(run)
    else:
        watcher = _Watcher(run, progress, stop, steps, progress_bar, callback, time_limit, unit)
        outcome = watcher.watch()
    if outcome.reason is Reason.INTERRUPT and progress[0] == first:
        raise KeyboardInterrupt
    return outcome


def _call(run: Callable[[], int]) -> Outcome:
    try:
        return Outcome(Status(run()), None)
    except KeyboardInterrupt:  # Python hears of it once the kernel has returned
        return Outcome(Status.STOPPED, Reason.INTERRUPT)


class _Bar(Protocol):
    n: Any

    def update(self, n: float) -> object: ...
    def set_postfix_str(self, s: str, refresh: bool) -> object: ...
    def close(self) -> object: ...


class _Watcher:
    """One run in a worker thread, watched from the thread that called."""

    def __init__(
        self,
        run: Callable[[], int],
        progress: NDArray[np.float64],
        stop: NDArray[np.int64],
        steps: int,
        progress_bar: bool | None,
        callback: Callback | None,
        time_limit: float | None,
        unit: str,
    ) -> None:
        self._unit = unit
        self._run = run
        self._progress = progress
        self._stop = stop
        self._steps = steps
        self._wants_bar = progress_bar
        self._callback = callback
        self._time_limit = time_limit
        self._done = threading.Event()
        self._status: int | None = None
        self._error: BaseException | None = None
        self._reason: Reason | None = None
        self._first = read_progress(progress).step
        self._reported = self._first
        self._bar: _Bar | None = None
        self._start = time.monotonic()

    def watch(self) -> Outcome:
        # A copy of the context, so that np.errstate and the like hold in the worker too.
        context = contextvars.copy_context()
        worker = threading.Thread(target=context.run, args=(self._work,), daemon=True)
        try:
            worker.start()
            while not self._done.wait(self._delay()):
                self._tick()
            if self._reason is not Reason.CALLBACK and self._error is None:
                self._report()
        except KeyboardInterrupt:
            self._reason = Reason.INTERRUPT
            self._finish(worker)  # a second Ctrl-C in here is not caught
        except BaseException:
            self._finish(worker)
            raise
        finally:
            self._close_bar()
        if self._error is not None:
            raise self._error
        if self._status is None:  # interrupted before the worker began
            raise KeyboardInterrupt
        status = Status(self._status)
        return Outcome(status, self._reason if status is Status.STOPPED else None)

    def _work(self) -> None:
        try:
            self._status = self._run()
        except BaseException as error:  # raised again in the thread that called
            self._error = error
        finally:
            self._done.set()

    def _finish(self, worker: threading.Thread) -> None:
        """Ask the kernel to return, and wait until it has."""
        self._stop[0] = 1
        while worker.is_alive() and not self._done.wait(TICK):
            pass

    def _delay(self) -> float:
        if self._time_limit is None or self._reason is not None:
            return TICK
        return min(TICK, max(self._start + self._time_limit - time.monotonic(), 0.0))

    def _tick(self) -> None:
        elapsed = time.monotonic() - self._start
        self._show(elapsed)
        if self._reason is not None:  # the kernel has been asked and will return
            return
        if self._time_limit is not None and elapsed >= self._time_limit:
            self._reason = Reason.TIME_LIMIT
        elif self._report():
            self._reason = Reason.CALLBACK
        if self._reason is not None:
            self._stop[0] = 1

    def _report(self) -> bool:
        """Call the callback unless it has seen this step; whether it wants to stop."""
        now = read_progress(self._progress)
        if self._callback is None or now.step == self._reported:
            return False
        self._reported = now.step
        answer = self._callback(now.step, now.loss, now.gradient_norm)
        return answer is True or answer is np.True_

    def _show(self, elapsed: float) -> None:
        if self._bar is None and self._is_bar_due(elapsed):
            from tqdm import tqdm

            self._bar = tqdm(total=self._steps, unit=self._unit, file=sys.stderr, miniters=1)
        if self._bar is not None:
            now = read_progress(self._progress)
            if self._unit == "step":
                self._bar.set_postfix_str(f"loss={now.loss:.6g}", refresh=False)
            self._bar.update(now.step - self._first - self._bar.n)

    def _is_bar_due(self, elapsed: float) -> bool:
        if self._wants_bar is None:
            return elapsed >= PATIENCE and bool(sys.stderr) and sys.stderr.isatty()
        return self._wants_bar

    def _close_bar(self) -> None:
        if self._bar is not None or self._wants_bar:
            self._show(0.0)  # the last step
        if self._bar is not None:
            self._bar.close()
