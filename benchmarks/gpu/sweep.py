"""Value and gradient over sizes: against the floor that memory sets, and against others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.gpu import peers
from benchmarks.gpu.bundle import Bundle, Member
from benchmarks.gpu.device import Device, Prepared
from benchmarks.report import Row, Section

SIZES = (10**4, 10**6, 10**8)
DRY = (100,)
LEAST_SECONDS = 20
"""What must be left for another case to begin."""

MEMORY_BOUND = 0.85
"""The part of the copy's bandwidth that a kernel bound by memory is to reach."""


Times = dict[tuple[str, int], float]
"""Seconds by case and number of points."""


def sections(
    device: Device, bundle: Bundle, bytes_per_second: float, times: Times
) -> Iterator[Section]:
    """One section for each case, ours alone; `times` takes what was measured.

    The bandwidth, that of a copy, says what a call takes at least: to read the data once.
    """
    for member in bundle.members():
        if member.file is None:
            continue
        title = f"{member.case.name}: value and gradient, {member.case.parameters} parameters"
        rows = _rows(device, bundle, bytes_per_second, member, times)
        yield Section(title, tuple(rows), f"gpu-{member.case.name}")


def others(device: Device, bundle: Bundle, times: Times) -> Iterator[Section]:
    """The same by other libraries, as long as there is time."""
    for member in bundle.members():
        rows: list[Row] = []
        for n in sorted(n for name, n in times if name == member.case.name):
            rows.extend(_peers(device, member, times[member.case.name, n], n))
        if rows:
            yield Section(f"{member.case.name}: others", tuple(rows), f"others-{member.case.name}")


def _rows(
    device: Device, bundle: Bundle, bytes_per_second: float, member: Member, times: Times
) -> Iterator[Row]:
    case, file = member.case, member.file
    assert file is not None
    for n in DRY if device.is_dry else SIZES:
        label = f"n = {n:.0e}"
        if device.left() < LEAST_SECONDS:
            yield Row(label, None, "", note="not measured: no time left")
            continue
        if case.bytes(n) * 3 > device.driver.free_memory():
            yield Row(label, None, "", note="does not fit into the device's memory")
            continue
        given = dict(zip(member.parameters, case.data(n, case.dtype), strict=True))
        program = Prepared(device, file, bundle.image_of(file, case.name), given)
        ours = device.seconds(program)
        if device.is_dry:
            yield Row(label, None, "", note="launched")
            continue
        times[case.name, n] = ours
        part = case.bytes(n) / bytes_per_second / ours
        note = f"{case.bytes(n) / ours / 1e9:.0f} GB/s, {100 * part:.0f} % of the copy's"
        large = n == SIZES[-1] and case.parameters <= 8
        target = f"{100 * MEMORY_BOUND:.0f} % of the copy" if large else ""
        reached = part >= MEMORY_BOUND if large else None
        yield Row(label, 1e3 * ours, "ms", note=note, target=target, reached=reached)


def _peers(device: Device, member: Member, ours: float, n: int) -> Iterator[Row]:
    arguments: tuple[Any, ...] | None = None
    for peer in peers.PEERS:
        label = f"{peer.name}, n = {n:.0e}"
        if device.left() < LEAST_SECONDS or not peer.is_installed():
            continue
        arguments = arguments or member.case.data(n, member.case.dtype)
        try:
            theirs = peer.seconds(member.case, arguments)
        except Exception as error:  # a peer that fails is no reason to stop
            why = str(error).strip().splitlines() or [""]
            yield Row(label, None, "", note=f"{type(error).__name__}: {why[0][:80]}")
            continue
        large = n == SIZES[-1]
        target = "1.5 times ours" if large else ""
        reached = theirs >= 1.5 * ours if large else None
        yield Row(label, 1e3 * theirs, "ms", theirs / ours, target=target, reached=reached)
