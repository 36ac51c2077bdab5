"""A function and its arguments, checked in every mode by the reference backend."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from codegen_ad.frontend.reader import Reading, read
from codegen_ad.runtime.dependencies import resolve
from codegen_ad.signature import Signature
from tests.cases.engine import Run, check_forward, check_reverse, check_second, check_value
from tests.cases.engine import flat as flat_results
from tests.frontend.running import flat, form_of

Function = Callable[..., Any]


@dataclass(frozen=True)
class Use(Run):
    """A function that was read for some arguments, by name."""

    function: Function = lambda: None

    @cached_property
    def _read(self) -> tuple[Function, Reading, list[str]]:
        forms = tuple((name, form_of(value)) for name, value in self.data.items())
        reading = read(self.function, Signature(forms))
        return self.function, reading, [leaf.name for leaf in reading.leaves]

    @cached_property
    def arrays(self) -> list[np.ndarray]:
        """The arguments, and the arrays outside that the function reads."""
        outside = [
            resolve(self.function, leaf.source) for leaf in self._read[1].leaves if leaf.captured
        ]
        return [np.asarray(v) for v in (*flat(list(self.data.values())), *outside)]

    def expected(self) -> list[Any]:
        """What the function itself gives."""
        return flat_results(self.function(**copy.deepcopy(dict(self.data))))


def check_use(function: Function, **data: Any) -> None:
    """Fail unless value, gradient, forward mode and second derivative are right."""
    here = Use(function.__name__, data, function=function)
    check_value(here)
    assert here.differentiable
    check_reverse(here)
    check_forward(here)
    check_second(here)
