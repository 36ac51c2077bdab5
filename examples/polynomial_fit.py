"""Fit a polynomial to a sine by gradient descent: in NumPy, PyTorch and compiled by codegen_ad.

    python examples/polynomial_fit.py

First the derivative of a function at many points at once, then a model and its derivative in the
weights, then 200,000 steps of gradient descent, then the same with every library that is installed.
Plots are written to examples/output/.
"""

import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from codegen_ad import differentiate, jacobian, minimize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUTPUT = Path(__file__).parent / "output"
STEPS = 200_000
SAMPLE = 2_000  # steps of a peer that would need minutes for all of them
SLOW = ("torch", "torch-autograd")
TARGETS = ("numpy", "torch", "torch-autograd", "codegen_ad")


# The derivative of the sine -----------------------------------------------------------------------


@differentiate
def total_sine(x):
    return np.sin(x).sum()


def sine_and_derivative():
    """100 points of the sine, and its derivative at each: the gradient of their sum."""
    x = np.linspace(-2 * np.pi, 2 * np.pi, 100)
    return x, np.sin(x), total_sine.grad(x)


# A polynomial and its derivative in the weights ---------------------------------------------------


def poly(x, w):
    """Values at `x`, N×1, of the polynomial with the coefficients `w`, (D+1)×1."""
    D = w.size
    powers = x ** range(D)
    return powers @ w


def dpoly_dw(x, w):
    """Derivative of `poly` in each weight, written by hand: N×(D+1)."""
    D = w.size
    return x ** range(D)


def dpoly_dw_compiled(x, w):
    """The same from the Jacobian, whose shape is that of the output and then that of `w`."""
    return jacobian(poly, argnums="w")(x, w)[:, 0, :, 0]


def small_polynomial():
    """A polynomial of degree 3 at 20 points."""
    x = np.linspace(-5, 5, 20).reshape((-1, 1))
    w = 0.1 * np.array([3.0, -2.0, -1.5, 5]).reshape((-1, 1))
    return x, w


# The fit ------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """A fit: the weights after the last step, and the error before each."""

    target: str
    w: np.ndarray
    trace: np.ndarray
    seconds: float

    @property
    def steps(self):
        """How many steps were taken."""
        return len(self.trace)


@differentiate
def loss(w, x, y):
    return ((y - poly(x, w)) ** 2).mean()


def sine_data():
    """100 points of a part of the sine."""
    x = np.linspace(0, 5, 100).reshape((-1, 1))
    return x, np.sin(x)


def train(x, y, steps=STEPS, learning_rate=1e-5, degree=4, target="numpy"):
    """Gradient descent from zero weights, by one of `TARGETS`. All compute in float64."""
    w = np.zeros((degree + 1, 1))
    start = time.perf_counter()
    match target:
        case "numpy":
            w, trace = _train_numpy(w, x, y, steps, learning_rate)
        case "torch":
            w, trace = _train_torch(w, x, y, steps, learning_rate)
        case "torch-autograd":
            w, trace = _train_torch_autograd(w, x, y, steps, learning_rate)
        case "codegen_ad":
            result = minimize(
                loss,
                w,
                args=(x, y),
                method="gd",
                learning_rate=learning_rate,
                steps=steps,
                trace=True,
            )
            w, trace = result.x, result.trace
        case _:
            raise ValueError(f"target is one of {', '.join(TARGETS)}, not {target!r}")
    return Run(target, w, trace, time.perf_counter() - start)


def _train_numpy(w, x, y, steps, learning_rate):
    trace = np.zeros(steps)
    n = x.shape[0]
    for step in range(steps):
        model = poly(x, w)
        gradient = -2 / n * dpoly_dw(x, w).T @ (y - model)
        w -= learning_rate * gradient
        trace[step] = ((y - model) ** 2).mean()
    return w, trace


def _train_torch(w, x, y, steps, learning_rate):
    import torch

    w, x, y = (torch.from_numpy(a) for a in (w.copy(), x, y))
    trace = torch.zeros(steps, dtype=torch.float64)
    n = x.shape[0]
    for step in range(steps):
        powers = x ** torch.arange(len(w))
        model = powers @ w
        gradient = -2 / n * powers.T @ (y - model)
        w -= learning_rate * gradient
        trace[step] = ((y - model) ** 2).mean()
    return w.numpy(), trace.numpy()


def _train_torch_autograd(w, x, y, steps, learning_rate):
    import torch

    w, x, y = (torch.from_numpy(a) for a in (w.copy(), x, y))
    w.requires_grad_(True)
    trace = torch.zeros(steps, dtype=torch.float64)
    for step in range(steps):
        model = x ** torch.arange(len(w)) @ w
        mse = ((y - model) ** 2).mean()
        mse.backward()
        with torch.no_grad():
            w -= learning_rate * w.grad
            w.grad.zero_()
            trace[step] = mse
    return w.detach().numpy(), trace.numpy()


