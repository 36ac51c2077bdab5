"""Structures like a function's result or arguments: of derivatives, cotangents and tangents.

A structure is a tree in values that JSON can hold, as a kernel's metadata describes the result:
`["array", index, …]`, `["constant", …]`, `["sequence", class, items]` and
`["mapping", class, keys, items]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from codegen_ad.errors import InvalidArgument
from codegen_ad.paths import targets
from codegen_ad.runtime.compiled import class_of, complex_of
from codegen_ad.runtime.dispatch import Prepared
from codegen_ad.runtime.foreign import is_on_device
from codegen_ad.signature import ArrayForm, Form, MappingForm, ScalarForm, SequenceForm


def mapped(tree: Any, leaf: Callable[[int], Any]) -> Any:
    """A structure of what `leaf` makes of the number of each array; None in place of constants."""
    match tree:
        case ["array", index, *_]:
            return leaf(index)
        case ["sequence", name, items]:
            found = [mapped(item, leaf) for item in items]
            cls = class_of(name)
            if cls is complex:
                return complex_of(found[0], found[1])
            return cls(*found) if hasattr(cls, "_fields") else cls(found)
        case ["mapping", name, keys, items]:
            held = {k: mapped(item, leaf) for k, item in zip(keys, items, strict=True)}
            cls = class_of(name)
            return held if cls is dict else cls(**held)
        case _:
            return None


def directions(prepared: Prepared, mode: str, leaves: Sequence[Any], given: Any) -> list[Any]:
    """The arrays of a cotangent or tangent, checked against the types that the kernel takes.

    None stands for zeros, for an array as for a whole part of the structure.

    Raises
    ------
    InvalidArgument
        If the structure, a shape or a dtype is another one.
    """
    data = prepared.compiled.metadata
    wanted = cast("list[Mapping[str, Any]]", data["cotangents"])
    if mode == "vjp":
        what, like = "cotangent", "the result"
        tree = data["output"][2][0] if data["has_aux"] else data["output"]
        chosen = {k: n for n, k in enumerate(data["floats"])}
    else:
        what, like = "tangent", "what is differentiated"
        found = targets(prepared.signature, cast("list[str]", data["wrt"]))
        counter = iter(range(len(wanted)))
        trees = [_tree(target.form, counter) for target in found]
        tree = trees[0] if len(trees) == 1 else ["sequence", "builtins:tuple", trees]
        chosen = {k: k for k in range(len(wanted))}
    values: list[Any] = [None] * len(wanted)
    for index, value in _matched(tree, given, what, like):
        if index in chosen:
            values[chosen[index]] = value
    sizes = prepared.compiled.sizes_of(leaves)
    return [
        _checked(value, kind["dtype"], prepared.compiled.shape(kind["shape"], sizes), what)
        for value, kind in zip(values, wanted, strict=True)
    ]


def _checked(value: Any, dtype: str, wanted: tuple[int | None, ...], what: str) -> Any:
    if value is None and None in wanted:
        raise InvalidArgument(
            f"a {what} of None stands for zeros, of a size that only the run knows: give the zeros"
        )
    if is_on_device(value):
        return _checked_there(value, dtype, wanted, what)
    # Sizes that only the run knows are checked by the kernel.
    found = None if value is None else _array(value, dtype, what)
    sizes: tuple[int, ...] = () if found is None else found.shape
    given = sizes if len(sizes) == len(wanted) else (0,) * len(wanted)
    shape = tuple(g if w is None else w for g, w in zip(given, wanted, strict=True))
    array = np.zeros(shape, dtype) if found is None else found
    if array.dtype.kind not in "fiub":
        raise InvalidArgument(f"a {what} has dtype {array.dtype}, where {dtype} is needed")
    if array.shape != shape:
        raise InvalidArgument(f"a {what} has shape {array.shape}, where {shape} is needed")
    array = array.astype(dtype, copy=False)
    if not shape:
        return array[()]
    array = np.ascontiguousarray(array)
    return array if array.flags.writeable else array.copy()


def _array(value: Any, dtype: str, what: str) -> np.ndarray[Any, Any]:
    """What is given as an array; lists of unequal lengths are none."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InvalidArgument(
            f"a {what} is {type(value).__name__} of parts that make no array of {dtype}: {error}"
        ) from None


def _checked_there(value: Any, dtype: str, wanted: tuple[int | None, ...], what: str) -> Any:
    """An array on a GPU, which stays there as it is."""
    found = np.dtype(value.__cuda_array_interface__["typestr"])
    if found != np.dtype(dtype):
        raise InvalidArgument(f"a {what} on a GPU has dtype {found}, where {dtype} is needed")
    shape = tuple(value.shape)
    if len(shape) != len(wanted) or any(
        w not in (None, n) for n, w in zip(shape, wanted, strict=True)
    ):
        raise InvalidArgument(f"a {what} has shape {shape}, where {wanted} is needed")
    return value


def _tree(form: Form, counter: Iterator[int]) -> Any:
    """The structure of an argument."""
    match form:
        case ArrayForm() | ScalarForm():
            return ["array", next(counter)]
        case SequenceForm(items=items):
            return ["sequence", "", [_tree(item, counter) for item in items]]
        case MappingForm(keys=keys, items=items):
            return ["mapping", "", list(keys), [_tree(item, counter) for item in items]]
        case _:
            return ["constant", None]


def _matched(tree: Any, value: Any, what: str, like: str) -> Iterator[tuple[int, Any]]:
    """The value for each array of a structure, which the value must have."""
    if value is None:
        return
    match tree:
        case ["array", index, *_]:
            yield index, value
        case ["sequence", _, items]:
            parts = cast("Sequence[Any]", value if isinstance(value, tuple | list) else ())
            if not isinstance(value, tuple | list) or len(parts) != len(items):
                raise InvalidArgument(
                    f"the {what} must be structured like {like}, and there is "
                    f"{_shown(value)} where a tuple or list of {len(items)} is needed"
                )
            for item, part in zip(items, parts, strict=True):
                yield from _matched(item, part, what, like)
        case ["mapping", _, keys, items]:
            held = cast("dict[str, Any]", value if isinstance(value, dict) else _fields(value))
            if set(held) != set(keys):
                raise InvalidArgument(
                    f"the {what} must be structured like {like}, and there is "
                    f"{_shown(value)} where {', '.join(map(repr, keys))} are needed"
                )
            for key, item in zip(keys, items, strict=True):
                yield from _matched(item, held[key], what, like)
        case _:
            return


def _fields(value: Any) -> Mapping[str, Any]:
    return {k: getattr(value, k) for k in getattr(value, "__dataclass_fields__", ())}


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"a dict of {', '.join(map(repr, cast('dict[Any, Any]', value))) or 'nothing'}"
    if isinstance(value, tuple | list):
        return f"a {'tuple' if isinstance(value, tuple) else 'list'} of {len(cast('Any', value))}"
    return "an array" if isinstance(value, np.ndarray) else repr(value)
