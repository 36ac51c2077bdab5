"""The versions that a kernel depends on: of ours, Python, NumPy, numba, and the processor."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path


@cache
def versions() -> dict[str, str]:
    """Name and version of everything that a generated file depends on."""
    found = {name: _version(name) for name in ("codegen-ad", "numpy", "numba", "sympy")}
    found["python"] = sys.version.split()[0]
    found["machine"] = platform.machine()
    found["blas"] = str(find_spec("scipy") is not None)
    found["package"] = _package_digest()
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _package_digest() -> str:
    """A digest of the package's files by size and time, for those who work on the package."""
    folder = Path(__file__).parent.parent
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        status = path.stat()
        total.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return total.hexdigest()
