"""Peers of `workloads.curves`."""

import ctypes

import numpy

from benchmarks import c_library


def in_numpy(np):
    def peak(p, x, y):
        model = p[0] * np.exp(-(((x - p[1]) / p[2]) ** 2) / 2) + p[3]
        return np.mean((model - y) ** 2)

    def decays(amplitudes, rates, t, y):
        model = np.sum(amplitudes * np.exp(-rates * t[:, None]), axis=1)
        return np.mean((model - y) ** 2)

    def spline(c, x, y):
        place = x * (len(c) - 3)
        first = np.floor(place).astype(int)
        t = place - first
        model = (
            c[first] * (1 - t) ** 3
            + c[first + 1] * (3 * t**3 - 6 * t**2 + 4)
            + c[first + 2] * (-3 * t**3 + 3 * t**2 + 3 * t + 1)
            + c[first + 3] * t**3
        ) / 6
        return np.mean((model - y) ** 2)

    def rosenbrock(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    return {"peak": peak, "decays": decays, "spline": spline, "rosenbrock": rosenbrock}


def in_torch():
    import torch

    def peak(p, x, y):
        model = p[0] * torch.exp(-(((x - p[1]) / p[2]) ** 2) / 2) + p[3]
        return ((model - y) ** 2).mean()

    def decays(amplitudes, rates, t, y):
        model = (amplitudes * torch.exp(-rates * t[:, None])).sum(dim=1)
        return ((model - y) ** 2).mean()

    def spline(c, x, y):
        place = x * (c.numel() - 3)
        first = place.floor().long()
        t = place - first
        model = (
            c[first] * (1 - t) ** 3
            + c[first + 1] * (3 * t**3 - 6 * t**2 + 4)
            + c[first + 2] * (-3 * t**3 + 3 * t**2 + 3 * t + 1)
            + c[first + 3] * t**3
        ) / 6
        return ((model - y) ** 2).mean()

    def rosenbrock(x):
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    return {"peak": peak, "decays": decays, "spline": spline, "rosenbrock": rosenbrock}


def peak_in_c(p, x, y):
    """`c/peak.c`: one loop with a polynomial for the exponential, which the compiler vectorises."""
    wide = x.dtype == numpy.float64
    run = c_library.function(
        "peak", "peak_f8" if wide else "peak_f4", ctypes.c_double if wide else ctypes.c_float
    )
    gradient = numpy.empty_like(p)
    given = (*map(c_library.pointer, (p, x, y)), ctypes.c_long(x.size))
    return lambda: (run(*given, c_library.pointer(gradient)), gradient)
