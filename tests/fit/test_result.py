"""What a fit gives back: fields by attribute and item, and tables in three forms."""

import copy
import io
import pickle
from dataclasses import FrozenInstanceError, dataclass
from html.parser import HTMLParser
from textwrap import dedent
from typing import Any, NamedTuple

import numpy as np
import pytest
from rich.console import Console

from codegen_ad.fit.result import FitResult


def result(**changes: Any) -> FitResult:
    fields: dict[str, Any] = {
        "x": np.array([1.0, -2.5]),
        "fun": 1 / 3,
        "jac": np.array([1e-9, 0.0]),
        "nit": 200,
        "nfev": 201,
        "status": 1,
        "message": "All steps were taken.",
        "success": True,
        "trace": np.linspace(3.0, 1 / 3, 201),
        "seconds": 0.02,
        "method": "gd",
    }
    return FitResult(**(fields | changes))


def test_scipys_fields() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    theirs = optimize.minimize(lambda x: (x**2).sum(), np.ones(2), method="CG")
    assert set(theirs) - {"njev"} <= set(result())


def test_attributes_are_items() -> None:
    r = result()
    assert list(r) == list(dict(r)) == list(r.keys())
    assert all(r[name] is getattr(r, name) for name in r)
    assert len(r) == 11
    assert "trace" in r
    assert "hess" not in r
    assert r.get("hess") is None
    with pytest.raises(KeyError, match="hess"):
        r["hess"]
    with pytest.raises(KeyError, match="keys"):
        r["keys"]


def test_a_result_is_frozen() -> None:
    r = result()
    with pytest.raises(FrozenInstanceError):
        r.fun = 0.0  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError):
        r["fun"] = 0.0  # pyright: ignore[reportIndexIssue]


def test_a_result_can_be_compared_kept_and_sent() -> None:
    r = result()
    assert r == r
    assert r != result()
    assert len({r, r}) == 1
    for other in (copy.copy(r), copy.deepcopy(r), pickle.loads(pickle.dumps(r))):
        assert other.message == r.message
        np.testing.assert_array_equal(other.x, r.x)


def test_plain_text() -> None:
    assert str(result()) == dedent("""\
        Fit by gd: succeeded
          message  All steps were taken.
          fun      0.33333333
          x        [1, -2.5]
          jac      [1e-09, 0]
          nit      200
          nfev     201
          status   1
          trace    201 values, from 3 to 0.33333333
          seconds  0.02 (100 µs a step)""")


def test_nothing_to_show() -> None:
    text = str(result(trace=None, nit=0, jac=None, success=False))
    assert text.startswith("Fit by gd: did not succeed\n")
    assert "trace" not in text
    assert text.endswith("seconds  0.02")
    assert "  jac      None\n" in text
    assert "trace" not in str(result(trace=np.empty(0)))


class Line(NamedTuple):
    slope: float
    offsets: np.ndarray[Any, Any]


@dataclass
class Model:
    lines: tuple[Line, ...]


def labels(x: object) -> list[str]:
    rows = str(result(x=x, jac=None)).splitlines()[3:]
    end = next(i for i, row in enumerate(rows) if row.startswith("  jac"))
    return [" ".join(row.split()) for row in rows[:end]]


def test_structures_are_shown_leaf_by_leaf() -> None:
    assert labels({"w": np.zeros(2), "b": (1.0, np.float32(2))}) == [
        "x['w'] [0, 0]",
        "x['b'][0] 1",
        "x['b'][1] 2",
    ]
    assert labels(Model((Line(1.0, np.ones(1)),))) == [
        "x.lines[0].slope 1",
        "x.lines[0].offsets [1]",
    ]
    assert labels(3.0) == ["x 3"]
    assert labels(()) == []


def test_large_arrays_are_summed_up() -> None:
    assert labels(np.arange(2000.0).reshape(40, 50)) == [
        "x array of shape (40, 50), from 0 to 1999"
    ]
    assert labels(np.array([[1.0, 2.0], [3.0, 4.0]])) == ["x [[1, 2], [3, 4]]"]
    assert labels(np.full(99, np.nan)) == ["x array of shape (99,), from nan to nan"]


def test_terminal() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(result(x={"[bold]": 1.0}))
    text = console.file.getvalue()  # pyright: ignore
    assert "Fit by gd: succeeded" in text
    assert "x['[bold]']" in text  # not taken for markup
    assert "201 values, from 3 to 0.33333333" in text


def test_notebook() -> None:
    cells: list[str] = []
    parser = HTMLParser()
    parser.handle_data = cells.append
    page = result(message="a < b & c", x={"<b>": 1.0})._repr_html_()
    parser.feed(page)
    assert cells[:3] == ["Fit by gd: succeeded", "message", "a < b & c"]
    assert "x['<b>']" in cells
    assert "<b>" not in page
    assert page.count("<tr>") == page.count("</tr>") == 9
