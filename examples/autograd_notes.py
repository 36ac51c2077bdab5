"""What a page of notes on PyTorch's autograd shows, with plain NumPy functions and codegen_ad.

    python examples/autograd_notes.py

Each section is a function that returns its numbers; `main` prints them. Nothing is recorded while a
function runs: a derivative is code, generated once, and the function itself stays as it is.
"""

from pathlib import Path

import numpy as np

from codegen_ad import (
    custom_derivative,
    differentiate,
    jacobian,
    minimize,
    stop_gradient,
    value_and_grad,
    vjp,
)

OUTPUT = Path(__file__).parent / "output"


# Gradients of a mean, and of the values on the way to it ------------------------------------------


@differentiate(taps=("y", "z"))
def mean_of_squares(x):
    y = x + 2
    z = y * y * 3
    return z.mean()


@differentiate
def mean_of_cubes(x):
    y = x + 2
    z = 2 * (y**3)
    return z.mean()


@differentiate
def mean_of_scaled(x):
    y = 4 * x + 2
    z = 8 * (y**2)
    return z.mean()


def gradients():
    """By hand: 6(x+2)/4 = 4.5, 6(x+2)²/4 = 13.5, 64(4x+2)/9 = 42.6667 at ones."""
    return (
        mean_of_squares.grad(np.ones((2, 2))),
        mean_of_cubes.grad(np.ones((2, 2))),
        mean_of_scaled.grad(np.ones((3, 3))),
    )


def gradients_of_intermediates():
    """The notes' `y.grad` and `z.grad`: 6y/4 = 4.5 and 1/4."""
    return mean_of_squares.taps(np.ones((2, 2)))


# Vector-Jacobian product and Jacobian -------------------------------------------------------------


def three_squares(y):
    return 3 * y * y


def products_and_jacobian():
    """A product of a vector with the Jacobian, and the Jacobian, here diag(6y)."""
    y = np.array([1.0, 2.0, 3.0])
    value, pullback = vjp(three_squares, y)
    (product,) = pullback(np.array([1.0, 0.5, 0.0]))
    return value, product, jacobian(three_squares)(y)


# Frozen parameters --------------------------------------------------------------------------------


def network_loss(w1, w2, X, y):
    y_pred = (X @ w1).clip(min=0) @ w2
    return ((y_pred - y) ** 2).sum()


train_all = differentiate(network_loss, wrt=("w1", "w2"))
train_last = differentiate(network_loss, wrt="w2")


def frozen():
    """The generated code for both layers, and for the last one with the first one frozen."""
    arguments = network_data(samples=16, inputs=30, hidden=20, outputs=10)
    both, last = train_all.value_and_grad(*arguments), train_last.value_and_grad(*arguments)
    assert last[0] == both[0]
    assert np.array_equal(last[1], both[1][1])
    paths = (train_all.source_path(*arguments), train_last.source_path(*arguments))
    return tuple(Path(p).read_text(encoding="utf-8") for p in paths)


# Control flow that depends on the data ------------------------------------------------------------


@differentiate
def doubled_until_large(x):
    y = x * 2
    while np.sqrt((y * y).sum()) < 1000:
        y = y * 2
    if y.sum() > 0:
        return y.sum()
    return 3 * (y * y).sum()


def control_flow():
    """The same code, two ways through it: only what is executed is differentiated."""
    x = np.array([1.0, 2.0, 3.0])
    return doubled_until_large.value_and_grad(x), doubled_until_large.value_and_grad(-x)


# In-place operations ------------------------------------------------------------------------------


@differentiate
def in_place(x):
    y = 3 * x
    y += x[0]
    tail = y[1:]  # a view: what is written to it is written to y
    tail *= y[0]
    y[0] = 5.0
    return (y**2).sum()


def out_of_place(x):
    first = 4 * x[0]
    rest = (3 * x[1:] + x[0]) * first
    return 25 + (rest**2).sum()


def in_place_operations():
    """Overwriting is allowed, through views too; the argument itself is never changed."""
    x = np.array([1.0, 2.0, 3.0])
    return in_place.value_and_grad(x), value_and_grad(out_of_place)(x)


# A network with two layers ------------------------------------------------------------------------


def network_data(samples=64, inputs=1000, hidden=100, outputs=10, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(samples, inputs))
    y = random.normal(size=(samples, outputs))
    w1 = random.normal(size=(inputs, hidden))
    w2 = random.normal(size=(hidden, outputs))
    return w1, w2, X, y


