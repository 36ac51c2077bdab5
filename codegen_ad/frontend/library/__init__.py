"""What the functions of NumPy, `math` and SciPy and the methods of arrays mean, as programs.

Each topic is a module with its own tables. Two spellings of one function share one handler. This
room only builds programs: how Python is read, and how arrays alias, is the interpreter's business.
"""

from __future__ import annotations

from codegen_ad.frontend.context import Handler
from codegen_ad.frontend.library import (
    applied,
    axes,
    calculus,
    choosing,
    concatenators,
    contractions,
    covariance,
    creation,
    distributions,
    einsum,
    elementwise_extras,
    extremes,
    factors,
    fitting,
    grids,
    histograms,
    joining,
    linalg,
    matrices,
    methods,
    narrow,
    norms,
    padding,
    picking,
    places,
    polynomials,
    quantiles,
    reductions,
    refused,
    scalars,
    scans,
    scipy_linalg,
    segments,
    selection,
    shaping,
    special,
    splitting,
    statistics,
    ufuncs,
    windows,
    writing,
)

__all__ = ["ATTRIBUTES", "FUNCTIONS", "METHODS", "SUBSCRIPTS", "handler_of"]

_TOPICS = (
    refused,
    elementwise_extras,
    selection,
    creation,
    grids,
    shaping,
    axes,
    joining,
    splitting,
    padding,
    matrices,
    reductions,
    extremes,
    statistics,
    contractions,
    einsum,
    scans,
    axes,
    calculus,
    linalg,
    factors,
    norms,
    fitting,
    histograms,
    scalars,
    segments,
    special,
    ufuncs,
    applied,
    choosing,
    covariance,
    picking,
    places,
    polynomials,
    quantiles,
    windows,
    writing,
)

_FUNCTIONS: dict[object, Handler] = {
    function: handler for topic in _TOPICS for function, handler in topic.FUNCTIONS.items()
}

FUNCTIONS = _FUNCTIONS | narrow.widened(_FUNCTIONS)

_METHODS: dict[str, Handler] = {
    name: handler
    for tables in (
        refused.METHODS,
        elementwise_extras.METHODS,
        selection.METHODS,
        creation.METHODS,
        shaping.METHODS,
        axes.METHODS,
        joining.METHODS,
        matrices.METHODS,
        reductions.METHODS,
        extremes.METHODS,
        statistics.METHODS,
        contractions.METHODS,
        scans.METHODS,
        methods.METHODS,
        choosing.METHODS,
        picking.METHODS,
        writing.METHODS,
    )
    for name, handler in tables.items()
}

METHODS = _METHODS | narrow.widened_methods(_METHODS)

ATTRIBUTES: dict[str, Handler] = {
    **shaping.ATTRIBUTES,
    **axes.ATTRIBUTES,
    **methods.ATTRIBUTES,
}

SUBSCRIPTS = concatenators.SUBSCRIPTS


def handler_of(function: object) -> Handler | None:
    """The meaning of a library function, or None if it is not known here.

    Functions of SciPy are known by name, and refused by name, without importing SciPy.
    """
    try:
        known = FUNCTIONS.get(function) or _of_scipy(function)
        return known or applied.handler_of(function) or refused.of_randomness(function)
    except TypeError:  # not hashable
        return None


def _of_scipy(function: object) -> Handler | None:
    known = scipy_linalg.handler_of(function) or distributions.handler_of(function)
    own = special.handler_of(function)
    return known or (own and narrow.in_double(own))
