"""What a profile shows: a table in three forms, and a trace for a browser."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

MEANING = (
    "(b) Each operation alone, in NumPy, unfused: it shows where the arithmetic is. "
    "The kernel above does not run like this."
)
COLUMNS = (
    "operation",
    "line",
    "self %",
    "self",
    "forward",
    "gradient",
    "total",
    "calls",
    "average",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One operation of the user's function: all its uses on one line. Times are seconds of one run.

    Attributes
    ----------
    name : the operation, as NumPy calls it.
    line : the line, counted from the `def`; 0 where none is known.
    source : the statement.
    self_time : time spent in it, less that of operations inside (for loops and branches).
    forward, gradient : the parts of `self_time` that compute the value and its derivative.
    total_time : time spent in it and in all that is inside.
    calls : how often it was run, in the value and in the gradient.
    share : the part of the whole program's time, 0 to 1.
    """

    name: str
    line: int
    source: str
    self_time: float
    forward: float
    gradient: float
    total_time: float
    calls: int
    share: float

    @property
    def average(self) -> float:
        """`total_time` for one call."""
        return self.total_time / self.calls


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a compiled kernel takes, in seconds: the fastest run, and the middle one."""

    name: str
    best: float
    median: float
    runs: int


@dataclass(frozen=True, slots=True)
class Event:
    """One operation in one run of the program; times are seconds from the run's beginning."""

    name: str
    line: int
    source: str
    operation: str
    type: str
    is_gradient: bool
    start: float
    seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class Profile:
    """The two measurements of `profile`.

    Attributes
    ----------
    function : the function's name.
    kernels : (a) the compiled kernels, value and gradient first.
    rows : (b) the operations, the most expensive first.
    runs : how often the program was run for (b).
    events : one run of (b), operation by operation.
    """

    function: str
    kernels: tuple[Timing, ...]
    rows: tuple[Row, ...]
    runs: int
    events: tuple[Event, ...]

    def __repr__(self) -> str:
        """Both measurements as plain text."""
        cells = [COLUMNS, *map(_cells, self.rows)]
        widths = [max(len(row[k]) for row in cells) for k in range(len(COLUMNS))]
        lines = [*self._head(), MEANING, ""]
        for number, row in enumerate(cells):
            padded = [c.ljust(w) if k == 0 else c.rjust(w)
                      for k, (c, w) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
            lines.append("  ".join(padded).rstrip())
            if not number:
                lines.append("  ".join("-" * w for w in widths))
        return "\n".join([*lines, self._foot()])

    def __rich__(self) -> Table:
        """The table for a terminal."""
        from rich.box import SIMPLE
        from rich.table import Table
        from rich.text import Text

        title = "\n".join([*self._head(), MEANING])
        table = Table(title=Text(title), title_justify="left", box=SIMPLE, pad_edge=False)
        table.caption, table.padding = self._foot(), (0, 1, 0, 0)
        for number, column in enumerate(COLUMNS):
            table.add_column(column, justify="right" if number else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*map(Text, _cells(row)))
        return table

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        head = "".join(f"<th>{escape(c)}</th>" for c in COLUMNS)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in _cells(row))}</tr>" for row in self.rows
        )
        above = "".join(f"<p>{escape(line)}</p>" for line in (*self._head(), MEANING))
        below = f"<caption>{escape(self._foot())}</caption>"
        return f"{above}<table>{below}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write one run of (b) as JSON that chrome://tracing and https://ui.perfetto.dev open.

        The compiled kernels stand on a row of their own, by their median time, for comparison.
        """
        rows = {1: "(b) program in NumPy, unfused", 2: "(a) compiled kernels, median"}
        events: list[dict[str, Any]] = [
            {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": self.function}}
        ]
        for row, name in rows.items():
            events.append(
                {"ph": "M", "name": "thread_name", "pid": 1, "tid": row, "args": {"name": name}}
            )
        events += map(_trace_event, sorted(self.events, key=lambda e: (e.start, -e.seconds)))
        begin = 0.0
        for timing in self.kernels:
            events.append(_complete(timing.name, "kernel", 2, begin, timing.median, {}))
            begin += timing.median
        whole = {"traceEvents": events, "displayTimeUnit": "ns"}
        Path(path).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")

    def _head(self) -> list[str]:
        timings = ", ".join(
            f"{t.name} {_seconds(t.median)} (fastest {_seconds(t.best)}, {t.runs} runs)"
            for t in self.kernels
        )
        return [f"Profile of {self.function}", f"(a) Compiled and fused: {timings}"]

    def _foot(self) -> str:
        total = sum(row.self_time for row in self.rows)
        return f"All operations: {_seconds(total)}, averaged over {self.runs} runs"


def _trace_event(event: Event) -> dict[str, Any]:
    more = {"line": event.line, "source": event.source, "op": event.operation, "type": event.type}
    part = "gradient" if event.is_gradient else "forward"
    return _complete(event.name, part, 1, event.start, event.seconds, more)


def _complete(
    name: str, category: str, row: int, start: float, seconds: float, more: dict[str, Any]
) -> dict[str, Any]:
    """A "complete event" of the trace format; its times are microseconds."""
    times = {"ts": round(1e6 * start, 3), "dur": round(1e6 * seconds, 3)}
    return {"ph": "X", "name": name, "cat": category, "pid": 1, "tid": row, **times, "args": more}


def _cells(row: Row) -> tuple[str, ...]:
    times = (row.self_time, row.forward, row.gradient, row.total_time)
    line = str(row.line) if row.line else "-"
    shown = [_seconds(t) if t else "-" for t in times]
    return (row.name, line, f"{100 * row.share:.1f}", *shown, str(row.calls), _seconds(row.average))


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.3g} s"
    return f"{1e3 * value:.3g} ms" if value >= 1e-3 else f"{1e6 * value:.3g} µs"
