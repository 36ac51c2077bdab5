"""Derivatives that are refused, one function for each message; see `tests/errors/derivatives`."""

from __future__ import annotations

from typing import Any

import numpy as np

import codegen_ad as cad
from codegen_ad import custom_derivative, differentiate, grad

ARGUMENTS: dict[str, Any] = {"x": 0.5, "v": np.ones(20), "w": np.ones((2, 20))}
HELPERS = {"wave", "_", "pair_of", "deepest"}


@differentiate
def energy(w: Any, x: Any) -> Any:
    return np.sum(w * x)


def wave(x: Any) -> Any:
    return np.sin(x) * x**3


def whole_number(x: Any) -> Any:
    return grad(lambda t: t**2)(3) * x


def not_a_number(v: Any) -> Any:
    return np.sum(grad(lambda t: t**2)(v))


def changes_the_caller(x: Any) -> Any:
    seen = np.zeros(3)

    def g(t: Any) -> Any:
        seen[0] = t
        return t**2

    return grad(g)(x) + seen[0]


def no_such_parameter(x: Any) -> Any:
    return grad(wave, "y")(x)


def wrong_tangent(x: Any) -> Any:
    return cad.jvp(wave, (x,), (np.ones(3),))[1].sum()


def without_an_end(x: Any) -> Any:
    return grad(without_an_end)(x)


def not_a_derivative(x: Any) -> Any:
    return energy.check(x, x)


def sparse_inside(w: Any) -> Any:
    return np.sum(energy.jacobian(w, np.ones(20), sparse=True))


def sparse_form_inside(v: Any) -> Any:
    return np.sum(cad.jacobian(np.sin, sparse=True)(v))


@custom_derivative
def wrong_shape(x: Any) -> Any:
    return x**2


@wrong_shape.backward
def _(residuals: Any, g: Any) -> Any:
    return (np.ones(3),)


def cotangent_of_another_shape(x: Any) -> Any:
    return wrong_shape(x)


@custom_derivative
def wrong_count(x: Any, y: Any) -> Any:
    return x * y


@wrong_count.backward
def _(residuals: Any, g: Any) -> Any:
    return g


def one_cotangent_for_two(x: Any) -> Any:
    return wrong_count(x, x)


@custom_derivative
def total(t: Any, of: Any) -> Any:
    return of(t)


@total.backward
def _(residuals: Any, g: Any) -> Any:
    return g, None


def uses_an_outer_array(v: Any) -> Any:
    return np.sum(total(v, lambda t: t * v))


@custom_derivative
def backwards(t: Any) -> Any:
    return t**2


@backwards.backward
def _(residuals: Any, g: Any) -> Any:
    return 2.0 * residuals[0] * g


def reverse_only_in_forward(x: Any) -> Any:
    return backwards(x)


@custom_derivative
def forwards(t: Any) -> Any:
    return t**2


@forwards.jvp
def _(primals: Any, tangents: Any) -> Any:
    return 2.0 * primals[0] * tangents[0]


def forward_only(x: Any) -> Any:
    return forwards(x)


def pair_of(x: Any) -> Any:
    return x["a"] * x["b"]


keeps_one = custom_derivative(lambda t: t**2, forward=lambda t: t**2, backward=lambda r, g: g)


def residuals_missing(x: Any) -> Any:
    return keeps_one(x)


@custom_derivative
def checked_inside(t: Any) -> Any:
    assert t > 0
    return t**2


@checked_inside.backward
def _(residuals: Any, g: Any) -> Any:
    if g == 0.0:
        raise ValueError("no cotangent")
    return 2.0 * g


def check_in_a_backward_pass(x: Any) -> Any:
    return checked_inside(x)


def no_value_for_a_parameter(x: Any) -> Any:
    return grad(lambda t, u=2.0: t * u, 1)(x)


def number_differentiated(x: Any) -> Any:
    return grad(3.0)(x)


def tangent_missing(v: Any) -> Any:
    return np.sum(energy.jvp(v, v)[1])


def nothing_to_differentiate(x: Any) -> Any:
    return grad(lambda t, u: t, 1)(x, None)


def raises_inside(x: Any) -> Any:
    def g(t: Any) -> Any:
        if t > 0:
            raise ValueError("positive")
        raise ValueError("negative")

    return grad(g)(x)


def aux_that_is_no_pair(x: Any) -> Any:
    return grad(wave, has_aux=True)(x)[0]


def path_to_nowhere(x: Any) -> Any:
    return grad(pair_of, "x['c']")({"a": x, "b": x})


def path_into_a_number(x: Any) -> Any:
    return grad(wave, "x[0]")(x)


def tangent_of_another_structure(x: Any) -> Any:
    p = {"a": x, "b": x}
    return cad.jvp(pair_of, (p,), ((x, x),))[1]


def tangent_of_truth(x: Any) -> Any:
    return cad.jvp(wave, (x,), (True,))[1]


def primals_that_are_an_array(x: Any) -> Any:
    return cad.jvp(wave, x, x)[1]


def fewer_tangents_than_primals(x: Any) -> Any:
    return cad.jvp(lambda a, b: a * b, (x, x), ((x, x),))[1]
