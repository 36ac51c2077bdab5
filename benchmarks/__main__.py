"""Measure everything, print one table, keep it as JSON under benchmarks/results/.

Each row runs in a process of its own, and is kept as soon as it is there. A row that fails, or
takes too long, is named in the table, and the others go on.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.report import Row, Section
from benchmarks.row import JOBS
from benchmarks.table import WORKLOADS, asked

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 600
"""Seconds that a row may take."""

KEYS = ("fit", *(w.key for w in WORKLOADS), *(key for key in JOBS if key != "fit"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="ROWS", help="some rows, or beginnings of rows: gmm,lstm")
    parser.add_argument("--list", action="store_true", help="print what rows there are")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller measurements")
    parser.add_argument("--resume", action="store_true", help="leave out rows that NAME has")
    parser.add_argument("--name", help="name of the JSON file; a whole run is kept as `latest`")
    options = parser.parse_args()
    if options.list:
        print("\n".join(KEYS))
        return 0
    keys = KEYS
    if options.only:
        keys = tuple(key for word in options.only.split(",") for key in _keys(word, parser))
    name = options.name or (None if options.only or options.quick else "latest")
    merged = name is not None and (options.only or options.resume)
    found = {s.key: s for s in (report.read(name) if merged else [])}
    if options.resume:
        keys = tuple(key for key in keys if key not in found or _failed(found[key]))
    failed = False
    for key in keys:
        section = _measured(key, quick=options.quick)
        failed |= _failed(section)
        found[key] = section
        print(report.text([section]), flush=True)
        if name is not None:
            file = report.write(_ordered(found), name)
    if len(keys) > 1 or options.resume:
        print(f"\n{report.text(_ordered(found))}")
    if name is not None and keys:
        print(f"\nkept in {file}")
    return int(failed)


def _keys(word: str, parser: argparse.ArgumentParser) -> list[str]:
    """The rows that a word asks for."""
    found = [word] if word in JOBS else [w.key for w in asked(word)]
    if not found:
        parser.error(f"there is no row {word}; --list names them")
    return found


def _ordered(found: dict[str, Section]) -> list[Section]:
    sections = [found[key] for key in KEYS if key in found]
    return [*sections, *report.ratios(sections)]


def _failed(section: Section) -> bool:
    return any(row.name == "failed" for row in section.rows)


def _measured(key: str, *, quick: bool) -> Section:
    """A row's section, from its own process."""
    command = [sys.executable, "-m", "benchmarks.row", key, *(["--quick"] if quick else [])]
    try:
        run = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        return Section(key, (Row("failed", None, "", note=f"took over {LONGEST} s"),), key)
    if run.returncode != 0:
        print(run.stderr, file=sys.stderr)
        reason = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        return Section(key, (Row("failed", None, "", note=reason[:200]),), key)
    return report.section_of(json.loads(run.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main())
