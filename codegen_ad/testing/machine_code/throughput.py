"""A model of many warps at once: how many run on a multiprocessor, and what it takes for a step.

A warp alone waits for its own results; with others beside it, these run meanwhile, up to what the
units can do. Waiting for memory, and for each other at barriers, is left out: a lower bound on the
time, as the model of one warp is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen_ad.runtime.cuda.ahead import Resources
from codegen_ad.testing.machine_code.disassembly import Instruction

MULTIPROCESSORS = 132
CLOCK = 1.755e9
"""Of an H100 with SXM, by its data sheet: a lead, to be measured."""

WARPS, BLOCKS, REGISTERS, SHARED = 64, 32, 65536, 228 * 1024
"""What a multiprocessor has room for at a time, of compute capability 9.0."""

ISSUED = 4.0
"""How many warps are given an instruction in a cycle."""

RATES: Mapping[str, float] = {
    "DADD": 2, "DMUL": 2, "DFMA": 2, "DSETP": 2, "DMNMX": 2, "MUFU": 0.5, "SHFL": 1, "LDS": 1,
    "STS": 1, "LDG": 1, "STG": 1, "F2F": 0.5, "F2I": 0.5, "I2F": 0.5,
}  # fmt: skip
"""Warps' instructions in a cycle, by the table of throughputs in NVIDIA's programming guide."""

_UNITS: Mapping[str, str] = {
    **dict.fromkeys(("DADD", "DMUL", "DFMA", "DSETP", "DMNMX"), "double precision"),
    **dict.fromkeys(("MUFU", "F2F", "F2I", "I2F"), "special functions"),
    **dict.fromkeys(("SHFL", "LDS", "STS", "LDG", "STG"), "memory and exchanges"),
}


@dataclass(frozen=True, slots=True)
class Share:
    """What a step takes of a multiprocessor that is full of such warps.

    Attributes
    ----------
    warps : how many run at once.
    cycles : of the multiprocessor, for a step of one warp.
    limit : what decides: a unit's name, "issue" or "latency".
    """

    warps: int
    cycles: float
    limit: str

    def fits(self, steps: int, fits: int = 1) -> float:
        """How many fits of so many steps the whole device does in a second, `fits` in a warp."""
        return fits * MULTIPROCESSORS * CLOCK / (steps * self.cycles)


def resident(resources: Resources, threads: int) -> int:
    """How many warps of blocks of so many threads run at once on a multiprocessor."""
    warps = -(-threads // 32)
    # Registers are given to warps in groups of eight for each thread.
    registers = 32 * 8 * -(-resources.registers // 8)
    blocks = min(BLOCKS, WARPS // warps, REGISTERS // (registers * warps))
    if resources.shared_bytes:
        blocks = min(blocks, SHARED // (resources.shared_bytes + 1024))
    return blocks * warps


def share(
    body: Sequence[Instruction], cycles: float, warps: int, times: Sequence[float] = ()
) -> Share:
    """What a step takes, of a loop of which one warp alone takes so many cycles for it.

    `times` says how often each instruction runs in a step, if not once.
    """
    times = times or (1.0,) * len(body)
    busy: dict[str, float] = {}
    for instruction, count in zip(body, times, strict=True):
        name = instruction.operation.split(".")[0]
        if name in RATES:
            busy[_UNITS[name]] = busy.get(_UNITS[name], 0.0) + count / RATES[name]
    found = {"latency": cycles / warps, "issue": sum(times) / ISSUED, **busy}
    limit = max(found, key=lambda name: found[name])
    return Share(warps, found[limit], limit)
