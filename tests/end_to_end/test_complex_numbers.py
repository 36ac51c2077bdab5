"""Complex intermediate values: value and gradient against NumPy, and what is refused."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.backends import fourier
from codegen_ad.errors import CodegenError, InvalidArgument, NotDifferentiable
from codegen_ad.frontend.reader import read
from tests.end_to_end import complex_cases
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    interpreted,
    numeric_gradients,
    plain_value,
    reference,
    stages_of,
)
from tests.frontend.running import signature_of

X = np.array([0.3, -1.2, 0.7, 2.1])
ARGUMENTS: dict[str, Any] = {
    "x": X,
    "y": np.array([1.0, -0.5, 0.2, 0.9]),
    "z": np.array([1 + 2j, 0.5 - 1j, -1 + 0.3j, 2j]),
    "c": 1.5 + 0.5j,
}
FUNCTIONS = [f for f in vars(complex_cases).values() if isinstance(f, FunctionType)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_real_functions(function: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")
    code = function.__code__
    args = tuple(ARGUMENTS[name] for name in code.co_varnames[: code.co_argcount])
    case = Case(function, lambda n, rng: args)
    stages = stages_of(case, args)
    value, gradient = interpreted(case, args, stages=stages)(*args)
    assert_close(value, plain_value(case, args), rtol=1e-11, what="value")
    (numeric,) = numeric_gradients(case, args)
    assert_close(gradient, numeric, rtol=2e-6, what="gradient")
    for output, found in zip(reference(case, args, stages=stages), (value, gradient), strict=True):
        assert_close(output, found, rtol=1e-11, what="reference")


def test_single_precision():
    def function(x):
        z = x.astype(np.complex64) * 2j
        return np.abs(z).sum() + z.real.sum()

    x = X.astype("f4")
    value, gradient = interpreted(Case(function, lambda n, rng: (x,)), (x,))(x)
    np.testing.assert_allclose(value, 2 * np.abs(x).sum(), rtol=1e-6)
    np.testing.assert_allclose(gradient, 2 * np.sign(x), rtol=1e-6)
    assert gradient.dtype == np.float32


def signals(x, y):
    z = np.exp(2j * x) * y
    for _ in range(3):
        z = np.fft.ifft(np.fft.fft(z) ** 2) / (1 + np.abs(z) ** 2)
    return np.sum(np.abs(np.fft.rfft(z.real)) ** 2) + z[1].imag


@pytest.mark.every(3)
@pytest.mark.parametrize("n", [1, 2, 7, 12, 53, 64])
def test_compiled_transforms(n: int):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n) if n > 1 else np.array([0.3]), 1.0
    if n == 1:
        y = np.array([1.5])
    case = Case(signals, lambda _, __: (x, y))
    if n == 1:

        def alone(x, y):
            z = np.fft.fft(np.exp(2j * x) * y)
            return z.real.sum() + z.imag.sum()

        case = Case(alone, lambda _, __: (x, y))
    found = differentiate(case.function)
    value, gradient = found.value_and_grad(x, y)
    assert_close(value, plain_value(case, (x, y)), rtol=1e-11, what="value")
    (numeric,) = numeric_gradients(case, (x, y))
    assert_close(gradient, numeric, rtol=2e-6, what="gradient")


@pytest.mark.thorough
def test_second_derivatives_of_a_spectrum():
    found = differentiate(complex_cases.filtered)
    x, y = X, ARGUMENTS["y"]
    hessian = found.hessian(x, y)
    columns = [(found.grad(x + h, y) - found.grad(x - h, y)) / 2e-4 for h in 1e-4 * np.eye(len(x))]
    assert_close(hessian, np.stack(columns, 1), rtol=1e-7, what="hessian")


def test_a_complex_value_comes_back_as_one():
    def wave(x):
        return np.exp(1j * x), complex(x[0], np.inf), (x[1] * 1j).astype(np.complex64)

    array, number, _ = differentiate(wave).value(X)
    np.testing.assert_allclose(array, np.exp(1j * X), rtol=1e-13)
    assert array.dtype == np.complex128
    assert isinstance(number, complex)
    assert number == complex(0.3, np.inf)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 8, 49, 53, 97, 100, 106, 360, 1024, 2053])
def test_transforms_agree_with_numpy(n: int):
    pairs = np.random.default_rng(n).normal(size=(n, 2))
    z = pairs[:, 0] + 1j * pairs[:, 1]
    for found, wanted in (
        (fourier.dft(pairs), np.fft.fft(z)),
        (fourier.inverse_dft(pairs), np.fft.ifft(z, norm="forward")),
    ):
        assert np.abs(found[:, 0] + 1j * found[:, 1] - wanted).max() < 3e-15 * np.abs(wanted).max()


REFUSED = {
    "np.sort(1j * x).real.sum()": "`sort` of complex numbers",
    "np.maximum(1j * x, x).real.sum()": "`maximum` of complex numbers",
    "(1j * x).max()": "`.max` of a complex array",
    "np.sum(1j * x < 2)": "have no order",
    "x.astype(complex).astype(float).sum()": "drops the imaginary part",
    "np.arctan(1j * x).real.sum()": "`arctan` of complex numbers",
    "float(1j * x[0])": "complex",
    "np.sum(x[1j * x])": "complex",
    "math.sqrt(1j * x[0])": "`sqrt` of complex numbers",
    "np.linalg.norm(np.outer(x, 1j * x), 2)": "singular values",
    "np.linalg.det(np.outer(x, 1j * x)).real": "`det` of complex numbers",
    "np.fft.rfft(1j * x).real.sum()": "drops imaginary parts",
    "np.fft.fft(x[0]).real": "no Fourier transform",
    "np.fft.fft(x, norm='full').real.sum()": "'backward', 'ortho' or 'forward'",
    "np.sum(1j * x, initial=2.0).real": "only the first argument may be complex",
    "np.diff(1j * x, 1, 0, 2.0).real.sum()": "only the first argument may be complex",
    "np.trapezoid(x, 1j * x).real": "only the first argument may be complex",
    "np.pad(1j * x, 1, constant_values=2).real.sum()": "only the first argument may be complex",
    "np.pad(1j * x, 1, mode='maximum').real.sum()": "the modes are",
    "np.einsum('i,i,i->', x, x, 1j * x).real": "one or two operands",
    "np.var(1j * x, where=x > 1j).real": "have no order",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refusals(text: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "refused_complex.py"
    file.write_text(f"import math\nimport numpy as np\ndef f(x):\n    return {text}\n")
    space: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), space)
    with pytest.raises(CodegenError) as caught:
        read(space["f"], signature_of(space["f"], X))
    assert REFUSED[text] in str(caught.value)


def test_in_place_into_a_real_array():
    def f(x):
        y = x.copy()
        y *= 1j
        return y.sum()

    with pytest.raises(CodegenError, match="complex numbers into f8"):
        read(f, signature_of(f, X))

    def g(x):
        y = x.copy()
        y[0] = 1j
        return y.sum()

    with pytest.raises(CodegenError, match="complex, where a real number"):
        read(g, signature_of(g, X))


def test_derivatives_of_a_complex_value():
    def wave(x):
        return np.exp(1j * x)

    found = differentiate(wave)
    _, tangent = found.jvp(X, tangent=np.ones(4))
    np.testing.assert_allclose(tangent, 1j * np.exp(1j * X), rtol=1e-13)
    with pytest.raises(NotDifferentiable, match="absolute value, real part"):
        found.value_and_grad(X)


def test_complex_parameters_are_refused():
    with pytest.raises(InvalidArgument, match="real and imaginary parts"):
        differentiate(complex_cases.questions, wrt="z").value_and_grad(X, ARGUMENTS["z"])
