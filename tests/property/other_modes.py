"""Derivatives of random programs besides value and gradient, each by its kernel's own text.

Products along tangents and with Hessians; single precision, whose types are NumPy's and whose
numbers are near those of the double.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.backends.reference import evaluate
from codegen_ad.runtime.compiled import flat
from codegen_ad.stages import Stages
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    executed,
    inputs_of,
    leaves_in,
    plain_value,
    stages_of,
)
from tests.property.noise import assert_near, roundings
from tests.property.simulator import Simulator

Arguments = tuple[Any, ...]
SINGLE = 1e-3


@dataclass(frozen=True, slots=True)
class Kernel:
    """A mode's kernel for arguments like given ones; it takes such, and tangents or cotangents."""

    case: Case
    mode: str
    stages: Stages
    function: Callable[..., Any]

    def reference(self, args: Arguments, given: Sequence[Any] = ()) -> list[Any]:
        """What its program says."""
        return evaluate(self.stages.optimized, [*inputs_of(self.case, args, self.stages), *given])

    def __call__(self, args: Arguments, given: Sequence[Any] = ()) -> list[Any]:
        """What Python makes of its text, compared with its program.

        An array without axes is given as the number that a call makes of it: the text may add to
        that.
        """
        given = [np.asarray(g)[()] for g in given]
        with np.errstate(all="ignore"):
            found = list(flat(self.function(*inputs_of(self.case, args, self.stages), *given)))
        what = f"kernel of {self.mode} against the reference"
        wanted = self.reference(args, given)
        for k, two in enumerate(wanted):  # behind these come places of failed checks
            assert_near(found[k], two, self.noise(k, args, given), rtol=1e-8, what=what)
        return found[: len(wanted)]

    def noise(self, k: int, args: Arguments, given: Sequence[Any] = ()) -> Callable[[], Any]:
        """How far rounding moves an output."""
        return lambda: roundings(lambda: self.reference(args, given))[k]


def kernel(case: Case, args: Arguments, mode: str) -> Kernel:
    """The kernel of a mode for arguments like these."""
    stages = stages_of(case, args, mode)
    return Kernel(case, mode, stages, executed(stages.text)[stages.kernel.name])


def check_products(
    case: Case,
    args: Arguments,
    tangents: list[Any],
    wanted: dict[str, list[Any]],
    simulator: Simulator,
) -> None:
    """Kernels of `jvp` and `hvp` against what is known of them by the reference."""
    for mode, outputs in wanted.items():
        for one, two in zip(kernel(case, args, mode)(args, tangents), outputs, strict=True):
            assert_close(one, two, rtol=1e-8, what=f"kernel of {mode}")
        simulator.check(case, args, mode, outputs, tangents)


def in_single(args: Arguments, by: float = 0.0) -> Arguments:
    """Arguments in single precision, changed by so much of themselves."""
    rng = np.random.default_rng(1)
    return tuple(
        (a * (1 + by * rng.normal(size=a.shape))).astype("f4") if a.dtype.kind == "f" else a
        for a in args
    )


def check_single(
    case: Case,
    plain: Case,
    args: Arguments,
    found: Callable[..., Any],
    all_ways: Callable[[], np.dtype[Any] | None],
    simulator: Simulator,
) -> str:
    """Value and gradient in single precision: of NumPy's type, and near the double's numbers.

    `all_ways` finds the dtype of the results of all ways through the function together.

    Returns why there is nothing to compare, or nothing.
    """
    single = in_single(args)
    wanted = plain_value(plain, single)
    wide = [a.astype("f8") if a.dtype.kind == "f" else a for a in single]
    # Python's `math` works in double precision, so the reference runs this, not the kernel's text.
    stages = stages_of(case, single)
    value, *parts = evaluate(stages.optimized, inputs_of(case, single, stages))
    kind = np.asarray(wanted).dtype
    declared = [o.array.dtype.value for o in stages.derived.outputs]
    if np.dtype(declared[0]) != kind:  # of this way; a kernel's result has that of all together
        kind = all_ways()
    assert np.dtype(declared[0]) == kind, f"value of {declared[0]}, not of {kind}"
    assert set(declared[1:]) == {"f4"}, f"gradients of {declared[1:]}"
    middle = [leaf for _, leaf in leaves_in(found(*wide)[1])]
    near = [leaf for _, leaf in leaves_in(found(*[w.astype("f8") if w.dtype.kind == "f" else w
                                                  for w in in_single(args, 1e-6)])[1])]  # fmt: skip
    scales = [1 + np.max(np.abs(m), initial=0.0) for m in middle]
    if any(
        not np.max(np.abs(m - o), initial=0.0) < 1e-4 * s
        for m, o, s in zip(middle, near, scales, strict=True)
    ):
        return "rounding to single precision changes the gradient"
    if not abs(plain_value(plain, wide) - wanted) < SINGLE * (1 + abs(wanted)):
        return "rounding to single precision changes the value"
    assert_close(value, wanted, rtol=SINGLE, what="value in single precision")
    for part, double, s in zip(parts, middle, scales, strict=True):
        off = np.max(np.abs(part - double), initial=0.0)
        assert off < 1e-2 * s, f"gradient in single precision\n{part}\n{double}"
    simulator.check(case, single, "value_and_grad", [value, *parts], rtol=SINGLE)
    return ""
