"""What kernels take for many parameters: registers, spills, memory and occupancy, without a device.

`python -m benchmarks.gpu --parameters` writes the tables of `docs/cuda_parameters.md`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.families import FAMILIES, arguments
from codegen_ad import differentiate
from codegen_ad.runtime.cuda.ahead import (
    Capability,
    Resources,
    architecture,
    imported,
    intermediate,
    machine_code,
)
from codegen_ad.runtime.cuda.devices import platform, using
from codegen_ad.runtime.cuda.spills import spills
from codegen_ad.runtime.cuda.table import read
from codegen_ad.testing.machine_code.examine import CAPABILITIES

FITS = (2, 4, 5, 6, 8, 12)
"""Numbers of parameters of a fit."""

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Numbers of parameters of a gradient."""

DTYPES = ("f4", "f8")

HEAD = "| parameters | dtype | GPU | kernels | registers | spilled | local memory | warps |"
FILE_REGISTERS, MOST_WARPS, MOST_BLOCKS, GRANULE = 65536, 64, 32, 8
"""Registers of a multiprocessor, its most warps and blocks; registers of a thread come in steps."""


def waves(p: Any, x: Any, y: Any) -> Any:
    """Residuals of a sum of waves: each parameter is an amplitude and a phase."""
    return (p * np.sin(np.outer(x, 1.0 + np.arange(len(p))) + 0.1 * p)).sum(axis=1) - y


def tables() -> Iterator[str]:
    """The page, line by line, as it is found."""
    yield "# What kernels take for many parameters"
    yield ""
    yield "By the static checks, as in [the table of generated files](cuda_resources.md): what the"
    yield "compiler makes for each GPU of files that are planned for it. Of several kernels of a"
    yield "gradient the largest number stands here. Spilled are bytes; local memory is bytes of a"
    yield "thread's own arrays; warps are those that a multiprocessor has registers for, of 64."
    yield "`python -m benchmarks.gpu --parameters` writes this page anew."
    yield from ("", "## Gradients of many families", "")
    yield "How many kernels the gradient of each loss in `benchmarks/gpu/families.py` takes, by the"
    yield "number of its parameters. A star: as estimated it would spill, so it was planned again"
    yield "until it did not. Bytes in brackets are spilled. `pytest --thorough"
    yield "tests/cuda/test_spills.py` checks that there are none. Numbers are rounded down to a"
    yield "multiple of what one term takes (three for a peak), and are one term at least."
    yield ""
    yield f"| loss | dtype | GPU | {' | '.join(map(str, COUNTS))} |"
    yield "|" + "---|" * (len(COUNTS) + 3)
    for family in FAMILIES:
        for dtype in DTYPES:
            for capability in CAPABILITIES:
                cells = [_cell(family, count, dtype, capability) for count in COUNTS]
                name = architecture(capability)
                yield f"| {family} | {dtype} | {name} | {' | '.join(cells)} |"
    yield from ("", "## `fit_many` of waves, a thread for each fit", "", HEAD)
    yield "|" + "---|" * (HEAD.count("|") - 1)
    for count in FITS:
        for dtype in DTYPES:
            yield from _rows(count, dtype)


def planned(
    family: str, count: int, dtype: str, capability: Capability, mode: str = "value_and_grad"
) -> tuple[str, int]:
    """The file of a gradient that is planned for an architecture, and the bytes that it spills."""
    with using(replace(platform(), planned_for=capability)):
        given = arguments(family, count, dtype)
        text = differentiate(FAMILIES[family][0]).source(*given, mode=mode, target="cuda").plain
        compiler = spills()
        assert compiler is not None, "the page is made with the compiler at hand"
        return text, compiler(text, read(text).kernels)


def _cell(family: str, count: int, dtype: str, capability: Capability) -> str:
    text, spilled = planned(family, count, dtype, capability)
    star = "*" if "as estimated, spilled" in text else ""
    return f"{len(read(text).kernels)}{star}" + (f" ({spilled} B)" if spilled else "")


def compiled(text: str, capability: Capability) -> list[Resources]:
    """What the kernels of a file take."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "planned.py"
        file.write_text(text, encoding="utf-8")
        module = imported(file)
        kernels = [k for n, k in read(text).kernels.items() if not n.startswith("transposed")]
        return [
            machine_code(intermediate(module, k, capability), k, capability).resources
            for k in kernels
        ]


def _rows(count: int, dtype: str) -> Iterator[str]:
    """A row for each architecture."""
    data = np.ones(40, dtype)
    given = np.ones(count, dtype), data, data
    text = differentiate(waves).source(*given, mode="fit_many:y:thread", target="cuda").plain
    threads = next(iter(read(text).kernels.values())).threads
    for capability in CAPABILITIES:
        found = compiled(text, capability)
        registers = max(r.registers for r in found)
        spilled = max(r.spill_bytes for r in found)
        local = max(r.stack_bytes for r in found)
        name = architecture(capability)
        cells = (count, dtype, name, len(found), registers, spilled, local)
        yield f"| {' | '.join(map(str, cells))} | {warps(registers, threads)} |"


def warps(registers: int, threads: int) -> int:
    """How many warps a multiprocessor has registers for, in whole blocks."""
    each = GRANULE * -(-registers // GRANULE)
    blocks = min(FILE_REGISTERS // (each * threads), MOST_BLOCKS)
    return min(blocks * threads // 32, MOST_WARPS)
