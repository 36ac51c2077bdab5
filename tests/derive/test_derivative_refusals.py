"""Every refusal of a derivative points at the user's code; the pages are golden."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import refused_derivatives

from codegen_ad import differentiate
from codegen_ad.errors import CodegenError, InternalError

FOLDER = Path(__file__).parent.parent / "errors" / "derivatives"
ARGUMENTS: dict[str, Any] = {"x": 0.5, "v": np.ones(20), "w": np.ones((2, 20))}
HELPERS = {"wave", "_"}
FUNCTIONS = [
    f
    for f in vars(refused_derivatives).values()
    if inspect.isfunction(f)
    and f.__module__ == refused_derivatives.__name__
    and f.__name__ not in HELPERS
]


def page_of(function: Any) -> str:
    """The message, without the place of the file and the numbers of its lines."""
    args = [ARGUMENTS[name] for name in inspect.signature(function).parameters]
    found = differentiate(function)
    is_forward = function.__name__.endswith("in_forward")
    with pytest.raises(CodegenError) as caught:
        found.jvp(*args, tangent=args[0]) if is_forward else found.grad(*args)
    assert not isinstance(caught.value, InternalError)
    page = re.sub(r"^\S*refused_derivatives\.py:\d+", "refused_derivatives.py:N", str(caught.value))
    return f"{type(caught.value).__name__}\n{page}\n"


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_refusal_says_what_where_and_what_instead(
    function: Any, request: pytest.FixtureRequest
) -> None:
    page = page_of(function)
    file = FOLDER / f"{function.__name__}.txt"
    if request.config.getoption("--update-golden") and (
        not file.exists() or file.read_text() != page
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page)
        pytest.fail(f"{file.name} is rewritten: review the difference")
    assert file.exists(), "run pytest --update-golden, and review what it writes"
    assert page == file.read_text()


def test_every_page_has_a_function() -> None:
    assert {f.stem for f in FOLDER.glob("*.txt")} == {f.__name__ for f in FUNCTIONS}
