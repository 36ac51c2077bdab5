"""What a call of a compiled function costs beside the bare numba call of the same kernel."""

import importlib.util
import math

import numpy as np

from benchmarks.report import Row, Section
from benchmarks.timing import interleaved
from codegen_ad import differentiate

TARGET = 2.0


@differentiate
def loss(w, a, x, y):
    return ((a * x + w - y) ** 2).sum()


def bare(path: str, name: str):
    """The kernel of a generated file, imported as any Python file is."""
    spec = importlib.util.spec_from_file_location("bare_kernel", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def measure(*, quick: bool) -> Section:
    w, a, x, y = arguments = tuple(np.random.default_rng(0).normal(size=(4, 5)))
    value, gradient = loss.value_and_grad(*arguments)
    kernel = bare(loss.source_path(), "loss_value_and_grad")
    expected = 2 * (a * x + w - y)
    for found in (gradient, kernel(*arguments)[1]):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert math.isclose(value, loss(*arguments), rel_tol=1e-12)
    times = interleaved(
        {
            "codegen_ad": lambda: loss.value_and_grad(w, a, x, y),
            "the same kernel, called directly": lambda: kernel(w, a, x, y),
        },
        rounds=3 if quick else 11,
    )
    own, direct = (1e6 * t for t in times.values())
    extra = own - direct
    return Section(
        "Value and gradient of four arrays of 5 numbers, per call",
        (
            Row("codegen_ad", own, "µs", 1.0),
            Row("the same kernel, called directly", direct, "µs", direct / own),
            Row("difference", extra, "µs", None, "", f"at most {TARGET:g} µs", extra <= TARGET),
        ),
    )
