"""A random program, read, differentiated and run, beside the same text run by Python and NumPy."""

from __future__ import annotations

import linecache
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.errors import InternalError, InvalidArgument, SourceError
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    derivatives,
    interpreted,
    leaves_in,
    numeric_gradients,
    plain_value,
    reference,
)
from tests.property.programs import Writer

WRT = ("x", "y", "A", "w", "s")
LARGEST = 1e6
STEP = 1e-6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a program: `same`, `refused`, or `wild` where NumPy's value is useless."""

    kind: str
    why: str = ""


def text_of(seed: int, statements: int = 5) -> str:
    """The program of a seed."""
    return Writer(random.Random(seed).choice).program(statements)


def function_of(text: str) -> Callable[..., Any]:
    """The function `f` of a text, whose source can be found."""
    filename = f"<random program {hash(text) & 0xFFFFFFFF:x}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    space: dict[str, Any] = {"np": np, "__name__": "random_program"}
    exec(compile(text, filename, "exec"), space)
    return space["f"]


def arguments(n: int, seed: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=n),
        rng.normal(size=n),
        rng.normal(size=(n, 3)),
        rng.normal(size=3),
        np.float64(rng.normal()),
        rng.integers(0, n, size=n),
    )


def run(text: str, n: int, seed: int, *, compiled: bool = False) -> Outcome:
    """Check a program; the error says where its numbers differ."""
    case = Case(function_of(text), lambda *_: (), wrt=WRT)
    args = arguments(n, seed)
    try:
        wanted = plain_value(case, args)
    except UnboundLocalError as error:  # an array that no round of a loop makes
        return Outcome("wild", str(error))
    if not np.isfinite(wanted) or abs(wanted) > LARGEST:
        return Outcome("wild")
    try:
        found = derivatives(case).value_and_grad if compiled else interpreted(case, args)
        value, gradient = found(*args)
    except (SourceError, InvalidArgument) as error:
        return Outcome("refused", getattr(error, "message", str(error)))
    except InternalError:
        raise
    parts = [leaf for _, leaf in leaves_in(gradient)]
    assert_close(value, wanted, rtol=1e-10, what="value")
    outputs = reference(case, args)
    for output, part in zip(outputs, [value, *parts], strict=True):
        assert_close(part, output, rtol=1e-9, what="against the reference")
    if _is_ill_conditioned(found, args, parts):
        return Outcome("wild", "rounding of the arguments changes the gradient")
    numeric = numeric_gradients(case, args, STEP)
    again = numeric_gradients(case, args, STEP / 8)
    for part, one, two in zip(parts, numeric, again, strict=True):
        # Where two steps disagree there is a jump or a kink between them.
        smooth = np.abs(one - two) <= 1e-4 * (1 + np.abs(one))
        scale = 1 + np.max(np.abs(part), initial=0.0)
        assert np.all(np.abs(part - one)[smooth] <= 1e-4 * scale), f"gradient\n{part}\n{one}"
    return Outcome("same")


def _is_ill_conditioned(found: Callable[..., Any], args: tuple[Any, ...], parts: list[Any]) -> bool:
    rng = np.random.default_rng(0)
    moved = [a * (1 + 1e-11 * rng.normal(size=a.shape)) if a.dtype.kind == "f" else a for a in args]
    others = [leaf for _, leaf in leaves_in(found(*moved)[1])]
    return any(
        np.max(np.abs(one - two), initial=0.0) > 1e-6 * (1 + np.max(np.abs(one), initial=0.0))
        for one, two in zip(parts, others, strict=True)
    )
