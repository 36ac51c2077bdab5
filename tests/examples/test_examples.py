"""The examples do what they say, and their numbers are right."""

import importlib.util
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from examples import autograd_notes as notes
from examples import chwirut, gaussian_peaks
from examples import polynomial_fit as fit

# Of the full run `train(x, y, target="numpy")`, 200,000 steps in float64.
FINAL_ERROR = 0.00790250559137806


def saved(figure, folder: Path) -> int:
    """Size of a plot as a file; a missing glyph or label would warn, and so fail."""
    file = folder / "plot.png"
    figure.savefig(file)
    return file.stat().st_size


# The polynomial fit -------------------------------------------------------------------------------


def test_derivative_of_the_sine(tmp_path: Path) -> None:
    x, y, dy = fit.sine_and_derivative()
    assert x.shape == (100,)
    np.testing.assert_allclose(dy, np.cos(x), rtol=0, atol=1e-15)
    assert saved(fit.plot_sine(x, y, dy), tmp_path) > 10_000


def test_derivative_of_the_polynomial_in_its_weights(tmp_path: Path) -> None:
    x, w = fit.small_polynomial()
    np.testing.assert_allclose(fit.dpoly_dw_compiled(x, w), fit.dpoly_dw(x, w), rtol=1e-13)
    assert saved(fit.plot_polynomial(x, w), tmp_path) > 10_000


def test_the_whole_fit(tmp_path: Path) -> None:
    x, y = fit.sine_data()
    run = fit.train(x, y, target="codegen_ad")
    assert run.steps == 200_000
    assert run.trace[-1] == pytest.approx(FINAL_ERROR, rel=1e-10)
    assert np.all(np.diff(run.trace) < 0)
    reference = fit.train(x, y, steps=2_000)
    np.testing.assert_allclose(run.trace[:2_000], reference.trace, rtol=1e-11)
    assert saved(fit.plot_fit(x, y, run), tmp_path) > 10_000


def test_the_first_gradient() -> None:
    x, y = fit.sine_data()
    w = np.zeros((5, 1))
    expected = -2 / 100 * fit.dpoly_dw(x, w).T @ y
    np.testing.assert_allclose(fit.loss.grad(w, x, y), expected, rtol=1e-13)


@pytest.mark.parametrize("degree", [1, 3, 12])
def test_other_degrees(degree: int) -> None:
    x, y = fit.sine_data()
    settings = {"steps": 50, "learning_rate": 1e-17, "degree": degree}
    runs = [fit.train(x, y, target=target, **settings) for target in ("numpy", "codegen_ad")]
    np.testing.assert_allclose(runs[1].trace, runs[0].trace, rtol=1e-10)


@pytest.mark.peers
@pytest.mark.parametrize("target", fit.SLOW)
def test_pytorch_takes_the_same_steps(target: str) -> None:
    pytest.importorskip("torch")
    x, y = fit.sine_data()
    runs = [fit.train(x, y, steps=100, target=t) for t in (target, "codegen_ad")]
    np.testing.assert_allclose(runs[0].trace, runs[1].trace, rtol=1e-11)
    np.testing.assert_allclose(runs[0].w, runs[1].w, rtol=1e-9)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(ValueError, match="target is one of numpy, torch"):
        fit.train(*fit.sine_data(), steps=1, target="fortran")


def test_the_table_says_what_was_not_run() -> None:
    runs = [
        fit.Run("numpy", np.zeros(1), np.array([0.5, 0.25, 0.125, 0.0625]), 4e-3),
        fit.Run("torch", np.zeros(1), np.array([0.5, 0.25]), 6e-3),
        fit.Run("codegen_ad", np.zeros(1), np.array([0.5, 0.25, 0.125, 0.0625]), 5e-4),
    ]
    head, *rows, footnote = fit.table(runs, steps=4).splitlines()
    assert head.split() == ["steps", "run", "µs/step", "4", "steps", "ratio", "final", "error"]
    assert [row.split()[:6] for row in rows] == [
        ["numpy", "4", "1000.00", "0.004", "s", "8"],
        ["torch", "2", "3000.00", "0.012", "s*", "24"],
        ["codegen_ad", "4", "125.00", "0.001", "s", "1"],
    ]
    assert rows[1].endswith("same trace to 0e+00")
    assert footnote == "* not run: its time per step, times 4"


