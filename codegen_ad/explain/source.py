"""The text of a generated file, which prints in colours where colours can be seen.

This module never imports a stage: showing a cached kernel costs reading its file.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from codegen_ad.runtime.dispatch import Prepared


class _Printer(Protocol):
    """What IPython hands to `_repr_pretty_`."""

    def text(self, obj: str) -> None: ...


class SourceText(str):
    """Python source: a `str` that is plain in files, comparisons and formatting.

    `print` shows it highlighted in a terminal and in a notebook, and so does a notebook's cell;
    with `NO_COLOR` set, or where the output goes to a file, it prints plain. `plain` is the text
    without colours wherever it is.
    """

    __slots__ = ()

    @property
    def plain(self) -> str:
        """The text as an ordinary `str`."""
        return "".join(self)

    def __str__(self) -> str:
        """The text, highlighted if it is about to be read by a person."""
        return highlighted(self.plain) if shows_colours() else self.plain

    def __format__(self, spec: str) -> str:
        """The plain text: what is formatted goes on into other texts."""
        return format(self.plain, spec)

    def _repr_html_(self) -> str:
        """The text for a notebook's cell."""
        return html(self.plain)

    def _repr_pretty_(self, printer: _Printer, cycle: bool) -> None:
        """The text for IPython in a terminal."""
        printer.text(str(self))


def source_text(prepared: Prepared) -> SourceText:
    """The file of a kernel."""
    return SourceText(prepared.compiled.entry.source_path.read_text(encoding="utf-8"))


def shows_colours() -> bool:
    """Whether standard output is a terminal or a notebook that may show colours."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    out = sys.stdout
    if type(out).__module__.partition(".")[0] == "ipykernel":
        return True
    try:
        return out.isatty()
    except (AttributeError, ValueError):  # no standard output, or a closed one
        return False


def highlighted(text: str) -> str:
    """Python source with a terminal's colour codes."""
    from pygments.formatters import TerminalFormatter

    return _formatted(text, TerminalFormatter())


def html(text: str) -> str:
    """Python source as HTML that needs no style sheet."""
    from pygments.formatters import HtmlFormatter

    return _formatted(text, HtmlFormatter[str](noclasses=True, nobackground=True))


def _formatted(text: str, formatter: Any) -> str:
    from pygments import highlight, lexers

    return highlight(text, lexers.get_lexer_by_name("python", stripnl=False), formatter)
