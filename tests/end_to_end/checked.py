"""Functions that check their data: `assert` and `raise`, in all the places where they may stand."""

from __future__ import annotations

from typing import Any

import numpy as np


class TooSmallError(ValueError):
    """The user's own exception."""


def scalar_assert(x: Any) -> Any:
    assert x[0] > 0, "x must start above 0"
    return np.sum(x) / x[0]


def whole_array(x: Any) -> Any:
    assert np.all(x > 0) and x.ndim == 1  # noqa: PT018
    return np.sum(np.log(x))


def raise_first(x: Any) -> Any:
    if (x <= 0).any():
        raise ValueError("x must be positive")
    return np.sum(np.sqrt(x))


def raise_in_else(x: Any) -> Any:
    if x.sum() > 0:
        y = x * 2
    else:
        raise ArithmeticError("sum")
    y[0] = 1.0
    return (y * x).sum()


def chain(x: Any) -> Any:
    if x[0] > 5:
        raise ValueError("first")
    elif x[1] > 5:
        raise ValueError("second")
    elif x[2] > 5:
        s = x[2] * 3
    else:
        s = x[0] * x[2]
    return s**2


def in_loop(x: Any) -> Any:
    s = 1.0
    for i, v in enumerate(x):
        if v < 0:
            raise ValueError(f"x[{i}] is {v:.3f}")
        s = s * v
    return s


def second_of_two(x: Any) -> Any:
    s = 0.0
    for v in x:
        assert v > -10, f"{v} is low"
        if v > 10:
            raise OverflowError("high: " + "up")
        s += v**2
    assert s > 0.01
    return s


def helper(v: Any) -> Any:
    if v <= 0:
        raise TooSmallError("v <= 0")
    return np.log(v)


def in_helper(x: Any) -> Any:
    return sum(helper(v) for v in x) * x[1]


def validate(x: Any, low: float = 0.0) -> None:
    for v in x:
        if v < low:
            raise ValueError(f"below {low}")


def validator(x: Any) -> Any:
    validate(x)
    validate(x[1:], low=0.25)
    return np.prod(x)


def fail(message: str) -> Any:
    raise RuntimeError(f"failed: {message}")


def always(x: Any) -> Any:
    y = x[0] * 2 if x[0] > 0 else fail("x[0]")
    return y * x[1]


def index_after_check(x: Any) -> Any:
    k = int(x[0] * 100)
    if k < 0 or k >= x.shape[0]:
        raise KeyError("k")
    return x[k] ** 2 + x[1]


def while_guard(x: Any) -> Any:
    s, n = x[0], 0
    while s < 100:
        assert n < 50, "does not end"
        s = s * (1 + x[1])
        n += 1
    return s


def while_after(x: Any) -> Any:
    if x[1] <= 0:
        raise ValueError("no growth")
    s = x[0]
    while s < 10:
        s += x[1]
    return s**2


def while_true(x: Any) -> Any:
    s, k = x[0], 0
    while True:
        s = s / 2 + x[1]
        k += 1
        if k > 40:
            raise RuntimeError("no convergence")
        if s < 2 * x[1] + 1:
            break
    return s * x[2]


def not_found(x: Any) -> Any:
    found = 0.0
    for v in x:
        if v > 0.5:
            found = v
            break
    else:
        raise LookupError("none above 0.5")
    return found**2


def nested(x: Any) -> Any:
    s = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            if x[j] > 2:
                if x[i] > 3:
                    raise ValueError(f"{i} {j}")
                else:
                    s += x[i]
            s += x[i] * x[j]
    return s


def after_return(x: Any) -> Any:
    if x[0] > 3:
        return x[1] ** 2
    assert x[1] > 0
    return x[0] * x[1]


def sizes_in_a_branch(x: Any) -> Any:
    if x[0] > 3:
        assert x.shape[0] > 100, "long x only"
    return x[0] ** 2


def shape_raise(x: Any) -> Any:
    if x.shape[0] < 2:
        raise ValueError("too short")
    return x[0] * x[1]


def message_of_arrays(x: Any) -> Any:
    assert x[0] > 0, "x is %s" % x  # noqa: UP031
    assert x[1] > 0, f"x is {x}, its shape {x.shape[0]}, {{braces}}"
    return x[0] * x[1]


GOOD = np.array([0.3, 0.6, 0.9, 0.4])
BAD: dict[Any, list[Any]] = {
    scalar_assert: [-GOOD],
    whole_array: [GOOD - 0.6],
    raise_first: [GOOD - 0.6, 0 * GOOD],
    raise_in_else: [-GOOD],
    chain: [GOOD * 20, GOOD + np.array([0, 20, 0, 0])],
    in_loop: [GOOD * np.array([1, 1, -1, -2]), -GOOD],
    second_of_two: [GOOD * 0, GOOD * -20, GOOD * 30, np.array([1.0, 20.0, -20.0, 0.0])],
    in_helper: [GOOD - 0.6],
    validator: [-GOOD, np.array([0.3, 0.1, 1, 1])],
    always: [-GOOD],
    index_after_check: [GOOD],
    while_guard: [GOOD * 0],
    while_after: [-GOOD],
    while_true: [np.array([np.inf, 0.2, 1, 1])],
    not_found: [GOOD / 10],
    nested: [GOOD * 10],
    after_return: [-GOOD],
    sizes_in_a_branch: [GOOD + 9],
    shape_raise: [],
    message_of_arrays: [GOOD * np.array([1, -1, 1, 1])],
}
FINE: dict[Any, Any] = {index_after_check: GOOD / 40}
