"""What a case is: a function as users write it, and the arguments it is tried with.

The functions stand in `losses.py`, `arrays.py` and `flow.py`; what is checked of each stands in
`test_gradients.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Function = Callable[..., Any]
Arguments = Callable[[int, np.random.Generator], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """A function, its arguments for `n` rows of data, and what to differentiate.

    Attributes
    ----------
    sizes : the numbers of rows it is tried with; the first is compiled, the others as well where
        they need a kernel of their own.
    dtype : of the data; float32 results are compared loosely.
    is_smooth : whether finite differences can be taken anywhere.
    """

    function: Function
    arguments: Arguments
    wrt: tuple[str, ...] = ()
    sizes: tuple[int, ...] = (7, 2, 3, 100, 1)
    dtype: str = "f8"
    static: tuple[str, ...] = ()
    checkpoint: str | int | None = None

    @property
    def name(self) -> str:
        return self.function.__name__

    def at(self, n: int) -> tuple[Any, ...]:
        """The arguments for `n` rows, the same ones each time."""
        return self.arguments(n, np.random.default_rng(1 + n))


@dataclass(frozen=True, slots=True)
class Data:
    """Short ways to make arguments, each a function of the number of rows and a generator.

    A shape names the number of rows by -1.
    """

    shape: tuple[int, ...]
    kind: str = "normal"
    dtype: str = "f8"

    def make(self, n: int, rng: np.random.Generator) -> Any:
        shape = tuple(n if s == -1 else s for s in self.shape)
        match self.kind:
            case "positive":
                found = rng.uniform(0.5, 2.0, size=shape)
            case "unit":
                found = rng.uniform(0.1, 0.9, size=shape)
            case "labels":
                return rng.integers(0, 3, size=shape)
            case "signs":
                return rng.integers(0, 2, size=shape) * 2.0 - 1.0
            case "mask":
                return rng.integers(0, 2, size=shape) == 1
            case "definite":
                half = rng.normal(size=shape)
                found = half @ half.T + shape[0] * np.eye(shape[0])
            case _:
                found = rng.normal(size=shape)
        return found.astype(self.dtype) if shape else np.dtype(self.dtype).type(found)


def data(*shape: int, kind: str = "normal", dtype: str = "f8") -> Data:
    return Data(shape, kind, dtype)


class Table:
    """The cases of one file, in the order of its functions."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def __call__(self, *arguments: Any, **options: Any) -> Callable[[Function], Function]:
        """Add the function below, with its arguments: data, functions of `(n, rng)`, or values."""

        def add(function: Function) -> Function:
            def make(n: int, rng: np.random.Generator) -> tuple[Any, ...]:
                return tuple(_made(a, n, rng) for a in arguments)

            self.cases.append(Case(function, make, **options))
            return function

        return add


def _made(argument: Any, n: int, rng: np.random.Generator) -> Any:
    match argument:
        case Data():
            return argument.make(n, rng)
        case dict():
            return {k: _made(v, n, rng) for k, v in argument.items()}
        case tuple():
            made = [_made(v, n, rng) for v in argument]
            return type(argument)(*made) if hasattr(argument, "_fields") else tuple(made)
        case list():
            return [_made(v, n, rng) for v in argument]
        case _ if callable(argument) and not isinstance(argument, type):
            return argument(n, rng)
        case _:
            return argument
