"""The loops in CUDA C++ that generated kernels are measured against: right, and compiled."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu import written_in_c
from benchmarks.gpu.cases import CASES

HOST = """
#include <cmath>
using std::exp;
struct Place { int x; };
struct Size { unsigned x; };
static Place threadIdx{0}, blockIdx{0}, blockDim{1};
static Size gridDim{1};
#define __device__
#define __global__
#define __shared__ static
#define __launch_bounds__(threads)
#define __restrict__
static double __shfl_down_sync(unsigned, double, int) { return 0; }
static void __syncthreads() {}
static void __threadfence() { threadIdx.x = 0; }
static unsigned atomicAdd(unsigned *place, unsigned more) { return (*place += more) - more; }
extern "C" void begin() { threadIdx.x = 0; }
#define NUMBER double
"""
"""One thread of the processor as the whole grid."""

ALL_COLUMNS = "for (threadIdx.x = 0; threadIdx.x < P; ++threadIdx.x) {"


def test_the_loops_compute_the_losses_and_their_gradients(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or pytest.skip(
        "compiles the loops for the host: needs g++ on the path"
    )
    text = written_in_c.SOURCE.read_text().replace("if (threadIdx.x < P) {", ALL_COLUMNS)
    (tmp_path / "loops.cpp").write_text(HOST + text)
    command = [compiler, "-shared", "-fPIC", "-o", "loops.so", "loops.cpp"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    library = ctypes.CDLL(str(tmp_path / "loops.so"))
    for case in (c for c in CASES if c.dtype == "float64"):
        *parameters, x, y = arguments = case.data(50, case.dtype)
        w = np.concatenate([np.reshape(p, -1) for p in parameters])
        out = np.zeros(w.size + 1)
        held = [w, x, y, np.zeros(w.size + 1), out, np.zeros(1, np.uint32)]
        places = [ctypes.c_void_p(v.ctypes.data) for v in held]
        library.begin()
        getattr(library, written_in_c.entry(case))(*places[:3], ctypes.c_longlong(50), *places[3:])
        wanted = [case.function(*arguments)]
        for k in range(w.size):  # by complex steps
            steps = np.split(w + 1e-30j * (np.arange(w.size) == k), len(parameters))
            wanted.append(case.function(*steps, x, y).imag / 1e-30)
        np.testing.assert_allclose(out, wanted, rtol=1e-12, atol=1e-14)


def test_they_are_compiled_without_a_device(tmp_path: Path) -> None:
    pytest.importorskip("cuda.bindings.nvrtc", reason="compiles CUDA C++: the extra cuda-check")
    assert written_in_c.write(tmp_path, ((9, 0),)) == ""
    code = [p.read_bytes() for p in (tmp_path / written_in_c.FOLDER).iterdir()]
    assert len(code) == 2
    for case in CASES:
        assert all(written_in_c.entry(case).encode() in c for c in code)
