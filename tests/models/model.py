"""What a model is: a function as its field writes it, its data, and the sizes it is tried with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Function = Callable[..., Any]


@dataclass(frozen=True)
class Model:
    """A function and how to make its arguments.

    Attributes
    ----------
    data : makes the arguments from a generator and the sizes.
    small : the sizes at which Python runs the kernel's text.
    usual : realistic ones, which the command compiles and times.
    peer : the library that differentiates the very same text when it stands in for NumPy: JAX for
        programs of whole arrays, autograd where Python's loops are many. Both need programs
        without writes.
    smooth : whether second derivatives exist at the data.
    quick : whether building the kernel of second derivatives takes no more than a moment.
    rtol : what rounding in its data's directions allows, relative to the derivative.
    """

    function: Function
    data: Function
    small: Mapping[str, int]
    usual: Mapping[str, int]
    wrt: tuple[str, ...]
    peer: str | None
    smooth: bool
    quick: bool
    rtol: float

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def module(self) -> str:
        """Where it stands: the field."""
        return self.function.__module__.rpartition(".")[2]

    def arguments(self, sizes: Mapping[str, int], seed: int = 1) -> tuple[Any, ...]:
        """The arguments of these sizes, the same ones each time."""
        return tuple(self.data(np.random.default_rng(seed), **sizes))


@dataclass
class Field:
    """The models of one module, in the order of its text."""

    models: list[Model] = field(default_factory=list)

    def __call__(
        self,
        data: Function,
        small: Mapping[str, int],
        usual: Mapping[str, int],
        *,
        wrt: str | tuple[str, ...] = (),
        peer: str | None = None,
        smooth: bool = True,
        quick: bool = True,
        rtol: float = 1e-6,
    ) -> Callable[[Function], Function]:
        """Note a function as a model; it stays the plain function that it is."""
        names = (wrt,) if isinstance(wrt, str) else wrt

        def note(function: Function) -> Function:
            first = function.__code__.co_varnames[:1]
            wanted = names or first
            self.models.append(
                Model(function, data, small, usual, wanted, peer, smooth, quick, rtol)
            )
            return function

        return note
