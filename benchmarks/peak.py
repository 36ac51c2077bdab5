"""A Gaussian peak on a flat ground, 10⁶ points: the mean squared error and its gradient."""

import math
from collections.abc import Callable

import numba
import numpy as np

from benchmarks.report import Row, Section, absent
from benchmarks.timing import installed, interleaved
from codegen_ad import differentiate

POINTS = 1_000_000
Result = tuple[float, np.ndarray]


@differentiate
def loss(p, x, y):
    height, place, width, ground = p
    peak = height * np.exp(-(((x - place) / width) ** 2) / 2) + ground
    return ((peak - y) ** 2).mean()


@numba.njit(error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def fused(p, x, y):
    """One loop, the exponential from libm."""
    n = x.shape[0]
    height, place, ground = p[0], p[1], p[3]
    inverse = 1.0 / p[2]
    error = d_height = d_place = d_width = d_ground = 0.0
    for i in range(n):
        u = (x[i] - place) * inverse
        e = math.exp(-0.5 * u * u)
        r = height * e + ground - y[i]
        error += r * r
        d_height += r * e
        d_place += r * e * u
        d_width += r * e * u * u
        d_ground += r
    scale = 2.0 / n
    slope = scale * height * inverse
    gradient = np.array([scale * d_height, slope * d_place, slope * d_width, scale * d_ground])
    return error / n, gradient


def data(points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = np.linspace(-5, 5, points)
    y = 2 * np.exp(-(((x - 0.5) / 0.8) ** 2) / 2) + 0.3 + 0.05 * random.normal(size=points)
    return np.array([1.5, 0.2, 1.0, 0.1]), x, y


def with_jax(p: np.ndarray, x: np.ndarray, y: np.ndarray) -> Callable[[], Result]:
    import jax
    import jax.numpy as jnp

    def mse(p, x, y):
        peak = p[0] * jnp.exp(-(((x - p[1]) / p[2]) ** 2) / 2) + p[3]
        return ((peak - y) ** 2).mean()

    compiled = jax.jit(jax.value_and_grad(mse))
    arrays = tuple(map(jnp.asarray, (p, x, y)))
    return lambda: jax.block_until_ready(compiled(*arrays))


def with_torch(p: np.ndarray, x: np.ndarray, y: np.ndarray) -> Callable[[], Result]:
    import torch

    torch.set_num_threads(1)
    q, x, y = map(torch.from_numpy, (p.copy(), x, y))
    q.requires_grad_(True)

    def run() -> Result:
        q.grad = None
        peak = q[0] * torch.exp(-(((x - q[1]) / q[2]) ** 2) / 2) + q[3]
        mse = ((peak - y) ** 2).mean()
        mse.backward()
        return mse.item(), q.grad.numpy()

    return run


def measure(*, quick: bool) -> Section:
    p, x, y = data(POINTS // 10 if quick else POINTS)
    cases: dict[str, Callable[[], Result]] = {
        "codegen_ad": lambda: loss.value_and_grad(p, x, y),
        "numba, loop fused by hand, libm": lambda: fused(p, x, y),
    }
    rows: list[Row] = []
    for name, library, make in (("JAX, jitted", "jax", with_jax), ("PyTorch", "torch", with_torch)):
        if installed(library):
            cases[name] = make(p, x, y)
        else:
            rows.append(absent(name))
    expected = fused(p, x, y)
    for name, run in cases.items():
        value, gradient = run()
        np.testing.assert_allclose(float(value), expected[0], rtol=1e-10, err_msg=name)
        np.testing.assert_allclose(np.asarray(gradient), expected[1], rtol=1e-8, err_msg=name)
    times = interleaved(cases, rounds=3 if quick else 7)
    own = times["codegen_ad"]
    found = [_row(name, 1e9 * t / len(x), t / own) for name, t in times.items()]
    title = f"Gaussian peak, {len(x):,} points, value and gradient, per point"
    return Section(title, (*found, *rows))


def _row(name: str, nanoseconds: float, ratio: float) -> Row:
    if name == "JAX, jitted":
        return Row(name, nanoseconds, "ns", ratio, "", "at least 5", ratio >= 5)
    return Row(name, nanoseconds, "ns", ratio)
