"""Every switch of the library, in one table; read once, where a function is decorated.

Options that change what is generated are part of a kernel's cache key.
"""

from __future__ import annotations

import operator
import os
import re
from dataclasses import dataclass, fields

from codegen_ad.errors import InvalidArgument

UNROLL = 8
UNROLL_TOTAL = 16
"""Sizes of differentiated parameters are constants of a kernel, written out, up to `UNROLL` along
an axis and `UNROLL_TOTAL` elements in all: more would make long files that compile slowly."""

CONSTANT_ON_DEVICE = 128
"""On a GPU, sizes of differentiated parameters of at most so many elements are constants: every
thread can then add up a gradient of its own."""

FIXED = 16
"""Sizes of short loops inside of loops over steps are constants of a kernel up to this; see
`fixed_sizes`."""

ENVIRONMENT = {
    "CODEGEN_AD_CACHE": "the folder that keeps generated kernels",
    "CODEGEN_AD_CHECK": "1: verify the program after every stage of a build",
    "CODEGEN_AD_THREADS": "how many threads may share a large call; 1: none beside the caller",
    "CODEGEN_AD_SHOW": "stages to print while building: program, gradient, optimized, plan, code",
}


BYTES = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
"""Units in which a memory budget may be given."""


TARGETS = ("cpu", "cuda", "auto")
"""What kernels are written for: numba on the processor, numba.cuda on a GPU, or where the arguments
lie."""


MATH = ("vector", "libm")
"""Functions that vectorise, which files bring along, or those of the C library."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How a long loop saves memory: it keeps states, from which it is run again.

    Attributes
    ----------
    text : what the user wrote.
    snapshots : how many states are kept; None for as many as the square root of the steps.
    budget : bytes that the states may take, in place of their number.
    """

    text: str
    snapshots: int | None = None
    budget: int | None = None


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
    checkpoint : how long loops save memory; None if they record all that their adjoints need.
    math : one of `MATH`: where the functions of mathematics in loops come from.
    target : one of `TARGETS`.
    threads : how many threads may share a large call; None for as many as numba would use.
    fixed_sizes : whether kernels may be made for small sizes where loops over steps gain by it.
    atomics : whether a GPU may add at places that data name in any order.
    """

    wrt: tuple[str, ...] = ()
    taps: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    has_aux: bool = False
    check: bool = False
    checkpoint: Checkpoint | None = None
    math: str = "vector"
    target: str = "cpu"
    threads: int | None = None
    fixed_sizes: bool = True
    atomics: bool = False

    def text(self) -> str:
        """All options that change what is generated as one line, for the cache key."""
        kept = [f.name for f in fields(self) if f.name != "threads"]
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in kept)


def checkpoint_of(value: object) -> Checkpoint | None:
    """What `checkpoint=` asks for.

    Raises
    ------
    InvalidArgument
        If it is none of None, "sqrt", a number of snapshots, and an amount of memory.
    """
    if value is None:
        return None
    text = f"checkpoint={value!r}"
    if value == "sqrt" and isinstance(value, str):
        return Checkpoint(text)
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]+)\s*", value)
        unit = BYTES.get(found[2]) if found is not None else None
        if found is not None and unit is not None:
            return Checkpoint(text, budget=int(float(found[1]) * unit))
    elif not isinstance(value, bool):
        try:
            number = operator.index(value)  # pyright: ignore[reportArgumentType]
        except TypeError:
            number = 0
        if number > 0:
            return Checkpoint(text, snapshots=number)
    raise InvalidArgument(
        f"{text} is not known.\n"
        'Pass "sqrt", a number of snapshots (at least 1), or the memory they may take, such as '
        f'"256 MB" (units: {", ".join(BYTES)}); leave it out for what is fastest.'
    )


def is_checking() -> bool:
    """Whether programs are verified after every stage."""
    return os.environ.get("CODEGEN_AD_CHECK", "") not in ("", "0")


def shown_stages() -> frozenset[str]:
    """The stages to print while building."""
    return frozenset(s for s in os.environ.get("CODEGEN_AD_SHOW", "").split(",") if s)


def math_of(value: object) -> str:
    """Check where mathematics come from.

    Raises
    ------
    InvalidArgument
        If it is none of `MATH`.
    """
    if value not in MATH:
        known = " or ".join(f'"{m}"' for m in MATH)
        raise InvalidArgument(f"math must be {known}, not {value!r}")
    return str(value)


def target_of(value: object) -> str:
    """Check what kernels are written for.

    Raises
    ------
    InvalidArgument
        If it is none of `TARGETS`.
    """
    if value not in TARGETS:
        known = ", ".join(f'"{t}"' for t in TARGETS)
        raise InvalidArgument(f"target must be one of {known}, not {value!r}")
    return str(value)


def threads_of(value: object) -> int | None:
    """How many threads `threads=` allows, or else the environment; None for as many as there are.

    Raises
    ------
    InvalidArgument
        If it is neither None nor a number of at least 1.
    """
    where = "threads"
    if value is None:
        value, where = os.environ.get("CODEGEN_AD_THREADS") or None, "CODEGEN_AD_THREADS"
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
    if value is None:
        return None
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        number = 0
    if number < 1:
        raise InvalidArgument(f"{where}={value!r}: pass a number of threads, at least 1")
    return number
