"""Sums at places that data name: rows are sorted by place, and a warp adds up those of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.cuda.device_runs import Failed, run
from tests.cuda.test_device_files import flat, named

if TYPE_CHECKING:
    from conftest import Golden

pytest.importorskip("greenlet", reason="the simulator needs it")

from codegen_ad.runtime.cuda.devices import using
from codegen_ad.testing.lockstep import ORDERS, LockstepError, OrderMatters, agree, load
from codegen_ad.testing.simulated_driver import SimulatedDriver

RANDOM = np.random.default_rng(21)
N = 34


def random_effects(beta: Any, u: Any, x: Any, group: Any, y: Any) -> Any:
    r = y - x @ beta - u[group]
    return np.mean(r**2) + 0.1 * np.sum(u**2)


def embedding(theta: Any, k: Any, x: Any, y: Any) -> Any:
    return np.mean((np.sum(theta[k] * x, axis=1) - y) ** 2)


def slopes(u: Any, v: Any, group: Any, x: Any) -> Any:
    return np.sum(np.exp(u[group] + v[group] * x))


def pairs(s: Any, winner: Any, loser: Any) -> Any:
    return np.sum(np.logaddexp(0, s[loser] - s[winner]))


def table_of_sums(w: Any, a: Any, b: Any, c: Any) -> Any:
    sums = np.zeros_like(c)
    np.add.at(sums, (a, b), w**2)
    return np.sum((sums - c) ** 2)


def counted(w: Any, a: Any, c: Any) -> Any:
    return np.sum((np.bincount(a, weights=w, minlength=len(c)) - c) ** 2)


def indices_of_two_axes(u: Any, k: Any, x: Any) -> Any:
    return np.sum(np.sin(u[k]) * x)


def softmax(t: Any, k: Any, y: Any) -> Any:
    z = t[k]
    m = z.max(axis=1)
    return np.mean(m + np.log(np.exp(z - m[:, None]).sum(axis=1)) - z[np.arange(len(y)), y])


def factors(a: Any, b: Any, i: Any, j: Any, y: Any) -> Any:
    return np.mean((np.sum(a[i] * b[j], axis=1) - y) ** 2)


def normal(*shape: int) -> Any:
    return RANDOM.normal(size=shape)


def below(count: int, *shape: int) -> Any:
    return RANDOM.integers(-count, count, shape)  # negative ones count from the end


EFFECTS = normal(2), normal(150), normal(N, 2), below(150, N), normal(N)
CASES: tuple[tuple[Any, tuple[str, ...], str, tuple[Any, ...]], ...] = (
    (slopes, ("u", "v"), "hvp", (normal(150), normal(150), below(150, N), normal(N))),
    (counted, (), "jvp", (normal(N), abs(below(140, N)), normal(140))),
    (pairs, (), "value_and_grad", (normal(150), below(150, N), below(150, N))),
    (
        table_of_sums, (), "value_and_grad",
        (normal(N), below(13, N), below(12, N), normal(13, 12)),
    ),
    (indices_of_two_axes, (), "jacobian", (normal(150), below(150, 20, 2), normal(20, 2))),
    (softmax, (), "value_and_grad", (normal(50, 4), below(50, 20), below(4, 20))),
    (factors, ("a", "b"), "value_and_grad", (
        normal(50, 3), normal(60, 3), below(50, N), below(60, N), normal(N),
    )),
)  # fmt: skip


@pytest.mark.every(2)
@pytest.mark.parametrize(("function", "wrt", "mode", "arguments"), CASES)
def test_sums_at_places_are_those_of_the_processor(
    function: Any, wrt: tuple[str, ...], mode: str, arguments: tuple[Any, ...]
) -> None:
    differentiated = differentiate(function, wrt=wrt)
    given = named(function, arguments)
    more: dict[str, Any] = {}
    if mode in ("jvp", "hvp"):
        tangents = {n: normal(*given[n].shape) for n in wrt or [next(iter(given))]}
        given |= {f"t_{n}": t for n, t in tangents.items()}
        more["tangent"] = tuple(tangents.values()) if wrt else next(iter(tangents.values()))
    text = differentiated.source(*arguments, mode=mode, target="cuda").plain
    assert "One block of" not in text
    assert "begins" in text
    assert text.count("tally = ") == 1  # one sort, of whatever keys
    found = run(text, given, orders=("forward",))
    expected = flat(getattr(differentiated, mode)(*arguments, **more))
    for ours, theirs in zip(found, expected, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=0, atol=2e-14 * scale)


def test_the_file_of_random_effects(golden: Golden) -> None:
    function = differentiate(random_effects, wrt=("beta", "u"))
    text = function.source(*EFFECTS, target="cuda").plain
    golden.check("generated/cuda/random_effects_value_and_grad.py", text)
    given = named(random_effects, EFFECTS)
    found = run(text, given, orders=("forward", 3))
    for ours, theirs in zip(found, flat(function.value_and_grad(*EFFECTS)), strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-13, atol=1e-16)
    for rows in (0, 1):  # no row adds to most places, or to any
        few = {n: v[:rows] if n in ("x", "group", "y") else v for n, v in given.items()}
        found = run(text, few, orders=("forward",))
        if rows:
            for ours, theirs in zip(
                found, flat(function.value_and_grad(*few.values())), strict=True
            ):
                np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-14)
        else:
            np.testing.assert_allclose(found[2], 0.2 * given["u"], rtol=1e-15)
    with pytest.raises(Failed, match="line 2: index is out of bounds for axis 0"):
        run(text, {**given, "group": given["group"] + 150}, orders=("forward",))


def test_the_file_of_an_embedding_in_single_precision(golden: Golden) -> None:
    arguments = normal(70, 3).astype("f4"), below(70, N), *(
        normal(*s).astype("f4") for s in ((N, 3), (N,))
    )  # fmt: skip
    function = differentiate(embedding)
    text = function.source(*arguments, target="cuda").plain
    golden.check("generated/cuda/embedding_f4_value_and_grad.py", text)
    found = run(text, named(embedding, arguments), orders=("forward", 3))
    wide = [a.astype("f8") if a.dtype == "f4" else a for a in arguments]
    for ours, theirs in zip(found, flat(function.value_and_grad(*wide)), strict=True):
        # Each sum has a few terms, none of which cancel to less than a hundredth of the largest.
        bound = 8 * np.finfo("f4").eps * np.abs(theirs).max()
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=0, atol=bound)


def test_calls_find_their_counters_as_they_were(cache_folder: Any) -> None:
    driver = SimulatedDriver()
    function = differentiate(random_effects, wrt=("beta", "u"))
    expected = flat(function.value_and_grad(*EFFECTS))
    with using(driver.platform()):
        for _ in range(2):
            found = flat(function.on("cuda").value_and_grad(*EFFECTS))
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-16)


# The order of rows --------------------------------------------------------------------------------


def sorted_rows(text: str, keys: Any, places: int, blocks: int, orders: Any) -> tuple[Any, Any]:
    """The order of rows, and where each place begins, by a file's kernel."""
    file = load(text)
    name = next(n for n, k in file.names["KERNELS"].items() if "tallies" in k["arguments"])
    order = np.full(len(keys), -1)
    begins = np.full(places + 1, -1)
    room = np.full((128, 256), -1)
    values = [keys, order, order.copy(), begins, room, np.zeros(1, np.int32)]
    found = agree(file, name, blocks, 256, values, orders=orders)
    assert found[-1][0] == 0
    return found[1], found[3]


