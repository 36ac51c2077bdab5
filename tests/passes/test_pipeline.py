"""The passes besides algebra: hoisting, dead results, erasing, and the whole pipeline."""

import cProfile
import pstats
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.reverse import differentiate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Program, toposort
from codegen_ad.ir.text import program_text
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make
from codegen_ad.ops.unary import STOP_GRADIENT, TAP, Tap
from codegen_ad.passes import pipeline
from codegen_ad.passes.constants import constants
from codegen_ad.passes.dead import dead
from codegen_ad.passes.erase import erase
from codegen_ad.passes.hoist import hoist_scalars
from tests.derive.programs import B1, F8, K, N, ap, branch, f8, loop, program, total
from tests.derive.test_derived_control_flow import CASES, X, make_case
from tests.derive.test_reverse import custom_exp

rng = np.random.default_rng(7)


def rms(b: Builder, w: Node, x: Node, y: Node) -> Node:
    r = make.subtract(b, make.contract(b, (x, w), ((0, 1), (1,)), (0,)), y)
    mean = make.divide(b, total(b, ap(b, "square", r)), make.cast(b, make.size(b, N), F8))
    return ap(b, "sqrt", mean)


def waits_for(program: Program, kind: Kind) -> bool:
    """Whether a sum or contraction over rows has the result of another one among its terms."""
    for node in program.nodes():
        if node.op.kind in (Kind.REDUCE, Kind.CONTRACT):
            for below in toposort(node.args):
                if below.op.kind is kind and not below.array.rank:
                    return True
    return False


def test_a_late_number_leaves_the_sum() -> None:
    primal = program(rms, w=f8(K), x=f8(N, K), y=f8(N))
    gradient = differentiate(primal, primal.inputs[:1])
    assert waits_for(gradient, Kind.REDUCE)
    after = hoist_scalars(gradient)
    verify(after)
    assert not waits_for(after, Kind.REDUCE), program_text(after)
    values = [rng.normal(size=3), rng.normal(size=(5, 3)), rng.normal(size=5)]
    for one, other in zip(evaluate(gradient, values), evaluate(after, values), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_an_early_number_leaves_a_sum_of_unknown_length() -> None:
    """The cotangent of a mean, `1 / n`, costs one product outside instead of one in every row."""
    primal = program(
        lambda b, w, x: make.divide(
            b,
            total(b, ap(b, "tanh", make.multiply(b, w, x))),
            make.cast(b, make.size(b, N), F8),
        ),
        w=f8(),
        x=f8(N),
    )
    gradient = differentiate(primal, primal.inputs[:1])
    after = hoist_scalars(gradient)
    verify(after)
    assert after.outputs[1].op.name == "multiply"
    values = [np.asarray(0.3), rng.normal(size=5)]
    for one, other in zip(evaluate(gradient, values), evaluate(after, values), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


def test_what_is_used_twice_is_looked_at_once() -> None:
    """Looking for factors takes as long as the terms have operations, not ways through them."""

    def calls(levels: int) -> int:
        def chain(b: Builder, x: Node) -> Node:
            for _ in range(levels):
                x = make.multiply(b, x, ap(b, "negative", x))
            return total(b, x)

        primal, profile = program(chain, x=f8(N)), cProfile.Profile()
        profile.runcall(hoist_scalars, primal)
        return getattr(pstats.Stats(profile), "total_calls")  # noqa: B009

    calls(1)
    assert calls(12) <= 3 * calls(6)


def test_results_of_a_loop_that_nobody_reads_go_away() -> None:
    def build(b: Builder, x: Node, y: Node) -> Node:
        def body(i: Node, s: Node, t: Node, u: Node) -> Any:
            a, c = make.gather(b, x, i), make.gather(b, y, i)
            return [make.add(b, s, a), make.multiply(b, t, c), make.add(b, u, s)], [a, c]

        start = [make.constant(b, 0.0), make.constant(b, 1.0), make.constant(b, 2.0)]
        return loop(b, make.size(b, N), N, start, body)[2]

    before = program(build, x=f8(N), y=f8(N))
    after = dead(before)
    verify(after)
    assert "loop{carried=2, stacked=0, length=n}" in program_text(after)
    assert "multiply" not in program_text(after)
    values = [np.array([1.0, 2.0, 3.0]), np.ones(3)]
    np.testing.assert_array_equal(evaluate(before, values), evaluate(after, values))


def test_results_of_a_branch_that_nobody_reads_go_away() -> None:
    def build(b: Builder, c: Node, x: Node) -> Node:
        return branch(
            b, c, lambda: [ap(b, "sin", x), ap(b, "cos", x)], lambda: [x, ap(b, "exp", x)]
        )[1]

    before = program(build, c=f8().with_dtype(B1), x=f8())
    after = dead(before)
    verify(after)
    assert "sin" not in program_text(after)
    np.testing.assert_array_equal(evaluate(before, [True, 0.3]), evaluate(after, [True, 0.3]))


def test_a_known_branch_is_decided() -> None:
    def build(b: Builder, x: Node) -> Node:
        return branch(
            b, make.constant(b, True, B1), lambda: [ap(b, "sin", x)], lambda: [ap(b, "cos", x)]
        )[0]

    after = constants(program(build, x=f8()))
    verify(after)
    assert [n.op.name for n in after.nodes()] == ["input", "sin"]


def test_taps_stops_and_calls_are_erased() -> None:
    def build(b: Builder, x: Node) -> Node:
        y = b.node(TAP, (custom_exp(b, x),), Tap("y"))
        return total(b, make.multiply(b, y, b.node(STOP_GRADIENT, (y,))))

    before = program(build, x=f8(N))
    after = erase(before)
    verify(after)
    assert [n.op.name for n in after.nodes()] == ["input", "exp", "multiply", "sum"]
    np.testing.assert_array_equal(evaluate(before, [[0.1, 0.2]]), evaluate(after, [[0.1, 0.2]]))


@pytest.mark.parametrize("derive", [differentiate, pushforward])
@pytest.mark.parametrize("build", CASES)
def test_control_flow_keeps_its_values(build: Callable[..., Node], derive: Any) -> None:
    primal = pipeline.before(make_case(build), check=True)
    derived = derive(primal, primal.inputs)
    seen: list[str] = []
    after = pipeline.run(derived, check=True, on_pass=lambda name, _: seen.append(name))
    values = [0.7, X, 0.2, np.ones(5)][: len(derived.inputs)]
    for one, other in zip(evaluate(derived, values), evaluate(after, values), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
    assert seen == [
        "erase", "constants", "simplify", "hoist", "early sums", "simplify", "dead", "merge",
        "distribute", "accumulate", "rows", "reciprocals", "factors", "dead",
    ]  # fmt: skip


def test_the_pipeline_leaves_nothing_to_do() -> None:
    """A second run finds nothing."""
    primal = program(rms, w=f8(K), x=f8(N, K), y=f8(N))
    once = pipeline.run(differentiate(primal, primal.inputs))
    assert program_text(pipeline.run(once)) == program_text(once)
