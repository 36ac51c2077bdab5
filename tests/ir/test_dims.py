"""Dimensions: the laws of a ring, one form for one polynomial, text that Python agrees with."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_ad.ir.dims import ONE, ZERO, Dim, as_dim, product

NAMES = ("n", "m", "d", "k2")
N, M, D = (Dim.symbol(name) for name in "nmd")

symbols = st.sampled_from(NAMES).map(Dim.symbol)
constants = st.integers(-6, 6).map(Dim.constant)
polynomials = st.recursive(
    symbols | constants,
    lambda inner: (
        st.tuples(inner, inner).map(lambda p: p[0] + p[1])
        | st.tuples(inner, inner).map(lambda p: p[0] - p[1])
        | st.tuples(inner, inner).map(lambda p: p[0] * p[1])
    ),
    max_leaves=8,
)
dims = st.recursive(
    polynomials,
    lambda inner: (
        st.tuples(inner, inner).map(lambda p: p[0] + p[1])
        | st.tuples(inner, st.integers(1, 6)).map(lambda p: p[0] // p[1])
    ),
    max_leaves=4,
)
sizes = st.fixed_dictionaries({name: st.integers(0, 50) for name in NAMES})


@given(dims, dims, dims)
def test_addition_and_multiplication_make_a_ring(a: Dim, b: Dim, c: Dim) -> None:
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a + ZERO == a * ONE == a
    assert a - a == a * ZERO == ZERO
    assert a + (-a) == ZERO


@given(dims, dims, sizes)
def test_arithmetic_on_dimensions_is_arithmetic_on_sizes(
    a: Dim, b: Dim, values: dict[str, int]
) -> None:
    x, y = a.evaluate(values), b.evaluate(values)
    assert (a + b).evaluate(values) == x + y
    assert (a - b).evaluate(values) == x - y
    assert (a * b).evaluate(values) == x * y
    assert (2 - a).evaluate(values) == 2 - x
    assert (a + 2).evaluate(values) == (2 + a).evaluate(values) == x + 2
    assert (3 * a).evaluate(values) == 3 * x


@given(dims, st.integers(1, 12), sizes)
def test_floor_division_rounds_down(a: Dim, divisor: int, values: dict[str, int]) -> None:
    assert (a // divisor).evaluate(values) == a.evaluate(values) // divisor


@given(dims, st.integers(1, 6), st.integers(1, 6), dims)
def test_floor_divisions_have_one_form(a: Dim, p: int, q: int, b: Dim) -> None:
    assert (a * p + b * (p * q)) // (p * q) == a // q + b
    assert (a // p) // q == a // (p * q)


def test_floor_division_forgets_how_it_was_written() -> None:
    assert (2 * N + 1) // 2 == N
    assert (N + 2) // 2 == N // 2 + 1
    assert (2 * N) // 4 == (2 * N + 1) // 4 == N // 2
    assert ((N + 1) // 2 + 1) // 2 == (N + 3) // 4  # x[::2][::2] and x[::4]
    assert (N - 1) // 2 != N // 2
    assert str((N + 1) // 2) == "((n + 1)//2)"


@given(dims, sizes, sizes)
def test_substituting_then_evaluating_is_evaluating(
    a: Dim, first: dict[str, int], second: dict[str, int]
) -> None:
    some = {name: first[name] for name in NAMES[:2]}
    partly = a.substitute({name: Dim.constant(value) for name, value in some.items()})
    assert partly.evaluate(second) == a.evaluate(second | some)
    assert not set(partly.symbols()) & some.keys()


@given(polynomials, st.dictionaries(st.sampled_from(NAMES), polynomials), sizes)
def test_substitution_composes(a: Dim, by: dict[str, Dim], values: dict[str, int]) -> None:
    inner = values | {name: dim.evaluate(values) for name, dim in by.items()}
    assert a.substitute(by).evaluate(values) == a.evaluate(inner)


@given(dims, sizes)
def test_text_is_python(a: Dim, values: dict[str, int]) -> None:
    assert eval(str(a), dict(values)) == a.evaluate(values)
    assert eval(f"2*({a})", dict(values)) == 2 * a.evaluate(values)


@given(dims, dims)
def test_equal_dimensions_have_one_text_and_one_hash(a: Dim, b: Dim) -> None:
    assert (a == b) == (str(a) == str(b)) == (a - b == ZERO)
    assert hash(a + b) == hash(b + a)


@given(polynomials, polynomials)
def test_unequal_polynomials_differ_somewhere(a: Dim, b: Dim) -> None:
    far = {name: 10**6 * 97**i for i, name in enumerate(NAMES)}  # further than any coefficient
    near = {name: 101 + 13 * i for i, name in enumerate(NAMES)}
    same = all(a.evaluate(values) == b.evaluate(values) for values in (far, near))
    assert (a == b) == same


@given(dims)
def test_terms_are_canonical(a: Dim) -> None:
    monomials = [monomial for monomial, _ in a.terms]
    assert len(set(monomials)) == len(monomials)
    assert all(coefficient != 0 for _, coefficient in a.terms)
    assert all(list(m) == sorted(m, key=str) for m in monomials)


@given(st.lists(dims, max_size=4))
def test_order_is_total(some: list[Dim]) -> None:
    ordered = sorted(some)
    assert all(a <= b for a, b in pairwise(ordered))
    backwards = some[::-1]
    assert sorted(backwards) == ordered


@given(polynomials, polynomials)
def test_a_product_is_divided_exactly(a: Dim, b: Dim) -> None:
    assert (a * b).exact_quotient(b) == (None if b == ZERO else a)


@given(polynomials, polynomials)
def test_an_exact_quotient_is_exact(a: Dim, b: Dim) -> None:
    quotient = a.exact_quotient(b)
    assert quotient is None or quotient * b == a


def test_no_quotient() -> None:
    assert N.exact_quotient(M) is None
    assert (N + 1).exact_quotient(N) is None
    assert (3 * N).exact_quotient(Dim.constant(2)) is None
    assert (N * (D + 1)).exact_quotient(D + 1) == N


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (ZERO, "0"),
        (as_dim(7), "7"),
        (as_dim(-7), "-7"),
        (N, "n"),
        (N - 2, "n - 2"),
        (2 - N, "-n + 2"),
        (N * D, "d*n"),
        (3 * N * N - 2 * M + 1, "3*n*n - 2*m + 1"),
        ((N + 1) // 2 * D, "((n + 1)//2)*d"),
    ],
    ids=str,
)
def test_text(dim: Dim, text: str) -> None:
    assert str(dim) == text


def test_names_and_values() -> None:
    assert N.name == "n"
    assert (N * 2).name is (N + 1).name is (N * N).name is (N // 2).name is ONE.name is None
    assert (as_dim(4).is_constant, as_dim(4).value) == (True, 4)
    assert (ZERO.is_constant, ZERO.value) == (True, 0)
    assert not N.is_constant
    assert list((N * (M + 1) // 3).symbols()) == ["m", "n", "n"]
    assert product((N, D, as_dim(2))) == 2 * N * D
    assert product(()) == ONE


def test_a_missing_size_is_an_error() -> None:
    with pytest.raises(KeyError, match="m"):
        (N + M).evaluate({"n": 1})
