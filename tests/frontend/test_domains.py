"""Functions of `math` and ufuncs on every dtype: what Python and NumPy give, or a refusal.

Booleans are the one difference: NumPy computes their sine in half precision, which codegen_ad does
not have, so that its results have more digits.
"""

from __future__ import annotations

import copy
import linecache
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from codegen_ad.errors import InternalError, SourceError
from tests.frontend.running import outputs_of

VECTORS: dict[str, Any] = {
    "f8": np.array([0.3, 0.7, -1.2]),
    "f4": np.array([0.3, 0.7, 1.5], "f4"),
    "i8": np.array([1, 2, -1]),
    "i4": np.array([1, 2, 3], "i4"),
    "i1": np.array([100, 27, -128], "i1"),
    "u1": np.array([200, 2, 255], "u1"),
    "u2": np.array([65535, 3, 1], "u2"),
    "u8": np.array([4, 3, 1], "u8"),
    "b": np.array([True, False, True]),
}
NUMBERS: dict[str, Any] = {
    "float": 0.3,
    "int": 2,
    "f8 number": np.float64(0.3),
    "f4 number": np.float32(0.3),
    "i8 number": np.int64(2),
    "b number": np.bool_(True),
}
ALL = {**VECTORS, **NUMBERS, "table": np.ones((2, 2)), "one": np.array([0.3])}
LITERALS = ("-1.0", "0.0", "2", "0", "-2.5", "1e308", "-1", "[0.5]", "1000")
PAIRS = ("-1.0, 0.5", "0.0, -1.0", "2, 0", "0.0, 0.0", "2, -2")
BOOLEANS = ("True", "True, False")
MATH = sorted(n for n in dir(math) if callable(getattr(math, n)) and n[0] != "_")
UFUNCS = sorted({f.__name__ for f in vars(np).values() if isinstance(f, np.ufunc)})
SMALL = {"f2": "f8"}
"""The dtype that a function of booleans has in NumPy, and here."""

REFUSED = ("make it a float", "make the base a float")
"""What powers of integers say that only the run knows, and that do not fit."""

OUTSIDE = ("math domain error", "math range error", "float division by zero")
"""What `math` says of numbers outside of a domain: NaN or infinity if only the run knows them."""


def function_of(text: str) -> Callable[..., Any]:
    filename = f"<{text}>"
    source = f"def f(x, y):\n    return {text}\n"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space: dict[str, Any] = {"np": np, "math": math, "__name__": "domains"}
    exec(compile(source, filename, "exec"), space)
    return space["f"]


def wrong(text: str, x: Any, y: Any, *, known: bool = False) -> str | None:
    """How a call differs from Python's; None if it does not, or is refused."""
    function = function_of(text)
    try:
        with np.errstate(all="ignore"):
            wanted: Any = function(*copy.deepcopy((x, y)))
        failure = None
    except Exception as error:
        wanted, failure = None, error
    try:
        found = outputs_of(function, x, y)
    except InternalError as error:
        return f"{error}"
    except SourceError:
        return None
    except (ValueError, OverflowError) as error:
        refused = any(words in str(error) for words in REFUSED)
        return None if refused or type(error) is type(failure) else f"{error!r}"
    if failure is not None:
        outside = not known and any(words in str(failure) for words in OUTSIDE)
        return None if outside else f"Python raises {failure!r}"
    if isinstance(wanted, tuple) != isinstance(found, tuple):
        return f"{found}, not {wanted}"
    pairs = zip(wanted, found, strict=True) if isinstance(wanted, tuple) else [(wanted, found)]
    return next((bad for a, b in pairs if (bad := _different(a, b)) is not None), None)


def _different(wanted: Any, found: Any) -> str | None:
    one, two = np.asarray(wanted), np.asarray(found)
    dtype = one.dtype.str[1:]
    if two.dtype.str[1:] != SMALL.get(dtype, dtype):
        return f"{two.dtype}, not {one.dtype}"
    rounding = {"f2": 2e-3, "f4": 1e-6}.get(dtype, 1e-12)
    same = one.shape == two.shape and np.allclose(one, two, rtol=rounding, equal_nan=True)
    return None if same else f"{two}, not {one}"


def failures(cases: Iterator[tuple[str, Any, Any, bool]]) -> list[str]:
    with np.errstate(all="ignore"):
        return [
            f"{text} of {x!r}, {y!r}: {bad}"
            for text, x, y, known in cases
            if (bad := wrong(text, x, y, known=known)) is not None
        ]


def cases(name: str) -> Iterator[tuple[str, Any, Any, bool]]:
    """Calls with one argument and with two, given when called or written in the text."""
    for x in ALL.values():
        yield f"{name}(x)", x, 0.0, False
    for x in (*VECTORS.values(), *NUMBERS.values()):
        yield f"{name}(x, y)", x, x, False
    for literal in (*LITERALS, *PAIRS, *(BOOLEANS if name.startswith("math") else ())):
        yield f"{name}({literal}) + 0 * x[0]", VECTORS["f8"], 0.0, True


@pytest.mark.parametrize("start", range(4))
def test_functions_of_math(start: int) -> None:
    left_out = {"trunc"}  # NumPy's integers lack what `math.trunc` asks for
    names = [n for n in MATH[start::4] if n not in left_out]
    assert not failures(case for n in names for case in cases(f"math.{n}"))


@pytest.mark.parametrize("start", range(4))
def test_ufuncs(start: int) -> None:
    assert not failures(case for n in UFUNCS[start::4] for case in cases(f"np.{n}"))


PROMOTED = ("add", "subtract", "multiply", "divide", "power", "floor_divide", "remainder",
            "maximum", "arctan2", "hypot", "less", "logical_and", "copysign", "fmod")  # fmt: skip


@pytest.mark.parametrize("name", PROMOTED)
def test_promotion(name: str) -> None:
    operands = [*VECTORS.values(), *NUMBERS.values()]
    assert not failures((f"np.{name}(x, y)", x, y, False) for x in operands for y in operands)
