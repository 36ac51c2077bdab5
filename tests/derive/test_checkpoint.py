"""Checkpointed loops: the same gradients, the fewest steps run again, and less memory."""

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.jacobian import jacobian
from codegen_ad.derive.reverse import differentiate
from codegen_ad.derive.structured import Checkpoints
from codegen_ad.errors import InvalidArgument, NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, AxisSize
from codegen_ad.ir.node import Node, Program
from codegen_ad.ir.verify import verify
from codegen_ad.modes import derive
from codegen_ad.ops import make
from codegen_ad.options import Checkpoint, checkpoint_of
from codegen_ad.passes import pipeline
from codegen_ad.plan.build import plan
from codegen_ad.plan.kernel import Allocate, walk
from tests.derive.programs import I8, N, ap, branch, const, f8, i8, loop, program, total, while_

rng = np.random.default_rng(5)
OPTIONS = ("sqrt", 1, 3, "200 B", "1 MB")


def recurrence(b: Builder, w: Node, x: Node, trip: Node) -> Node:
    """`s = tanh(w * s + x[i % n])`, and a sum that no adjoint needs."""

    def body(i: Node, s: Node, t: Node) -> Any:
        place = ap(b, "remainder", i, make.size(b, N))
        after = ap(b, "tanh", make.add(b, make.multiply(b, s, w), make.gather(b, x, place)))
        return [after, make.add(b, t, after)], []

    s, t = loop(b, trip, make.Dim.symbol("trips_1"), [w, const(b, 0.0)], body)
    return make.add(b, s, make.multiply(b, t, w))


def rows(b: Builder, w: Node, x: Node, trip: Node) -> Node:
    """A state of two arrays and an integer, one of them exchanged with the other."""

    def body(_: Node, u: Node, v: Node, k: Node) -> Any:
        one = make.constant(b, 1, I8)
        n = make.size(b, N)
        kick = make.multiply(b, make.gather(b, v, ap(b, "remainder", k, n)), w)
        after = ap(b, "sin", make.add(b, make.multiply(b, u, v), kick))
        return [v, after, make.add(b, k, one)], []

    trips = make.Dim.symbol("trips_1")
    u, v, _ = loop(b, trip, trips, [x, ap(b, "cos", x), make.constant(b, 3, I8)], body)
    return make.add(b, total(b, u), total(b, ap(b, "square", v)))


def nested(b: Builder, w: Node, x: Node, trip: Node) -> Node:
    """A loop in a loop: only the outer one is checkpointed."""

    def outer(i: Node, s: Node) -> Any:
        def inner(j: Node, t: Node) -> Any:
            return [ap(b, "sin", make.add(b, make.multiply(b, t, w), make.gather(b, x, j)))], []

        return loop(b, make.size(b, N), N, [ap(b, "multiply", s, w)], inner), []

    return loop(b, trip, make.Dim.symbol("trips_1"), [w], outer)[0]


def inside(b: Builder, w: Node, x: Node, trip: Node) -> Node:
    """A sum over simulations: the loops that are checkpointed are those inside."""

    def outer(i: Node, sum_: Node) -> Any:
        def inner(_: Node, t: Node) -> Any:
            return [ap(b, "sin", make.multiply(b, t, w))], []

        start = make.gather(b, x, i)
        found = loop(b, trip, make.Dim.symbol("trips_1"), [start], inner)[0]
        return [make.add(b, sum_, found)], []

    return loop(b, make.size(b, N), N, [const(b, 0.0)], outer)[0]


def chosen(b: Builder, w: Node, x: Node, trip: Node) -> Node:
    """A loop in a branch."""

    def taken() -> list[Node]:
        def body(_: Node, t: Node) -> Any:
            return [ap(b, "sin", make.multiply(b, t, w))], []

        return [total(b, loop(b, trip, make.Dim.symbol("trips_1"), [x], body)[0])]

    condition = ap(b, "greater", w, 0.0)
    return branch(b, condition, taken, lambda: [make.multiply(b, w, w)])[0]


def until(b: Builder, w: Node, x: Node, trip: Node) -> Node:
    """A `while` that counts by itself."""

    def body(i: Node, s: Node) -> Any:
        place = ap(b, "remainder", i, make.size(b, N))
        after = ap(b, "tanh", make.add(b, make.multiply(b, s, w), make.gather(b, x, place)))
        return [make.add(b, i, make.constant(b, 1, I8)), after]

    init = [make.constant(b, 0, I8), w]
    return while_(b, "trips_1", init, lambda i, _: make.apply(b, "less", i, trip), body)[1]


CASES: list[Callable[..., Node]] = [recurrence, rows, nested, inside, chosen, until]