def network_gradient(w1, w2, X, y):
    """The same gradient, written by hand."""
    hidden = X @ w1
    active = hidden.clip(min=0)
    d_pred = 2 * (active @ w2 - y)
    d_hidden = d_pred @ w2.T
    d_hidden[hidden < 0] = 0
    return X.T @ d_hidden, active.T @ d_pred


def train_network(steps=200, learning_rate=1e-6):
    """The notes' training loop: the loss before each step."""
    w1, w2, X, y = network_data()
    losses = np.zeros(steps)
    for step in range(steps):
        losses[step], (d_w1, d_w2) = train_all.value_and_grad(w1, w2, X, y)
        w1 -= learning_rate * d_w1
        w2 -= learning_rate * d_w2
    return losses


def train_network_compiled(steps=200, learning_rate=1e-6):
    """The same loop as one kernel."""
    w1, w2, X, y = network_data()
    return minimize(
        train_all,
        (w1, w2),
        args=(X, y),
        method="gd",
        learning_rate=learning_rate,
        steps=steps,
        trace=True,
    )


# Functions with a derivative of one's own ---------------------------------------------------------


@custom_derivative
def relu(x):
    return np.maximum(x, 0), (x,)


@relu.backward
def _(residuals, g):
    (x,) = residuals
    return np.where(x < 0, 0, g)


@custom_derivative
def exp(x):
    result = np.exp(x)
    return result, (result,)


@exp.backward
def _(residuals, g):
    (result,) = residuals
    return g * result


@differentiate
def sum_of_own(x):
    return exp(relu(x)).sum()


def own_derivatives():
    """By hand: exp(x) where x ≥ 0, and 0 elsewhere: the ReLU's own rule says 1 at 0."""
    return sum_of_own.value_and_grad(np.array([-1.0, 0.0, 0.5, 2.0]))


# Values without a gradient ------------------------------------------------------------------------


@differentiate
def weighted(x):
    weights = stop_gradient(x * x)  # the notes' `.data`
    return (weights * x).sum()


def without_gradient():
    """x² as a constant, not 3x²; and the plain function, which is all that `no_grad` would be."""
    x = np.array([1.0, 2.0, 3.0])
    return weighted.grad(x), weighted(x)


# The profiler -------------------------------------------------------------------------------------


@differentiate
def profiled(x):
    y = np.multiply(x, 4) + 2
    z = 8 * (y**2)
    return z.mean()


def profile(size=300):
    """Where the time goes, operation by operation."""
    return profiled.profile(np.ones((size, size)))


def main():
    for gradient, expected in zip(gradients(), (4.5, 13.5, 42.6667), strict=True):
        print(gradient, "\n")
        assert np.allclose(gradient, expected, rtol=1e-6)

    taps = gradients_of_intermediates()
    print(f"y.grad\n{taps['y']}\nz.grad\n{taps['z']}\n")

    value, product, matrix = products_and_jacobian()
    print(f"value {value}, vector-Jacobian product {product}, Jacobian\n{matrix}\n")

    both, last = frozen()
    print(f"d_w1 in the code for both layers: {'d_w1' in both}; with w1 frozen: {'d_w1' in last}")
    print(f"matrix products: {both.count('np.dot(')}; with w1 frozen: {last.count('np.dot(')}\n")

    for value, gradient in control_flow():
        print(f"control flow: value {value}, gradient {gradient}")
    for value, gradient in in_place_operations():
        print(f"in place, and not: value {value}, gradient {gradient}")

    losses = train_network()
    print(f"\ntwo layers: loss {losses[0]:.6g} falls to {losses[-1]:.6g} in {len(losses)} steps")
    result = train_network_compiled()
    print(f"as one kernel: {result.trace[0]:.6g} to {result.trace[-1]:.6g}, {result.seconds:.2f} s")

    print("\nown derivatives:", *own_derivatives())
    print("stop_gradient:", *without_gradient())

    report = profile()
    print(f"\n{report}")
    OUTPUT.mkdir(exist_ok=True)
    report.export_chrome_trace(OUTPUT / "trace.json")
    print(f"trace for chrome://tracing or Perfetto: {OUTPUT / 'trace.json'}")


if __name__ == "__main__":
    main()
