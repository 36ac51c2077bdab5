"""Every case against plain NumPy: compiled value and gradient, many sizes and kinds of input."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.end_to_end import arrays, flow, losses
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    ROUNDING,
    assert_close,
    derivatives,
    interpreted,
    leaves_in,
    numeric_gradients,
    plain_value,
    reference,
)

CASES = [*losses.case.cases, *arrays.case.cases, *flow.case.cases]
BY_NAME = {case.name: case for case in CASES}
GRADIENT_ROUNDING = {"f8": 1e-6, "f4": 1e-3}


@pytest.fixture(autouse=True)
def _checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")


def leaves(value: Any) -> list[Any]:
    return [leaf for _, leaf in leaves_in(value)]


def differentiated(case: Case, args: tuple[Any, ...]) -> list[Any]:
    """The leaves of the arguments that are differentiated."""
    found = derivatives(case)
    names = found.kernels.binder.names
    return [leaf for name in found.wrt for leaf in leaves(args[names.index(name)])]


def check(case: Case, args: tuple[Any, ...], run: Callable[..., Any], value: Any = None) -> None:
    """Value and gradient of `run(*args)` are NumPy's, and the arguments are as they were."""
    before = copy.deepcopy(args)
    found, gradient = run(*args)
    for now, then in zip(leaves(args), leaves(before), strict=True):
        np.testing.assert_array_equal(now, then, err_msg="an argument was modified")
    wanted = plain_value(case, args) if value is None else value
    assert_close(found, wanted, rtol=ROUNDING[case.dtype], what="value")
    parts, numeric = leaves(gradient), numeric_gradients(case, args)
    assert len(parts) == len(numeric)
    for part, other, leaf in zip(parts, numeric, differentiated(case, args), strict=True):
        assert_close(part, other, rtol=GRADIENT_ROUNDING[case.dtype], what="gradient")
        if isinstance(leaf, np.ndarray | np.generic):
            assert np.asarray(part).dtype == leaf.dtype


def test_there_are_enough_cases_and_each_has_its_name():
    assert len(BY_NAME) == len(CASES) >= 60


@pytest.mark.every(3)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_compiled(case: Case):
    """The kernel, compiled, and the optimised program as the reference backend runs it."""
    args = case.at(case.sizes[0])
    found = derivatives(case)
    check(case, args, found.value_and_grad)
    value, gradient = found.value_and_grad(*args)
    outputs = reference(case, args)
    for output, other in zip(outputs, [value, *leaves(gradient)], strict=True):
        assert_close(output, other, rtol=ROUNDING[case.dtype], what="reference")


@pytest.mark.every(2)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_other_sizes(case: Case):
    """The kernels for other numbers of rows, run as text by Python."""
    for n in case.sizes[1:]:
        check(case, case.at(n), interpreted(case, case.at(n)))


@pytest.mark.parametrize("case", CASES[::4], ids=lambda case: case.name)
def test_value_alone(case: Case):
    args = case.at(case.sizes[0])
    found = interpreted(case, args, mode="value")(*args)
    assert_close(found, plain_value(case, args), rtol=ROUNDING[case.dtype], what="value")


# Forms of the same data ---------------------------------------------------------------------------


def strided(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same numbers, every second one of a larger array along each axis."""
    large = np.full(tuple(2 * s for s in array.shape), np.nan).astype(array.dtype)
    view = large[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def backwards(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same numbers, with negative strides."""
    turned = tuple(slice(None, None, -1) for _ in array.shape)
    return array[turned].copy()[turned]


def read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array = array.copy()
    array.flags.writeable = False
    return array


def swapped(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.astype(array.dtype.newbyteorder())


def unaligned(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same numbers, one byte off."""
    memory = np.zeros(array.nbytes + 1, dtype=np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


FORMS = [np.asfortranarray, strided, backwards, read_only, swapped, unaligned]
FORM_CASES = ["least_squares_mean", "reshaped", "solved_columns", "large_products", "views_share"]


@pytest.mark.every(2)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("name", FORM_CASES)
def test_forms_of_input(name: str, form: Callable[..., Any]):
    """Layouts, read-only, byte-swapped and unaligned inputs give the numbers of plain ones."""
    case = BY_NAME[name]
    plain = case.at(case.sizes[0])
    formed = tuple(form(a) if isinstance(a, np.ndarray) and a.ndim else a for a in plain)
    kept = copy.deepcopy([np.array(a) for a in formed])
    value, gradient = derivatives(case).value_and_grad(*formed)
    wanted, other = derivatives(case).value_and_grad(*plain)
    assert_close(value, wanted, rtol=1e-13, what="value")
    for part, whole in zip(leaves(gradient), leaves(other), strict=True):
        assert_close(part, whole, rtol=1e-13, what="gradient")
    for now, then in zip(formed, kept, strict=True):
        np.testing.assert_array_equal(now, then)


# Numbers that are none ----------------------------------------------------------------------------

NAN_CASES = [
    "least_squares", "logistic_stable", "softmax_regression", "gaussian_peak", "huber", "absolute",
    "relu_net_clip", "relu_net_maximum", "variance", "extremes", "cumulated", "heat", "norms",
    "recurrence", "sorted_weights",
]  # fmt: skip


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", NAN_CASES)
def test_not_a_number_propagates(name: str, bad: float):
    """The value is NumPy's, and so a NaN wherever NumPy has one; in the gradient too."""
    case = BY_NAME[name]
    args = list(case.at(case.sizes[0]))
    place = max(k for k, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind == "f")
    args[place] = args[place].copy()
    args[place].flat[1] = bad
    with np.errstate(all="ignore"):
        wanted = case.function(*copy.deepcopy(args))
        value, gradient = derivatives(case).value_and_grad(*args)
    assert_close(value, wanted, rtol=1e-12, what="value")
    if np.isnan(bad):
        assert any(np.isnan(part).any() for part in leaves(gradient))


# Sizes at the edge --------------------------------------------------------------------------------


def total(w, X):
    return np.sum((X @ w) ** 2)


def total_of_products(w, X):
    return np.sum(w**2) + np.sum(np.prod(X, axis=0))


def cumulated(w, x):
    return np.sum(np.cumsum(x * w[0])) + w[1]


def looped(w, x):
    s = w[0]
    for v in x:
        s = s * v + w[1]
    return s


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (total, (np.ones(3), np.zeros((0, 3)))),
        (total_of_products, (np.ones(2), np.zeros((0, 3)))),
        (cumulated, (np.ones(2), np.zeros(0))),
        (looped, (np.ones(2), np.zeros(0))),
    ],
)
def test_no_rows(function: Callable[..., Any], args: tuple[Any, ...]):
    """A sum over nothing is 0 and a product 1, compiled as in NumPy."""
    case = Case(function, lambda n, rng: args)
    check(case, args, derivatives(case).value_and_grad)


# Files --------------------------------------------------------------------------------------------


def test_the_same_function_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    texts: list[bytes] = []
    for folder in ("a", "b"):
        monkeypatch.setenv("CODEGEN_AD_CACHE", str(tmp_path / folder))
        case = BY_NAME["relu_net_maximum"]
        args = case.at(7)
        texts.append(Path(derivatives(case).source_path(*args)).read_bytes())
    assert texts[0] == texts[1]
