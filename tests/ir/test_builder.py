"""The builder: interning, scopes, closing and enclosing regions, substitution, notes."""

import pytest

from codegen_ad.ir.builder import INPUT, RESULT, Builder, Input, is_constant_expression
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Op, Origin, Region, TypeMismatch, toposort
from codegen_ad.ir.types import ArrayType, BroadcastError, DType
from codegen_ad.ops import make
from codegen_ad.ops.control import BRANCH, LOOP, Branch, Loop

N, M = Dim.symbol("n"), Dim.symbol("m")
SCALAR = ArrayType(DType.FLOAT64)
VECTOR = ArrayType(DType.FLOAT64, (N,))
FLAG = ArrayType(DType.BOOL)
LINE_2 = Origin("loss", 2, "y = x * x")
LINE_3 = Origin("loss", 3, "return y + 1")


def enclosed(b: Builder, output: Node) -> tuple[Region, list[Node]]:
    """A region around what is made of outer values only."""
    with b.scope() as scope:
        outputs, captured = scope.close([output])
    return b.enclose((), outputs, captured), captured


# Interning ----------------------------------------------------------------------------------------


def test_equal_nodes_are_one() -> None:
    b = Builder()
    x = b.input("x", VECTOR)
    y = make.multiply(b, x, x)
    assert make.multiply(b, x, x) is y
    assert make.add(b, x, x) is not y
    assert make.constant(b, 2.0) is make.constant(b, 2.0)
    assert make.constant(b, 0.0) is not make.constant(b, -0.0)
    assert make.constant(b, float("nan")) is make.constant(b, float("nan"))
    assert make.constant(b, 1, DType.INT64) is not make.constant(b, 1.0)
    assert make.constant(b, 1, DType.INT64) is not make.constant(b, True, DType.BOOL)


def test_builders_share_nothing() -> None:
    assert make.constant(Builder(), 1.0) is not make.constant(Builder(), 1.0)


def test_inputs_are_distinct() -> None:
    b = Builder()
    first, second = b.input("x", VECTOR), b.input("x", VECTOR)
    assert first is not second
    assert first.params != second.params
    assert first.op is INPUT
    assert isinstance(first.params, Input)
    assert (first.params.name, first.type) == ("x", VECTOR)
    assert b.notes.names[first] == "x"


def test_types_are_inferred_or_refused() -> None:
    b = Builder()
    x, y = b.input("x", VECTOR), b.input("y", ArrayType(DType.FLOAT64, (M,)))
    k = b.input("k", ArrayType(DType.INT64, (N,)))
    assert make.add(b, x, make.constant(b, 1.0)).type == VECTOR
    with pytest.raises(BroadcastError):
        make.add(b, x, y)
    with pytest.raises(TypeMismatch, match="mixes dtypes f8, i8"):
        make.add(b, x, k)


def test_what_was_refused_is_not_remembered() -> None:
    b = Builder()
    x, y = b.input("x", VECTOR), b.input("y", ArrayType(DType.FLOAT64, (M,)))
    for _ in range(2):
        with pytest.raises(BroadcastError):
            make.add(b, x, y)


def test_results_are_picked_by_number() -> None:
    b = Builder()
    flag, x = b.input("flag", FLAG), b.input("x", VECTOR)
    region, captured = enclosed(b, x)
    node = b.node(BRANCH, (flag, *captured), Branch(region, region))
    (result,) = b.results(node)
    assert result.op is RESULT
    assert result.type == VECTOR
    assert b.results(node) == (result,)
    assert result.args == (node,)
    assert node.items == (VECTOR,)
    with pytest.raises(AssertionError, match="branch has several results"):
        _ = node.array
    with pytest.raises(AssertionError, match="result has one result"):
        _ = result.items
    with pytest.raises(TypeMismatch, match="only one"):
        b.node(RESULT, (x,), result.params)


# Scopes -------------------------------------------------------------------------------------------


def test_what_a_scope_makes_stays_inside() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    outer = make.add(b, x, x)
    with b.scope():
        assert make.add(b, x, x) is outer  # computed already
        inner = make.multiply(b, x, x)
        with b.scope():
            assert make.multiply(b, x, x) is inner
    assert make.multiply(b, x, x) is not inner


def test_a_scope_ends_when_something_goes_wrong() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    made: list[Node] = []

    def fail() -> None:
        with b.scope():
            made.append(make.multiply(b, x, x))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert make.multiply(b, x, x) not in made


