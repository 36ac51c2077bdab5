"""Kernels that are made for small sizes, and the general one for all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import CodegenError, InvalidArgument
from codegen_ad.runtime import fixed
from codegen_ad.runtime.dispatch import Kernels
from codegen_ad.runtime.load import load
from codegen_ad.testing import check_grad

SCALE = 0.5


def markov(A, start, seen):  # type: ignore[no-untyped-def]
    """A recursion over steps, of products of a vector and a small matrix."""
    state = start
    total = 0.0
    for t in range(len(seen)):
        state = state @ A
        state = state / state.sum() + SCALE * seen[t]
        total += (state * state).sum()
    return total


def with_functions(A, start, seen):  # type: ignore[no-untyped-def]
    """Loops that need vectors more than a known length."""
    state = start
    for t in range(len(seen)):
        state = np.tanh(state @ A) + seen[t]
    return (state * state).sum()


def of_rows(A, start, seen):  # type: ignore[no-untyped-def]
    """No loop over steps."""
    return ((np.outer(seen, start) @ A) ** 2).sum()


def array_of_steps(A, start, seen):  # type: ignore[no-untyped-def]
    """The size counts rows of data."""
    moved = seen * 1.0
    for k in range(len(start) * 20):
        moved = moved * 0.9 + 0.01 * k
    return (moved * moved).sum() * A.sum()


def arguments(states: int, steps: int = 7) -> tuple[Any, ...]:
    rng = np.random.default_rng(states)
    A = rng.uniform(0.1, 1.0, (states, states))
    return A, rng.uniform(0.1, 1.0, states), rng.uniform(0.0, 1.0, steps)


def prepared(kernels: Kernels, *args: Any) -> Any:
    return kernels.prepare("value_and_grad", kernels.binder.bind(args, {}))[0]


def made_for(kernels: Kernels, *args: Any) -> dict[str, int]:
    return prepared(kernels, *args).compiled.metadata["fixed"]


@pytest.mark.parametrize("function", [with_functions, of_rows, array_of_steps])
def test_who_gains_nothing_has_one_kernel(function: Any) -> None:
    kernels = differentiate(function).kernels
    assert prepared(kernels, *arguments(5)).compiled.metadata["fixable"] == []
    assert prepared(kernels, *arguments(5)) is prepared(kernels, *arguments(6))


def test_each_small_size_has_a_kernel_until_there_are_enough() -> None:
    kernels = differentiate(markov).kernels
    sizes = (5, 16, 17, 9, 7, 30, 8)
    found = [made_for(kernels, *arguments(n)) for n in sizes]
    assert fixed.MOST == 3
    assert found == [{"n": 5}, {"n": 16}, {}, {"n": 9}, {}, {}, {}]
    again = [prepared(kernels, *arguments(n)) for n in sizes]
    assert [p.compiled.metadata["fixed"] for p in again] == found, "earlier ones stay"
    assert len({id(p) for p in again}) == 4, "all others share the general one"
    assert prepared(kernels, *arguments(5, 90)) is again[0], "data may have any length"


def test_the_numbers_are_right_whichever_kernel_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed, "MOST", 1)
    found = differentiate(markov)
    general = differentiate(markov, fixed_sizes=False)
    for states, steps in ((5, 7), (6, 7), (5, 0), (20, 3), (1, 4), (5, 1), (6, 2), (5, 40)):
        args = arguments(states, steps)
        value, gradient = found.value_and_grad(*args)
        np.testing.assert_allclose(value, markov(*args), rtol=1e-12)
        if steps == 7:
            assert check_grad(found, *args).ok
        np.testing.assert_allclose(gradient, general.grad(*args), rtol=1e-9, atol=1e-12)
    assert made_for(general.kernels, *arguments(5)) == {}


@pytest.mark.thorough
def test_views() -> None:
    A, start, seen = arguments(6)
    wide = np.zeros((12, 18))
    wide[::2, ::3] = A
    for args in ((wide[::2, ::3], start, seen), (np.asfortranarray(A), start[::-1], seen[::-1])):
        value, gradient = differentiate(markov).value_and_grad(*args)
        np.testing.assert_allclose(value, markov(*args), rtol=1e-12)
        wanted = differentiate(markov, fixed_sizes=False).grad(*args)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-9)


def test_the_file_says_what_it_is_for_and_refuses_others() -> None:
    found = differentiate(markov)
    args = arguments(5)
    text = str(found.source(*args))
    assert "Made for n = 5." in text
    assert text == str(found.explain(*args).code), "explain shows the file that runs"
    assert "Made for" not in str(found.source(*arguments(20)))
    entry = prepared(found.kernels, *args).compiled.entry
    kernel = load(entry).markov_value_and_grad.py_func
    np.testing.assert_allclose(kernel(*args)[0], markov(*args), rtol=1e-12)
    with pytest.raises(ValueError, match="this file is made for n = 5"):
        kernel(*arguments(6))


def test_sizes_that_do_not_fit_are_reported_as_ever() -> None:
    A, _, seen = arguments(5)
    found = differentiate(markov)
    for _ in range(2):
        with pytest.raises(InvalidArgument, match=r"found 6 and 5"):
            found.value_and_grad(A, np.ones(6), seen)
    with pytest.raises(InvalidArgument):
        found.value_and_grad(A[:, :4], np.ones(5), seen)


def test_another_process_finds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first = differentiate(markov).kernels
    wanted = [prepared(first, *arguments(n)).compiled.entry.stem for n in (5, 9, 20)]
    assert len(set(wanted)) == 3
    second = differentiate(markov).kernels

    def refuse(*_: Any) -> Any:
        raise CodegenError("nothing is to be built")

    monkeypatch.setattr(second, "_build", refuse)
    for n, stem in reversed(list(zip((5, 9, 20), wanted, strict=True))):
        assert prepared(second, *arguments(n)).compiled.entry.stem == stem
    # What is on disk does not count: only what this process has used.
    assert made_for(second, *arguments(5)) == {"n": 5}


def test_a_change_is_noticed_by_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found = differentiate(markov)
    for n in (5, 6, 20):
        prepared(found.kernels, *arguments(n))
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    for n in (6, 5, 20):
        path = Path(found.source_path(*arguments(n)))
        assert "2.0 * seen" in path.read_text(), n


def test_what_a_call_wants() -> None:
    kernels = differentiate(markov).kernels
    signature = kernels.binder.form(kernels.binder.bind(arguments(5), {}))
    assert fixed.wanted(signature, [("n", 0, 1), ("q", 2, 0)]) == {"n": 5, "q": 7}
    assert fixed.wanted(signature, [("n", 3, 0)]) == {}, "an array from outside"
    for n in (0, 1, 17):
        other = kernels.binder.form(kernels.binder.bind(arguments(n), {}))
        assert fixed.wanted(other, [("n", 1, 0)]) == {}
        assert other == signature or n < 17, "sizes are no part of a signature"
