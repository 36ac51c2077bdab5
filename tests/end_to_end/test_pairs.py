"""Every pair of rows: what two loops over the rows make of them, forward and backward in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.workloads.dynamics import nbody, nbody_data
from codegen_ad import differentiate
from codegen_ad.plan.kernel import Accumulate, Allocate, Apply, For, Load, Tiles, walk
from codegen_ad.testing import check_grad
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, plain_value, reference
from tests.end_to_end.test_fusion import plan_of


def bodies(n: int, d: int = 3, seed: int = 0, dtype: str = "f8") -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)).astype(dtype), rng.random(n).astype(dtype)


def one_sided(x, m):
    """Forces that the two bodies don't share alike, so that both sums stay."""
    apart = x[:, None, :] - x[None, :, :]
    return (m[:, None] / np.sqrt((apart**2).sum(axis=2) + 0.01)).sum()


def from_centres(x, m):
    """Of each row from each of the same rows, smoothed; a vector of results."""
    apart = ((x[:, None, :] - x) ** 2).sum(axis=2)
    weights = np.exp(-apart) / (1 + apart)
    return ((weights @ m - 1) ** 2).sum()


def largest(x, m):
    """A maximum over the pairs of each row."""
    apart = np.sqrt(((x[:, None, :] - x) ** 2).sum(axis=2) + 0.1)
    return (np.max(apart * m, axis=1)).sum()


FUNCTIONS = [nbody, one_sided, from_centres, largest]


def test_the_force_of_a_pair_is_computed_once() -> None:
    kernel, text = plan_of(nbody, *bodies(20))
    tiles = [s for s in walk(kernel.body) if isinstance(s, Tiles)]
    assert len(tiles) == 1
    roots = [
        s
        for s in walk(kernel.body)
        if isinstance(getattr(s, "expr", None), Apply) and "sqrt" in repr(s.expr)
    ]
    assert len(roots) == 1, text
    # No array of one number for each pair, or for each pair of a tile and a row.
    n = {p.name: p for p in kernel.parameters}["mass"].shape[0]
    made = [s for s in walk(kernel.body) if isinstance(s, Allocate)]
    assert sum(n in s.shape for s in made) == 1, "only the gradient"
    # The adjoint is added up in the loop over the other body, around that over the axes.
    (outer,) = [s for s in tiles[0].body if isinstance(s, For) and s.extent == n]
    added = [s for s in walk(outer.body) if isinstance(s, Accumulate)]
    assert any(isinstance(s.target, Load) and len(s.target.indices) == 2 for s in added)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_against_the_reference(function: Any) -> None:
    args = bodies(70)
    case = Case(function, lambda n, rng: args, ("x", "mass" if function is nbody else "m"))
    run = interpreted(case, args)
    for n, d in ((70, 3), (64, 9), (1, 3), (0, 3), (3, 1), (5, 0)):
        given = bodies(n, d, seed=n)
        if function is largest and not n:
            continue
        with np.errstate(all="ignore"):
            value, (d_x, d_m) = run(*given)
            expected = reference(case, given)
        np.testing.assert_allclose(value, plain_value(case, given), rtol=1e-12)
        np.testing.assert_allclose(d_x, expected[1], rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(d_m, expected[2], rtol=1e-9, atol=1e-10)


@pytest.mark.thorough
def test_compiled() -> None:
    """Against differences; second derivatives, single precision, and rows that are not adjacent."""
    f = differentiate(nbody, wrt="x")
    x, mass = nbody_data(130)
    check_grad(f, x[:6], mass[:6])
    value, d_x = f.value_and_grad(x, mass)
    apart = x[:, None] - x
    distance = np.sqrt((apart**2).sum(-1) + 0.01)
    expected = ((mass[:, None] * mass / distance**3)[..., None] * apart).sum(1)
    np.testing.assert_allclose(value, nbody(x, mass), rtol=1e-12)
    np.testing.assert_allclose(d_x, expected, rtol=1e-10, atol=1e-10)
    wide = np.zeros((130, 7))
    wide[:, ::2][:, :3] = x
    again, d_again = f.value_and_grad(wide[:, ::2][:, :3], mass)
    np.testing.assert_allclose(again, value, rtol=1e-13)
    np.testing.assert_allclose(d_again, d_x, rtol=1e-10, atol=1e-12)
    given = x.astype("f4"), mass.astype("f4")
    single, d_single = f.value_and_grad(*given)
    assert d_single.dtype == np.float32
    value, d_x = f.value_and_grad(*(a.astype("f8") for a in given))
    np.testing.assert_allclose(single, value, rtol=2**-22)
    # Each force has some ten roundings, relative to its own size.
    sizes = ((mass[:, None] * mass / distance**3)[..., None] * np.abs(apart)).sum(1)
    assert (np.abs(d_single - d_x) <= 16 * 2**-24 * sizes).all()