# The notes on autograd ----------------------------------------------------------------------------


def test_gradients_of_means() -> None:
    squares, cubes, scaled = notes.gradients()
    np.testing.assert_allclose(squares, np.full((2, 2), 4.5), rtol=1e-15)
    np.testing.assert_allclose(cubes, np.full((2, 2), 13.5), rtol=1e-15)
    np.testing.assert_allclose(scaled, np.full((3, 3), 128 / 3), rtol=1e-15)


def test_gradients_of_intermediates() -> None:
    taps = notes.gradients_of_intermediates()
    assert taps.keys() == {"y", "z"}
    np.testing.assert_allclose(taps["y"], np.full((2, 2), 4.5), rtol=1e-15)
    np.testing.assert_allclose(taps["z"], np.full((2, 2), 0.25), rtol=1e-15)


def test_products_and_jacobian() -> None:
    value, product, matrix = notes.products_and_jacobian()
    assert value.tolist() == [3.0, 12.0, 27.0]
    assert product.tolist() == [6.0, 6.0, 0.0]
    assert matrix.tolist() == np.diag([6.0, 12.0, 18.0]).tolist()


def test_nothing_is_computed_for_frozen_parameters() -> None:
    both, last = notes.frozen()
    assert "d_w1" in both
    assert "d_w1" not in last
    assert "d_w2" in last
    assert len(last.splitlines()) < len(both.splitlines())


def test_only_what_is_executed_is_differentiated() -> None:
    (up, d_up), (down, d_down) = notes.control_flow()
    assert (up, d_up.tolist()) == (3072.0, [512.0] * 3)
    x = -np.array([1.0, 2.0, 3.0])
    assert down == pytest.approx(3 * 512**2 * (x * x).sum(), rel=1e-14)
    np.testing.assert_allclose(d_down, 6 * 512**2 * x, rtol=1e-14)


def test_in_place_operations() -> None:
    (value, gradient), (expected, d_expected) = notes.in_place_operations()
    assert value == expected == 2409.0
    np.testing.assert_allclose(gradient, d_expected, rtol=1e-14)
    np.testing.assert_allclose(gradient, [5312.0, 672.0, 960.0], rtol=1e-14)


@pytest.mark.parametrize(("dtype", "accuracy"), [(np.float64, 1e-12), (np.float32, 1e-4)])
def test_gradient_of_the_network(dtype: type, accuracy: float) -> None:
    arguments = [a.astype(dtype) for a in notes.network_data()]
    loss, found = notes.train_all.value_and_grad(*arguments)
    assert loss == pytest.approx(notes.network_loss(*arguments), rel=accuracy)
    for gradient, expected in zip(found, notes.network_gradient(*arguments), strict=True):
        assert gradient.dtype == dtype
        assert np.abs(gradient - expected).max() < accuracy * np.abs(expected).max()


def test_the_network_learns() -> None:
    losses = notes.train_network(steps=60)
    assert losses[0] > 1e7
    assert losses[-1] < losses[0] / 20
    compiled = notes.train_network_compiled(steps=60)
    np.testing.assert_allclose(compiled.trace, losses, rtol=1e-6)


def test_own_derivatives() -> None:
    value, gradient = notes.own_derivatives()
    x = np.array([-1.0, 0.0, 0.5, 2.0])
    assert value == pytest.approx(np.exp(x.clip(min=0)).sum(), rel=1e-15)
    np.testing.assert_allclose(gradient, np.where(x < 0, 0, np.exp(x)), rtol=1e-15)


