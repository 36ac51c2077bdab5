"""Integers of data go round on a GPU as in NumPy; places keep the promise that they fit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="compiles kernels: the extra cuda-check")
pytest.importorskip("cuda.bindings.nvjitlink", reason="links kernels: the extra cuda-check")

from codegen_ad import differentiate
from codegen_ad.runtime.cuda import ahead
from codegen_ad.runtime.cuda.table import read
from codegen_ad.runtime.cuda.toolkit import without_device


def bits(x: Any, k: Any) -> Any:
    return np.sum(x * ((k * 8) // 8))


def comparisons(x: Any, k: Any) -> Any:
    return np.sum(x * np.where(k + 1 > k, 1.0, 2.0))


def squares(x: Any, k: Any) -> Any:
    return np.sum(x * np.where(k * k >= 0, 1.0, 2.0))


def carried(x: Any, k: Any) -> Any:
    total, m = 0.0, k[3] - 3
    for i in range(5):
        total += x[i] if m + 8 > m - 3 else 2 * x[i] + m % 7
        m = m - 1
    return total


DATA = np.linspace(0.5, 1.5, 8), np.arange(8) + 2**62


def _llvm(path: Path) -> str:
    """The LLVM text of all kernels of a file."""
    from numba.cuda import types
    from numba.cuda.compiler import compile_cuda
    from numba.cuda.core import sigutils

    module = ahead.imported(path)
    texts: list[str] = []
    with without_device((9, 0)):
        for kernel in read(path.read_text(encoding="utf-8")).kernels.values():
            arguments, _ = sigutils.normalize_signature(kernel.signature)
            function = getattr(module, kernel.name).py_func
            made = compile_cuda(function, types.void, arguments, cc=(9, 0))
            texts.append(made.library.get_llvm_str())
    return "\n".join(texts)


def _file(function: Any, folder: Path, *args: Any) -> Path:
    path = folder / "made.py"
    path.write_text(differentiate(function).source(*args, target="cuda").plain, encoding="utf-8")
    return path


def _promises(text: str) -> list[str]:
    """Sums and products that LLVM is told to fit, but for what counts the trips of a `range`."""
    found = [s for s in text.splitlines() if " nsw " in s]
    return [s for s in found if not re.search(r"sub nsw i64 .*, 1$", s)]


@pytest.mark.parametrize("function", [bits, comparisons, squares, carried])
def test_sums_of_data_are_not_promised_to_fit(function: Any, tmp_path: Path) -> None:
    assert not _promises(_llvm(_file(function, tmp_path, *DATA)))


def test_places_are_promised_to_fit() -> None:
    text = _llvm(Path("generated/cuda/random_effects_value_and_grad.py"))
    kinds = {s.split("=")[1].split()[0] for s in _promises(text)}
    assert kinds == {"add", "mul", "sub"}


def test_what_goes_round_is_computed(tmp_path: Path) -> None:
    path = _file(bits, tmp_path, *DATA)
    module, kernels = ahead.imported(path), read(path.read_text(encoding="utf-8")).kernels
    (kernel,) = kernels.values()
    text = ahead.assembly(ahead.intermediate(module, kernel, (9, 0)), kernel, (9, 0))
    assert len(re.findall(r"shl\.b64.*, 3;", text)) == len(DATA[1])
