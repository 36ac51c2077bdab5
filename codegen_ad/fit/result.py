"""What a fit gives back: SciPy's fields, the trace, and a table that people can read.

This room only keeps and prints. `rich` is imported when a terminal of its kind asks for a table.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from html import escape
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rich.table import Table

LARGE = 12
"""Arrays of more elements are shown by their shape and range."""


class Report(ABC, Mapping[str, Any]):
    """A result of named fields, which is a mapping of them too, and prints as a table."""

    __slots__ = ()

    @abstractmethod
    def title(self) -> str:
        """The headline."""

    @abstractmethod
    def rows(self) -> list[tuple[str, str]]:
        """What the table shows, line by line."""

    def __getitem__(self, key: str) -> Any:
        if key not in list(self):
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(cast("Any", self)))

    def __len__(self) -> int:
        return len(fields(cast("Any", self)))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        """The table as plain text."""
        rows = self.rows()
        width = max(len(label) for label, _ in rows)
        lines = [self.title(), *(f"  {label:<{width}}  {text}" for label, text in rows)]
        return "\n".join(lines)

    def __rich__(self) -> Table:
        """The table for a terminal."""
        from rich.box import SIMPLE
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self.title(), title_justify="left", box=SIMPLE, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for label, text in self.rows():
            table.add_row(Text(label), Text(text))
        return table

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        rows = "".join(
            f'<tr><th style="text-align: left">{escape(label)}</th>'
            f'<td style="text-align: left"><code>{escape(text)}</code></td></tr>'
            for label, text in self.rows()
        )
        return f"<table><caption>{escape(self.title())}</caption><tbody>{rows}</tbody></table>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FitResult(Report):
    """The result of a fit; `result.x` and `result["x"]` are the same.

    Attributes
    ----------
    x : the best parameters found, in the structure in which the first guess was given.
    fun : the loss at `x`.
    jac : the gradient at `x`, in the structure of `x`.
    nit : the number of steps taken.
    nfev : how often the loss and its gradient were computed.
    status : why the fit ended: 0 converged, 1 all steps taken, 2 stopped, 3 not finite.
    message : the same in words.
    success : whether the fit did what was asked of it.
    trace : the loss before each step, or None if it was not asked for.
    seconds : how long the fit ran.
    method : the name of the method.
    """

    x: Any
    fun: float
    jac: Any
    nit: int
    nfev: int
    status: int
    message: str
    success: bool
    trace: NDArray[np.float64] | None
    seconds: float
    method: str

    def title(self) -> str:
        """The headline."""
        return f"Fit by {self.method}: {'succeeded' if self.success else 'did not succeed'}"

    def rows(self) -> list[tuple[str, str]]:
        """What the table shows, line by line."""
        rows = [("message", self.message), ("fun", number(self.fun))]
        rows += leaf_texts("x", self.x)
        rows += leaf_texts("jac", self.jac)
        rows += [("nit", str(self.nit)), ("nfev", str(self.nfev)), ("status", str(self.status))]
        if self.trace is not None and len(self.trace):
            first, last = number(self.trace[0]), number(self.trace[-1])
            rows.append(("trace", f"{len(self.trace)} values, from {first} to {last}"))
        rows.append(("seconds", f"{self.seconds:.3g}{_each(self)}"))
        return rows


def _each(result: FitResult) -> str:
    if not result.nit:
        return ""
    return f" ({1e6 * result.seconds / result.nit:.3g} µs a step)"


def leaf_texts(label: str, value: object) -> list[tuple[str, str]]:
    """Every array in a structure as a short text, with the expression that reaches it."""
    return [(reached, _array(leaf)) for reached, leaf in _leaves(label, value)]


def _leaves(label: str, value: object) -> Iterator[tuple[str, object]]:
    """Every array in a structure, with the expression that reaches it."""
    for access, item in _children(value):
        yield from _leaves(label + access, item)
    if not _is_structure(value):
        yield label, value


def _is_structure(value: object) -> bool:
    return isinstance(value, Mapping | tuple | list) or is_dataclass(value)


def _children(value: object) -> Iterator[tuple[str, object]]:
    names: tuple[str, ...] | None = getattr(value, "_fields", None)  # of a named tuple
    if is_dataclass(value):
        names = tuple(field.name for field in fields(value))
    if names is not None:
        yield from ((f".{name}", getattr(value, name)) for name in names)
    elif isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        yield from ((f"[{key!r}]", item) for key, item in items)
    elif isinstance(value, tuple | list):
        items = enumerate(cast("Sequence[object]", value))
        yield from ((f"[{i}]", item) for i, item in items)


def number(value: float) -> str:
    """A number with eight digits."""
    return f"{value:.8g}"


def _array(value: Any) -> str:
    """A short text on one line; of a large array, its shape and what its numbers lie between."""
    if value is None:
        return "None"
    array = np.asarray(value)
    if array.ndim == 0:
        return number(float(array))
    if array.size > LARGE:
        low, high = number(array.min()), number(array.max())
        return f"array of shape {array.shape}, from {low} to {high}"
    return _nested(array.tolist())


def _nested(value: list[Any] | float) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return number(value)
