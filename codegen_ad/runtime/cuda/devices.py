"""Which driver kernels run on, and who compiles them: the system's, or what a test puts there."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from codegen_ad.runtime.cuda.ahead import Capability, Image, compile_ahead, imported
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.cuda.system_driver import system_driver
from codegen_ad.runtime.cuda.table import Kernel
from codegen_ad.runtime.cuda.toolkit import compiler_versions

Compile = Callable[[Path, Kernel, Capability], Image]


def compile_file(path: Path, kernel: Kernel, capability: Capability) -> Image:
    """Compile a kernel of a generated file."""
    return compile_ahead(imported(path), kernel, capability)


@dataclass(frozen=True, slots=True)
class Platform:
    """Where kernels run.

    Attributes
    ----------
    driver : gives the driver, or says why there is none.
    compile : makes machine code for it.
    versions : what the machine code depends on; empty if nothing can be compiled.
    planned_for : the architecture for which files are planned; None for that of the first device.
    """

    driver: Callable[[], Driver]
    compile: Compile
    versions: Callable[[], dict[str, str]]
    planned_for: Capability | None = None


SYSTEM = Platform(system_driver, compile_file, compiler_versions)

_PRESENT: ContextVar[Platform] = ContextVar("platform", default=SYSTEM)


def platform() -> Platform:
    """Where kernels run now."""
    return _PRESENT.get()


@contextmanager
def using(other: Platform) -> Generator[None]:
    """Run the kernels of all functions that are first called inside on another platform."""
    token = _PRESENT.set(other)
    try:
        yield
    finally:
        _PRESENT.reset(token)
