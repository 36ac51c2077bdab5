"""Reverse mode: what is differentiated, what is not, and what comes out."""

from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Region, toposort
from codegen_ad.ir.text import program_text
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make
from codegen_ad.ops.control import CUSTOM, Custom
from codegen_ad.ops.unary import TAP, Tap
from tests.derive.programs import F8, I8, K, N, ap, f8, i8, loop, numeric_gradient, program, total


def loss(b: Builder, w: Node, v: Node, x: Node) -> Node:
    r = make.subtract(b, make.multiply(b, v, ap(b, "tanh", make.multiply(b, w, x))), x)
    return make.divide(b, total(b, ap(b, "square", r)), make.cast(b, make.size(b, N), F8))


def test_names_and_order_of_the_results() -> None:
    primal = program(loss, w=f8(), v=f8(), x=f8(N))
    gradient = differentiate(primal, [primal.inputs[2], primal.inputs[0]])
    assert gradient.output_names == ("value", "d_x", "d_w")
    assert gradient.inputs == primal.inputs


def test_nothing_is_computed_for_what_is_frozen() -> None:
    primal = program(loss, w=f8(), v=f8(), x=f8(N))
    only_w = len(differentiate(primal, primal.inputs[:1]).nodes())
    only_v = len(differentiate(primal, primal.inputs[1:2]).nodes())
    assert only_v < only_w < len(differentiate(primal, primal.inputs).nodes())


def test_what_does_not_matter_has_gradient_zero() -> None:
    primal = program(lambda b, x, y: total(b, x), x=f8(N), y=f8(N, K))
    found = evaluate(differentiate(primal, primal.inputs), [np.ones(2), np.ones((2, 3))])
    np.testing.assert_array_equal(found[1], np.ones(2))
    np.testing.assert_array_equal(found[2], np.zeros((2, 3)))


def test_vector_jacobian_product() -> None:
    primal = program(lambda b, x: ap(b, "sin", x), x=f8(N))
    pulled = differentiate(primal, primal.inputs)
    verify(pulled)
    assert [i.params.name for i in pulled.inputs] == ["x", "g"]  # pyright: ignore
    x, g = np.array([0.1, 0.2]), np.array([3.0, -1.0])
    np.testing.assert_allclose(evaluate(pulled, [x, g])[1], np.cos(x) * g)


def test_several_outputs_have_a_cotangent_each() -> None:
    def build(b: Builder, x: Node) -> tuple[Node, ...]:
        return ap(b, "sin", x), total(b, x), make.cast(b, x, I8)

    primal = program(build, x=f8(N))
    pulled = differentiate(primal, primal.inputs)
    assert [i.params.name for i in pulled.inputs] == ["x", "g_out0", "g_out1"]  # pyright: ignore
    x, g = np.array([0.1, 0.2]), np.array([3.0, -1.0])
    np.testing.assert_allclose(evaluate(pulled, [x, g, 2.0])[3], np.cos(x) * g + 2)


def test_taps() -> None:
    """`y = x + 2; z = 3 * y * y; mean(z)` of ones in a 2 by 2 matrix: 4.5, 4.5 and 0.25."""

    def build(b: Builder, x: Node) -> Node:
        y = b.node(TAP, (ap(b, "add", x, 2.0),), Tap("y"))
        z = b.node(TAP, (ap(b, "multiply", 3.0, make.multiply(b, y, y)),), Tap("z"))
        return ap(b, "divide", total(b, z), 4.0)

    primal = program(build, x=f8(2, 2))
    gradient = differentiate(primal, primal.inputs, taps=("y", "z"))
    assert gradient.output_names == ("value", "d_x", "d_y", "d_z")
    value, d_x, d_y, d_z = evaluate(gradient, [np.ones((2, 2))])
    assert value == 27
    np.testing.assert_array_equal(d_x, np.full((2, 2), 4.5))
    np.testing.assert_array_equal(d_y, np.full((2, 2), 4.5))
    np.testing.assert_array_equal(d_z, np.full((2, 2), 0.25))


def test_an_unknown_tap_is_refused() -> None:
    primal = program(loss, w=f8(), v=f8(), x=f8(N))
    with pytest.raises(NotDifferentiable, match="does not depend on a value named `q`"):
        differentiate(primal, primal.inputs, taps=("q",))


def test_integers_are_refused() -> None:
    primal = program(lambda b, x, k: total(b, make.gather(b, x, k)), x=f8(N), k=i8(K))
    with pytest.raises(NotDifferentiable, match=r"`k` is i8\[k\]: integers and booleans have no"):
        differentiate(primal, primal.inputs)


def test_adjoints_inherit_names() -> None:
    def build(b: Builder, w: Node, x: Node) -> Node:
        r = make.subtract(b, make.multiply(b, w, x), x)
        b.notes.names[r] = "r"
        return total(b, make.multiply(b, r, r))

    primal = program(build, w=f8(), x=f8(N))
    gradient = differentiate(primal, primal.inputs[:1])
    names = [gradient.notes.names.get(n) for n in gradient.nodes()]
    assert "d_r" in names
    assert names[-1] == "d_w"
    assert primal.notes.names.keys() < gradient.notes.names.keys()


