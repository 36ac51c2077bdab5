"""The C versions: compiled with the system's compiler, called by ctypes."""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

SOURCES = Path(__file__).parent / "c"
FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")


def compiler() -> str | None:
    """The system's compiler, if there is one."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@functools.cache
def library(name: str) -> ctypes.CDLL:
    """What `c/NAME.c` defines, compiled for this machine."""
    found = compiler()
    assert found is not None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"{name}.so"
        subprocess.run(
            [found, *FLAGS, "-o", str(target), str(SOURCES / f"{name}.c"), "-lm"], check=True
        )
        return ctypes.CDLL(str(target))


def function(name: str, symbol: str, returns: Any = ctypes.c_double) -> Any:
    """A function of `c/NAME.c`."""
    found = getattr(library(name), symbol)
    found.restype = returns
    return found


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """The address of an array's elements, which must be contiguous."""
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)
