"""Every stage of a dozen functions as text, and the numbers of the file that comes out."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen_ad import build, differentiate
from codegen_ad.ir.text import program_text
from codegen_ad.plan.text import kernel_text
from codegen_ad.runtime.arguments import leaves_of
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, leaves_in, numeric_gradients, plain_value
from tests.golden import cases

RNG = np.random.default_rng(5)
N = 12


def normal(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.normal(size=shape)


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "polynomial": (normal(5), normal(N), normal(N)),
    "peak": (np.array([1.2, 0.1, 0.8]), normal(N), normal(N)),
    "root_mean_square": (normal(3), normal(N, 3), normal(N)),
    "softmax": (normal(3, 4), normal(N, 3), RNG.integers(0, 4, size=N)),
    "network": ({"first": normal(3, 4), "second": normal(4, 2)}, normal(N, 3), normal(N, 2)),
    "products": (normal(20, 30), normal(30, 25)),
    "gathered": (normal(9, 2), RNG.integers(-9, 9, size=N), normal(N, 2)),
    "masked": (np.abs(normal(N)) + 0.5, RNG.integers(0, 2, size=N) == 1),
    "heat": (normal(N), 0.1, 6),
    "recurrence": (0.7, normal(N)),
    "newton": (2.0,),
    "branches": (normal(N), normal(N)),
    "solved": (normal(3, 3) + 4 * np.eye(3), normal(3)),
    "looped": (np.array([1.2, 0.4]), normal(N), normal(N)),
    "paired": (0.7, normal(N), normal(N)),
}
WRT: dict[str, tuple[str, ...]] = {"solved": ("A", "b")}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_golden_cases(name: str, golden: Any, tmp_path: Path):
    function: Callable[..., Any] = getattr(cases, name)
    args = ARGUMENTS[name]
    case = Case(function, lambda n, rng: args, wrt=WRT.get(name, ()))
    found = differentiate(function, wrt=case.wrt)
    kernels = found.kernels
    arguments = kernels.binder.bind(args, {})
    signature = kernels.binder.form(arguments)
    stages = build.run(function, signature, "value_and_grad", found.options, found.wrt)
    golden.check(f"{name}/program.txt", program_text(stages.reading.program))
    golden.check(f"{name}/gradient.txt", program_text(stages.derived))
    golden.check(f"{name}/optimized.txt", program_text(stages.optimized))
    golden.check(f"{name}/plan.txt", kernel_text(stages.kernel))
    golden.check(f"{name}/numba_cpu.py", stages.text)
    leaves = [x for n, form in signature.parameters for x in leaves_of(arguments[n], form, n)]
    kernel = getattr(_imported(name, tmp_path), stages.kernel.name)
    value, *gradients = kernel(*leaves)
    assert_close(value, plain_value(case, args), rtol=1e-12, what="value")
    for gradient, numeric in zip(gradients, numeric_gradients(case, args), strict=True):
        assert_close(gradient, numeric, rtol=1e-6, what="gradient")
    assert len(list(leaves_in(args))) >= len(gradients)


def test_every_function_has_arguments():
    written = [n for n, f in vars(cases).items() if getattr(f, "__module__", "") == cases.__name__]
    assert written == list(ARGUMENTS)


def _imported(name: str, folder: Path) -> Any:
    """The golden file itself, from a copy, so that numba keeps its code elsewhere."""
    text = (Path(__file__).parent / name / "numba_cpu.py").read_text()
    path = folder / f"golden_{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
