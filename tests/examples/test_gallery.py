"""`generated/` shows what the present code makes of the examples."""

import ast
import importlib.util
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from codegen_ad import differentiate
from examples import autograd_notes as notes
from examples import chwirut, gaussian_peaks
from examples import polynomial_fit as fit

if TYPE_CHECKING:
    from conftest import Golden

VECTOR = (np.arange(1.0, 13.0),)
MATRIX = (np.ones((2, 2)),)
NETWORK = notes.network_data()
FIT = fit.example_arguments()
STEP = 1e-6
PEAKS = gaussian_peaks.EXAMPLE_ARGUMENTS["residuals"]()
CHWIRUT = chwirut.EXAMPLE_ARGUMENTS["squares"]()

# File, function, mode, and arguments like those of the example.
GALLERY: tuple[tuple[str, Any, str, tuple[Any, ...]], ...] = (
    ("polynomial_fit/total_sine", fit.total_sine, "value_and_grad", VECTOR),
    ("polynomial_fit/poly", differentiate(fit.poly, wrt="w"), "jacobian", fit.small_polynomial()),
    ("polynomial_fit/loss", fit.loss, "value_and_grad", FIT),
    ("polynomial_fit/loss", fit.loss, "fit:gd", FIT),
    ("autograd_notes/mean_of_squares", notes.mean_of_squares, "value_and_grad", MATRIX),
    ("autograd_notes/mean_of_squares", notes.mean_of_squares, "taps", MATRIX),
    ("autograd_notes/mean_of_cubes", notes.mean_of_cubes, "value_and_grad", MATRIX),
    ("autograd_notes/mean_of_scaled", notes.mean_of_scaled, "value_and_grad", MATRIX),
    ("autograd_notes/three_squares", differentiate(notes.three_squares), "vjp", VECTOR),
    ("autograd_notes/three_squares", differentiate(notes.three_squares), "jacobian", VECTOR),
    ("autograd_notes/network_loss", notes.train_all, "value_and_grad", NETWORK),
    ("autograd_notes/network_loss", notes.train_all, "fit:gd", NETWORK),
    ("autograd_notes/network_loss_frozen", notes.train_last, "value_and_grad", NETWORK),
    ("autograd_notes/doubled_until_large", notes.doubled_until_large, "value_and_grad", VECTOR),
    ("autograd_notes/in_place", notes.in_place, "value_and_grad", VECTOR),
    ("autograd_notes/sum_of_own", notes.sum_of_own, "value_and_grad", VECTOR),
    ("autograd_notes/weighted", notes.weighted, "value_and_grad", VECTOR),
    ("autograd_notes/profiled", notes.profiled, "value_and_grad", MATRIX),
    ("chwirut/squares", chwirut.squares, "value_and_grad", CHWIRUT),
    ("chwirut/squares", chwirut.squares, "fit:adam", CHWIRUT),
    ("gaussian_peaks/residuals", gaussian_peaks.residuals, "least_squares", PEAKS),
    ("gaussian_peaks/residuals", gaussian_peaks.residuals, "fit_many:image", PEAKS),
)


@pytest.mark.parametrize(("name", "function", "mode", "arguments"), GALLERY)
def test_generated_files(
    name: str, function: Any, mode: str, arguments: tuple[Any, ...], golden: "Golden"
) -> None:
    text = str(function.source(*arguments, mode=mode))
    ast.parse(text)
    golden.check(f"generated/{name}_{mode.replace(':', '_')}.py", text)


@pytest.mark.parametrize(
    ("name", "function", "arguments"),
    [
        (name, f, arguments)
        for name, f, mode, arguments in GALLERY
        if mode == "value_and_grad" and f is not notes.weighted  # it stops a gradient
    ],
)
def test_their_gradients_are_right(
    name: str, function: Any, arguments: tuple[Any, ...], tmp_path: Path
) -> None:
    """Along one direction, by the file alone, against a difference of the plain function."""
    file = tmp_path / "kernel.py"
    file.write_text(str(function.source(*arguments)), encoding="utf-8")
    kernel: Any = load(file)[f"{function.__name__}_value_and_grad"]
    value, *gradients = kernel(*arguments)
    assert value == pytest.approx(function(*arguments), rel=1e-12)
    random = np.random.default_rng(0)
    ahead, behind, slope = list(arguments), list(arguments), 0.0
    for parameter, gradient in zip(function.wrt, gradients, strict=True):
        k = list(inspect.signature(function.__wrapped__).parameters).index(parameter)
        direction = random.normal(size=gradient.shape) * (np.abs(arguments[k]).max() + 1e-3)
        ahead[k] = arguments[k] + STEP * direction
        behind[k] = arguments[k] - STEP * direction
        slope += (gradient * direction).sum()
    expected = (function(*ahead) - function(*behind)) / (2 * STEP)
    assert slope == pytest.approx(expected, rel=1e-4), name


def load(file: Path) -> dict[str, Any]:
    """What a generated file defines, imported by itself."""
    spec = importlib.util.spec_from_file_location("standalone_kernel", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)
