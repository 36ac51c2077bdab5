"""LLVM is told which arrays share no memory: only of those that can't, and to some use."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.backends.matrix_functions import with_more_room
from codegen_ad.runtime import disjoint

KERNELS = """
import numpy as np
from numba import njit

@njit
def same(x):
    return x

@njit(forceinline=True)
def first_row(x):
    return x[0]

@njit
def set_first(x, value):
    x[0] = value

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def written_then_read(x, y):
    n = x.shape[0]
    out = np.empty(n)
    for i in range(n):
        out[i] = x[i]
        y[i] = out[i] + 1.0
        out[i] += x[i]
    return out

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def several_filled(x, y):
    n = max(x.shape[0], 0)
    first = np.empty(n)
    second = np.empty(n)
    for i in range(n):
        first[i] = x[i] * y[i]
        second[i] = first[i] - x[i]
    return first, second

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def views_of_views(x, y):
    n = x.shape[0]
    whole = np.zeros((3, 4, n))
    part = whole[1]
    row = part[2]
    turned = part.T
    rest = row[1:]
    for i in range(n - 1):
        whole[1, 2, i] = x[i]
        row[i] += 1.0
        rest[i] = row[i] * 0.5
        turned[i, 2] += rest[i] + part[2, i + 1]
        part[2, i + 1] -= y[i]
    return whole

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def names_that_change(x, y):
    n = x.shape[0]
    before = np.zeros(n)
    now = np.ones(n)
    kept = before
    for k in range(5):
        for i in range(n):
            before[i] = now[i] + x[i] * kept[i]
            kept[i] += 0.5
            now[i] -= before[i]
        before, now = now, before
    return kept + now

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def made_in_a_loop(x, y):
    n = x.shape[0]
    old = np.ones(n)
    for k in range(4):
        new = np.empty(n)
        for i in range(n):
            new[i] = old[i] * x[i]
            old[i] += new[i]
        for i in range(n - 1):
            new[i] += old[i + 1]
        old = new
    return old

@njit
def with_more_room(rows):
    longer = np.empty(4 * rows.shape[0])
    for k in range(rows.shape[0]):
        longer[k] = rows[k]
    return longer

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def grown(x, y):
    steps = np.ones(2)
    first = steps
    for i in range(x.shape[0]):
        if i == steps.shape[0]:
            steps = with_more_room(steps)
        steps[i] = x[i]
        first[0] += 0.5 * steps[i]
        y[i] += steps[0] + first[0]
    return steps[:2] + first

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def either(x, y):
    n = x.shape[0]
    a = np.zeros(n)
    b = a if x[0] > y[0] else y
    c = y if x[0] > y[0] else a
    for i in range(n - 1):
        a[i] = x[i] + b[i]
        b[i + 1] = 0.1 * a[i] * c[i]
        c[i] += 0.1 * (b[i + 1] + a[i])
    return a

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def through_functions(x, y):
    n = x.shape[0]
    a = np.zeros((2, n))
    b = same(a)
    c = first_row(b)
    d = same(y)
    for i in range(n):
        a[0, i] = x[i]
        c[i] += 1.0
        b[0, i] = 0.5 * (c[i] + a[0, i]) - 0.2 * x[i]
        y[i] = a[0, i]
        d[i] += 0.1 * y[i]
        set_first(c, 0.1 * d[i])
    return b

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def in_a_tuple(x, y):
    n = x.shape[0]
    a = np.zeros(n)
    both = (a, y)
    for i in range(n):
        a[i] = x[i]
        both[0][i] += 1.0
        both[1][i] = a[i] + y[i]
        y[i] += both[0][i]
    return a

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def places_in_an_array(x, y):
    n = x.shape[0]
    a = np.zeros(n)
    place = np.zeros((), dtype=np.int64)
    for i in range(n):
        place[()] = n - 1 - i
        a[place[()]] = x[i]
        a[place] += 0.5 * y[i]
    return a

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def step(x, y):
    n = x.shape[0]
    out = np.empty(n)
    for i in range(n):
        out[i] = x[i] * 0.5
    for i in range(n):
        out[i] += y[i] + x[n - 1 - i]
    return out

@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def what_it_made_is_given_to_it(x, y):
    for k in range(6):
        x = step(x, x)
        y = step(x, y)
    return y
