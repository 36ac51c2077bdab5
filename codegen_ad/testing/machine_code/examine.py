"""The static checks of a generated CUDA file, for every kernel and architecture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen_ad.runtime.cuda.ahead import (
    Capability,
    Resources,
    architecture,
    assembly,
    imported,
    intermediate,
    machine_code,
)
from codegen_ad.runtime.cuda.table import Kernel, read
from codegen_ad.testing.machine_code.disassembly import Listing, disassembled
from codegen_ad.testing.machine_code.schedule import Loop, loops, repeated
from codegen_ad.testing.machine_code.throughput import Share, resident, share

CAPABILITIES: tuple[Capability, ...] = ((8, 0), (9, 0), (10, 0))
MODELLED: Capability = (9, 0)
"""The architecture whose cycles are modelled."""

PTX = (9, 0)
"""The newest PTX that the driver of the pinned toolkit's version takes."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of one kernel on one architecture.

    Attributes
    ----------
    file, kernel : which one it is.
    architecture : such as sm_90.
    single : whether it is a kernel of float32 alone.
    resources : registers, spills and memory.
    instructions : how many there are.
    doubles : those that compute in double precision.
    ptx : the version of its PTX; None where it was not asked for.
    step : modelled cycles of the longest loop's step; None on other architectures than sm_90.
    share : what that step takes of a multiprocessor full of such warps; None without a loop.
    """

    file: str
    kernel: str
    architecture: str
    single: bool
    resources: Resources
    instructions: int
    doubles: tuple[str, ...]
    ptx: tuple[int, int] | None
    step: float | None
    share: Share | None = None


def examine(path: Path, capabilities: Sequence[Capability] = CAPABILITIES) -> Iterator[Findings]:
    """Compile all kernels of a generated file and look at what came out."""
    module = imported(path)
    for kernel in read(path.read_text(encoding="utf-8")).kernels.values():
        for capability in capabilities:
            code = intermediate(module, kernel, capability)
            image = machine_code(code, kernel, capability)
            listing = disassembled(image.code)
            modelled = capability == MODELLED
            known = loops(listing) if modelled else []
            longest = max(known, default=None, key=lambda x: x.cycles)
            yield Findings(
                path.stem,
                kernel.name,
                architecture(capability),
                _is_single(kernel),
                image.resources,
                sum(i.operation != "NOP" for i in listing.instructions),
                tuple(i.text for i in listing.instructions if i.is_double),
                ptx_version(assembly(code, kernel, capability)) if modelled else None,
                (0.0 if longest is None else longest.cycles) if modelled else None,
                None if longest is None else _share(listing, longest, image.resources, kernel),
            )


def _share(listing: Listing, loop: Loop, resources: Resources, kernel: Kernel) -> Share:
    body = listing.instructions[loop.first : loop.last + 1]
    return share(body, loop.cycles, resident(resources, kernel.threads))


def whole(path: Path, name: str, trips: Sequence[float]) -> Share:
    """What a warp takes of a multiprocessor for all that a kernel does.

    `trips` says how often each of its loops goes round (`schedule.repeated`).
    """
    kernel = read(path.read_text(encoding="utf-8")).kernels[name]
    image = machine_code(intermediate(imported(path), kernel, MODELLED), kernel, MODELLED)
    listing = disassembled(image.code)
    taken, times = repeated(listing, trips)
    body = listing.instructions[: len(times)]
    return share(body, taken, resident(image.resources, kernel.threads), times)


def problems(found: Findings) -> list[str]:
    """What must not be: spills, double precision in a kernel of float32, a newer PTX."""
    name = f"{found.kernel} on {found.architecture}"
    wrong: list[str] = []
    if found.resources.spill_bytes:
        wrong.append(f"{name} spills {found.resources.spill_bytes} bytes of registers")
    if found.single and found.doubles:
        shown = "; ".join(found.doubles[:3])
        wrong.append(f"{name} computes {len(found.doubles)} times in float64: {shown}")
    if found.ptx is not None and found.ptx > PTX:
        wrong.append(f"{name} is in PTX {found.ptx}, newer than {PTX}")
    return wrong


def table(findings: Iterable[Findings]) -> str:
    """All findings as a table of Markdown."""
    lines = [
        "| file | kernel | GPU | registers | spilled | shared | instructions | cycles a step |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for f in findings:
        r = f.resources
        step = "" if f.step is None else f"{f.step:.0f}"
        lines.append(
            f"| {f.file} | `{f.kernel}` | {f.architecture} | {r.registers} | {r.spill_bytes} | "
            f"{r.shared_bytes} | {f.instructions} | {step} |"
        )
    return "\n".join(lines) + "\n"


def ptx_version(text: str) -> tuple[int, int]:
    """The version that a PTX text begins with."""
    found = re.search(r"^\.version (\d+)\.(\d+)", text, re.MULTILINE)
    assert found is not None, "PTX begins with its version"
    return int(found[1]), int(found[2])


def _is_single(kernel: Kernel) -> bool:
    """Whether no parameter is of float64, and one is of float32."""
    names = {p.dtype.name for p in kernel.parameters}
    return "float32" in names and "float64" not in names
