"""The discrete Fourier transform as functions that generated files bring along.

Lengths whose prime factors are small are transformed by Stockham's self-sorting algorithm, others
as a convolution of a length that is a power of two (Bluestein 1970). All is done in float64.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from typing import Any

import numpy as np


def stockham(z: Any, roots: Any) -> Any:
    """Transform a vector; `roots` are the powers of its first root of unity.

    Stockham's algorithm: each pass splits off one factor of the length and leaves its results in
    order, so that nothing is permuted at the end.
    """
    source, target = z.copy(), np.empty_like(z)
    size, stride = z.size, 1
    while size > 1:
        radix = 4 if size % 4 == 0 else 2
        while size % radix:
            radix += 1
        part = size // radix
        for p in range(part):
            if radix == 4:
                quarter = roots[z.size // 4]
                w1, w2, w3 = roots[p * stride], roots[2 * p * stride], roots[3 * p * stride]
                for q in range(stride):
                    i, step = q + stride * p, stride * part
                    a, b = source[i], source[i + step]
                    c, d = source[i + 2 * step], source[i + 3 * step]
                    even, odd = a + c, a - c
                    sum_, turned = b + d, (b - d) * quarter
                    j = q + 4 * stride * p
                    target[j] = even + sum_
                    target[j + stride] = (odd + turned) * w1
                    target[j + 2 * stride] = (even - sum_) * w2
                    target[j + 3 * stride] = (odd - turned) * w3
            else:
                for k in range(radix):
                    turn, j = roots[p * k * stride], stride * (radix * p + k)
                    for q in range(stride):
                        target[j + q] = source[stride * p + q] * turn
                    for n in range(1, radix):
                        i = stride * (p + part * n)
                        root = roots[n * k % radix * (z.size // radix)] * turn
                        for q in range(stride):
                            target[j + q] += source[i + q] * root
        source, target = target, source
        size, stride = part, stride * radix
    return source


def bluestein(z: Any, sign: float) -> Any:
    """Transform a vector of any length: a convolution with a chirp, of length a power of two."""
    length = 1
    while length < 2 * z.size - 1:
        length *= 2
    k = np.arange(z.size)
    chirp = np.exp(sign * 1j * np.pi * (k * k % (2 * z.size)) / z.size)
    padded = np.zeros(length, np.complex128)
    padded[: z.size] = z * chirp
    kernel = np.zeros(length, np.complex128)
    kernel[: z.size] = np.conj(chirp)
    kernel[length - z.size + 1 :] = np.conj(chirp[:0:-1])
    roots = np.exp(-2j * np.pi * np.arange(length) / length)
    product = stockham(padded, roots) * stockham(kernel, roots)
    convolved = np.conj(stockham(np.conj(product), roots)) / length
    return convolved[: z.size] * chirp


def transformed(x: Any, sign: float) -> Any:
    """Return sums of x[k] exp(sign 2 pi i j k / n); rows of `x` are real and imaginary part."""
    n = x.shape[0]
    rest, factor = n, 2
    while factor < 50:
        while rest % factor == 0:
            rest //= factor
        factor += 1
    z = np.ascontiguousarray(x).astype(np.float64).view(np.complex128)[:, 0]
    if rest == 1:
        z = stockham(z, np.exp(sign * 2j * np.pi * np.arange(n) / n))
    else:
        z = bluestein(z, sign)
    y = np.empty_like(x)
    y[:, 0], y[:, 1] = z.real, z.imag
    return y


def dft(x: Any) -> Any:
    """Return the discrete Fourier transform of pairs of real and imaginary parts."""
    return transformed(x, -1.0)


def inverse_dft(x: Any) -> Any:
    """Return the transform with the other sign, not divided by the length."""
    return transformed(x, 1.0)
