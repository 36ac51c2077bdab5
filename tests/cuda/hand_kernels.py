"""Kernels written by hand, in the shapes of generated ones, for the tests of simulator and runtime.

The simulator runs this text, and numba compiles it: nothing here is executed by Python itself.
"""

import math

import numpy as np
from numba import cuda

f64 = np.float64


def line_value_and_grad(a, b, x, y, partial, counter, out):
    """Mean of (a exp(b x) - y)² and its gradient in a and b: shuffles, and the last block adds."""
    n = np.uint64(x.shape[0])
    stride = np.uint64(cuda.gridDim.x) * np.uint64(cuda.blockDim.x)
    i = np.uint64(cuda.blockIdx.x) * np.uint64(cuda.blockDim.x) + np.uint64(cuda.threadIdx.x)
    value = f64(0.0)
    d_a = f64(0.0)
    d_b = f64(0.0)
    while i < n:
        e = math.exp(b * x[i])
        r = a * e - y[i]
        value += r * r
        d_a += f64(2.0) * r * e
        d_b += f64(2.0) * r * a * x[i] * e
        i += stride
    lane = cuda.threadIdx.x & 31
    warp = cuda.threadIdx.x >> 5
    rows = cuda.shared.array((4, 3), dtype=f64)
    offset = 16
    while offset > 0:
        value += cuda.shfl_down_sync(0xFFFFFFFF, value, offset)
        d_a += cuda.shfl_down_sync(0xFFFFFFFF, d_a, offset)
        d_b += cuda.shfl_down_sync(0xFFFFFFFF, d_b, offset)
        offset >>= 1
    if lane == 0:
        rows[warp, 0] = value
        rows[warp, 1] = d_a
        rows[warp, 2] = d_b
    cuda.syncthreads()  # the rows of all warps are there
    warps = cuda.blockDim.x >> 5
    if cuda.threadIdx.x < 3:
        total = f64(0.0)
        for w in range(warps):
            total += rows[w, cuda.threadIdx.x]
        partial[cuda.blockIdx.x, cuda.threadIdx.x] = total
    cuda.threadfence()  # a block's row comes before its count
    last = cuda.shared.array(1, dtype=np.int32)
    cuda.syncthreads()  # the row is whole
    if cuda.threadIdx.x == 0:
        last[0] = cuda.atomic.add(counter, 0, np.int32(1))
    cuda.syncthreads()  # all know whether they are last
    if last[0] == cuda.gridDim.x - 1:
        cuda.threadfence()  # the count comes before the rows of others
        if cuda.threadIdx.x < 3:
            total = f64(0.0)
            for block in range(cuda.gridDim.x):
                total += partial[block, cuda.threadIdx.x]
            out[cuda.threadIdx.x] = total / f64(x.shape[0])
        if cuda.threadIdx.x == 0:
            counter[0] = 0


def fit_warp(x, y, start, out, steps, rate):
    """Gradient descent on a straight line by one warp; the sum over lanes comes by shuffles."""
    lane = cuda.threadIdx.x
    n = x.shape[0]
    a = start[0]
    b = start[1]
    for _ in range(steps):
        d_a = f64(0.0)
        d_b = f64(0.0)
        i = lane
        while i < n:
            r = a + b * x[i] - y[i]
            d_a += r
            d_b += r * x[i]
            i += 32
        for s in (16, 8, 4, 2, 1):
            d_a += cuda.shfl_xor_sync(0xFFFFFFFF, d_a, s)
            d_b += cuda.shfl_xor_sync(0xFFFFFFFF, d_b, s)
        a -= rate * d_a
        b -= rate * d_b
    if lane == 0:
        out[0] = a
        out[1] = b


