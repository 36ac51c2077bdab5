"""Special functions on a GPU: files bring them along, spelled for a device."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
import scipy.stats as st

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from codegen_ad import build, differentiate
from codegen_ad.backends.device_math import functions_for, whole_below, whole_nearest
from codegen_ad.backends.reference import evaluate
from codegen_ad.ops.special import FUNCTIONS
from codegen_ad.runtime.cuda.devices import platform, using
from codegen_ad.testing.lockstep import ORDERS
from tests.cuda.device_runs import run
from tests.end_to_end import cases, checks


def of_gamma(x, y):
    z = x[0] * y
    total = sp.gammaln(z) + sp.gamma(z) * sp.digamma(z) + sp.betaln(z, x[1]) + sp.rgamma(z)
    return np.sum(total + sp.beta(z, x[1]) + sp.gammainc(2.5, z) + sp.betainc(2.0, 3.0, z))


def of_error(x, y):
    z = x[0] * y
    total = sp.erfcx(z) + sp.erfinv(z) + sp.erfcinv(z) + sp.ndtri(z) + sp.ndtr(z)
    return np.sum(total + sp.log_ndtr(z - x[1]) + st.norm.logcdf(z, x[1], 2.0))


def of_bessel(x, y):
    z = x[0] * y
    total = sp.j0(z) + sp.j1(z) + sp.y0(z) + sp.y1(z) + sp.jv(3, z) + sp.yn(2, z)
    return np.sum(total + sp.i0(z) + sp.i1e(z) + sp.iv(3, z) + sp.k0(z) + sp.k1e(z) + sp.kn(2, z))


LOSSES = (of_gamma, of_error, of_bessel)


def arguments(dtype: str) -> tuple[Any, Any]:
    return np.array([0.9, 1.7], dtype), np.linspace(0.05, 0.95, 37).astype(dtype)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_as_on_the_processor(loss: Any, dtype: str) -> None:
    args = arguments(dtype)
    case = cases.Case(loss, lambda *_: args, ("x",))
    found = checks.derivatives(case)
    binder = found.kernels.binder
    signature = binder.form(binder.bind(args, {}))
    options = replace(found.options, target="cuda")
    with using(replace(platform(), versions=dict)):  # planned by estimate, not compiled
        stages = build.run(loss, signature, "value_and_grad", options, binder.wrt)
    wanted = evaluate(stages.optimized, list(args))
    got = run(stages.text, dict(zip("xy", args, strict=True)), orders=ORDERS[:1])
    for one, other in zip(got, wanted, strict=True):
        assert one.dtype == other.dtype
        tolerance = 1e-11 if dtype == "f8" else 2e-5
        np.testing.assert_allclose(one.reshape(other.shape), other, rtol=tolerance)


def test_every_function_has_a_spelling_for_devices() -> None:
    """Of NumPy they name constants alone, and they call nothing that does not stand before."""
    known = {"abs", "range", "int", "float", "max", "min"}
    for function in FUNCTIONS:
        here = set(known)
        for text in functions_for(f"{function.__name__}()"):
            tree = ast.parse(text)
            here |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    assert node.func.id in here, text
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np":
                    assert node.attr in ("inf", "nan", "pi"), text


def test_whole_numbers() -> None:
    numbers = np.array([0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, -1e-300, 4.5e15, 2.0**52 + 1, -1e300])
    numbers = np.concatenate([numbers, [np.inf, -np.inf, np.nan], np.linspace(-3, 3, 61)])
    np.testing.assert_array_equal([whole_below(x) for x in numbers], np.floor(numbers))
    np.testing.assert_array_equal([whole_nearest(x) for x in numbers], np.rint(numbers))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_they_compile(loss: Any, tmp_path: Path) -> None:
    pytest.importorskip("numba_cuda", reason="compiles kernels: the extra cuda-check")
    pytest.importorskip("cuda.bindings.nvjitlink", reason="links kernels: the extra cuda-check")
    from codegen_ad.runtime.cuda.ahead import compile_ahead, imported
    from codegen_ad.runtime.cuda.table import read

    with using(replace(platform(), versions=dict)):
        text = differentiate(loss, wrt="x").source(*arguments("f8"), target="cuda")
    file = tmp_path / "made.py"
    file.write_text(text)
    module = imported(file)
    for kernel in read(text).kernels.values():
        assert compile_ahead(module, kernel, (9, 0)).resources.spill_bytes == 0
