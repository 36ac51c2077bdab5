"""The text of a user's function, exactly, and places in it.

This module finds text and proves that it is what runs. It never looks at what the text means.
"""

from __future__ import annotations
import __future__

import ast
import hashlib
import io
import linecache
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FunctionType, MethodType
from typing import cast

from codegen_ad.errors import UnsupportedSyntax

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Location:
    """A stretch of one line of the user's code.

    `line` counts from 1, `column` and `end_column` count characters from 0, and `text` is the line
    as it stands in the file.
    """

    filename: str
    line: int
    column: int
    end_column: int
    function: str
    text: str


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of one function, dedented so that it parses by itself (a lambda: within brackets).

    `first_line` is the number of the text's first line in the file, and `def_line` that of the
    `def` or `lambda`; they differ when there are decorators. `columns` says for each line how many
    characters stood before it, and `lines` are the whole lines as they stand in the file.
    """

    filename: str
    function: str
    first_line: int
    def_line: int
    text: str
    columns: tuple[int, ...]
    lines: tuple[str, ...]

    @property
    def column(self) -> int:
        """The column of the text's first character in the file."""
        return self.columns[0]

    def parse(self) -> Function:
        """Return the function's node, with the lines and columns of `text`."""
        # Within brackets, as a lambda may go over several lines only there.
        tree = ast.parse(f"(\n{self.text}\n)" if self.text.startswith("lambda") else self.text)
        node = tree.body[0]
        if isinstance(node, ast.Expr):
            ast.increment_lineno(node, -1)
            node = node.value
        assert isinstance(node, Function)
        return node

    def line_of_def(self, line: int) -> Location:
        """Return where a line stands as a whole, which counts from 1, the line of the `def`."""
        row = self.def_line - self.first_line + line - 1
        text = self.lines[row]
        start, end = len(text) - len(text.lstrip()), len(text.rstrip())
        return Location(self.filename, self.def_line + line - 1, start, end, self.function, text)

    def locate(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> Location:
        """Return where a node that was parsed from `text` stands; of several lines, the first."""
        row = node.lineno - 1
        line = self.text.splitlines()[row]
        end = node.end_col_offset if node.end_lineno == node.lineno else None
        start = _characters(line, node.col_offset)
        stop = len(line.rstrip()) if end is None else _characters(line, end)
        shift = self.columns[row]
        return Location(
            filename=self.filename,
            line=self.first_line + row,
            column=start + shift,
            end_column=stop + shift,
            function=self.function,
            text=self.lines[row],
        )


def source_of(function: object) -> SourceText:
    """Return the text of a Python function or method: of a lambda the expression, else the `def`.

    Files, notebooks, doctests and whatever else Python's `linecache` knows are searched. Decorators
    belong to the text; a function wrapped by one is not looked for behind the wrapper.

    Raises
    ------
    UnsupportedSyntax
        If there is no text, or if the text found is not what the function was compiled from.
    """
    function = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(function, FunctionType):
        raise UnsupportedSyntax(
            f"codegen_ad cannot see into `{_name(function)}`: it has no Python source "
            "(it is a built-in, a compiled extension or not a function).\n"
            "Compute it outside the function and pass the result in, or give its derivative with "
            "@codegen_ad.custom_derivative."
        )
    code = function.__code__
    lines = _known_lines(function)
    node = _find(code, lines)
    first = min([node.lineno, *(d.lineno for d in _decorators(node))])
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    whole = lines[first - 1 : node.end_lineno]
    text = list(whole)
    if isinstance(node, ast.Lambda):
        text[-1] = text[-1].encode()[: node.end_col_offset].decode()
        column = _characters(text[0], node.col_offset)
        text[0] = text[0][column:]
        columns = (column, *(0 for _ in text[1:]))
    else:
        columns = _indentation(text)
        text = [line[cut:] for line, cut in zip(text, columns, strict=True)]
    return SourceText(
        filename=code.co_filename,
        function=function.__qualname__,
        first_line=first,
        def_line=node.lineno,
        text="".join(text),
        columns=columns,
        lines=tuple(line.rstrip("\r\n") for line in whole),
    )


def code_digest(code: CodeType) -> str:
    """Return a hash of what a code object does: not of its place, its file or its line numbers."""
    parts = hashlib.sha256()
    for part in (
        code.co_name,
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_exceptiontable,
        _constants(code.co_consts),
    ):
        parts.update(repr(part).encode())
        parts.update(b"\0")
    return parts.hexdigest()


def _constants(constants: tuple[object, ...]) -> list[str]:
    texts: list[str] = []
    for value in constants:
        if isinstance(value, CodeType):
            texts.append(f"code {code_digest(value)}")
        elif isinstance(value, tuple):
            texts.append(f"({','.join(_constants(cast('tuple[object, ...]', value)))})")
        elif isinstance(value, frozenset):  # its order changes from process to process
            members = _constants(tuple(cast("frozenset[object]", value)))
            texts.append(f"{{{','.join(sorted(members))}}}")
        else:
            texts.append(repr(value))
    return texts


def lines_around(function: FunctionType) -> list[str]:
    """Return all lines of the file, cell or example that a function comes from, if they are known.

    `inspect` looks for the module of code that was executed in each module that was ever imported.
    """
    filename, names = function.__code__.co_filename, function.__globals__
    linecache.checkcache(filename)
    # A module in an archive is read by its loader, which `linecache` finds among its names.
    lines = linecache.getlines(filename, names if names.get("__file__") == filename else None)
    return lines if function.__code__.co_firstlineno <= len(lines) else []


def _known_lines(function: FunctionType) -> list[str]:
    lines, code = lines_around(function), function.__code__
    if not lines:
        raise UnsupportedSyntax(
            f"codegen_ad cannot see into `{code.co_name}`: it has no Python source "
            f"({_why_missing(code.co_filename)}).\n"
            "Write the function in a file, or in a notebook cell, and import it from there."
        )
    return lines


def _why_missing(filename: str) -> str:
    if filename == "<stdin>":
        return "it was typed at the prompt or read from standard input, which Python does not keep"
    if filename.startswith("<"):
        return f"it was made by exec or by another tool, from {filename}"
    return f"{filename} cannot be read"


def _find(code: CodeType, lines: list[str]) -> Function:
    """Return the node that a code object was compiled from, or refuse if the text is another."""
    flags = (code.co_flags & _FUTURE) | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        functions, module = _parsed("".join(lines), code.co_filename, flags)
    except (SyntaxError, ValueError) as error:
        raise _changed(code) from error
    nodes = [node for node in functions if _stands_at(node, code)]
    alone = [_alone(node, code.co_filename, flags) for node in nodes]
    units = [module, *(unit for unit in alone if unit is not None)]
    # pytest rewrites `assert`, so that only the place can be compared.
    known = _REWRITTEN in code.co_names or code_digest(code) in {
        code_digest(other)
        for unit in units
        for other in _codes(unit)
        if other.co_firstlineno == code.co_firstlineno
    }
    if not known or not nodes:
        raise _changed(code)
    if len(nodes) > 1:  # several lambdas begin on this line
        nodes = [node for node in nodes if _is_body(node, code)]
    if len(nodes) != 1:
        raise UnsupportedSyntax(
            f"codegen_ad cannot tell which of the functions on line {code.co_firstlineno} of "
            f"{code.co_filename} is meant.\nWrite each on a line of its own."
        )
    return nodes[0]


@lru_cache(maxsize=4)  # a function and what it calls stand in few files
def _parsed(text: str, filename: str, flags: int) -> tuple[tuple[Function, ...], CodeType]:
    """Return the functions in a file, which nobody changes, and the code of all of it."""
    tree = _compile(text, filename, flags | ast.PyCF_ONLY_AST)
    module = _compile(text, filename, flags)
    assert isinstance(tree, ast.Module)
    assert isinstance(module, CodeType)
    return tuple(node for node in ast.walk(tree) if isinstance(node, Function)), module


def _alone(node: Function, filename: str, flags: int) -> CodeType | None:
    """Return the code of one statement: cells are compiled apart from the imports they rely on.

    Python 3.11 compiles `np.exp(x)` differently where it has seen `import numpy as np`. None where
    a statement can't stand alone: its `nonlocal` names are of the function around it.
    """
    statement = node if isinstance(node, ast.stmt) else ast.Expr(node)
    unit = ast.fix_missing_locations(ast.Module([ast.copy_location(statement, node)], []))
    try:
        return cast("CodeType", _compile(unit, filename, flags))
    except SyntaxError:
        return None


def _compile(text: str | ast.Module, filename: str, flags: int) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # seen when the file was imported
        return compile(text, filename, "exec", flags, dont_inherit=True)


def _changed(code: CodeType) -> UnsupportedSyntax:
    return UnsupportedSyntax(
        f"codegen_ad cannot see into `{code.co_name}`: line {code.co_firstlineno} of "
        f"{code.co_filename} is not what this function was compiled from (the file was changed "
        "after it was imported, or an import hook rewrote it).\n"
        "Import the module again, or restart Python."
    )


def _feature_flags() -> set[int]:
    return {int(getattr(__future__, n).compiler_flag) for n in __future__.all_feature_names}


_REWRITTEN = "@pytest_ar"
_FUTURE = sum(_feature_flags())


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _stands_at(node: Function, code: CodeType) -> bool:
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    first = min([node.lineno, *(d.lineno for d in _decorators(node))])
    return name == code.co_name and first == code.co_firstlineno


def _is_body(node: Function, code: CodeType) -> bool:
    """Tell whether an instruction of the code spans the whole body of a lambda: its return does."""
    if not isinstance(node, ast.Lambda):
        return False
    b = node.body
    return (b.lineno, b.end_lineno, b.col_offset, b.end_col_offset) in set(code.co_positions())


def _decorators(node: Function) -> list[ast.expr]:
    return [] if isinstance(node, ast.Lambda) else node.decorator_list


def _indentation(lines: list[str]) -> tuple[int, ...]:
    """Return how many characters to take off each line; lines within a string stay as they are."""
    first = lines[0]
    margin = first[: len(first) - len(first.lstrip())]
    kept: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
        if tokenize.tok_name[token.type] in {"STRING", "FSTRING_MIDDLE"}:
            kept.update(range(token.start[0] + 1, token.end[0] + 1))
    return tuple(0 if row in kept else _common(line, margin) for row, line in enumerate(lines, 1))


def _common(line: str, margin: str) -> int:
    """Return how many characters of the margin a line begins with."""
    return next((i for i, c in enumerate(margin) if line[i : i + 1] != c), len(margin))


def _characters(line: str, offset: int) -> int:
    """Return the column in characters of an offset in UTF-8 bytes, which is what `ast` counts."""
    return len(line.encode()[:offset].decode())


def _name(function: object) -> str:
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__qualname__
