"""Watching a kernel: a Python function stands in for it and honours the same contract."""

import _thread
import io
import math
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.fit import monitor
from codegen_ad.fit.monitor import Outcome, Reason, Status, read_progress, watch

ENDLESS = 10**9


class Kernel:
    """Halves a loss at every step; looks at `stop` before each."""

    def __init__(
        self,
        steps: int,
        *,
        pause: float = 0.0,
        at: tuple[int, Callable[[], object]] | None = None,
        nan_at: int = -1,
        first: int = 0,
    ) -> None:
        self.progress = np.zeros(4)
        self.progress[0] = first
        self.stop = np.zeros(1, np.int64)
        self.steps = steps
        self.pause = pause
        self.at = at
        self.nan_at = nan_at
        self.thread: threading.Thread | None = None
        self.returned = False

    def __call__(self) -> int:
        self.thread = threading.current_thread()
        status = self.work()
        self.returned = True
        return status

    def work(self) -> int:
        first = int(self.progress[0])
        for step in range(first + 1, first + self.steps + 1):
            if self.stop[0]:
                return Status.STOPPED
            if self.at is not None and step == self.at[0]:
                self.at[1]()
            loss = math.nan if step == self.nan_at else 1.0 / step
            if math.isnan(loss):
                return Status.NOT_FINITE
            self.progress[:] = step, loss, 0.5 * loss, loss
            if self.pause:
                time.sleep(self.pause)
        return Status.STEPS_DONE

    def watch(self, **options: Any) -> Outcome:
        return watch(self, self.progress, self.stop, steps=self.steps, **options)

    @property
    def step(self) -> int:
        return read_progress(self.progress).step

    @property
    def was_here(self) -> bool:
        """Whether it ran in the thread of the test."""
        return self.thread is threading.current_thread()


def endless(**options: Any) -> Kernel:
    return Kernel(ENDLESS, pause=0.001, **options)


# Where it runs, and how it ends -------------------------------------------------------------------


