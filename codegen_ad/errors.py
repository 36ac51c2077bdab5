"""The errors and warnings that speak to users.

This room holds messages and how they print. It never finds out what went wrong: whoever raises
knows that.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codegen_ad.source import Location


class CodegenError(Exception):
    """Base of every error that this library raises on purpose."""


class SourceError(CodegenError):
    """An error that points at a line of the user's code.

    Parameters
    ----------
    message
        What is wrong and why, then, on a line of its own, what to write instead.
    where
        The place in the user's code, or None where no line can be named.
    """

    def __init__(self, message: str, *, where: Location | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where

    def __str__(self) -> str:
        """Return the place, the line with a caret under it, and the message."""
        return self.message if self.where is None else f"{_page(self.where)}\n{self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        """Make the error survive the way back from a worker process, with its place."""
        return type(self), (self.message,), {"where": self.where}


class UnsupportedSyntax(SourceError):
    """A construct of Python or NumPy that the frontend does not translate."""


class UnknownFunction(SourceError):
    """A call to a function that is not in the tables and cannot be seen into."""


class ShapeMismatch(SourceError):
    """Shapes that do not go together."""


class ProgramError(SourceError):
    """What the stages behind the frontend refuse: they know a line, but not its file.

    Parameters
    ----------
    message, where
        As for every error in the user's code.
    origin
        Where what is refused comes from (`codegen_ad.ir.node.Origin`), as long as the file is not
        known.
    """

    def __init__(
        self, message: str, *, where: Location | None = None, origin: object = None
    ) -> None:
        super().__init__(message, where=where)
        self.origin = origin


class NotDifferentiable(ProgramError):
    """A derivative was asked for where there is none."""


class UnsupportedOnDevice(ProgramError):
    """What runs on a processor, but can't be shared out among the threads of a GPU."""


class InvalidArgument(CodegenError, ValueError):
    """What the user passed does not fit: a wrong or missing argument, a wrong dtype, no data."""


class MissingDependency(CodegenError, ImportError):
    """An optional package is needed and not installed.

    Parameters
    ----------
    package
        The package that is missing.
    extra
        The extra of `codegen_ad` that installs it.
    need
        What it is needed for, as the end of the sentence "... is needed ...".
    """

    def __init__(self, package: str, extra: str, need: str) -> None:
        super().__init__(package, extra, need)
        self.package = package
        self.extra = extra
        self.need = need

    def __str__(self) -> str:
        """Return what is missing, what for, and the command that installs it."""
        return (
            f"`{self.package}` is needed {self.need}, and it is not installed.\n"
            f'Install it with: pip install "codegen_ad[{self.extra}]"'
        )


class UnsafeCacheFolder(CodegenError):
    """The cache holds code that is executed, and others may write to it."""


class InternalError(CodegenError):
    """A mistake of ours, never of the user's.

    Parameters
    ----------
    message
        What was found to be wrong.
    program
        The text of the program at hand, printed so that a report can quote it.
    """

    def __init__(self, message: str, program: str | None = None) -> None:
        super().__init__(message, program)
        self.message = message
        self.program = program

    def __str__(self) -> str:
        """Return what is wrong, the request for a report, and the program."""
        page = (
            f"This is a mistake in codegen_ad, not in your code: {self.message}\n"
            "Please report it, with the function that you passed and all of this message."
        )
        return page if self.program is None else f"{page}\n\n{self.program.rstrip()}"


class DeviceError(CodegenError):
    """A GPU cannot do what was asked of it; the message says what to do instead."""


class NoDevice(DeviceError):
    """There is no GPU that can be used, or no driver for it."""


class DriverTooOld(DeviceError):
    """The driver does not know the machine code, or the version of CUDA, of a kernel."""


class WrongDevice(DeviceError):
    """Arrays lie on different devices, or on another one than the kernel runs on."""


class OutOfDeviceMemory(DeviceError, MemoryError):
    """The memory of the GPU does not suffice."""


class CheckFailed(CodegenError, AssertionError):
    """A compiled value or derivative differs from the plain function; the message is the table."""


class CacheWarning(UserWarning):
    """The kernel cache could not be used as it was found; results are not affected."""


def _page(where: Location) -> str:
    """Return the place as three lines: file and line, the source line, a caret line."""
    source = where.text.rstrip()
    line = source.lstrip()
    cut = len(source) - len(line)
    start = min(max(where.column - cut, 0), len(line))
    width = max(min(where.end_column - cut, len(line)) - start, 1)
    under = "".join("\t" if c == "\t" else " " for c in line[:start])
    head = place_text(where.filename, where.line, where.function)
    return f"{head}\n    {line}\n    {under}{'^' * width}"


def place_text(filename: str, line: int, function: str) -> str:
    """Return a place in the user's code as errors show it: `growth.py:12, in loss`."""
    return f"{_shown(filename)}:{line}, in {function}"


def _shown(filename: str) -> str:
    """Return the file name as seen from the working folder where it lies below it."""
    try:
        relative = os.path.relpath(filename)
    except (OSError, ValueError):  # the working folder is gone, or is on another drive
        return filename
    if filename.startswith("<") or relative.startswith(os.pardir):
        return filename
    return relative
