"""Calls of linear algebra as lines of Python: which function it is, and what it says if it fails.

The functions stand in the generated file itself; `backends/matrix_functions.py` has their text.
Those that can fail return last whether they did; what is raised then names the user's line.
"""

from __future__ import annotations

from dataclasses import dataclass

from codegen_ad.emit.breaking import INDENT, called
from codegen_ad.emit.spell import spell_element, spell_text
from codegen_ad.ir.dims import Dim
from codegen_ad.plan.kernel import Kernel, LibraryCall, Note, walk
from codegen_ad.plan.library import UNREAD


@dataclass(frozen=True, slots=True)
class MatrixFunction:
    """A function of the generated file, and why it can fail; None for one that can't.

    `arrays` says that one that can't fail gives arrays, which stacks of matrices are filled with.
    """

    name: str
    failure: str | None
    arrays: bool = False


_SINGULAR = "a matrix is singular"
_NOT_FINITE = "a matrix is not finite"
_DIVERGED = "a matrix is not finite, or LAPACK did not converge"

FUNCTIONS = {
    "lu": MatrixFunction("matrix_lu", None, arrays=True),
    "lu_solve": MatrixFunction("matrix_lu_solve", _SINGULAR),
    "lu_det": MatrixFunction("matrix_lu_det", None),
    "lu_slogdet": MatrixFunction("matrix_lu_slogdet", None),
    "cofactors": MatrixFunction("matrix_cofactors", None, arrays=True),
    "cholesky": MatrixFunction("matrix_cholesky", "a matrix is not positive definite"),
    "solve_triangular": MatrixFunction("matrix_solve_triangular", "a triangle is singular"),
    "qr": MatrixFunction("matrix_qr", _DIVERGED),
    "eigh": MatrixFunction("matrix_eigh", _DIVERGED),
    "svd": MatrixFunction("matrix_svd", _DIVERGED),
    "pinv": MatrixFunction("matrix_pinv", _DIVERGED),
    "lstsq": MatrixFunction("matrix_lstsq", _DIVERGED),
    "expm": MatrixFunction("matrix_exponential", _NOT_FINITE),
    "dft": MatrixFunction("dft", None),
    "inverse_dft": MatrixFunction("inverse_dft", None),
    "expm_frechet": MatrixFunction("matrix_exponential_derivative", _NOT_FINITE),
}


def matrix_call(call: LibraryCall, line: str, room: int) -> list[str]:
    """The lines of a call that fit into `room` columns, the first one not indented.

    `line` says which line of the user's it is.
    """
    function = FUNCTIONS[call.function]
    arguments = [place(a, call.at) for a in call.arguments]
    arguments += [_literal(option) for option in call.options]
    results = [place(r, call.at) for r in call.results]
    if function.failure is None and call.at and function.arrays:
        return [*called(f"found = {function.name}", arguments, room), *_puts(results)]
    if function.failure is None:
        return called(f"{', '.join(results)} = {function.name}", arguments, room)
    message = _message(function.failure, call.note, line, room - 2 * len(INDENT) - 2)
    error = called("raise np.linalg.LinAlgError", [spell_text(message)], room - len(INDENT))
    if not call.at:
        targets, failed, puts = [*results, "failed"], "failed", []
    else:
        targets, failed = ["found"], f"found[{len(results)}]"
        puts = [f"matrix_put({r}, found[{k}])" for k, r in enumerate(results) if r != UNREAD]
    return [
        *called(f"{', '.join(targets)} = {function.name}", arguments, room),
        *puts,
        f"if {failed}:",
        *(INDENT + text for text in error),
    ]


def _puts(results: list[str]) -> list[str]:
    """The lines that put what was found, one array or several, into their places."""
    if len(results) == 1:
        return [f"matrix_put({results[0]}, found)"]
    return [f"matrix_put({r}, found[{k}])" for k, r in enumerate(results) if r != UNREAD]


def _literal(option: bool | float) -> str:
    """A parameter: numba compiles a function again for each `True` and `False` it is given."""
    return f"np.{option}_" if isinstance(option, bool) else repr(option)


def place(buffer: str, at: tuple[Dim, ...]) -> str:
    """A matrix, or the one of a stack that stands at these indices."""
    return spell_element(buffer, at) if at and buffer != UNREAD else buffer


def _message(failure: str, note: Note, line: str, room: int) -> str:
    """What the user reads: the line, the reason, and the statement as far as there is room."""
    if note.origin is None:
        return failure
    gradient = ", in the gradient of" if note.gradient else ""
    text = f"{line}: {failure}{gradient}: {note.origin.text}"
    marks = sum(text.count(c) for c in "'\"\\")
    return text if len(text) + marks <= room else text[: room - marks - 1].rstrip() + "…"


def needs_lapack(kernel: Kernel) -> bool:
    """Whether the kernel calls a function of matrices."""
    calls = (s.function for s in walk(kernel.body) if isinstance(s, LibraryCall))
    return any(function in FUNCTIONS for function in calls)
