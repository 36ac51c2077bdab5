"""`assert` and `raise` on data: kept, in value and derivatives, with the user's class and words."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from codegen_ad import build, differentiate
from tests.end_to_end import checked
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    derivatives,
    interpreted,
    numeric_gradients,
    plain_value,
    reference,
)

PLAIN_PYTHON = ("math domain error", "float division by zero")
"""What Python's own arithmetic raises on the way to a failed check; compiled code goes on."""


def case_of(function: Any) -> tuple[Case, Any]:
    good = checked.FINE.get(function, checked.GOOD)
    return Case(function, lambda n, rng: (good,)), good


@pytest.mark.parametrize("function", checked.BAD, ids=lambda f: f.__name__)
def test_value_gradient_and_failures(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")
    case, good = case_of(function)
    run = interpreted(case, (good,))
    value, gradient = run(good)
    assert_close(value, plain_value(case, (good,)), rtol=1e-12, what="value")
    (numeric,) = numeric_gradients(case, (good,))
    assert_close(gradient, numeric, rtol=2e-6, what="gradient")
    for bad in checked.BAD[function]:
        with pytest.raises(Exception) as wanted:  # noqa: PT011
            function(bad)
        kind = wanted.type if wanted.type.__module__ == "builtins" else wanted.type.__base__
        message = wanted.value.args
        for attempt in (lambda bad=bad: run(bad), lambda bad=bad: reference(case, (bad,))):
            with pytest.raises((kind, ZeroDivisionError)) as found:
                attempt()
            if str(found.value) in PLAIN_PYTHON:
                continue
            assert found.type is kind
            if function is not checked.message_of_arrays:
                assert said(found.value) == message


def said(error: BaseException) -> tuple[Any, ...]:
    """The arguments, numbers put into their places."""
    message, *values = error.args or (None,)
    if message is None:
        return ()
    return (message.format(*values),) if values else (message,)


def test_the_callers_exception_has_the_users_class_message_and_place() -> None:
    f = differentiate(checked.in_helper)
    f.grad(checked.GOOD)
    for method in (f.grad, f.value_and_grad):
        with pytest.raises(checked.TooSmallError, match="v <= 0") as caught:
            method(-checked.GOOD)
        (note,) = caught.value.__notes__
        lines = inspect.getsource(checked).splitlines()
        line = 1 + next(i for i, t in enumerate(lines) if "raise TooSmallError" in t)
        assert f"checked.py:{line}, in helper" in note
        assert 'raise TooSmallError("v <= 0")' in note


def test_second_derivatives_and_products_check_too() -> None:
    f = differentiate(checked.in_loop)
    x = checked.GOOD
    hessian = f.hessian(x)
    expected = np.prod(x) / np.outer(x, x) * (1 - np.eye(4))
    np.testing.assert_allclose(hessian, expected, rtol=1e-12)
    bad = x * np.array([1, 1, -1, 1])
    for call in (f.hessian, lambda b: f.jvp(b, tangent=b), lambda b: f.jacobian(b)):
        with pytest.raises(ValueError, match=r"x\[2\] is -0.900"):
            call(bad)
    with pytest.raises(ValueError, match=r"x\[2\] is -0.900"):
        f.vjp(bad)[1](1.0)


def test_a_gradient_checks_once() -> None:
    case, good = case_of(checked.in_loop)
    kernels = derivatives(case).kernels
    signature = kernels.binder.form(kernels.binder.bind((good,), {}))
    found = derivatives(case)
    text = build.run(
        case.function, signature, "value_and_grad", found.options, kernels.binder.wrt
    ).text
    assert text.count("    raise ValueError") == 1
    assert text.count("x_i < 0.0") == 1


def test_an_index_error_names_file_and_line() -> None:
    def pick(x: Any, k: Any) -> Any:
        return x[k] ** 2

    f = differentiate(pick)
    with pytest.raises(IndexError, match="line 2") as caught:
        f.grad(checked.GOOD, np.array(7))
    (note,) = caught.value.__notes__
    assert "test_checks.py" in note
