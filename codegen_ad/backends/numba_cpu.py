"""The CPU backend: a kernel plan becomes a file of numba functions. It plans nothing itself."""

from __future__ import annotations

from codegen_ad.emit.render import render
from codegen_ad.emit.view import About, view
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.kernel import Kernel

NAME = "numba_cpu"


def source(kernel: Kernel, about: About, cost: Cost) -> str:
    """The text of the kernel's file."""
    return render(f"{NAME}/kernel.py.jinja", k=view(kernel, about, cost))
