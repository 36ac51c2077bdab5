"""Derivatives that are refused, one function for each message; see `tests/errors/derivatives`."""

from __future__ import annotations

from typing import Any

import numpy as np

import codegen_ad as cad
from codegen_ad import differentiate, grad


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
