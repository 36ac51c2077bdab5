"""The check of derivatives: right ones pass, wrong ones are caught, the report says where."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from codegen_ad import custom_derivative, differentiate
from codegen_ad.errors import CheckFailed, CodegenError, InvalidArgument
from codegen_ad.testing import CheckReport, check_grad

rng = np.random.default_rng(11)
X = rng.normal(size=(6, 3))
Y = rng.normal(size=6)
W = rng.normal(size=3)


def loss(w, x, y):
    return np.mean((np.tanh(x @ w) - y) ** 2)


def looped(rate, start, steps):
    u = start.copy()
    for _ in range(steps):
        u[1:-1] += rate * (u[2:] - 2 * u[1:-1] + u[:-2])
    return (u**2).sum()


def branched(x):
    total = 0.0
    for i in range(x.shape[0]):
        total += math.sin(x[i]) if x[i] > 0 else x[i] ** 3
    return total


def several(w, x):
    return {"slopes": np.exp(x @ w), "size": x.shape[0], "first": w[0] ** 2}


def network(layer, scale, x):
    hidden = np.tanh(x * layer["weight"] + layer["bias"])
    return scale * (hidden**2).sum()


def kinked(x):
    return np.abs(x).sum() + np.maximum(x, 0) @ x


@dataclass
class Line:
    slope: float
    levels: Any


def line(p, x):
    return ((p.slope * x + p.levels[0]) ** 2).sum() + p.levels[1]


@custom_derivative
def cube(x):
    return x**3, (x,)


@cube.backward
def _(residuals, g):
    (x,) = residuals
    return 2 * x**2 * g


def wrong(x):
    return cube(x).sum()


def row(report: CheckReport, where: str) -> Any:
    (found,) = (r for r in report.rows if r.where == where)
    return found


@pytest.mark.every(2)
@pytest.mark.parametrize(
    ("function", "args", "wrt"),
    [
        (loss, (W, X, Y), ("w", "x")),
        (looped, (0.2, rng.normal(size=7), 4), ("rate", "start")),
        (branched, (np.array([0.5, -1.5, 2.0]),), None),
        (several, (W, X), None),
        (network, ({"weight": 0.5, "bias": np.zeros(3)}, 2.0, np.ones(3)), ("layer", "scale")),
        (line, (Line(0.7, (1.0, 2.0)), np.arange(4.0)), None),
        (kinked, (np.array([0.5, -0.25, 1e-3]),), None),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_right_derivatives_pass(function: Any, args: Any, wrt: Any) -> None:
    report = check_grad(function, *args, wrt=wrt)
    assert report.ok
    assert {r.verdict for r in report.rows} == {"ok"}


def test_single_precision_has_its_own_tolerances() -> None:
    args = [a.astype(np.float32) for a in (W, X, Y)]
    report = differentiate(loss).check(*args)
    assert {r.verdict for r in report.rows} == {"ok"}
    assert max(r.difference for r in report.rows) > 1e-12
    assert report.rows[0].tolerance > 1e-6


def test_complex_step_is_used_where_it_can_be_trusted() -> None:
    smooth = differentiate(loss).check(W, X, Y)
    assert {r.what for r in smooth.rows if "derivative (" in r.what} == {
        "derivative (complex step)"
    }
    kinks = check_grad(kinked, np.array([0.5, -0.25]))
    assert {r.what for r in kinks.rows if "derivative (" in r.what} == {"derivative (differences)"}


@pytest.mark.parametrize(
    "options",
    [{"rtol": "a"}, {"atol": -1.0}, {"rtol": math.nan}, {"seed": "a"}, {"seed": -1}],
    ids=str,
)
def test_tolerances_and_seeds_are_numbers(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        check_grad(branched, X[0], **options)


def test_arguments_are_not_changed() -> None:
    def writes(x):
        x[0] *= 2
        return (x**2).sum()

    x = np.array([1.0, 2.0])
    assert check_grad(writes, x).ok
    np.testing.assert_array_equal(x, [1.0, 2.0])


def test_a_method_is_checked() -> None:
    class Model:
        @differentiate
        def value(self, x):
            return (x**2).sum()

    assert Model().value.check(np.array([1.0, 2.0])).ok


def test_large_parameters_are_checked_along_directions() -> None:
    report = check_grad(branched, rng.normal(size=40))
    places = [r.where for r in report.rows if "derivative (" in r.what]
    assert places == ["x, direction 1", "x, direction 2"]


def test_a_wrong_derivative_is_caught() -> None:
    with pytest.raises(CheckFailed) as caught:
        differentiate(wrong).check(np.array([1.0, 2.0]))
    assert isinstance(caught.value, CodegenError)
    assert isinstance(caught.value, AssertionError)
    report = differentiate(wrong).check(np.array([1.0, 2.0]), raise_on_failure=False)
    assert str(caught.value) == repr(report)
    assert not report.ok
    assert row(report, "x[1]").verdict == "FAIL"
    assert row(report, "x[1]").expected == pytest.approx(12.0)
    assert row(report, "x[1]").found == 8.0
    assert report.rows[-1].verdict == "skipped"


def test_a_wrong_value_is_caught() -> None:
    found = differentiate(branched)
    assert found.kernels.binder.wrt == ("x",)
    ticks = itertools.count()
    found.__wrapped__ = lambda x: branched(x) + next(ticks) / 10 + 0.1
    report = found.check(np.array([0.5, -1.5]), raise_on_failure=False)
    assert report.rows[0].what == "value"
    assert report.rows[0].verdict == "FAIL"
    assert report.rows[0].difference == pytest.approx(0.1)


def test_a_result_of_another_structure_is_caught() -> None:
    found = differentiate(several)
    assert found.kernels.binder.wrt == ("w",)
    found.__wrapped__ = lambda w, x: [1.0]
    report = found.check(W, X, raise_on_failure=False)
    assert not report.ok


def test_where_the_function_is_not_defined_nothing_is_claimed() -> None:
    def root(x):
        return np.sqrt(x).sum()

    report = check_grad(root, np.array([0.0, 1.0]))
    assert row(report, "x[0]").verdict == "unsure"
    assert row(report, "x[1]").verdict == "ok"


def vector_peak(p):
    return np.exp(-(((500.0005 - p[0]) / p[1]) ** 2))


def scalar_peak(p):
    return math.exp(-(((500.0005 - p[0]) / p[1]) ** 2))


@pytest.mark.parametrize("function", [vector_peak, scalar_peak])
def test_a_narrow_structure_is_not_missed(function: Any) -> None:
    report = check_grad(function, np.array([500.0, 1e-3]))
    assert {r.verdict for r in report.rows} == {"ok"}
    assert abs(row(report, "p[0]").expected) > 1


def test_a_function_that_loses_digits_is_not_blamed() -> None:
    def cancels(x):
        return ((1e6 + x) - 1e6).sum() + np.abs(x**2).sum()

    def rounds(x):
        kept = np.zeros(2, dtype=np.float32)
        kept[0], kept[1] = x[0], 100.0 + x[1] ** 2
        return kept.sum()

    for seed in range(5):
        assert check_grad(cancels, np.array([0.3, -1.7, 0.9]), seed=seed).ok
        assert check_grad(rounds, np.array([0.3, -1.7]), seed=seed).ok


def test_a_given_tolerance_is_used() -> None:
    assert check_grad(wrong, np.array([1.0, 2.0]), rtol=0.5).ok


def test_the_report_is_a_table() -> None:
    report = check_grad(wrong, np.array([2.0]), raise_on_failure=False)
    lines = repr(report).splitlines()
    assert lines[0] == "Check of wrong: 2 ok, 3 FAIL, 1 skipped"
    words = [" ".join(line.split()) for line in lines]
    assert words[1] == "what where expected found difference tolerance verdict"
    assert words[-2] == "derivative (complex step) x[0] 12 8 4.0e+00 1.2e-05 FAIL"
    assert words[-1] == "forward and reverse x - - - - skipped"
    html = report._repr_html_()
    assert html.count("<tr>") == len(report.rows) + 1
    assert "<td>x[0]</td><td>12</td><td>8</td>" in html


def test_the_same_seed_gives_the_same_report() -> None:
    first = check_grad(loss, W, X, Y, seed=3)
    assert repr(check_grad(loss, W, X, Y, seed=3)) == repr(first)
    assert repr(check_grad(loss, W, X, Y, seed=4)) != repr(first)
