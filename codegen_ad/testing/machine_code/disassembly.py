"""Machine code as a list of instructions, by NVIDIA's disassembler.

Each instruction of Volta and later has 128 bits; the compiler's schedule lies in the upper half
(bits 41 to 57): after how many cycles the next one may be issued, which of six scoreboards it sets
when it has read its operands or written its result, and which it waits for. The layout is known
from Jia et al., "Dissecting the NVIDIA Volta GPU Architecture via Microbenchmarking" (2018).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from codegen_ad.errors import MissingDependency

NONE = 7
"""The number of a scoreboard that says that there is none."""

_LABEL = re.compile(r"^(\.L_x_\d+):")
_LINE = re.compile(r"^\s+/\*[0-9a-f]{4,6}\*/\s+(?P<text>.*?)\s*;\s*/\*\s*0x[0-9a-f]{16}\s*\*/")
_UPPER = re.compile(r"/\*\s*0x(?P<bits>[0-9a-f]{16})\s*\*/")
_PREDICATE = re.compile(r"^@!?U?P\w+\s+")
_DOUBLE = re.compile(r"^(DADD|DMUL|DFMA|DSETP|DMNMX)\b|\.F64\b|\b(RCP|RSQ)64H\b")


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction and its schedule.

    Attributes
    ----------
    text : as the disassembler prints it.
    stall : cycles before the next instruction may be issued.
    sets_when_written, sets_when_read : scoreboards, or `NONE`.
    waits : the scoreboards that must be clear, as bits.
    """

    text: str
    stall: int
    sets_when_written: int
    sets_when_read: int
    waits: int

    @property
    def operation(self) -> str:
        """The operation with its modifiers, without the predicate: `LDG.E.64`."""
        return _PREDICATE.sub("", self.text).split()[0]

    @property
    def target(self) -> str | None:
        """The label that it branches to."""
        found = re.search(r"\bBRA\b.*`\((\.L_x_\d+)\)", self.text)
        return found[1] if found else None

    @property
    def is_double(self) -> bool:
        """Whether it computes, compares or converts in double precision."""
        return _DOUBLE.search(self.operation) is not None


@dataclass(frozen=True, slots=True)
class Listing:
    """A kernel's instructions, and where its labels stand among them."""

    instructions: tuple[Instruction, ...]
    labels: Mapping[str, int]


def disassembled(code: bytes) -> Listing:
    """The instructions of a cubin.

    Raises
    ------
    MissingDependency
        If nvdisasm is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernel.cubin"
        file.write_bytes(code)
        command = [_program("nvdisasm"), "-c", "-hex", str(file)]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return _parsed(run.stdout)


def _parsed(text: str) -> Listing:
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if label := _LABEL.match(line):
            labels[label[1]] = len(instructions)
        elif found := _LINE.match(line):
            upper = _UPPER.search(next(lines))
            assert upper is not None, "the upper half of an instruction stands on the next line"
            bits = int(upper["bits"], 16)
            instructions.append(
                Instruction(
                    found["text"].strip(),
                    stall=bits >> 41 & 15,
                    sets_when_written=bits >> 46 & 7,
                    sets_when_read=bits >> 49 & 7,
                    waits=bits >> 52 & 63,
                )
            )
    return Listing(tuple(instructions), labels)


def _program(name: str) -> str:
    """A program of the toolkit: of NVIDIA's packages, or on the path."""
    try:
        nvidia: Any = import_module("nvidia")
        folders = [Path(folder) for folder in nvidia.__path__]
    except ImportError:
        folders = []
    for folder in folders:
        for found in sorted(folder.glob(f"*/bin/{name}*")):
            return str(found)
    on_path = shutil.which(name)
    if on_path is None:
        raise MissingDependency("nvidia-cuda-nvdisasm", "cuda-check", "to read machine code")
    return on_path
