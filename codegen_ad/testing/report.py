"""What a check found: rows, and the table they print as."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import isnan, nan

OK, FAIL, UNSURE, SKIPPED = "ok", "FAIL", "unsure", "skipped"
COLUMNS = ("what", "where", "expected", "found", "difference", "tolerance", "verdict")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes
    ----------
    what : what is compared: "value", "value with derivative" (from the kernel that computes both),
        "derivative (complex step)", "derivative (differences)" or "forward and reverse".
    where : the result, or the element or direction of a parameter.
    expected : from the plain function, or from the other direction of differentiation.
    found : from the compiled derivative.
    difference, tolerance : absolute numbers.
    verdict : "ok" or "FAIL"; "unsure" where the plain function gives no usable derivative to
        compare with; "skipped" where there is nothing to compare.
    """

    what: str
    where: str
    expected: float
    found: float
    difference: float
    tolerance: float
    verdict: str


@dataclass(frozen=True, slots=True, repr=False)
class CheckReport:
    """What a check found; it prints as a table.

    Attributes
    ----------
    function : the function's name.
    rows : the comparisons, in order.
    """

    function: str
    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether no comparison failed."""
        return all(row.verdict != FAIL for row in self.rows)

    def __repr__(self) -> str:
        """The table as plain text."""
        cells = [COLUMNS, *map(_cells, self.rows)]
        widths = [max(len(row[k]) for row in cells) for k in range(len(COLUMNS))]
        cells.insert(1, tuple("-" * w for w in widths))
        lines = [self._head()]
        for row in cells:
            padded = [
                c.rjust(w) if 2 <= k <= 5 else c.ljust(w)
                for k, (c, w) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(padded).rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        head = "".join(f"<th>{c}</th>" for c in COLUMNS)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in _cells(row))}</tr>" for row in self.rows
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<p>{escape(self._head())}</p>{table}"

    def _head(self) -> str:
        counts = {v: sum(r.verdict == v for r in self.rows) for v in (OK, FAIL, UNSURE, SKIPPED)}
        shown = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n)
        return f"Check of {self.function}: {shown}"


def compared(
    what: str, where: str, expected: float, found: float, tolerance: float, *, known: bool = True
) -> Row:
    """The row of two numbers; without a verdict where the expected one is not `known`."""
    same = expected == found or (isnan(expected) and isnan(found))
    difference = 0.0 if same else abs(expected - found)
    agrees = OK if difference <= tolerance else FAIL
    verdict = agrees if known else UNSURE
    return Row(what, where, expected, found, difference, tolerance, verdict)


def skipped(what: str, where: str) -> Row:
    """The row of a comparison for which there is nothing to compare with."""
    return Row(what, where, nan, nan, nan, nan, SKIPPED)


def _cells(row: Row) -> tuple[str, ...]:
    if row.verdict == SKIPPED:
        return (row.what, row.where, "-", "-", "-", "-", row.verdict)
    numbers = (f"{row.expected:.8g}", f"{row.found:.8g}")
    small = (f"{row.difference:.1e}", f"{row.tolerance:.1e}")
    return (row.what, row.where, *numbers, *small, row.verdict)
