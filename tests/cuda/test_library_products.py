"""Products of large matrices: calls of a library between the kernels of one file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import MissingDependency
from tests.cuda.device_runs import run
from tests.cuda.test_device_files import flat, named

if TYPE_CHECKING:
    from conftest import Golden

pytest.importorskip("greenlet", reason="the simulator needs it")

from codegen_ad.runtime.cuda.arrays import View
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.runtime.cuda.products import multiply
from codegen_ad.testing.simulated_driver import SimulatedDriver

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
