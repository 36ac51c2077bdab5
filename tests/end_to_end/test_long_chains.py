"""Functions of many statements, each of which goes on with what the last one gave."""

from __future__ import annotations

import linecache
import sys
from typing import Any

import numpy as np

from codegen_ad.backends.reference import evaluate
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import inputs_of, stages_of


def chain(count: int) -> Any:
    lines = ["def chain(x):\n", "    a0 = x[0]\n"]
    for i in range(1, count):
        lines.append(f"    a{i} = np.sin(a{i - 1}) * x[{i % 3}] + a{i // 2}\n")
    lines.append(f"    return a{count - 1}\n")
    linecache.cache["<chain>"] = (0, None, lines, "<chain>")
    names: dict[str, Any] = {"np": np}
    exec(compile("".join(lines), "<chain>", "exec"), names)
    return names["chain"]


def test_a_chain_is_longer_than_calls_of_python_go() -> None:
    function, x = chain(300), np.array([0.3, 0.4, 0.5])
    limit = sys.getrecursionlimit()
    case = Case(function, lambda *_: (), ("x",))
    stages = stages_of(case, (x,))
    value, found = evaluate(stages.optimized, inputs_of(case, (x,), stages))
    np.testing.assert_allclose(value, function(x), rtol=1e-12)
    slopes = [function(x + 1e-25j * e).imag / 1e-25 for e in np.eye(3)]
    np.testing.assert_allclose(found, slopes, rtol=1e-10)
    assert sys.getrecursionlimit() == limit
