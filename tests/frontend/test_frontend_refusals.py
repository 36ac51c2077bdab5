"""Every refusal points at the user's code and says what to write instead; the pages are golden."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import refused_functions
from running import signature_of

from codegen_ad.errors import InternalError, SourceError
from codegen_ad.frontend.reader import read

FOLDER = Path(__file__).parent.parent / "errors" / "frontend"
ARGUMENTS: dict[str, Any] = {
    "x": np.arange(5.0),
    "a": np.ones((2, 3)),
    "t": np.arange(5.0),
    "i": np.arange(5),
    "k": 3,
    "p": {"w": np.arange(5.0)},
}
FUNCTIONS = [
    f
    for f in vars(refused_functions).values()
    if inspect.isfunction(f) and f.__module__ == refused_functions.__name__
]


def page_of(function: Any) -> str:
    """The message, without the place of the file and the numbers of its lines."""
    args = [ARGUMENTS[name] for name in inspect.signature(function).parameters]
    with pytest.raises(SourceError) as caught:
        read(function, signature_of(function, *args))
    assert not isinstance(caught.value, InternalError)
    page = re.sub(r"^\S*refused_functions\.py:\d+", "refused_functions.py:N", str(caught.value))
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
    assert {file.stem for file in FOLDER.iterdir()} == {f.__name__ for f in FUNCTIONS}
