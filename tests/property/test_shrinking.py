"""Programs that fail become small, and fail in the same way."""

from __future__ import annotations

from tests.property.shrinking import shrunk, way_of

TEXT = """HELPERS = 1


def f(x, n):
    y = [1.0, 2.0]
    for i in range(n):
        if i > 1:
            y = [y[0] + i, max(y[1], n)]
        else:
            y = y + [3.0]
    z = 1 / (x - n)
    return y, z * 2
"""


def _fails(text: str) -> bool:
    space: dict[str, object] = {}
    exec(text, space)
    try:
        space["f"](3, 3)  # type: ignore[operator]
    except ZeroDivisionError:
        return True
    except Exception:
        return False
    return False


def test_what_fails_stays():
    assert shrunk(TEXT, _fails) == "HELPERS = 1\n\n\ndef f(x, n):\n    z = 1 / (x - n)\n"


def test_what_does_not_fail_is_left_alone():
    assert shrunk(TEXT, lambda _: False) == TEXT


def test_numbers_and_names_are_no_part_of_how_a_program_fails():
    text = 'Traceback:\n  File "{}", line {}, in f\n    v{} = 1\nValueError: v{} is {}\n'
    assert way_of(text.format("a", 1, 2, 3, 4.5)) == way_of(text.format("a", 12, 3, 4, 1e-7))
    assert way_of(text.format("a", 1, 2, 3, 4.5)) != way_of(text.format("b", 1, 2, 3, 4.5))
