"""The functions of random programs, from their text, and what becomes of them."""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special
import scipy.stats

import codegen_ad
from codegen_ad.errors import InvalidArgument, NotDifferentiable, SourceError
from tests.property import slopes

REFUSALS = (SourceError, InvalidArgument, NotDifferentiable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a program.

    Attributes
    ----------
    kind : `same`, `refused`, or `wild` where NumPy's value is useless; of trials also `failed`,
        and `slow`.
    simulated : modes whose kernels for a GPU the simulator ran.
    no_gpu : why other modes can't run on a GPU.
    """

    kind: str
    why: str = ""
    simulated: tuple[str, ...] = ()
    no_gpu: tuple[str, ...] = ()


def function_of(text: str, *, plain: bool = False) -> Callable[..., Any]:
    """The function `f` of a text, whose source can be found.

    In a plain one the derivatives are complex steps, so that nothing is compiled to run it.
    """
    filename = f"<random program {hash(text) & 0xFFFFFFFF:x}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    space: dict[str, Any] = {
        "np": np,
        "math": math,
        "linalg": scipy.linalg,
        "special": scipy.special,
        "stats": scipy.stats,
        "custom_derivative": codegen_ad.custom_derivative,
        "grad": slopes.complex_gradient if plain else codegen_ad.grad,
        "jacobian": slopes.complex_jacobian if plain else codegen_ad.jacobian,
        "__name__": "random_program",
    }
    exec(compile(text, filename, "exec"), space)
    return space["f"]
