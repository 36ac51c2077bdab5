"""Sparse Jacobians against dense ones and JAX."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import codegen_ad as cad
from codegen_ad import custom_derivative, differentiate
from codegen_ad.errors import InvalidArgument, MissingDependency, NotDifferentiable

rng = np.random.default_rng(2)


def same(found: Any, dense: Any, rtol: float = 1e-12) -> None:
    """Compare a sparse Jacobian with the dense one."""
    assert isinstance(found, sparse.csr_array)
    assert found.dtype == dense.dtype
    assert found.has_canonical_format
    np.testing.assert_allclose(found.toarray(), dense.reshape(found.shape), rtol=rtol, atol=1e-14)


def colours(found: Any) -> tuple[int, bool]:
    """How many products the last Jacobian of a function took, and whether in forward mode."""
    entry = list(found._sparse._entries.values())[-1]
    colouring = list(entry.plans.values())[-1].colouring
    return colouring.count, colouring.is_forward


@differentiate
def band(x: Any) -> Any:
    r = np.zeros(len(x))
    r[1:-1] = x[2:] - 2.0 * x[1:-1] ** 2 + np.sin(x[:-2]) * x[1:-1]
    r[0] = x[0] ** 2
    r[-1] = x[-1] * x[-2]
    return r


@pytest.mark.thorough
def test_a_band_takes_few_products_of_any_length() -> None:
    for n in (40, 20_000):
        x = rng.random(n)
        found = band.jacobian(x, sparse=True)
        assert colours(band) == (1, False)  # by the parts of x that are added
        assert found.shape == (n, n)
        # By differences along a direction, since the dense matrix is large.
        v = rng.normal(size=n)
        ahead, behind = band(x + 1e-6 * v), band(x - 1e-6 * v)
        np.testing.assert_allclose(found @ v, (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-7)
    same(band.jacobian(x[:30], sparse=True), band.jacobian(x[:30]))
    spaced = rng.random(60)[::2]
    same(band.jacobian(spaced, sparse=True), band.jacobian(spaced.copy()))


def test_what_it_returns_is_the_callers() -> None:
    x = rng.random(40)
    first = band.jacobian(x, sparse=True)
    wanted = first.copy()
    first.data[:] = 0
    first.eliminate_zeros()
    first.indices[:] = 0
    assert abs(band.jacobian(x, sparse=True) - wanted).max() == 0


@differentiate
def laplacian(u: Any) -> Any:
    r = u.copy()
    r[1:-1, 1:-1] = (
        u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1]
    ) - np.exp(u[1:-1, 1:-1])
    return r


def test_a_laplacian_in_two_dimensions() -> None:
    u = rng.random((18, 17)).astype(np.float32)
    found = laplacian.jacobian(u, sparse=True)
    same(found, laplacian.jacobian(u), 1e-5)
    assert found.nnz == 18 * 17 + 4 * 16 * 15
    assert colours(laplacian)[0] <= 9


@differentiate(wrt=("cameras", "points"))
def reprojection(cameras: Any, points: Any, of: Any, seen: Any, at: Any) -> Any:
    c, p = cameras[of], points[seen]
    depth = (p[:, 2] + c[:, 2]).reshape(-1, 1)
    return c[:, 3].reshape(-1, 1) * (p[:, :2] + c[:, :2]) / depth - at


@differentiate(wrt=("cameras", "points"))
def reprojection_loop(cameras: Any, points: Any, of: Any, seen: Any, at: Any) -> Any:
    r = np.zeros((len(of), 2))
    for k in range(len(of)):
        c, p = cameras[of[k]], points[seen[k]]
        depth = p[2] + c[2]
        for j in range(2):
            r[k, j] = c[3] * (p[j] + c[j]) / depth - at[k, j]
    return r


def test_bundle_adjustment() -> None:
    cameras, points = rng.random((20, 4)), rng.random((30, 3)) + 1.0
    for n in (60, 0):
        of, seen = rng.integers(0, 20, n), rng.integers(-30, 30, n)
        data = (cameras, points, of, seen, rng.random((n, 2)))
        found = reprojection.jacobian(*data, sparse=True)
        dense = reprojection.jacobian(*data)
        looped = reprojection_loop.jacobian(*data, sparse=True)
        for a, b, c in zip(found, dense, looped, strict=True):
            same(a, b)
            same(c, b)
        assert (found[0].nnz, found[1].nnz) == (2 * n * 3, 2 * n * 2)
        assert (looped[0].nnz, looped[1].nnz) == (2 * n * 3, 2 * n * 2)
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    n = 60
    data = (cameras, points, of := rng.integers(0, 20, n), rng.integers(0, 30, n), np.zeros((n, 2)))
    theirs = jax.jacfwd(reprojection.__wrapped__, (0, 1))(
        jax.numpy.asarray(cameras), jax.numpy.asarray(points), *data[2:]
    )
    # The same sizes with other integers have another pattern.
    assert len(of) == n
    for a, b in zip(reprojection.jacobian(*data, sparse=True), theirs, strict=True):
        same(a, np.asarray(b))


@differentiate(wrt=("x", "parts"))
def structured(x: Any, parts: Any, scale: float) -> Any:
    row = np.sum(x**2) * parts["a"][0]
    return {"r": np.concatenate([row.reshape(1), scale * x * parts["b"]])}


def test_structures_and_a_dense_row() -> None:
    x, parts = rng.random(30), {"a": rng.random(2), "b": 0.7, "c": None}
    found = structured.jacobian(x, parts, 2.0, sparse=True)
    dense = structured.jacobian(x, parts, 2.0)
    assert found["r"][1]["c"] is None
    same(found["r"][0], dense["r"][0])
    for name in ("a", "b"):
        same(found["r"][1][name], dense["r"][1][name])
    assert found["r"][1]["a"].shape == (31, 2)
    assert colours(structured) == (31, True)  # a dense row and a dense column


def test_modes_can_be_chosen() -> None:
    x = rng.random(40)
    for mode in ("forward", "reverse"):
        same(band.jacobian(x, sparse=True, mode=mode), band.jacobian(x))
        assert colours(band) == ((3, True) if mode == "forward" else (1, False))
    with pytest.raises(InvalidArgument, match="mode='rows'"):
        band.jacobian(x, sparse=True, mode="rows")


def test_the_pattern_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from codegen_ad.sparsity import plans

    calls: list[int] = []
    original = plans.pattern
    monkeypatch.setattr(plans, "pattern", lambda *a: calls.append(1) or original(*a))

    def picked(x: Any, i: Any) -> Any:
        return x[i] ** 2

    found = cad.jacobian(picked, sparse=True)
    i = np.array([2, 0, 1])
    for _ in range(3):
        found(rng.random(20), i)
    assert len(calls) == 1
    x = rng.random(20)
    i[0] = 5
    same(found(x, i), found.derivatives.jacobian(x, i))
    found(rng.random(21), i)
    assert len(calls) == 3


CHOSEN = np.array([3, 1, 2])
SHIFT = 1


@differentiate(has_aux=True)
def outside(x: Any) -> Any:
    return x[CHOSEN] * x[CHOSEN + SHIFT], np.sum(x)


def test_integers_outside_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    x = rng.random(20)

    def places() -> set[tuple[int, int]]:
        return set(
            zip(*map(np.ndarray.tolist, outside.jacobian(x, sparse=True).nonzero()), strict=False)
        )

    assert places() == {(0, 3), (0, 4), (1, 1), (1, 2), (2, 2), (2, 3)}
    monkeypatch.setitem(globals(), "CHOSEN", np.array([0, 5, 5]))
    assert places() == {(0, 0), (0, 1), (1, 5), (1, 6), (2, 5), (2, 6)}
    monkeypatch.setitem(globals(), "SHIFT", 3)
    assert places() == {(0, 0), (0, 3), (1, 5), (1, 8), (2, 5), (2, 8)}
    CHOSEN[0] = 9
    assert (0, 12) in places()
    same(outside.jacobian(x, sparse=True), outside.jacobian(x))


@custom_derivative
def doubled(x: Any) -> Any:
    return 2.0 * x


@doubled.backward
def _(arguments: Any, g: Any) -> Any:
    return 2.0 * g


def test_a_derivative_for_reverse_mode_only() -> None:
    @differentiate
    def blocks(x: Any) -> Any:
        y = np.zeros(len(x))
        for i in range(len(x)):
            y[i] = doubled(x[i]) * x[0]
        return y

    x = rng.random(20)
    same(blocks.jacobian(x, sparse=True), blocks.jacobian(x))
    assert colours(blocks)[1] is False


def test_checks_of_the_function_are_made() -> None:
    @differentiate
    def checked(x: Any) -> Any:
        if x[0] < 0.0:
            raise ValueError("negative")
        return x[1:] * x[:-1]

    x = np.full(20, 1.0)
    assert checked.jacobian(x, sparse=True).nnz == 38
    x[0] = -1.0
    with pytest.raises(ValueError, match="negative"):
        checked.jacobian(x, sparse=True)


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    def two(x: Any) -> Any:
        return x**2, x[1:]

    def picked(x: Any) -> Any:
        return x[x > 0.5] ** 2

    def chosen(x: Any) -> Any:
        return x[kept] * 2 - x[~kept].sum()

    def counted(x: Any) -> Any:
        return np.sum(x[x > 0.5]) * x

    def whole(x: Any) -> Any:
        return np.argsort(x)

    x, kept = rng.random(20), np.arange(20) % 9 == 0
    for function, message in (
        (two, r"returns f8\[n\], f8\[n - 1\].*one floating point array"),
        (picked, "a size that only the run knows|depends on floating point"),
        (chosen, r"returns f8\[count_1\], of a size that only the run knows"),
        (counted, "size that depends on floating point"),
        (whole, r"returns i8\[n\]"),
    ):
        with pytest.raises(NotDifferentiable, match=message):
            cad.jacobian(function, sparse=True)(x)
    with pytest.raises(InvalidArgument):
        cad.jacobian(lambda x, y: x * y, sparse=True)(x, rng.random(21))
    found = cad.jacobian(lambda x: x**2, sparse=True)
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependency, match=r"scipy.*sparse=True"):
        found(x)