@pytest.fixture(scope="module")
def file() -> str:
    function = differentiate(random_effects, wrt=("beta", "u"))
    return function.source(*EFFECTS, target="cuda").plain


@pytest.mark.parametrize(
    ("rows", "places", "blocks", "orders"),
    [(300, 7, 2, ORDERS), (270, 70_000, 2, ("forward",))],
)
def test_rows_of_one_place_keep_their_order(
    file: str, rows: int, places: int, blocks: int, orders: Any
) -> None:
    keys = RANDOM.integers(0, places, rows)
    order, begins = sorted_rows(file, keys, places, blocks, orders)
    np.testing.assert_array_equal(order, np.argsort(keys, kind="stable"))
    np.testing.assert_array_equal(begins, np.searchsorted(np.sort(keys), np.arange(places + 1)))


MUTATIONS = {
    "no barrier behind the counts of warps": (
        "            cuda.syncwarp()\n        cuda.syncthreads()\n        total = 0",
        "        total = 0",
    ),
    "no barrier of the grid": ("(counter, 0, 0) < expected:", "(counter, 0, 0) < 0:"),
    "no fence before the count": (
        "            cuda.threadfence()\n            cuda.atomic",
        "            cuda.atomic",
    ),
    "no barrier before places are used": (
        "        place[thread] = before + total\n        cuda.syncthreads()",
        "        place[thread] = before + total",
    ),
    "a tally changes while lanes read it": (
        "                target[place[digit] + ahead] = row\n            cuda.syncwarp()",
        "                target[place[digit] + ahead] = row",
    ),
    "rows of a warp in the order of the highest bit": ("((1 << lane) - 1)", "(1 << lane)"),
    "a block too many": ("cuda.selp(k < block, count, 0)", "cuda.selp(k <= block, count, 0)"),
    "a digit that is not looked at": ("while shift < 8 * digits:", "while shift < 8:"),
    "a place without an end": ("for key in range(low, high + 1)", "for key in range(low, high)"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_simulator_finds_what_the_sort_lacks(file: str, mutation: str) -> None:
    old, new = MUTATIONS[mutation]
    assert old in file
    keys = RANDOM.integers(0, 300, 70)
    try:
        order, begins = sorted_rows(file.replace(old, new), keys, 300, 2, ("forward",))
    except (LockstepError, OrderMatters):
        return
    is_sorted = np.array_equal(order, np.argsort(keys, kind="stable"))
    assert not is_sorted or -1 in begins


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("begins[group_2 + u64(1)]", "begins[group_2]"),  # the end of a place
        ("u64(start) + turn", "turn"),  # rows of another place
        ("        if lane == 0:\n            d_u", "        if lane < 2:\n            d_u"),
        ("turn += u64(32)", "turn += u64(64)"),
    ],
)
def test_the_simulator_finds_what_the_sums_lack(file: str, old: str, new: str) -> None:
    assert old in file
    given = named(random_effects, EFFECTS) | {"group": np.array([0] + [1] * (N - 1))}
    function = differentiate(random_effects, wrt=("beta", "u"))
    try:
        found = run(file.replace(old, new), given, orders=("forward",))
    except LockstepError:
        return
    expected = flat(function.value_and_grad(*given.values()))
    assert not np.allclose(found[2], expected[2], rtol=1e-6)