def gradient(case: Callable[..., Node], asked: Any) -> tuple[Program, Program, Checkpoints | None]:
    made = program(case, w=f8(), x=f8(N), trip=i8())
    option = checkpoint_of(asked)
    checkpoints = None if option is None else Checkpoints(option)
    derived = differentiate(made, made.inputs[:2], checkpoints=checkpoints)
    verify(derived)
    return made, derived, checkpoints


@pytest.mark.every(2)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.__name__)
def test_gradients_are_the_same_bit_for_bit(case: Callable[..., Node]) -> None:
    x = rng.uniform(0.2, 1.5, 4)
    plain = gradient(case, None)[1]
    for asked in OPTIONS:
        made, derived, checkpoints = gradient(case, asked)
        assert checkpoints is not None
        assert checkpoints.loops == 1
        optimized = pipeline.run(derived)
        verify(optimized)
        for trip in (0, 1, 2, 9):
            values = (0.7, x, trip)
            expected = evaluate(plain, values)
            assert evaluate(made, values)[0] == expected[0]
            for changed in (derived, optimized):
                for found, wanted in zip(evaluate(changed, values), expected, strict=True):
                    # The passes may take a factor out of a sum.
                    same = changed is derived
                    np.testing.assert_allclose(found, wanted, rtol=0 if same else 1e-13)


def least_steps(length: int, snapshots: int) -> int:
    """Steps from snapshot to snapshot for `length` steps: Griewank and Walther (2000), section 2.

    `beta(s, r - 1) < length <= beta(s, r)` gives `r * length - beta(s + 1, r - 1)`.
    """
    repeats = 0
    while comb(snapshots + repeats, snapshots) < length:
        repeats += 1
    below = comb(snapshots + repeats, repeats - 1) if repeats else 0
    return repeats * length - below


def by_search(length: int, snapshots: int, known: dict[tuple[int, int], int]) -> int:
    """The same as the least over all places for the next snapshot."""
    if length <= 1:
        return 0
    if snapshots == 1:
        return length * (length - 1) // 2
    key = (length, snapshots)
    if key not in known:
        known[key] = min(
            m + by_search(length - m, snapshots - 1, known) + by_search(m, snapshots, known)
            for m in range(1, length)
        )
    return known[key]


def test_the_formula_is_the_least_of_all_schedules() -> None:
    known: dict[tuple[int, int], int] = {}
    for length in range(1, 40):
        for snapshots in range(1, 8):
            assert least_steps(length, snapshots) == by_search(length, snapshots, known)


def steps_run(derived: Program, trip: int) -> int:
    """How often the loop's body ran, in a program whose every run of it has one tanh."""
    seen: list[str] = []
    x = np.array([0.3, 0.5])
    evaluate(derived, (0.7, x, trip), on_node=lambda node, *_: seen.append(node.op.name))
    return seen.count("tanh")


def test_the_binomial_schedule_runs_the_fewest_steps() -> None:
    for snapshots in (1, 2, 3, 9):
        derived = gradient(recurrence, snapshots)[1]
        counted = gradient(until, snapshots)[1]
        for trip in (1, 2, 3, 4, 7, 12, 25):
            # A step's result comes back from the adjoint of the next one, and the loop itself ends
            # with its last step.
            least = least_steps(trip, snapshots)
            assert steps_run(derived, trip) == least + 1
            # A `while` has to run to its end before it is known where that is.
            assert steps_run(counted, trip) == trip + least


def test_segments_run_each_step_once_more() -> None:
    for case, more in ((recurrence, 1), (until, 2)):
        plain, derived = gradient(case, None)[1], gradient(case, "sqrt")[1]
        for trip in (0, 1, 2, 7, 12, 20):
            assert steps_run(derived, trip) == steps_run(plain, trip) + more * trip


def allocated(asked: Any) -> set[str]:
    """The shapes that a kernel for `rows` allocates, of those that grow with the steps."""
    derived = pipeline.run(gradient(rows, asked)[1])
    kernel = plan(derived, name="f", sizes=[AxisSize("n", 1, 0)], blas=False)
    shapes = [s.shape for s in walk(kernel.body) if isinstance(s, Allocate)]
    return {str(s) for shape in shapes for s in shape if s not in (N, make.as_dim(1))}


def test_what_is_stored_does_not_grow_with_the_steps() -> None:
    assert allocated(None) == {"trips_1"}
    # Room for the records of a segment: none before the first one.
    assert allocated("sqrt") == {"segments_1", "room", "0"}
    assert allocated(5) == {"snapshots_1"}
    assert allocated("1 MB") == {"snapshots_1"}


