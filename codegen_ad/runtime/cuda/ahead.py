"""From a kernel's Python function to machine code, without a device.

numba and libNVVM make LTO-IR, and nvJitLink links it with `-lto`. Handing over PTX instead would
leave division and square root in double precision as calls of functions.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from codegen_ad.errors import InternalError
from codegen_ad.runtime.cuda.table import Kernel
from codegen_ad.runtime.cuda.toolkit import (
    compiler_versions,
    device_runtime,
    linker,
    without_device,
)
from codegen_ad.runtime.entrances import deep_calls

Capability = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Resources:
    """What a kernel takes, as ptxas reports it.

    Attributes
    ----------
    registers : of a thread.
    spill_bytes : stored to and loaded from memory for want of registers.
    stack_bytes : of a thread's local memory.
    shared_bytes : of a block, what the launch gives left out.
    barriers : how many named barriers there are.
    """

    registers: int
    spill_bytes: int
    stack_bytes: int
    shared_bytes: int
    barriers: int


@dataclass(frozen=True, slots=True)
class Image:
    """Machine code of one kernel for one architecture.

    Attributes
    ----------
    entry : the name by which the driver finds the kernel.
    code : the cubin.
    resources : what it takes.
    versions : of the compiler's packages.
    """

    entry: str
    code: bytes
    resources: Resources
    versions: dict[str, str]


def architecture(capability: Capability) -> str:
    """`sm_90` for (9, 0)."""
    return f"sm_{capability[0]}{capability[1]}"


def compile_ahead(module: ModuleType, kernel: Kernel, capability: Capability) -> Image:
    """Compile a kernel of a generated file, which has been imported, for an architecture."""
    return machine_code(intermediate(module, kernel, capability), kernel, capability)


def machine_code(code: bytes, kernel: Kernel, capability: Capability) -> Image:
    """The machine code of a kernel's LTO-IR."""
    options = [f"-arch={architecture(capability)}", "-Xptxas=-v"]
    cubin, log = _link(code, kernel, options)
    return Image(_entry(log, kernel.name), cubin, _resources(log), compiler_versions())


def assembly(code: bytes, kernel: Kernel, capability: Capability) -> str:
    """The PTX of a kernel's LTO-IR after link-time optimisation, to be looked at."""
    options = [f"-arch={architecture(capability)}", "-ptx"]
    return _link(code, kernel, options, text=True)[0].decode().rstrip("\0")


def imported(path: Path) -> ModuleType:
    """A generated CUDA file as a module, executed with numba-cuda behind `numba.cuda`."""
    with without_device((9, 0)):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def intermediate(module: ModuleType, kernel: Kernel, capability: Capability) -> bytes:
    """LTO-IR of a kernel of a generated file."""
    with without_device(capability) as cuda, deep_calls():
        function = getattr(module, kernel.name)
        found: Any = cuda.compile(
            getattr(function, "py_func", function),
            kernel.signature,
            cc=capability,
            device=False,
            abi="numba",
            output="ltoir",
            fastmath=kernel.fastmath,
            launch_bounds=kernel.launch_bounds,
        )
        return found[0]


def _link(
    code: bytes, kernel: Kernel, options: Sequence[str], *, text: bool = False
) -> tuple[bytes, str]:
    """What nvJitLink makes, and what it reports."""
    link = linker()
    options = ["-lto", *options]
    handle = link.create(len(options), options)
    try:
        link.add_data(handle, link.InputType.LTOIR, code, len(code), kernel.name)
        if kernel.cooperative and not text:
            link.add_file(handle, link.InputType.LIBRARY, device_runtime())
        link.complete(handle)
        size, get = (
            (link.get_linked_ptx_size, link.get_linked_ptx)
            if text
            else (link.get_linked_cubin_size, link.get_linked_cubin)
        )
        made = bytearray(size(handle))
        get(handle, made)
        log = bytearray(link.get_info_log_size(handle))
        link.get_info_log(handle, log)
        return bytes(made), log.decode(errors="replace")
    except link.nvJitLinkError as error:
        report = bytearray(link.get_error_log_size(handle))
        link.get_error_log(handle, report)
        raise InternalError(
            f"nvJitLink cannot link {kernel.name} ({error}): {report.decode(errors='replace')}"
        ) from error
    finally:
        link.destroy(handle)


def _entry(log: str, name: str) -> str:
    entries = re.findall(r"Compiling entry function '([^']+)'", log)
    if len(entries) != 1:
        raise InternalError(f"{name} was compiled to {len(entries)} kernels in place of one")
    return entries[0]


def _resources(log: str) -> Resources:
    def most(pattern: str) -> int:
        return max((int(n) for n in re.findall(pattern, log)), default=0)

    return Resources(
        registers=most(r"Used (\d+) registers"),
        spill_bytes=most(r"(\d+) bytes spill stores") + most(r"(\d+) bytes spill loads"),
        stack_bytes=most(r"(\d+) bytes stack frame"),
        shared_bytes=most(r"(\d+) bytes smem"),
        barriers=most(r"used (\d+) barriers"),
    )
