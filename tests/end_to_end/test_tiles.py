"""Tiles of rows: the same numbers as loops over rows, for every number of rows, and real tiles."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.workloads.mixture import mixture, mixture_data
from codegen_ad import build, differentiate
from codegen_ad.plan.tiling import tiles
from codegen_ad.testing import check_grad
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import derivatives, interpreted
from tests.models.checking import case_of
from tests.models.fields import BY_NAME

D, K = 11, 17  # more than are written out


def softmax(W, X, y):
    Z = X @ W
    m = Z.max(axis=1)
    lse = m + np.log(np.exp(Z - m[:, None]).sum(axis=1))
    return (lse - Z[np.arange(len(y)), y]).sum()


def logistic(w, X, y):
    z = X @ w
    return (np.logaddexp(0, z) - y * z).sum()


def weighted(w, s, X, y):
    """Several sums, one of them of squares, and two uses of one row's product."""
    r = (y - X @ w) / np.exp(s)
    u = X @ (w * w)
    return np.log1p(r**2).sum() + (np.tanh(u) * r).sum() - (w**2).sum()


def kernels(c, h, X, y):
    """Distances of each row from each centre."""
    apart = ((X[:, None, :] - c) ** 2).sum(axis=2)
    return ((np.exp(-apart * h**2).sum(axis=1) - y) ** 2).sum()


def chosen(W, X, y):
    """Reductions of a row that are not sums."""
    Z = np.sin(X @ W)
    low, best = Z.min(axis=1), Z.argmax(axis=1)
    return (Z[np.arange(len(y)), best] * y - low**2).sum() + np.prod(1 + 0.1 * Z, axis=1).sum()


def two_layers(A, B, X, y):
    hidden = np.tanh(X @ A)
    return ((np.tanh(hidden @ B).sum(axis=1) - y) ** 2).sum()


def table(W, X, y):
    """The gradient of the rows themselves."""
    Z = np.exp(-(np.einsum("nd,dk,d->nk", X, W, W[:, 0]) ** 2))
    return (Z.sum(axis=1) * y).sum() + (X**3).sum()


def grouped(w, b, X, groups):
    """What rows of one group share is written at a place that the data say."""
    z = X @ w + b[groups]
    return np.logaddexp(0, z).sum()


def numbers(*shape: int, dtype: str = "f8") -> Callable[[Any, int], Any]:
    def make(rng: np.random.Generator, n: int) -> Any:
        return rng.normal(size=tuple(n if s == -1 else s for s in shape)).astype(dtype)

    return make


def labels(rng: np.random.Generator, n: int) -> Any:
    return rng.integers(-K, K, n)


SCALE = 0.3
CASES: list[tuple[Any, tuple[Any, ...], tuple[str, ...]]] = [
    (softmax, (numbers(D, K), numbers(-1, D), labels), ("W",)),
    (logistic, (numbers(K), numbers(-1, K), numbers(-1)), ("w",)),
    (weighted, (numbers(K), numbers(), numbers(-1, K), numbers(-1)), ("w", "s")),
    (kernels, (numbers(K, D), numbers(), numbers(-1, D), numbers(-1)), ("c", "h")),
    (chosen, (numbers(D, K), numbers(-1, D), numbers(-1)), ("W",)),
    (two_layers, (numbers(D, K), numbers(K, D), numbers(-1, D), numbers(-1)), ("A", "B")),
    (grouped, (numbers(K), numbers(K), numbers(-1, K), labels), ("w", "b")),
    (table, (numbers(D, K), numbers(-1, D), numbers(-1)), ("W", "X")),
]
NAMES = [case[0].__name__ for case in CASES]


def arguments(case: Any, n: int, dtype: str = "f8") -> tuple[Any, ...]:
    rng = np.random.default_rng(n)
    made = [make(rng, n) for make in case[1]]
    return tuple(m if m.dtype == np.int64 else np.asarray(SCALE * m, dtype)[()] for m in made)


def text_of(function: Any, args: Any, wrt: tuple[str, ...], mode: str = "value_and_grad") -> str:
    found = differentiate(function, wrt=wrt)
    form = found.kernels.binder.form(found.kernels.binder.bind(args, {}))
    return build.run(function, form, mode, found.options, found.kernels.binder.wrt).text


