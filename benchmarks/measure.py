"""A workload becomes a section of the table: results compared, then times, memory and sizes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks import c_library, contenders, memory
from benchmarks.report import Facts, Row, Section, absent
from benchmarks.timing import installed, interleaved
from benchmarks.workload import Peer, Run, Workload, assert_same

OWN = "codegen_ad"
VALUE = "codegen_ad, value alone"
NEEDS = {"JAX": "jax", "PyTorch": "torch", "autograd": "autograd"}


def measure(workload: Workload, *, quick: bool) -> Section:
    """Value and gradients by everyone who is there."""
    sizes = dict(workload.quick if quick else workload.sizes)
    arguments = workload.data(**sizes)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CODEGEN_AD_CACHE"] = folder  # so that it is compiled, and the time of it known
        os.chmod(folder, 0o700)
        return _section(workload, sizes, arguments, quick)


def _section(
    workload: Workload, sizes: Mapping[str, Any], arguments: tuple[Any, ...], quick: bool
) -> Section:
    function = contenders.own(workload)
    start = time.perf_counter()
    function.value_and_grad(*workload.data(**workload.tiny))
    small = time.perf_counter() - start
    start = time.perf_counter()
    expected = function.value_and_grad(*arguments)
    first = time.perf_counter() - start
    cases: dict[str, Run] = {
        OWN: lambda: function.value_and_grad(*arguments),
        VALUE: lambda: function.value(*arguments),
    }
    rows: list[Row] = []
    notes: dict[str, str] = {}
    factors = {OWN: 1.0, VALUE: 1.0}
    assert_same(function.value(*arguments), expected, workload.rtol, VALUE)
    for name, peer in workload.peers.items():
        if (missing := _missing(name)) is not None:
            rows.append(missing)
            continue
        given, found, factor = arguments, expected, 1.0
        if name in workload.fewer and workload.fewer[name] < sizes["steps"]:
            few = workload.fewer[name]
            given = workload.data(**(dict(sizes) | {"steps": few}))
            found, factor = function.value_and_grad(*given), sizes["steps"] / few
            notes[name] = f"scaled from {few:,} steps"
        cases[name], factors[name] = peer(*given), factor
        assert_same(cases[name](), found, workload.rtol, name)
    del expected
    used = {name: memory.of_call(run) for name, run in cases.items()}
    times = interleaved(cases, rounds=3 if quick else 7, budget=5 if quick else 25)
    own, value = times[OWN], times[VALUE]
    units = None if workload.per is None else sizes[workload.per]
    most = None if workload.memory is None else workload.memory(**sizes)
    for name in cases:
        seconds = times[name] * factors[name]
        rows.append(_row(workload, name, seconds, own, used[name], notes, units, most))
    order = [OWN, VALUE, *workload.peers]
    rows.sort(key=lambda row: order.index(row.name))
    text = str(function.source(*arguments))
    facts = Facts(
        ratio=own / value,
        limit=workload.limit,
        compile_seconds=max(first, small) - own,
        lines=text.count("\n"),
        bytes=len(text.encode()),
        process_bytes=memory.of_process(),
    )
    return Section(workload.title, tuple(rows), workload.key, facts)


def _row(
    workload: Workload,
    name: str,
    seconds: float,
    own: float,
    used: int | None,
    notes: Mapping[str, str],
    units: int | None,
    most: float | None,
) -> Row:
    ratio = seconds / own
    number, unit = (seconds, "s") if units is None else (1e9 * seconds / units, "ns")
    target, reached = "", None
    if name in workload.targets:
        wanted = workload.targets[name]
        reached = ratio >= wanted
        target = f"at least {wanted:g}" if wanted >= 1 else f"at least 1/{1 / wanted:.3g}"
    if name == OWN and most is not None and used is not None:
        target, reached = f"memory at most {1e-6 * most:.3g} MB", used <= most
    return Row(name, number, unit, ratio, notes.get(name, ""), target, reached, used)


def _missing(name: str) -> Row | None:
    """The row of a peer that cannot be run here."""
    library = next((lib for prefix, lib in NEEDS.items() if name.startswith(prefix)), None)
    if library is not None and not installed(library):
        return absent(name)
    if name.startswith("C") and c_library.compiler() is None:
        return Row(name, None, "", note="no C compiler")
    return None


def all_runs(workload: Workload, arguments: tuple[Any, ...]) -> Iterator[tuple[str, Run]]:
    """The peers that are there, ready to run: for tests."""
    peers: Mapping[str, Peer] = workload.peers
    for name, peer in peers.items():
        if _missing(name) is None:
            yield name, peer(*arguments)
