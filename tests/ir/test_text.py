"""The text of a program: one line a node, names in order of appearance, regions indented."""

from textwrap import dedent

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node, Origin, Program
from codegen_ad.ir.text import params_text, program_text
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops import make
from codegen_ad.ops.control import BRANCH, LOOP, Branch, Loop
from codegen_ad.ops.movement import Span, Spans, ToShape
from codegen_ad.ops.reduction import Contract, Reduce

N = Dim.symbol("n")
SCALAR = ArrayType(DType.FLOAT64)
VECTOR = ArrayType(DType.FLOAT64, (N,))


def program(b: Builder, inputs: tuple[Node, ...], **outputs: Node) -> Program:
    return Program("loss", inputs, tuple(outputs.values()), tuple(outputs), b.notes)


def test_a_straight_line() -> None:
    b = Builder()
    x, y = b.input("x", VECTOR), b.input("y", SCALAR)
    with b.at(Origin("loss", 2, "r = x * y")):
        r = make.multiply(b, x, y)
    b.notes.names[r] = "r"
    with b.at(Origin("loss", 3, "return r.sum(), -y")):
        total, other = make.sum_(b, r, [0]), make.negative(b, y)
    assert program_text(program(b, (x, y), value=total, other=other)) == dedent("""\
        program loss(%x: f8[n], %y: f8) {
          %0: f8[n] = multiply %x, %y   ; line 2, r
          %1: f8 = sum{axes=(0)} %0   ; line 3
          %2: f8 = negative %y   ; line 3
          return value=%1, other=%2
        }
        """)


def test_regions() -> None:
    b = Builder()
    x, c = b.input("x", VECTOR), b.input("c", SCALAR)
    half = make.constant(b, 0.5)
    with b.scope() as scope:
        i = scope.input("i", ArrayType(DType.INT64))
        u = scope.input("u", SCALAR)
        with b.scope() as then:
            then_outputs, captured = then.close([make.multiply(b, u, half)])
        taken = b.enclose((), then_outputs, captured)
        with b.scope() as otherwise:
            other_outputs, _ = otherwise.close([u])
        other = b.enclose((), other_outputs, captured)
        flag = make.apply(b, "less", c, u)
        (new,) = b.results(b.node(BRANCH, (flag, *captured), Branch(taken, other)))
        outputs, captured = scope.close([new, make.gather(b, x, i)])
    body = b.enclose(scope.inputs, outputs, captured)
    loop = b.node(LOOP, (make.size(b, N), c, *captured), Loop(1, 1, N, body))
    last, rows = b.results(loop)
    assert program_text(program(b, (x, c), last=last, rows=rows)) == dedent("""\
        program loss(%x: f8[n], %c: f8) {
          %0: i8 = size{dim=n}
          %1: (f8, f8[n]) = loop{carried=1, stacked=1, length=n} %0, %c, %c, %x
            (%i: i8, %u: f8, %c.1: f8, %x.1: f8[n]) {
              %2: b1 = less %c.1, %u
              %3: (f8) = branch %2, %u
                (%u.1: f8) {
                  %4: f8 = constant{text=0.5, dtype=f8}
                  %5: f8 = multiply %u.1, %4
                  yield %5
                }
                (%u.2: f8) {
                  yield %u.2
                }
              %6: f8 = %3.0
              %7: f8 = gather %x.1, %i
              yield %6, %7
            }
          %8: f8 = %1.0
          %9: f8[n] = %1.1
          return last=%8, rows=%9
        }
        """)


def three_twice(b: Builder, *, outside_first: bool) -> str:
    """A branch that yields `3 * x`, and `3` outside; which of the two is made first is asked."""
    flag, x = b.input("flag", ArrayType(DType.BOOL)), b.input("x", SCALAR)
    if outside_first:
        make.constant(b, 3.0)
    with b.scope() as scope:
        outputs, captured = scope.close([make.multiply(b, x, make.constant(b, 3.0))])
    region = b.enclose((), outputs, captured)
    (result,) = b.results(b.node(BRANCH, (flag, *captured), Branch(region, region)))
    return program_text(program(b, (flag, x), y=make.multiply(b, result, make.constant(b, 3.0))))


def test_equal_programs_print_equally() -> None:
    assert three_twice(Builder(), outside_first=True) == three_twice(Builder(), outside_first=False)


def test_one_name_is_given_once() -> None:
    b = Builder()
    inputs = tuple(b.input(name, SCALAR) for name in ("x", "xy", "x", "x"))
    head = program_text(program(b, inputs, y=inputs[0])).splitlines()[0]
    assert head == "program loss(%x: f8, %xy: f8, %x.1: f8, %x.2: f8) {"


def test_notes_are_remarks_only() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    with b.at(Origin("loss", 2, "y = x * x")):
        y = make.multiply(b, x, x)
    with_notes = program_text(program(b, (x,), y=y))
    b.notes.origins.clear()
    without = program_text(program(b, (x,), y=y))
    assert [line.split("   ;")[0] for line in with_notes.splitlines()] == without.splitlines()


def test_parameters() -> None:
    b = Builder()
    assert params_text(None) == ""
    assert params_text(b.input("x", SCALAR).params) == ""
    assert params_text(Reduce((0, 2))) == "{axes=(0, 2)}"
    assert params_text(ToShape(())) == "{shape=()}"
    assert params_text(ToShape((N, N - 2))) == "{shape=(n, n - 2)}"
    assert params_text(Contract(((0, 1), (1,)), (0,))) == "{operands=((0, 1), (1)), output=(0)}"
    span = Span(Dim.constant(1), 2, N - 2)
    assert params_text(Spans((span,))) == "{spans=(1+2*[n - 2])}"
