"""What kernels take for many parameters: registers, spills, memory and occupancy, without a device.

`python -m benchmarks.gpu --parameters` writes the tables of `docs/cuda_parameters.md`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from codegen_ad import differentiate

FITS = (2, 4, 5, 6, 8, 12)
"""Numbers of parameters of a fit."""

GRADIENTS = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128)
"""Numbers of parameters of a gradient."""

HEAD = "| parameters | dtype | GPU | kernels | registers | spilled | local memory | warps |"
FILE_REGISTERS, MOST_WARPS, MOST_BLOCKS, GRANULE = 65536, 64, 32, 8
"""Registers of a multiprocessor, its most warps and blocks; registers of a thread come in steps."""


def waves(p: Any, x: Any, y: Any) -> Any:
    """Residuals of a sum of waves: each parameter is an amplitude and a phase."""
    return (p * np.sin(np.outer(x, 1.0 + np.arange(len(p))) + 0.1 * p)).sum(axis=1) - y


def loss(p: Any, x: Any, y: Any) -> Any:
    """The mean of their squares."""
    return np.mean(waves(p, x, y) ** 2)


def tables() -> Iterator[str]:
    """The page, line by line, as it is found."""
    yield "# What kernels take for many parameters"
    yield ""
    yield "By the static checks, as in [the table of generated files](cuda_resources.md), of a sum"
    yield "of waves with one parameter each (`benchmarks/gpu/parameters.py`). Of several"
    yield "kernels of a gradient the largest number stands here. Spilled are bytes; local"
    yield "memory is bytes of a thread's own arrays; warps are those that a multiprocessor has"
    yield "registers for, of 64. `python -m benchmarks.gpu --parameters` writes this page anew."
    for title, function, mode, counts in (
        ("Gradients: `value_and_grad`", loss, "value_and_grad", GRADIENTS),
        ("`fit_many`, a thread for each fit", waves, "fit_many:y:thread", FITS),
    ):
        yield from ("", f"## {title}", "", HEAD, "|" + "---|" * (HEAD.count("|") - 1))
        for count in counts:
            for dtype in ("f4", "f8"):
                yield from _rows(function, mode, count, dtype)


def _rows(function: Callable[..., Any], mode: str, count: int, dtype: str) -> Iterator[str]:
    """A row for each architecture."""
    from codegen_ad.runtime.cuda.ahead import architecture, imported, intermediate, machine_code
    from codegen_ad.runtime.cuda.table import read
    from codegen_ad.testing.machine_code.examine import CAPABILITIES

    data = np.ones(40, dtype)
    text = differentiate(function).source(
        np.ones(count, dtype), data, data, mode=mode, target="cuda"
    )
    kernels = [k for n, k in read(text.plain).kernels.items() if not n.startswith("transposed")]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"waves_{mode.replace(':', '_')}_{count}_{dtype}.py"
        file.write_text(text.plain, encoding="utf-8")
        module = imported(file)
        for capability in CAPABILITIES:
            found = [machine_code(intermediate(module, k, capability), k, capability).resources
                     for k in kernels]  # fmt: skip
            registers = max(r.registers for r in found)
            spilled = max(r.spill_bytes for r in found)
            local = max(r.stack_bytes for r in found)
            name = architecture(capability)
            cells = (count, dtype, name, len(kernels), registers, spilled, local)
            yield f"| {' | '.join(map(str, cells))} | {warps(registers, kernels[0].threads)} |"


def warps(registers: int, threads: int) -> int:
    """How many warps a multiprocessor has registers for, in whole blocks."""
    each = GRANULE * -(-registers // GRANULE)
    blocks = min(FILE_REGISTERS // (each * threads), MOST_BLOCKS)
    return min(blocks * threads // 32, MOST_WARPS)
