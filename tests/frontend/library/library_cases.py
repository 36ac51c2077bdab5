"""Expressions of NumPy, read into programs and run by the reference backend beside NumPy itself."""

from __future__ import annotations

import cmath
import linecache
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special
import scipy.stats

from codegen_ad.backends.reference import evaluate
from codegen_ad.frontend.output import OutputArray, OutputConstant, OutputSequence
from codegen_ad.frontend.reader import Reading, read
from codegen_ad.signature import ArrayForm, Signature
from tests.frontend.running import broken_case

RNG = np.random.default_rng(7)


def _numbers(*shape: int, dtype: str = "f8") -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def _definite(size: int) -> np.ndarray:
    half = _numbers(size, size)
    return half @ half.T + size * np.eye(size)


DATA: dict[str, Any] = {
    "s": np.float64(1.7),  # a scalar
    "v": _numbers(5),
    "w": _numbers(5),
    "p": np.abs(_numbers(5)) + 0.1,  # positive
    "u": np.array([0.3, 0.9, 0.5, 0.01, 0.77]),  # within (0, 1)
    "one": _numbers(1),
    "A": _numbers(3, 4),
    "B": _numbers(4, 5),
    "C": _numbers(3, 4),
    "R": _numbers(1, 4),
    "K": _numbers(3, 1),
    "S": _definite(3),
    "Q": _numbers(4, 4),
    "T": _numbers(2, 3, 4),
    "U": _numbers(1, 4, 2),
    "f": _numbers(5, dtype="f4"),
    "F": _numbers(3, 4, dtype="f4"),
    "i": np.array([4, -2, 0, 7, 4]),
    "I": np.arange(12).reshape(3, 4) % 5 - 1,
    "j": np.array([4, -2, 0, 7, 4], dtype="i4"),
    "m": np.array([True, False, True, True, False]),
    "M": np.arange(12).reshape(3, 4) % 3 == 0,
    "ties": np.array([1.0, 3.0, 3.0, -2.0, -2.0]),
    "odd": np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.5, -2.5]),
    "N": np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, -1.0]]),
    "places": np.array([3, 0, 0, 2]),
    "z": np.zeros(0),  # nothing
    "Z": np.zeros((0, 4)),
    "grid": np.array([0.0, 0.5, 1.5, 1.75, 3.0]),
    "X": _numbers(5, 3),  # tall
    "P": np.stack([_definite(3), _definite(3)]),
    "G": _numbers(2, 4, 3),
    "E": _numbers(2, 1, 3, 3),
    "H": _definite(3).astype("f4"),
    "J": np.array([[3, 1, 0], [1, 4, 2], [0, 2, 5]]),
    "nil": np.zeros((0, 0)),
    "O": np.zeros((4, 0)),
    "Y": np.array([2**64 - 3, 2**63 + 1], "u8"),  # too large for integers with a sign
}
GLOBALS = {"np": np, "math": math, "cmath": cmath, "scipy": scipy, "numpy": np}


def function_of(text: str) -> tuple[Any, list[str]]:
    """The function whose body is `text`, over the data that it names, with its source at hand."""
    body = text if "return " in text else f"return {text}"
    code = compile(body.replace("return ", "return_ = ", 1), "<names>", "exec")
    names = [n for n in (*DATA, "knots") if n in code.co_names]
    lines = [f"def case({', '.join(names)}):", *(f"    {line}" for line in body.split("\n"))]
    source = "\n".join(lines) + "\n"
    filename = f"<case {text}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space = dict(GLOBALS)
    exec(compile(source, filename, "exec"), space)
    return space["case"], names


def reading_of(text: str) -> tuple[Any, Any, list[str]]:
    """The function, its reading, and the names of its arguments."""
    function, names = function_of(text)
    return function, read_for(function, names, DATA), names


def read_for(function: Any, names: Sequence[str], data: Mapping[str, Any]) -> Reading:
    """The reading of a function of arrays whose sizes compare as those of the data do."""
    signature = Signature(tuple((name, form_of(data[name])) for name in names))
    while True:
        reading = read(function, signature)
        case = broken_case(reading, [data[name] for name in names])
        if case is None:
            return reading
        signature = signature.without(case)


def form_of(value: Any) -> ArrayForm:
    """The signature of an array: sizes of 1 are known, others are not."""
    array = np.asarray(value)
    shape = tuple(1 if size == 1 else None for size in array.shape)
    return ArrayForm(array.dtype.str.lstrip("<>|="), shape)


def both(text: str) -> tuple[list[Any], list[Any]]:
    """What NumPy gives and what the program gives, each as a flat list."""
    function, reading, names = reading_of(text)
    expected = flat(function(*(np.copy(DATA[n])[()] for n in names)))
    outputs = evaluate(reading.program, [DATA[n] for n in names])
    return expected, flat(rebuilt(reading.output, outputs))


def rebuilt(tree: Any, outputs: list[np.ndarray]) -> Any:
    match tree:
        case OutputArray(index):
            return outputs[index]
        case OutputConstant(value):
            return value
        case OutputSequence(items=items):
            return tuple(rebuilt(item, outputs) for item in items)
        case _:
            raise AssertionError(tree)


def flat(value: Any) -> list[Any]:
    """The arrays in a nested result."""
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in flat(item)]
    return [value]


def assert_same(text: str) -> None:
    """The program gives NumPy's values, shape and dtype."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's own, on empty and NaN slices
        expected, found = both(text)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        theirs = np.asarray(theirs)
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        tolerance = 3e-6 if theirs.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
