"""Every elementwise operation: its derivative against numbers, in every shape and precision."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.reverse import differentiate
from codegen_ad.derive.scalar import partials
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Program
from codegen_ad.ir.types import ArrayType
from codegen_ad.ir.verify import verify
from codegen_ad.ops import ELEMENTWISE
from codegen_ad.ops.entry import UNKNOWN, Elementwise
from tests.derive.programs import B1, F4, F8, K, N

ENTRIES = tuple(e for e in ELEMENTWISE.values() if e.differentiable)
NUMERIC = tuple(e for e in ENTRIES if e.op.name != "where")
KINKS = {
    "absolute": [(0.0,)], "maximum": [(1.0, 1.0)], "minimum": [(1.0, 1.0)],
    "larger": [(1.0, 1.0)], "smaller": [(1.0, 1.0)], "hypot": [(0.0, 0.0)],
    "power": [(0.0, 2.0), (3.0, 0.0), (0.0, 1.0), (-2.0, 3.0)],
}  # fmt: skip


def name_of(entry: Elementwise) -> str:
    return entry.op.name


def points(entry: Elementwise) -> tuple[tuple[float, ...], ...]:
    if entry.op.name == "arccosh" or "" in partials(entry):
        return entry.at
    return (*entry.at, (0.6, 0.8, 0.7)[: len(entry.arguments)])


def varied(entry: Elementwise) -> list[int]:
    """The arguments in which there is a derivative; the others are orders, or not known."""
    return [k for k, text in enumerate(partials(entry)) if text not in ("", UNKNOWN)]


def gradient_of(entry: Elementwise, types: Sequence[ArrayType]) -> Program:
    b = Builder()
    inputs = [b.input(a, t) for a, t in zip(entry.arguments, types, strict=True)]
    primal = Program("f", tuple(inputs), (b.node(entry.op, inputs),), ("value",), b.notes)
    wrt = [inputs[k] for k in varied(entry)]
    gradient = differentiate(primal, wrt)
    verify(gradient)
    return gradient


@pytest.mark.parametrize("entry", NUMERIC, ids=name_of)
def test_derivative_at_its_points(entry: Elementwise) -> None:
    gradient = gradient_of(entry, [ArrayType(F8)] * len(entry.arguments))
    for point in points(entry):
        if point in KINKS.get(entry.op.name, ()):
            continue
        _, *found = evaluate(gradient, point)
        for k, value in zip(varied(entry), found, strict=True):
            np.testing.assert_allclose(value, slope(entry, point, k), rtol=3e-7, atol=1e-9)


def slope(entry: Elementwise, point: tuple[float, ...], k: int) -> Any:
    """Central differences, extrapolated once."""
    step = 1e-4 * min(max(1.0, abs(point[k])), 10.0)
    if entry.op.name in ("arcsin", "arccos", "arctanh") and point[k] > 0.9:
        step = (1 - point[k]) * 1e-2

    def difference(h: float) -> Any:
        ends = [entry.evaluate(*point[:k], point[k] + s * h, *point[k + 1 :]) for s in (1, -1)]
        return (ends[0] - ends[1]) / (2 * h)

    return (4 * difference(step / 2) - difference(step)) / 3


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("absolute", (0.0,), (0.0,)),
        ("maximum", (1.0, 1.0), (0.5, 0.5)),
        ("minimum", (1.0, 1.0), (0.5, 0.5)),
        ("larger", (1.0, 1.0), (0.5, 0.5)),
        ("larger", (2.0, np.nan), (1.0, 0.0)),
        ("smaller", (1.0, 1.0), (0.5, 0.5)),
        ("smaller", (2.0, np.nan), (1.0, 0.0)),
        ("hypot", (0.0, 0.0), (0.0, 0.0)),
        ("power", (0.0, 2.0), (0.0, 0.0)),
        ("power", (3.0, 0.0), (0.0, np.log(3.0))),
        ("power", (0.0, 1.0), (1.0, 0.0)),
        ("power", (-2.0, 3.0), (12.0, 0.0)),
        ("exp", (800.0,), (np.inf,)),
        ("expit", (-800.0,), (0.0,)),
        ("softplus", (800.0,), (1.0,)),
        ("logaddexp", (800.0, -800.0), (1.0, 0.0)),
        ("sqrt", (0.0,), (np.inf,)),
        ("sin", (np.nan,), (np.nan,)),
    ],
)
def test_policy(name: str, point: tuple[float, ...], expected: tuple[float, ...]) -> None:
    entry = next(e for e in ENTRIES if e.op.name == name)
    gradient = gradient_of(entry, [ArrayType(F8)] * len(point))
    np.testing.assert_allclose(evaluate(gradient, point)[1:], expected)


@pytest.mark.parametrize("shapes", [((), (N, K)), ((N, K), ()), ((N, 1), (K,)), ((K,), (N, K))])
@pytest.mark.parametrize("entry", [e for e in NUMERIC if len(e.arguments) == 2], ids=name_of)
def test_broadcasting(entry: Elementwise, shapes: Any) -> None:
    """The gradient of each argument is the full one, summed to its shape."""
    from codegen_ad.ops.make import as_dim

    types = [ArrayType(F8, tuple(as_dim(d) for d in s)) for s in shapes]
    sizes = {"n": 3, "k": 4}
    rng = np.random.default_rng(0)
    values = [rng.uniform(0.3, 2.0, [d.evaluate(sizes) for d in t.shape]) for t in types]
    values = [v if k in varied(entry) else np.ceil(v) for k, v in enumerate(values)]
    g = rng.normal(size=(3, 4))
    _, *found = evaluate(gradient_of(entry, types), [*values, g], sizes)
    full = [np.broadcast_to(v, (3, 4)) for v in values]
    all_full = gradient_of(entry, [ArrayType(F8, (N, K))] * 2)
    _, *expected = evaluate(all_full, [*full, g])
    chosen = [values[k] for k in varied(entry)]
    for value, wide, one in zip(chosen, expected, found, strict=True):
        assert one.shape == value.shape
        extra = wide.ndim - value.ndim
        axes = tuple(a for a in range(2) if a < extra or value.shape[a - extra] == 1)
        np.testing.assert_allclose(one, wide.sum(axis=axes).reshape(value.shape), atol=1e-12)


@pytest.mark.parametrize("entry", NUMERIC, ids=name_of)
def test_single_precision_stays(entry: Elementwise) -> None:
    gradient = gradient_of(entry, [ArrayType(F4)] * len(entry.arguments))
    for node in gradient.nodes():
        assert node.array.dtype in (F4, B1), node


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.at], ids=name_of)
def test_derivative_is_finite_where_the_entry_says(entry: Elementwise) -> None:
    gradient = gradient_of(entry, [ArrayType(F8)] * len(entry.arguments))
    for point in entry.at:
        assert np.isfinite(evaluate(gradient, point)[1:]).all(), point


def test_table_of_derivatives(golden: Any) -> None:
    lines = [
        f"{entry.op.name}: d/d{letter} = {text}"
        for entry in ELEMENTWISE.values()
        for letter, text in zip(entry.arguments, partials(entry), strict=True)
        if text
    ]
    golden.check("derivatives.txt", "\n".join(lines) + "\n")


def test_the_second_derivative_of_carried_functions() -> None:
    for entry in (e for e in ENTRIES if e.carried):
        first = gradient_of(entry, [ArrayType(F8)] * len(entry.arguments))
        for place, k in enumerate(varied(entry), start=1):
            b = Builder()
            b.notes = first.notes
            slope_alone = first.with_outputs([first.outputs[place]], ["slope"])
            second = differentiate(slope_alone, [slope_alone.inputs[k]])
            verify(second)
            for point in entry.at:

                def first_at(x: float, p: Any = point, k: int = k, f: Any = slope_alone) -> Any:
                    return evaluate(f, (*p[:k], x, *p[k + 1 :]))[0]

                step = 2e-4 * min(max(0.5, abs(point[k])), 5.0)
                ends = [first_at(point[k] + j * step) for j in (-2, -1, 1, 2)]
                numeric = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)
                found = evaluate(second, point)[1]
                message = f"{entry.op.name} {point}"
                np.testing.assert_allclose(found, numeric, rtol=1e-6, atol=1e-9, err_msg=message)


def test_an_unknown_derivative_is_refused() -> None:
    entry = next(e for e in ENTRIES if e.op.name == "gammainc")
    b = Builder()
    a, x = (b.input(letter, ArrayType(F8)) for letter in entry.arguments)
    program = Program("f", (a, x), (b.node(entry.op, (a, x)),), ("value",), b.notes)
    for transform in (differentiate, pushforward):
        with pytest.raises(NotDifferentiable, match="`gammainc` in its argument a is not known"):
            transform(program, [a])


SPECIAL_NUMBERS = (-np.inf, -1.5, -0.0, 0.0, 1.0, 750.0, np.inf, np.nan)
ORDERS = (0.0, 1.0, 3.0)


def names_of_spellings() -> dict[str, Any]:
    """What a spelling may call; its operators take plain Python numbers."""
    from codegen_ad.backends.brought import SPECIAL

    return {"math": math, "np": np, **{f.__name__: f for f, _ in SPECIAL}}


@pytest.mark.parametrize("entry", tuple(ELEMENTWISE.values()), ids=name_of)
@pytest.mark.filterwarnings("ignore")
def test_a_spelling_means_the_same_as_numpy_at_special_numbers(entry: Elementwise) -> None:
    names = names_of_spellings()
    code = compile(entry.spelling, entry.op.name, "eval")
    orders = [] if not entry.differentiable else partials(entry)
    kinds: dict[str, tuple[float, ...]] = {
        a: ORDERS for a, text in zip(entry.arguments, orders, strict=False) if text == ""
    }
    if entry.op.name == "where":
        kinds = {"c": (True, False)}
    if entry.op.name.startswith("logical"):
        kinds = dict.fromkeys(entry.arguments, (True, False))
    if entry.op.name.startswith("bitwise"):
        kinds = dict.fromkeys(entry.arguments, (-(2**63), -6, -1, 0, 5, 2**63 - 1))
    compared = 0
    for point in itertools.product(*(kinds.get(a, SPECIAL_NUMBERS) for a in entry.arguments)):
        try:
            found = eval(code, names, dict(zip(entry.arguments, point, strict=True)))
        except (ValueError, OverflowError, ZeroDivisionError):  # compiled code returns nan or inf
            continue
        if isinstance(found, complex):  # Python's root of a negative number; compiled: nan
            found = math.nan
        with np.errstate(all="ignore"):
            wanted = entry.evaluate(*point)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, err_msg=f"{entry.op.name}{point}")
        compared += 1
    assert compared
