"""Every rule: what it makes of a program, and that values stay."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Program, toposort
from codegen_ad.ir.text import program_text
from codegen_ad.ir.verify import verify
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.movement import Span
from codegen_ad.ops.reduction import MAX, Reduce
from codegen_ad.passes import pipeline
from codegen_ad.passes.simplify import SIMPLIFY, simplify
from tests.derive.programs import F4, F8, K, N, ap, const, f8, program, total

ROUNDING = frozenset({"rounding"})
ALL = frozenset({"rounding", "finite"})
Build = Callable[..., Node]


def spread(b: Builder, x: Node) -> Node:
    return make.broadcast_to(b, x, (K, N))


def column(b: Builder, x: Node) -> Node:
    return make.broadcast_to(b, make.reshape(b, x, (N, make.ONE)), (N, K))


# What is built, and the operations that are left.
CASES: dict[str, tuple[Build, str]] = {
    "times one": (lambda b, x, s: ap(b, "multiply", 1.0, ap(b, "multiply", x, 1.0)), ""),
    "over one": (lambda b, x, s: ap(b, "divide", x, 1.0), ""),
    "times minus one": (lambda b, x, s: ap(b, "multiply", -1.0, x), "negative"),
    "minus minus": (lambda b, x, s: make.negative(b, make.negative(b, x)), ""),
    "minus times": (lambda b, x, s: make.multiply(b, make.negative(b, x), s), "multiply negative"),
    "minus times minus": (
        lambda b, x, s: make.multiply(b, make.negative(b, x), make.negative(b, s)), "multiply"),
    "plus minus": (lambda b, x, s: make.add(b, x, make.negative(b, s)), "subtract"),
    "minus minus y": (lambda b, x, s: make.subtract(b, x, make.negative(b, s)), "add"),
    "x plus x": (lambda b, x, s: make.add(b, x, x), "constant multiply"),
    "zero plus x stays": (lambda b, x, s: ap(b, "add", x, 0.0), "constant add"),
    "minus zero": (lambda b, x, s: ap(b, "subtract", x, 0.0), ""),
    "softplus": (lambda b, x, s: ap(b, "logaddexp", 0.0, ap(b, "logaddexp", x, 0.0)),
        "softplus softplus"),
    "square": (lambda b, x, s: ap(b, "power", x, 2.0), "square"),
    "cube": (lambda b, x, s: ap(b, "power", x, 3.0), "square multiply"),
    "root": (lambda b, x, s: ap(b, "power", x, 0.5), "sqrt"),
    "power zero": (lambda b, x, s: ap(b, "power", x, 0.0), "constant broadcast_to"),
    "power one": (lambda b, x, s: ap(b, "power", x, 1.0), ""),
    "literals": (lambda b, x, s: ap(b, "multiply", ap(b, "add", 1.0, 2.0), x), "constant multiply"),
    "numbers first": (
        lambda b, x, s: make.multiply(b, s, ap(b, "multiply", 2.0, make.multiply(b, x, s))),
        "constant multiply multiply multiply"),
    "known where": (
        lambda b, x, s: make.where(b, ap(b, "less", 1.0, 2.0), x, ap(b, "sin", x)), ""),
    "cast there and back": (
        lambda b, x, s: make.cast(b, make.cast(b, make.cast(b, x, F4), F8), F4), "cast"),
    "reshapes": (
        lambda b, x, s: make.reshape(b, make.reshape(b, x, (N, make.ONE)), (N,)), ""),
    "transposes": (
        lambda b, x, s: make.transpose(b, make.transpose(b, column(b, x), (1, 0)), (1, 0)),
        "reshape broadcast_to"),
    "broadcast operand": (
        lambda b, x, s: make.multiply(b, spread(b, x), make.broadcast_to(b, s, (K, N))),
        "multiply broadcast_to"),
    "broadcast number": (
        lambda b, x, s: make.add(b, x, make.broadcast_to(b, s, (N,))), "add"),
    "sum of same": (lambda b, x, s: total(b, make.broadcast_to(b, s, (N,))), "size cast multiply"),
    "sum of rows that are the same": (
        lambda b, x, s: make.sum_(b, spread(b, x), (0,)), "size cast multiply"),
    "sum over what differs": (
        lambda b, x, s: make.sum_(b, spread(b, x), (1,)), "sum broadcast_to"),
    "sum of minus": (lambda b, x, s: total(b, make.negative(b, x)), "sum negative"),
    "sum of twice": (lambda b, x, s: total(b, ap(b, "multiply", x, 2.0)), "constant sum multiply"),
    "sum of sum": (lambda b, x, s: total(b, make.sum_(b, column(b, ap(b, "sin", x)), (0,))),
        "size cast sin sum multiply"),
    "contract one": (lambda b, x, s: make.contract(b, (x,), ((0,),), ()), "sum"),
    "contract number": (lambda b, x, s: make.contract(b, (x, s), ((0,), ()), (0,)), "multiply"),
    "contract repeated": (
        lambda b, x, s: make.contract(b, (x, make.broadcast_to(b, s, (N,))), ((0,), (0,)), ()),
        "sum multiply"),
    "contract repeated rows": (
        lambda b, x, s: make.contract(b, (spread(b, x), x), ((0, 1), (1,)), (0,)),
        "contract broadcast_to"),
    "slice of slice": (
        lambda b, x, s: make.flip(b, make.flip(b, x, 0), 0), ""),
    "slice of what was written": (
        lambda b, x, s: make.slice_(
            b, make.update(b, x, make.slice_(b, ap(b, "sin", x), SPANS), SPANS), SPANS),
        "sin slice"),
}  # fmt: skip
SPANS = [Span(make.as_dim(1), 1, N - 1)]


@pytest.mark.parametrize("name", CASES)
def test_rule(name: str) -> None:
    build, expected = CASES[name]
    before = program(build, x=f8(N), s=f8())
    after = simplify(before, granted=ROUNDING)
    verify(after)
    left = [n.op.name for n in after.nodes() if n.op.name != "input"]
    assert sorted(left) == sorted(expected.split()), program_text(after)
    same_values(before, after)


def same_values(before: Program, after: Program, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    sizes = {"n": 4, "k": 3}
    values = [
        rng.uniform(0.2, 2.0, [d.evaluate(sizes) for d in i.array.shape]) for i in before.inputs
    ]
    pairs = zip(evaluate(before, values, sizes), evaluate(after, values, sizes), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, equal_nan=True)


def test_nothing_is_rounded_without_a_grant() -> None:
    for build, _ in CASES.values():
        before = program(build, x=f8(N), s=f8())
        after = simplify(before)
        values = [np.random.default_rng(3).normal(size=4), 0.3]
        sizes = {"k": 3}
        for one, other in zip(
            evaluate(before, values, sizes), evaluate(after, values, sizes), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_every_rule_says_what_it_does() -> None:
    texts = [rule.text for rule in SIMPLIFY]
    assert len(set(texts)) == len(texts)


def test_a_value_keeps_its_name_and_place() -> None:
    def build(b: Builder, x: Node) -> Node:
        y = ap(b, "power", x, 2.0)
        b.notes.names[y] = "y"
        return total(b, y)

    after = simplify(program(build, x=f8(N)))
    names = {after.notes.names.get(n): n.op.name for n in after.nodes()}
    assert names["y"] == "square"


def test_what_the_softmax_takes_from_the_maximum_has_no_gradient() -> None:
    """`log(sum(exp(z - max(z)))) + max(z)`: the adjoint of the maximum cancels."""

    def build(b: Builder, z: Node) -> Node:
        top = b.node(MAX, (z,), Reduce((1,)))
        e = ap(b, "exp", make.subtract(b, z, make.reshape(b, top, (N, make.ONE))))
        return total(b, make.add(b, top, ap(b, "log", make.sum_(b, e, (1,)))))

    primal = program(build, z=f8(N, K))
    gradient = differentiate(primal, primal.inputs)
    after = pipeline.run(gradient, granted=ALL, check=True)
    left = {n.op.name for n in toposort(after.outputs[1:])}
    assert left == {"input", "max", "reshape", "subtract", "exp", "sum", "divide", "multiply",
                    "constant"}, program_text(after)  # fmt: skip
    same_values(gradient, after)


def test_fired_rules_are_counted() -> None:
    fired: Counter[str] = Counter()
    simplify(program(CASES["times one"][0], x=f8(N), s=f8()), fired=fired)
    assert fired == {"x*1, x/1, x**1, x-0, x+0 -> x": 2}


SMOOTH = [e.op.name for e in ELEMENTWISE.values() if e.op.name in (
    "add", "subtract", "multiply", "divide", "negative", "square", "sqrt", "exp", "sin", "tanh",
    "maximum", "absolute", "power",
)]  # fmt: skip


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Random programs of a few operations over a vector, a number and literals."""

    def build(b: Builder, x: Node, s: Node) -> Node:
        pool = [x, s, const(b, draw(st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5])))]
        for _ in range(draw(st.integers(1, 9))):
            choice = draw(st.sampled_from([*SMOOTH, "sum", "flip", "broadcast", "where"]))
            one = draw(st.sampled_from(pool))
            match choice:
                case "sum":
                    pool.append(total(b, one))
                case "flip":
                    pool.append(make.flip(b, one, 0) if one.array.rank else one)
                case "broadcast":
                    pool.append(make.broadcast_to(b, one, (N,)))
                case "where":
                    two, three = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
                    pool.append(make.where(b, ap(b, "less", one, two), two, three))
                case name if len(ELEMENTWISE[make.ops.BY_NAME[name]].arguments) == 1:
                    pool.append(make.apply(b, name, one))
                case name:
                    pool.append(make.apply(b, name, one, draw(st.sampled_from(pool))))
        return total(b, pool[-1])

    return program(build, x=f8(N), s=f8())


def compare(before: Program, after: Program) -> None:
    """The same values; where one is not finite or huge, digits may differ."""
    values: list[Any] = [np.array([0.3, 1.7, 0.9, 1.2]), np.array(0.6)]
    for one, other in zip(evaluate(before, values), evaluate(after, values), strict=True):
        if np.isfinite(one).all() and np.abs(one).max() < 1e6:
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


@given(programs())
def test_random_programs_keep_their_values(made: Program) -> None:
    verify(made)
    compare(made, pipeline.before(made, granted=ALL, check=True))


@given(programs())
def test_random_gradients_keep_their_values(made: Program) -> None:
    gradient = differentiate(made, made.inputs)
    verify(gradient)
    fired: Counter[str] = Counter()
    compare(gradient, pipeline.run(gradient, granted=ALL, fired=fired, check=True))
    assert fired.total() < 300, "rules undo each other"
