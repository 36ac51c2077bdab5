"""Measure everything, print one table, keep it as JSON under benchmarks/results/."""

import argparse
import importlib

from benchmarks import report
from benchmarks.timing import use_one_thread

JOBS = {"fit": "polynomial", "peak": "peak", "overhead": "overhead", "startup": "startup"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("jobs", nargs="*", metavar="job", help=f"some of: {', '.join(JOBS)}")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller measurements")
    parser.add_argument("--name", help="name of the JSON file; all jobs are kept as `latest`")
    options = parser.parse_args()
    if unknown := set(options.jobs) - JOBS.keys():
        parser.error(f"there is no job {', '.join(sorted(unknown))}")
    use_one_thread()
    sections = []
    for job in options.jobs or JOBS:
        module = importlib.import_module(f"benchmarks.{JOBS[job]}")
        sections.append(module.measure(quick=options.quick))
    print(report.text(sections))
    name = options.name or (None if options.jobs or options.quick else "latest")
    if name is not None:
        print(f"\nkept in {report.write(sections, name)}")


if __name__ == "__main__":
    main()
