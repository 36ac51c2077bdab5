"""The two measurements: kernels as they run, and the program operation by operation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codegen_ad.errors import InvalidArgument
from codegen_ad.explain.stages import HasKernels
from codegen_ad.profile.operations import is_composite, is_literal, operation_name
from codegen_ad.profile.report import Event, Profile, Row, Timing

if TYPE_CHECKING:
    from codegen_ad.ir.node import Node, Program

LONGEST_SECONDS = 2.0
"""The unfused program is run again and again for no longer than this."""
MOST_EVENTS = 100_000
"""No trace holds more events than this: loops are cut off."""


def profile(
    differentiable: HasKernels, args: Sequence[Any], kwargs: Mapping[str, Any], *, repeat: int = 100
) -> Profile:
    """Measure a function and its gradient for these arguments.

    Parameters
    ----------
    repeat : how often each kernel is run, and the unfused program at most.

    Raises
    ------
    InvalidArgument
        If there are no arguments, or `repeat` is not positive.
    """
    from codegen_ad import build

    if repeat < 1:
        raise InvalidArgument(f"repeat={repeat}: at least one run is needed")
    kernels = differentiable.kernels
    mode = "value_and_grad"
    prepared, leaves = kernels.prepare(mode, kernels.binder.bind(args, kwargs))
    value, value_leaves = kernels.prepare("value", kernels.binder.bind(args, kwargs))
    timings = (
        _timed(mode, lambda: prepared.compiled.call(leaves), repeat),
        _timed("value", lambda: value.compiled.call(value_leaves), repeat),
    )
    wrt = kernels.binder.wrt
    stages = build.run(
        differentiable.__wrapped__, prepared.signature, mode, differentiable.options, wrt
    )
    watch = _watched(stages.derived, leaves, prepared.compiled.sizes_of(leaves), repeat)
    return Profile(kernels.binder.name, timings, watch.rows(), watch.runs, tuple(watch.events))


def _timed(name: str, call: Callable[[], object], repeat: int) -> Timing:
    call()  # compiles it
    times: list[float] = []
    for _ in range(repeat):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    times.sort()
    return Timing(name, times[0], times[len(times) // 2], repeat)


def _watched(
    program: Program, leaves: Sequence[Any], sizes: Mapping[str, int], repeat: int
) -> _Watch:
    from codegen_ad.backends import reference

    watch = _Watch(program)
    reference.evaluate(program, leaves, sizes)  # what is loaded and allocated once is not counted
    deadline = time.perf_counter() + LONGEST_SECONDS
    while watch.runs < repeat and (not watch.runs or time.perf_counter() < deadline):
        watch.begin()
        reference.evaluate(program, leaves, sizes, on_node=watch.on_node)
    return watch


@dataclass(slots=True)
class _Sums:
    forward: float = 0.0
    gradient: float = 0.0
    total: float = 0.0
    calls: dict[str, int] = field(default_factory=dict[str, int])
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def add(self, op: str, seconds: float, own: float, *, is_gradient: bool) -> None:
        if is_gradient:
            self.gradient += own
        else:
            self.forward += own
        self.total += seconds
        self.calls[op] = self.calls.get(op, 0) + 1
        self.seconds[op] = self.seconds.get(op, 0.0) + seconds

    def count(self, name: str) -> int:
        """How often the user's operation ran: of a composite one, its most expensive part."""
        if not is_composite(name):
            return sum(self.calls.values())
        return self.calls[max(self.seconds, key=lambda op: self.seconds[op])]


@dataclass(slots=True)
class _Watch:
    """Adds up what the reference backend tells, and keeps the last run's events."""

    program: Program
    runs: int = 0
    events: list[Event] = field(default_factory=list[Event])
    sums: dict[tuple[str, int, str], _Sums] = field(
        default_factory=dict[tuple[str, int, str], _Sums]
    )
    _began: float = 0.0
    _done: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    _names: dict[Node, tuple[str, int, str]] = field(
        default_factory=dict[Any, tuple[str, int, str]]
    )

    def begin(self) -> None:
        """A new run: the events of the last one are forgotten."""
        self.runs += 1
        self.events.clear()
        self._done.clear()
        self._began = time.perf_counter()

    def on_node(self, node: Node, began: float, seconds: float) -> None:
        """A node has run, after all nodes inside it."""
        if is_literal(node):
            return
        inside = 0.0
        while self._done and self._done[-1][0] >= began:
            inside += self._done.pop()[1]
        self._done.append((began, seconds))
        notes = self.program.notes
        key = self._names.get(node)
        if key is None:
            key = self._names[node] = operation_name(node, notes)
        is_gradient = node in notes.gradients
        sums = self.sums.setdefault(key, _Sums())
        sums.add(node.op.name, seconds, seconds - inside, is_gradient=is_gradient)
        if len(self.events) < MOST_EVENTS:
            start = began - self._began
            kind = str(node.type)
            self.events.append(Event(*key, node.op.name, kind, is_gradient, start, seconds))

    def rows(self) -> tuple[Row, ...]:
        """The sums for one run, the largest first."""
        whole = sum(s.forward + s.gradient for s in self.sums.values()) or 1.0
        rows: list[Row] = []
        for (name, line, source), s in self.sums.items():
            own = s.forward + s.gradient
            runs, calls = self.runs, s.count(name) // self.runs
            times = (own / runs, s.forward / runs, s.gradient / runs, s.total / runs)
            rows.append(Row(name, line, source, *times, calls, own / whole))
        return tuple(sorted(rows, key=lambda r: (-r.self_time, r.line, r.name)))
