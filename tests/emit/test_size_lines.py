"""Sizes that loops in loops run over are known not to be negative, so that these use vectors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from codegen_ad import differentiate
from tests.end_to_end.checks import executed

STEPS = 7
rng = np.random.default_rng(4)


def watched(u, rate, steps, target):  # type: ignore[no-untyped-def]
    """Heat in a rod, compared with what is known of every step."""
    loss = 0.0
    for _ in range(steps):
        after = u.copy()
        after[1:-1] = u[1:-1] + rate * (u[2:] - 2 * u[1:-1] + u[:-2])
        u = after
        loss += np.sum((u - target) ** 2)
    return loss


def once(u, target):  # type: ignore[no-untyped-def]
    """No loop in a loop."""
    return np.sum((u - target) ** 3)


def _made(text: str, function: str) -> Any:
    """The function of a file, compiled here, so that it can be looked into."""
    space: dict[str, Any] = {}
    exec(compile(text.replace("cache=True, ", ""), function, "exec"), space)
    return space[f"{function}_value_and_grad"]


def _data(size: int) -> tuple[Any, ...]:
    return rng.random(size), 0.2, STEPS, rng.random(size)


def test_the_size_is_known_where_loops_are_in_loops() -> None:
    text = differentiate(watched).source(*_data(20))
    assert "n = max(target.shape[0], 0)  # so that loops use vectors" in text
    single = differentiate(once, threads=1).source(rng.random(20), rng.random(20))
    assert ".shape[0], 0)" not in single


def test_no_element_is_gathered_by_itself() -> None:
    text = differentiate(watched, wrt="u").source(*_data(20))
    assert (
        len(_signs(text))
        < len(_signs(text.replace("= max(target.shape[0], 0)", "= target.shape[0]"))) / 2
    )


def _signs(text: str) -> list[str]:
    """Where the machine code asks for the sign of an index."""
    kernel = _made(text, "watched")
    kernel(*_data(20))
    (llvm,) = kernel.inspect_llvm().values()
    return re.findall(r"ashr (?:<\d+ x i64>|i64) [^\n]*\b63\b|llvm.masked.gather", llvm)


def test_the_gradient_along_a_direction() -> None:
    """States are kept and steps run again, beside a number that only the result needs."""
    text = differentiate(watched, wrt=("u", "rate")).source(*_data(20))
    assert "segments_1" in text
    kernel = executed(text)["watched_value_and_grad"]
    tiny = 1e-30
    for size in (2, 3, 4, 5, 20):
        u, rate, _, target = _data(size)
        v = rng.normal(size=size)
        for steps in (0, 1, 2, 3, 10):
            value, d_u, d_rate = kernel(u, rate, steps, target)
            ahead = watched(u + tiny * 1j * v, rate + 0.7j * tiny, steps, target)
            np.testing.assert_allclose(value, np.real(ahead), rtol=1e-13)
            along = np.imag(ahead) / tiny
            np.testing.assert_allclose(
                (d_u * v).sum() + 0.7 * d_rate, along, rtol=1e-11, atol=1e-13
            )
