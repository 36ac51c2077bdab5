"""What compiled CUDA kernels are made of, read from their machine code without a device.

Registers and spills, arithmetic in double precision where there should be none, and a model of the
cycles that a step of a loop takes: bounds on these find regressions on any machine.
"""

from codegen_ad.testing.machine_code.disassembly import Instruction, Listing, disassembled
from codegen_ad.testing.machine_code.examine import Findings, examine, problems, table, whole
from codegen_ad.testing.machine_code.schedule import Loop, loops, repeated
from codegen_ad.testing.machine_code.throughput import Share, resident, share

__all__ = [
    "Findings",
    "Instruction",
    "Listing",
    "Loop",
    "Share",
    "disassembled",
    "examine",
    "loops",
    "problems",
    "repeated",
    "resident",
    "share",
    "table",
    "whole",
]
