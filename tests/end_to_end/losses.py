"""Losses: sums and means over rows of data, as they are written in notebooks and papers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tests.end_to_end.cases import Table, data

case = Table()
ROWS = data(-1)
TABLE = data(-1, 3)


@case(data(3), TABLE, ROWS)
def least_squares(w, X, y):
    return ((X @ w - y) ** 2).sum()


@case(data(3), TABLE, ROWS)
def least_squares_mean(w, X, y):
    r = X @ w - y
    return np.mean(r * r)


@case(data(3), TABLE, ROWS, 0.1)
def ridge(w, X, y, alpha):
    r = X.dot(w) - y
    return 0.5 * r.dot(r) + alpha * np.sum(w**2)


@case(data(3), data(), TABLE, ROWS, wrt=("w", "b"))
def with_intercept(w, b, X, y):
    return np.mean((X @ w + b - y) ** 2)


@case(0.3, -0.2, ROWS, ROWS, wrt=("a", "b"))
def line(a, b, x, y):
    r = a * x + b - y
    return (r**2).sum()


@case(data(3), TABLE, data(-1, kind="signs"))
def logistic(w, X, y):
    return np.log(1 + np.exp(-y * (X @ w))).sum()


@case(data(3), TABLE, data(-1, kind="signs"))
def logistic_stable(w, X, y):
    return np.mean(np.logaddexp(0, -y * (X @ w)))


@case(data(3, 4), TABLE, data(-1, kind="labels"))
def softmax_regression(W, X, y):
    Z = X @ W
    m = Z.max(axis=1)
    lse = m + np.log(np.exp(Z - m[:, None]).sum(axis=1))
    return (lse - Z[np.arange(len(y)), y]).mean()


@case(data(3, 4), data(4), TABLE, data(-1, 4, kind="unit"), wrt=("W", "b"))
def cross_entropy(W, b, X, Y):
    Z = X @ W + b
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return -(Y * np.log(P)).sum() / len(X)


@case(np.array([1.3, 0.2, 0.7, 0.1]), ROWS, ROWS)
def gaussian_peak(p, x, y):
    amplitude, centre, width, offset = p
    model = amplitude * np.exp(-0.5 * ((x - centre) / width) ** 2) + offset
    return np.sum((y - model) ** 2)


@case(np.array([1.3, 0.2, 0.7]), ROWS, ROWS)
def peak_by_index(p, x, y):
    return np.sum((y - p[0] * np.exp(-(((x - p[1]) / p[2]) ** 2))) ** 2)


@case(data(3), TABLE, ROWS, 0.4)
def huber(w, X, y, delta):
    r = np.abs(y - X @ w)
    return np.where(r < delta, 0.5 * r**2, delta * (r - 0.5 * delta)).sum()


@case(data(3), TABLE, ROWS)
def cauchy(w, X, y):
    return np.log1p((y - X @ w) ** 2).sum()


@case(data(3), TABLE, ROWS)
def absolute(w, X, y):
    return np.abs(y - X @ w).mean()


@case(data(3), TABLE, ROWS)
def root_mean_square(w, X, y):
    r = X @ w - y
    return np.sqrt(np.mean(r**2))


@case(data(3), TABLE, ROWS)
def norm_of_residuals(w, X, y):
    return np.linalg.norm(X @ w - y)


def polynomial_of(size: int) -> Any:
    def polynomial(w, x, y):
        D = w.size
        powers = x[:, None] ** np.arange(D)
        return ((y - powers @ w) ** 2).mean()

    polynomial.__name__ = f"polynomial_{size}"
    return polynomial


for _size in (1, 2, 5, 8, 9, 20):
    case(data(_size), data(-1, kind="unit"), ROWS, sizes=(7, 2, 100))(polynomial_of(_size))


@case(data(5), data(-1, 1), ROWS)
def polynomial_of_column(w, x, y):
    D = w.size
    powers = x ** range(D)
    return ((y - powers @ w) ** 2).mean()


@case(data(5), ROWS, ROWS)
def polynomial_by_horner(w, x, y):
    value = np.zeros_like(x)
    for k in range(len(w) - 1, -1, -1):
        value = value * x + w[k]
    return np.sum((value - y) ** 2)


@case(data(-1, 2), data(5, 2), data(-1, 5), wrt=("U", "V"))
def matrix_factorisation(U, V, R):
    return np.sum((R - U @ V.T) ** 2) + 0.1 * (np.sum(U**2) + np.sum(V**2))


@case(data(12, 2), data(9, 2), data(12, 9), wrt=("U", "V"), sizes=(7,))
def masked_factorisation(U, V, R):
    E = np.where(R > 0, R - U @ V.T, 0.0)
    return (E * E).sum()


@case(data(3, 10), data(10, 2), TABLE, data(-1, 2), wrt=("w1", "w2"))
def relu_net_clip(w1, w2, x, y):
    h = x.dot(w1).clip(min=0)
    return np.square(h.dot(w2) - y).sum()


@case(data(3, 10), data(10), data(10, 2), data(2), TABLE, data(-1, 2), wrt=("w1", "b1", "w2", "b2"))
def relu_net_maximum(w1, b1, w2, b2, x, y):
    h = np.maximum(x @ w1 + b1, 0)
    return np.mean((h @ w2 + b2 - y) ** 2)


@case(
    {"W": [data(3, 4), data(4, 2)], "b": (data(4), data(2))}, TABLE, data(-1, 2), sizes=(7, 2, 100)
)
def tanh_net(params, x, y):
    h = x
    for W, b in zip(params["W"], params["b"], strict=True):
        h = np.tanh(h @ W + b)
    return ((h - y) ** 2).mean()


@case(data(3), data(3, kind="positive"), TABLE, wrt=("mu", "sigma"))
def gaussian_likelihood(mu, sigma, X):
    z = (X - mu) / sigma
    return 0.5 * (z**2).sum() + len(X) * np.log(sigma).sum() + 0.5 * X.size * np.log(2 * np.pi)


@case(data(4), data(4, 3), TABLE, wrt=("weights", "means"))
def gaussian_mixture(weights, means, X):
    d = X[:, None, :] - means[None, :, :]
    logits = weights - 0.5 * (d**2).sum(axis=-1)
    m = logits.max(axis=1, keepdims=True)
    lse = m[:, 0] + np.log(np.exp(logits - m).sum(axis=1))
    return -lse.sum() + len(X) * np.log(np.exp(weights).sum())


@case(data(3), TABLE, data(-1, kind="positive"))
def poisson(w, X, counts):
    rate = np.exp(X @ w)
    return np.sum(rate - counts * np.log(rate))


@case(ROWS, sizes=(7, 2, 3, 100))
def variance(x):
    return np.var(x) + x.std()


@case(data(-1, 3), sizes=(7, 2, 100))
def variance_of_columns(x):
    return (x.var(axis=0, ddof=1) * np.array([1.0, 2.0, 3.0])).sum()


@case(data(-1, 3), sizes=(7, 2, 3, 100))
def standardised(x):
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 1.0)
    return np.sum(np.tanh(z) ** 2)


@case(data(-1, 3), data(-1, 3), wrt=("a", "b"))
def cosine_distance(a, b):
    na = np.sqrt((a * a).sum(axis=1))
    nb = np.sqrt((b * b).sum(axis=1))
    return np.sum(1 - (a * b).sum(axis=1) / (na * nb))


@case(data(5, kind="positive"))
def entropy(p):
    q = p / p.sum()
    return -(q * np.log(q)).sum()


@case(data(-1, kind="positive"), data(-1, kind="positive"))
def divergence(p, q):
    p = p / np.sum(p)
    q = q / np.sum(q)
    return np.sum(p * np.log(p / q))


class Line(NamedTuple):
    slope: Any
    offset: Any


@case(Line(data(), data()), ROWS, ROWS)
def named_tuple_parameters(p, x, y):
    return np.mean((p.slope * x + p.offset - y) ** 2)


@dataclass
class Wave:
    amplitude: Any
    phase: Any


@case(lambda n, rng: Wave(rng.normal(), rng.normal(size=2)), ROWS)
def dataclass_parameters(p, x):
    return np.sum(p.amplitude * np.sin(x * p.phase[0] + p.phase[1]))


@case({"a": data(), "b": data(3)}, TABLE)
def dict_parameters(p, X):
    return np.sum(np.exp(-p["a"] * (X @ p["b"]) ** 2))


SCALE = 2.5
OFFSETS = np.array([0.5, -1.0, 2.0])


def _residual(w, X, y, *, scale=1.0):
    return scale * (X @ w - y)


@case(data(3), TABLE, ROWS)
def helpers_and_globals(w, X, y):
    r = _residual(w + OFFSETS, X, y, scale=SCALE)
    return (r**2).mean()


def _made_closure(power: int) -> Any:
    weights = np.array([1.0, 2.0, 0.5])

    def closure_values(w, X):
        return np.sum(weights * w**power) + np.mean(X @ (weights * w))

    return closure_values


case(data(3), TABLE)(_made_closure(3))


class Model:
    def __init__(self, rate: float) -> None:
        self.rate = rate

    def predict(self, w, x):
        return np.exp(-self.rate * x) * w[0] + w[1]

    def method(self, w, x, y):
        return np.sum((self.predict(w, x) - y) ** 2)


@case(data(2), ROWS, ROWS)
def through_an_object(w, x, y):
    return MODEL.method(w, x, y)


MODEL = Model(0.7)


@case(data(3), TABLE)
def defaults_and_keywords(w, X, power=2, *, scale=0.5):
    return scale * np.sum((X @ w) ** power)


@case(data(4, dtype="f4"), data(-1, 4, dtype="f4"), data(-1, dtype="f4"), dtype="f4")
def single_precision(w, X, y):
    return ((X @ w - y) ** 2).mean()


@case(data(3, dtype="f4"), data(-1, dtype="f4"), dtype="f4")
def single_precision_functions(p, x):
    return np.sum(p[0] * np.exp(-((x - p[1]) ** 2)) + np.sin(p[2] * x)) / len(x)


@case(data(2, dtype="f4"), data(-1), wrt=("w", "x"))
def mixed_precision(w, x):
    return np.sum(np.tanh(w[0] * x + w[1]))
