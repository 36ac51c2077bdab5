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
    "click", "scipy", "matplotlib",
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
        ("GPU", _gpu(problems)),
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


def _gpu(problems: list[str]) -> Iterator[tuple[str, str]]:
    from codegen_ad.runtime.cuda.toolkit import PACKAGES, is_numba_cuda

    found = {name: _version(name) for name in (*PACKAGES, "cuda-bindings")}
    for name, number in found.items():
        yield name, number or "not installed"
    if all(found[name] for name in PACKAGES):
        path = str(_origin_of_numba_cuda())
        yield "compiler", "numba-cuda" if is_numba_cuda(path) else f"numba's own, at {path}"
        if not is_numba_cuda(path):
            problems.append(
                "numba.cuda is not that of numba-cuda: its .pth file is not read from PYTHONPATH"
            )
    elif any(found.values()):
        problems.append('a part of the GPU stack is missing: pip install "codegen-ad[cuda]"')
    yield from _devices()


def _origin_of_numba_cuda() -> str | None:
    """Where `import numba.cuda` would come from, found without importing it."""
    spec = find_spec("numba.cuda")
    return None if spec is None else spec.origin


def _devices() -> Iterator[tuple[str, str]]:
    """What nvidia-smi says, and what the driver itself does."""
    rows = _asked()
    if not rows:
        yield "devices", "none" if rows is not None else "nvidia-smi is there, but does not answer"
    for number, row in enumerate(rows or ()):
        name, driver, total, used, load, temperature = (cell.strip() for cell in row.split(","))
        yield f"device {number}", f"{name}, driver {driver}"
        yield "", f"memory {used} of {total}, busy {load}, {temperature} °C"
    from codegen_ad.errors import CodegenError
    from codegen_ad.runtime.cuda.system_driver import system_driver

    try:
        driver = system_driver()
    except CodegenError as error:
        yield "driver", str(error).splitlines()[0]
        return
    yield "driver", f"CUDA {driver.version() // 1000}.{driver.version() % 1000 // 10}"
    for number in range(driver.count()):
        p = driver.properties(number)
        major, minor = p.capability
        yield f"GPU {number}", f"{p.name}, sm_{major}{minor}, {p.multiprocessors} multiprocessors"


def _asked() -> list[str] | None:
    """A row for each device by nvidia-smi; none without it, None where it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    asked = "name,driver_version,memory.total,memory.used,utilization.gpu,temperature.gpu"
    query = [program, f"--query-gpu={asked}", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return [line for line in found.stdout.splitlines() if line.count(",") == asked.count(",")]
