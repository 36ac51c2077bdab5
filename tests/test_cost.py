"""The cost report: what is predicted is counted on the plan, and what is measured is measured."""

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument


@differentiate
def squares(p, x, y):
    return ((p[0] * x + p[1] - y) ** 2).sum()


def test_a_report_counts_and_measures() -> None:
    args = np.array([1.0, 2.0]), np.linspace(0, 1, 1000), np.ones(1000)
    report = squares.cost(*args, repeat=3)
    assert "Cost for each of n: " in squares.source(*args)
    assert report.moved[0] >= report.moved[1] >= 2 * 8 * 1000
    assert report.operations[0] > report.operations[1] >= 4 * 1000
    assert report.predicted is not None
    assert report.measured == report.seconds[0] / report.seconds[1] > 0
    lines = str(report).splitlines()
    assert lines[0] == "Cost of squares: predicted operations and bytes, measured time"
    assert [line.split()[0] for line in lines[2:]] == ["operations", "bytes", "microseconds"]
    assert lines[2].endswith(f" {report.predicted:.2f}")
    assert lines[4].endswith(f" {report.measured:.2f}")
    twice = squares.cost(args[0], *(np.tile(a, 2) for a in args[1:]), repeat=1)
    assert twice.moved[0] - report.moved[0] == 1000 * 16
    with pytest.raises(InvalidArgument, match="at least one run"):
        squares.cost(*args, repeat=0)


@differentiate
def decayed(x, rate, steps):
    total = 0.0
    for _ in range(steps - 1):
        x = x - rate * np.sin(x)
        total += (x**2).sum()
    return total


@pytest.mark.parametrize("checkpoint", [None, "sqrt"])
def test_trips_that_a_number_tells_are_counted(checkpoint: str | None) -> None:
    x = np.linspace(0.1, 1.0, 100)
    loss = differentiate(decayed.__wrapped__, wrt=("x", "rate"), checkpoint=checkpoint)
    few, many, none = (loss.cost(x, 0.1, steps, repeat=1) for steps in (101, 201, 0))
    for k in range(2):
        assert few.operations[k] > 100 * 100 * 4
        assert 1.9 < many.operations[k] / few.operations[k] < 2.1
        assert 1.9 < many.moved[k] / few.moved[k] < 2.1
        assert none.operations[k] < 1000