"""

NAMES = tuple(re.findall(r"nogil[^\n]*\ndef (\w+)", KERNELS))


def _module(text: str, path: Path) -> ModuleType:
    """A module with functions that nothing has compiled yet."""
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # numba's pickles name it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Functions as hard as a kernel could be, compiled as kernels are."""
    module = _module(KERNELS, tmp_path_factory.mktemp("kernels") / "kernels_that_share.py")
    disjoint.tell(module)
    return module


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_arrays_that_share_memory_are_read_as_they_are(
    kernels: ModuleType, name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where arguments are the same array, or overlap: as Python runs it, one by one."""
    function: Any = getattr(kernels, name)
    pairs: list[Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = [
        lambda memory: (memory[:size], memory[size : 2 * size]),
        lambda memory: (memory[size : 2 * size], memory[:size]),
        lambda memory: (memory[:size], memory[:size]),
        lambda memory: (memory[:size], memory[1 : size + 1]),
        lambda memory: (memory[1 : size + 1], memory[:size]),
    ]
    for pair in pairs:
        memory = np.random.default_rng(size).uniform(-0.5, 0.5, 2 * size + 1)
        copied = memory.copy()
        found = function(*pair(memory))
        with monkeypatch.context() as plain:
            for other in vars(kernels).values():
                if hasattr(other, "py_func"):
                    plain.setattr(kernels, other.__name__, other.py_func)
            expected = function.py_func(*pair(copied))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-300)
        np.testing.assert_allclose(memory, copied, rtol=1e-11, atol=1e-300)


def _origins(function: Any) -> dict[str, set[str]]:
    """Where the arrays of a function may lie, variables by their names in the text."""
    from numba.core import compiler, lowering

    found: dict[str, Any] = {}
    plain = compiler.Compiler

    class Looking(plain):  # type: ignore[misc, valid-type]
        pass

    wrapped = lowering.Lower.lower_normal_function

    def look(self: Any, fndesc: Any) -> None:
        if fndesc.qualname.endswith(function.__name__):
            found.update(disjoint._origins(self.blocks, self.typeof))
        wrapped(self, fndesc)

    lowering.Lower.lower_normal_function = look
    try:
        from numba import float64, njit

        njit((float64[::1], float64[::1]))(function.py_func)
    finally:
        lowering.Lower.lower_normal_function = wrapped
    merged: dict[str, set[str]] = {}
    for name, places in found.items():
        if not name.startswith("$"):
            merged.setdefault(name.split(".")[0], set()).update(places)
    return merged


def test_where_arrays_may_lie(kernels: ModuleType) -> None:
    found = _origins(kernels.views_of_views)
    assert len(found["whole"]) == 1
    assert found["whole"] == found["part"] == found["row"] == found["turned"] == found["rest"]
    assert found["x"] == found["y"] == {disjoint._ARGUMENTS}
    found = _origins(kernels.names_that_change)
    assert found["before"] == found["now"] > found["kept"]
    assert len(found["before"]) == 2
    found = _origins(kernels.made_in_a_loop)
    assert found["old"] > found["new"]
    found = _origins(kernels.grown)
    assert disjoint._ANYWHERE not in found["steps"] > found["first"]
    assert with_more_room.__name__ == disjoint._BROUGHT
    found = _origins(kernels.either)
    assert found["b"] == found["c"] == found["a"] | {disjoint._ARGUMENTS}
    found = _origins(kernels.through_functions)
    assert found["b"] == found["c"] == found["d"] == {disjoint._ANYWHERE}


def test_no_ends_of_arrays_are_compared(kernels: ModuleType, tmp_path: Path) -> None:
    x, y = np.arange(8.0), np.ones(8)
    plain = _module(KERNELS, tmp_path / "kernels_as_numba_has_them.py")
    counts: list[int] = []
    for module in (kernels, plain):
        module.several_filled(x, y)
        llvm = module.several_filled.inspect_llvm(module.several_filled.signatures[0])
        assert "<4 x double>" in llvm or "<2 x double>" in llvm or "<8 x double>" in llvm
        counts.append(len(re.findall("^vector.memcheck", llvm, re.MULTILINE)))
        groups = re.findall(r"^define [^@]*@_ZN[^(]*several_filled.*#(\d+)", llvm, re.MULTILINE)
        texts = [t for g in groups for t in re.findall(f"attributes #{g} = {{.*}}", llvm)]
        # Scopes are true of one call.
        assert any(" noinline " in t for t in texts) == (module is kernels)
    assert counts[0] == 0 < counts[1]


def scaled(A, start, seen):  # type: ignore[no-untyped-def]
    state, total = start, 0.0
    for t in range(len(seen)):
        state = (state @ A) * seen[t]
        scale = state.sum()
        state = state / scale
        total += np.log(scale)
    return total


CHAIN = (
    np.random.default_rng(0).uniform(0.1, 1.0, (6, 6)),
    np.full(6, 1 / 6),
    np.linspace(0.5, 1.0, 40),
)


def test_kernels_are_told_and_what_they_call_is_not(kernels: ModuleType) -> None:
    for name, function in vars(kernels).items():
        base = getattr(getattr(function, "_compiler", None), "pipeline_class", None)
        assert hasattr(base, "is_told") == (name in NAMES)
    loss = differentiate(scaled, wrt=("A", "start"))
    loss.value_and_grad(*CHAIN)
    told: Any = loss.kernels.latest("value_and_grad").compiled.function  # type: ignore[union-attr]
    assert hasattr(told._compiler.pipeline_class, "is_told")

    @differentiate
    def shared_by_threads(p, x):  # type: ignore[no-untyped-def]
        return np.exp(p * x).sum()

    shared_by_threads.value_and_grad(0.5, np.ones(3))
    plain: Any = shared_by_threads.kernels.latest("value_and_grad").compiled.function  # type: ignore[union-attr]
    assert not hasattr(plain._compiler.pipeline_class, "is_told")


def test_a_kernel_run_by_itself_comes_to_the_same(tmp_path: Path) -> None:
    """A file has no scopes then; only how products and sums meet may differ."""
    loss = differentiate(scaled, wrt=("A", "start"))
    value, gradients = loss.value_and_grad(*CHAIN)
    text = Path(loss.source_path()).read_text()
    other_value, *others = _module(text, tmp_path / "alone.py").scaled_value_and_grad(*CHAIN)
    np.testing.assert_allclose(value, other_value, rtol=1e-13)
    for ours, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-12)


def test_another_numba_compiles_as_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> ModuleType:
        raise ImportError(name)

    disjoint._pipeline.cache_clear()
    disjoint._lowering.cache_clear()
    monkeypatch.setattr(disjoint, "import_module", gone)
    try:

        def own_peak(p, x):  # type: ignore[no-untyped-def]
            return (p[0] * np.exp(-(((x - p[1]) / p[2]) ** 2))).sum()

        p, x = np.array([1.0, 0.1, 0.7]), np.linspace(0.0, 1.0, 20)
        found = differentiate(own_peak).value_and_grad(p, x)
    finally:
        disjoint._pipeline.cache_clear()
        disjoint._lowering.cache_clear()
    assert found[0] == pytest.approx(own_peak(p, x))
