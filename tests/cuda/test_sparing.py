"""Kernels that spill are planned again, until the compiler keeps all in registers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu.families import FAMILIES, arguments
from codegen_ad import differentiate, minimize
from codegen_ad.backends.sparing import PATIENCE
from codegen_ad.fit import on_device
from codegen_ad.plan.device.thrift import MORE_PARTS, Held, others
from codegen_ad.runtime.cuda.ahead import Image, Resources
from codegen_ad.runtime.cuda.devices import Platform, using
from codegen_ad.runtime.cuda.table import Kernel, read
from codegen_ad.testing.simulated_driver import SimulatedDriver
from tests.cuda.device_runs import run
from tests.cuda.test_device_files import flat, named

pytest.importorskip("greenlet", reason="the simulator needs it")


class Spilling(list[int]):
    """What a compiler spills of one file after the other, and the files that it was given."""

    texts: list[str]


@pytest.fixture
def spilling(tmp_path: Path) -> Iterator[Spilling]:
    """A compiler that spills what the list says; the last number of all files that follow."""
    numbers = Spilling()
    texts = numbers.texts = []
    versions = {"of this test": str(tmp_path)}  # what others left in the cache is not taken
    driver = SimulatedDriver()
    simulated = driver.platform()

    def compile(path: Path, kernel: Kernel, capability: tuple[int, int]) -> Image:
        text = path.read_text(encoding="utf-8")
        texts.append(text) if text not in texts else None
        found = numbers[min(texts.index(text), len(numbers) - 1)]
        image = simulated.compile(path, kernel, capability)
        return replace(image, resources=Resources(80, found, 0, 0, 1), versions=versions)

    with using(Platform(lambda: driver, compile, lambda: versions)):
        yield numbers


def text_of(name: str, count: int = 12) -> str:
    given = arguments(name, count, "f8")
    return differentiate(FAMILIES[name][0]).source(*given, target="cuda").plain


def check(name: str, text: str, count: int = 12) -> None:
    """A file gives what the processor gives."""
    given = arguments(name, count, "f8")
    function = FAMILIES[name][0]
    found = run(text, named(function, given), orders=("forward",))
    expected = flat(differentiate(function).value_and_grad(*given))
    for ours, theirs in zip(found, expected, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=0, atol=1e-12 * scale)


def test_what_does_not_spill_stays_as_estimated(spilling: Spilling) -> None:
    spilling += [0]
    assert "Registers:" not in text_of("mixture")


@pytest.mark.every(4)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_each_way_gives_what_the_estimate_gives(name: str, number: int, spilling: Spilling) -> None:
    spilling += [*(1000 - k for k in range(number)), 0]
    text = text_of(name)
    assert "as estimated, spilled 1000 bytes on sm_90" in text
    check(name, text)


def kernels_of(text: str) -> int:
    """How many kernels add up parts of the sums: others fill arrays."""
    return sum("partial" in k.names for k in read(text).kernels.values())


def test_ways_are_tried_in_turn_and_told(spilling: Spilling) -> None:
    spilling += [64, 32, 16, 8, 0]
    text = text_of("mixture", 30)
    lines = text.splitlines()
    told = next(k for k, line in enumerate(lines) if line.startswith("Registers:"))
    assert lines[told : told + 4] == [
        "Registers: one kernel, as estimated, spilled 64 bytes on sm_90.",
        "2 kernels take a part of the sums each.",
        "Numbers that all rows share are read when they are used.",
        '"""',
    ]
    assert kernels_of(text) == 2
    check("mixture", text, 30)


def test_the_least_is_taken_where_nothing_keeps_within_registers(spilling: Spilling) -> None:
    spilling += [64, 32, 48, 40, 40, 40, 0]
    text = text_of("mixture", 30)
    assert "32 bytes are still spilled." in text
    assert kernels_of(text) == 1
    check("mixture", text, 30)


def test_it_ends_where_nothing_helps(spilling: Spilling) -> None:
    spilling += [64] * (PATIENCE + 1) + [0]
    text = text_of("mixture")
    assert "No other way that was tried spills less." in text


@pytest.mark.every(3)
@pytest.mark.parametrize("team", ["warp", "block"])
@pytest.mark.parametrize("name", ["mixture", "waves", "polynomial", "peaks"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_fits_are_planned_again(
    name: str, team: str, number: int, spilling: Spilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_device, "team", lambda rows, fits=1: team)
    spilling += [*(1000 - k for k in range(number)), 0]
    start, *data = arguments(name, 24, "f8")
    options = {"steps": 3, "learning_rate": 0.01, "method": "adam", "trace": True}
    function = FAMILIES[name][0]
    found = minimize(function, start, tuple(data), target="cuda", **options)
    wanted = minimize(function, start, tuple(data), target="cpu", **options)
    np.testing.assert_allclose(found.trace, wanted.trace, rtol=1e-12)
    np.testing.assert_allclose(found.x, wanted.x, rtol=0, atol=1e-11)
    assert "one kernel, as estimated, spilled 1000 bytes on sm_90" in spilling.texts[-1]


def test_ways_become_more_thrifty() -> None:
    found = [(t.parts, t.held) for t in others(3)]
    assert found == sorted(found)
    assert found[:3] == [(3, Held.ROW), (3, Held.NUMBERS), (4, Held.ESTIMATED)]
    assert found[-1] == (MORE_PARTS[-1], Held.NUMBERS)


def test_parts_have_no_loops_that_nobody_needs() -> None:
    kernels = text_of("mixture", 48).split("@cuda.jit")[1:]
    assert len(kernels) > 1
    for kernel in kernels:
        row = kernel.partition("while i < ")[2].partition("i += stride")[0]
        outside = set(re.findall(r"\w+", "\n".join(re.findall(r"^ {8}\S.*", row, re.MULTILINE))))
        for body in re.split(r"^ {8}for j in .*", row, flags=re.MULTILINE)[1:]:
            inside = re.match(r"(?:\n {12}.*)*", body)
            assert inside is not None
            targets = set(re.findall(r"^ {12}(\w+(?:\[)?).* = ", inside[0], re.MULTILINE))
            targets |= set(re.findall(r"^ {12}(\w+(?:\[)?).* \+= ", inside[0], re.MULTILINE))
            lasting = {t for t in targets if t in outside or t.endswith("[")}
            assert lasting, f"nobody needs{inside[0]}"
