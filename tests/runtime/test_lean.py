"""Kernels take a shorter way through numba, and come to the same machine code."""

from __future__ import annotations

import copy
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate, minimize
from codegen_ad.runtime import compiled, lean
from codegen_ad.runtime.entrances import compile_entrance


def peak(p, x, y):  # type: ignore[no-untyped-def]
    r = p[0] * np.exp(-(((x - p[1]) / p[2]) ** 2)) - y
    return (r * r).sum()


def jumps(p, x, y):  # type: ignore[no-untyped-def]
    """Variables that loops, branches, early ends and other loops assign."""
    s, best = p[0], 0.0
    for i in range(len(x)):
        s = np.tanh(p[1] * s + x[i])
        if s > y[i]:
            best = s
            continue
        for k in range(i):
            if x[k] * best > 2.0:
                break
            s = s + p[2] * y[k]
        if s < -3.0:
            return s * best
    while s > 0.5:
        s = s * p[1]
    return (s - best) ** 2


def layers(p, x, y):  # type: ignore[no-untyped-def]
    """Many loops, one behind another."""
    total = 0.0
    for k in (1, 2, 3, 4):
        x = np.cumsum(np.sin(x * p[0])) * 0.1 + k
        y = np.sort(y)[::-1] * p[1] + x.max()
        total = total + (x * y).sum() * p[2]
    return total


def systems(p, x, y):  # type: ignore[no-untyped-def]
    """Functions that the file brings along, and arrays in place."""
    A = np.outer(x, x) * p[0] + np.eye(len(x)) * 3.0
    u = np.linalg.solve(A, y) * p[1]
    for _ in range(3):
        u[1:-1] += p[2] * (u[2:] - 2 * u[1:-1] + u[:-2])
    return (u * y).sum() + np.linalg.slogdet(A)[1]


FUNCTIONS = (peak, jumps, layers, systems)


def _arguments() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.linspace(-1.0, 1.0, 9)
    return np.array([0.7, 0.4, 0.2]), x, np.cos(2.0 * x)


def _module(path: Path, folder: Path) -> ModuleType:
    """A kernel's file imported afresh, so that nothing of it is compiled."""
    folder.mkdir()
    file = folder / "afresh.py"
    file.write_text(path.read_text())
    spec = importlib.util.spec_from_file_location("afresh", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["afresh"] = module  # numba's pickles name it
    spec.loader.exec_module(module)
    return module


def _compiled(module: ModuleType, name: str, args: tuple[Any, ...]) -> Any:
    from numba import typeof

    function = getattr(module, name)
    compile_entrance(function, [typeof(a) for a in args])
    return function


@pytest.mark.slow
@pytest.mark.every(2)
@pytest.mark.parametrize("function", [jumps, systems], ids=lambda f: f.__name__)
def test_the_machine_code_is_the_same(function: Any, tmp_path: Path) -> None:
    args = _arguments()
    path = Path(differentiate(function).source_path(*args, mode="value_and_grad"))
    name = f"{function.__name__}_value_and_grad"
    usual = _compiled(_module(path, tmp_path / "usual"), name, args)
    module = _module(path, tmp_path / "lean")
    lean.shorten(module)
    short = _compiled(module, name, args)
    (before,), (after,) = usual.inspect_asm().values(), short.inspect_asm().values()
    assert _plain(before) == _plain(after)
    for a, b in zip(usual(*args), short(*args), strict=True):
        np.testing.assert_array_equal(a, b)


def _plain(text: str) -> list[str]:
    """Machine code without the names that each compilation makes up."""
    lines = (line for line in text.splitlines() if line.startswith("\t") and "." not in line)
    return [re.sub(r"B\d+v\d+B", "B", line) for line in lines]


def _dump(blocks: Any) -> list[str]:
    return [f"{label}: {s}" for label, block in sorted(blocks.items()) for s in block.body]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_variables_get_the_names_that_numba_gives_them(
    function: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not lean._is_known():
        pytest.skip("this numba names variables in another way, and does it itself")
    numba: Any = pytest.importorskip("numba.core.ssa")
    compared: list[int] = []
    quick = lean._single_assignments

    def both(blocks: Any) -> Any:
        twin = copy.deepcopy(blocks)
        found = quick(blocks)
        assert _dump(found) == _dump(numba._run_ssa(twin))
        compared.append(len(found))
        return found

    monkeypatch.setattr(lean, "_single_assignments", both)
    path = Path(differentiate(function).source_path(*_arguments(), mode="value_and_grad"))
    module = _module(path, tmp_path / "compared")
    lean.shorten(module)
    _compiled(module, f"{function.__name__}_value_and_grad", _arguments())
    assert max(compared) > 3


def test_kernels_take_it_and_what_they_call_does_not() -> None:
    loss = differentiate(peak)
    loss.value_and_grad(*_arguments())
    function: Any = loss.kernels.latest("value_and_grad").compiled.function  # type: ignore[union-attr]
    assert issubclass(function._compiler.pipeline_class, lean.pipeline())
    helper = function.py_func.__globals__["vector_exp"]
    assert not issubclass(helper._compiler.pipeline_class, lean.pipeline())


def test_another_numba_compiles_as_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> ModuleType:
        raise ImportError(name)

    monkeypatch.setattr(lean, "_NEEDLESS", (("numba.core.untyped_passes", "Gone"),))
    lean._others.cache_clear()
    try:
        assert lean._others() == {}
        found = differentiate(lambda p, x: (p * np.cos(x)).sum()).value_and_grad(0.5, np.ones(3))
    finally:
        lean._others.cache_clear()
    assert found[0] == pytest.approx(1.5 * np.cos(1.0))


def test_text_that_is_not_known_is_left_to_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "_KNOWN", "")
    lean._others.cache_clear()
    try:
        assert set(lean._others().values()) == {None}
    finally:
        lean._others.cache_clear()


def test_fits_and_their_steps_take_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    shorten = lean.shorten

    def listed(module: ModuleType) -> None:
        shorten(module)
        for name, function in vars(module).items():
            base = getattr(getattr(function, "_compiler", None), "pipeline_class", None)
            taken.extend([name] if base is not None and issubclass(base, lean.pipeline()) else [])

    monkeypatch.setattr(compiled, "shorten", listed)
    p, x, y = _arguments()
    found = minimize(peak, p, args=(x, y), learning_rate=1e-3, steps=5, trace=True)
    assert {"peak_value_and_grad", "peak_fit"} <= set(taken)
    assert found.trace[0] == pytest.approx(peak(p, x, y))