def fit_block(x, y, start, out, steps, rate):
    """The same by one block of two warps: one barrier a step, because the buffers take turns."""
    thread = cuda.threadIdx.x
    sums = cuda.shared.array((2, 2, 2), dtype=f64)
    a = start[0]
    b = start[1]
    turn = 0
    for _ in range(steps):
        d_a = f64(0.0)
        d_b = f64(0.0)
        i = thread
        while i < x.shape[0]:
            r = a + b * x[i] - y[i]
            d_a += r
            d_b += r * x[i]
            i += cuda.blockDim.x
        for s in (16, 8, 4, 2, 1):
            d_a += cuda.shfl_xor_sync(0xFFFFFFFF, d_a, s)
            d_b += cuda.shfl_xor_sync(0xFFFFFFFF, d_b, s)
        if thread & 31 == 0:
            sums[turn, thread >> 5, 0] = d_a
            sums[turn, thread >> 5, 1] = d_b
        cuda.syncthreads()  # the sums of both warps are there
        a -= rate * (sums[turn, 0, 0] + sums[turn, 1, 0])
        b -= rate * (sums[turn, 0, 1] + sums[turn, 1, 1])
        turn = 1 - turn
    if thread == 0:
        out[0] = a
        out[1] = b


def fit_grid(x, y, start, partial, out, steps, rate):
    """The same by a grid of blocks of one warp, with one barrier of the grid a step."""
    grid = cuda.cg.this_grid()
    lane = cuda.threadIdx.x
    a = start[0]
    b = start[1]
    turn = 0
    for _ in range(steps):
        d_a = f64(0.0)
        d_b = f64(0.0)
        i = cuda.grid(1)
        while i < x.shape[0]:
            r = a + b * x[i] - y[i]
            d_a += r
            d_b += r * x[i]
            i += cuda.gridsize(1)
        for s in (16, 8, 4, 2, 1):
            d_a += cuda.shfl_xor_sync(0xFFFFFFFF, d_a, s)
            d_b += cuda.shfl_xor_sync(0xFFFFFFFF, d_b, s)
        if lane == 0:
            partial[turn, cuda.blockIdx.x, 0] = d_a
            partial[turn, cuda.blockIdx.x, 1] = d_b
        grid.sync()
        for block in range(cuda.gridDim.x):
            a -= rate * partial[turn, block, 0]
            b -= rate * partial[turn, block, 1]
        turn = 1 - turn
    if cuda.grid(1) == 0:
        out[0] = a
        out[1] = b


def scale(a, x, out):
    """Each element times a number, in single precision."""
    i = np.uint64(cuda.blockIdx.x) * np.uint64(cuda.blockDim.x) + np.uint64(cuda.threadIdx.x)
    while i < np.uint64(x.shape[0]):
        out[i] = a * math.exp(x[i])
        i += np.uint64(cuda.gridDim.x) * np.uint64(cuda.blockDim.x)


KERNELS = {
    "line_value_and_grad": {
        "arguments": {
            "a": "float64",
            "b": "float64",
            "x": "float64[::1]",
            "y": "float64[::1]",
            "partial": "float64[:, ::1]",
            "counter": "int32[::1]",
            "out": "float64[::1]",
        },
        "rows": "n",
        "blocks": 3,
        "threads": 64,
    },
    "fit_warp": {
        "arguments": {
            "x": "float64[::1]",
            "y": "float64[::1]",
            "start": "float64[::1]",
            "out": "float64[::1]",
            "steps": "int64",
            "rate": "float64",
        },
        "rows": None,
        "blocks": 1,
        "threads": 32,
    },
    "fit_grid": {
        "arguments": {
            "x": "float64[::1]",
            "y": "float64[::1]",
            "start": "float64[::1]",
            "partial": "float64[:, :, ::1]",
            "out": "float64[::1]",
            "steps": "int64",
            "rate": "float64",
        },
        "rows": None,
        "blocks": 3,
        "threads": 32,
        "cooperative": True,
    },
    "scale": {
        "arguments": {"a": "float32", "x": "float32[::1]", "out": "float32[::1]"},
        "rows": "n",
        "blocks": 2,
        "threads": 128,
    },
}
ARRAYS = {
    "partial": {"role": "scratch", "dtype": "float64", "shape": ("3", "3")},
    "counter": {"role": "counter", "dtype": "int32", "shape": ("1",)},
    "out": {"role": "output", "dtype": "float64", "shape": ("3",)},
}
SIZES = {"n": ("x", 0)}
OUTPUTS = ("out",)
FAILURES = (("ValueError", "no row is good"),)