def test_close_captures_outer_values_in_order_of_use() -> None:
    b = Builder()
    x, y, z = (b.input(name, SCALAR) for name in "xyz")
    product = make.multiply(b, x, y)
    with b.scope() as scope:
        i = scope.input("i", SCALAR)
        first = make.add(b, i, product)
        second = make.subtract(b, z, product)
        outputs, captured = scope.close([second, first, z])
    assert outputs == (second, first, z)
    assert captured == [z, product]
    assert scope.inputs == [i]


def test_close_does_not_capture_constants() -> None:
    b = Builder()
    zeros = make.full(b, (N,), 0.0, DType.FLOAT64)
    rows = make.iota(b, N)
    with b.scope() as scope:
        _, captured = scope.close([make.add(b, zeros, make.cast(b, rows, DType.FLOAT64))])
    assert captured == []


def test_close_captures_from_the_scope_around() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    with b.scope() as outer:
        i = outer.input("i", SCALAR)
        y = make.multiply(b, x, i)
        with b.scope() as inner:
            _, captured = inner.close([make.add(b, y, x)])
        assert captured == [y, x]
        region = b.enclose((), inner.close([make.add(b, y, x)])[0], captured)
        flag = make.apply(b, "less", i, x)
        (result,) = b.results(b.node(BRANCH, (flag, *captured), Branch(region, region)))
        _, captured = outer.close([result])
    assert captured == [x]


def test_a_result_of_an_outer_node_is_captured_itself() -> None:
    b = Builder()
    flag, x = b.input("flag", FLAG), b.input("x", SCALAR)
    region, captured = enclosed(b, x)
    node = b.node(BRANCH, (flag, *captured), Branch(region, region))
    with b.scope() as scope:
        (result,) = b.results(node)  # first asked for in here
        outputs, captured = scope.close([make.add(b, result, result)])
    assert captured == [result]
    assert b.enclose((), outputs, captured).inputs[0].type == SCALAR
    with b.scope():
        assert b.results(node) == (result,)  # in another region, and below outside of all
    assert b.results(node) == (result,)


def test_only_what_needs_no_input_is_a_constant_expression() -> None:
    b = Builder()
    x = b.input("x", VECTOR)
    assert is_constant_expression(make.zeros_like(b, x))
    assert is_constant_expression(make.negative(b, make.size(b, N)))
    assert not is_constant_expression(x)
    assert not is_constant_expression(make.add(b, x, make.zeros_like(b, x)))
    assert not is_constant_expression(make.sum_(b, make.zeros_like(b, x), [0]))  # not cheap


# Enclosing and substituting -----------------------------------------------------------------------


def test_an_enclosed_region_is_closed() -> None:
    b = Builder()
    x = b.input("x", VECTOR)
    outer = make.multiply(b, x, x)
    with b.scope() as scope:
        i = scope.input("i", SCALAR)
        outputs, captured = scope.close([make.add(b, make.multiply(b, outer, i), x)])
    region = b.enclose(scope.inputs, outputs, captured)
    assert region.inputs[0] is i
    assert [n.type for n in region.inputs] == [SCALAR, VECTOR, VECTOR]
    reached = {n for n in toposort(region.outputs) if n.op is INPUT}
    assert reached == set(region.inputs)
    assert [b.notes.names[n] for n in region.inputs] == ["i", "captured", "x"]


def test_an_outer_value_can_be_yielded_as_it_is() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    region, captured = enclosed(b, x)
    assert captured == [x]
    assert region.outputs == region.inputs
    assert region.inputs[0] is not x


def test_an_outer_constant_is_made_anew_inside() -> None:
    b = Builder()
    region, captured = enclosed(b, make.constant(b, 3.0))
    assert captured == []
    assert make.constant_value(region.outputs[0]) == 3.0


def test_substitution_replaces_inputs_and_keeps_the_rest() -> None:
    b = Builder()
    x, y, z = (b.input(name, SCALAR) for name in "xyz")
    old = make.add(b, make.multiply(b, x, x), y)
    (new,) = b.substitute([old], {x: z})
    assert new is make.add(b, make.multiply(b, z, z), y)
    assert b.substitute([old], {}) == [old]
    assert b.substitute([x, y], {x: z}) == [z, y]


def test_substitution_replaces_inner_nodes_and_does_not_look_below() -> None:
    b = Builder()
    x, y = b.input("x", SCALAR), b.input("y", SCALAR)
    square = make.multiply(b, x, x)
    (new,) = b.substitute([make.add(b, square, y)], {square: y})
    assert new is make.add(b, y, y)


