"""Functions in single precision against double precision, with and without fused operations."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numba import njit

from codegen_ad.backends.brought import TABLE
from codegen_ad.backends.vector_single import vector_exp_single

FUSED: dict[str, Any] = {"fastmath": {"contract"}}


def compiled(function: Any, options: dict[str, Any]) -> Any:
    """The function over arrays."""
    one = njit(error_model="numpy", forceinline=True, **options)(function)

    @njit(error_model="numpy", **options)
    def over(x):
        out = np.empty_like(x)
        for i in range(x.shape[0]):
            out[i] = one(x[i])
        return out

    return over


def between(low: int, high: int, step: int) -> np.ndarray:
    """Each `step`-th float32 from one pattern of bits up to another."""
    return np.arange(low, high, step, dtype=np.uint32).view(np.float32)


@pytest.mark.parametrize("options", [FUSED, {}], ids=["fused", "not fused"])
def test_exp_is_right_to_the_last_place(options: dict[str, Any]) -> None:
    x = np.concatenate(
        [
            between(0, 0x42B20000, 1021),  # 0 to 89
            between(0x80000000, 0xC2D20000, 1021),  # -0 to -105
            np.float32(np.log(2.0) * (np.arange(-150, 128) + 0.5)),  # rounds either way
        ]
    )
    found = compiled(vector_exp_single, options)(x)
    exact = np.exp(x.astype(np.float64))
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(found[~finite], rounded[~finite])
    unit = np.spacing(rounded[finite]).astype(np.float64)
    assert (abs(found[finite] - exact[finite]) / unit).max() < 1.0


def test_exp_has_the_ends_of_numpy() -> None:
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e38, -1e38, 1e-45, -104.5], np.float32)
    found = compiled(vector_exp_single, FUSED)(x)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found, np.exp(x))
    assert found.dtype == np.float32


def test_it_is_compiled_as_the_others_and_uses_wide_vectors() -> None:
    assert dict(TABLE)[vector_exp_single] == 'fastmath={"contract"}, forceinline=True'
    over = compiled(vector_exp_single, FUSED)
    over(np.ones(3, np.float32))
    (llvm,) = over.inspect_llvm().values()
    assert "x float>" in llvm
    assert "double>" not in llvm
    assert "x i64>" not in llvm
    # Exponents come out of the number that rounds: nothing is added to them.
    assert not re.search(r"= add (\w+ )*<\d+ x i32>", llvm)
    assert re.search(r"= sub (\w+ )*<\d+ x i32>", llvm)


def test_arguments_in_double_precision_are_rounded() -> None:
    for x in (-3.3, 0.2, 7.7):
        assert vector_exp_single(np.float64(x)) == pytest.approx(np.exp(x), rel=1e-6)
