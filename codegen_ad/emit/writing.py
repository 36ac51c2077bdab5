"""Statements become indented lines, with the user's lines quoted above what they explain.

What each statement looks like is said by the writers of the backends.
"""

from __future__ import annotations

import io
import tokenize
from abc import ABC, abstractmethod

from codegen_ad.emit.breaking import INDENT, WIDTH, broken
from codegen_ad.ir.node import Origin
from codegen_ad.plan.kernel import (
    Allocate,
    Assign,
    Expr,
    Fill,
    For,
    Grow,
    If,
    Note,
    Number,
    Raise,
    Statement,
    Tiles,
)


class BlockWriter(ABC):
    """Collects the lines of one function's body."""

    def __init__(self, function: str) -> None:
        self.function = function
        self.margin = 1  # the body of a function
        self.lines: list[str] = []
        self._last: Note | None = None

    @abstractmethod
    def statement(self, statement: Statement, depth: int) -> None:
        """Write one statement and what is in it."""

    @abstractmethod
    def spell(self, expr: Expr) -> str:
        """The text of an expression, for the place it stands in."""

    def block(self, statements: list[Statement], depth: int) -> None:
        """Write statements, indented."""
        if not statements:
            self.line("pass", depth)
        for statement in statements:
            self.comment(statement, depth)
            self.statement(statement, depth)

    def line(self, text: str, depth: int) -> None:
        """Write one line."""
        self.lines.append(INDENT * depth + text)

    def comment(self, statement: Statement, depth: int) -> None:
        """Quote the user's line above the first of the statements it explains."""
        note = statement.note
        if isinstance(statement, If) and any(isinstance(s, Raise) for s in statement.then[:1]):
            note = statement.then[0].note
        silent = isinstance(statement, For | Tiles | Allocate | Fill | Grow) or (
            isinstance(statement, Assign) and all(isinstance(e, Number) for e in statement.exprs)
        )
        if silent or note.origin is None or note == self._last:
            return
        self._last = note
        where = self.where(note.origin)
        quoted = without_comment(note.origin.text)
        text = f"{'gradient of ' if note.gradient else ''}{where}: {quoted}"
        room = WIDTH - len(INDENT) * (depth + self.margin) - 2
        if len(text) > room:
            text = text[: room - 1].rstrip() + "…"
        self.line(f"# {text}", depth)

    def assign(self, target: str, expr: Expr, depth: int, sign: str = "=") -> None:
        """Write an assignment, in several lines where it is long."""
        self.lines_of(f"{target} {sign} {self.spell(expr)}", depth)

    def lines_of(self, text: str, depth: int) -> None:
        """Write an assignment that is text already, broken where it is long."""
        for line in broken(text, WIDTH - len(INDENT) * (depth + self.margin)):
            self.line(line, depth)

    def where(self, origin: Origin) -> str:
        """The line of the user's, and the function if it is another one."""
        helper = f" of {origin.function}" if origin.function != self.function else ""
        return f"line {origin.line}{helper}"


def without_comment(text: str) -> str:
    """A line of source without its trailing comment."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                return text[: token.start[1]].rstrip()
    except (tokenize.TokenError, IndentationError):  # the first line of a longer statement
        pass
    return text