def example_arguments():
    """What the loss is called with; `codegen-ad show` asks for it."""
    return np.zeros((5, 1)), *sine_data()


EXAMPLE_ARGUMENTS = {"loss": example_arguments}


# The closing table --------------------------------------------------------------------------------


def installed(target):
    """Whether the library of a target is there."""
    return not target.startswith("torch") or importlib.util.find_spec("torch") is not None


def compare(x, y, steps=STEPS, sample=SAMPLE):
    """Every target's run; the slow ones take `sample` steps, after ten to warm up."""
    runs = []
    for target in filter(installed, TARGETS):
        train(x, y, steps=10, target=target)
        runs.append(train(x, y, steps=sample if target in SLOW else steps, target=target))
    return runs


def table(runs, steps=STEPS):
    """The comparison as text; a run of fewer steps is scaled to `steps`, and says so."""
    fastest = next(r for r in runs if r.target == "codegen_ad")
    lines = [
        f"{'':16}{'steps run':>11}{'µs/step':>10}{f'{steps:,} steps':>16}{'ratio':>8}  final error"
    ]
    scaled = False
    for run in runs:
        per_step = run.seconds / run.steps
        ratio = per_step / (fastest.seconds / fastest.steps)
        complete = run.steps == steps
        scaled |= not complete
        error = f"{run.trace[-1]:.12f}" if complete else _agreement(run, fastest)
        seconds = f"{per_step * steps:.3f} s{' ' if complete else '*'}"
        times = f"{run.steps:>11,}{1e6 * per_step:>10.2f}{seconds:>16}{ratio:>8.0f}"
        lines.append(f"{run.target:16}{times}  {error}")
    if scaled:
        lines.append(f"* not run: its time per step, times {steps:,}")
    return "\n".join(lines)


def _agreement(run, reference):
    """How far a shorter run's errors are from the same steps of another."""
    difference = np.max(np.abs(run.trace / reference.trace[: run.steps] - 1))
    return f"same trace to {difference:.0e}"


# Plots --------------------------------------------------------------------------------------------


def plot_sine(x, y, dy) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, y, label=r"$\sin(x)$")
    axes.plot(x, dy, label=r"$\frac{d \sin(x)}{dx}$, by codegen_ad")
    axes.plot(x[::4], np.cos(x[::4]), "k.", markersize=4, label=r"$\cos(x)$")
    axes.set_xlabel("x")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    return figure


def plot_polynomial(x, w) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.plot(x, poly(x, w))
    upper.set_ylabel("poly(x, w)")
    lower.plot(x, dpoly_dw_compiled(x, w), label=[f"$w_{k}$" for k in range(w.size)])
    lower.set_ylabel("d poly(x, w) / dw")
    lower.set_xlabel("x")
    lower.legend(ncols=w.size, frameon=False)
    return figure


def plot_fit(x, y, run) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.semilogy(np.arange(run.steps) / 1000, run.trace)
    left.set_xlabel("steps / 1000")
    left.set_ylabel("mean squared error")
    right.plot(x, y, "k.", markersize=4, label="data: sin(x)")
    right.plot(x, poly(x, run.w), label=f"polynomial after {run.steps:,} steps")
    right.set_xlabel("x")
    right.legend(frameon=False)
    return figure


def save(figure, name):
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / name, dpi=120)
    print(f"plot: {OUTPUT / name}")


# The main job -------------------------------------------------------------------------------------


def main():
    x, y, dy = sine_and_derivative()
    difference = np.abs(dy - np.cos(x)).max()
    print(f"d sin(x) / dx at {len(x)} points, largest difference from cos(x): {difference:.1e}")
    assert difference < 1e-14
    save(plot_sine(x, y, dy), "sine.png")

    points, weights = small_polynomial()
    difference = np.abs(dpoly_dw_compiled(points, weights) - dpoly_dw(points, weights)).max()
    print(f"d poly / dw, largest difference from the powers of x: {difference:.1e}")
    assert difference < 1e-12
    save(plot_polynomial(points, weights), "polynomial.png")

    x, y = sine_data()
    first = train(x, y, target="codegen_ad")
    print(f"\n{STEPS:,} steps, the compiling included: {first.seconds:.2f} s")
    gradient = loss.grad(np.zeros((5, 1)), x, y)
    print(f"first step's gradient: {gradient.ravel()}")
    runs = compare(x, y)
    print(f"\n{table(runs)}\n")
    by_target = {run.target: run for run in runs}
    found, expected = by_target["codegen_ad"], by_target["numpy"]
    assert abs(found.trace[-1] / expected.trace[-1] - 1) < 1e-10, "10 digits of NumPy's final error"
    save(plot_fit(x, y, found), "fit.png")

    print(f"\nThe gradient was written to {loss.source_path()}:\n")
    print(loss.source())


if __name__ == "__main__":
    main()
