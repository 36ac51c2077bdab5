"""The discrete Fourier transform as functions that generated files bring along.

Lengths whose prime factors are small are transformed by Stockham's self-sorting algorithm, others
as a convolution of a length that is a power of two (Bluestein 1970). All is done in float64.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math
from typing import Any

import numpy as np


def roots_of_unity(n: int, turns: float) -> Any:
    """Return exp(2 pi i turns k / n) for k = 0, ..., n - 1."""
    roots = np.empty(n, np.complex128)
    for k in range(n):
        angle = 2.0 * np.pi * turns * k / n
        roots[k] = complex(math.cos(angle), math.sin(angle))
    return roots


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
    n, length = z.size, 1
    while length < 2 * n - 1:
        length *= 2
    halves = roots_of_unity(2 * n, sign)
    padded, kernel = np.zeros(length, np.complex128), np.zeros(length, np.complex128)
    for k in range(n):
        chirp = halves[k * k % (2 * n)]
        padded[k] = z[k] * chirp
        kernel[k] = kernel[-k] = chirp.conjugate()
    roots = roots_of_unity(length, -1.0)
    padded, kernel = stockham(padded, roots), stockham(kernel, roots)
    for k in range(length):
        padded[k] = (padded[k] * kernel[k]).conjugate() / length
    convolved = stockham(padded, roots)
    found = np.empty_like(z)
    for k in range(n):
        found[k] = convolved[k].conjugate() * halves[k * k % (2 * n)]
    return found


def transformed(x: Any, sign: float) -> Any:
    """Return sums of x[k] exp(sign 2 pi i j k / n); rows of `x` are real and imaginary part."""
    n = x.shape[0]
    rest, factor = n, 2
    while factor < 50:
        while rest % factor == 0:
            rest //= factor
        factor += 1
    z = np.empty(n, np.complex128)
    for k in range(n):
        z[k] = complex(x[k, 0], x[k, 1])
    z = stockham(z, roots_of_unity(n, sign)) if rest == 1 else bluestein(z, sign)
    y = np.empty_like(x)
    for k in range(n):
        y[k, 0], y[k, 1] = z[k].real, z[k].imag
    return y


def dft(x: Any) -> Any:
    """Return the discrete Fourier transform of pairs of real and imaginary parts."""
    return transformed(x, -1.0)


def inverse_dft(x: Any) -> Any:
    """Return the transform with the other sign, not divided by the length."""
    return transformed(x, 1.0)
