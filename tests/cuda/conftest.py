"""Simulated devices that several files of tests run fits on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def device_of_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A device on which each least-squares fit has one thread, in two orders of these."""
    pytest.importorskip("greenlet", reason="the simulator needs it")
    from codegen_ad.fit import on_device
    from codegen_ad.runtime.cuda.devices import using
    from codegen_ad.testing.simulated_driver import SimulatedDriver

    monkeypatch.setattr(on_device, "least_squares_team", lambda points, fits: "thread")
    driver = SimulatedDriver(orders=("forward", "reverse"))
    with using(driver.platform()):
        yield driver
