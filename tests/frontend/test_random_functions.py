"""Random functions against Python itself: the program is right, or the function is refused."""

from __future__ import annotations

import copy
import linecache
import warnings
from typing import Any

import numpy as np
import pytest
from random_functions import Writer
from running import reading_of

from codegen_ad.backends.reference import evaluate
from codegen_ad.errors import UnsupportedSyntax

INPUTS = (
    (np.linspace(0.1, 1.4, 5), np.linspace(1.0, -1.0, 5)),
    (np.linspace(-0.5, 0.3, 5), np.linspace(0.2, 0.9, 5)),
)
BATCHES, BATCH = 8, 40


def function_of(text: str, name: str) -> Any:
    """The function, with source that can be found."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {"np": np}
    exec(compile(text, name, "exec"), space)
    return space["f"]


def outcome(seed: int) -> str:
    """Whether the program of a random function agrees with the function, for all inputs."""
    text = Writer(seed).function()
    function = function_of(text, f"<random {seed}>")
    try:
        reading = reading_of(function, *INPUTS[0])
    except UnsupportedSyntax as error:
        return f"refused: {error.message.splitlines()[0]}"
    for x, y in INPUTS:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            wanted = function(copy.copy(x), copy.copy(y))
            found = evaluate(reading.program, [x, y])
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=text)
    return "right"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_functions_are_right_or_refused(batch: int) -> None:
    outcomes = [outcome(seed) for seed in range(batch * BATCH, (batch + 1) * BATCH)]
    assert outcomes.count("right") > BATCH // 2, outcomes