def test_stop_gradient_and_the_plain_function() -> None:
    gradient, value = notes.without_gradient()
    assert gradient.tolist() == [1.0, 4.0, 9.0]
    assert value == 36.0


def test_profile(tmp_path: Path) -> None:
    report = notes.profile(size=20)
    shown = str(report)
    for name in ("multiply", "power", "add", "mean"):
        assert name in shown
    report.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    assert any(event.get("ph") == "X" for event in events)


# Chwirut2 -----------------------------------------------------------------------------------------


def test_data_and_certified_values_belong_together() -> None:
    x, y = chwirut.data()
    assert x.shape == y.shape == (54,)
    found = chwirut.squares(np.array(chwirut.CERTIFIED), x, y)
    assert found == pytest.approx(chwirut.CERTIFIED_SQUARES, rel=1e-9)


@pytest.mark.parametrize("start", chwirut.STARTS)
def test_the_certified_fit_is_found(start: tuple[float, ...]) -> None:
    results = chwirut.fit(start)
    assert results[-1].fun == pytest.approx(chwirut.CERTIFIED_SQUARES, rel=1e-9)
    np.testing.assert_allclose(results[-1].x, chwirut.CERTIFIED, rtol=1e-6)
    for before, after in pairwise(results):  # never worse, but for rounding
        assert after.fun <= before.fun * (1 + 1e-14)


@pytest.mark.parametrize("start", chwirut.STARTS)
@pytest.mark.parametrize(
    "model",
    [
        ("--model", f"{chwirut.__file__}:model"),
        ("--formula", "exp(-b1*x) / (b2 + b3*x)"),
    ],
    ids=["model", "formula"],
)
def test_the_same_from_the_command_line(
    model: tuple[str, str], start: tuple[float, ...], tmp_path: Path
) -> None:
    testing = pytest.importorskip("click.testing")
    from codegen_ad.cli.commands import commands

    guess = ",".join(f"b{k}={value}" for k, value in enumerate(start, 1))
    out = tmp_path / "result.json"
    line = ["fit", str(chwirut.DATA), *model, "--start", guess, "--out", str(out)]
    outcome = testing.CliRunner().invoke(commands, line)
    assert outcome.exit_code == 0, outcome.output
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["fun"] == pytest.approx(chwirut.CERTIFIED_SQUARES, rel=1e-7)
    np.testing.assert_allclose(list(found["parameters"].values()), chwirut.CERTIFIED, rtol=1e-4)


def test_plot_of_the_measurements(tmp_path: Path) -> None:
    fits = [chwirut.fit(start, steps=100) for start in chwirut.STARTS]
    assert saved(chwirut.plot(fits), tmp_path) > 10_000


def test_digits() -> None:
    assert chwirut.digits(1.0, 1.0) == 11.0
    assert chwirut.digits(1.001, 1.0) == pytest.approx(3.0, abs=1e-6)


def test_torch_is_found_only_where_it_is() -> None:
    assert fit.installed("numpy")
    assert fit.installed("torch") == (importlib.util.find_spec("torch") is not None)


# Many Gaussian peaks ------------------------------------------------------------------------------


def test_errors_of_the_peaks_are_as_large_as_the_fits_say(tmp_path: Path) -> None:
    peaks, data = gaussian_peaks.images(2000)
    found = gaussian_peaks.fit(data)
    assert found.success.all()
    score = (found.x - peaks) / found.errors
    np.testing.assert_allclose(score.mean(axis=0), 0.0, atol=0.12)
    np.testing.assert_allclose(score.std(axis=0), 1.0, atol=0.1)
    assert found.cost.mean() == pytest.approx((25 - 5) / 2, rel=0.03)
    assert saved(gaussian_peaks.plot(peaks, found), tmp_path) > 10_000
