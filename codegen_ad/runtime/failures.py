"""Exceptions that a kernel raises, told in the user's terms: class, message and place.

A kernel can raise built-in classes only, with a format string and numbers as arguments. Which
classes and lines of the user's these stand for is in the entry's metadata; this room puts them in.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import CodeType
from typing import Any, cast

import numpy as np

from codegen_ad.errors import place_text
from codegen_ad.runtime.dependencies import Path, resolve

_LINE = re.compile(r"line (\d+): ")


class Failures:
    """What the kernel of one function may raise.

    Parameters
    ----------
    root : the user's function.
    failures : one mapping for each check: `exception`, `message`, `shown` (how many numbers),
        `class` (the way to the user's own class, or None), `function` (the way to the function that
        the check is in, from `root`), `row` (the check's line in it, 0 for the first), `name` and
        `text`.
    def_row : the row of the user's `def`, below its decorators.
    """

    def __init__(
        self, root: object, failures: Sequence[Mapping[str, Any]], def_row: int = 0
    ) -> None:
        self.root = root
        self.failures = failures
        self.def_row = def_row

    def guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with what it raises in the user's terms."""

        @wraps(function)
        def call(*leaves: Any) -> Any:
            try:
                return function(*leaves)
            except Exception as error:
                raise self.explained(error) from None

        return call

    def explained(self, error: Exception) -> Exception:
        """The exception to raise instead, with a note that says where it comes from."""
        found = [f for f in self.failures if _is_from(error, f)]
        if not found:
            self._note_line(error)
            return error
        first = found[0]
        message, *values = error.args or (None,)
        args = () if message is None else (message.format(*values) if values else message,)
        made = type(error)(*args)
        if first["class"] is not None and all(f["class"] == first["class"] for f in found):
            made = self._of_class(_path(first["class"]), args, made)
        places = dict.fromkeys(self._place(f) for f in found)
        made.add_note("\nor ".join(places))
        return made

    def _of_class(self, path: Path, args: tuple[str, ...], fallback: Exception) -> Exception:
        try:
            cls = cast("type[Exception]", resolve(self.root, path))
            return cls(*args)
        except Exception:  # the class is gone, or wants other arguments
            return fallback

    def _place(self, failure: Mapping[str, Any]) -> str:
        code = self._code(_path(failure["function"]))
        if code is None:
            return f"in {failure['name']}: {failure['text']}"
        line = code.co_firstlineno + failure["row"]
        return f"{place_text(code.co_filename, line, failure['name'])}\n    {failure['text']}"

    def _code(self, path: Path) -> CodeType | None:
        try:
            function = resolve(self.root, path)
        except LookupError:
            return None
        for name in ("__wrapped__", "__func__"):
            function = getattr(function, name, function)
        return getattr(function, "__code__", None)

    def _note_line(self, error: Exception) -> None:
        """Say in which file the line is that an error of an index or a matrix names."""
        is_ours = isinstance(error, IndexError | np.linalg.LinAlgError)
        said = _LINE.match(str(error)) if is_ours else None
        code = self._code(())
        if said is not None and code is not None:
            line = code.co_firstlineno + self.def_row + int(said[1]) - 1
            error.add_note(place_text(code.co_filename, line, code.co_name))


def _is_from(error: Exception, failure: Mapping[str, Any]) -> bool:
    if type(error) is not getattr(builtins, failure["exception"]):
        return False
    if failure["message"] is None:
        return error.args == ()
    return error.args[:1] == (failure["message"],) and len(error.args) == 1 + failure["shown"]


def _path(steps: Sequence[Sequence[str | int]]) -> Path:
    return tuple((str(kind), name) for kind, name in steps)
