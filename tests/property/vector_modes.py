"""Derivatives of random programs that give arrays or structures of them, each by its kernel's text.

Products both ways are held to one another and to differences, Jacobians both ways to the products,
and Jacobians of Jacobians to differences of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.end_to_end.cases import Case
from tests.end_to_end.checks import leaves_in, plain_value
from tests.property.noise import assert_near
from tests.property.other_modes import Kernel, kernel
from tests.property.simulator import Simulator

Arguments = tuple[Any, ...]
STEP = 1e-6
LARGEST = 40_000
"""Directions times elements of the arguments that Python, which runs the text, finishes soon."""


class Useless(Exception):
    """Why there is nothing to compare."""


def check(
    case: Case,
    plain: Case,
    args: Arguments,
    places: list[int],
    seed: int,
    simulator: Simulator,
) -> None:
    """Value, products and Jacobians.

    Raises
    ------
    Useless
        If the program's numbers are not finite, or the rounding of its arguments changes them.
    """
    rng = np.random.default_rng(seed)
    tangents = [rng.normal(size=np.shape(args[k])) for k in places]
    wanted = [leaf for _, leaf in leaves_in(plain_value(plain, args))]
    if not all(np.all(np.isfinite(leaf)) for leaf in wanted):
        raise Useless("too large or not finite")
    forward = kernel(case, args, "jvp")
    if _is_rough(lambda *moved: forward.reference(moved, tangents), args):
        raise Useless("rounding of the arguments changes the derivative")
    found = forward(args, tangents)
    values, along = found[: len(wanted)], found[len(wanted) :]
    cotangents = [rng.normal(size=np.shape(v)) for v in values]
    backward = kernel(case, args, "vjp")
    back = backward(args, cotangents)
    gradients = back[len(wanted) :]
    if not all(np.all(np.isfinite(part)) for part in (*along, *gradients)):
        raise Useless("a derivative that is not finite")
    for values_of in (values, back):
        for k, two in enumerate(wanted):
            noise = forward.noise(k, args, tangents)
            assert_near(values_of[k], two, noise, rtol=1e-9, what="value")
    _check_duality(along, cotangents, gradients, tangents)

    def at(step: float) -> list[Any]:
        new = plain_value(plain, _moved(args, places, tangents, step))
        return [leaf for _, leaf in leaves_in(new)]

    _check_slopes(at, along, "along tangents")
    simulator.check(case, args, "jvp", found, tangents)
    simulator.check(case, args, "vjp", back, cotangents)
    products = (forward, tangents, along), (backward, cotangents, gradients)
    _check_jacobians(case, args, *products, simulator)


def _is_rough(found: Callable[..., list[Any]], args: Arguments) -> bool:
    """Whether a change of the arguments by rounding changes what is found by much more."""
    rng = np.random.default_rng(0)
    moved = tuple(
        a * (1 + 1e-11 * rng.normal(size=a.shape)) if a.dtype.kind == "f" else a for a in args
    )
    return any(
        np.shape(one) != np.shape(two)
        or not np.max(np.abs(one - two), initial=0.0) < 1e-7 * (1 + np.max(np.abs(one), initial=0))
        for one, two in zip(found(*args), found(*moved), strict=True)
    )


def _check_slopes(at: Callable[[float], list[Any]], along: Sequence[Any], what: str) -> None:
    """What is found along tangents against differences, where these are slopes."""
    try:
        middle, *sides = (at(step) for step in (0.0, STEP, -STEP, 8 * STEP, -8 * STEP))
    except Exception:  # other data would take a way that fails
        return
    if any([np.shape(s) for s in side] != [np.shape(m) for m in middle] for side in sides):
        return
    for one, value, high, low, higher, lower in zip(along, middle, *sides, strict=True):
        fine, coarse = (high - low) / (2 * STEP), (higher - lower) / (16 * STEP)
        scale = 1 + np.max(np.abs(fine), initial=0.0)
        smooth = (np.abs(fine - coarse) < 1e-4 * scale) & (
            np.abs(high - 2 * value + low) < 1e-3 * scale * STEP
        )
        off = (np.abs(one - fine) > 1e-4 * scale) & smooth
        assert not np.any(off), f"{what}\n{one}\n{fine}"


def _check_jacobians(
    case: Case,
    args: Arguments,
    pushed: tuple[Kernel, list[Any], list[Any]],
    pulled: tuple[Kernel, list[Any], list[Any]],
    simulator: Simulator,
) -> None:
    """Jacobians both ways, or the one with few directions where they are large.

    `pushed` and `pulled` are kernels of products, what they are given, and what they find.
    """
    (forward, tangents, along), (backward, cotangents, gradients) = pushed, pulled
    first = len(along)  # behind the values
    rows, columns = sum(map(np.size, along)), sum(map(np.size, tangents))
    size = sum(map(np.size, args))
    for mode in [m for m, count in (("forward", columns), ("reverse", rows))
                 if count * size <= LARGEST]:  # fmt: skip
        found = kernel(case, args, f"jacobian:{mode}")(args)
        simulator.check(case, args, f"jacobian:{mode}", found)
        blocks = [found[k : k + len(tangents)] for k in range(0, len(found), len(tangents))]
        for k, (row, one) in enumerate(zip(blocks, along, strict=True)):
            pairs = zip(row, tangents, strict=True)
            two = sum(np.tensordot(j, t, np.ndim(t)) for j, t in pairs)
            noise = forward.noise(first + k, args, tangents)
            assert_near(two, one, noise, rtol=1e-8, what=f"{mode} Jacobian along tangents")
        columns_of = zip(*blocks, strict=True)
        for k, (column, one) in enumerate(zip(columns_of, gradients, strict=True)):
            pairs = zip(column, cotangents, strict=True)
            two = sum(np.tensordot(g, j, np.ndim(g)) for j, g in pairs)
            noise = backward.noise(first + k, args, cotangents)
            assert_near(two, one, noise, rtol=1e-8, what=f"cotangents times {mode} Jacobian")


def check_second(
    case: Case, args: Arguments, places: list[int], seed: int, simulator: Simulator
) -> None:
    """A function that gives a Jacobian, whose derivatives are held to differences of it.

    Raises
    ------
    Useless
        As `check` does.
    """
    value = kernel(case, args, "value")
    middle = value(args)
    if sum(map(np.size, middle)) > LARGEST // 100:
        return
    if not all(np.all(np.isfinite(leaf)) for leaf in middle):
        raise Useless("a Jacobian that is not finite")
    rng = np.random.default_rng(seed)
    tangents = [rng.normal(size=np.shape(args[k])) for k in places]
    forward = kernel(case, args, "jvp")
    if _is_rough(lambda *moved: forward.reference(moved, tangents), args):
        raise Useless("rounding of the arguments changes the derivative")
    along = forward(args, tangents)[len(middle) :]
    if not all(np.all(np.isfinite(part)) for part in along):
        raise Useless("a derivative that is not finite")
    _check_slopes(lambda step: value(_moved(args, places, tangents, step)), along, "Jacobian along")
    cotangents = [rng.normal(size=np.shape(v)) for v in middle]
    backward = kernel(case, args, "vjp")
    gradients = backward(args, cotangents)[len(middle) :]
    _check_duality(along, cotangents, gradients, tangents)
    products = (forward, tangents, along), (backward, cotangents, gradients)
    _check_jacobians(case, args, *products, simulator)


def _moved(args: Arguments, places: list[int], tangents: list[Any], step: float) -> Arguments:
    new = list(args)
    for place, t in zip(places, tangents, strict=True):
        new[place] = args[place] + step * t
    return tuple(new)


def _check_duality(
    along: list[Any], cotangents: list[Any], gradients: list[Any], tangents: list[Any]
) -> None:
    terms = [np.sum(g * t) for g, t in zip(cotangents, along, strict=True)]
    others = [np.sum(g * t) for g, t in zip(gradients, tangents, strict=True)]
    size = 1 + sum(map(abs, (*terms, *others)))
    assert abs(sum(terms) - sum(others)) <= 1e-8 * size, f"forward {terms} reverse {others}"


def check_number(
    case: Case, args: Arguments, places: list[int], seed: int, simulator: Simulator
) -> None:
    """Products with the Hessian of a function that gives one number, and the Hessian both ways."""
    rng = np.random.default_rng(seed)
    tangents = [rng.normal(size=np.shape(args[k])) for k in places]
    gradient, product = kernel(case, args, "value_and_grad"), kernel(case, args, "hvp")
    if _is_rough(lambda *moved: product.reference(moved, tangents), args):
        raise Useless("rounding of the arguments changes the second derivative")
    along = product(args, tangents)
    if not all(np.all(np.isfinite(part)) for part in along):
        raise Useless("a second derivative that is not finite")
    simulator.check(case, args, "value_and_grad", gradient(args))
    simulator.check(case, args, "hvp", along, tangents)
    _check_slopes(
        lambda step: gradient.reference(_moved(args, places, tangents, step))[1:],
        along,
        "second derivative",
    )
    if sum(map(np.size, tangents)) * sum(map(np.size, args)) > LARGEST // 4:
        return
    for mode in ("hessian:forward", "hessian:reverse"):
        found = kernel(case, args, mode)(args)
        simulator.check(case, args, mode, found)
        rows = [found[k : k + len(tangents)] for k in range(0, len(found), len(tangents))]
        for k, (row, one) in enumerate(zip(rows, along, strict=True)):
            two = sum(np.tensordot(h, t, np.ndim(t)) for h, t in zip(row, tangents, strict=True))
            noise = product.noise(k, args, tangents)
            assert_near(two, one, noise, rtol=1e-8, what=f"{mode} along tangents")
