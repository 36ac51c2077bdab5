"""A random program, read, differentiated and run, beside the same text run by Python and NumPy."""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from codegen_ad import build
from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.node import Program
from codegen_ad.ir.verify import verify
from codegen_ad.modes import derive
from codegen_ad.passes import pipeline
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    derivatives,
    inputs_of,
    interpreted,
    leaves_in,
    plain_value,
    stages_of,
)
from tests.property import other_modes, slopes, vector_modes, ways
from tests.property.programs import PARAMETERS, Writer
from tests.property.simulator import Simulator, simulator_of
from tests.property.sources import REFUSALS, Outcome, function_of

WRT = ("x", "y", "A", "w", "s")
SIZES = (2, 3, 7, 8, 9, 15, 16, 17, 1, 7, 8, 9, 63, 64, 65, 128, 129, 1025)
LONG = 30
"""From here on Python takes its time for kernels' texts: short programs, few arguments."""

LARGEST = 1e6


@dataclass(frozen=True, slots=True)
class Depth:
    """What is checked besides value, gradient and forward mode.

    Attributes
    ----------
    wrt : what is differentiated; the rest is data.
    kernels : whether kernels of other modes are made, too.
    single : whether it is run in single precision, too.
    vector : whether the program gives an array or several; then its products and Jacobians are
        looked at, with `kernels` those of its Jacobian, and with `second` all of a sum of it.
    simulate_every : how often a program's kernels for a GPU are run, too.
    """

    compiled: bool = False
    checkpoint: str | int | None = None
    second: bool = False
    wrt: tuple[str, ...] = WRT
    kernels: bool = False
    single: bool = False
    vector: bool = False
    simulate_every: int = 0


def text_of(seed: int, statements: int = 5, *, wide: bool = False) -> str:
    """The program of a seed."""
    writer = Writer(random.Random(seed).choice, wide=wide, vector=depth_of(seed).vector and wide)
    return writer.program(min(statements, 2) if size_of(seed) > LONG else statements)


