"""Threads share the chunks of a kernel: the same bits for any number of them, wherever they are."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument
from codegen_ad.runtime import compiled, threads
from codegen_ad.runtime.threads import Team

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Let numba allow any number of threads, and say how many."""
    monkeypatch.setattr(threads, "_numbas", lambda: 64)
    monkeypatch.setattr(threads, "_most", lambda: 64)
    threads._pool.cache_clear()

    def ask(count: int) -> None:
        monkeypatch.setenv("CODEGEN_AD_THREADS", str(count))

    yield ask
    threads._pool.cache_clear()


def test_every_chunk_is_worked_on_once(many: Callable[[int], None]) -> None:
    many(5)
    found: list[int] = []

    def work(first: int, last: int) -> None:
        found.extend(range(first, last))

    for chunks in (0, 1, 2, 3, 19, 20, 21, 1000):
        found.clear()
        Team(None)(work, chunks)
        assert sorted(found) == list(range(chunks))


def test_the_first_error_is_raised_however_late_it_comes(many: Callable[[int], None]) -> None:
    many(4)
    started = threading.Event()

    def work(first: int, last: int) -> None:
        if first == 0 and last > 0:
            started.wait(5)
            raise IndexError("chunk 0")
        if first > 0:
            started.set()
            raise ValueError(f"chunk {first}")

    with pytest.raises(IndexError, match="chunk 0"):
        Team(None)(work, 16)


def test_a_busy_pool_holds_nobody_up(many: Callable[[int], None]) -> None:
    """Calls inside of calls, more of them than there are threads."""
    many(3)
    found: list[int] = []

    def inner(first: int, last: int) -> None:
        found.append(last - first)

    def outer(first: int, last: int) -> None:
        for _ in range(first, last):
            Team(None)(inner, 10)

    Team(None)(outer, 200)
    assert sum(found) == 2000


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_the_variable_must_be_a_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CODEGEN_AD_THREADS", value)
    with pytest.raises(InvalidArgument, match=r"CODEGEN_AD_THREADS=.*at least 1"):
        Team(None)(lambda *_: None, 2)


@pytest.mark.parametrize("value", [0, True, 1.5, "2"])
def test_the_option_must_be_a_number(value: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"threads=.*at least 1"):
        differentiate(threads=value)(np.sin)


def test_numbas_number_is_asked_for_without_starting_its_threads() -> None:
    """In a process of its own: numba keeps its threads once it has started them."""
    code = """
import numba, sys
from numba.np.ufunc import parallel
from codegen_ad.runtime.threads import _numbas
assert _numbas() == numba.config.NUMBA_NUM_THREADS == 3
assert not parallel._is_initialized
numba.set_num_threads(2)
assert _numbas() == 2
"""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "3"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT)


# Kernels ------------------------------------------------------------------------------------------


@differentiate
def picked(p: Any, x: Any, places: Any) -> Any:
    """Two passes with sums, rows that may fail, and an array of the data's length."""
    r = p[0] * np.exp(-x) + p[places] - x
    return np.sqrt(np.mean(r**2))


@differentiate
def added(x: Any) -> Any:
    return x.sum()


def data(n: int, dtype: type = float) -> tuple[Any, ...]:
    rng = np.random.default_rng(3)
    return (
        np.array([0.5, 1.5, -0.5], dtype),
        rng.normal(size=n).astype(dtype),
        rng.integers(0, 3, n),
    )


def bits(result: Any) -> tuple[bytes, bytes]:
    value, gradient = result
    return np.asarray(value).tobytes(), gradient.tobytes()


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call is large."""
    monkeypatch.setattr(compiled, "LARGE", 0)


@pytest.mark.usefixtures("shared")
def test_results_have_the_same_bits(many: Callable[[int], None]) -> None:
    args = data(50_001)
    kernel = _plain(picked, args)
    alone = bits(kernel(*args))
    for count in (1, 2, 3, 7, 64):
        many(count)
        for _ in range(3):
            assert bits(picked.value_and_grad(*args)) == alone
    value, gradient = picked.value_and_grad(*args)
    step = 1e-6 * np.eye(3)
    ends = [(picked(args[0] + h, *args[1:]), picked(args[0] - h, *args[1:])) for h in step]
    slopes = [(a - b) / 2e-6 for a, b in ends]
    assert value == pytest.approx(picked(*args), rel=1e-13)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-7)
    # From threads of the user's, all at once.
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: bits(picked.value_and_grad(*args)), range(40)):
            assert found == alone
    # An error is that of the first row that fails, and says so in the user's terms.
    broken = args[2].copy()
    broken[[20_000, 45_000]] = 3, -9
    with pytest.raises(IndexError, match="out of bounds"):
        picked.value_and_grad(args[0], args[1], broken)
    # A row that is nan makes the loss nan.
    args[1][33_333] = np.nan
    value, gradient = picked.value_and_grad(*args)
    assert np.isnan(value)
    assert np.isnan(gradient).all()
    assert np.isnan(kernel(*args)[0])


def _plain(function: Any, args: tuple[Any, ...]) -> Any:
    """The kernel as anyone would call it who imports the file."""
    prepared, _ = function.kernels.prepare("value_and_grad", function.kernels.binder.bind(args, {}))
    return prepared.compiled.function


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_has_threads_of_its_own() -> None:
    """In a process of its own: libraries that others use here may not be forked."""
    code = """
import multiprocessing, sys, threading
sys.path.insert(0, "tests/runtime")
from codegen_ad.runtime import compiled, threads
from test_threads import bits, data, picked

def teammates():
    return [t for t in threading.enumerate() if t.name.startswith("codegen_ad")]

def in_child(queue, args):
    assert not teammates()
    found = bits(picked.value_and_grad(*args))
    assert teammates()
    queue.put(found)

compiled.LARGE = 0  # every call is large
args = data(50_001)
alone = bits(picked.value_and_grad(*args))
assert teammates()
context = multiprocessing.get_context("fork")
queue = context.SimpleQueue()
child = context.Process(target=in_child, args=(queue, args))
child.start()
child.join(60)
assert child.exitcode == 0, child.exitcode
assert queue.get() == alone
"""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "3", "CODEGEN_AD_THREADS": "3"}
    environment["PYTHONPATH"] = str(ROOT)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT)


def test_small_calls_start_no_thread_and_large_sums_of_float32_are_right() -> None:
    """In a process of its own, with the threads that numba allows."""
    code = """
import sys, threading
sys.path.insert(0, "tests/runtime")
import numpy as np
from test_threads import added, bits, picked, data
picked.value_and_grad(*data(1000))
assert threading.active_count() == 1
ones = np.ones(30_000_000, np.float32)
value = added.value(ones)
assert value == 3e7, value
assert threading.active_count() > 1
tenths = np.full(10_000_000, 0.1, np.float32)
exact = 1e7 * float(np.float32(0.1))
assert abs(added.value(tenths) / exact - 1) < 1e-7
assert abs(added.value(tenths[::2]) / exact - 0.5) < 1e-7
"""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "3", "PYTHONPATH": str(ROOT)}
    environment.pop("CODEGEN_AD_THREADS", None)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT)
