"""How kernels are lowered: integers that go round, and vectors of 512 bits."""

from __future__ import annotations

import importlib.util
import inspect
from types import ModuleType
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import ir

from codegen_ad import differentiate, minimize
from codegen_ad.runtime import lowering
from codegen_ad.runtime.places import form_of_numba, may_not_fit, places


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
    has = lowering._has_wide_vectors()
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

    lowering._has_wide_vectors.cache_clear()
    monkeypatch.setattr(config, "CPU_NAME", "generic")
    assert not lowering._has_wide_vectors()
    lowering._has_wide_vectors.cache_clear()


def test_another_numba_compiles_as_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> ModuleType:
        raise ImportError(name)

    lowering._pipeline.cache_clear()
    monkeypatch.setattr(lowering, "import_module", gone)
    monkeypatch.setattr(lowering, "_has_wide_vectors", lambda: True)
    try:

        def other_peak(p, x, y):  # type: ignore[no-untyped-def]
            return (p[0] * np.exp(-(((x - p[1]) / p[2]) ** 2)) - y).sum()

        found = differentiate(other_peak).value_and_grad(*_data(20))
    finally:
        lowering._pipeline.cache_clear()
    assert found[0] == pytest.approx(other_peak(*_data(20)))


def bits(x, k):  # type: ignore[no-untyped-def]
    return np.sum(x * ((k * 8) // 8))


def comparisons(x, k):  # type: ignore[no-untyped-def]
    return np.sum(x * np.where(k + 1 > k, 1.0, 2.0)) + np.sum(x * (k - 1 < k))


def squares(x, k):  # type: ignore[no-untyped-def]
    return np.sum(x * np.where(k * k >= 0, 1.0, 2.0) + x * np.sign(k * k // np.where(k, k, 1) - k))


def branches(x, k):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(k)):
        if k[i] + k[i] > k[i]:
            total += x[i] * x[i]
        else:
            total -= x[i]
    return total


def generator(x, k):  # type: ignore[no-untyped-def]
    state, total = 1, 0.0
    for i in range(len(k)):
        state = state * 6364136223846793005 + 1442695040888963407 + k[i]
        total += x[state % len(x)] * (state // 3 % 7) + x[abs(state * 2 // 2) % 3]
    return total


def orders(x, k):  # type: ignore[no-untyped-def]
    return np.sum(x * np.where(k + 8 > k - 3, 1.0, (k - 3) % 5))


def carried(x, k):  # type: ignore[no-untyped-def]
    total, m = 0.0, k[3] - 3
    for i in range(5):
        total += x[i] if m + 8 > m - 3 else 2 * x[i] + m % 7
        m = m - 1
    return total


HUGE = np.array([2**62 - 1, 2**62, 2**62 + 5, 2**63 - 1, -(2**63), -(2**62) - 3, 3, 0])


FUNCTIONS = [bits, comparisons, squares, branches, generator, orders, carried]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_integers_go_round_as_in_numpy(function: Any) -> None:
    x = np.linspace(0.5, 1.5, len(HUGE))
    with np.errstate(over="ignore"):
        expected = function(x, HUGE)
        slopes = [(function(x + 1e-3 * e, HUGE) - expected) / 1e-3 for e in np.eye(len(x))]
    value, gradient = differentiate(function).value_and_grad(x, HUGE)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient, slopes, rtol=2e-3)


def _places_of(function: Any, *args: Any) -> set[str]:
    """The sums and products in a function that are places, as it spells them."""
    compiled = numba.njit(function)
    compiled(*args)
    made: Any = next(iter(compiled.overloads.values())).type_annotation
    found = places(made.blocks, made.typemap, form_of_numba())
    sums = [
        s for b in made.blocks.values() for s in b.body
        if isinstance(s, ir.Assign) and isinstance(s.value, ir.Expr) and may_not_fit(s.value)
    ]  # fmt: skip
    rows = inspect.getsource(function).splitlines()
    first = function.__code__.co_firstlineno
    return {rows[s.loc.line - first].strip() for s in sums if s.target.name in found}


def test_places_are_sums_that_end_in_indices_and_hold_no_element() -> None:
    def function(x, k, first, rows):  # type: ignore[no-untyped-def]
        total, state = 0.0, 1
        last = first + rows
        for i in range(first, last):
            total += x[i - 1]
            row = 2 * i
            total += x[row // 2]
            other = k[i] + 1
            state = state * 31 + 7
            total += x[other] + x[state % 3]
            if first - 1 < i:
                total += (i + 1) / 2
            part = x[i : i + 2]
            part[i - i] = total
        return total

    x = np.linspace(0.0, 1.0, 50) ** 2
    assert _places_of(function, x, np.arange(40), 2, 9) == {
        "last = first + rows",
        "total += x[i - 1]",
        "part = x[i : i + 2]",
        "part[i - i] = total",
    }


def test_fits_of_such_kernels_come_to_the_same() -> None:
    p, x, y = _data(100)
    found = minimize(peak, p, args=(x, y), learning_rate=1e-3, steps=300, trace=True)
    point, trace, loss = p.copy(), [], differentiate(peak)
    for _ in range(300):
        value, gradient = loss.value_and_grad(point, x, y)
        trace.append(value)
        point -= 1e-3 * gradient
    np.testing.assert_allclose(found.trace, trace, rtol=1e-11)