def test_a_region_is_inlined_by_substitution() -> None:
    b = Builder()
    x, y = b.input("x", SCALAR), b.input("y", SCALAR)
    with b.scope() as scope:
        i = scope.input("i", SCALAR)
        outputs, captured = scope.close([make.add(b, make.multiply(b, i, i), y)])
    region = b.enclose(scope.inputs, outputs, captured)
    mapping = dict(zip(region.inputs, (x, *captured), strict=True))
    (inlined,) = b.substitute(region.outputs, mapping)
    assert inlined is make.add(b, make.multiply(b, x, x), y)


def test_substitution_infers_types_again() -> None:
    b = Builder()
    x, m = b.input("x", VECTOR), b.input("m", ArrayType(DType.FLOAT64, (M, N)))
    (new,) = b.substitute([make.add(b, x, make.constant(b, 1.0))], {x: m})
    assert new.type == m.type


def test_deep_programs_do_not_recurse() -> None:
    b = Builder()
    x, y = b.input("x", SCALAR), b.input("y", SCALAR)
    node = x
    for _ in range(5000):
        node = make.add(b, node, x)
    (new,) = b.substitute([node], {x: y})
    assert len(toposort([new])) == 5001


# Notes --------------------------------------------------------------------------------------------


def test_nodes_remember_where_they_were_made() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    with b.at(LINE_2):
        y = make.multiply(b, x, x)
        with b.at(LINE_3, gradient=True):
            z = make.add(b, y, x)
        w = make.negative(b, y)
    with b.at(LINE_3):
        assert make.multiply(b, x, x) is y  # found, not made: the first line keeps it
    assert b.notes.origins == {y: LINE_2, z: LINE_3, w: LINE_2}
    assert b.notes.gradients == {z}


def test_what_is_made_in_a_gradient_is_gradient() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    with b.at(LINE_2, gradient=True), b.at(LINE_3):
        y = make.negative(b, x)
    z = make.add(b, y, x)
    assert b.notes.gradients == {y}
    assert z not in b.notes.origins


def test_rebuilt_nodes_inherit_notes() -> None:
    b = Builder()
    x, y = b.input("x", SCALAR), b.input("y", SCALAR)
    with b.at(LINE_2, gradient=True):
        old = make.multiply(b, x, x)
    b.notes.names[old] = "square"
    (new,) = b.substitute([old], {x: y})
    assert b.notes.origins[new] == LINE_2
    assert b.notes.names[new] == "square"
    assert new in b.notes.gradients


def test_an_inlined_node_keeps_its_line_or_comes_from_that_of_the_call() -> None:
    b = Builder()
    x, y, z = (b.input(name, SCALAR) for name in "xyz")
    with b.at(LINE_2):
        old = make.multiply(b, x, x)
    bare = make.add(b, x, x)
    with b.at(LINE_3):
        new, other = b.substitute([old, bare], {x: y})
    assert b.notes.origins[new] == LINE_2
    assert b.notes.origins[other] == LINE_3
    b.notes.names[new] = "mine"
    b.notes.names[old] = "theirs"
    assert b.substitute([old], {x: y}) == [new]
    assert b.notes.names[new] == "mine"
    assert z not in b.notes.origins


# Nodes --------------------------------------------------------------------------------------------


def test_toposort_puts_arguments_first_and_stays_out_of_regions() -> None:
    b = Builder()
    x = b.input("x", VECTOR)
    with b.scope() as scope:
        scope.input("i", ArrayType(DType.INT64))
        u = scope.input("u", VECTOR)
        outputs, captured = scope.close([make.add(b, u, x)])
    body = b.enclose(scope.inputs, outputs, captured)
    trip = make.size(b, N)
    loop = b.node(LOOP, (trip, x, *captured), Loop(1, 0, N, body))
    (out,) = b.results(loop)
    assert toposort([out]) == [trip, x, loop, out]
    assert loop.regions == (body,)
    assert out.regions == ()


def test_parameters_take_other_regions() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    first, _ = enclosed(b, x)
    second, _ = enclosed(b, make.negative(b, x))
    branch = Branch(first, second)
    assert branch.with_regions((second, first)).regions == (second, first)


def test_reprs_are_short() -> None:
    b = Builder()
    x = b.input("x", VECTOR)
    assert repr(make.negative(b, x)) == "<negative: f8[n]>"
    assert repr(Op("twice", Kind.ELEMENTWISE, lambda t, _: t[0])) == "<op twice>"
