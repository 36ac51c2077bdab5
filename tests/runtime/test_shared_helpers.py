"""What one kernel compiled of a helper, another takes over where nothing about it differs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numba import float64, int64, njit

from codegen_ad.runtime import shared
from codegen_ad.runtime.entrances import compile_entrance

FILE = """
import math

import numpy as np
from numba import njit

SCALE = 2.0
TABLE = np.array([1.0, 3.0])


@njit(error_model="numpy", fastmath={"contract", "nsz"})
def inner(x, power=2):
    return x**power + TABLE[1]


@njit(error_model="numpy", fastmath={"nsz", "contract"})
def helper(x):
    if x < 0.0:
        return math.sqrt(-x)
    return SCALE * inner(x) + math.sqrt(x) * 4.0


@njit(nogil=True, error_model="numpy")
def part(x):
    return helper(x) + 1.0


@njit
def kernel(x):
    return part(x) + helper(x)
"""


@pytest.fixture(autouse=True)
def _nothing_shared() -> None:
    shared._compiled.cache_clear()


def compiled(text: str, *types: Any) -> tuple[Any, dict[str, list[Any]]]:
    """The kernel of a file, compiled, and what its helpers were compiled to."""
    space: dict[str, Any] = {"__name__": "a_kernel"}
    exec(compile(text, "<a kernel>", "exec"), space)
    kernel = space["kernel"]
    compile_entrance(kernel, types or (float64,))
    found = {f.py_func.__name__: list(made.values()) for f, made in kernel.compiled_helpers}
    return kernel, found


def test_the_same_text_is_compiled_once() -> None:
    first, ones = compiled(FILE)
    second, others = compiled("\n\n# Lines may move.\n" + FILE)
    for name in ("helper", "inner"):
        assert len(ones[name]) == len(others[name]) == 1
        assert ones[name][0] is others[name][0]
    assert ones["part"][0] is not others["part"][0], "parts of kernels are their own"
    assert first(3.0) == second(3.0) == 2 * (24.0 + 4 * 3**0.5) + 1.0
    assert second.py_func.__globals__["helper"](3.0) == 24.0 + 4 * 3**0.5


CHANGES = {
    "a number in the text": ("* 4.0", "* 5.0"),
    "the sign of zero": ("x < 0.0", "x < -0.0"),
    "a number of the file": ("SCALE = 2.0", "SCALE = 3.0"),
    "its type": ("SCALE = 2.0", "SCALE = 2"),
    "an array of the file": ("3.0]", "5.0]"),
    "a function that it calls": ("x**power", "x**power + 1.0"),
    "a default": ("power=2", "power=3"),
    "another function of a module": ("math.sqrt", "math.exp"),
    "what a name means": ("import math\n", "import numpy as math\n"),
    "options": ('fastmath={"nsz", "contract"}', 'fastmath={"nsz"}'),
    "options of one that it calls": ('fastmath={"contract", "nsz"}', "fastmath=False"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_shared_where_anything_differs(change: str) -> None:
    old, new = CHANGES[change]
    assert old in FILE
    _, ones = compiled(FILE)
    kernel, others = compiled(FILE.replace(old, new))
    assert ones["helper"][0] is not others["helper"][0]
    value = kernel(1.5)
    space = kernel.py_func.__globals__
    space.update({name: f.py_func for name, f in space.items() if hasattr(f, "py_func")})
    assert value == pytest.approx(space["kernel"](1.5), rel=1e-15)


def test_each_kind_of_argument_is_compiled() -> None:
    _, ones = compiled(FILE)
    kernel, others = compiled(FILE, int64)
    assert kernel(3) == 2 * (24.0 + 4 * 3**0.5) + 1.0
    kinds = [str(c.signature.args[0]) for c in others["helper"]]
    assert kinds == ["float64", "int64"]
    assert others["helper"][0] is ones["helper"][0]


def test_what_cannot_be_compared_is_compiled() -> None:
    """A name that stands for a tuple of a kind that is not known here."""
    text = FILE.replace("SCALE = 2.0", "SCALES = (2.0, 3.0)").replace("SCALE *", "SCALES[0] *")
    first, ones = compiled(text)
    second, others = compiled(text)
    assert ones["helper"][0] is not others["helper"][0]
    assert ones["inner"][0] is others["inner"][0]
    assert first(3.0) == second(3.0)


def test_functions_with_variables_of_others_are_compiled() -> None:
    def scaled(factor: float) -> Any:
        def times(x: Any) -> Any:
            return factor * x

        return njit(times)

    def kernel_of(helper: Any) -> Any:
        space = {"helper": helper}
        exec("def kernel(x):\n    return helper(x)\n", space)
        kernel = njit(space["kernel"])
        compile_entrance(kernel, (float64,))
        return kernel

    assert [kernel_of(scaled(f))(1.5) for f in (2.0, 3.0)] == [3.0, 4.5]


def test_a_kernel_of_shared_helpers_is_the_same_machine_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names of functions apart, which carry a running number."""
    compiled(FILE)
    shared_one, _ = compiled(FILE)
    monkeypatch.setattr(shared, "_key", lambda helper: None)
    alone, _ = compiled(FILE)
    texts = []
    for kernel in (shared_one, alone):
        (result,) = kernel.overloads.values()
        lines = result.library.get_asm_str().splitlines()
        texts.append(
            [line.split()[0] for line in lines if line.startswith("\t") and "." not in line[:2]]
        )
    assert texts[0] == texts[1]


MODELS = """
import sys
import warnings

import numpy as np

from codegen_ad import differentiate, least_squares
from codegen_ad.errors import CacheWarning

warnings.simplefilter("error", CacheWarning)


def growth(p, x, y):
    return p[0] * np.exp(p[1] * x) - y


def wave(p, x, y):
    return p[0] * np.exp(np.sin(p[1] * x)) - y


x = np.linspace(0.0, 1.0, 9)
for model in map(vars().get, sys.argv[1:]):
    fit = least_squares(differentiate(model), np.array([1.0, 1.0]), (x, model([2.0, 0.5], x, 0.0)))
    np.testing.assert_allclose(fit.x, [2.0, 0.5], rtol=1e-6)
"""


def test_a_later_process_needs_no_other_kernel(tmp_path: Path) -> None:
    """It finds machine code that was compiled with the helpers of another kernel."""
    program, folder = tmp_path / "models.py", tmp_path / "cache"
    program.write_text(MODELS, encoding="utf-8")
    folder.mkdir(mode=0o700)
    known = os.environ | {"CODEGEN_AD_CACHE": str(folder)}
    for models in (["growth", "wave"], ["wave"], ["growth"]):
        command = [sys.executable, str(program), *models]
        ended = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        codes = sorted(p.name for p in folder.rglob("*.nbc"))
        assert len(codes) == 2, codes
