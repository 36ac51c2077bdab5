"""Products with the Jacobian as users ask for them, for results of every structure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import grad, hessian, jacobian, jvp, vjp
from tests.end_to_end.cases import Case
from tests.property.other_modes import kernel

X = np.linspace(0.1, 1.0, 6)


def vector(x):
    return np.sin(x) * x[::-1]


def scalar(x):
    return np.sum(np.exp(x) * x[::-1])


def structured(x):
    return np.cumsum(x), {"square": x[0] ** 2, "outer": np.outer(x, x)}


def with_an_integer(x):
    return np.max(x), 5


def constant(x):
    return 3.0


def the_argument_itself(x):
    return x


def names_of_ours(g, t_g, d_g, g_1, x):
    return np.sum(np.sin(g) * x + t_g * d_g + g_1)


def leaves(value: Any) -> list[np.ndarray[Any, Any]]:
    match value:
        case tuple():
            return [leaf for item in value for leaf in leaves(item)]
        case dict():
            return [leaf for item in value.values() for leaf in leaves(item)]
        case float() | np.ndarray() | np.floating():
            return [np.asarray(value)]
        case _:
            return []


def like(value: Any, parts: Any) -> Any:
    """The parts in the structure of the value; None in place of what is not floating point."""
    match value:
        case tuple():
            return tuple(like(item, parts) for item in value)
        case dict():
            return {key: like(item, parts) for key, item in value.items()}
        case float() | np.ndarray() | np.floating():
            return next(parts)
        case _:
            return None


def numeric(function: Any) -> list[np.ndarray[Any, Any]]:
    """The Jacobian of each floating result, the argument's axis last."""
    columns: list[list[np.ndarray[Any, Any]]] = []
    for place in range(X.size):
        step = np.zeros_like(X)
        step[place] = 1e-6
        sides = zip(leaves(function(X + step)), leaves(function(X - step)), strict=True)
        columns.append([(one - two) / 2e-6 for one, two in sides])
    return [np.stack(column, axis=-1) for column in zip(*columns, strict=True)]


FUNCTIONS = [vector, scalar, structured, with_an_integer, constant, the_argument_itself]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_vjp(function: Any):
    """A cotangent for each floating result, in the structure of the result; a number too."""
    value, pullback = vjp(function, X, argnums=0)
    assert len(leaves(value)) == len(leaves(function(X)))
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=part.shape) for part in leaves(value)]
    wanted = sum(np.tensordot(g, j, g.ndim) for g, j in zip(parts, numeric(function), strict=True))
    given = like(value, iter(parts))
    np.testing.assert_allclose(pullback(given), wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_jvp(function: Any):
    direction = np.random.default_rng(2).normal(size=X.size)
    _, tangent = jvp(function, (X,), (direction,))
    for found, wanted in zip(leaves(tangent), numeric(function), strict=True):
        np.testing.assert_allclose(found, wanted @ direction, rtol=1e-6, atol=1e-8)


def test_jacobian_and_hessian():
    np.testing.assert_allclose(jacobian(vector)(X), numeric(vector)[0], atol=1e-8)
    np.testing.assert_allclose(hessian(scalar)(X), numeric(grad(scalar))[0], atol=1e-7)


def test_parameters_that_are_called_like_our_own():
    args = (0.5, 1.0, 2.0, 3.0, X)
    value, pullback = vjp(names_of_ours, *args)
    np.testing.assert_allclose(value, names_of_ours(*args))
    wanted = (np.cos(0.5) * X.sum(), 12.0, 6.0, 6.0, np.sin(0.5) * np.ones(6))
    for found, other in zip(pullback(1.0), wanted, strict=True):
        np.testing.assert_allclose(found, other)
    _, tangent = jvp(names_of_ours, args, (1.0, 0.0, 0.0, 0.0, np.zeros(6)))
    np.testing.assert_allclose(tangent, wanted[0])


def test_hessian_in_both_factors_of_a_stack_of_products():
    """What the rows of both blocks ask for is wanted at loops of two depths."""

    def loss(B, T):
        return np.sum(np.sin(T @ B))

    rng = np.random.default_rng(4)
    args = rng.normal(size=(4, 5)), rng.normal(size=(2, 3, 4))
    case = Case(loss, lambda *_: args, ("B", "T"))
    found = kernel(case, args, "hessian")(args)
    slopes = []
    for k in range(2):
        rows = []
        for place in np.ndindex(args[k].shape):
            sides = [[np.copy(a) for a in args] for _ in range(2)]
            sides[0][k][place] += 1e-6
            sides[1][k][place] -= 1e-6
            rows.append([(a - b) / 2e-6 for a, b in zip(*map(_by_hand, sides), strict=True)])
        slopes += [
            np.stack(side).reshape(args[k].shape + side[0].shape)
            for side in zip(*rows, strict=True)
        ]
    for one, other in zip(found, slopes, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


def _by_hand(args: Any) -> tuple[Any, Any]:
    B, T = args
    outer = np.cos(T @ B)
    return np.einsum("nik,nij->kj", T, outer), outer @ B.T
