"""What programs look like: text, names, lines, taps, and derivatives that the user gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from running import check, reading_of, signature_of

from codegen_ad.errors import NotDifferentiable, UnsupportedSyntax
from codegen_ad.frontend.reader import read
from codegen_ad.ir.text import program_text
from codegen_ad.ir.verify import verify
from codegen_ad.signature import ArrayForm, Signature

X = np.linspace(0.1, 2.0, 7)


def straight(x: Any, y: Any) -> Any:
    """Least squares."""
    r = np.tanh(2 * x) - y
    r[0] = 0.0
    return (r**2).mean()


def looping(x: Any) -> Any:
    s = 0.0
    for i in range(1, len(x)):
        s = s * x[i] if x[i] > 1 else s + helper(x[i])
    return s


def helper(v: Any) -> Any:
    w = np.exp(v)
    return w * 2


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def relu_forward(x: Any, slope: Any = 1.0) -> Any:
    return np.maximum(x, 0) * slope, x


def relu_backward(x: Any, g: Any) -> Any:
    return g * (x > 0)


relu.__codegen_custom__ = (relu_forward, relu_backward, None, True)  # type: ignore[attr-defined]


def stop(x: Any) -> Any:
    return x


stop.__codegen_stop_gradient__ = True  # type: ignore[attr-defined]


def with_custom(x: Any) -> Any:
    h = relu(x * 2)
    return (h + stop(x)).sum()


def test_straight_line() -> None:
    assert (
        program_text(reading_of(straight, X, X).program)
        == """\
program straight(%x: f8[n], %y: f8[n]) {
  %0: f8 = constant{text=2.0, dtype=f8}   ; line 3
  %1: f8[n] = multiply %0, %x   ; line 3
  %2: f8[n] = tanh %1   ; line 3
  %3: f8[n] = subtract %2, %y   ; line 3, r
  %4: f8 = constant{text=0.0, dtype=f8}   ; line 4
  %5: f8[1] = reshape{shape=(1)} %4   ; line 4
  %6: f8[n] = update{spans=(0+1*[1]), accumulate=False} %3, %5   ; line 4
  %7: f8[n] = square %6   ; line 5
  %8: f8 = sum{axes=(0)} %7   ; line 5
  %9: i8 = size{dim=n}   ; line 5
  %10: f8 = cast{dtype=f8} %9   ; line 5
  %11: f8 = divide %8, %10   ; line 5
  return value=%11
}
"""
    )


def test_loop_with_a_branch_and_a_helper() -> None:
    assert (
        program_text(reading_of(looping, X).program)
        == """\
program looping(%x: f8[n]) {
  %0: i8 = size{dim=n - 1}   ; line 3
  %1: f8 = constant{text=0.0, dtype=f8}   ; line 3
  %2: (f8) = loop{carried=1, stacked=0, length=n - 1} %0, %1, %x   ; line 3
    (%i: i8, %s: f8, %x.1: f8[n]) {
      %3: i8 = constant{text=1, dtype=i8}   ; line 3
      %4: i8 = add %i, %3   ; line 3, i
      %5: f8 = gather %x.1, %4   ; line 4
      %6: f8 = constant{text=1.0, dtype=f8}   ; line 4
      %7: b1 = greater %5, %6   ; line 4
      %8: (f8) = branch %7, %s, %5   ; line 4
        (%s.1: f8, %captured: f8) {
          %9: f8 = multiply %s.1, %captured   ; line 4
          yield %9
        }
        (%s.2: f8, %captured.1: f8) {
          %10: f8 = exp %captured.1   ; line 2, w
          %11: f8 = constant{text=2.0, dtype=f8}   ; line 3
          %12: f8 = multiply %10, %11   ; line 3
          %13: f8 = add %s.2, %12   ; line 4
          yield %13
        }
      %14: f8 = %8.0   ; line 4, s
      yield %14
    }
  %15: f8 = %2.0   ; line 3, s
  return value=%15
}
"""
    )


def test_a_node_knows_the_function_and_line_it_came_from() -> None:
    reading = reading_of(helper, X)
    origins = reading.program.notes.origins
    assert {(o.function, o.line, o.text) for o in origins.values()} == {
        ("helper", 2, "w = np.exp(v)"),
        ("helper", 3, "return w * 2"),
    }


def test_the_same_function_gives_the_same_text() -> None:
    texts = {program_text(reading_of(looping, X).program) for _ in range(3)}
    assert len(texts) == 1


def test_taps_name_intermediates() -> None:
    signature = signature_of(straight, X, X)
    program = read(straight, signature, taps=("r",)).program
    verify(program)
    assert "tap{name=r}" in program_text(program)
    with pytest.raises(NotDifferentiable, match="`q` is not assigned an array in `straight`"):
        read(straight, signature, taps=("q",))


def test_a_custom_derivative_is_a_call() -> None:
    check(with_custom, X - 1)
    text = program_text(reading_of(with_custom, X).program)
    assert "custom{name=relu, outputs=1, tangent=None}" in text
    assert "stop_gradient" in text


def test_outputs_are_named_by_the_structure() -> None:
    def f(x: Any) -> Any:
        return {"loss": x.sum(), "x": x, "more": (x, 1.0)}, None

    reading = reading_of(f, X)
    assert reading.program.output_names == ("loss", "x_2", "more_0", "more_1")


def test_arguments_of_the_signature_are_leaves_in_order() -> None:
    def f(p: Any, *rest: Any, scale: Any = 2.0) -> Any:
        return p["b"] * scale + p["w"][0] + rest[0] + rest[1]

    reading = reading_of(f, {"b": 1.0, "w": [X, 3]}, (X, X))
    assert [leaf.name for leaf in reading.leaves] == ["p_b", "p_w_0", "p_w_1", "rest_0", "rest_1"]
    assert [leaf.path for leaf in reading.leaves][1] == ("p", "w", 0)
    assert (("default", "scale"),) in reading.dependencies


def test_a_function_without_source_is_refused() -> None:
    with pytest.raises(UnsupportedSyntax, match="codegen_ad cannot see into `sin`"):
        read(np.sin, Signature((("x", ArrayForm("f8", (None,))),)))