def test_a_short_run_is_called_directly() -> None:
    kernel = Kernel(10)
    assert kernel.watch() == (Status.STEPS_DONE, None)
    assert kernel.was_here


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        (monitor.SHORT + 1, {}),
        (10, {"callback": lambda *_: None}),
        (10, {"time_limit": 60.0}),
        (10, {"progress_bar": True}),
    ],
    ids=["long", "callback", "time limit", "bar"],
)
def test_other_runs_have_a_thread(
    steps: int, options: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    kernel = Kernel(steps)
    assert kernel.watch(**options) == (Status.STEPS_DONE, None)
    assert not kernel.was_here
    assert not kernel.stop[0]
    assert kernel.thread is not None
    kernel.thread.join(5)
    assert not kernel.thread.is_alive()
    assert bool(capfd.readouterr().err) == ("progress_bar" in options)


@pytest.mark.parametrize("steps", [10, ENDLESS])
def test_a_loss_that_is_not_finite_ends_the_run(steps: int) -> None:
    kernel = Kernel(steps, nan_at=7)
    assert kernel.watch() == (Status.NOT_FINITE, None)
    assert kernel.step == 6


def test_the_status_is_the_kernels() -> None:
    kernel = Kernel(1)
    outcome = watch(lambda: 0, kernel.progress, kernel.stop, steps=1)
    assert outcome.status is Status.CONVERGED


def test_a_fast_kernel_is_not_kept_waiting() -> None:
    start = time.perf_counter()
    for _ in range(20):
        Kernel(monitor.SHORT + 1).watch()
    assert time.perf_counter() - start < 20 * monitor.TICK / 2


def test_floating_point_settings_hold_in_the_thread() -> None:
    seen: list[str] = []
    kernel = Kernel(1000, at=(5, lambda: seen.append(np.geterr()["over"])))
    with np.errstate(over="call"):
        kernel.watch()
    assert seen == ["call"]


# Time limit ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.02, 0.25])
def test_the_time_limit_stops_the_run(limit: float) -> None:
    kernel = endless()
    start = time.perf_counter()
    assert kernel.watch(time_limit=limit) == (Status.STOPPED, Reason.TIME_LIMIT)
    assert limit <= time.perf_counter() - start < limit + 2
    assert kernel.step > 0
    assert kernel.returned


def test_a_run_within_its_time_limit_is_not_stopped() -> None:
    assert Kernel(200).watch(time_limit=60.0) == (Status.STEPS_DONE, None)


# Callback -----------------------------------------------------------------------------------------


def test_the_callback_sees_some_steps_and_the_last() -> None:
    seen: list[tuple[int, float, float]] = []
    kernel = Kernel(300, pause=0.001)
    start = time.perf_counter()
    assert kernel.watch(callback=lambda *now: seen.append(now)).status is Status.STEPS_DONE
    most = (time.perf_counter() - start) / monitor.TICK + 2
    assert 2 <= len(seen) <= most
    steps = [step for step, _, _ in seen]
    assert steps == sorted(set(steps))
    assert seen[-1] == (300, 1 / 300, 0.5 / 300)
    assert all(type(step) is int for step in steps)


def test_the_callback_of_a_fast_run_is_called_once() -> None:
    seen: list[int] = []
    Kernel(5).watch(callback=lambda step, *_: seen.append(step))
    assert seen == [5]


@pytest.mark.parametrize("answer", [True, np.True_])
def test_the_callback_stops_the_run(answer: object) -> None:
    seen: list[int] = []

    def callback(step: int, loss: float, gradient_norm: float) -> object:
        seen.append(step)
        return answer if len(seen) == 2 else None

    kernel = endless()
    assert kernel.watch(callback=callback) == (Status.STOPPED, Reason.CALLBACK)
    assert len(seen) == 2
    assert kernel.step >= seen[-1]
    assert kernel.returned


@pytest.mark.parametrize("answer", [False, None, 1, "stop", np.False_])
def test_only_true_stops_the_run(answer: object) -> None:
    kernel = Kernel(150, pause=0.001)
    assert kernel.watch(callback=lambda *_: answer).status is Status.STEPS_DONE


def test_before_the_first_step_there_is_nothing_to_call_back_with() -> None:
    seen: list[int] = []
    kernel = Kernel(3, at=(1, lambda: time.sleep(2.5 * monitor.TICK)))
    kernel.watch(callback=lambda step, *_: seen.append(step))
    assert seen == [3]


def test_an_error_in_the_callback_ends_the_run() -> None:
    def callback(*_: object) -> None:
        raise ZeroDivisionError("in the callback")

    kernel = endless()
    with pytest.raises(ZeroDivisionError, match="in the callback"):
        kernel.watch(callback=callback)
    assert kernel.returned


# Errors in the kernel -----------------------------------------------------------------------------


def fail() -> None:
    raise ZeroDivisionError("in the kernel")


@pytest.mark.parametrize("steps", [10, ENDLESS])
def test_an_error_in_the_kernel_is_raised_here(steps: int) -> None:
    kernel = Kernel(steps, at=(3, fail))
    with pytest.raises(ZeroDivisionError, match="in the kernel") as error:
        kernel.watch()
    assert "fail" in [entry.name for entry in error.traceback]


def test_no_callback_after_an_error() -> None:
    seen: list[int] = []
    with pytest.raises(ZeroDivisionError):
        Kernel(10, at=(3, fail)).watch(callback=lambda step, *_: seen.append(step))
    assert seen == []


# Ctrl-C -------------------------------------------------------------------------------------------


def after(seconds: float, action: Callable[[], object]) -> None:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


def send_interrupt() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


needs_signals = pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="this system cannot send a signal to a thread"
)


@needs_signals
def test_an_interrupt_returns_what_there_is() -> None:
    kernel = endless()
    after(0.15, send_interrupt)
    start = time.perf_counter()
    assert kernel.watch() == (Status.STOPPED, Reason.INTERRUPT)
    assert time.perf_counter() - start < 2
    assert kernel.step > 0
    assert kernel.returned


def test_an_interrupt_from_another_thread() -> None:
    kernel = endless(at=(20, _thread.interrupt_main))
    assert kernel.watch() == (Status.STOPPED, Reason.INTERRUPT)
    assert kernel.step >= 20
    assert kernel.returned


def test_an_interrupt_in_the_callback() -> None:
    kernel = endless()
    outcome = kernel.watch(callback=lambda *_: signal.raise_signal(signal.SIGINT))
    assert outcome == (Status.STOPPED, Reason.INTERRUPT)
    assert kernel.returned


def test_an_interrupt_of_a_short_run() -> None:
    kernel = Kernel(10, at=(5, lambda: signal.raise_signal(signal.SIGINT)))
    assert kernel.watch() == (Status.STOPPED, Reason.INTERRUPT)
    assert kernel.step == 4


@pytest.mark.parametrize("steps", [10, ENDLESS])
def test_an_interrupt_before_the_first_step_is_passed_on(steps: int) -> None:
    def wait() -> None:
        _thread.interrupt_main()
        time.sleep(2 * monitor.TICK)

    kernel = Kernel(steps)

    def compile_first() -> int:
        wait()
        return Kernel.work(kernel)

    with pytest.raises(KeyboardInterrupt):
        watch(compile_first, kernel.progress, kernel.stop, steps=steps)
    assert kernel.step == 0


