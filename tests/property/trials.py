"""Programs tried one by one in a process that ends where one of them takes too long.

So that no compilation lasts for ever, and a crash of the machine code is one failure among others.
"""

from __future__ import annotations

import multiprocessing
import traceback
import warnings
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from tests.property.sources import Outcome


@dataclass(frozen=True, slots=True)
class Trial:
    """A program by its seed, and how it is tried: a `wide` one, `narrow`, or a grammar's own.

    A `changed` one is tried in the place of the seed's.
    """

    seed: int
    statements: int
    compile_every: int
    kind: str
    simulate_every: int = 0
    changed: str | None = None

    def text(self) -> str:
        """The program's own text."""
        from tests.property.running import text_of

        if self.changed is not None:
            return self.changed
        if (own := _module(self.kind)) is not None:
            return own.text_of(self.seed)
        return text_of(self.seed, self.statements, wide=self.kind == "wide")

    def shown(self) -> str:
        """The program as text, and what is looked at."""
        from tests.property.running import depth_of, size_of

        text = self.text()
        if _module(self.kind) is not None:
            return f"seed {self.seed}\n{text}"
        depth = depth_of(self.seed, self.compile_every)
        head = f"seed {self.seed}, {self.statements} statements, {depth}, size {size_of(self.seed)}"
        return f"{head}\n{text[text.index('def f(') :]}"

    def result(self) -> Outcome:
        """What became of it."""
        from tests.property.running import depth_of, run, size_of

        if (own := _module(self.kind)) is not None:
            return own.run(self.text(), self.seed, self.simulate_every)
        depth = depth_of(self.seed, self.compile_every, self.simulate_every)
        return run(self.text(), size_of(self.seed), self.seed, depth)


def _module(kind: str) -> Any:
    from tests.property import meetings, row_programs, small_arrays

    return {"small": small_arrays, "meetings": meetings, "rows": row_programs}.get(kind)


@dataclass(slots=True)
class Trials:
    """A process that tries programs, started again after one that took more than `seconds`."""

    seconds: float
    process: Any = None
    pipe: Any = field(default=None)

    def __call__(self, trial: Trial) -> Outcome:
        """What became of a program: as `run` says, or `failed`, or `slow`."""
        if self.process is None:
            context = multiprocessing.get_context("spawn")
            self.pipe, other = context.Pipe()
            self.process = context.Process(target=_serve, args=(other,), daemon=True)
            self.process.start()
            other.close()
            self.pipe.recv()  # everything is imported
        self.pipe.send(trial)
        if not self.pipe.poll(self.seconds):
            self.end()
            return Outcome("slow", f"more than {self.seconds:g} s")
        try:
            return self.pipe.recv()
        except EOFError:
            self.process.join()
            code = self.process.exitcode
            self.end()
            return Outcome("failed", f"the process ended: {code}")

    def end(self) -> None:
        """Stop the process, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.process = None


def _serve(pipe: Connection) -> None:
    """Try what comes until nothing does."""
    import tests.property.running  # noqa: F401

    warnings.simplefilter("ignore")
    pipe.send("ready")
    while True:
        try:
            trial = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(trial.result())
        except Exception:
            pipe.send(Outcome("failed", traceback.format_exc(limit=-1)))
