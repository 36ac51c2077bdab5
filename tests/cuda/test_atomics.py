"""Sums at places that data name, by atomics: an option, since their last digits have no order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from codegen_ad import differentiate, minimize
from tests.cuda.device_runs import Failed, run
from tests.cuda.test_device_files import flat, named

if TYPE_CHECKING:
    from conftest import Golden

pytest.importorskip("greenlet", reason="the simulator needs it")

from codegen_ad.fit import on_device
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.testing.lockstep import LockstepError, OrderMatters
from codegen_ad.testing.simulated_driver import SimulatedDriver

RANDOM = np.random.default_rng(22)
N = 34


def random_effects(beta: Any, u: Any, x: Any, group: Any, y: Any) -> Any:
    r = y - x @ beta - u[group]
    return np.mean(r**2) + 0.1 * np.sum(u**2)


def slopes(u: Any, v: Any, group: Any, x: Any) -> Any:
    return np.sum(np.exp(u[group] + v[group] * x))


def in_branches(u: Any, k: Any, x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            for j in range(3):
                total += u[k[i], j] ** 2 * x[i]
        elif x[i] < -1:
            total += u[k[i], 0]
    return total


def beside_wide(w: Any, u: Any, x: Any, k: Any, y: Any) -> Any:
    return np.mean((x @ w + u[k] - y) ** 2)


def some_steps(u: Any, k: Any, x: Any) -> Any:
    v = u
    for _ in range(3):
        sums = np.zeros_like(u)
        np.add.at(sums, k, np.sin(v[k]) * x)
        v = v + 0.1 * sums
    return np.sum(v**2)


def normal(*shape: int) -> Any:
    return RANDOM.normal(size=shape)


def below(count: int, *shape: int) -> Any:
    return RANDOM.integers(-count, count, shape)  # negative ones count from the end


EFFECTS = normal(2), normal(150), normal(N, 2), below(150, N), normal(N)
CASES: tuple[tuple[Any, tuple[str, ...], str, tuple[Any, ...]], ...] = (
    (slopes, ("u", "v"), "hvp", (normal(150), normal(150), below(150, N), normal(N))),
    (in_branches, (), "value_and_grad", (normal(50, 3), below(50, N), 2 * normal(N))),
    (
        beside_wide, ("w", "u"), "value_and_grad",
        (normal(140), normal(150), normal(N, 140), below(150, N), normal(N)),
    ),
    (some_steps, (), "value_and_grad", (normal(150), below(150, N), normal(N))),
)  # fmt: skip


@pytest.mark.parametrize(("function", "wrt", "mode", "arguments"), CASES)
def test_atomic_sums_are_those_of_the_processor(
    function: Any, wrt: tuple[str, ...], mode: str, arguments: tuple[Any, ...]
) -> None:
    differentiated = differentiate(function, wrt=wrt, atomics=True)
    given = named(function, arguments)
    more: dict[str, Any] = {}
    if mode in ("jvp", "hvp"):
        tangents = {n: normal(*given[n].shape) for n in wrt or [next(iter(given))]}
        given |= {f"t_{n}": t for n, t in tangents.items()}
        more["tangent"] = tuple(tangents.values()) if wrt else next(iter(tangents.values()))
    text = differentiated.source(*arguments, mode=mode, target="cuda").plain
    assert "cuda.atomic.add(" in text.replace("cuda.atomic.add(counter", "")
    assert "last digits of" in text
    assert "tallies" not in text
    expected = flat(getattr(differentiated, mode)(*arguments, **more))
    for order in ("forward", 3):
        found = run(text, given, orders=(order,))
        for ours, theirs in zip(found, expected, strict=True):
            bound = 2e-14 * np.abs(theirs).max()
            np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=0, atol=bound)


def test_the_file_of_random_effects(golden: Golden) -> None:
    function = differentiate(random_effects, wrt=("beta", "u"), atomics=True)
    text = function.source(*EFFECTS, target="cuda").plain
    golden.check("generated/cuda/random_effects_atomics_value_and_grad.py", text)
    given = named(random_effects, EFFECTS)
    # Sums of whole numbers have the same bits in any order; others don't.
    whole = {n: v if n == "group" else np.rint(4 * v) for n, v in given.items()}
    for mine, orders in ((whole, ("forward", "reverse", 3)), (given, ("forward",))):
        found = run(text, mine, orders=orders)
        expected = flat(function.value_and_grad(*mine.values()))
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-13, atol=1e-16)
    crowded = {**given, "group": given["group"] % 3}
    with pytest.raises(OrderMatters):
        run(text, crowded, orders=("forward", "reverse", 3))
    with pytest.raises(Failed, match="line 2: index is out of bounds for axis 0"):
        run(text, {**given, "group": given["group"] + 150}, orders=("forward",))


def test_an_addition_that_is_no_atomic_is_found() -> None:
    function = differentiate(random_effects, wrt=("beta", "u"), atomics=True)
    text = function.source(*EFFECTS, target="cuda").plain
    start = text.index("cuda.atomic.add(d_u, ")
    place, value = text[start:].split("\n")[0].removeprefix("cuda.atomic.add(d_u, ").split(", ")
    broken = text.replace(text[start:].split("\n")[0], f"d_u[{place}] += {value.rstrip(')')}")
    crowded = named(random_effects, EFFECTS) | {"group": np.zeros(N, int)}
    with pytest.raises(LockstepError):
        run(broken, crowded, orders=("forward",))


def test_the_option_is_for_files_of_a_gpu_and_for_large_arrays_alone() -> None:
    small = EFFECTS[0], normal(20), EFFECTS[2], EFFECTS[3] % 20, EFFECTS[4]
    for arguments, target in ((small, "cuda"), (EFFECTS, "cpu")):
        texts = [
            differentiate(random_effects, wrt=("beta", "u"), atomics=atomics)
            .source(*arguments, target=target)
            .plain
            for atomics in (False, True)
        ]
        assert texts[0] == texts[1]


def by_place(p: Any, a: Any, x: Any, c: Any) -> Any:
    sums = np.bincount(a, weights=p[0] * np.exp(p[1] * x), minlength=len(c))
    return np.mean((sums - c) ** 2)


def test_a_fit_with_atomic_sums(cache_folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_device, "WARP_ROWS", 16)
    data = abs(below(150, N)), normal(N), normal(150)
    function = differentiate(by_place, atomics=True)
    start = np.array([0.5, 0.1])
    text = function.source(start, *data, mode="fit:gd:block", target="cuda").plain
    assert "cuda.atomic.add(" in text
    options: dict[str, Any] = {"method": "gd", "learning_rate": 0.1, "steps": 4}
    wanted = minimize(function, start, data, **options)
    with using(SimulatedDriver().platform()):
        found = minimize(function, start, data, target="cuda", **options)
    np.testing.assert_allclose(found.x, wanted.x, rtol=1e-12)
