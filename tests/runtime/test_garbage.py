"""While kernels are made Python looks for garbage less often, and afterwards as before."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.runtime.garbage import fewer_collections


@pytest.fixture(autouse=True)
def threshold() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 11, 12)
    yield
    gc.set_threshold(*before)


def test_inside_and_after_an_error() -> None:
    def fail() -> None:
        with fewer_collections():
            assert gc.get_threshold() == (100_000, 11, 12)
            with fewer_collections():
                assert gc.get_threshold() == (100_000, 11, 12)
            assert gc.get_threshold() == (100_000, 11, 12)
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert gc.get_threshold() == (700, 11, 12)


@pytest.mark.parametrize("first", [0, 3_000_000])
def test_who_looks_less_often_or_not_at_all_keeps_that(first: int) -> None:
    gc.set_threshold(first, 11, 12)
    with fewer_collections():
        assert gc.get_threshold() == (first, 11, 12)
    assert gc.get_threshold() == (first, 11, 12)


def test_what_is_set_inside_stays() -> None:
    with fewer_collections():
        gc.set_threshold(5_000, 1, 1)
    assert gc.get_threshold() == (5_000, 1, 1)


def test_the_last_thread_puts_it_back() -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with fewer_collections():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with fewer_collections():
        thread.start()
        assert entered.wait(10)
    assert gc.get_threshold() == (100_000, 11, 12)
    leave.set()
    thread.join()
    assert gc.get_threshold() == (700, 11, 12)


def test_a_kernel_is_built_so() -> None:
    seen: list[int] = []

    @differentiate
    def loss(x):  # type: ignore[no-untyped-def]
        return np.sum(x * x * 0.25)

    def note(phase: str, info: dict[str, int]) -> None:
        seen.append(gc.get_threshold()[0])

    gc.callbacks.append(note)
    try:
        gradient = loss.grad(np.arange(3.0))
    finally:
        gc.callbacks.remove(note)
    np.testing.assert_allclose(gradient, [0.0, 0.5, 1.0])
    assert gc.get_threshold() == (700, 11, 12)
    assert len(seen) < 30, "some 500 with the threshold outside"
