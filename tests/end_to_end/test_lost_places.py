"""Places that data name are checked in every mode, also where nothing is read there any more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate, grad
from codegen_ad.backends.reference import evaluate
from codegen_ad.derivation import Derivation, derivation
from codegen_ad.ir.node import Kind
from codegen_ad.paths import targets
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import derivatives, inputs_of

W = np.array([0.5, -1.0, 2.0, 0.3, 1.7])
GOOD = np.array([0, 4, -5])
BAD = [np.array([0, 4, 5]), np.array([-6, 1, 2])]
MODES = ("value", "value_and_grad", "vjp", "jacobian", "hessian", "hvp")


def linear(w, i):
    return (w[i] * 2).sum()


def beside_another(w, i):
    return (w[i] * 2).sum() + (w[i // 2] ** 2).sum()


def lone(w, i):
    return (w[i[2]] + w[i[0]]) * 3.0


def in_a_loop(w, i):
    total = 0.0
    for k in range(len(i)):
        total += w[i[k]] * k
    return total + (w**2).sum()


def in_two_loops(w, i):
    total = 0.0
    for k in range(len(i)):
        total += w[i[k]] * k
    for k in range(2):
        total += w[i[k]] ** 2
    return total


def in_a_while(w, i):
    k, total = 2, 0.0
    while k >= 0 and total < 100:
        total += w[i[k]] * 0.5
        k -= 1
    return total


def in_a_branch(w, i):
    total = (w**2).sum()
    if i[2] != 0:
        total += w[i].sum()
    return total * 2.0


def _at(w, i):
    return w[i]


def by_a_helper(w, i):
    total = _at(w, i).sum() * 2
    if w[0] > 100:
        total += (_at(w, i) ** 2).sum()
    return total


def masked(w, i):
    return (w[i][i > -7] * 2).sum() + (w**2).sum()


def of_a_row(w, i):
    return (np.outer(w, w)[i, 1] + np.outer(w, w)[2, i[2]]).sum()


def of_rows(w, i):
    return (w.reshape(5, 1)[1:][i - (i > 0) + (i < 0)] * 3).sum()


def written_unread(w, i):
    y = w * 2
    y[i] = 3.0
    return (w**2).sum()


def written_in_a_loop(w, i):
    y = np.zeros(5)
    for k in range(len(i)):
        y[i[k]] = w[0]
    return y[0] * 0.0 + w.sum()


def never_used(w, i):
    w[i]
    return (w**2).sum()


def taken(w, i):
    return np.take(w, i).sum() + np.take_along_axis(w, i, 0).sum() * 2


def put_unread(w, i):
    y, z, u = w * 1.0, w * 2.0, w * 3.0
    np.put(y, i[:1], w[0])
    np.put_along_axis(z, i[1:2], w[:1], 0)
    np.add.at(u, i[2:], w[:1])
    return (w**2).sum()


def by_its_gradient(w, i):
    return (grad(linear)(w, i) * w).sum()


FUNCTIONS = [linear, beside_another, lone, in_a_loop, in_two_loops, in_a_while, in_a_branch,
             by_a_helper, masked, of_a_row, of_rows, written_unread, written_in_a_loop,
             never_used, by_its_gradient, taken, put_unread]  # fmt: skip


def made(function: Any, mode: str, args: Any = (W, GOOD)) -> Derivation:
    found = derivatives(Case(function, lambda n, rng: args, ("w",)))
    binder = found.kernels.binder
    signature = binder.form(binder.bind(args, {}))
    wrt = targets(signature, ("w",))
    return derivation(function, signature, mode, found.options, wrt, lambda stage, program: None)


def run(function: Any, mode: str, found: Derivation, args: Any) -> Any:
    case = Case(function, lambda n, rng: args, ("w",))
    given = {"vjp": [np.array(1.0)], "hvp": [np.ones(5)]}.get(mode, [])
    return evaluate(found.optimized, [*inputs_of(case, args, found), *given])  # pyright: ignore


def count_of(found: Derivation) -> int:
    return 0 if found.optimized.checks is None else len(found.optimized.checks.failures)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_no_mode_misses_a_place(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")
    for mode in MODES:
        found = made(function, mode)
        run(function, mode, found, (W, GOOD))
        for bad in BAD:
            with pytest.raises(IndexError):
                run(function, mode, found, (W, bad))


def test_what_does_not_run_is_not_checked() -> None:
    def until(w, i, n):
        total = (w**2).sum()
        for k in range(n):
            total += w[i[k]]
        if n > 1:
            total += w[i[0]]
        return total

    far = np.array([9, 9, 9])
    found = made(until, "hessian", (W, GOOD, 2))
    (hessian,) = run(until, "hessian", found, (W, far, 0))
    np.testing.assert_array_equal(hessian, 2 * np.eye(5))
    for n in (1, 2):
        with pytest.raises(IndexError):
            run(until, "hessian", found, (W, far, n))


@pytest.mark.parametrize("mode", MODES)
def test_no_place_is_checked_twice(mode: str) -> None:
    def squares(w, i):
        total = (w[i] ** 2).sum()
        for k in range(1, len(i) - 1):
            total += w[i[k - 1]] * w[i[k + 1]]
        if w[0] > 0:
            total += w[i[0]] ** 3
        return total

    assert count_of(made(squares, mode)) == 0


@pytest.mark.parametrize("mode", MODES)
def test_places_that_are_proved_have_no_check(mode: str) -> None:
    def proved(w):
        total = (w[w > 0] * 2).sum() + w[np.arange(5)].sum()
        for k in range(1, len(w) - 1):
            total += w[k - 1] + 2 * w[k + 1] - w[len(w) - 1 - k]
        return total

    assert count_of(made(proved, mode, (W,))) == 0


def test_a_check_is_all_that_is_left() -> None:
    found = made(linear, "hessian")
    kinds = {n.op.kind for n in found.optimized.nodes()}
    assert Kind.GATHER not in kinds
    assert count_of(found) == 1


def test_compiled_kernels_name_the_line() -> None:
    def loss(w: Any, i: Any) -> Any:
        total = (w**2).sum()
        total += w[i].sum()
        for k in range(len(i)):
            total += w[i[k]]
        return total

    f = differentiate(loss, wrt="w")
    np.testing.assert_array_equal(f.hessian(W, GOOD), 2 * np.eye(5))
    for bad in BAD:
        with pytest.raises(IndexError, match="line 3: index is out of bounds for axis 0") as caught:
            f.hessian(W, bad)
        (note,) = caught.value.__notes__
        assert "test_lost_places.py" in note
        assert "total += w[i].sum()" in note
