"""Every switch of the library, in one table; read once, where a function is decorated.

Options that change what is generated are part of a kernel's cache key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

UNROLL = 8
UNROLL_TOTAL = 16
"""Sizes of differentiated parameters are constants of a kernel, written out, up to `UNROLL` along
an axis and `UNROLL_TOTAL` elements in all: more would make long files that compile slowly."""

ENVIRONMENT = {
    "CODEGEN_AD_CACHE": "the folder that keeps generated kernels",
    "CODEGEN_AD_CHECK": "1: verify the program after every stage of a build",
    "CODEGEN_AD_SHOW": "stages to print while building: program, gradient, optimized, plan, code",
}


@dataclass(frozen=True, slots=True)
class Options:
    """How a function is compiled.

    Attributes
    ----------
    wrt : what is differentiated: parameters, and paths into them; empty means the first parameter.
    taps : names of intermediate values whose gradients are wanted too.
    static : names of integer parameters whose values are part of the specialisation.
    has_aux : the function returns the value to be differentiated, and something beside it.
    check : compare each new kernel with the plain function before it is kept.
    """

    wrt: tuple[str, ...] = ()
    taps: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    has_aux: bool = False
    check: bool = False

    def text(self) -> str:
        """All options as one line, for the cache key."""
        return ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))


def is_checking() -> bool:
    """Whether programs are verified after every stage."""
    return os.environ.get("CODEGEN_AD_CHECK", "") not in ("", "0")


def shown_stages() -> frozenset[str]:
    """The stages to print while building."""
    return frozenset(s for s in os.environ.get("CODEGEN_AD_SHOW", "").split(",") if s)
