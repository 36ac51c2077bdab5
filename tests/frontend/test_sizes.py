"""Sizes: which symbols there are, what is found to be equal, and what a call must fulfil."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from running import check, outputs_of, reading_of, signature_of

from codegen_ad.errors import ShapeMismatch
from codegen_ad.frontend.reader import Reading, read
from codegen_ad.ir.dims import AxisSize
from codegen_ad.ir.text import program_text

X = np.linspace(0.1, 2.0, 7)


def polynomial(w: Any, x: Any, y: Any) -> Any:
    D = w.size
    powers = x ** range(D)  # as the notebook writes it
    return ((y - powers @ w) ** 2).mean()


def softmax_loss(W: Any, X: Any, y: Any) -> Any:
    Z = X @ W
    m = Z.max(axis=1)
    lse = m + np.log(np.exp(Z - m[:, None]).sum(axis=1))
    return (lse - Z[np.arange(len(y)), y]).mean()


def holds(reading: Reading, **sizes: int) -> bool:
    """Whether a call with these sizes fulfils all requirements."""
    for requirement in reading.requirements:
        one, other = (d.evaluate(sizes) for d in (requirement.first, requirement.second))
        if one < other if requirement.kind == "at_least" else one != other:
            return False
    return True


def inputs_of(reading: Reading) -> list[str]:
    return [f"{leaf.name} {leaf.node.type}" for leaf in reading.leaves]


def test_sizes_that_meet_are_one_symbol() -> None:
    reading = reading_of(polynomial, np.ones(4), X[:, None], X)
    assert inputs_of(reading) == ["w f8[D]", "x f8[n, 1]", "y f8[n]"]
    messages = [r.message for r in reading.requirements if r.kind == "equal"]
    assert messages == ["line 4: y - powers @ w needs y.shape[0] == x.shape[0]"]
    assert reading.sizes == (AxisSize("n", 1, 0), AxisSize("D", 0, 0), AxisSize("d", 2, 0))
    assert holds(reading, n=7, D=4, d=7)
    assert not holds(reading, n=7, D=4, d=8)


def test_a_matrix_of_data_has_rows_n_and_columns_d() -> None:
    reading = reading_of(softmax_loss, np.ones((4, 3)), np.ones((5, 4)), np.zeros(5, int))
    assert inputs_of(reading) == ["W f8[d, k]", "X f8[n, d]", "y i8[n]"]
    places = {(s.array, s.axis): s.symbol for s in reading.sizes}
    sizes = {(0, 0): 4, (0, 1): 3, (1, 0): 5, (1, 1): 4, (2, 0): 5}
    assert holds(reading, **{places[p]: size for p, size in sizes.items()})
    assert not holds(reading, **{places[p]: size for p, size in (sizes | {(0, 0): 3}).items()})


def test_the_user_s_names_of_sizes_are_kept() -> None:
    def f(A: Any, b: Any) -> Any:
        rows, columns = A.shape
        total = len(b)
        return A.sum() * rows / columns + b.sum() * total

    assert inputs_of(reading_of(f, np.ones((3, 4)), X)) == ["A f8[rows, columns]", "b f8[total]"]


def test_a_size_never_has_the_name_of_a_variable() -> None:
    def f(x: Any, n: Any) -> Any:
        d = x * n
        return d.sum()

    assert inputs_of(reading_of(f, X, 2.0)) == ["x f8[k]", "n f8"]


def test_unpacking_fixes_a_size() -> None:
    def f(p: Any, x: Any) -> Any:
        a, b = p
        return a * x + b

    reading = reading_of(f, np.ones(2), X)
    assert inputs_of(reading) == ["p f8[2]", "x f8[n]"]
    assert [r.message for r in reading.requirements] == [
        "line 2: (a, b) = ... needs p.shape[0] == 2"
    ]
    check(f, np.array([1.0, 2.0]), X)


def test_sizes_are_solved_for() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return x[1:] * y + np.diff(z)[::1].sum() * (x[:-1] + z[1:-1])

    reading = reading_of(f, X, X[1:], np.arange(8.0))
    assert len({str(leaf.node.type) for leaf in reading.leaves}) == 3
    check(f, X, X[1:], np.arange(8.0))
    shifted = {"n": 7, "d": 6, "k": 8}
    names = [s.symbol for s in reading.sizes]
    assert sorted(names) == sorted(shifted)


def test_carried_arrays_keep_their_size() -> None:
    def f(W: Any, h: Any, x: Any) -> Any:
        for v in x:
            h = np.tanh(W @ h + v)
        return h

    reading = reading_of(f, np.ones((3, 3)) * 0.1, np.ones(3), X)
    (one, other) = reading.leaves[0].node.array.shape
    assert one == other == reading.leaves[1].node.array.shape[0]
    check(f, np.ones((3, 3)) * 0.1, np.ones(3), X)


def test_a_name_used_again_for_another_size_is_another_value() -> None:
    def f(w: Any, x: Any) -> Any:
        t = w * 2
        s = t.sum()
        for k in range(3):
            t = x * k
            s = s + t.sum()
        return s

    assert inputs_of(reading_of(f, np.ones(3), X)) == ["w f8[d]", "x f8[n]"]
    check(f, np.ones(3), X)


def test_slices_say_what_they_need() -> None:
    def f(x: Any) -> Any:
        return x[2:-2].sum() + x[5]

    reading = reading_of(f, X)
    assert holds(reading, n=6)
    assert not holds(reading, n=5)
    assert not holds(reading, n=3)


def test_asserts_on_sizes_are_requirements() -> None:
    def f(x: Any, y: Any) -> Any:
        assert x.shape == y.shape and x.shape[0] >= 3  # noqa: PT018
        return x.sum() * y.sum()

    reading = reading_of(f, X, X)
    assert inputs_of(reading) == ["x f8[n]", "y f8[n]"] or len(reading.requirements) == 2
    assert not holds(reading, n=2, d=2)
    assert holds(reading, n=3, d=3)
    assert not holds(reading, n=3, d=4)


def test_comparisons_of_sizes_are_folded_where_they_can_be() -> None:
    def f(x: Any, y: Any) -> Any:
        if len(x) == 0:
            return 0.0
        if len(x) > len(y):
            return x.sum()
        return y.sum()

    text = program_text(reading_of(f, X, X[:3]).program)
    assert text.count("branch ") == 1
    assert float(outputs_of(f, X, X[:3])) == X.sum()
    assert float(outputs_of(f, X[:3], X)) == X.sum()


def test_impossible_sizes_are_refused_now() -> None:
    def f(x: Any) -> Any:
        return x[1:] + x

    with pytest.raises(ShapeMismatch) as caught:
        read(f, signature_of(f, X))
    assert str(caught.value).endswith(
        "    return x[1:] + x\n"
        "           ^^^^^^^^^\n"
        "`x[1:] + x` needs x.shape[0] - 1 and x.shape[0] to be the same size, and they are not.\n"
        "Check the shapes of the arrays, for example by printing them."
    )


def test_size_one_broadcasts() -> None:
    def f(x: Any, y: Any) -> Any:
        return (x[:, None] * y + y).sum(axis=0)

    check(f, X, np.ones(1))
    check(f, X, np.arange(3.0))
    check(f, np.ones(1), np.arange(3.0))
