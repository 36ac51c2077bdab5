"""Derivatives of random programs besides value and gradient, each by its kernel's own text.

Jacobians of programs that give an array, forward and reverse; products along tangents and with
Hessians; single precision, whose types are NumPy's and whose numbers are near those of the double.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from codegen_ad.backends.reference import evaluate
from codegen_ad.runtime.compiled import flat
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    executed,
    inputs_of,
    leaves_in,
    plain_value,
    stages_of,
)

Arguments = tuple[Any, ...]
STEP = 1e-6
SINGLE = 1e-3


def kernel_outputs(case: Case, args: Arguments, mode: str, given: list[Any]) -> list[Any]:
    """What the text of a mode's kernel gives when Python runs it, once compared with its program.

    `given` are the tangents or cotangents of the mode.
    """
    stages = stages_of(case, args, mode)
    kernel = executed(stages.text)[stages.kernel.name]
    wanted = evaluate(stages.optimized, [*inputs_of(case, args, stages), *given])
    with np.errstate(all="ignore"):
        # Python's numbers raise where compiled ones, as NumPy's, have no result.
        inputs = [np.float64(i) if type(i) is float else i for i in inputs_of(case, args, stages)]
        found = list(flat(kernel(*inputs, *given)))
    for one, two in zip(found, wanted, strict=False):  # places of failed checks come after these
        assert_close(one, two, rtol=1e-8, what=f"kernel of {mode} against the reference")
    return found[: len(wanted)]


def check_products(
    case: Case, args: Arguments, tangents: list[Any], wanted: dict[str, list[Any]]
) -> None:
    """Kernels of `jvp` and `hvp` against what is known of them by the reference."""
    for mode, outputs in wanted.items():
        for one, two in zip(kernel_outputs(case, args, mode, tangents), outputs, strict=True):
            assert_close(one, two, rtol=1e-8, what=f"kernel of {mode}")


def check_jacobians(case: Case, plain: Case, args: Arguments, places: list[int], seed: int) -> str:
    """Forward against reverse Jacobian, and both along tangents against differences.

    Returns why there is nothing to compare, or nothing.
    """
    value = plain_value(plain, args)
    if not np.all(np.isfinite(value)):
        return "too large or not finite"
    forward = kernel_outputs(case, args, "jacobian:forward", [])
    reverse = kernel_outputs(case, args, "jacobian:reverse", [])
    if not all(np.all(np.isfinite(j)) for j in (*forward, *reverse)):
        return "a Jacobian that is not finite"
    for one, two in zip(forward, reverse, strict=True):
        assert_close(one, two, rtol=1e-8, what="forward against reverse Jacobian")
    rng = np.random.default_rng(seed)
    tangents = {k: rng.normal(size=np.shape(args[k])) for k in places}
    along = sum(
        np.tensordot(j, tangents[k], np.ndim(tangents[k]))
        for k, j in zip(places, forward, strict=True)
    )

    def moved(step: float) -> Any:
        new = [a + step * tangents[k] if k in tangents else a for k, a in enumerate(args)]
        return plain_value(plain, new)

    try:
        fine, coarse = ((moved(h) - moved(-h)) / (2 * h) for h in (STEP, 8 * STEP))
        sides = np.abs(moved(STEP) - 2 * value + moved(-STEP)) / STEP
    except Exception:  # other data would take a way that fails
        return ""
    scale = 1 + np.max(np.abs(fine))
    off = (np.abs(along - fine) > 1e-4 * scale) & (np.abs(fine - coarse) < 1e-4 * scale)
    assert not np.any(off & (sides < 1e-3 * scale)), f"Jacobian along tangents {along} {fine}"
    return ""


def check_single(case: Case, plain: Case, args: Arguments, found: Callable[..., Any]) -> str:
    """Value and gradient in single precision: of NumPy's type, and near the double's numbers.

    Returns why there is nothing to compare, or nothing.
    """

    def rounded(by: float) -> Arguments:
        rng = np.random.default_rng(1)
        return tuple(
            (a * (1 + by * rng.normal(size=a.shape))).astype("f4") if a.dtype.kind == "f" else a
            for a in args
        )

    single = rounded(0.0)
    wanted = plain_value(plain, single)
    wide = [a.astype("f8") if a.dtype.kind == "f" else a for a in single]
    # Python's `math` works in double precision, so the reference runs this, not the kernel's text.
    stages = stages_of(case, single)
    value, *parts = evaluate(stages.optimized, inputs_of(case, single, stages))
    kind = np.asarray(wanted).dtype
    declared = [o.array.dtype.value for o in stages.derived.outputs]
    source = inspect.getsource(plain.function)
    # Several results have the type of either, and complex steps of single numbers double ones.
    if source.count(" return ") == 1 and "grad(" not in source and "jacobian(" not in source:
        assert np.dtype(declared[0]) == kind, f"value of {declared[0]}, not of {kind}"
    assert set(declared[1:]) == {"f4"}, f"gradients of {declared[1:]}"
    middle = [leaf for _, leaf in leaves_in(found(*wide)[1])]
    near = [leaf for _, leaf in leaves_in(found(*[w.astype("f8") if w.dtype.kind == "f" else w
                                                  for w in rounded(1e-6)])[1])]  # fmt: skip
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
    return ""
