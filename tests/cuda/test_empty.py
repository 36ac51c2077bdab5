"""Places of data in arrays without elements: nothing is read there, and the error is NumPy's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator needs it")

from codegen_ad import differentiate
from codegen_ad.errors import UnsupportedOnDevice
from codegen_ad.ir.dims import Dim
from codegen_ad.plan.device.empty import may_be_empty
from codegen_ad.runtime.cuda.ahead import compile_ahead, imported
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.runtime.cuda.table import read
from codegen_ad.testing.simulated_driver import SimulatedDriver

ROWS = 40


@pytest.fixture(autouse=True)
def device() -> Iterator[SimulatedDriver]:
    driver = SimulatedDriver(orders=("forward", "reverse"))
    with using(driver.platform()):
        yield driver


def rows(u: Any, group: Any, x: Any) -> Any:
    return np.sum(u[group] * x)


def branches(u: Any, group: Any, x: Any) -> Any:
    total = 0.0
    for i in range(len(group)):
        if x[i] > 0:
            for j in range(3):
                total += u[group[i]] * x[i] * j
    return total


def steps(u: Any, group: Any, x: Any) -> Any:
    total = 0.0
    for i in range(300):
        total = 0.5 * total + u[group[i % 3]] * x[i % 5]
    return total


def sweeps(u: Any, group: Any, x: Any) -> Any:
    t = np.zeros(len(x))
    for i in range(len(x)):
        t = 0.9 * t + x
        if x[i] > 0:
            t[i] = u[group[i]]
    return t.sum()


def ends(u: Any, group: Any, x: Any) -> Any:
    return rows(u[2:], group, x)


def swept_ends(u: Any, group: Any, x: Any) -> Any:
    return sweeps(u[2:], group, x)


@pytest.mark.parametrize(
    ("function", "size", "sign"),
    [
        (rows, 0, 1),
        (branches, 0, 1),
        (branches, 0, -1),
        (steps, 0, 1),
        (sweeps, 0, 1),
        (ends, 2, 1),
        (swept_ends, 2, 1),
        (swept_ends, 2, -1),
    ],
)
def test_nothing_is_read_of_an_array_without_elements(function: Any, size: int, sign: int) -> None:
    data = np.ones(size), np.zeros(ROWS, int), np.full(ROWS, float(sign))
    on_gpu = differentiate(wrt="u", target="cuda")(function)
    try:
        expected = function(*data)
    except IndexError:
        with pytest.raises(IndexError, match="out of bounds for axis 0"):
            on_gpu.value_and_grad(*data)
        return
    value, gradient = on_gpu.value_and_grad(*data)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_array_equal(gradient, np.zeros(size))


def test_many_fits_refuse_what_may_be_empty() -> None:
    def model(p, shift, group, y):  # type: ignore[no-untyped-def]
        return p[0] * shift[3:][group] + p[1] - y

    data = np.ones(2), np.ones(9), np.zeros(8, int), np.ones(8)
    with pytest.raises(UnsupportedOnDevice, match="may be empty"):
        differentiate(model).source(*data, mode="fit_many:y:thread", target="cuda")


def test_which_axes_may_be_empty() -> None:
    n, k = Dim.symbol("n"), Dim.symbol("k")
    axes = {"n"}
    filled = [Dim.constant(1), n, n - 1, 2 * n * n - 3, n + 4]
    empty = [Dim.constant(0), k, n - 2, n * k, (n + 1) // 2, 3 - n]
    assert not [d for d in filled if may_be_empty(d, axes)]
    assert all(may_be_empty(d, axes) for d in empty)


@pytest.mark.parametrize("function", [branches, sweeps])
def test_such_kernels_compile(function: Any, tmp_path: Path) -> None:
    pytest.importorskip("numba_cuda", reason="compiles kernels: the extra cuda-check")
    pytest.importorskip("cuda.bindings.nvjitlink", reason="links kernels: the extra cuda-check")
    data = np.ones(0), np.zeros(ROWS, int), np.ones(ROWS)
    path = tmp_path / "made.py"
    path.write_text(differentiate(wrt="u")(function).source(*data, target="cuda").plain)
    for kernel in read(path.read_text()).kernels.values():
        assert compile_ahead(imported(path), kernel, (9, 0)).resources.registers > 0
