"""`codegen-ad fit`: least squares, or any loss, on the columns of a CSV file."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen_ad.cli.formula import loss_source, model_source
from codegen_ad.cli.loading import as_differentiable, load_function, load_module
from codegen_ad.cli.tables import read_columns

if TYPE_CHECKING:
    from codegen_ad.fit.result import FitResult


@dataclass(frozen=True, slots=True)
class Problem:
    """What is fitted: a loss of `(parameters, *data)`, and the model if it is least squares."""

    loss: Any
    data: tuple[Any, ...]
    model: Callable[[Any], Any] | None


@click.command()
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", metavar="FILE:FUNCTION", help="Least squares of a function in a file.")
@click.option("--formula", metavar="TEXT", help='Least squares of a formula: "a * exp(-b * x)".')
@click.option("--loss", metavar="FILE:FUNCTION", help="A loss of (parameters, x, y).")
@click.option(
    "--start", required=True, metavar="NAME=NUMBER,...", help="First guess, in the order used."
)
@click.option("--x", "x_names", multiple=True, metavar="COLUMN", help="Column of x; x if left out.")
@click.option("--y", "y_name", default="y", show_default=True, metavar="COLUMN")
@click.option(
    "--method", type=click.Choice(["gd", "momentum", "adam"]), default="adam", show_default=True
)
@click.option("--steps", type=int, default=10_000, show_default=True)
@click.option("--learning-rate", type=float, help="adam: 0.001 if left out.")
@click.option(
    "--option", "more", multiple=True, metavar="NAME=NUMBER",
    help="An option of the method: momentum=0.95, beta2=0.99.",
)  # fmt: skip
@click.option("--gtol", type=float, help="Stop when the gradient is no larger.")
@click.option("--ftol", type=float, help="Stop when a step changes the loss by no more.")
@click.option("--time-limit", type=float, metavar="SECONDS")
@click.option("--progress/--no-progress", default=None, help="A progress bar, or none.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Save a plot.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save as JSON.")
def fit(
    data: Path,
    model: str | None,
    formula: str | None,
    loss: str | None,
    start: str,
    x_names: tuple[str, ...],
    y_name: str,
    learning_rate: float | None,
    more: tuple[str, ...],
    plot: Path | None,
    out: Path | None,
    **settings: Any,
) -> None:
    """Fit parameters to the columns of a CSV file with a header line.

    The model's parameters are those that --start names, and the columns of --x follow; or the first
    is a vector of all of them. The loss is the sum of the squared residuals.

    \b
        codegen-ad fit data.csv --formula "exp(-b1*x) / (b2 + b3*x)" \\
            --start b1=0.1,b2=0.01,b3=0.02 --steps 20000
    """  # noqa: D301 - click reads the \b
    import numpy as np

    from codegen_ad import minimize

    if sum(given is not None for given in (model, formula, loss)) != 1:
        raise click.UsageError("give one of --model, --formula and --loss")
    if plot is not None:
        _check_plotting(x_names, loss)
    guess = _numbers("--start", [p for p in start.split(",") if p.strip()])
    names = x_names or ("x",)
    *x, y = read_columns(data, [*names, y_name])
    options: dict[str, Any] = dict(_numbers("--option", more))
    if learning_rate is not None:
        options["learning_rate"] = learning_rate
    with tempfile.TemporaryDirectory(prefix="codegen_ad-") as folder:
        if loss is not None:
            problem = _given_loss(loss, x, y)
        else:
            problem = _least_squares(Path(folder), model, formula, tuple(guess), names, x, y)
        first = np.array(list(guess.values()))
        result = minimize(problem.loss, first, args=problem.data, **settings, **options)
    click.echo(_report(result, guess))
    if out is not None:
        out.write_text(json.dumps(_as_json(result, guess), indent=2) + "\n", encoding="utf-8")
        click.echo(f"result: {out}")
    if plot is not None and problem.model is not None:
        _save_plot(plot, problem.model, result, names[0], y_name, x[0], y)
        click.echo(f"plot: {plot}")
    if not result.success:
        raise SystemExit(1)


def _numbers(option: str, parts: Sequence[str]) -> dict[str, float]:
    """`NAME=NUMBER` parts by name."""
    found: dict[str, float] = {}
    for part in parts:
        name, _, text = (p.strip() for p in part.partition("="))
        try:
            if not name.isidentifier() or name in found:
                raise ValueError
            found[name] = float(text)
        except ValueError:
            raise click.UsageError(
                f"{option}: {part!r} is not NAME=NUMBER, each name once"
            ) from None
    if not found and option == "--start":
        raise click.UsageError("--start names no parameter")
    return found


# What is fitted -----------------------------------------------------------------------------------


def _given_loss(target: str, x: Sequence[Any], y: Any) -> Problem:
    import numpy as np

    function, _ = load_function(target)
    data = x[0] if len(x) == 1 else np.column_stack(list(x))
    return Problem(as_differentiable(function, ()), (data, y), None)


def _least_squares(
    folder: Path,
    target: str | None,
    formula: str | None,
    parameters: tuple[str, ...],
    columns: tuple[str, ...],
    x: Sequence[Any],
    y: Any,
) -> Problem:
    """A loss module around the model: the frontend reads its text like any other."""
    import numpy as np

    from codegen_ad import Differentiable

    data = tuple(x)
    if formula is not None:
        for name in columns:
            if not name.isidentifier() or name in parameters:
                raise click.UsageError(f"--x {name} cannot be used as a name in a formula")
        source = model_source(formula, parameters, columns)
        names, call = columns, f"model({', '.join((*parameters, *columns))})"
        function = None
    else:
        assert target is not None
        function, _ = load_function(target)
        function = function.__wrapped__ if isinstance(function, Differentiable) else function
        source = ""
        names, call, is_vector = _call_of(function, target, parameters, len(columns))
        if len(names) == 1 and len(columns) > 1:
            data = (np.column_stack(list(x)),)
        if is_vector:
            parameters = ()
    observed = "y" if "y" not in {*parameters, *names} else "observed"
    path = folder / "least_squares.py"
    text = loss_source(call, parameters, names, observed)
    path.write_text(f"{text}\n\n{source}" if source else text, encoding="utf-8")
    module: Any = load_module(path)
    if function is not None:
        module.model = function
    loss = as_differentiable(module.loss, ())

    def predicted(values: Any, *at: Any) -> Any:
        arguments = dict(zip(names, at, strict=True))
        if parameters:
            return module.model(**dict(zip(parameters, values, strict=True)), **arguments)
        return module.model(values, *at)

    return Problem(loss, (*data, y), predicted)


def _call_of(
    function: Any, target: str, parameters: tuple[str, ...], columns: int
) -> tuple[tuple[str, ...], str, bool]:
    """The names of the model's data, how it is called, and whether its parameters are a vector."""
    found = tuple(inspect.signature(function).parameters)
    named = [n for n in found if n in parameters]
    is_vector = not named
    names = found[1:] if is_vector else tuple(n for n in found if n not in parameters)
    if not is_vector and len(named) != len(parameters):
        missing = ", ".join(n for n in parameters if n not in found)
        raise click.UsageError(f"{target} has no parameter {missing}; it has {', '.join(found)}")
    if len(names) not in (1, columns):
        raise click.UsageError(
            f"{target} takes {', '.join(names) or 'no data'} besides the parameters, and --x names "
            f"{columns} columns"
        )
    given = ("{parameters}", *names) if is_vector else found
    return names, f"model({', '.join(given)})", is_vector


