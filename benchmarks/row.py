"""One row in a process of its own, so that its memory is its own: `python -m benchmarks.row KEY`.

The section goes to standard output as JSON.
"""

import argparse
import importlib
import json
import sys
from dataclasses import asdict

from benchmarks.report import Section
from benchmarks.timing import use_threads

JOBS = {
    "fit": "polynomial",
    "overhead": "overhead",
    "startup": "startup",
    "bundle-jacobian": "blocks",
    "growth": "growth",
    "many-fits": "many_fits",
}
"""Rows with a module of their own."""


def section(key: str, *, quick: bool) -> Section:
    """The measured section of a key."""
    if key in JOBS:
        use_threads(1)
        found = importlib.import_module(f"benchmarks.{JOBS[key]}").measure(quick=quick)
        return Section(found.title, found.rows, key, found.facts)
    use_threads(2 if key.endswith("-two") else 1)  # before anything with threads is imported
    from benchmarks.measure import measure
    from benchmarks.table import asked

    (workload,) = asked(key)
    return measure(workload, quick=quick)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.row", description=__doc__)
    parser.add_argument("key")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    json.dump(asdict(section(options.key, quick=options.quick)), sys.stdout)


if __name__ == "__main__":
    main()
