"""What a build takes grows like the program: in calls, which the load of a machine leaves alone."""

from __future__ import annotations

import cProfile
import linecache
import pstats
from typing import Any

import numpy as np
import pytest

from codegen_ad import build, differentiate
from codegen_ad.plan import build as plan_build

STATEMENTS = {
    "arrays in memory": ("x = np.cumsum(np.sin(x)) * s",),
    "branches": ("if s > 0.5:", "    x = np.sin(x)", "else:", "    s = s * 2.0"),
    "loops": ("for i in range(len(x) - 1):", "    x[i + 1] = np.sin(x[i]) * s"),
    "sums in loops": ("for i in range(len(x)):", "    s = s + np.sin(x[i] * s)"),
}
FEW = 6


def _function(kind: str, times: int) -> Any:
    body = ["x = x.copy()", *STATEMENTS[kind] * times, "return np.sum(x) * s"]
    text = "\n".join(["def f(x, s):", *(f"    {line}" for line in body)]) + "\n"
    filename = f"<{times} {kind}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    space: dict[str, Any] = {"np": np, "__name__": "long_program"}
    exec(compile(text, filename, "exec"), space)
    return space["f"]


def _build(kind: str, times: int) -> None:
    function = _function(kind, times)
    found = differentiate(function, wrt=("x", "s"))
    binder = found.kernels.binder
    signature = binder.form(binder.bind((np.ones(20), 0.3), {}))
    build.run(function, signature, "value_and_grad", found.options, binder.wrt)


def _calls(kind: str, times: int) -> int:
    profile = cProfile.Profile()
    profile.runcall(_build, kind, times)
    return getattr(pstats.Stats(profile), "total_calls")  # noqa: B009


@pytest.mark.parametrize("kind", STATEMENTS)
def test_work_grows_like_the_program(kind: str, monkeypatch: pytest.MonkeyPatch):
    attempts: list[str] = []
    attempt = plan_build._attempt

    def counted(*args: Any) -> Any:
        attempts.append(kind)
        return attempt(*args)

    monkeypatch.setattr(plan_build, "_attempt", counted)
    _build(kind, 1)  # what is imported and found once
    few, many = _calls(kind, FEW), _calls(kind, 3 * FEW)
    assert many <= 3.2 * few
    assert len(attempts) <= 2 * 3, "planning begins again for nodes that concern one region only"
