"""Vectors of 512 bits: for the kernels that gain by them, on the processors that do."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate, minimize
from codegen_ad.runtime import wide


def peak(p, x, y):  # type: ignore[no-untyped-def]
    r = p[0] * np.exp(-(((x - p[1]) / p[2]) ** 2)) - y
    return (r * r).sum()


def line(p, x, y):  # type: ignore[no-untyped-def]
    return ((p[0] + p[1] * x - y) ** 2).sum()


def logistic(w, X, y):  # type: ignore[no-untyped-def]
    z = X @ w
    return np.sum(np.logaddexp(0.0, z) - y * z)


def recurrence(p, x, y):  # type: ignore[no-untyped-def]
    s = 0.0
    for i in range(len(x)):
        s = np.tanh(p[0] * s + p[1] * x[i]) * p[2] - y[i]
    return s


def diffusion(u, rate, steps):  # type: ignore[no-untyped-def]
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += rate * (u[2:] - 2 * u[1:-1] + u[:-2])
    return (u * u).sum()


def _data(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.linspace(-3.0, 3.0, rows)
    return np.array([1.1, 0.1, 0.9]), x, np.exp(-x * x)


def _metadata(function: Any, *args: Any) -> Any:
    loss = differentiate(function)
    return loss.kernels.prepare("value_and_grad", loss.kernels.binder.bind(args, {}))[0]


ARGUMENTS: dict[Any, tuple[tuple[Any, ...], bool]] = {
    peak: (_data(10), True),
    line: (_data(10), False),
    logistic: ((np.ones(40), np.ones((10, 40)), np.ones(10)), False),
    recurrence: (_data(10), False),
    diffusion: ((np.ones(50), 0.1, 3), True),
}


@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda f: f.__name__)
def test_who_is_for_wide_vectors(function: Any) -> None:
    args, gains = ARGUMENTS[function]
    prepared = _metadata(function, *args)
    assert prepared.compiled.metadata["wide"] is gains


def _alone(path: str, folder: Any) -> ModuleType:
    """The file of a kernel, imported as anyone would."""
    copy = folder / "alone.py"
    with open(path) as file:
        copy.write_text(file.read())
    spec = importlib.util.spec_from_file_location("alone", copy)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_wide_vectors_are_used_and_only_sums_differ(tmp_path: Any) -> None:
    def own_peak(p, x, y):  # type: ignore[no-untyped-def]  # compiled here, so that it can be inspected
        r = p[0] * np.exp(-(((x - p[1]) / p[2]) ** 2)) - y
        return (r * r).sum() * 3.0

    args = _data(9001)
    loss = differentiate(own_peak, threads=1)
    value, gradient = loss.value_and_grad(*args)
    function: Any = loss.kernels.latest("value_and_grad").compiled.function  # type: ignore[union-attr]
    llvm = function.inspect_llvm(function.signatures[0])
    has = wide._has_wide_vectors()
    assert ('"prefer-vector-width"="512"' in llvm) == has
    assert ("<8 x double>" in llvm) == has
    alone = _alone(loss.source_path(), tmp_path).own_peak_value_and_grad(*args)
    np.testing.assert_allclose(value, alone[0], rtol=1e-13)
    np.testing.assert_allclose(gradient, alone[1], rtol=1e-12)
    for threads in (2, 3):
        again = differentiate(own_peak, threads=threads).value_and_grad(*args)
        assert again[0] == value
        np.testing.assert_array_equal(again[1], gradient)


def test_whoever_tells_numba_what_to_compile_for_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba import config

    wide._has_wide_vectors.cache_clear()
    monkeypatch.setattr(config, "CPU_NAME", "generic")
    assert not wide._has_wide_vectors()
    wide._has_wide_vectors.cache_clear()


def test_another_numba_compiles_as_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> ModuleType:
        raise ImportError(name)

    wide._pipeline.cache_clear()
    monkeypatch.setattr(wide, "import_module", gone)
    monkeypatch.setattr(wide, "_has_wide_vectors", lambda: True)
    try:

        def other_peak(p, x, y):  # type: ignore[no-untyped-def]
            return (p[0] * np.exp(-(((x - p[1]) / p[2]) ** 2)) - y).sum()

        found = differentiate(other_peak).value_and_grad(*_data(20))
    finally:
        wide._pipeline.cache_clear()
    assert found[0] == pytest.approx(other_peak(*_data(20)))


def test_fits_of_such_kernels_come_to_the_same() -> None:
    p, x, y = _data(100)
    found = minimize(peak, p, args=(x, y), learning_rate=1e-3, steps=300, trace=True)
    point, trace, loss = p.copy(), [], differentiate(peak)
    for _ in range(300):
        value, gradient = loss.value_and_grad(point, x, y)
        trace.append(value)
        point -= 1e-3 * gradient
    np.testing.assert_allclose(found.trace, trace, rtol=1e-11)
