"""Pages of refusals: what raises each one, and how it is made into the text of a file.

A page is what a user reads: the place with a caret, what is refused and why, what to write instead.
Each comes from one small function of `refused_*.py` or one expression of `refused_calls*.py`, which
is read, and differentiated where the page is about a derivative. No kernel is compiled.
"""

from __future__ import annotations

import functools
import inspect
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from codegen_ad import differentiate
from codegen_ad.errors import CodegenError, InternalError
from codegen_ad.frontend.reader import read
from tests.errors import (
    refused_arrays,
    refused_calls,
    refused_complex,
    refused_derivatives,
    refused_flow,
    refused_iteration,
    refused_lists,
    refused_modes,
    refused_names,
    refused_objects,
    refused_uses,
)
from tests.frontend.library.library_cases import reading_of
from tests.frontend.running import signature_of

HERE = Path(__file__).parent
READ = (
    refused_names,
    refused_flow,
    refused_iteration,
    refused_lists,
    refused_arrays,
    refused_complex,
    refused_objects,
    refused_uses,
)


def _local() -> Any:
    @dataclass
    class Local:
        rate: float

        def step(self, x: Any) -> Any:
            return self.rate * x

    return Local(2.0)


ARGUMENTS: dict[str, Any] = {
    "local": _local(),
    "x": np.arange(5.0),
    "a": np.ones((2, 3)),
    "t": np.arange(5.0),
    "i": np.arange(5),
    "k": 3,
    "p": {"w": np.arange(5.0)},
    "equal": refused_objects.EQUAL,
}
LONGEST_NAME = 70


@dataclass(frozen=True)
class Page:
    """One refusal: the folder and name of its file, and what raises it."""

    folder: str
    name: str
    provoke: Callable[[], object]

    @property
    def file(self) -> Path:
        """Where the reviewed text is."""
        return HERE / self.folder / f"{self.name}.txt"

    @functools.cached_property
    def error(self) -> CodegenError:
        """What is raised."""
        try:
            self.provoke()
        except InternalError:
            raise
        except CodegenError as error:
            return error
        raise AssertionError(f"{self.folder}/{self.name} is not refused")

    @property
    def text(self) -> str:
        """The page, without the folder of the user's file and the numbers of its lines."""
        page = re.sub(r"^\S*?(\w+\.py):\d+", r"\1:N", str(self.error))
        page = re.sub(r"^<case .*>:\d+", "<case>:N", page)
        return f"{type(self.error).__name__}\n{page}\n"

    @property
    def lines(self) -> Iterator[tuple[Path, int]]:
        """The lines of the library that the error came through."""
        seen: BaseException | None = self.error
        while seen is not None:
            for frame in traceback.extract_tb(seen.__traceback__):
                if frame.lineno is not None:
                    yield Path(frame.filename), frame.lineno
            seen = seen.__context__


def _functions(module: ModuleType) -> list[Callable[..., Any]]:
    """The functions of a module that are refused: not its helpers, whose names begin with `_`."""
    return [
        f
        for f in vars(module).values()
        if inspect.isfunction(f)
        and f.__module__ == module.__name__
        and "<locals>" not in f.__qualname__
        and f.__name__ not in module.HELPERS
    ]


def _of_function(function: Callable[..., Any]) -> Page:
    args = [ARGUMENTS[name] for name in inspect.signature(function).parameters]
    return Page(
        "frontend", function.__name__, lambda: read(function, signature_of(function, *args))
    )


def _of_derivative(function: Callable[..., Any]) -> Page:
    args = [refused_derivatives.ARGUMENTS[name] for name in inspect.signature(function).parameters]
    found = differentiate(function)

    def provoke() -> object:
        if function.__name__.endswith("in_forward"):
            return found.jvp(*args, tangent=args[0])
        return found.grad(*args)

    return Page("derivatives", function.__name__, provoke)


def _of_call(text: str) -> Page:
    name = re.sub(r"\W+", "_", text.replace("-", " minus ")).strip("_")
    return Page("calls", name[:LONGEST_NAME].rstrip("_"), lambda: reading_of(text))


PAGES = (
    *(_of_function(f) for module in READ for f in _functions(module)),
    *(_of_derivative(f) for f in _functions(refused_derivatives)),
    *(Page("modes", f.__name__, f) for f in _functions(refused_modes)),
    *(_of_call(text) for text in refused_calls.CALLS),
)
FOLDERS = sorted({page.folder for page in PAGES})
