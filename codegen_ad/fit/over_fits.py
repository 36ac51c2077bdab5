"""Arguments of many fits: which have an axis over fits in front, and what one fit takes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from codegen_ad.errors import InvalidArgument
from codegen_ad.fit.containers import items_of, mapped
from codegen_ad.runtime.arguments import Binder, leaves_of
from codegen_ad.runtime.dispatch import Kernels, Prepared
from codegen_ad.runtime.foreign import is_on_device
from codegen_ad.signature import Signature, leaves


def own_arguments(binder: Binder, per_fit: str | Sequence[str]) -> list[str]:
    """The arguments of which each fit has its own: what is fitted, and those that are named."""
    named = (per_fit,) if isinstance(per_fit, str) else tuple(per_fit)
    for name in named:
        if name not in binder.names:
            known = ", ".join(n for n in binder.names if n not in binder.wrt)
            raise InvalidArgument(
                f"per_fit={name!r}: {binder.name}() has no parameter of that name; what may differ "
                f"between fits is {known}"
            )
    return [n for n in binder.names if n in binder.wrt or n in named]


def count_of_fits(arguments: Mapping[str, Any], own: Sequence[str]) -> int:
    """How many fits there are: the size of the first axes."""
    sizes: dict[str, int] = {}
    for name in own:
        for where, array in _arrays(name, arguments[name]):
            if not array.ndim:
                raise InvalidArgument(
                    f"{where} is one number, and each fit needs its own: its first axis counts fits"
                )
            sizes[where] = array.shape[0]
    where, fits = next(iter(sizes.items()), ("", 0))
    for other, size in sizes.items():
        if size != fits:
            raise InvalidArgument(
                f"{where} is for {fits} fits and {other} for {size}: first axes count fits"
            )
    if not fits:
        raise InvalidArgument(f"{where or 'x0'} is for no fits: its first axis has no elements")
    return fits


def _arrays(where: str, value: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    for end, item in items_of(value) or ():
        yield from _arrays(where + end, item)
    if is_on_device(value):
        yield where, np.broadcast_to(0, value.shape)
    elif isinstance(value, np.ndarray | np.generic | int | float) and not isinstance(value, bool):
        yield where, np.asarray(value)


def first_of(value: Any) -> Any:
    """What the first fit takes of a structure of arrays over fits."""
    return mapped(value, _first_row)


def _first_row(where: str, value: Any) -> Any:
    del where
    if is_on_device(value):
        from codegen_ad.runtime.cuda.passing import Row

        return Row(value)
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(cast("NDArray[Any]", value))[0]
    return value


def brought_home(value: Any, where: str) -> Any:
    """A structure with copies in NumPy of arrays that lie on a GPU."""
    return mapped(value, _on_host, where)


def _on_host(where: str, value: Any) -> Any:
    if not is_on_device(value):
        return value
    from codegen_ad.runtime.cuda.passing import on_host

    return on_host(value, where)


def own_leaves(signature: Signature, own: Sequence[str], wrt: Sequence[str]) -> list[int]:
    """The numbers of the leaves that each fit has its own of, beside what is fitted."""
    found = leaves(signature)
    return [k for k, (path, _) in enumerate(found) if path[0] in own and path[0] not in wrt]


def leaves_in_order(
    kernels: Kernels, prepared: Prepared, arguments: Mapping[str, Any], own: Sequence[str]
) -> list[Any]:
    """All leaves; those of each fit have one axis more."""
    found: list[Any] = []
    for name, form in prepared.signature.parameters:
        parts = leaves_of(arguments[name], form, name)
        found += map(_in_order, parts) if name in own else parts
    return [*found, *prepared.compiled.outside(kernels.root)]


def _in_order(value: Any) -> Any:
    """The value with its elements in C order, where it is an array of NumPy."""
    plain = isinstance(value, np.ndarray | np.generic)
    return np.ascontiguousarray(cast("NDArray[Any]", value)) if plain else value
