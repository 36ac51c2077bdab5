"""Rows of the table, as text and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("numpy", "numba", "llvmlite", "scipy", "jax", "torch", "autograd")


@dataclass(frozen=True)
class Row:
    """One thing measured.

    Attributes
    ----------
    value : the time, or None where a library is not installed.
    ratio : the time divided by that of codegen_ad.
    target : what it should be, and whether it is: None where there is no target.
    memory : bytes that a call takes at most beside its arguments, if that was measured.
    """

    name: str
    value: float | None
    unit: str
    ratio: float | None = None
    note: str = ""
    target: str = ""
    reached: bool | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Facts:
    """What else is known of a workload.

    Attributes
    ----------
    ratio : time of value and gradient, divided by that of the value.
    limit : what the ratio is to be at most.
    compile_seconds : of the first call in a process that finds nothing on disk.
    lines, bytes : size of the generated file.
    process_bytes : memory of the whole process at most, with all peers in it.
    """

    ratio: float
    limit: float
    compile_seconds: float
    lines: int
    bytes: int
    process_bytes: int


@dataclass(frozen=True)
class Section:
    """One job, done by several."""

    title: str
    rows: tuple[Row, ...]
    key: str = ""
    facts: Facts | None = None


def absent(name: str) -> Row:
    """The row of a library that is not there."""
    return Row(name, None, "", note="not installed")


def text(sections: Sequence[Section]) -> str:
    """The table."""
    wide = any(row.memory is not None for section in sections for row in section.rows)
    lines = [f"{'':44}{'time':>14}{'ratio':>9}{'memory' if wide else '':>11}"]
    for section in sections:
        lines += ["", section.title]
        lines += [_line(row, wide) for row in section.rows]
        if section.facts is not None:
            lines.append(f"  {_facts(section.facts)}")
    return "\n".join(line.rstrip() for line in lines)


def _line(row: Row, wide: bool) -> str:
    value = "" if row.value is None else f"{row.value:.4g} {row.unit:2}"
    ratio = (
        "" if row.ratio is None else f"{row.ratio:.2f}" if row.ratio < 10 else f"{row.ratio:.0f}"
    )
    memory = "" if row.memory is None else _bytes(row.memory)
    verdict = "" if row.reached is None else f"{row.target}: {'yes' if row.reached else 'NO'}"
    remarks = "; ".join(r for r in (row.note, verdict) if r)
    column = f"{memory:>11}" if wide else ""
    return f"  {row.name:42}{value:>14}{ratio:>9}{column}  {remarks}"


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.0f} kB"


def _facts(facts: Facts) -> str:
    verdict = "yes" if facts.ratio <= facts.limit else "NO"
    return (
        f"gradient / value {facts.ratio:.2f}, at most {facts.limit:g}: {verdict}; "
        f"compiled in {facts.compile_seconds:.1f} s; {facts.lines} lines, "
        f"{facts.bytes / 1000:.1f} kB; process {facts.process_bytes / 1e6:.0f} MB"
    )


def ratios(sections: Sequence[Section]) -> list[Section]:
    """What gradients cost relative to values, over all sections that know it."""
    rows = []
    for section in sections:
        if (facts := section.facts) is not None:
            good = facts.ratio <= facts.limit
            target = f"at most {facts.limit:g}"
            rows.append(Row(section.key, None, "", facts.ratio, "", target, good))
    return [Section("Value and gradient, relative to the value", tuple(rows))] if rows else []


def section_of(content: dict[str, Any]) -> Section:
    """A section that was kept as JSON."""
    facts = content.get("facts")
    return Section(
        content["title"],
        tuple(Row(**row) for row in content["rows"]),
        content.get("key", ""),
        None if facts is None else Facts(**facts),
    )


def read(name: str) -> list[Section]:
    """The sections that a file of results holds; none if there is no such file."""
    file = RESULTS / f"{name}.json"
    if not file.exists():
        return []
    kept = json.loads(file.read_text(encoding="utf-8"))["sections"]
    return [section_of(content) for content in kept if content.get("key")]


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
