"""Rows that pick at places from data, in passes: the same numbers, and the same first error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.workloads.bundle import bundle, bundle_data
from codegen_ad import differentiate
from codegen_ad.plan.tiling import passes, tiles
from codegen_ad.testing import check_grad
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted
from tests.end_to_end.test_tiles import flat, text_of

G = 23  # more than are written out


def ability(t, d, who, what, y):
    z = t[who] - d[what]
    return (np.logaddexp(0, z) - y * z).sum()


def chained(t, first, second, y):
    """A place that is picked itself, and the row's own gradient."""
    z = t[second[first]]
    return (np.tanh(z * y) * np.exp(-(y**2)) + np.sin(z + y)).sum()


def between(t, x):
    """Places that are computed from data, beside numbers that are, too."""
    i = np.floor(x).astype(int)
    part = x - i
    v = t[i] * (1 - part) + t[i + 1] * part
    return (np.exp(-(v**2)) * np.sin(3 * v) + np.log1p(v**2)).sum()


def many(t, a, b, c, d, e, f, who):
    """More arrays than LLVM compares."""
    z = np.tanh(t[who] * a + b) * np.exp(-(c**2)) + np.sin(d) * e + np.cos(f * a)
    return (z * np.exp(-(z**2))).sum()


def own_and_other(x, who):
    """One array that is added to at the row's place and at others."""
    return (np.exp(-(x**2)) * np.sin(x[who]) + np.tanh(x * x[who])).sum()


def kinds(t, count, who, y):
    """Integers and truth values that go from pass to pass."""
    z, times = t[who], count[who]
    chosen = np.where(z > y, np.exp(-z) * times, np.sin(z) ** 2 + times)
    return np.where((times > 2) & (z > 0), chosen * np.tanh(z), chosen).sum()


def branched(t, who, y):
    """A branch in a row stays a branch."""
    total = 0.0
    for k in range(len(y)):
        z = t[who[k]]
        if y[k] > 0:
            total += np.exp(-z * y[k]) * np.sin(z)
        else:
            total += np.log1p(z * z) * np.tanh(y[k] - z)
    return total


def places(rng: np.random.Generator, n: int) -> Any:
    return rng.integers(-G, G, n)


def arguments(function: Any, n: int, dtype: str = "f8") -> tuple[Any, ...]:
    rng = np.random.default_rng(n)

    def real(size: int) -> Any:
        return rng.normal(size=size).astype(dtype)

    match function.__name__:
        case "ability":
            return real(G), real(G), places(rng, n), places(rng, n), real(n)
        case "chained":
            return real(G), places(rng, n), places(rng, G), real(n)
        case "between":
            return real(G), (rng.random(n) * (G - 2)).astype(dtype)
        case "many":
            return real(G), *(real(n) for _ in range(6)), places(rng, n)
        case "own_and_other":
            return real(n), rng.integers(-n, n, n) if n else places(rng, 0)
        case "kinds":
            return real(G), rng.integers(0, 5, G), places(rng, n), real(n)
        case "branched":
            return real(G), places(rng, n), real(n)
        case _:
            made = bundle_data(n, 3, G)
            return (*(m.astype(dtype) if m.dtype == float else m for m in made),)


CASES: list[tuple[Any, tuple[str, ...]]] = [
    (ability, ("t", "d")),
    (chained, ("t", "y")),
    (between, ("t",)),
    (many, ("t", "a", "b", "c", "d")),
    (own_and_other, ("x",)),
    (kinds, ("t", "y")),
    (branched, ("t", "y")),
    (bundle, ("cameras", "points", "weights")),
]
NAMES = [case[0].__name__ for case in CASES]
IN_PASSES = [c for c in CASES if c[0] is not branched]


def without(*_: Any) -> None:
    """No loop in passes."""