def flat(result: Any) -> np.ndarray:
    parts = result if isinstance(result, tuple) else (result,)
    inner = [flat(p) if isinstance(p, tuple) else np.ravel(p) for p in parts]
    return np.concatenate(inner) if inner else np.zeros(0)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_tiles_give_what_rows_give(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    function, _, wrt = case
    args = arguments(case, 200)
    whole = Case(function, lambda n, rng: args, wrt)
    tiled = interpreted(whole, args)
    assert "In tiles of 64 rows" in text_of(function, args, wrt)
    monkeypatch.setattr(tiles, "tile", lambda *_: None)
    by_rows = interpreted(whole, args)
    assert "In tiles" not in text_of(function, args, wrt)
    for n in (0, 1, 63, 64, 65, 130):
        given = arguments(case, n)
        np.testing.assert_allclose(
            flat(tiled(*given)), flat(by_rows(*given)), rtol=1e-11, atol=1e-12
        )


COMPILED = [c for c in CASES if c[0] in (softmax, table)]


@pytest.mark.every(2)
@pytest.mark.parametrize("case", COMPILED, ids=[c[0].__name__ for c in COMPILED])
def test_compiled_tiles_are_right(case: Any) -> None:
    """Against differences."""
    function, _, wrt = case
    found = differentiate(function, wrt=wrt)
    args = arguments(case, 131)
    check_grad(found, *args)
    value, _ = found.value_and_grad(*args)
    np.testing.assert_allclose(value, function(*args), rtol=1e-12)


@pytest.mark.thorough
def test_tiles_of_single_precision_and_of_strided_rows() -> None:
    case = next(c for c in CASES if c[0] is weighted)
    found = differentiate(weighted, wrt=case[2])
    args = arguments(case, 130)
    expected = flat(found.value_and_grad(*args))
    w, s, X, y = args
    wide = np.asfortranarray(np.repeat(X, 3, axis=1))
    strided = flat(found.value_and_grad(w, s, wide[:, ::3], np.repeat(y, 2)[::2]))
    np.testing.assert_allclose(strided, expected, rtol=1e-12)
    rounded = arguments(case, 130, "f4")
    same = [a if np.asarray(a).dtype == np.int64 else np.float64(a) for a in rounded]
    expected = flat(found.value_and_grad(*same))
    single = flat(found.value_and_grad(*rounded))
    np.testing.assert_allclose(single, expected, rtol=0, atol=2e-7 * abs(expected).max())


@pytest.mark.parametrize("mode", ["jvp", "hvp"])
def test_other_derivatives_run_on_tiles(mode: str) -> None:
    case = next(c for c in CASES if c[0] is logistic)
    args = arguments(case, 70)
    found = differentiate(logistic, wrt="w")
    direction = np.random.default_rng(1).normal(size=K)
    step = 1e-6
    up, down = ((args[0] + h * direction, *args[1:]) for h in (step, -step))
    if mode == "jvp":
        _, tangent = found.jvp(*args, tangent=direction)
        slope = (logistic(*up) - logistic(*down)) / (2 * step)
        np.testing.assert_allclose(tangent, slope, rtol=1e-6)
    else:
        slope = (found.grad(*up) - found.grad(*down)) / (2 * step)
        product = found.hvp(*args, tangent=direction)
        np.testing.assert_allclose(product, slope, rtol=1e-5, atol=1e-6)


def test_a_row_of_nan_spoils_only_what_depends_on_it() -> None:
    case = next(c for c in CASES if c[0] is table)
    args = arguments(case, 130)
    args[1][70, 3] = np.nan
    run = interpreted(Case(table, lambda n, rng: args, case[2]), args)
    value, (d_W, d_X) = run(*args)
    assert np.isnan(value)
    assert np.isnan(d_W).all()
    assert np.isnan(d_X).any(axis=1).nonzero()[0].tolist() == [70]


def test_the_mixture_of_the_benchmarks_on_tiles() -> None:
    """Its buffers have two inner axes, and names that the function uses for its own."""
    args = mixture_data(70, 9, 11)
    wrt = ("alphas", "means", "icf")
    value, gradients = interpreted(Case(mixture, lambda n, rng: args, wrt), args)(*args)
    np.testing.assert_allclose(value, mixture(*args), rtol=1e-12)
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=a.shape) for a in args[:3]]
    step = 1e-6
    up, down = (
        mixture(*(a + h * v for a, v in zip(args, directions, strict=False)), *args[3:])
        for h in (step, -step)
    )
    slope = sum((g * v).sum() for g, v in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=1e-6)


def test_an_index_out_of_range_is_reported_from_a_tile() -> None:
    case = next(c for c in CASES if c[0] is softmax)
    W, X, y = arguments(case, 100)
    y[80] = K
    run = interpreted(Case(softmax, lambda n, rng: (W, X, y), case[2]), (W, X, y))
    with pytest.raises(IndexError, match="line 5: index is out of bounds for axis 1"):
        run(W, X, y)


def test_what_a_library_made_is_read_along_the_rows_of_a_tile() -> None:
    """The adjoint of a Gaussian process reads a solution both ways: one of them from a copy."""
    model = BY_NAME["gaussian_process"]
    args = model.arguments(model.usual)
    text = str(derivatives(case_of(model)).source(*args))
    across = re.findall(r"(\w+)(?:\[.*\])? = \w+\[\w+ \+ row\w*, [a-z]\]", text)
    assert across
    assert all("_tile" in name for name in across), across
