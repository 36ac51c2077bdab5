"""Tables of functions that use a construct of the language each; their rows are filled beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Function = Callable[..., Any]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers between 0.3 and 1.7 that are no kinks of anything."""
    return np.random.default_rng(seed).uniform(0.3, 1.7, shape)


X = numbers(5)
A = numbers(3, 4, seed=1)


@dataclass(frozen=True)
class Construct:
    """A construct of the language, and a function that uses it, for arguments by name."""

    text: str
    function: Function
    data: dict[str, Any]
    note: str = ""

    def __str__(self) -> str:
        return self.function.__name__


@dataclass
class Table:
    """A decorator that adds a function to the table."""

    title: str
    rows: list[Construct] = field(default_factory=list)

    def __call__(self, text: str, note: str = "", **data: Any) -> Callable[[Function], Function]:
        def add(function: Function) -> Function:
            self.rows.append(Construct(text, function, data or {"x": X}, note))
            return function

        return add
