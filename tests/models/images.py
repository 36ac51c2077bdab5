"""Images and signals: wavelets, warps, projections."""

import numpy as np

from tests.models.model import Field

model = Field()


def signal_data(rng, n, levels):
    clean = np.sin(np.linspace(0, 6, n))
    return np.full(levels, 0.1), clean + 0.3 * rng.normal(size=n), clean


@model(signal_data, {"n": 8, "levels": 2}, {"n": 4096, "levels": 5}, smooth=False)
def wavelet_shrinkage(thresholds, noisy, clean):
    """Haar's wavelets by lifting, soft thresholds for each level, and back again."""
    details = []
    a = noisy
    for threshold in thresholds:
        even, odd = a[::2], a[1::2]
        d = odd - even
        a = even + 0.5 * d
        details.append(np.sign(d) * np.maximum(np.abs(d) - threshold, 0.0))
    for d in reversed(details):
        even = a - 0.5 * d
        out = np.empty(2 * len(even))
        out[::2] = even
        out[1::2] = even + d
        a = out
    return np.mean((a - clean) ** 2)


def picture_data(rng, n):
    return rng.random((n, n)), rng.random((n, n)), 0.1, 1e-3


@model(picture_data, {"n": 5}, {"n": 200}, peer=None)
def total_variation(u, noisy, weight, eps):
    """Denoising: the length of gradients, smoothed at zero."""
    dx = np.zeros_like(u)
    dy = np.zeros_like(u)
    dx[:-1, :] = u[1:, :] - u[:-1, :]
    dy[:, :-1] = np.diff(u, axis=1)
    return 0.5 * np.sum((u - noisy) ** 2) + weight * np.sum(np.sqrt(dx**2 + dy**2 + eps))


def warp_data(rng, n):
    x = np.linspace(-1, 1, n)
    blob = np.exp(-4 * (x[:, None] ** 2 + (x[None] - 0.1) ** 2)) + 0.01 * rng.random((n, n))
    return np.array([0.05, 0.11, -0.3, 1.02]), blob, np.roll(blob, 1, axis=0)


def bilinear(image, r, c):
    height, width = image.shape
    r = np.clip(r, 0, height - 1.001)
    c = np.clip(c, 0, width - 1.001)
    i, j = np.floor(r).astype(int), np.floor(c).astype(int)
    a, b = r - i, c - j
    top = (1 - b) * image[i, j] + b * image[i, j + 1]
    bottom = (1 - b) * image[i + 1, j] + b * image[i + 1, j + 1]
    return (1 - a) * top + a * bottom


@model(warp_data, {"n": 6}, {"n": 128}, wrt=("p", "moving"), smooth=False)
def registration(p, moving, fixed):
    """A turn, a shift and a scale that lay one picture on another."""
    angle, dr, dc, scale = p
    n = fixed.shape[0]
    rows, cols = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    r, c = rows - (n - 1) / 2, cols - (n - 1) / 2
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    warped = bilinear(
        moving, cos * r - sin * c + dr + (n - 1) / 2, sin * r + cos * c + dc + (n - 1) / 2
    )
    a, b = warped - warped.mean(), fixed - fixed.mean()
    return 1.0 - np.sum(a * b) / np.sqrt(np.sum(a**2) * np.sum(b**2))


def scan_data(rng, n, angles):
    return (
        rng.random((n, n)),
        np.linspace(0, np.pi, angles, endpoint=False),
        rng.random((angles, n)),
    )


@model(scan_data, {"n": 5, "angles": 3}, {"n": 48, "angles": 30}, wrt="image", quick=False)
def radon(image, angles, sinogram):
    """Projections of a picture, and how far their back-projected error is from nothing."""
    n = image.shape[0]
    centre = (n - 1) / 2
    s = np.arange(n) - centre
    along, across = np.meshgrid(s, s, indexing="ij")
    loss = 0.0
    back = np.zeros_like(image)
    for k, angle in enumerate(angles):
        x = across * np.cos(angle) - along * np.sin(angle) + centre
        y = across * np.sin(angle) + along * np.cos(angle) + centre
        error = bilinear(image, y, x).sum(axis=0) - sinogram[k]
        loss += np.sum(error**2)
        place = (np.arange(n) - centre)[None, :] * np.cos(angle)
        place = place + (np.arange(n) - centre)[:, None] * np.sin(angle) + centre
        back += np.interp(place, np.arange(n), error)
    return loss + np.sum(back**2) / len(angles)


def spectrum_data(rng, n, m):
    t = np.sort(rng.random(n))
    y = np.cos(20 * t) + 0.1 * rng.normal(size=n)
    return rng.normal(size=m), rng.normal(size=m), t, y, 0.1


@model(spectrum_data, {"n": 6, "m": 4}, {"n": 300, "m": 64}, wrt=("re", "im", "t"))
def nonuniform_fourier(re, im, t, y, penalty):
    """Coefficients and jittered times of a signal that is not sampled evenly."""
    m = len(re)
    k = np.arange(m) - m // 2
    waves = np.exp(2j * np.pi * np.outer(t, k))
    signal = (waves @ (re + 1j * im)).real
    return np.sum((signal - y) ** 2) + penalty * np.sum(np.abs(k) * (re**2 + im**2))
