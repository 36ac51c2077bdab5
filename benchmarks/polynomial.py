"""The fit of a polynomial by 200,000 steps of gradient descent, the error before each kept.

Slow peers take fewer steps, and their time is scaled; every trace is compared with that of NumPy.
"""

import ctypes
from collections.abc import Callable

import numba
import numpy as np

from benchmarks import c_library
from benchmarks.report import Row, Section, absent
from benchmarks.timing import installed, interleaved
from codegen_ad import differentiate, minimize

STEPS = 200_000
RATE = 1e-5
DEGREE = 4
CHECKED = 500  # steps whose errors are compared, at a relative 1e-9

Fit = Callable[[int], np.ndarray]


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(0, 5, 100).reshape((-1, 1))
    return x, np.sin(x)


@differentiate
def loss(w, x, y):
    D = w.size
    powers = x ** range(D)
    return ((y - powers @ w) ** 2).mean()


def by_codegen_ad(steps: int) -> np.ndarray:
    x, y = data()
    start = np.zeros((DEGREE + 1, 1))
    result = minimize(
        loss, start, args=(x, y), method="gd", learning_rate=RATE, steps=steps, trace=True
    )
    return result.trace


@numba.njit(error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def fused(x, y, rate, trace):
    """Forward and backward pass in one loop, unrolled for degree 4, no temporary arrays."""
    n = x.shape[0]
    scale = -2.0 * rate / n
    w0 = w1 = w2 = w3 = w4 = 0.0
    for step in range(trace.shape[0]):
        error = g0 = g1 = g2 = g3 = g4 = 0.0
        for i in range(n):
            x1 = x[i]
            x2 = x1 * x1
            x3 = x2 * x1
            x4 = x2 * x2
            r = y[i] - (w0 + x1 * w1 + x2 * w2 + x3 * w3 + x4 * w4)
            error += r * r
            g0 += r
            g1 += r * x1
            g2 += r * x2
            g3 += r * x3
            g4 += r * x4
        trace[step] = error / n
        w0 -= scale * g0
        w1 -= scale * g1
        w2 -= scale * g2
        w3 -= scale * g3
        w4 -= scale * g4


def by_hand(steps: int) -> np.ndarray:
    x, y = data()
    trace = np.empty(steps)
    fused(x.ravel(), y.ravel(), RATE, trace)
    return trace


def by_c(steps: int) -> np.ndarray:
    """`c/polynomial.c`: the same loop."""
    x, y = data()
    trace = np.empty(steps)
    run = c_library.function("polynomial", "fit", None)
    run(
        c_library.pointer(x),
        c_library.pointer(y),
        ctypes.c_long(len(x)),
        ctypes.c_double(RATE),
        c_library.pointer(trace),
        ctypes.c_long(steps),
    )
    return trace


def by_numpy(steps: int) -> np.ndarray:
    x, y = data()
    w, trace = np.zeros((DEGREE + 1, 1)), np.zeros(steps)
    for step in range(steps):
        powers = x ** range(DEGREE + 1)
        residual = y - powers @ w
        w -= RATE * (-2 / len(x)) * powers.T @ residual
        trace[step] = (residual**2).mean()
    return trace


def by_torch(steps: int) -> np.ndarray:
    import torch

    x, y = map(torch.from_numpy, data())
    w = torch.zeros((DEGREE + 1, 1), dtype=torch.float64)
    trace = torch.zeros(steps, dtype=torch.float64)
    for step in range(steps):
        powers = x ** torch.arange(DEGREE + 1)
        residual = y - powers @ w
        w -= RATE * (-2 / len(x)) * powers.T @ residual
        trace[step] = (residual**2).mean()
    return trace.numpy()


def by_torch_autograd(steps: int) -> np.ndarray:
    import torch

    x, y = map(torch.from_numpy, data())
    w = torch.zeros((DEGREE + 1, 1), dtype=torch.float64, requires_grad=True)
    trace = torch.zeros(steps, dtype=torch.float64)
    for step in range(steps):
        mse = ((y - x ** torch.arange(DEGREE + 1) @ w) ** 2).mean()
        mse.backward()
        with torch.no_grad():
            w -= RATE * w.grad
            w.grad.zero_()
            trace[step] = mse
    return trace.numpy()


def with_jax() -> tuple[Fit, Fit]:
    """A jitted step called from Python, and the whole loop as one `lax.scan`."""
    import jax
    import jax.numpy as jnp

    x, y = map(jnp.asarray, data())
    exponents = jnp.arange(DEGREE + 1)

    def mse(w):
        return ((y - x**exponents @ w) ** 2).mean()

    def step(w, _):
        value, gradient = jax.value_and_grad(mse)(w)
        return w - RATE * gradient, value

    jitted = jax.jit(step)
    scan = jax.jit(lambda w, steps: jax.lax.scan(step, w, length=steps)[1], static_argnums=1)
    start = jnp.zeros((DEGREE + 1, 1))

    def by_step(steps: int) -> np.ndarray:
        w, trace = start, []
        for _ in range(steps):
            w, value = jitted(w, None)
            trace.append(value)
        return np.array(trace)

    return by_step, lambda steps: np.asarray(scan(start, steps))


def measure(*, quick: bool) -> Section:
    full = 20_000 if quick else STEPS
    few = 200 if quick else 1_000
    fits: dict[str, tuple[Fit, int]] = {
        "codegen_ad.minimize": (by_codegen_ad, full),
        "numba, loop fused by hand": (by_hand, full),
        "NumPy": (by_numpy, few),
    }
    rows: list[Row] = []
    if c_library.compiler() is not None:
        fits["C"] = (by_c, full)
    else:
        rows.append(Row("C", None, "", note="no C compiler"))
    if installed("jax"):
        by_step, by_scan = with_jax()
        fits["JAX, lax.scan"] = (by_scan, full)
        fits["JAX, jitted step"] = (by_step, few)
    else:
        rows.append(absent("JAX"))
    if installed("torch"):
        import torch

        torch.set_num_threads(1)
        fits["PyTorch, gradient by hand"] = (by_torch, few)
        fits["PyTorch autograd"] = (by_torch_autograd, few)
    else:
        rows.append(absent("PyTorch"))
    _check(fits)
    times = interleaved(
        {name: (lambda fit=fit, steps=steps: fit(steps)) for name, (fit, steps) in fits.items()},
        rounds=3 if quick else 7,
    )
    scaled = {name: times[name] * STEPS / steps for name, (_, steps) in fits.items()}
    own = scaled["codegen_ad.minimize"]
    found = [_row(name, scaled[name], scaled[name] / own, fits[name][1]) for name in fits]
    return Section(f"Polynomial fit, {STEPS:,} steps, with the trace", (*found, *rows))


def _check(fits: dict[str, tuple[Fit, int]]) -> None:
    expected = by_numpy(CHECKED)
    for name, (fit, _) in fits.items():
        np.testing.assert_allclose(fit(CHECKED), expected, rtol=1e-9, err_msg=name)


def _row(name: str, seconds: float, ratio: float, steps: int) -> Row:
    note = "" if steps == STEPS else f"scaled from {steps:,} steps"
    match name:
        case "numba, loop fused by hand":
            return Row(name, seconds, "s", ratio, note, "at least 1", ratio >= 1)
        case "C":
            return Row(name, seconds, "s", ratio, note, "at least 1/1.5", ratio >= 1 / 1.5)
        case "JAX, lax.scan":
            return Row(name, seconds, "s", ratio, note, "at least 50", ratio >= 50)
        case "PyTorch autograd":
            return Row(name, seconds, "s", ratio, note, "at least 1000", ratio >= 1000)
        case _:
            return Row(name, seconds, "s", ratio, note)