# What comes out -----------------------------------------------------------------------------------


def _report(result: FitResult, guess: Mapping[str, float]) -> str:
    width = max(map(len, guess))
    lines = [repr(result), "", "Parameters"]
    lines += [f"  {n:<{width}} = {v:.10g}" for n, v in zip(guess, result.x, strict=True)]
    return "\n".join(lines)


def _as_json(result: FitResult, guess: Mapping[str, float]) -> dict[str, Any]:
    names = tuple(guess)
    return {
        "parameters": dict(zip(names, map(float, result.x), strict=True)),
        "gradient": dict(zip(names, map(float, result.jac), strict=True)),
        "start": dict(guess),
        "fun": float(result.fun),
        "nit": result.nit,
        "nfev": result.nfev,
        "status": result.status,
        "message": result.message,
        "success": result.success,
        "method": result.method,
        "seconds": result.seconds,
    }


def _check_plotting(columns: Sequence[str], loss: str | None) -> None:
    """Refuse before the fit what would fail after it."""
    from importlib.util import find_spec

    from codegen_ad.errors import MissingDependency

    if loss is not None or len(columns) > 1:
        raise click.UsageError("--plot shows a model of one column: not --loss, not several --x")
    if find_spec("matplotlib") is None:
        raise MissingDependency("matplotlib", "examples", "for --plot")


def _save_plot(
    path: Path, model: Any, result: FitResult, x_name: str, y_name: str, x: Any, y: Any
) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    low, high = float(x.min()), float(x.max())
    line = np.linspace(low, high, 400)
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes: Any = figure.subplots()
    axes.plot(x, y, "k.", markersize=4, label="data")
    axes.plot(line, model(result.x, line), label=f"fit, sum of squares {result.fun:.8g}")
    axes.set_xlabel(x_name)
    axes.set_ylabel(y_name)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
