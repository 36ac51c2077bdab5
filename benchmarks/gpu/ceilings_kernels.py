"""What a device can do at most: kernels that only read, copy, compute or wait.

The tables at the end are those of generated files, so that the same runtime runs them.
"""

import math

import numpy as np
from numba import cuda

u64 = np.uint64
f32 = np.float32
ALL = 0xFFFFFFFF


@cuda.jit
def copy(x, out):
    """Read each element and write it."""
    i = u64(cuda.grid(1))
    stride = u64(cuda.gridsize(1))
    n = u64(x.shape[0])
    while i < n:
        out[i] = x[i]
        i += stride


@cuda.jit
def read(x, out):
    """Read each element; what is written keeps the compiler from leaving that out."""
    i = u64(cuda.grid(1))
    stride = u64(cuda.gridsize(1))
    n = u64(x.shape[0])
    total = f32(0.0)
    while i < n:
        total += x[i]
        i += stride
    if total == f32(-1.5):
        out[0] = total


@cuda.jit
def multiply_add_float32(steps, out):
    """Eight independent chains in each thread."""
    a = f32(cuda.threadIdx.x) * f32(1e-3)
    b = f32(0.999)
    v0 = a
    v1 = a + f32(1.0)
    v2 = a + f32(2.0)
    v3 = a + f32(3.0)
    v4 = a + f32(4.0)
    v5 = a + f32(5.0)
    v6 = a + f32(6.0)
    v7 = a + f32(7.0)
    for _ in range(steps):
        v0 = v0 * b + a
        v1 = v1 * b + a
        v2 = v2 * b + a
        v3 = v3 * b + a
        v4 = v4 * b + a
        v5 = v5 * b + a
        v6 = v6 * b + a
        v7 = v7 * b + a
    out[cuda.grid(1)] = v0 + v1 + v2 + v3 + v4 + v5 + v6 + v7


@cuda.jit
def multiply_add_float64(steps, out):
    """The same in double precision."""
    a = np.float64(cuda.threadIdx.x) * 1e-3
    b = 0.999
    v0 = a
    v1 = a + 1.0
    v2 = a + 2.0
    v3 = a + 3.0
    v4 = a + 4.0
    v5 = a + 5.0
    v6 = a + 6.0
    v7 = a + 7.0
    for _ in range(steps):
        v0 = v0 * b + a
        v1 = v1 * b + a
        v2 = v2 * b + a
        v3 = v3 * b + a
        v4 = v4 * b + a
        v5 = v5 * b + a
        v6 = v6 * b + a
        v7 = v7 * b + a
    out[cuda.grid(1)] = v0 + v1 + v2 + v3 + v4 + v5 + v6 + v7


@cuda.jit
def exponentials(steps, out):
    """Four independent chains of exponentials in each thread."""
    a = f32(cuda.threadIdx.x) * f32(-1e-3)
    v0 = a
    v1 = a - f32(1.0)
    v2 = a - f32(2.0)
    v3 = a - f32(3.0)
    for _ in range(steps):
        v0 = math.exp(-v0)
        v1 = math.exp(-v1)
        v2 = math.exp(-v2)
        v3 = math.exp(-v3)
    out[cuda.grid(1)] = v0 + v1 + v2 + v3


@cuda.jit
def shuffles(steps, out):
    """One after the other, each of what the last one gave."""
    v = f32(cuda.threadIdx.x)
    for _ in range(steps):
        v = cuda.shfl_xor_sync(ALL, v, 1)
    out[cuda.grid(1)] = v


@cuda.jit
def barriers(steps, out):
    """Barriers of a block."""
    for _ in range(steps):
        cuda.syncthreads()
    out[cuda.grid(1)] = f32(1.0)


@cuda.jit
def grid_barriers(steps, out):
    """Barriers of the whole grid."""
    grid = cuda.cg.this_grid()
    for _ in range(steps):
        grid.sync()
    out[cuda.grid(1)] = f32(1.0)


@cuda.jit
def nothing(out):
    """What a launch takes at least."""
    if cuda.grid(1) == 0:
        out[0] = f32(1.0)


KERNELS = {
    "copy": {
        "arguments": {"x": "float32[::1]", "out": "float32[::1]"},
        "rows": None,
        "blocks": 2112,
        "threads": 512,
    },
    "read": {
        "arguments": {"x": "float32[::1]", "out": "float32[::1]"},
        "rows": None,
        "blocks": 2112,
        "threads": 512,
    },
    "multiply_add_float32": {
        "arguments": {"steps": "int64", "out": "float32[::1]"},
        "rows": None,
        "blocks": 1056,
        "threads": 256,
    },
    "multiply_add_float64": {
        "arguments": {"steps": "int64", "out": "float64[::1]"},
        "rows": None,
        "blocks": 1056,
        "threads": 256,
    },
    "exponentials": {
        "arguments": {"steps": "int64", "out": "float32[::1]"},
        "rows": None,
        "blocks": 1056,
        "threads": 256,
    },
    "shuffles": {
        "arguments": {"steps": "int64", "out": "float32[::1]"},
        "rows": None,
        "blocks": 1,
        "threads": 32,
    },
    "barriers": {
        "arguments": {"steps": "int64", "out": "float32[::1]"},
        "rows": None,
        "blocks": 1,
        "threads": 256,
    },
    "grid_barriers": {
        "arguments": {"steps": "int64", "out": "float32[::1]"},
        "rows": None,
        "blocks": 132,
        "threads": 256,
        "cooperative": True,
    },
    "nothing": {
        "arguments": {"out": "float32[::1]"},
        "rows": None,
        "blocks": 1,
        "threads": 32,
    },
}
ARRAYS = {}
SIZES = {}
OUTPUTS = ()
FAILURES = ()
