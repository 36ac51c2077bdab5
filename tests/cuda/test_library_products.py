"""Products of large matrices: calls of a library between the kernels of one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import MissingDependency
from tests.cuda.device_runs import run
from tests.cuda.strict_cupy import StrictCupy
from tests.cuda.test_device_files import flat, named

if TYPE_CHECKING:
    from conftest import Golden

pytest.importorskip("greenlet", reason="the simulator needs it")

from codegen_ad.runtime.cuda.arrays import View
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.runtime.cuda.products import multiply
from codegen_ad.testing.lockstep import LockstepError
from codegen_ad.testing.simulated_driver import SimulatedDriver

GENERATED = Path(__file__).parent.parent.parent / "generated" / "cuda"
RANDOM = np.random.default_rng(4)


def network(first: Any, second: Any, x: Any, y: Any) -> Any:
    hidden = np.tanh(x @ first)
    return np.mean((hidden @ second - y) ** 2)


def words(table: Any, weights: Any, k: Any, y: Any) -> Any:
    return np.mean((np.tanh(table[k] @ weights) - y) ** 2)


def linear(w: Any, x: Any, y: Any) -> Any:
    return np.mean((x @ w - y) ** 2)


def normal(*shape: int) -> Any:
    return RANDOM.normal(size=shape)


NETWORK = normal(40, 30), normal(30, 7), normal(15, 40), normal(15, 7)
WORDS = normal(40, 9), normal(9, 20), RANDOM.integers(0, 40, 15), normal(15, 20)


@pytest.mark.every(2)
@pytest.mark.parametrize(
    ("function", "arguments", "mode"),
    [
        (network, NETWORK, "hvp"),
        (network, NETWORK, "jvp"),
        (words, WORDS, "value_and_grad"),
        (linear, (normal(150), normal(15, 150), normal(15)), "value_and_grad"),
    ],
)
def test_products_between_kernels(function: Any, arguments: tuple[Any, ...], mode: str) -> None:
    wrt = tuple(named(function, arguments))[: 1 if function is linear else 2]
    differentiated = differentiate(function, wrt=wrt)
    given = named(function, arguments)
    more: dict[str, Any] = {}
    if mode in ("jvp", "hvp"):
        more["tangent"] = tuple(normal(*given[n].shape) for n in wrt)
        given |= {f"t_{n}": t for n, t in zip(wrt, more["tangent"], strict=True)}
    text = differentiated.source(*arguments, mode=mode, target="cuda").plain
    # Tangents of rows stay in the row; so do products with one vector.
    assert ("PRODUCTS" in text) == (mode != "jvp" and function is not linear)
    assert "One block of" not in text
    found = run(text, given, orders=("forward",))
    expected = flat(getattr(differentiated, mode)(*arguments, **more))
    for ours, theirs in zip(found, expected, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=0, atol=2e-14 * scale)


def test_the_file_and_the_calls_of_a_network(golden: Golden, cache_folder: Any) -> None:
    function = differentiate(network, wrt=("first", "second"))
    text = function.source(*NETWORK, target="cuda").plain
    golden.check("generated/cuda/network_value_and_grad.py", text)
    expected = flat(function.value_and_grad(*NETWORK))
    found = run(text, named(network, NETWORK), orders=("forward", 3))
    driver = SimulatedDriver()
    with using(driver.platform()):
        called = [flat(function.on("cuda").value_and_grad(*NETWORK)) for _ in range(2)]
        log = [entry.split()[0] for entry in driver.log]
        assert log.count("multiply") == 2 * text.count('"product"')
        assert {entry.split()[-1] for entry in driver.log if " on stream " in entry} == {"0"}
    for ours in (found, *called):
        for mine, theirs in zip(ours, expected, strict=True):
            bound = 2e-14 * np.abs(theirs).max()
            np.testing.assert_allclose(np.reshape(mine, theirs.shape), theirs, rtol=0, atol=bound)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    view = View.of(0, (0, 0), np.dtype("f8"))
    with pytest.raises(MissingDependency, match=r"cupy.*large products of matrices on a GPU") as e:
        multiply(view, view, view, (False, False), 0, 0)
    assert "codegen_ad[cuda-blas]" in str(e.value)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("left", "right", "transposed"),
    [
        ((5, 4), (4, 3), (False, False)),
        ((4, 5), (4, 3), (True, False)),
        ((5, 4), (3, 4), (False, True)),
        ((5, 4), (4,), (False, False)),
        ((4,), (4, 3), (False, False)),
        ((5, 0), (0, 3), (False, False)),
        ((0, 4), (4, 3), (False, False)),
    ],
)
def test_a_product_is_what_cupy_takes(
    left: Any, right: Any, transposed: tuple[bool, bool], dtype: str, monkeypatch: Any
) -> None:
    library = StrictCupy()
    monkeypatch.setitem(sys.modules, "cupy", library)
    a, b = normal(*left).astype(dtype), normal(*right).astype(dtype)
    wanted = (a.T if transposed[0] else a) @ (b.T if transposed[1] else b)
    out = np.full(wanted.shape, np.nan, dtype)
    views = [View.of(v.ctypes.data if v.size else 0, v.shape, v.dtype) for v in (out, a, b)]
    multiply(*views, transposed, 1, 77)
    np.testing.assert_array_equal(out, wanted)
    assert library.products == [(1, 77)]
    assert (library.devices, library.streams) == ([0], [0])


MUTATIONS = {
    "a factor that is not turned": ("value_1 @ second.T", "value_1 @ second"),
    "a factor that is turned": ("value_1 = hidden @ second", "value_1 = hidden.T @ second"),
    "another factor": ("d_second = hidden.T @", "d_second = d_hidden_1.T @"),
    "another result": ('"product": "d_first = x.T', '"product": "first = x.T'),
    "a product too early": (
        '"before": "network_value_and_grad_5",\n        "product": "d_first',
        '"before": "network_value_and_grad_1",\n        "product": "d_first',
    ),
    "a product too late": (
        '"before": "network_value_and_grad_2",\n        "product": "value_1',
        '"before": "network_value_and_grad_3",\n        "product": "value_1',
    ),
}


@pytest.mark.parametrize("mutation", ["", *MUTATIONS])
def test_a_mistake_in_a_product_is_found(mutation: str) -> None:
    old, new = MUTATIONS.get(mutation, ("", ""))
    text = (GENERATED / "network_value_and_grad.py").read_text(encoding="utf-8")
    assert old in text
    small = [normal(*s) for s in ((6, 5), (5, 3), (4, 6), (4, 3))]
    expected = flat(differentiate(network, wrt=("first", "second")).value_and_grad(*small))
    try:
        found = run(text.replace(old, new, 1), named(network, small), orders=("forward",))
    except (AssertionError, KeyError, LockstepError, ValueError):
        assert mutation
        return
    is_right = all(
        np.allclose(ours.reshape(theirs.shape), theirs, rtol=1e-6)
        for ours, theirs in zip(found, expected, strict=True)
    )
    assert is_right == (not mutation)
