"""Whole processes, from the start of the interpreter to the first gradient."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Row, Section, absent
from benchmarks.timing import installed

ROOT = Path(__file__).resolve().parent.parent

DATA = """
import numpy as np
x = np.linspace(0, 5, 100).reshape((-1, 1))
y = np.sin(x)
w = np.zeros((5, 1))
expected = -2 / 100 * (x ** range(5)).T @ y
"""

OWN = f"""{DATA}
from codegen_ad import differentiate

@differentiate
def loss(w, x, y):
    return ((y - x ** range(w.size) @ w) ** 2).mean()

assert np.allclose(loss.grad(w, x, y), expected)
"""

JAX = f"""{DATA}
import jax, jax.numpy as jnp

@jax.jit
@jax.grad
def gradient(w, x, y):
    return ((y - x ** jnp.arange(5) @ w) ** 2).mean()

assert np.allclose(gradient(w, x, y), expected)
"""

TORCH = f"""{DATA}
import torch
x, y, w = map(torch.from_numpy, (x, y, w))
w.requires_grad_(True)
((y - x ** torch.arange(5) @ w) ** 2).mean().backward()
assert np.allclose(w.grad.numpy(), expected)
"""


def measure(*, quick: bool) -> Section:
    rounds = 2 if quick else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = ("own", "jax", "torch", "import", "nothing")
        scripts = {key: folder / f"first_gradient_{key}.py" for key in keys}
        texts = (OWN, JAX, TORCH, "import codegen_ad\n", "pass\n")
        for path, text in zip(scripts.values(), texts, strict=True):
            path.write_text(text, encoding="utf-8")
        warm = _cache(folder, "warm")
        _run(scripts["own"], warm)
        jobs: dict[str, tuple[Path, Path | None]] = {
            "codegen_ad, nothing compiled yet": (scripts["own"], None),
            "codegen_ad, from the second process on": (scripts["own"], warm),
            "import codegen_ad": (scripts["import"], warm),
            "the interpreter alone": (scripts["nothing"], warm),
        }
        rows: list[Row] = []
        for title, library in (("JAX, jitted", "jax"), ("PyTorch", "torch")):
            if installed(library):
                jobs[title] = (scripts[library], warm)
                _run(scripts[library], warm)
            else:
                rows.append(absent(title))
        times: dict[str, list[float]] = {key: [] for key in jobs}
        for turn in range(rounds):
            for key, (script, cache) in jobs.items():
                times[key].append(_run(script, cache or _cache(folder, f"cold{turn}")))
    medians = {key: statistics.median(found) for key, found in times.items()}
    return Section("From the start of the process to the first gradient", (*_rows(medians), *rows))


def _rows(medians: dict[str, float]) -> Sequence[Row]:
    own = medians["codegen_ad, from the second process on"]
    targets = {
        "codegen_ad, nothing compiled yet": 4.0,
        "codegen_ad, from the second process on": 1.2,
    }
    rows: list[Row] = []
    for name, seconds in medians.items():
        limit = targets.get(name)
        if name == "import codegen_ad":
            seconds -= medians["the interpreter alone"]
            limit = 0.2
            name = "import codegen_ad, without the interpreter"
        target = "" if limit is None else f"at most {limit:g} s"
        reached = None if limit is None else seconds <= limit
        rows.append(Row(name, seconds, "s", seconds / own, "", target, reached))
    return rows


def _cache(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir(mode=0o700)
    return path


def _run(script: Path, cache: Path) -> float:
    environment = os.environ | {"CODEGEN_AD_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    # Installed packages have byte code: pip compiles them, or their first import does.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    subprocess.run([sys.executable, str(script)], check=True, env=environment, cwd=script.parent)
    return time.perf_counter() - start
