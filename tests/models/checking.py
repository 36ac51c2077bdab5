"""How a model is checked: each derivative against the plain function or against another one.

A `Runner` computes a mode at given arguments: by the kernel's text, which Python runs, or by
machine code. Derivatives are compared along random directions, one argument's leaf at a time, so
that none hides behind a larger one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from codegen_ad.backends.reference import evaluate
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    derivatives,
    inputs_of,
    leaves_in,
    plain_value,
    replaced,
    stages_of,
)
from tests.models.model import Model
from tests.property.other_modes import kernel

Arguments = tuple[Any, ...]
STEP = 2e-4
"""Of Richardson's differences: its fifth power is lost, and rounding divided by it."""


class Runner(Protocol):
    """Computes a mode: the leaves of the value, then those of the derivative."""

    def __call__(self, mode: str, args: Arguments, given: Sequence[Any] = ()) -> list[Any]: ...


def case_of(model: Model) -> Case:
    """The model as the checks of other tests know it."""
    return Case(model.function, lambda *_: (), wrt=model.wrt)


def as_text(model: Model) -> Runner:
    """Kernels' texts, run by Python and compared with the reference backend."""
    case, made = case_of(model), {}

    def run(mode: str, args: Arguments, given: Sequence[Any] = ()) -> list[Any]:
        if mode not in made:
            made[mode] = kernel(case, args, mode)
        return made[mode](args, given)

    return run


def compiled(model: Model) -> Runner:
    """Machine code, called as users do."""
    found = derivatives(case_of(model))

    def run(mode: str, args: Arguments, given: Sequence[Any] = ()) -> list[Any]:
        options: dict[str, Any] = {}
        if given:
            name = "cotangent" if mode == "vjp" else "tangent"
            options[name] = _structured(model, args, given, mode)
        result = getattr(found, mode)(*args, **options)
        return [leaf for _, leaf in leaves_in(result)]

    return run


def _structured(model: Model, args: Arguments, given: Sequence[Any], mode: str) -> Any:
    """Tangents shaped like what is differentiated, or cotangents like the result."""
    rest = iter(given)
    if mode == "vjp":
        return filled(plain_value(case_of(model), args), rest)
    parts = tuple(filled(args[k], rest) for k in places(model))
    return parts if len(parts) > 1 else parts[0]


def filled(value: Any, rest: Any) -> Any:
    """A structure with other leaves."""
    found = value
    for path, _ in list(leaves_in(value)):
        found = replaced(found, path, next(rest))
    return found


def places(model: Model) -> list[int]:
    """Where the differentiated arguments stand."""
    names = list(derivatives(case_of(model)).kernels.binder.names)
    return [names.index(name) for name in model.wrt]


def directions(model: Model, args: Arguments, seed: int) -> list[Any]:
    """A random tangent for each leaf of what is differentiated, of the leaf's own size."""
    rng = np.random.default_rng(seed)
    leaves = [leaf for k in places(model) for _, leaf in leaves_in(args[k])]
    return [rng.normal(size=np.shape(leaf)) * _size(leaf) for leaf in leaves]


def _size(leaf: Any) -> float:
    return 1.0 if not np.any(leaf) else float(np.sqrt(np.mean(np.square(leaf))))


def moved(model: Model, args: Arguments, tangents: Sequence[Any], step: float) -> Arguments:
    """The arguments a step along the tangents."""
    new, rest = list(args), iter(tangents)
    for k in places(model):
        for path, leaf in list(leaves_in(args[k])):
            shifted = np.asarray(leaf, dtype="f8") + step * next(rest)
            new[k] = replaced(new[k], path, shifted if shifted.shape else _number(leaf, shifted))
    return tuple(new)


def _number(leaf: Any, value: Any) -> Any:
    return float(value) if type(leaf) is float else np.float64(value)


def slope(at: Callable[[float], Any], step: float = STEP) -> tuple[Any, Any]:
    """Richardson's derivative at 0 of what may be an array, and how far its parts differ."""
    fine = (at(step / 2) - at(-step / 2)) / step
    coarse = (at(step) - at(-step)) / (2 * step)
    return (4 * fine - coarse) / 3, np.max(np.abs(fine - coarse), initial=0.0)


def value_leaves(model: Model, args: Arguments) -> list[Any]:
    """What the plain function returns."""
    return [np.asarray(v) for _, v in leaves_in(plain_value(case_of(model), args))]