def test_a_path_that_fills_an_array_is_recorded_as_it_was() -> None:
    def path(b: Builder, w: Node, x: Node, trip: Node) -> Node:
        one = make.constant(b, 1, I8)

        def body(i: Node, a: Node) -> Any:
            value = make.multiply(b, ap(b, "sin", make.gather(b, a, i)), w)
            return [make.scatter(b, a, value, make.add(b, i, one), accumulate=False)], []

        return total(b, loop(b, make.subtract(b, make.size(b, N), one), N - 1, [x], body)[0])

    _, derived, checkpoints = gradient(path, "sqrt")
    assert checkpoints is not None
    assert checkpoints.loops == 0
    values = (0.7, rng.uniform(0.2, 1.5, 6), 0)
    for found, wanted in zip(
        evaluate(derived, values), evaluate(gradient(path, None)[1], values), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("asked", "snapshots", "budget"),
    [
        ("sqrt", None, None),
        (7, 7, None),
        (np.int32(7), 7, None),
        ("256 MB", None, 256_000_000),
        ("1.5GiB", None, 1_610_612_736),
        (" 64 kB ", None, 64_000),
        ("12 B", None, 12),
    ],
)
def test_options(asked: Any, snapshots: int | None, budget: int | None) -> None:
    found = checkpoint_of(asked)
    assert found == Checkpoint(f"checkpoint={asked!r}", snapshots, budget)


@pytest.mark.parametrize("asked", [0, -1, True, 1.5, "256", "much", "", "1 XB", (), "-1 MB", "√"])
def test_unknown_options_are_refused(asked: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        checkpoint_of(asked)
    assert str(caught.value) == (
        f"checkpoint={asked!r} is not known.\n"
        'Pass "sqrt", a number of snapshots (at least 1), or the memory they may take, such as '
        '"256 MB" (units: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB); leave it out for what is fastest.'
    )


def test_a_budget_needs_states_whose_size_the_arguments_tell() -> None:
    def growing(b: Builder, w: Node, x: Node, trip: Node) -> Node:
        trips = make.Dim.symbol("trips_1")
        y = loop(b, trip, trips, [w], lambda i, s: ([make.multiply(b, s, w)], [ap(b, "sin", s)]))[1]
        nine = make.constant(b, 9, I8)
        return total(b, loop(b, nine, make.as_dim(9), [y], lambda i, s: ([ap(b, "sin", s)], []))[0])

    with pytest.raises(NotDifferentiable) as caught:
        gradient(growing, "1 MB")
    assert str(caught.value) == (
        "how many states of this loop fit into checkpoint='1 MB' depends on more than the sizes of "
        "the arguments: the loop carries an array whose size is computed from their values.\n"
        "Give a number of snapshots instead: checkpoint=100."
    )
    plain = evaluate(gradient(growing, None)[1], (0.7, np.ones(2), 6))
    for asked in ("sqrt", 3):
        found = evaluate(gradient(growing, asked)[1], (0.7, np.ones(2), 6))
        np.testing.assert_array_equal(found[1], plain[1])


def test_second_derivatives_are_forward_mode_over_the_gradient() -> None:
    def hessian(asked: Any, position: int, mode: str = "hessian") -> Program:
        made = program(recurrence, w=f8(), x=f8(N), trip=i8())
        option = checkpoint_of(asked)
        checkpoints = None if option is None else Checkpoints(option)
        return derive(
            made, made.inputs[position : position + 1], mode, checkpoints=checkpoints
        ).program

    values = (0.7, np.array([0.3, 0.5]), 7)
    for position in (0, 1):
        plain = evaluate(hessian(None, position), values)[0]
        for asked in ("sqrt", 1, 3):
            found = evaluate(hessian(asked, position), values)[0]
            np.testing.assert_allclose(found, plain, rtol=1e-13)
            product = evaluate(hessian(asked, position, "hvp"), (*values, values[position]))[0]
            np.testing.assert_allclose(
                product, plain @ values[position] if position else plain * 0.7
            )
    with pytest.raises(NotDifferentiable, match="the Hessian in reverse mode would record all"):
        hessian("sqrt", 1, "hessian:reverse")


def test_jacobians_by_rows() -> None:
    def several(b: Builder, w: Node, x: Node, trip: Node) -> Node:
        y = recurrence(b, w, x, trip)
        return make.concatenate(b, [make.reshape(b, ap(b, "sin", y), (ONE,)) for _ in "ab"], 0)

    values = (0.7, rng.uniform(0.2, 1.5, 3), 7)
    made = program(several, w=f8(), x=f8(N), trip=i8())
    plain = evaluate(jacobian(made, made.inputs[1:2], "reverse"), values)[0]
    for asked in ("sqrt", 2):
        checkpoints = Checkpoints(checkpoint_of(asked))
        found = evaluate(jacobian(made, made.inputs[1:2], "reverse", checkpoints), values)[0]
        assert checkpoints.loops == 1
        np.testing.assert_allclose(found, plain, rtol=1e-13)
