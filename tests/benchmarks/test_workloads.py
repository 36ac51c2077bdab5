"""What the benchmarks measure is right; `generated/benchmarks/` shows the code that is measured.

The generated files run as plain Python here, uncompiled; differences of the plain functions are
the judge. Peers are compared, and compiled kernels used, where the benchmarks run.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import blocks, contenders, report, table
from benchmarks.report import Facts, Row, Section
from benchmarks.workload import Workload, flat
from benchmarks.workloads import bundle
from tests.end_to_end.checks import executed, leaves_in, replaced

if TYPE_CHECKING:
    from conftest import Golden

STEP = 1e-5


def name_of(workload: Workload) -> str:
    parts = [workload.function.__name__]
    if workload.sizes.get("dtype") == "float32":
        parts.append("f4")
    if workload.checkpoint is not None:
        parts.append(workload.checkpoint.replace(" ", "_"))
    return "_".join(parts)


FUNCTIONS = {name_of(w): w for w in reversed(table.WORKLOADS)}
"""One workload of each function, dtype and option: sizes do not change the code."""


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_generated_file_is_right(name: str, golden: Golden) -> None:
    workload = FUNCTIONS[name]
    function = contenders.own(workload)
    arguments = workload.data(**workload.tiny)
    text = str(function.source(*arguments))
    golden.check(f"generated/benchmarks/{name}_value_and_grad.py", text)
    kernel = executed(text)[f"{workload.function.__name__}_value_and_grad"]
    with np.errstate(all="ignore"):  # selections evaluate both sides
        value, *gradients = flat(kernel(*(leaf for a in arguments for leaf in leaves(a))))
    wide = tuple(a.astype("f8") if getattr(a, "dtype", "") == "f4" else a for a in arguments)
    narrow = wide is not arguments and any(a is not b for a, b in zip(wide, arguments, strict=True))
    rtol = 2e-4 if narrow else 1e-6
    np.testing.assert_allclose(value, workload.function(*wide), rtol=rtol)
    places = list(inspect.signature(workload.function).parameters)
    rest = iter(gradients)
    for parameter in workload.wrt:
        place = places.index(parameter)
        for path, leaf in leaves_in(wide[place]):
            gradient = next(rest)
            assert gradient.shape == np.shape(leaf)
            direction = np.random.default_rng(0).normal(size=np.shape(leaf))
            found = float((gradient * direction).sum())
            sides = [
                workload.function(
                    *wide[:place],
                    replaced(wide[place], path, leaf + s * STEP * direction),
                    *wide[place + 1 :],
                )
                for s in (1, -1)
            ]
            expected = (sides[0] - sides[1]) / (2 * STEP)
            scale = float(np.abs(gradient * direction).sum())
            assert found == pytest.approx(expected, rel=rtol, abs=rtol * scale), (parameter, path)
    assert next(rest, None) is None


def leaves(value: Any) -> list[Any]:
    """The leaves of an argument as a kernel takes them."""
    if isinstance(value, list | tuple):
        return [leaf for v in value for leaf in leaves(v)]
    return [value]


def test_blocks_of_the_jacobian_are_right() -> None:
    """Two columns of the blocks: one of the cameras, one of the points."""
    arguments = bundle.reprojection_data(**blocks.RESIDUALS.tiny)
    found = blocks.by_products(contenders.own(blocks.RESIDUALS), *arguments)
    for place, column, block in ((0, 4, 4), (1, 2, 13)):
        sides = []
        for s in (1, -1):
            moved = [a.copy() for a in arguments]
            moved[place][:, column] += s * STEP
            sides.append(bundle.reprojection(*moved))
        expected = (sides[0] - sides[1]) / (2 * STEP)
        np.testing.assert_allclose(found[:, :, block], expected, rtol=1e-6, atol=1e-8)


def test_results_survive_being_kept(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    facts = Facts(1.25, 1.5, 2.0, 60, 2500, 10**8)
    rows = (Row("codegen_ad", 0.5, "s", 1.0, memory=10**6), report.absent("JAX, jitted"))
    section = Section("A job", rows, "job", facts)
    file = report.write([section], "some")
    assert report.read("some") == [section]
    assert report.read("others") == []
    assert report.section_of(json.loads(json.dumps(asdict(section)))) == section
    lines = file.with_suffix(".txt").read_text().splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "time ratio memory",
        "",
        "A job",
        "codegen_ad 0.5 s 1.00 1 MB",
        "JAX, jitted not installed",
        "gradient / value 1.25, at most 1.5: yes; compiled in 2.0 s; 60 lines, 2.5 kB; "
        "process 100 MB",
    ]


def test_keys_are_unique_and_targets_are_of_peers() -> None:
    keys = [w.key for w in table.WORKLOADS]
    assert len(set(keys)) == len(keys)
    for workload in table.WORKLOADS:
        assert set(workload.targets) | set(workload.fewer) <= set(workload.peers), workload.key
        assert "steps" in workload.sizes or not workload.fewer
    assert len(table.asked("gmm")) == 4
    assert [w.key for w in table.asked("lstm")] == ["lstm"]
