"""Real functions of real arguments that go through complex numbers."""

from __future__ import annotations

import cmath

import numpy as np

W = np.array([[1 + 1j, 2, 0.3j, 1], [0, 1j, 1, 2]])
SHIFT = 0.5 - 2j


def arithmetic(x, y):
    z = x + 1j * y
    w = np.exp(z) * z / (1 + z * z) - z**3 + z.conj() + 2 / z - SHIFT
    return np.sum(np.abs(w) ** 2)


def elementary(x, z):
    w = z * x
    return np.sum(
        np.log(w).imag ** 2
        + np.sqrt(w).real
        + np.tanh(w).imag
        + np.sin(w).real * np.angle(w)
        + np.cosh(w).imag * np.cos(w).real
        + np.sinh(w).real
        + np.tan(0.3 * w).imag
    )


def one_number(x):
    z = complex(x[0], x[1])
    return abs(z) + cmath.phase(z) * z.real + cmath.exp(z).imag + (z * 1j).real


def recurrence(x):
    z = 0j
    for k in range(len(x)):
        z = z * z * 0.1 + x[k] * (0.3 + 0.2j)
    return abs(z)


def escape(x):
    z = 0j
    steps = 0
    while abs(z) < 2 and steps < 20:
        z = z * z + x[0] + 0.6j
        steps += 1
    return abs(z) * steps


def stores(x, y):
    z = np.zeros(len(x), dtype=complex)
    for k in range(len(x)):
        z[k] = np.exp(1j * x[k]) * y[k]
    z[1:3] *= 2j
    z[0] = 3.0 * x[1]
    view = z[::-1]
    view[0] += 1j * x[0]
    z = np.where(x > 0, z, z.conj())
    return (z @ z.conj()).real + np.vdot(z, z).real + np.linalg.norm(z)


def identities(x):
    z = np.eye(2, dtype=complex) * x[0] + np.identity(2, np.complex128)
    z[0, 1] += 1j * x[1]
    z = z @ (np.eye(2, 2, 1, complex) + 1j * x[2] * np.eye(2))
    return np.sum(np.abs(z) ** 2) + z.imag[0, 0]


def in_place(x):
    z = np.ones((2, 4), complex)
    z *= x
    z += 1j * x
    z /= 2 - 1j
    part = z.real
    part[0, 0] = 5.0
    z.imag[1] = x**2
    return np.sum(np.abs(z)) + z.shape[0] * z.size


def matrices(x):
    z = W @ (x + 2j * x**2)
    q = np.array([z[0], z[1], 1j])
    both = np.concatenate([q, z])
    return (
        np.abs(q.sum())
        + np.abs(both).sum()
        + z.real.sum() * q.imag.mean()
        + np.einsum("i,ij->j", z, W).real.sum()
        + np.outer(z, x).imag[0, 1]
        + np.trace(W[:, :2] * z).real
    )


def branches(x, c):
    z = c * x[1] if x[0] > 0 else c / x[1]
    if x[1] > 0:
        z = z * 2j
    z = z**0.5 + (2 + 1j) ** x[2] + x[3] ** 2
    return (z * z.conjugate()).real


def shapes(x):
    z = (x + 1j * np.roll(x, 1)).reshape(2, 2).T
    w = np.stack([z, 2 * z.conj()])
    flat = w.ravel()[::2]
    return (np.flip(flat) * flat).sum().real + w.transpose(2, 0, 1)[0].imag.sum() + len(flat)


def reductions(x):
    z = x * np.exp(1j * x)
    return abs(z.mean()) ** 2 + np.cumsum(z)[-1].real + np.var(z) + np.std(z) + np.prod(z[:2]).imag


def iteration(x):
    z = x + 2j
    total = 0
    for k, value in enumerate(z):
        total += value * (k + 1) if k != 1 else value.conjugate()
    parts = [v * 1j for v in z[:3]]
    return abs(total) + sum(parts).real


def questions(x, z):
    kept = np.where(np.isfinite(z) & (z != 2j), z, 0)
    total = np.where(z - 2j, x, 5.0 * x).sum()
    for v in x:
        total += v**2 if (v - x[0]) * 1j else 10.0 * v
    return (x * kept.real).sum() + total if np.iscomplexobj(z) else 0.0


def spectrum(x):
    return np.sum(np.arange(4) * np.abs(np.fft.fft(x)) ** 2)


def filtered(x, y):
    h = np.exp(-np.fft.rfftfreq(len(x), 0.5))
    smooth = np.fft.irfft(np.fft.rfft(x) * h, len(x))
    return np.sum((smooth - y) ** 2)


def padded(x):
    z = np.fft.ifft(np.fft.fft(x + 1j * x**2, 7), norm="ortho")
    w = np.fft.fft(z[:, None] * x, axis=0, norm="forward")
    return np.sum(np.abs(z)) + w.real[1].sum() + np.fft.hfft(z, 6)[2] + np.fft.ihfft(x).imag.sum()


def several_axes(x):
    a = np.outer(x, np.sin(x))
    b = np.fft.fft2(a)
    c = np.fft.irfft2(np.fft.rfft2(a) * 2, (4, 4))
    d = np.fft.ifftn(np.fft.fftshift(b, axes=0), axes=(0,))
    return np.abs(b).sum() + (c * a).sum() + d.imag[1].sum() + np.fft.ifftshift(c)[0, 1]


def frequencies(x):
    return np.sum(x * np.fft.fftfreq(len(x), d=x[1]))


def parts_written(x):
    z = np.zeros(4, dtype=complex)
    z.real = x**2
    z.imag[1:] = x[:-1]
    z.imag *= 2.0
    z.real += x
    other = z
    other.imag[0] = x[3]
    return np.abs(z).sum()
