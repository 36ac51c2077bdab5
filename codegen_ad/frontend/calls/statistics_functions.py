"""The functions of `statistics`: of numbers that data set, by the two passes of NumPy's.

`statistics` computes with fractions of integers and rounds once; these sums round as they go, so
the last digits may differ. Of numbers that are known now, `statistics` itself computes the value.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from codegen_ad.frontend.calls.builtin_functions import static_call
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.library.applied import part
from codegen_ad.frontend.library.refused import refusal
from codegen_ad.frontend.values import Outside

Args = Sequence[Value]
Named = Mapping[str, Value]


numpy: Any = np
"""What the functions below are written with, which are read and never run."""


@part
def mean(data: Any) -> Any:
    """Add up, and divide by the number."""
    return numpy.mean(data)


@part
def fmean(data: Any, weights: Any = None) -> Any:
    """Add up, each times its weight, and divide by the weights."""
    return (
        numpy.mean(data) if weights is None else numpy.average(data, weights=numpy.array(weights))
    )


@part
def variance(data: Any, xbar: Any = None) -> Any:
    """Mean square of the distances from the mean, of a sample."""
    middle = numpy.mean(data) if xbar is None else xbar
    return numpy.sum((data - middle) ** 2) / (len(data) - 1)


@part
def stdev(data: Any, xbar: Any = None) -> Any:
    """Root of the variance, whose derivative is 0 at its minimum."""
    if xbar is None:
        return numpy.std(data, ddof=1)
    return numpy.sqrt(numpy.sum((data - xbar) ** 2) / (len(data) - 1))


@part
def pvariance(data: Any, mu: Any = None) -> Any:
    """Mean square of the distances from the mean."""
    return numpy.mean((data - (numpy.mean(data) if mu is None else mu)) ** 2)


@part
def pstdev(data: Any, mu: Any = None) -> Any:
    """Root of that."""
    return numpy.std(data) if mu is None else numpy.sqrt(numpy.mean((data - mu) ** 2))


@part
def median(data: Any) -> Any:
    """Mean of the middle two."""
    return numpy.median(data)


@part
def covariance(x: Any, y: Any, /) -> Any:
    """Mean product of the distances from the means, of a sample."""
    other = numpy.array(y)
    return numpy.sum((x - numpy.mean(x)) * (other - numpy.mean(other))) / (len(x) - 1)


@part
def correlation(x: Any, y: Any, /) -> Any:
    """Covariance over both deviations."""
    other = numpy.array(y)
    one, two = x - numpy.mean(x), other - numpy.mean(other)
    return numpy.sum(one * two) / numpy.sqrt(numpy.sum(one * one) * numpy.sum(two * two))


_LEAST = {"stdev": 2, "variance": 2, "covariance": 2, "correlation": 2}


def _handler(function: Callable[..., Any], written: Callable[..., Any]) -> Callable[..., Value]:
    name = function.__name__
    known = static_call(function)

    def run(m: Any, args: Args, kwargs: Named) -> Value:
        if all(m.is_static(v) for v in (*args, *kwargs.values())):
            return known(m, args, kwargs)
        more = dict(kwargs)
        first = args[0] if args else more.pop("data", ())
        line = m.fresh(m.node(first, f"argument of statistics.{name}"))
        kind = m.type_of(line)
        if kind.rank != 1:
            m.refuse(
                f"`statistics.{name}` takes a line of numbers, and this is {m.describe(line)}.",
                "Use the function of NumPy, with `axis=`.",
            )
        m.require(kind.shape[0], _LEAST.get(name, 1), m.text())
        return m.call(Outside(written, ()), [line, *args[1:]], more)

    return run


_ROOTS = "Its numbers must be positive, and it is computed in logarithms."
_DRAWN = "Which number it gives depends on how often each is there."

_WRITTEN = (
    mean, fmean, variance, stdev, pvariance, pstdev, median, covariance, correlation,
)  # fmt: skip

FUNCTIONS: dict[Any, Callable[..., Value]] = {
    **{
        (function := getattr(statistics, written.__name__)): _handler(function, written)
        for written in _WRITTEN
    },
    statistics.geometric_mean: refusal(
        "statistics.geometric_mean", _ROOTS, "Write `np.exp(np.mean(np.log(x)))`."
    ),
    statistics.harmonic_mean: refusal(
        "statistics.harmonic_mean", "Its numbers must be positive.", "Write `1 / np.mean(1 / x)`."
    ),
    statistics.mode: refusal("statistics.mode", _DRAWN, "Compute it outside the function."),
    statistics.quantiles: refusal(
        "statistics.quantiles", "It gives a list.", "Use `np.quantile`, with `method='weibull'`."
    ),
}
