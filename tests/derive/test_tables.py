"""Tables that nested loops fill: what needs no record of them, and that derivatives are right.

Records can be asked for: `without_records` is then left out.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive import loops
from codegen_ad.derive.reverse import differentiate
from codegen_ad.frontend.reader import read
from codegen_ad.ir.node import Node, Program, toposort
from codegen_ad.ir.verify import verify
from codegen_ad.ops.control import Loop, While
from codegen_ad.passes import pipeline
from codegen_ad.plan.kernel import Allocate, walk
from tests.derive import table_programs, tables
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import stages_of
from tests.frontend.running import signature_of
from tests.property.other_modes import kernel

P = np.array([0.7, 0.4, 0.9])
Function = Callable[..., Any]


def data(n: int) -> Any:
    return np.random.default_rng(8).uniform(0.2, 0.9, n)


def derived(function: Function, *args: Any) -> Program:
    program = pipeline.before(read(function, signature_of(function, *args)).program)
    made = differentiate(program, program.inputs[:1])
    verify(made)
    return made


def stacked(outputs: Any) -> Iterator[Node]:
    """What loops record, those inside of loops too."""
    for node in toposort(outputs):
        if isinstance(node.params, Loop | While):
            yield from node.params.body.outputs[node.params.carried :]
        for region in node.regions:
            yield from stacked(region.outputs)


def recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on all that can be recorded is."""
    monkeypatch.setattr(loops, "without_records", lambda _b, _v, body, _r, _k: (body, {}))


@pytest.mark.parametrize("function", [*tables.KEPT, *tables.RECORDED], ids=lambda f: f.__name__)
def test_gradients_of_tables_are_right(function: Function) -> None:
    Y = data(6)
    made = derived(function, P, Y)
    whole = [n for n in stacked(made.outputs) if n.array.rank == 2 or function is tables.flat]
    if function in tables.KEPT:
        assert not whole
    else:
        assert [*stacked(made.outputs)]
    value, gradient = evaluate(made, (P, Y))
    np.testing.assert_allclose(value, function(P, Y), rtol=1e-13)
    step = 1e-6
    for k, unit in enumerate(np.eye(3)):
        slope = (function(P + step * unit, Y) - function(P - step * unit, Y)) / (2 * step)
        np.testing.assert_allclose(gradient[k], slope, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(evaluate(pipeline.run(made), (P, Y))[1], gradient, rtol=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_random_tables_are_as_with_records(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Borders, bands, conditions, steps down and of two, second writes, reads from the end."""
    function, args = table_programs.make(seed)
    program = pipeline.before(read(function, signature_of(function, *args)).program)
    made = differentiate(program, program.inputs[:1])
    verify(made)
    recording(monkeypatch)
    wanted = evaluate(differentiate(program, program.inputs[:1]), args)
    np.testing.assert_allclose(wanted[0], function(*args), rtol=1e-10)
    for found in (made, pipeline.run(made)):
        np.testing.assert_allclose(evaluate(found, args)[1], wanted[1], rtol=1e-9, atol=1e-11)


FEW = (
    tables.warping, tables.edit_distance, tables.soft_paths, tables.cholesky_by_rows,
    tables.elimination, tables.solves, tables.in_twos, tables.intervals, tables.wide_band,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("function", FEW, ids=lambda f: f.__name__)
def test_all_sizes(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's text, run by Python, against that of one that records."""
    case = Case(function, lambda *_: (), wrt=("p",))
    least = {tables.wide_band: 3, tables.intervals: 1}.get(function, 0)
    found = kernel(case, (P, data(9)), "value_and_grad")
    recording(monkeypatch)
    wanted = kernel(case, (P, data(9)), "value_and_grad")
    assert found.stages.text != wanted.stages.text
    for n in (*range(least, 9), 13, 24, 40):
        with np.errstate(all="ignore"):
            one, two = (list(k.function(P, data(n))) for k in (found, wanted))
            np.testing.assert_allclose(one[0], function(P, data(n)), rtol=1e-9)
        for x, y in zip(one, two, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("function", FEW, ids=lambda f: f.__name__)
@pytest.mark.parametrize("mode", ["jvp", "hvp"])
def test_other_modes_of_tables(
    function: Function, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(function, lambda *_: (), wrt=("p",))
    args, tangent = (P, data(6)), np.array([0.3, -0.8, 0.5])
    found = kernel(case, args, mode)(args, [tangent])
    recording(monkeypatch)
    for one, two in zip(found, kernel(case, args, mode)(args, [tangent]), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("function", FEW[:5], ids=lambda f: f.__name__)
def test_tables_in_single_precision(function: Function) -> None:
    case = Case(function, lambda *_: (), wrt=("p",))
    double = (P, data(7))
    single = tuple(a.astype("f4") for a in double)
    found = kernel(case, single, "value_and_grad")(single)
    assert np.asarray(found[1]).dtype == "f4"
    for one, two in zip(found, kernel(case, double, "value_and_grad")(double), strict=True):
        np.testing.assert_allclose(one, two, rtol=2e-3)


@pytest.mark.parametrize("function", tables.KEPT, ids=lambda f: f.__name__)
def test_a_gradient_takes_memory_as_its_tables(function: Function) -> None:
    """A few tables, where a record has one for each row."""
    n = 200
    stages = stages_of(Case(function, lambda *_: (), wrt=("p",)), (P, data(n)), "value_and_grad")
    total = 0
    for statement in walk(stages.kernel.body):
        if isinstance(statement, Allocate):
            symbols = {s for d in statement.shape for s in d.symbols()}
            shape = [d.evaluate(dict.fromkeys(symbols, n)) for d in statement.shape]
            total += int(np.prod(shape))
    assert total <= 12 * (n + 2) ** 2
