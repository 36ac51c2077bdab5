"""What of Python is translated: each construct with the function of a test that uses it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Construct:
    """A construct of the language, and where it is tested: a file of `tests` and a name in it."""

    text: str
    file: str
    name: str
    note: str = ""


FLOW = "end_to_end/flow.py"
CONTROL = "frontend/test_control_flow.py"
VALUES = "frontend/test_values.py"
VIEWS = "frontend/test_views.py"
CORNERS = "end_to_end/corners.py"

CONSTRUCTS: tuple[Construct, ...] = (
    Construct("`if`, `elif`, `else` on data", FLOW, "branch_on_data", "only the side taken runs"),
    Construct("`x if c else y`", FLOW, "conditional_expression"),
    Construct("`and`, `or`, `not`", CONTROL, "values_of_and_or"),
    Construct("chained comparisons", CORNERS, "chain"),
    Construct("`for` over `range`", FLOW, "nested_loops"),
    Construct("`for` over arrays", CONTROL, "rows_and_numbers"),
    Construct("`for` over `zip`, `enumerate`", CORNERS, "enum"),
    Construct("`for` … `else`", CORNERS, "forelse"),
    Construct("`while`", FLOW, "newton"),
    Construct("`while` … `else`", CONTROL, "while_else"),
    Construct("`break`, `continue`", FLOW, "continue_and_break"),
    Construct("`return` early, and in loops", FLOW, "return_in_a_loop"),
    Construct("comprehensions", CORNERS, "lists", "over what has a known length"),
    Construct("calls of Python functions", FLOW, "helper_loops", "they are read too"),
    Construct("recursion", CONTROL, "recursion", "to a depth that is known"),
    Construct("`lambda` and inner functions", VALUES, "calls"),
    Construct("closures and globals", VALUES, "outside", "changes are noticed"),
    Construct("unpacking and starred targets", CORNERS, "star"),
    Construct("`:=`", CORNERS, "walrus"),
    Construct("tuples, lists, dicts", VALUES, "containers"),
    Construct("lists that grow", FLOW, "appended_in_a_loop"),
    Construct("dataclasses and NamedTuples", VALUES, "dataclasses_made"),
    Construct("augmented assignment", CORNERS, "augsum"),
    Construct("views and writes through them", VIEWS, "slice_of_a_slice", "seen as in NumPy"),
    Construct("masks that are written to", VIEWS, "masks"),
    Construct("index arrays", VIEWS, "index_arrays"),
    Construct("compensated arithmetic", CORNERS, "kahan", "rounding errors are kept"),
)
