"""Functions that are refused, one for each message: complex numbers."""

from __future__ import annotations

import cmath
from typing import Any

import numpy as np

HELPERS = ()


def complex_in_place(x: Any) -> Any:
    x *= 1j
    return x


def complex_attribute(x: Any) -> Any:
    return (x * 1j).strides


def complex_order(x: Any) -> Any:
    return x * 1j < 2.0


def complex_and_text(x: Any) -> Any:
    return x * 1j + "a"


def imaginary_part_dropped(x: Any) -> Any:
    return (x * 1j).astype(float)


def complex_into_real(x: Any) -> Any:
    out = np.zeros(5)
    np.multiply(x, 1j, out=out)
    return out


def floor_of_complex(x: Any) -> Any:
    return np.floor(x * 1j)


def spectral_norm_of_complex(a: Any) -> Any:
    return np.linalg.norm(a * 1j, 2)


def product_of_complex(x: Any) -> Any:
    return np.prod(x * 1j)


def option_of_complex(x: Any) -> Any:
    return np.abs(x * 1j, where=x > 0)


def conjugate_of_two(x: Any) -> Any:
    return np.conj(x * 1j, x)


def dtype_of_complex(x: Any) -> Any:
    return np.zeros_like(x * 1j, dtype=float) + x


def complex_sort(x: Any) -> Any:
    return np.sort(x * 1j).imag


def real_transform_of_complex(x: Any) -> Any:
    return np.fft.rfft(x * 1j).real


def complex_bound(x: Any) -> Any:
    return np.maximum(x, x * 1j)


def complex_astype_copy(x: Any) -> Any:
    return (x * 1j).sum(dtype="c8").real


def complex_multiply_where(x: Any) -> Any:
    return np.multiply(x * 1j, x, casting="no").imag


def padded_complex(x: Any) -> Any:
    return np.pad(x * 1j, 1, mode="maximum").imag


def complex_bincount(x: Any) -> Any:
    return np.interp(x, x, x * 1j).imag


def imaginary_part_into_a_real_array(x: Any) -> Any:
    x[0] = 1j * x[1]
    return x


def angle_in_degrees_or_not(x: Any) -> Any:
    return np.angle(x * 1j, deg=x[0] > 0)


def array_given_to_cmath(x: Any) -> Any:
    return cmath.exp(x * 1j).real
