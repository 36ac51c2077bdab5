"""How much of a result is rounding: a program run with every operation rounded once more.

What cancels leaves no more than the rounding of what it was made of, so that the sizes of the
result say nothing about how near two right ones are (Parker 1997, Monte Carlo arithmetic).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np

from codegen_ad.backends import reference
from codegen_ad.ir.node import Kind
from tests.end_to_end.checks import assert_close

EXACT = (
    "absolute", "cast", "ceil", "floor", "floor_divide", "larger", "max", "maximum", "min",
    "minimum", "negative", "remainder", "rint", "sign", "smaller", "stop_gradient", "tap", "trunc",
    "where",
)  # fmt: skip
"""What chooses among numbers, or finds one that is there, rounds nothing."""

KINDS = (Kind.ELEMENTWISE, Kind.REDUCE, Kind.CONTRACT, Kind.SCAN, Kind.LINALG)

RUNS = 4
MANY = 100.0
"""How often two right results may be rounded apart: sums have many terms."""


def roundings(run: Callable[[], Sequence[Any]]) -> list[Any]:
    """How far each element of what the reference backend finds moves by rounding alone."""
    rng, compute = np.random.default_rng(0), reference.compute
    exact = run()

    def rounded(node: Any, args: Any, sizes: Any) -> Any:
        found = compute(node, args, sizes)
        is_exact = node.op.kind not in KINDS or node.op.name in EXACT
        if is_exact or not node.array.dtype.is_float:
            return found
        eps = np.finfo(node.array.dtype.numpy_name).eps
        return found * (1 + eps * rng.uniform(-1, 1, size=np.shape(found)))

    with mock.patch.object(reference, "compute", rounded):
        runs = [run() for _ in range(RUNS)]
    return [
        np.max([np.abs(np.subtract(r[k], whole)) for r in runs], axis=0)
        for k, whole in enumerate(exact)
    ]


def assert_near(
    found: Any, wanted: Any, noise: Callable[[], Any], *, rtol: float, what: str
) -> None:
    """Equal up to rounding of the largest entry, or of what the entries are made of."""
    try:
        assert_close(found, wanted, rtol=rtol, what=what)
    except AssertionError:
        if np.shape(found) != np.shape(wanted):
            raise
        # NaN is never less: what is not finite is no rounding.
        if not np.all(np.abs(np.subtract(found, wanted)) <= MANY * np.max(noise(), initial=0.0)):
            raise