def test_a_second_interrupt_does_not_wait_for_the_kernel() -> None:
    leave = threading.Event()
    stuck = Kernel(ENDLESS, at=(2, lambda: leave.wait(20)))
    after(0.1, _thread.interrupt_main)
    after(0.4, _thread.interrupt_main)
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        stuck.watch()
    assert time.perf_counter() - start < 5
    assert stuck.stop[0]
    leave.set()
    assert stuck.thread is not None
    stuck.thread.join(5)
    assert not stuck.thread.is_alive()


# A compiled kernel --------------------------------------------------------------------------------


def test_a_compiled_kernel_can_be_watched() -> None:
    numba = pytest.importorskip("numba")

    @numba.njit(nogil=True, error_model="numpy")
    def descend(first: int, steps: int, w: Any, rate: float, progress: Any, stop: Any) -> int:
        for step in range(first + 1, first + steps + 1):
            if stop[0]:
                return 2
            loss = (w[0] - 3.0) * (w[0] - 3.0)
            slope = 2.0 * (w[0] - 3.0)
            progress[0] = step
            progress[1] = loss
            progress[2] = abs(slope)
            progress[3] = loss
            w[0] -= rate * slope
        return 1

    seen: list[int] = []
    for steps in (10, 10**15):  # the first one compiles
        w, progress, stop = np.zeros(1), np.zeros(4), np.zeros(1, np.int64)
        outcome = watch(
            lambda: descend(0, steps, w, 1e-9, progress, stop),  # noqa: B023
            progress,
            stop,
            steps=steps,
            callback=lambda step, *_: seen.append(step),
            time_limit=None if steps == 10 else 0.35,
        )
    assert outcome == (Status.STOPPED, Reason.TIME_LIMIT)
    assert seen[0] == 10
    assert len(seen) >= 3
    assert 10 < seen[1] < seen[2] <= read_progress(progress).step


# Progress bar -------------------------------------------------------------------------------------


class Screen(io.StringIO):
    """A standard error stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_that_was_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    Kernel(200).watch(progress_bar=True)
    text = capfd.readouterr().err
    assert "200/200" in text
    assert "loss=0.005" in text


def test_a_bar_counts_the_steps_of_this_run(capfd: pytest.CaptureFixture[str]) -> None:
    Kernel(200, first=1000).watch(progress_bar=True)
    assert "200/200" in capfd.readouterr().err


def test_a_long_run_at_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(monitor, "PATIENCE", 0.1)
    endless().watch(time_limit=0.35)
    assert "/1000000000" in screen.getvalue()
    assert "loss=" in screen.getvalue()


@pytest.mark.parametrize("progress_bar", [None, False])
def test_a_quick_run_gets_none(monkeypatch: pytest.MonkeyPatch, progress_bar: bool | None) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    if progress_bar is False:
        monkeypatch.setattr(monitor, "PATIENCE", 0.0)
    Kernel(150, pause=0.001).watch(progress_bar=progress_bar)
    assert screen.getvalue() == ""


def test_a_run_that_is_not_at_a_terminal_gets_none(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(monitor, "PATIENCE", 0.0)
    Kernel(150, pause=0.001).watch()
    assert capfd.readouterr().err == ""


# Words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "message", "success", "success_with_tolerances"),
    [
        (Outcome(Status.CONVERGED, None), "Converged: a tolerance was reached.", True, True),
        (Outcome(Status.STEPS_DONE, None), "All steps were taken.", True, False),
        (
            Outcome(Status.STOPPED, Reason.TIME_LIMIT),
            "Stopped by the time limit; this is the best point up to then.",
            False,
            False,
        ),
        (
            Outcome(Status.STOPPED, Reason.INTERRUPT),
            "Stopped by Ctrl-C; this is the best point up to then.",
            False,
            False,
        ),
        (
            Outcome(Status.STOPPED, None),
            "Stopped; this is the best point up to then.",
            False,
            False,
        ),
        (
            Outcome(Status.NOT_FINITE, None),
            "The loss or its gradient is not finite; this is the best point before that.",
            False,
            False,
        ),
    ],
)
def test_messages(
    outcome: Outcome, message: str, success: bool, success_with_tolerances: bool
) -> None:
    assert outcome.message == message
    assert outcome.is_success(tolerances=False) is success
    assert outcome.is_success(tolerances=True) is success_with_tolerances
