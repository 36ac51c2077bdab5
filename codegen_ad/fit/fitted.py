"""What a fit varies: the first arguments of a function, taken apart and put together again.

Whoever runs a fit hands in the first guess in the user's structure; kernels take its arrays and
numbers one by one. Nothing here knows how a fit goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from codegen_ad.errors import InvalidArgument
from codegen_ad.fit.containers import mapped
from codegen_ad.runtime.arguments import Binder, rebuild
from codegen_ad.runtime.foreign import is_on_device
from codegen_ad.signature import ArrayForm, Form, Signature, leaves


def arguments_of(
    binder: Binder, x0: Any, args: Sequence[Any], caller: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The first guess for each varied argument, and all arguments by name.

    Raises
    ------
    InvalidArgument
        If the varied arguments are not the first ones, or the arguments do not fit the function.
    """
    if binder.wrt != binder.names[: len(binder.wrt)]:
        raise InvalidArgument(
            f"{caller} varies the first arguments of {binder.name}(), and wrt names "
            f"{', '.join(binder.wrt)}: put them first"
        )
    first = (x0,) if len(binder.wrt) == 1 else tuple(x0)
    if len(first) != len(binder.wrt):
        raise InvalidArgument(
            f"x0 must hold {len(binder.wrt)} values, one for each of {', '.join(binder.wrt)}"
        )
    first = tuple(mapped(v, _as_float, "x0") for v in first)
    for name, value in zip(binder.wrt, first, strict=True):
        if isinstance(value, str | bytes) or value is None:
            raise InvalidArgument(f"x0 is {value!r}: the first guess for {name} must be numbers")
    arguments = binder.bind((*first, *args), {})
    _check_rows(arguments, binder.wrt)
    return first, arguments


class Fitted:
    """The varied arrays and numbers among the leaves of a kernel.

    Attributes
    ----------
    places : which leaves they are.
    points : a copy of each, in C order; a number as an array of one element.
    data : the other leaves.
    """

    def __init__(
        self,
        signature: Signature,
        wrt: Sequence[str],
        first: Sequence[Any],
        values: Sequence[Any],
    ) -> None:
        forms: Mapping[str, Form] = dict(signature.parameters)
        self._forms = [forms[n] for n in wrt]
        self._first = first
        found = leaves(signature)
        self.places = [k for k, (path, _) in enumerate(found) if path[0] in wrt]
        self._scalars = [not _shape(found[k][1]) for k in self.places]
        self.points = [np.array(values[k], ndmin=1, order="C") for k in self.places]
        self.data = [v for k, v in enumerate(values) if k not in self.places]

    def parts(self, vector: NDArray[Any]) -> list[NDArray[Any]]:
        """The parts of a vector over all elements, shaped like `points`."""
        ends = np.cumsum([p.size for p in self.points])[:-1]
        pieces = np.split(vector, ends, axis=-1)
        return [
            part.reshape((*vector.shape[:-1], *p.shape))
            for part, p in zip(pieces, self.points, strict=True)
        ]

    def structured(self, arrays: Sequence[NDArray[Any]]) -> Any:
        """Arrays like `points` in the structure of the first guess.

        Of many fits, all have one axis more in front.
        """
        plain = (
            a[..., 0][()] if is_scalar else a
            for a, is_scalar in zip(arrays, self._scalars, strict=True)
        )
        found = [rebuild(f, v, plain) for f, v in zip(self._forms, self._first, strict=True)]
        return found[0] if len(found) == 1 else tuple(found)


def _shape(form: object) -> tuple[int | None, ...]:
    return form.shape if isinstance(form, ArrayForm) else ()


def _as_float(where: str, value: Any) -> Any:
    """First guesses are often written as integers; they are numbers to be fitted."""
    if is_on_device(value):
        from codegen_ad.runtime.cuda.passing import on_host

        value = on_host(value, where)
    if isinstance(value, np.ndarray):
        array = cast("NDArray[Any]", value)
        return array.astype(float) if array.dtype.kind in "iub" else array
    return float(value) if type(value) is int else value


def _check_rows(arguments: Mapping[str, Any], wrt: Sequence[str]) -> None:
    for name, value in arguments.items():
        if name not in wrt and hasattr(value, "shape") and 0 in value.shape:
            raise InvalidArgument(f"{name} is empty: there is nothing to fit to")
