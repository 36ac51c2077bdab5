"""Names of the user's that a generated file needs for its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen_ad import least_squares
from codegen_ad.backends import trust_region
from codegen_ad.backends.brought import CONSTANTS, TABLE
from codegen_ad.backends.special_math import SPECIAL
from codegen_ad.plan.names import TAKEN
from codegen_ad.testing import check_grad


def test_all_that_kernels_may_call_is_taken() -> None:
    functions = {
        function.__name__
        for function, _ in (*TABLE, *SPECIAL)
        if function.__module__ != trust_region.__name__  # which fits alone call
    }
    assert functions | {name for name, _ in CONSTANTS} <= TAKEN


def test_variables_may_be_called_like_functions_of_the_file() -> None:
    def loss(vector_cos: Any, x: Any) -> Any:
        vector_sin = vector_cos * x
        plus = np.sin(vector_sin)
        vector_turns = np.cos(plus)
        return (vector_sin * plus * vector_turns).sum()

    check_grad(loss, 0.3, np.linspace(0.0, 1.0, 70))


def test_parameters_of_fits_may_be_called_like_functions_of_the_method() -> None:
    def residuals(decrease: Any, rounding: Any, judged: Any) -> Any:
        return decrease[0] * rounding + decrease[1] - judged

    x = np.linspace(-1.0, 1.0, 9)
    found = least_squares(residuals, np.zeros(2), (x, 3.0 * x - 2.0))
    np.testing.assert_allclose(found.x, [3.0, -2.0])
