"""What a case of the table is, and how each mode of it is checked with the reference backend.

A case is an expression of NumPy over the arrays of `library_cases.DATA`. Values are compared with
NumPy itself, gradients with extrapolated central differences, forward mode with reverse mode by
`<J v, w> = <v, J^T w>`, second derivatives (forward over reverse) with differences of gradients.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.reverse import differentiate
from codegen_ad.frontend.reader import Reading
from codegen_ad.ir.node import Node, Program, toposort
from codegen_ad.ir.types import ArrayType, DType
from tests.frontend.library.library_cases import DATA, flat, function_of, read_for, rebuilt

EDGES = frozenset({"odd", "N", "ties"})  # full of kinks and NaN: for values only
SINGLE = frozenset({"f", "F"})  # single precision: too coarse for differences
STEP = 2e-4


@dataclass(frozen=True)
class Case:
    """One use of a function: `function` is what the support page calls it."""

    family: str
    function: str
    text: str

    def __str__(self) -> str:
        return self.text.replace("\n", "; ")


def cases_of(family: str, rows: str) -> tuple[Case, ...]:
    """The cases of lines `function: expression`; a function that is left out is the last one."""
    cases: list[Case] = []
    function = ""
    for row in rows.strip().splitlines():
        name, separator, text = row.partition(": ")
        if not separator or not name.strip():
            raise ValueError(row)
        function = name.strip() if name.strip() != '"' else function
        cases.append(Case(family, function, text.strip().replace("\\n", "\n")))
    return tuple(cases)


@dataclass(frozen=True)
class Run:
    """A case that was read for some data, and its derivatives."""

    text: str
    data: Mapping[str, Any]
    fixed: frozenset[str] = EDGES | SINGLE

    @cached_property
    def _read(self) -> tuple[Callable[..., Any], Reading, list[str]]:
        function, names = function_of(self.text)
        return function, read_for(function, names, self.data), names

    @property
    def program(self) -> Program:
        return self._read[1].program

    @property
    def names(self) -> list[str]:
        """The names of the function's arguments."""
        return self._read[2]

    @property
    def classes(self) -> tuple[str, ...]:
        """Of each argument, its dtype and which of its sizes are 0, 1 and more."""
        arrays = (np.asarray(self.data[name]) for name in self.names)
        return tuple(
            f"{a.dtype.str[1:]}[{', '.join('01n'[min(size, 2)] for size in a.shape)}]"
            for a in arrays
        )

    @cached_property
    def arrays(self) -> list[np.ndarray]:
        """The arguments of the program, which are those of the function and captured arrays."""
        return [np.asarray(self.data[name]) for name in self._read[2]]

    @cached_property
    def varied(self) -> list[int]:
        """The inputs that a gradient can be asked for, and that some float output depends on."""
        names = self._read[2]
        outputs = [o for o in self.program.outputs if o.array.dtype.is_float]
        used = set(toposort(outputs))
        return [
            k
            for k, node in enumerate(self.program.inputs)
            if node.array.dtype.is_float and names[k] not in self.fixed and node in used
        ]

    @property
    def coarse(self) -> bool:
        """Whether numbers of single precision stand on the way: too few digits for differences."""
        types = [n.type for n in toposort(self.program.outputs)]
        return any(isinstance(t, ArrayType) and t.dtype is DType.FLOAT32 for t in types)

    @property
    def differentiable(self) -> bool:
        """Whether there is anything to differentiate."""
        return bool(self.varied) and any(o.array.dtype.is_float for o in self.program.outputs)

    @property
    def wrt(self) -> list[Node]:
        return [self.program.inputs[k] for k in self.varied]

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """A cotangent for each floating output: 1 for a function of one number."""
        floats = [o for o in run(self.program, self.arrays) if o.dtype.kind == "f"]
        if len(floats) == 1 and not floats[0].shape:
            return [np.ones((), floats[0].dtype)]
        rng = np.random.default_rng(3)
        return [rng.normal(size=o.shape).astype(o.dtype) for o in floats]

    @cached_property
    def reverse(self) -> Program:
        return differentiate(self.program, self.wrt)

    @property
    def cotangents(self) -> list[np.ndarray]:
        one = len(self.reverse.inputs) == len(self.program.inputs)
        return [] if one else self.weights

    @cached_property
    def directions(self) -> list[np.ndarray]:
        rng = np.random.default_rng(5)
        return [
            rng.normal(size=self.arrays[k].shape).astype(self.arrays[k].dtype) for k in self.varied
        ]

    def expected(self) -> list[Any]:
        """What NumPy gives."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's own, on empty and NaN slices
            return flat(self._read[0](*(np.copy(a)[()] for a in self.arrays)))

    def values(self) -> list[Any]:
        """What the program gives."""
        outputs = run(self.program, self.arrays)
        return flat(rebuilt(self._read[1].output, outputs))

    def moved(self, amount: float) -> list[np.ndarray]:
        """The arguments, moved along the directions."""
        arrays = list(self.arrays)
        for k, direction in zip(self.varied, self.directions, strict=True):
            arrays[k] = arrays[k] + amount * direction
        return arrays

    def gradients(
        self,
        arrays: Sequence[np.ndarray] | None = None,
        cotangents: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """The cotangents of the varied inputs."""
        given = self.cotangents if cotangents is None else cotangents
        found = run(self.reverse, [*(arrays or self.arrays), *given])
        return found[-len(self.varied) :]

    def tangents(self) -> list[np.ndarray]:
        """The tangents of the floating outputs along the directions."""
        pushed = pushforward(self.program, self.wrt)
        outputs = run(pushed, [*self.arrays, *self.directions])
        return outputs[len(self.program.outputs) :]

    def second(self) -> list[np.ndarray]:
        """The tangents of the cotangents along the directions: forward mode over reverse mode."""
        wrt = [self.reverse.inputs[k] for k in self.varied]
        pushed = pushforward(self.reverse, wrt)
        outputs = run(pushed, [*self.arrays, *self.cotangents, *self.directions])
        return outputs[len(outputs) - len(wrt) :]


@dataclass(frozen=True)
class Facts:
    """What a case is by its types alone, for those who ask the whole table: see `Run`."""

    outputs: int
    classes: tuple[str, ...]
    differentiated: bool


@cache
def facts(text: str) -> Facts:
    """The facts of a case on the table's data, which is read once for all who ask."""
    here = Run(text, DATA)
    differentiated = here.differentiable and not here.coarse
    return Facts(len(here.program.outputs), here.classes, differentiated)


