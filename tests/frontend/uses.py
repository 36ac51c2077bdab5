"""A use of the language as a function, checked in every mode by the reference backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from running import form_of

from codegen_ad.frontend.reader import Reading, read
from codegen_ad.signature import Signature
from tests.cases.engine import Run, check_forward, check_reverse, check_second, check_value

Function = Callable[..., Any]


@dataclass(frozen=True)
class Use(Run):
    """A function that was read for some arguments, by name."""

    function: Function = lambda: None

    @cached_property
    def _read(self) -> tuple[Function, Reading, list[str]]:
        forms = tuple((name, form_of(value)) for name, value in self.data.items())
        return self.function, read(self.function, Signature(forms)), list(self.data)


def use(function: Function, data: Mapping[str, Any]) -> Use:
    """The function, for these arguments."""
    return Use(getattr(function, "__name__", "function"), data, function=function)


def check_use(function: Function, **data: Any) -> None:
    """Fail unless value, gradient, forward mode and second derivative are right."""
    here = use(function, data)
    check_value(here)
    assert here.differentiable
    check_reverse(here)
    check_forward(here)
    check_second(here)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers between 0.3 and 1.7 that are no kinks of anything."""
    return np.random.default_rng(seed).uniform(0.3, 1.7, shape)
