"""The compiler's packages: found, checked, and made to work without a device.

Only this module knows the traps of numba-cuda.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace
from typing import Any

import numpy as np

from codegen_ad.errors import DeviceError, MissingDependency
from codegen_ad.runtime.lowering import lowers_as_numpy
from codegen_ad.runtime.places import Form

EXTRA = "cuda"
PACKAGES = ("numba-cuda", "nvidia-nvvm", "nvidia-nvjitlink")
"""What decides which machine code comes out."""

_compiling = threading.RLock()


def compiler_versions() -> dict[str, str]:
    """The versions of the compiler's packages; empty if one of them is missing."""
    try:
        return {name: version(name) for name in PACKAGES}
    except PackageNotFoundError:
        return {}


def numba_cuda() -> Any:
    """The module `numba.cuda` of the package numba-cuda.

    Raises
    ------
    MissingDependency
        If the package is not installed.
    DeviceError
        If numba's own, older module stands in its place.
    """
    for name in PACKAGES:
        try:
            version(name)
        except PackageNotFoundError:
            raise MissingDependency(name, EXTRA, "to compile kernels for a GPU") from None
    if not hasattr(np, "row_stack"):  # numba-cuda 0.30 asks for it, and NumPy 2.5 has none
        np.row_stack = np.vstack  # pyright: ignore[reportAttributeAccessIssue]
    module = import_module("numba.cuda")
    if not is_numba_cuda(str(module.__file__)):
        raise DeviceError(
            f"numba.cuda is numba's own, from {module.__file__}, not that of numba-cuda.\n"
            "numba-cuda takes its place by a .pth file, which Python reads in site-packages but "
            "not in folders on PYTHONPATH: install it with pip into the environment itself."
        )
    return module


def is_numba_cuda(path: str) -> bool:
    """Whether `numba.cuda` was imported from the package numba-cuda."""
    return "numba_cuda" in path


@contextmanager
def without_device(capability: tuple[int, int]) -> Generator[Any]:
    """`numba.cuda`, which takes it for granted that there is a device of such a capability.

    numba asks the device for nothing else where a kernel calls functions of the device. What it
    compiles meanwhile is lowered as `runtime.lowering` says: integers of data go round.
    """
    cuda = numba_cuda()
    dispatcher: Any = import_module("numba.cuda.dispatcher")
    lowering: Any = import_module("numba.cuda.lowering")
    with _compiling:
        asked, lower = dispatcher.get_current_device, lowering.CUDALower
        dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
        lowering.CUDALower = _lowers_as_numpy(lower)
        try:
            yield cuda
        finally:
            dispatcher.get_current_device, lowering.CUDALower = asked, lower


@cache
def _lowers_as_numpy(lower: Any) -> Any:
    """numba-cuda's own class for lowering functions, whose integers of data go round."""
    types: Any = import_module("numba.cuda.types")
    form = Form(import_module("numba.cuda.core.ir"), types)
    return lowers_as_numpy(lower, types.Integer, form)


def linker() -> Any:
    """The bindings of nvJitLink."""
    try:
        return import_module("cuda.bindings.nvjitlink")
    except ImportError:
        raise MissingDependency("cuda-bindings", EXTRA, "to link kernels for a GPU") from None


def device_runtime() -> str:
    """Path of the library that barriers of the whole grid come from."""
    nvidia: Any = import_module("nvidia")
    from pathlib import Path

    for folder in nvidia.__path__:
        found = sorted(Path(folder).rglob("libcudadevrt.a")) or sorted(
            Path(folder).rglob("cudadevrt.lib")
        )
        if found:
            return str(found[0])
    raise MissingDependency("nvidia-cuda-runtime", EXTRA, "for barriers of the whole grid")
