"""Derivatives that are refused, one function for each message; see `tests/errors/derivatives`."""

from __future__ import annotations

from typing import Any

import numpy as np

import codegen_ad as cad
from codegen_ad import custom_derivative, differentiate, grad


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