def depth_of(seed: int, compile_every: int = 0, simulate_every: int = 0) -> Depth:
    """How the program of a seed is checked."""
    subset = tuple(name for k, name in enumerate(WRT) if seed >> (4 + k) & 1)
    vector = seed % 8 == 6
    wrt = subset if subset and seed % 3 == 2 else WRT
    if vector and size_of(seed) > LONG:
        wrt = (("w", "s"), ("w", "s"), ("x", "s"), ("A",))[seed // 8 % 4]
    return Depth(
        compiled=bool(compile_every) and seed % compile_every == 0,
        checkpoint={0: "sqrt", 5: 2}.get(seed % 10),
        second=seed // 8 % 3 == 1 if vector else seed % 4 == 1,
        wrt=wrt,
        kernels=seed // 8 % 4 == 2 if vector else seed % 8 in (1, 3),
        single=seed % 11 == 4,
        vector=vector,
        simulate_every=simulate_every,
    )


def size_of(seed: int) -> int:
    """How long the vectors of a seed are: as long as the rows, short, or never written out.

    Those of programs that give arrays are, too, of the sizes around tiles and vectors.
    """
    if seed % 8 == 6 and seed // 8 % 5 < 3:
        return SIZES[seed // 40 % len(SIZES)]
    if seed % 7 == 3:
        return 3
    return 4 + seed % 4 + (6 if seed % 3 else 0)


def arguments(n: int, seed: int) -> tuple[Any, ...]:
    """Arguments of the seed; those of every fifth one do not lie in memory one after the other."""
    rng = np.random.default_rng(seed)
    x, y, A, w = (rng.normal(size=shape) for shape in (n, n, (n, 3), 3))
    s, p = np.float64(rng.normal()), rng.integers(0, n, size=n)
    if seed % 5 == 2:
        x, y = np.repeat(x, 2)[::2], y[::-1]
        A, p = np.asfortranarray(A), np.stack([p, p], axis=1)[:, 0]
    return x, y, A, w, s, p


def run(text: str, n: int, seed: int, depth: Depth = Depth()) -> Outcome:
    """Check a program; the error says where its numbers differ."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = simulator_of(seed, depth.simulate_every)
        return simulator.outcome(_run(text, arguments(n, seed), seed, depth, simulator))


def _run(
    text: str, args: tuple[Any, ...], seed: int, depth: Depth, simulator: Simulator
) -> Outcome:
    plain = Case(function_of(text, plain=True), lambda *_: (), wrt=depth.wrt)
    case = replace(plain, function=function_of(text))
    places = [WRT.index(name) for name in depth.wrt]
    try:
        wanted = plain_value(plain, args)
    except Exception as error:  # the program itself is wrong for these arguments
        return Outcome("wild", f"{type(error).__name__}: {error}")
    if depth.vector:
        return _outcome(lambda: _check_vector(text, case, plain, args, seed, depth, simulator))
    if not np.isfinite(wanted) or abs(wanted) > LARGEST:
        return Outcome("wild", "too large or not finite")
    try:
        stages = stages_of(case, args)
        found = _kernel(case, args, stages, compiled=depth.compiled)
        value, gradient = found(*args)
    except REFUSALS as error:
        return Outcome("refused", getattr(error, "message", str(error)))
    inputs = inputs_of(case, args, stages)
    parts = [leaf for _, leaf in leaves_in(gradient)]
    if not all(np.all(np.isfinite(part)) for part in parts) and _meets_nan(plain, args):
        return Outcome("wild", "the gradient of NaN that is overwritten")
    if _moves(lambda *a: plain_value(plain, a), args, 1e-13, 1e-7):
        return Outcome("wild", "rounding of the arguments changes the value")
    # Functions of single precision may be rounded to the next number.
    assert_close(value, wanted, rtol=1e-6 if "float32" in text else 1e-9, what="value")
    if _moves(lambda *a: [leaf for _, leaf in leaves_in(found(*a)[1])], args, 1e-11, 1e-6):
        return Outcome("wild", "rounding of the arguments changes the gradient")
    for output, part in zip(evaluate(stages.optimized, inputs), [value, *parts], strict=True):
        assert_close(part, output, rtol=1e-8, what="against the reference")
    _check_slopes(plain, args, places, parts)
    rng = np.random.default_rng(seed)
    tangents = [rng.normal(size=np.shape(part)) for part in parts]
    products: dict[str, list[Any]] = {}
    try:
        pushed = evaluate(_derived(case, stages, "jvp"), [*inputs, *tangents])
    except REFUSALS as error:
        if "capped" not in text:
            return Outcome("refused", f"forward: {getattr(error, 'message', error)}")
    else:
        along = pushed[1]
        products["jvp"] = pushed
        terms = [np.sum(part * t) for part, t in zip(parts, tangents, strict=True)]
        assert abs(along - sum(terms)) <= 1e-8 * (1 + sum(map(abs, terms))), (
            f"forward {along} reverse {sum(terms)}"
        )
    simulator.check(case, args, "value_and_grad", [value, *parts])
    if depth.checkpoint is not None:
        _check_checkpoints(replace(case, checkpoint=depth.checkpoint), args, [value, *parts])
    if depth.second:
        products["hvp"] = evaluate(_derived(case, stages, "hvp"), [*inputs, *tangents])
        _check_second(products["hvp"], args, places, found, tangents)
    if depth.kernels:
        other_modes.check_products(case, args, tangents, products, simulator)
    if depth.single:
        space = function_of(text, plain=True).__globals__

        def all_ways() -> np.dtype[Any] | None:
            return ways.dtype_of_all(
                text, space, lambda k: other_modes.in_single(arguments(len(args[0]), k))
            )

        return _outcome(
            lambda: other_modes.check_single(case, plain, args, found, all_ways, simulator)
        )
    return Outcome("same")


def _check_vector(
    text: str,
    case: Case,
    plain: Case,
    args: tuple[Any, ...],
    seed: int,
    depth: Depth,
    simulator: Simulator,
) -> str:
    """Products and Jacobians; for some programs the Jacobian's, and all of a sum of the result."""
    places = [WRT.index(name) for name in depth.wrt]
    try:
        vector_modes.check(case, plain, args, places, seed, simulator)
        inner = text.replace("def f(", "def inner(")
        head = f"{inner}\n\ndef f({PARAMETERS}):\n"
        if depth.kernels:
            of_w = "jacobian(lambda c: inner(x.copy(), y.copy(), A.copy(), c, s, p))(w)"
            function = function_of(f"{head}    return {of_w}\n")
            wrt = tuple(name for name in depth.wrt if name in "ws") or ("w",)
            second = Case(function, lambda *_: (), wrt=wrt)
            of_wrt = [WRT.index(name) for name in wrt]
            vector_modes.check_second(second, args, of_wrt, seed, simulator)
    except vector_modes.Useless as reason:
        return str(reason)
    if not depth.second:
        return ""
    leaves = leaves_in(plain_value(plain, args))
    parts = [f"np.sum(np.sin(r{''.join(f'[{k!r}]' for k in path)}))" for path, _ in leaves]
    total = f"{head}    r = inner({PARAMETERS})\n    return {' + '.join(parts)}\n"
    outcome = _run(total, args, seed, replace(depth, vector=False), simulator)
    return outcome.why


def _outcome(check: Callable[[], str]) -> Outcome:
    """What becomes of a check that says why there is nothing to compare."""
    try:
        why = check()
    except REFUSALS as error:
        return Outcome("refused", getattr(error, "message", str(error)))
    return Outcome("wild", why) if why else Outcome("same")


def _kernel(
    case: Case, args: tuple[Any, ...], stages: build.Stages | None, *, compiled: bool
) -> Callable[..., Any]:
    """Value and gradient by machine code, or by the kernel's text as Python runs it."""
    if not compiled:
        found = interpreted(case, args, stages=stages)
        try:
            found(*args)
        except ZeroDivisionError:  # which Python's numbers raise, and compiled ones do not
            pass
        else:
            return found
    return derivatives(case).value_and_grad


def _derived(case: Case, stages: build.Stages, mode: str) -> Program:
    """Another derivative of the program that a build has read."""
    targets = [stages.simplified.inputs[WRT.index(name)] for name in case.wrt]
    program = pipeline.run(derive(stages.simplified, targets, mode).program)
    verify(program)
    return program


def _meets_nan(plain: Case, args: tuple[Any, ...]) -> bool:
    """Whether an operation on the way has no result, as the root of a negative number."""
    try:
        with np.errstate(invalid="raise"):
            plain.function(*copy.deepcopy(args))
    except FloatingPointError:
        return True
    return False


def _moves(found: Callable[..., Any], args: tuple[Any, ...], by: float, limit: float) -> bool:
    """Whether a change of the arguments by rounding changes what is found by much more."""
    rng = np.random.default_rng(0)
    factors = [1 + by * rng.normal(size=a.shape) if a.dtype.kind == "f" else 1 for a in args]
    moved = [_scaled(a, f) for a, f in zip(args, factors, strict=True)]
    one, two = found(*args), found(*moved)
    pairs = zip(one, two, strict=True) if isinstance(one, list) else [(one, two)]
    return any(
        np.max(np.abs(a - b), initial=0.0) > limit * (1 + np.max(np.abs(a), initial=0.0))
        for a, b in pairs
    )


def _scaled(array: Any, factor: Any) -> Any:
    """A product that lies in memory as the array does, which decides what is a view of it."""
    if not np.ndim(array):
        return array * factor
    found = array.copy(order="K")
    found *= factor
    return found


def _check_slopes(plain: Case, args: tuple[Any, ...], places: list[int], parts: list[Any]) -> None:
    for place, part in zip(places, parts, strict=True):
        slope, smooth = slopes.slopes(lambda *a: plain_value(plain, a), args, place)
        scale = 1 + np.max(np.abs(part), initial=0.0)
        off = (np.abs(part - slope) > 1e-4 * scale) & smooth
        assert not np.any(off), f"gradient in {WRT[place]}\n{part}\n{slope}"


def _check_checkpoints(case: Case, args: tuple[Any, ...], wanted: list[Any]) -> None:
    try:
        value, gradient = _kernel(case, args, None, compiled=False)(*args)
    except REFUSALS:
        return
    for one, two in zip([value, *(g for _, g in leaves_in(gradient))], wanted, strict=True):
        assert_close(one, two, rtol=1e-9, what=f"checkpoint={case.checkpoint!r}")


def _check_second(
    outputs: list[Any],
    args: tuple[Any, ...],
    places: list[int],
    found: Callable[..., Any],
    tangents: list[Any],
) -> None:
    """The Hessian along the tangents, against differences of gradients."""

    def gradient(step: float) -> list[Any]:
        moved = list(args)
        for place, t in zip(places, tangents, strict=True):
            moved[place] = args[place] + step * t
        return [leaf for _, leaf in leaves_in(found(*moved)[1])]

    middle = gradient(0.0)
    sides = {step: gradient(step) for h in (1e-6, 1e-5) for step in (h, -h)}
    for k, output in enumerate(outputs):
        fine, coarse = ((sides[h][k] - sides[-h][k]) / (2 * h) for h in (1e-6, 1e-5))
        right = (sides[1e-6][k] - middle[k]) / 1e-6
        scale = 1 + np.max(np.abs(fine), initial=0.0)
        smooth = (np.abs(fine - coarse) < 1e-4 * scale) & (np.abs(right - fine) < 1e-2 * scale)
        off = (np.abs(output - fine) > 1e-3 * scale) & smooth
        assert not np.any(off), f"second derivative in {WRT[places[k]]}\n{output}\n{fine}"