def run(program: Program, arrays: Sequence[Any]) -> list[Any]:
    """The outputs of a program."""
    with np.errstate(all="ignore"):
        return evaluate(program, arrays)


def slope(function: Callable[[float], Any], step: float = STEP) -> Any:
    """The derivative at 0 by central differences, extrapolated once."""

    def difference(h: float) -> Any:
        return (function(h) - function(-h)) / (2 * h)

    return (4 * difference(step / 2) - difference(step)) / 3


def inner(left: Sequence[Any], right: Sequence[Any]) -> float:
    """The inner product of two lists of arrays."""
    return float(sum(np.sum(np.asarray(a, "f8") * b) for a, b in zip(left, right, strict=True)))


def check_value(case: Run, tolerance: float = 1e-12, *, narrow: bool = False) -> None:
    """NumPy's values, shapes and dtypes; `narrow` allows what is more than single precision there.

    Some functions of SciPy give double precision whatever they are given.
    """
    expected, found = case.expected(), case.values()
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        theirs = np.asarray(theirs)
        assert np.shape(ours) == theirs.shape
        if narrow and np.asarray(ours).dtype == np.float32:
            theirs = theirs.astype("f4")
        assert np.asarray(ours).dtype == theirs.dtype
        allowed = max(tolerance, 3e-6 if theirs.dtype == np.float32 else 0.0)
        np.testing.assert_allclose(ours, theirs, rtol=allowed, atol=allowed)


def check_reverse(case: Run) -> None:
    """The gradient, along a direction, is the slope of the weighted outputs."""

    def total(amount: float) -> float:
        outputs = run(case.program, case.moved(amount))
        return inner([o for o in outputs if o.dtype.kind == "f"], case.weights)

    gradients = case.gradients()
    for k, gradient in zip(case.varied, gradients, strict=True):
        assert gradient.shape == case.arrays[k].shape
        assert gradient.dtype == case.arrays[k].dtype
    close(inner(gradients, case.directions), slope(total), scale=_scale(gradients, case))


def check_forward(case: Run) -> None:
    """Forward mode agrees with reverse mode."""
    gradients = case.gradients()
    left, right = inner(case.tangents(), case.weights), inner(gradients, case.directions)
    assert abs(left - right) <= 1e-10 * (1 + abs(right) + _scale(gradients, case))


def check_second(case: Run) -> None:
    """The tangent of the gradient is the slope of the gradient."""
    gradients = cache(lambda h: case.gradients(case.moved(h)))  # all of them at once
    for k, tangent in enumerate(case.second()):
        expected = slope(lambda h, k=k: gradients(h)[k])
        size = float(np.max(np.abs(expected), initial=1.0))
        np.testing.assert_allclose(tangent, expected, rtol=2e-6, atol=2e-6 * size)


def check_single(case: Run, wide: Run) -> None:
    """In single precision: NumPy's dtypes, and gradients near those of double precision."""
    check_value(case, 2e-4, narrow="scipy" in case.text)
    if not case.differentiable:
        return
    for ours, theirs in zip(case.gradients(), wide.gradients(), strict=True):
        assert ours.dtype == np.float32
        size = float(np.max(np.abs(theirs), initial=1.0))
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3 * size)


def single(data: Mapping[str, Any] = DATA) -> dict[str, Any]:
    """The data with all numbers of double precision in single precision."""
    return {
        name: value.astype("f4") if np.asarray(value).dtype == np.float64 else value
        for name, value in data.items()
    }


def close(found: float, expected: float, scale: float) -> None:
    """Equal but for the error of differences."""
    assert abs(found - expected) <= 1e-7 * (1 + abs(expected) + scale), (found, expected)


def _scale(gradients: Sequence[np.ndarray], case: Run) -> float:
    return inner([np.abs(g) for g in gradients], [np.abs(d) for d in case.directions])
