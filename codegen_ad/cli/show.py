"""`codegen-ad show`: the generated source of a function in a file, or any stage before it."""

from __future__ import annotations

import inspect
from typing import Any

import click

from codegen_ad.cli.loading import EXAMPLES, as_differentiable, example_arguments, load_function
from codegen_ad.cli.specs import arguments_of
from codegen_ad.explain.stages import STAGES

MODES = ("value_and_grad", "value", "vjp", "jvp", "jacobian", "hessian", "taps")


@click.command()
@click.argument("target", metavar="FILE:FUNCTION")
@click.option(
    "--arg", "specs", multiple=True, metavar="NAME=FORM",
    help="What an argument looks like: x=f8[n], w=f8[5], a=float, or a value: flag=True.",
)  # fmt: skip
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option(
    "--stage", type=click.Choice([*STAGES, "all"]), default="code", show_default=True,
    help="What to print.",
)  # fmt: skip
@click.option(
    "--wrt", multiple=True, metavar="NAME",
    help="A parameter to differentiate; the function's own choice, or its first, if left out.",
)  # fmt: skip
@click.option("--static", multiple=True, metavar="NAME", help="An integer to specialise on.")
@click.option("--tap", "taps", multiple=True, metavar="NAME", help="For --mode taps: a variable.")
def show(
    target: str,
    specs: tuple[str, ...],
    mode: str,
    stage: str,
    wrt: tuple[str, ...],
    static: tuple[str, ...],
    taps: tuple[str, ...],
) -> None:
    """Print the gradient of a function as source code.

    FILE:FUNCTION is a function with or without a decorator, for example

    \b
        codegen-ad show examples/polynomial_fit.py:loss \\
            --arg w=f8[5] --arg x=f8[n] --arg y=f8[n]

    Letters in a shape are sizes that the code reads at run time. Without --arg, the file may say
    what its functions are called with, by EXAMPLE_ARGUMENTS = {"loss": lambda: (w, x, y)}.
    """  # noqa: D301 - click reads the \b
    from codegen_ad.explain import explain

    function, module = load_function(target)
    found = as_differentiable(function, wrt, static=static, taps=taps)
    args, kwargs = _arguments(target, found, module, specs, mode)
    explanation = explain(found, args, kwargs, mode)
    text = repr(explanation) if stage == "all" else explanation.text(stage)
    if stage == "code":
        text = str(explanation.code)
    click.echo(text, nl=not text.endswith("\n"))


def _arguments(
    target: str, found: Any, module: Any, specs: tuple[str, ...], mode: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Example arguments: from the command line, from the module, or none after a call."""
    name = target.rpartition(":")[2]
    examples = example_arguments(module, name)
    given = arguments_of(specs)
    parameters = inspect.signature(found.__wrapped__).parameters
    unknown = [n for n in given if n not in parameters]
    if unknown:
        raise click.UsageError(
            f"{name}() has no parameter {unknown[0]!r}; it has {', '.join(parameters)}"
        )
    if examples is not None:
        bound = inspect.signature(found.__wrapped__).bind_partial(*examples[0], **examples[1])
        return (), {**bound.arguments, **given}
    if not given and found.kernels.latest(mode) is not None:
        return (), {}
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [n for n, p in parameters.items() if p.default is p.empty and p.kind not in variadic]
    missing = [n for n in needed if n not in given]
    if missing:
        hints = " ".join(f"--arg {n}=f8[n]" for n in missing)
        raise click.UsageError(
            f"what {', '.join(missing)} of {name}() look like is not known: pass it, for example "
            f"{hints}, or give {EXAMPLES} in the file"
        )
    return (), given
