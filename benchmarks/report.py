"""Rows of the table, as text and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("numpy", "numba", "llvmlite", "scipy", "jax", "torch")


@dataclass(frozen=True)
class Row:
    """One thing measured.

    Attributes
    ----------
    value : the time, or None where a library is not installed.
    ratio : the time divided by that of codegen_ad.
    target : what it should be, and whether it is: None where there is no target.
    """

    name: str
    value: float | None
    unit: str
    ratio: float | None = None
    note: str = ""
    target: str = ""
    reached: bool | None = None


@dataclass(frozen=True)
class Section:
    """One job, done by several."""

    title: str
    rows: tuple[Row, ...]


def absent(name: str) -> Row:
    """The row of a library that is not there."""
    return Row(name, None, "", note="not installed")


def text(sections: Sequence[Section]) -> str:
    """The table."""
    lines = [f"{'':44}{'time':>14}{'ratio':>9}  "]
    for section in sections:
        lines += ["", section.title]
        lines += [_line(row) for row in section.rows]
    return "\n".join(line.rstrip() for line in lines)


def _line(row: Row) -> str:
    value = "" if row.value is None else f"{row.value:.4g} {row.unit:2}"
    ratio = (
        "" if row.ratio is None else f"{row.ratio:.2f}" if row.ratio < 10 else f"{row.ratio:.0f}"
    )
    verdict = "" if row.reached is None else f"{row.target}: {'yes' if row.reached else 'NO'}"
    remarks = "; ".join(r for r in (row.note, verdict) if r)
    return f"  {row.name:42}{value:>14}{ratio:>9}  {remarks}"


def machine() -> dict[str, object]:
    """What the numbers were measured on and with."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def write(sections: Sequence[Section], name: str) -> Path:
    """Keep the numbers as JSON, and the table beside them; returns the JSON file."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    content = {"machine": machine(), "sections": [asdict(s) for s in sections]}
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    file.with_suffix(".txt").write_text(text(sections) + "\n", encoding="utf-8")
    return file
