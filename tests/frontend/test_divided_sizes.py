"""Sizes with floor divisions: equal for every size, for some remainders, or never."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frontend.divided_functions import (
    FITTING,
    UNFIT,
    X,
    even_and_odd,
    halves_of_two,
    thirds,
    two_of_three,
)
from frontend.test_run_time_sizes import check_in_reference
from running import broken_case, reading_of, signature_of

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument, ShapeMismatch
from codegen_ad.frontend.reader import read
from codegen_ad.frontend.sizes.residues import divided, solvable, splits
from codegen_ad.frontend.sizes.symbolic import sign, smallest
from codegen_ad.ir.dims import Dim

N, M = Dim.symbol("n"), Dim.symbol("m")


def shapes(case: tuple[Any, ...]) -> str:
    return "-".join([case[0].__name__, *(str(np.shape(a)) for a in case[1:])])


@pytest.mark.parametrize("case", FITTING, ids=shapes)
def test_derivatives(case: tuple[Any, ...]) -> None:
    check_in_reference(*case)


@pytest.mark.parametrize("case", UNFIT, ids=shapes)
def test_sizes_that_do_not_fit_are_found_out(case: tuple[Any, ...]) -> None:
    function, *args = case
    with pytest.raises((ValueError, IndexError)):
        function(*args)
    try:
        reading = reading_of(function, *args)
    except ShapeMismatch:
        return
    sizes = {s.symbol: s.of(np.shape(args[s.array])) for s in reading.sizes}
    compared = [
        (r, r.first.evaluate(sizes), r.second.evaluate(sizes)) for r in reading.requirements
    ]
    assert [r for r, a, b in compared if (a < b if r.kind == "at_least" else a != b)]


def test_a_part_of_a_size_is_a_symbol() -> None:
    reading = reading_of(even_and_odd, X[:8])
    assert [str(leaf.node.type) for leaf in reading.leaves] == ["f8[2*n_over_2]"]
    assert [str(s) for s in reading.sizes] == ["n = 0.shape[0]", "n_over_2 = 0.shape[0] // 2"]
    assert [r.message for r in reading.requirements if r.kind == "equal"] == [
        "line 2: x[::2] * x[1::2] ** 2 needs ((x.shape[0] + 1)//2) == (x.shape[0]//2)"
    ]


def test_each_remainder_has_a_kernel() -> None:
    d = differentiate(halves_of_two, wrt=("x", "y"))
    rng = np.random.default_rng(0)
    for n, m in ((18, 18), (19, 20), (21, 21)):
        x, y, u, v = rng.normal(size=n), rng.normal(size=m), rng.normal(size=n), rng.normal(size=m)
        value, (by_x, by_y) = d.value_and_grad(x, y)
        assert value == pytest.approx(halves_of_two(x, y), rel=1e-12)
        slope = halves_of_two(x + 1e-30j * u, y + 1e-30j * v).imag / 1e-30
        assert by_x @ u + by_y @ v == pytest.approx(slope, rel=1e-12)
    message = r"needs \(x.shape\[0\]//2\) == \(\(y.shape\[0\] \+ 1\)//2\) \(found 9 and 10\)"
    with pytest.raises(InvalidArgument, match=message):
        d.value_and_grad(np.ones(18), np.ones(20))


def test_messages_name_the_remainders() -> None:
    message = r"needs x.shape\[0\] % 3 to be 0 or 2, and it is not"
    with pytest.raises(ShapeMismatch, match=message):
        differentiate(two_of_three).grad(np.ones(19))
    with pytest.raises(
        ShapeMismatch, match=r"needs \(x.shape\[0\]//3\) \+ 1 and \(x.shape\[0\]//3\)"
    ):
        differentiate(thirds).grad(np.ones(20))


def test_every_remainder_is_taken_once() -> None:
    signature = signature_of(two_of_three, X)
    reading = read(two_of_three, signature)
    assert broken_case(reading, [X[:6]]) is None
    case = broken_case(reading, [X[:5]])
    assert case == "x.shape[0] % 3 == 0"
    other = read(two_of_three, signature.without(case))
    assert broken_case(other, [X[:5]]) is None
    assert broken_case(other, [X[:4]]) == "x.shape[0] % 3 == 2"


def test_bounds_with_remainders() -> None:
    assert smallest(N - N // 2 * 2, 0) == 0
    assert smallest(N // 2 * 2 - N, 0) == -1
    assert smallest(N - N // 2 - N // 3, 0) == 0
    assert smallest((N + M) // 2 - N // 2, 0) == 0
    assert sign(N - N // 2) == 1
    assert sign(N // 2 - 1) is None
    assert sign((N + 1) // 2 - N // 2 - 2) == -1


@pytest.mark.parametrize(
    ("difference", "possible"),
    [
        ((N + 1) // 2 - N // 2, True),
        ((N + 1) // 2 - N // 2 - 1, True),
        ((N + 1) // 2 - N // 2 - 2, False),
        (N // 2 - M // 2, True),
        (N // 2 + 1, False),
        (N // 2 * 3 + (N + 1) // 2, False),
        ((N + M) // 2 - N // 2 - M // 2, True),
        ((N + M) // 2 - N // 2 - M // 2 - 2, False),
    ],
)
def test_what_can_be_zero(difference: Dim, possible: bool) -> None:
    assert solvable(difference, {"n": False, "m": False}) == possible
    zeros = (not difference.evaluate({"n": n, "m": m}) for n in range(2, 9) for m in range(2, 9))
    assert possible == any(zeros)


def test_large_divisors_are_left_alone() -> None:
    assert not splits(N // 200, "n", "q")
    assert not solvable(N // 200 - (N + 1) // 200, {"n": False})


@pytest.mark.parametrize("dim", [(N + 1) // 2 * N, (2 * N + M) // 6 + N // 4, (N // 2 + 1) // 3])
def test_splits_are_the_same_number(dim: Dim) -> None:
    found = splits(dim, "n", "q")
    assert found
    for way, split in found:
        assert "q" not in divided(split)
        for q in range(3):
            sizes = {"q": q, "m": 5, "n": way.divisor * q + way.rest}
            assert split.evaluate(sizes) == dim.evaluate(sizes)
            assert way.value.evaluate(sizes) == sizes["n"]


def test_masked_elements_in_equal_parts() -> None:
    def f(x: Any) -> Any:
        one, other = np.split(x[x > 0], 2)
        return (one * other**2).sum() + min((), default=x[0])

    check_in_reference(f, np.array([1.0, -1.0, 2.0, 3.0, 0.5]))
    d = differentiate(f)
    with pytest.raises(ValueError, match=r"np\.split: the elements do not divide into equal parts"):
        d.grad(np.array([1.0, -1.0, 2.0, 3.0, -0.5]))
