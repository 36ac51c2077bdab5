"""Try random programs for a while: `python -m tests.property --minutes 30`.

Prints what became of them, and the seed and text of each one that failed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.property.trials import Trial, Trials

KINDS = {
    "narrow": "only arithmetic, loops and views",
    "rows": "rows of data with inner sizes",
    "small": "loops over arrays of two elements",
    "meetings": "steps in which rows meet others",
}
_NAME = re.compile(r"\b[a-z][0-9]+w?\b")


def main() -> int:
    """Run until the time is over; 1 if any program failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.property", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long one may take")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 * 1000)
    parser.add_argument("--statements", type=int, default=5, help="length of a program")
    parser.add_argument(
        "--compile-every", type=int, default=25, help="how often numba compiles one"
    )
    parser.add_argument(
        "--simulate-every", type=int, default=2, help="how often kernels for a GPU are run, too"
    )
    parser.set_defaults(kind="wide")
    for kind, what in KINDS.items():
        parser.add_argument(f"--{kind}", action="store_const", const=kind, dest="kind", help=what)
    parser.add_argument("--vectors", action="store_true", help="wide ones that give arrays")
    parser.add_argument("--only", type=int, nargs="+", metavar="SEED", help="these, again")
    parser.add_argument("--shrink", action="store_true", help="make what fails smaller")
    given = parser.parse_args()
    os.environ["CODEGEN_AD_CHECK"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CODEGEN_AD_CACHE"] = folder
        return _try(given)


def _try(given: argparse.Namespace) -> int:
    from tests.property.running import depth_of
    from tests.property.shrinking import way_of
    from tests.property.trials import Trial, Trials

    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    simulated: Counter[str] = Counter()
    examples: dict[str, int] = {}
    trials, seed = Trials(given.seconds), given.seed
    for seed in _seeds(given):
        depth = depth_of(seed, given.compile_every)
        if given.vectors and not depth.vector:
            continue
        outcomes["compiled"] += depth.compiled
        trial = Trial(seed, given.statements, given.compile_every, given.kind, given.simulate_every)
        found = trials(trial)
        outcomes[found.kind] += 1
        simulated.update(found.simulated)
        why = [f"not for a GPU: {reason}" for reason in found.no_gpu]
        if found.kind in ("failed", "slow") or given.only:
            shown = (found.why, *(f"on the simulator: {mode}" for mode in found.simulated), *why)
            print(f"{found.kind}: {trial.shown()}\n" + "\n".join(filter(None, shown)), flush=True)
            if given.shrink and found.kind == "failed":
                print(f"smaller: {_smaller(trials, trial, way_of(found.why)).shown()}", flush=True)
        elif found.kind != "same":
            why.append(f"{found.kind}: {_NAME.sub('v', found.why.splitlines()[0])[:150]}")
        for reason in why:
            reasons[reason] += 1
            examples.setdefault(reason, seed)
    trials.end()
    tried = outcomes.total() - outcomes["compiled"]
    print(f"{tried} programs, the last one {seed}: {dict(sorted(outcomes.items()))}")
    print(f"{simulated.total()} kernels on the simulator: {dict(sorted(simulated.items()))}")
    for reason, count in reasons.most_common():
        print(f"  {count} times, as seed {examples[reason]}, {reason}")
    return 1 if outcomes["failed"] else 0


def _smaller(trials: Trials, trial: Trial, way: str) -> Trial:
    """The least program found that fails in the same way."""
    from tests.property.shrinking import shrunk, way_of

    def fails(text: str) -> bool:
        found = trials(replace(trial, changed=text))
        return found.kind == "failed" and way_of(found.why) == way

    return replace(trial, changed=shrunk(trial.text(), fails))


def _seeds(given: argparse.Namespace) -> Iterator[int]:
    """The seeds that were asked for, or one after the other until the time is over."""
    if given.only:
        yield from given.only
        return
    end = time.monotonic() + 60 * given.minutes
    for seed in itertools.count(given.seed + 1):
        if time.monotonic() >= end:
            return
        yield seed


if __name__ == "__main__":
    raise SystemExit(main())
