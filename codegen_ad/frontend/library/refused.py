"""Functions that are refused by name, each with its reason and with what to write instead."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from codegen_ad.errors import UnknownFunction
from codegen_ad.frontend.context import Context, Handler, Value

_SIZE = "The size of its result depends on data."
_OUTSIDE = "Compute it outside the function and pass the result in."

REASONS: tuple[tuple[str, str, str], ...] = (
    (
        _SIZE,
        _OUTSIDE,
        "union1d intersect1d setdiff1d setxor1d trim_zeros histogram2d histogramdd",
    ),
    (
        "There is no operation for the eigenvalues of a matrix that is not symmetric yet.",
        "Use `np.linalg.eigh` if the matrix is symmetric.",
        "linalg.eig linalg.eigvals",
    ),
    (
        "There is no operation for the roots of a polynomial yet.",
        _OUTSIDE,
        "roots",
    ),
    (
        "It calls a Python function for every element or slice.",
        "Write the loop, or use functions of whole arrays.",
        "frompyfunc",
    ),
    (
        "It takes as many steps as the numbers need, and has no derivative.",
        _OUTSIDE,
        "gcd lcm",
    ),
    (
        "It works on the bits of integers.",
        _OUTSIDE,
        "packbits unpackbits",
    ),
    (
        "It takes numbers apart bit by bit.",
        _OUTSIDE,
        "frexp nextafter spacing bitwise_count",
    ),
    (
        "It drops leading or trailing zeros, so the size of its result depends on data.",
        "Use `np.convolve` for products, and `np.concatenate` with zeros for sums.",
        "polymul polydiv poly1d polynomial.polynomial.polymul polynomial.polynomial.polyadd"
        " polynomial.polynomial.polysub polynomial.polynomial.polydiv"
        " polynomial.polynomial.polymulx polynomial.polynomial.polypow",
    ),
    (
        "It is an object with methods.",
        "Keep the coefficients in an array, and use `np.polyval` or `np.polynomial.chebyshev"
        ".chebval` and their kin.",
        "polynomial.Polynomial polynomial.Chebyshev polynomial.Legendre polynomial.Hermite"
        " polynomial.HermiteE polynomial.Laguerre",
    ),
    (
        "It looks at how arrays lie in memory.",
        _OUTSIDE,
        "may_share_memory shares_memory byte_bounds isfortran require",
    ),
    (
        "It looks at how arrays lie in memory.",
        "Use `np.lib.stride_tricks.sliding_window_view`, or index arrays: `x[i[:, None] + j]`.",
        "lib.stride_tricks.as_strided",
    ),
    (
        "It makes text.",
        "Print outside the function.",
        "array2string array_repr array_str format_float_positional format_float_scientific",
    ),
    ("There is no operation for it yet.", _OUTSIDE, "kaiser fromiter frombuffer einsum_path"),
)

_OF_PYTHON: tuple[tuple[object, str, str, str], ...] = (
    (
        collections.deque,
        "collections.deque",
        "A queue is not known here.",
        "Use a list (`append`, `pop()`, `pop(0)`); for the last items of data, an array that is "
        "shifted: `w[:-1] = w[1:]`, `w[-1] = v`.",
    ),
    (
        collections.defaultdict,
        "collections.defaultdict",
        "A dict has the keys that it is given.",
        "Make a dict of all keys first: `{key: 0.0 for key in keys}`, or `[]` for lists.",
    ),
    (
        collections.Counter,
        "collections.Counter",
        "A dict has the keys that it is given.",
        "Count outside the function, or in a dict of all keys: `{key: 0 for key in keys}`.",
    ),
    (
        dict.fromkeys,
        "dict.fromkeys",
        "There is no operation for it yet.",
        "Write `{key: value for key in keys}`.",
    ),
    (
        collections.namedtuple,
        "collections.namedtuple",
        "It makes a class.",
        "Make the class outside the function, and its objects inside.",
    ),
)

_RANDOM = "Random numbers change from call to call, and a gradient is of one function."
_DRAW = "Draw them outside the function, and pass them in."


def refusal(name: str, why: str, instead: str) -> Handler:
    """The handler that refuses a function."""

    def handler(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> NoReturn:
        ctx.refuse(f"`{name}` is not supported. {why}", instead, UnknownFunction)

    return handler


def _found(name: str) -> object | None:
    """The function of that name in this NumPy, or None."""
    place: object = np
    for part in name.split("."):
        place = getattr(place, part, None)
    return place


def _table() -> dict[object, Handler]:
    table: dict[object, Handler] = {}
    for why, instead, names in REASONS:
        for name in names.split():
            found = _found(name)
            if found is not None:
                table[found] = refusal(f"np.{name}", why, instead)
    return table | {found: refusal(*said) for found, *said in _OF_PYTHON}


FUNCTIONS = _table()


def of_randomness(function: object) -> Handler | None:
    """The refusal of a function that draws random numbers, or None for any other function."""
    owner = getattr(function, "__self__", None)
    homes = [str(getattr(function, "__module__", "")), type(owner).__module__]
    name = str(getattr(function, "__name__", type(function).__name__))
    if any(home.startswith("numpy.random") for home in homes):
        return refusal(f"np.random.{name}", _RANDOM, _DRAW)
    if "random" in homes or type(owner).__name__ == "Random":
        return refusal(f"random.{name}", _RANDOM, _DRAW)
    return None


METHODS: dict[str, Handler] = {
    "resize": refusal(".resize()", "It changes the size of an array.", "Use `np.resize` outside."),
    "partition": refusal(".partition()", "There is no operation for it yet.", "Use `np.sort`."),
    "tobytes": refusal(".tobytes()", "Compiled code has no bytes objects.", _OUTSIDE),
    "view": refusal(
        ".view()", "It looks at the bytes of numbers as other numbers.", "Use `.astype(...)`."
    ),
}
