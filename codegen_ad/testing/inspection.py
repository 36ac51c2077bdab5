"""The check of a kernel before it is kept, and its verdict in the file's header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from codegen_ad.errors import CheckFailed
from codegen_ad.runtime.dispatch import Built
from codegen_ad.testing.check import Check
from codegen_ad.testing.report import OK, UNSURE, CheckReport
from codegen_ad.testing.subject import Subject


def inspected(twin: Subject, built: Built, mode: str, arguments: Mapping[str, Any]) -> Built:
    """The kernel file with the verdict in its header and metadata.

    `twin` has the same function and options; its value and first derivatives are compared with the
    plain function at the arguments of the call, and for second derivatives the product of Hessian
    and vector with differences of the gradient.

    Raises
    ------
    CheckFailed
        If a comparison fails; the message is the table.
    """
    twin.kernels.prepare("value", arguments)  # arguments that do not fit are reported as such
    check = Check(twin, (), {}, None, None, np.random.default_rng(0), arguments)
    kind = mode.partition(":")[0]
    with np.errstate(all="ignore"):
        rows = [*check.run(derivatives=kind != "value")]
        if kind in ("hessian", "hvp"):
            rows += check.second_rows()
    report = CheckReport(twin.kernels.binder.name, tuple(rows))
    if not report.ok:
        raise CheckFailed(repr(report))
    text, facts = _verdict(report)
    lines = built.source.splitlines(keepends=True)
    place = next(k for k, line in enumerate(lines) if not line.startswith("#"))
    source = "".join([*lines[:place], f"# {text}\n", *lines[place:]])
    return replace(built, source=source, metadata={**built.metadata, "checked": facts})


def _verdict(report: CheckReport) -> tuple[str, dict[str, Any]]:
    """The verdict in words, and in values that JSON can hold."""
    passed = [row for row in report.rows if row.verdict == OK]
    worst = max(
        (row.difference / (abs(row.expected) or 1.0) for row in passed if row.difference), default=0
    )
    unsure = sum(row.verdict == UNSURE for row in report.rows)
    doubt = f"; {unsure} could not be decided" if unsure else ""
    text = (
        f"Checked: {len(passed)} comparisons with the plain function, largest relative difference "
        f"{worst:.1e}{doubt}."
    )
    return text, {"comparisons": len(passed), "largest": float(worst), "unsure": unsure}