MASKED = {
    "where": lambda b, x: make.where(b, ap(b, "greater", x, 0.0), ap(b, "sqrt", x), x),
    "the other side": lambda b, x: make.where(b, ap(b, "less_equal", x, 0.0), x, ap(b, "log", x)),
    "a chain": lambda b, x: make.where(
        b, ap(b, "greater", x, 0.0), ap(b, "negative", ap(b, "exp", ap(b, "sqrt", x))), x
    ),
    "a movement": lambda b, x: make.where(
        b, ap(b, "greater", make.flip(b, x, 0), 0.0), make.flip(b, ap(b, "sqrt", x), 0),
        make.constant(b, 0.0),
    ),
    "maximum": lambda b, x: ap(b, "maximum", ap(b, "log", ap(b, "maximum", x, 0.0)), -5.0),
    "twice": lambda b, x: twice(b, x),
    "a sum": lambda b, x: make.where(
        b, ap(b, "greater", total(b, x), 100.0), total(b, ap(b, "sqrt", x)), total(b, x)
    ),
}  # fmt: skip


def twice(b: Builder, x: Node) -> Node:
    """One masked value used under two conditions."""
    root, zero = ap(b, "sqrt", x), make.constant(b, 0.0)
    first = make.where(b, ap(b, "greater", x, 0.0), root, zero)
    return make.add(b, first, make.where(b, ap(b, "greater", x, 1.0), root, zero))


@pytest.mark.parametrize("name", MASKED)
def test_what_is_not_chosen_does_not_spoil_the_gradient(name: str) -> None:
    primal = program(lambda b, x: total(b, MASKED[name](b, x)), x=f8(N))
    gradient = differentiate(primal, primal.inputs)
    verify(gradient)
    x = np.array([-1.0, 0.0, 0.25, 4.0])
    found = evaluate(gradient, [x])[1]
    assert np.isfinite(found).all()
    inner = np.array([-1.0, -0.5, 0.25, 4.0])
    expected = numeric_gradient(primal, [inner], 0)
    np.testing.assert_allclose(evaluate(gradient, [inner])[1], expected, rtol=1e-6, atol=1e-9)


def test_relu_is_a_selection_without_products() -> None:
    primal = program(lambda b, x: total(b, ap(b, "maximum", x, 0.0)), x=f8(N))
    gradient = differentiate(primal, primal.inputs)
    names = [n.op.name for n in toposort(gradient.outputs[1:])]
    assert "multiply" not in names
    np.testing.assert_array_equal(evaluate(gradient, [[-1.0, 0.0, 2.0]])[1], [0, 0.5, 1])


def custom_exp(b: Builder, x: Node) -> Node:
    """The exponential, with the result as residual and a derivative twice too large."""
    own = b.input("x", x.array)
    with b.scope():
        out = ap(b, "exp", own)
    result, g = b.input("out", x.array), b.input("g", x.array)
    with b.scope():
        back = ap(b, "multiply", 2.0, make.multiply(b, result, g))
    call = Custom("exp", 1, Region((own,), (out, out)), Region((result, g), (back,)))
    return b.results(b.node(CUSTOM, (x,), call))[0]


def test_a_derivative_of_ones_own() -> None:
    primal = program(lambda b, x: total(b, custom_exp(b, x)), x=f8(N))
    verify(primal)
    gradient = differentiate(primal, primal.inputs)
    verify(gradient)
    x = np.array([0.1, 0.7])
    np.testing.assert_allclose(evaluate(gradient, [x])[1], 2 * np.exp(x))
    slope = gradient.with_outputs(gradient.outputs[1:], ("slope",))
    second = differentiate(slope, slope.inputs)
    verify(second)
    np.testing.assert_allclose(evaluate(second, [x, np.ones(2)])[1], 2 * np.exp(x))


def test_adding_in_a_loop_costs_one_element() -> None:
    """The gradient of `x[i]` is added in place: no array of zeros is made for each iteration."""

    def build(b: Builder, x: Node) -> Node:
        def body(i: Node, s: Node) -> Any:
            def inner(j: Node, t: Node) -> Any:
                product = make.multiply(b, make.gather(b, x, i), make.gather(b, x, j))
                return [make.add(b, t, product)], []

            return loop(b, make.size(b, N), N, [s], inner), []

        return loop(b, make.size(b, N), N, [make.constant(b, 0.0)], body)[0]

    primal = program(build, x=f8(N))
    gradient = differentiate(primal, primal.inputs)
    text = program_text(gradient)
    assert text.count("broadcast_to") == 1
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(evaluate(gradient, [x])[1], np.full(3, 12.0))


def test_the_program_given_is_left_alone() -> None:
    primal = program(loss, w=f8(), v=f8(), x=f8(N))
    before = program_text(primal), len(primal.notes.names), len(primal.notes.origins)
    differentiate(primal, primal.inputs)
    assert (program_text(primal), len(primal.notes.names), len(primal.notes.origins)) == before
