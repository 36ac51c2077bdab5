"""From `FILE:FUNCTION` on the command line to a function in memory."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import click

EXAMPLES = "EXAMPLE_ARGUMENTS"
"""A module may say what its functions are called with: `{"loss": lambda: (w, x, y)}`."""


def load_function(target: str) -> tuple[Any, ModuleType]:
    """The object that `FILE:FUNCTION` names, and its module."""
    file, separator, name = target.rpartition(":")
    if not separator or not file or not name:
        raise click.UsageError(
            f"{target!r} names no function: write FILE:FUNCTION, for example model.py:loss"
        )
    module = load_module(Path(file))
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise click.UsageError(f"{file} has no {name!r}; {_known(module)}")
        found = getattr(found, part)
    found = getattr(found, "derivatives", found)  # what `grad(f)` returns
    if not callable(found):
        raise click.UsageError(f"{name!r} in {file} is a {type(found).__name__}, not a function")
    return found, module


def load_module(path: Path) -> ModuleType:
    """The module in a file, imported afresh; its folder is searched for what it imports."""
    if not path.is_file():
        raise click.UsageError(f"there is no file {path}")
    name = path.stem if path.stem.isidentifier() else "module"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise click.UsageError(f"{path} is no Python file: its name must end in .py")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's own code: anything may happen
        message = f"{path} could not be imported: {type(error).__name__}: {error}"
        raise click.ClickException(message) from error
    return module


def example_arguments(
    module: ModuleType, name: str
) -> tuple[tuple[Any, ...], Mapping[str, Any]] | None:
    """What the module's `EXAMPLE_ARGUMENTS` says for a function: positional and by name."""
    table = cast("Mapping[str, Any]", getattr(module, EXAMPLES, {}))
    if name not in table:
        return None
    found: Any = table[name]
    if callable(found):
        found = found()
    if isinstance(found, dict):
        return (), cast("dict[str, Any]", found)
    return (
        (tuple(cast("tuple[Any, ...]", found)), {}) if isinstance(found, tuple) else ((found,), {})
    )


def _known(module: ModuleType) -> str:
    def is_own(value: object) -> bool:
        return callable(value) and getattr(value, "__module__", None) == module.__name__

    names = [n for n, v in vars(module).items() if is_own(v) and not n.startswith("_")]
    return f"it has {', '.join(names)}" if names else "it has no functions"


def as_differentiable(function: Any, wrt: tuple[str, ...], **options: Any) -> Any:
    """The derivatives of a function, decorated or plain."""
    from codegen_ad import Differentiable, differentiate

    if isinstance(function, Differentiable):
        if not wrt and not any(options.values()):
            return cast("Any", function)
        function = cast("Any", function).__wrapped__
    return differentiate(function, wrt=wrt, **options)
