"""`codegen-ad doctor`: what is installed, and what may be in the way. It changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click

PACKAGES = (
    "codegen-ad", "numpy", "numba", "llvmlite", "sympy", "jinja2", "platformdirs", "rich", "tqdm",
    "click", "scipy", "matplotlib", "numba-cuda",
)  # fmt: skip
PEERS = ("autograd", "jax", "torch")


@click.command()
def doctor() -> None:
    """Print versions, processor, threads, the cache folder and the GPU stack."""
    problems: list[str] = []
    sections = (
        ("Python", _python()),
        ("Packages", _packages(problems)),
        ("Processor", _processor(problems)),
        ("Cache", _cache(problems)),
        ("GPU", _gpu()),
    )
    for title, rows in sections:
        click.echo(title)
        found = list(rows)
        width = max(len(label) for label, _ in found)
        for label, text in found:
            click.echo(f"  {label:<{width}}  {text}")
    click.echo()
    for problem in problems:
        click.echo(f"problem: {problem}")
    if problems:
        raise SystemExit(1)
    click.echo("No problems found.")


def _python() -> Iterator[tuple[str, str]]:
    yield "version", f"{sys.version.split()[0]} ({platform.python_implementation()})"
    yield "system", f"{platform.system()} {platform.release()}"


def _packages(problems: list[str]) -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        found = _version(name)
        yield name, found or "not installed"
        if found is None and name in ("numpy", "numba", "sympy", "jinja2"):
            problems.append(f"{name} is not installed, and nothing is compiled without it")
    peers = ", ".join(f"{name} {found}" for name in PEERS if (found := _version(name)))
    yield "for comparison", peers or "none"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor(problems: list[str]) -> Iterator[tuple[str, str]]:
    yield "model", _model()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "cores", f"{os.cpu_count()}, of which this process may use {allowed}"
    threads = os.environ.get("NUMBA_NUM_THREADS")
    yield "threads of numba", threads or f"{allowed} (NUMBA_NUM_THREADS is not set)"
    yield "threading layer", os.environ.get("NUMBA_THREADING_LAYER", "numba's default")
    has_blas = find_spec("scipy") is not None
    yield "BLAS and LAPACK", "by scipy" if has_blas else 'none: pip install "codegen-ad[blas]"'
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        problems.append("NUMBA_DISABLE_JIT is set: generated code runs as plain, slow Python")


def _model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _cache(problems: list[str]) -> Iterator[tuple[str, str]]:
    import warnings

    from codegen_ad.errors import CacheWarning, UnsafeCacheFolder
    from codegen_ad.runtime.folder import VARIABLE, open_folder
    from codegen_ad.runtime.store import Store

    yield VARIABLE, os.environ.get(VARIABLE, "not set")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CacheWarning)
        try:
            store = Store(open_folder())
        except UnsafeCacheFolder as error:
            problems.append(str(error))
            yield "folder", "refused: others may write to it"
            return
    problems += [str(w.message) for w in caught if issubclass(w.category, CacheWarning)]
    yield "folder", str(store.folder)
    yield "state", "temporary" if caught else "writable, and by its owner only"
    yield "kernels", f"{len(store.entries())}, {store.size_in_bytes()} bytes"


def _gpu() -> Iterator[tuple[str, str]]:
    yield "numba-cuda", _version("numba-cuda") or "none"
    yield "device and driver", _device()


def _device() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return "none"
    query = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return "nvidia-smi is there, but does not answer"
    return "; ".join(found.stdout.split("\n")).strip("; ") or "none"