def check(model: Model, args: Arguments, run: Runner, seed: int = 0, *, second: bool) -> None:
    """Value, products both ways and, where it is one number, products with the Hessian."""
    gradient, weights = check_reverse(model, args, run, seed)
    tangents = directions(model, args, seed)
    along = run("jvp", args, tangents)[len(weights) :]
    terms = [np.sum(w * a) for w, a in zip(weights, along, strict=True)]
    others = [np.sum(g * t) for g, t in zip(gradient, tangents, strict=True)]
    size = sum(map(abs, (*terms, *others))) + 1e-12
    assert abs(sum(terms) - sum(others)) <= 1e-8 * size, f"forward {terms} reverse {others}"
    if second and model.smooth and _is_number(weights):
        check_second(model, args, run, tangents)


def check_reverse(
    model: Model, args: Arguments, run: Runner, seed: int = 0
) -> tuple[list[Any], list[Any]]:
    """Value and gradient, or the product with the cotangents that are returned beside it."""
    wanted = value_leaves(model, args)
    before = copy.deepcopy(args)
    tangents = directions(model, args, seed)
    rng = np.random.default_rng(seed + 1)
    weights = [rng.normal(size=w.shape) for w in wanted]
    if _is_number(wanted):
        weights = [np.ones(())]
        found = run("value_and_grad", args)
    else:
        found = run("vjp", args, weights)
    for now, then in zip(leaves_in(args), leaves_in(before), strict=True):
        np.testing.assert_array_equal(now[1], then[1], err_msg="an argument was modified")
    values, gradient = found[: len(wanted)], found[len(wanted) :]
    for one, two in zip(values, wanted, strict=True):
        assert_close(one, two, rtol=1e-9, what="value")
    assert len(gradient) == len(tangents)
    for k, (part, tangent) in enumerate(zip(gradient, tangents, strict=True)):
        assert np.shape(part) == np.shape(tangent), f"leaf {k} of the gradient"
        _check_slope(model, args, weights, tangents, k, np.sum(part * tangent))
    return gradient, weights


def check_single(model: Model, args: Arguments) -> None:
    """Value and gradient in single precision have its type, and are near those of the double."""
    run = as_text(model)
    wanted = run("value_and_grad", args)
    single = in_single(args)
    assert value_leaves(model, single)[0].dtype == np.float32, "NumPy's is of another type"
    case = case_of(model)
    stages = stages_of(case, single)
    assert {o.array.dtype.value for o in stages.derived.outputs} == {"f4"}
    found = evaluate(stages.optimized, inputs_of(case, single, stages))
    for one, two in zip(found, wanted, strict=True):
        assert_close(one, two, rtol=1e-3, what="single precision")


def in_single(value: Any) -> Any:
    """Arguments in single precision."""
    new = value
    for path, leaf in list(leaves_in(value)):
        if getattr(leaf, "dtype", None) == np.float64:
            new = replaced(new, path, leaf.astype("f4"))
    return new


def _is_number(leaves: list[Any]) -> bool:
    return len(leaves) == 1 and not np.shape(leaves[0])


def _check_slope(
    model: Model, args: Arguments, weights: list[Any], tangents: list[Any], k: int, found: Any
) -> None:
    """One leaf's derivative along its direction."""
    alone = [t if j == k else np.zeros_like(t) for j, t in enumerate(tangents)]

    def at(step: float) -> Any:
        values = value_leaves(model, moved(model, args, alone, step))
        return sum(np.sum(w * v) for w, v in zip(weights, values, strict=True))

    for step in (STEP, STEP / 8, STEP / 64):  # shorter ones where the function bends or jumps
        wanted, rough = slope(at, step)
        scale = abs(wanted) + 1e-7 * (1 + abs(at(0.0)))
        if abs(found - wanted) <= model.rtol * scale + rough * 0.01:
            return
    raise AssertionError(f"gradient in leaf {k}: {found}, differences give {wanted} (± {rough})")


def check_second(model: Model, args: Arguments, run: Runner, tangents: list[Any]) -> None:
    """The Hessian along the tangents against differences of the gradient."""
    products = run("hvp", args, tangents)
    for k, product in enumerate(products):

        def at(step: float, k: int = k) -> Any:
            return run("value_and_grad", moved(model, args, tangents, step))[1 + k]

        wanted, rough = slope(at)
        scale = np.max(np.abs(wanted), initial=0.0) + 1e-6
        off = np.max(np.abs(product - wanted), initial=0.0)
        assert off <= 1e-5 * scale + 0.1 * rough, f"hvp in leaf {k}\n{product}\n{wanted}"
