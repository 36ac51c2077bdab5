"""`codegen-ad fit`: models, formulas and losses on CSV files."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from codegen_ad.cli.commands import commands
from codegen_ad.cli.formula import loss_source, model_source

MODULE = """
import numpy as np


def by_vector(p, x):
    return p[0] + p[1] * x


def by_name(x, slope, offset):
    return offset + slope * x


def two_columns(p, X):
    return X @ p


def loss(w, x, y):
    return np.abs(y - w[0] - w[1] * x).sum()
"""
START = ("--start", "offset=0.5,slope=1.5")
FAST = ("--steps", 3000, "--learning-rate", 0.05)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    x = np.linspace(0.0, 2.0, 21)
    rows = [f"{a!r},{1.0 + 2.0 * a!r},{a * a!r}" for a in x.tolist()]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(["x, y, u", "# a remark", *rows, ""]), encoding="utf-8")
    (tmp_path / "model.py").write_text(MODULE, encoding="utf-8")
    return path


def fit(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["fit", *map(str, arguments)])


def numbers(path: Path) -> dict[str, float]:
    return json.loads(path.read_text(encoding="utf-8"))["parameters"]


@pytest.mark.parametrize(
    "what",
    [
        ("--formula", "offset + slope * x"),
        ("--model", "{}/model.py:by_vector"),
        ("--model", "{}/model.py:by_name"),
    ],
)
def test_a_line(data: Path, what: tuple[str, str]) -> None:
    out = data.parent / "out.json"
    what = (what[0], what[1].format(data.parent))
    result = fit(data, *what, *START, *FAST, "--out", out)
    assert result.exit_code == 0, result.output
    assert "Fit by adam: succeeded" in result.output
    assert "  offset = 1" in result.output or "  offset = 0.99999" in result.output
    assert numbers(out) == pytest.approx({"offset": 1.0, "slope": 2.0}, abs=1e-6)


def test_a_loss(data: Path) -> None:
    out = data.parent / "out.json"
    result = fit(data, "--loss", f"{data.parent}/model.py:loss", *START, *FAST, "--out", out)
    assert result.exit_code == 0, result.output
    assert numbers(out) == pytest.approx({"offset": 1.0, "slope": 2.0}, abs=0.1)


def test_several_columns(data: Path) -> None:
    out = data.parent / "out.json"
    columns = ("--x", "x", "--x", "u")
    guess = ("--start", "a=1,b=1")
    result = fit(data, "--formula", "1 + a*x + b*u", *columns, *guess, *FAST, "--out", out)
    assert result.exit_code == 0, result.output
    assert numbers(out) == pytest.approx({"a": 2.0, "b": 0.0}, abs=1e-6)
    result = fit(data, "--model", f"{data.parent}/model.py:two_columns", *columns, *guess, *FAST)
    assert result.exit_code == 0, result.output


def test_methods_and_their_options(data: Path) -> None:
    line = ("--formula", "offset + slope * x", *START)
    result = fit(data, *line, "--method", "momentum", "--learning-rate", 1e-3, "--steps", 500,
                 "--option", "momentum=0.8")  # fmt: skip
    assert "Fit by momentum: succeeded" in result.output
    result = fit(data, *line, "--method", "gd")
    assert result.exit_code == 1
    assert "the method gd needs `learning_rate`" in result.output
    result = fit(data, *line, "--option", "speed=1")
    assert result.exit_code == 1
    assert "has no option `speed`" in result.output


def test_a_fit_that_runs_away_ends_with_status_1(data: Path) -> None:
    line = ("--formula", "offset + slope * x", *START)
    result = fit(data, *line, "--method", "gd", "--learning-rate", 1e3)
    assert result.exit_code == 1
    assert "did not succeed" in result.output


def test_a_plot(data: Path) -> None:
    pytest.importorskip("matplotlib")
    plot = data.parent / "plot.png"
    result = fit(data, "--formula", "offset + slope * x", *START, *FAST, "--plot", plot)
    assert result.exit_code == 0, result.output
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give one of --model, --formula and --loss"),
        (("--formula", "x", "--model", "m.py:f"), "give one of --model, --formula and --loss"),
        (("--formula", "slope * x", "--y", "z"), "has no column 'z'; it has x, y, u"),
        (("--formula", "slope * x", "--x", "slope"), "has no column 'slope'"),
        (("--formula", "slope * z"), "names 'z', which is neither a parameter nor a column"),
        (("--formula", "__import__('os')"), "calls '__import__'"),
        (("--formula", "x.real"), "holds 'x.real', which is no arithmetic"),
        (("--formula", "exp(x"), "is no expression"),
        (("--formula", "x if x else 1"), "which is no arithmetic"),
        (("--formula", "exp(x, out=x)"), "which is no arithmetic"),
        (("--formula", "'text'"), "which is no arithmetic"),
        (("--model", "{}/model.py:two_columns", "--x", "x", "--x", "u", "--plot", "p.png"),
         "not several --x"),
    ],
)  # fmt: skip
def test_mistakes_in_the_call(data: Path, arguments: tuple[str, ...], message: str) -> None:
    result = fit(data, *(a.format(data.parent) for a in arguments), *START)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("start", ["a", "a=x", "a=1,a=2", "1=2", ","])
def test_a_start_that_is_none(data: Path, start: str) -> None:
    result = fit(data, "--formula", "x", "--start", start)
    assert result.exit_code == 2
    assert "--start" in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("x,y\n", "has a header and no data"),
        ("x,y\n1,2\n1\n", "row 2: there is no value for y"),
        ("x,y\n1,two\n", "row 1: y is 'two', no number"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    result = fit(path, "--formula", "a * x", "--start", "a=1")
    assert result.exit_code == 2
    assert message in result.output


def test_a_formula_as_source() -> None:
    assert model_source("exp(-b1*x)/(b2+pi*x)", ("b1", "b2"), ("x",)) == (
        "def model(b1, b2, x):\n    return np.exp(-b1 * x) / (b2 + np.pi * x)\n"
    )
    text = loss_source("model({parameters}, x)", (), ("x",), "y")
    assert text.endswith(
        "def loss(parameters, x, y):\n"
        "    residual = y - model(parameters, x)\n"
        "    return np.sum(residual * residual)\n"
    )
