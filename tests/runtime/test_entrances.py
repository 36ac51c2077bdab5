"""A kernel is compiled with Python's way in, its helpers without any."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numba import float64, njit

from codegen_ad import differentiate
from codegen_ad.runtime.entrances import compile_entrance


@differentiate
def decay(w, t):  # type: ignore[no-untyped-def]
    if w[1] < 0.0:
        raise ValueError("rates are positive")
    return np.sum(w[0] * np.exp(-w[1] * t))


def _function() -> Any:
    prepared = decay.kernels.latest("value_and_grad")
    assert prepared is not None
    return prepared.compiled.function


def test_helpers_have_no_ways_in_and_can_be_called_all_the_same() -> None:
    t = np.linspace(0.0, 1.0, 5)
    value, gradient = decay.value_and_grad(np.array([2.0, 0.5]), t)
    e = np.exp(-0.5 * t)
    assert value == pytest.approx(2 * e.sum(), rel=1e-14)
    np.testing.assert_allclose(gradient, [e.sum(), -2 * (t * e).sum()], rtol=1e-14)
    function = _function()
    helpers = function.compiled_helpers
    compiled = [found for _, overloads in helpers for found in overloads.values()]
    assert compiled, "this run compiled the kernel"
    for found in compiled:
        defined = [f.name for f in found.library.get_defined_functions()]
        assert not [name for name in defined if "cpython" in name or name.startswith("cfunc")]
    module = sys.modules[function.py_func.__module__]
    assert not module.vector_exp.overloads
    assert "no_cpython_wrapper" not in module.vector_exp.targetoptions
    assert module.vector_exp(1.0) == pytest.approx(np.e, rel=1e-15)
    with pytest.raises(ValueError, match="rates are positive"):
        decay.value_and_grad(np.array([2.0, -0.5]), t)


def test_a_function_of_many_blocks_compiles() -> None:
    """Numba follows a name from block to block, in calls in each other."""
    blocks = "".join(f"    if x > {k}.5:\n        t = x\n" for k in range(550))
    text = f"def long(x):\n    s = x\n    t = 0.0\n{blocks}    s += 1.0\n    return s + t\n"
    space: dict[str, Any] = {}
    exec(text, space)
    limit = sys.getrecursionlimit()
    long = njit(space["long"])
    compile_entrance(long, (float64,))
    assert long(3.0) == 7.0
    assert sys.getrecursionlimit() == limit
