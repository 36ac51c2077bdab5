"""Value and gradient over sizes: against the floor that memory sets, and against others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Floor:
    """What the ceilings say a call takes at least."""

    bytes_per_second: float

    def seconds(self, member: Member, points: int) -> float:
        """Time to read the data once."""
        return member.case.bytes(points) / self.bytes_per_second


def sections(device: Device, bundle: Bundle, floor: Floor) -> Iterator[Section]:
    """One section for each case."""
    for member in bundle.members():
        if member.file is None:
            continue
        if device.left() < LEAST_SECONDS:
            rows: tuple[Row, ...] = (Row("not measured: no time left", None, ""),)
        else:
            rows = tuple(_rows(device, bundle, floor, member))
        title = f"{member.case.name}: value and gradient, {member.case.parameters} parameters"
        yield Section(title, rows, f"gpu-{member.case.name}")


def _rows(device: Device, bundle: Bundle, floor: Floor, member: Member) -> Iterator[Row]:
    case, file = member.case, member.file
    assert file is not None
    for n in DRY if device.is_dry else SIZES:
        if case.bytes(n) * 3 > device.driver.free_memory():
            yield Row(f"n = {n:.0e}", None, "", note="does not fit into the device's memory")
            continue
        arguments = case.data(n, case.dtype)
        given = dict(zip(member.parameters, arguments, strict=True))
        program = Prepared(device, file, bundle.image_of(file, case.name), given)
        ours = device.seconds(program)
        least = floor.seconds(member, n)
        if device.is_dry:
            yield Row(f"n = {n:.0e}", None, "", note="launched")
            continue
        part = least / ours
        note = f"{case.bytes(n) / ours / 1e9:.0f} GB/s, {100 * part:.0f} % of the copy's"
        large = n == SIZES[-1] and case.parameters <= 8
        yield Row(
            f"n = {n:.0e}", 1e3 * ours, "ms", note=note,
            target=f"{100 * MEMORY_BOUND:.0f} % of the copy" if large else "",
            reached=part >= MEMORY_BOUND if large else None,
        )  # fmt: skip
        del program
        yield from _others(device, member, arguments, ours, n)


def _others(device: Device, member: Member, arguments: tuple, ours: float, n: int) -> Iterator[Row]:
    for peer in peers.PEERS:
        if device.left() < LEAST_SECONDS:
            return
        label = f"  {peer.name}, n = {n:.0e}"
        try:
            theirs = peer.seconds(member.case, arguments)
        except Exception as error:  # a peer that fails is no reason to stop
            why = str(error).strip().splitlines() or [""]
            yield Row(label, None, "", note=f"{type(error).__name__}: {why[0][:80]}")
            continue
        if theirs is None:
            continue
        large = n == SIZES[-1]
        yield Row(
            label, 1e3 * theirs, "ms", theirs / ours,
            target="1.5 times ours" if large else "",
            reached=theirs >= 1.5 * ours if large else None,
        )  # fmt: skip