@pytest.mark.every(2)
@pytest.mark.parametrize("mode", ["value_and_grad", "value"])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_passes_give_what_one_loop_gives(
    case: Any, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, wrt = case
    args = arguments(function, 200)
    whole = Case(function, lambda n, rng: args, wrt)
    found = passes.REMARK in text_of(function, args, wrt, mode)
    assert found == (case in IN_PASSES)
    if mode == "value":
        return
    in_passes = interpreted(whole, args)
    monkeypatch.setattr(tiles, "in_passes", without)
    in_one = interpreted(whole, args)
    assert passes.REMARK not in text_of(function, args, wrt, mode)
    for n in (0, 1, 63, 64, 65, 130):
        given = arguments(function, n)
        np.testing.assert_allclose(
            flat(in_passes(*given)), flat(in_one(*given)), rtol=1e-12, atol=1e-12
        )


COMPILED = [c for c in CASES if c[0] in (own_and_other, kinds, many)]


@pytest.mark.every(3)
@pytest.mark.parametrize("case", COMPILED, ids=[c[0].__name__ for c in COMPILED])
def test_compiled_passes_are_right(case: Any) -> None:
    """Against differences."""
    function, wrt = case
    found = differentiate(function, wrt=wrt)
    args = arguments(function, 131)
    check_grad(found, *args)
    value, _ = found.value_and_grad(*args)
    np.testing.assert_allclose(value, function(*args), rtol=1e-12)


@pytest.mark.thorough
def test_single_precision_strides_and_other_derivatives() -> None:
    found = differentiate(ability, wrt=("t", "d"))
    args = arguments(ability, 130, "f4")
    wide = tuple(np.float64(a) if a.dtype == np.float32 else a for a in args)
    expected = flat(found.value_and_grad(*wide))
    single = flat(found.value_and_grad(*args))
    np.testing.assert_allclose(single, expected, rtol=0, atol=1e-6 * abs(expected).max())
    t, d, who, what, y = wide
    strided = (t, np.repeat(d, 2)[::2], np.repeat(who, 3)[::3], what, np.repeat(y, 2)[::2])
    np.testing.assert_allclose(flat(found.value_and_grad(*strided)), expected, rtol=1e-12)
    rng = np.random.default_rng(1)
    directions = rng.normal(size=G), rng.normal(size=G)
    step = 1e-6
    up, down = (
        flat(found.grad(t + h * directions[0], d + h * directions[1], who, what, y))
        for h in (step, -step)
    )
    product = flat(found.hvp(*wide, tangent=directions))
    np.testing.assert_allclose(product, (up - down) / (2 * step), rtol=1e-5, atol=1e-7)


def test_the_order_of_sums_at_places_is_that_of_the_rows() -> None:
    """Large terms that cancel leave what came between them, or not."""

    def weighed(t: Any, who: Any, y: Any) -> Any:
        return (t[who] * y + 0.0 * np.exp(t[who]) * np.sin(t[who])).sum()

    rng = np.random.default_rng(0)
    y = rng.choice([1e16, -1e16, 1.0, 3.0, 0.1], 500)
    who = rng.integers(0, 3, 500)
    expected = np.zeros(G)
    np.add.at(expected, who, y)
    found = differentiate(weighed, wrt="t")
    np.testing.assert_array_equal(found.grad(np.zeros(G), who, y), expected)


@pytest.mark.every(2)
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads: int) -> None:
    args = arguments(bundle, 30_000)
    wrt = ("cameras", "points", "weights")
    one, several = (
        differentiate(bundle, wrt=wrt, threads=count).value_and_grad(*args)
        for count in (1, threads)
    )
    np.testing.assert_array_equal(flat(one), flat(several))


def late_and_early(t, d, who, what, y):
    z = np.tanh(t[who] * y)
    return (np.exp(-z) + np.sin(z) * np.log1p(d[what] ** 2)).sum()


@pytest.mark.parametrize("mode", ["value", "value_and_grad"])
@pytest.mark.parametrize(
    ("who_at", "what_at", "line"), [(100, 90, 3), (90, 100, 2), (90, 90, 2), (None, 129, 3)]
)
def test_the_first_row_that_fails_is_reported(
    mode: str, who_at: int | None, what_at: int, line: int
) -> None:
    """And of one row the first check in the order of the function."""
    args = arguments(ability, 130)
    for place, at in ((args[2], who_at), (args[3], what_at)):
        if at is not None:
            place[at] = G
    wrt = ("t", "d")
    assert passes.REMARK in text_of(late_and_early, args, wrt, mode)
    run = interpreted(Case(late_and_early, lambda n, rng: args, wrt), args)
    with pytest.raises(IndexError, match=f"line {line}: index is out of bounds"):
        run(*args)


def two_for_each(t, who, y):
    """Rows fill one array at several places."""
    z = t[who] * y
    both = np.stack([np.exp(-(z**2)) * np.sin(z), np.tanh(z) + np.log1p(z**2)], axis=1)
    return np.concatenate([both.ravel(), y * np.cos(z)])


def last_one_stays(t, who, y):
    """Several rows write at one place: the last one is what stays."""
    out = np.zeros_like(t)
    for k in range(len(y)):
        z = t[who[k]] * y[k]
        out[who[k]] = np.exp(-z) * np.sin(z) + np.tanh(z) * y[k]
    return out


@pytest.mark.every(2)
@pytest.mark.parametrize("function", [two_for_each, last_one_stays])
def test_arrays_are_filled_in_the_order_of_rows(function: Any) -> None:
    _, t, who, _, y = arguments(ability, 150)
    found = differentiate(function, wrt="t")
    if function is two_for_each:
        assert passes.REMARK in text_of(function, (t, who, y), ("t",), "value")
    for n in (1, 64, 150):
        expected = function(t, who[:n], y[:n])
        np.testing.assert_allclose(found.value(t, who[:n], y[:n]), expected, rtol=1e-12)
    direction, step = np.random.default_rng(2).normal(size=G), 1e-6
    up, down = (function(t + h * direction, who, y) for h in (step, -step))
    _, tangent = found.jvp(t, who, y, tangent=direction)
    np.testing.assert_allclose(tangent, (up - down) / (2 * step), rtol=1e-5, atol=1e-7)


def test_what_does_little_with_what_it_picks_stays_one_loop() -> None:
    """Passes would cost more than vectors gain."""

    def linear(t: Any, who: Any, x: Any, y: Any) -> Any:
        return ((y - 0.3 * x - t[who]) ** 2).sum()

    _, _, who, _, y = arguments(ability, 100)
    args = (np.ones(G), who, y, y)
    for mode in ("value", "value_and_grad"):
        assert passes.REMARK not in text_of(linear, args, ("t",), mode)
