"""Try random programs for a while: `python -m tests.property --minutes 30`.

Prints what became of them, and the seed and text of each one that failed.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
import traceback
import warnings
from collections import Counter

_NAME = re.compile(r"\b[a-z][0-9]+w?\b")


def main() -> int:
    """Run until the time is over; 1 if any program failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.property", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 * 1000)
    parser.add_argument("--statements", type=int, default=5, help="length of a program")
    parser.add_argument(
        "--compile-every", type=int, default=25, help="how often numba compiles one"
    )
    parser.add_argument("--narrow", action="store_true", help="only arithmetic, loops and views")
    parser.add_argument("--small", action="store_true", help="loops over arrays of two elements")
    given = parser.parse_args()
    os.environ["CODEGEN_AD_CHECK"] = "1"
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CODEGEN_AD_CACHE"] = folder
        return _try_small(given) if given.small else _try(given)


def _try(given: argparse.Namespace) -> int:
    from tests.property.running import depth_of, run, size_of, text_of

    seed, statements = given.seed, given.statements
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    examples: dict[str, int] = {}
    end = time.monotonic() + 60 * given.minutes
    while time.monotonic() < end:
        seed += 1
        text = text_of(seed, statements, wide=not given.narrow)
        depth = depth_of(seed, given.compile_every)
        outcomes["compiled"] += depth.compiled
        try:
            outcome = run(text, size_of(seed), seed, depth)
        except Exception:
            outcomes["failed"] += 1
            print(f"seed {seed}, {statements} statements, {depth}, size {size_of(seed)}")
            print(text[text.index("def f(") :])
            print(traceback.format_exc(limit=-1), flush=True)
            continue
        outcomes[outcome.kind] += 1
        if outcome.kind != "same":
            reason = f"{outcome.kind}: {_NAME.sub('v', outcome.why.splitlines()[0])[:150]}"
            reasons[reason] += 1
            examples.setdefault(reason, seed)
    tried = outcomes.total() - outcomes["compiled"]
    print(f"{tried} programs: {dict(sorted(outcomes.items()))}")
    for reason, count in reasons.most_common():
        print(f"  {count} times, as seed {examples[reason]}, {reason}")
    return 1 if outcomes["failed"] else 0


def _try_small(given: argparse.Namespace) -> int:
    from tests.property import small_arrays

    seed, failed = given.seed, 0
    end = time.monotonic() + 60 * given.minutes
    while time.monotonic() < end:
        seed += 1
        text = small_arrays.text_of(seed)
        try:
            small_arrays.run(text, seed)
        except Exception:
            failed += 1
            print(f"seed {seed}\n{text}\n{traceback.format_exc(limit=-1)}", flush=True)
    print(f"{seed - given.seed} programs: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
