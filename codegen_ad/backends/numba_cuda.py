"""The CUDA backend: a kernel plan becomes a file of numba.cuda kernels. It plans nothing itself.

What a generated file holds, for whoever compiles, simulates or launches it:

- Its kernels are functions decorated with `@cuda.jit`, without a signature: importing the file
  compiles nothing and needs no driver. `numba.cuda` stands in the one line
  `from numba import cuda`; beside it files import `numpy` and `math`.
- `KERNELS` lists them in the order in which they are launched, one after another, each with
  `arguments` (names and numba's types, in order; all arrays are C-contiguous), `rows` (how many
  there are, as text over the sizes, or None), `blocks` and `threads`. The signature is `void` of
  the types. With `rows`, a launch may take fewer blocks, `min(blocks, max(1, ceil(rows /
  threads)))`: the bits are the same. Compile with `launch_bounds=(threads, 1)`.
- Arguments that are not in `ARRAYS` are the user's parameters, by name: arrays by reference,
  numbers by value. `ARRAYS` describes the others: `dtype`, `shape` (texts over the sizes) and
  `role`. "output" arrays are what the kernels return (a number in one element), "scratch" is
  memory that only the kernels use, of no particular content; "counter" is zero before the first
  launch, and is zero again after each; "status" is zero before a call and holds the number of a
  failure behind it.
- `SIZES` says where each size is read: (parameter, axis), or how it is found from sizes before it
  and from whole numbers that are passed, as text.
- `OUTPUTS` names the output arrays in the order of the function's results.
- `FAILURES[k - 1]` is the exception and the message that `status[0] == k` stands for.
"""

from __future__ import annotations

from codegen_ad.emit.device_view import RESERVED, device_view
from codegen_ad.emit.render import render
from codegen_ad.emit.view import About
from codegen_ad.errors import UnsupportedOnDevice
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.device.loops import Refused, check_possible
from codegen_ad.plan.device.passes import device_plan
from codegen_ad.plan.device.team import TeamPlan, team_plan
from codegen_ad.plan.device.whole import DevicePlan
from codegen_ad.plan.kernel import Kernel, walk

NAME = "numba_cuda"
__all__ = ["NAME", "RESERVED", "source"]

_INSTEAD = 'Leave target="cuda" out: it then runs on the processor.'


def source(kernel: Kernel, about: About, cost: Cost, mode: str) -> str:
    """The text of the kernels' file.

    Raises
    ------
    UnsupportedOnDevice
        If the kernel, or the mode, is not for many threads.
    """
    if mode.startswith("fit:"):
        raise UnsupportedOnDevice(f"Whole fits are not written for a GPU.\n{_INSTEAD}")
    try:
        k = device_view(_planned(kernel), about, cost)
    except Refused as refused:
        message = f"This can't run on a GPU: {refused.reason}.\n{_INSTEAD}"
        raise UnsupportedOnDevice(message, origin=refused.statement.note.origin) from None
    return render(f"{NAME}/kernel.py.jinja", k=k)


def _planned(kernel: Kernel) -> DevicePlan | TeamPlan:
    """Passes over the data where that is possible, else the work of one team of threads."""
    for statement in walk(kernel.body):
        check_possible(statement)
    try:
        return device_plan(kernel)
    except Refused:
        return team_plan(kernel)
