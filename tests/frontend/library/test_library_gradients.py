"""Gradients of the library's functions against central differences, by directional derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import test_library_values as values
from library_cases import DATA, evaluate, reading_of

from codegen_ad.derive.reverse import differentiate

# Data on which a kink or a NaN is all there is.
EDGES = {"odd", "N", "ties"}
STEP = 1e-6


def _texts() -> list[str]:
    tables = (
        [t for t in values.REDUCED if "(A" in t or t.startswith("A.")],
        values.MORE_REDUCTIONS,
        values.CONTRACTIONS,
        values.SHAPES,
        values.CREATION,
        values.ELEMENTWISE,
        values.SCANS,
        values.SCALARS,
    )
    texts = [t for table in tables for t in table if "float32" not in t]
    return [t for t in texts if all(_floating(t))]


def _floating(text: str) -> tuple[list[int], list[int]]:
    """The inputs that can be varied, and the outputs that change with them, by number."""
    _, reading, names = reading_of(text)
    varied = [
        k
        for k, node in enumerate(reading.program.inputs)
        if node.array.dtype.value == "f8" and names[k] not in EDGES
    ]
    outputs = reading.program.outputs
    return varied, [k for k, node in enumerate(outputs) if node.array.dtype.is_float]


@pytest.mark.parametrize("text", _texts())
def test_gradient(text: str) -> None:
    _, reading, names = reading_of(text)
    program = reading.program
    wrt, floating = _floating(text)
    rng = np.random.default_rng(3)
    arrays = [np.asarray(DATA[n]) for n in names]
    weights = {k: rng.normal(size=np.shape(v)) for k, v in enumerate(_run(program, arrays))}
    derivative = differentiate(program, [program.inputs[k] for k in wrt])
    cotangents = [weights[k] for k in floating]
    if len(derivative.inputs) == len(arrays):  # one scalar output: its cotangent is 1
        weights, cotangents = {floating[0]: np.ones(())}, []
    gradients = _run(derivative, [*arrays, *cotangents])[-len(wrt) :]
    for k, gradient in zip(wrt, gradients, strict=True):
        assert gradient.shape == arrays[k].shape
        direction = rng.normal(size=arrays[k].shape)
        step = STEP * max(1.0, float(np.abs(arrays[k]).max()))

        def moved(amount: float, k: int = k, direction: np.ndarray = direction) -> float:
            changed = [*arrays[:k], arrays[k] + amount * direction, *arrays[k + 1 :]]
            outputs = _run(program, changed)
            return sum(float(np.sum(outputs[o].astype(float) * weights[o])) for o in floating)

        numeric = (moved(step) - moved(-step)) / (2 * step)
        assert float(np.sum(gradient * direction)) == pytest.approx(numeric, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("text", ["np.linalg.norm(0 * v)", "np.linalg.norm(0 * v, 3)"])
def test_the_norm_of_nothing_has_no_slope(text: str) -> None:
    _, reading, _ = reading_of(text)
    derivative = differentiate(reading.program, [reading.program.inputs[0]])
    np.testing.assert_array_equal(_run(derivative, [DATA["v"]])[-1], np.zeros(5))


def _run(program, arrays):
    with np.errstate(all="ignore"):
        return evaluate(program, arrays)
