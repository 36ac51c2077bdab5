"""From what a kernel returns to what the user asked for: values and gradients, structured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from codegen_ad.errors import InvalidArgument
from codegen_ad.runtime.arguments import rebuild
from codegen_ad.runtime.compiled import flat, rebuild_output
from codegen_ad.runtime.dispatch import Kernels, Prepared
from codegen_ad.signature import ArrayForm, ScalarForm


def run(
    kernels: Kernels,
    mode: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    cotangent: Any = None,
) -> Any:
    """Bind, find the kernel, call it, and put the result together; remember simple calls."""
    arguments = kernels.binder.bind(args, kwargs)
    prepared, leaves = kernels.prepare(mode, arguments)
    if mode in ("vjp", "jvp"):
        leaves += _cotangents(prepared, leaves, cotangent)
    if mode == "taps":
        gradients = list(flat(prepared.compiled.call(leaves)))[1:]
        names = prepared.compiled.metadata["output_names"][1:]
        return {n.removeprefix("d_"): g for n, g in zip(names, gradients, strict=True)}
    finish = _finisher(prepared, mode, arguments)
    result = finish(prepared.compiled.call(leaves))
    if not kwargs and mode in ("value", "value_and_grad"):
        _remember(kernels, prepared, mode, args, leaves, finish)
    return result


def _remember(
    kernels: Kernels,
    prepared: Prepared,
    mode: str,
    args: Sequence[Any],
    leaves: Sequence[Any],
    finish: Callable[[Any], Any],
) -> None:
    """Keep the shortest way for calls whose arguments go to the kernel as they are."""
    same = len(leaves) == len(args) and all(a is b for a, b in zip(args, leaves, strict=True))
    if not same:
        return
    function = prepared.compiled.function
    if _is_plain(prepared, mode):
        kernels.remember(mode, args, prepared, function)
    else:
        kernels.remember(mode, args, prepared, lambda *leaves: finish(function(*leaves)))


def _is_plain(prepared: Prepared, mode: str) -> bool:
    """Whether the kernel returns exactly what the user gets."""
    data = prepared.compiled.metadata
    gradients = data["gradients"]
    if data["output"][0] != "array" or data["output"][2] is not None:
        return False
    scalars = any(not g["shape"] and g["dtype"] != "f8" for g in gradients)
    return mode == "value" or (len(gradients) == 1 and not scalars and _is_single(prepared))


def _is_single(prepared: Prepared) -> bool:
    forms = dict(prepared.signature.parameters)
    wrt = cast("list[str]", prepared.compiled.metadata["wrt"])
    return len(wrt) == 1 and isinstance(forms[wrt[0]], ArrayForm | ScalarForm)


def _finisher(prepared: Prepared, mode: str, arguments: Mapping[str, Any]) -> Callable[[Any], Any]:
    data = prepared.compiled.metadata
    count, tree, kept = data["outputs"], data["output"], data["gradients"]
    wrt = tuple(cast("list[str]", data["wrt"]))
    forms = dict(prepared.signature.parameters)
    structure = {name: arguments[name] for name in wrt}

    def gradients(values: Sequence[Any]) -> Any:
        leaves = iter(_typed(values, kept))
        found = [rebuild(forms[n], structure[n], leaves) for n in wrt]
        return found[0] if len(found) == 1 else tuple(found)

    def finish(result: Any) -> Any:
        values = list(flat(result))
        value = rebuild_output(tree, values[:count])
        if mode == "value":
            return value
        if mode in ("jacobian", "hessian"):
            return gradients(values)
        if mode == "jvp":
            return value, _tangent(tree, list(_typed(values[count:], kept)))
        return value, gradients(values[count:])

    return finish


def _tangent(tree: Any, tangents: Sequence[Any]) -> Any:
    """Tangents in the structure of the result, if all of it is floating point; else in a tuple."""
    if tree[0] == "array":
        return tangents[0]
    return tuple(tangents)


def _typed(values: Sequence[Any], kinds: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """Scalars of other dtypes than f8 as NumPy scalars: a Python float would lose the dtype."""
    for value, kind in zip(values, kinds, strict=True):
        if kind["shape"] or kind["dtype"] == "f8":
            yield value
        else:
            yield np.dtype(kind["dtype"]).type(value)


def _cotangents(prepared: Prepared, leaves: Sequence[Any], cotangent: Any) -> list[Any]:
    """The arrays of a cotangent or tangent, checked against the types that the kernel takes."""
    data = prepared.compiled.metadata
    given = list(_flattened(cotangent))
    wanted = cast("list[Mapping[str, Any]]", data["cotangents"])
    if len(given) != len(wanted):
        raise InvalidArgument(
            f"{len(wanted)} cotangents or tangents are needed, and {len(given)} were given"
        )
    sizes = prepared.compiled.sizes_of(leaves)
    found: list[Any] = []
    for value, kind in zip(given, wanted, strict=True):
        array: np.ndarray[Any, Any] = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise InvalidArgument(
                f"a cotangent or tangent has dtype {array.dtype}, where {kind['dtype']} is needed"
            )
        array = array.astype(kind["dtype"], copy=False)
        shape = prepared.compiled.shape(kind["shape"], sizes)
        if array.shape != shape:
            raise InvalidArgument(
                f"a cotangent or tangent has shape {array.shape}, where {shape} is needed"
            )
        found.append(np.ascontiguousarray(array) if shape else array[()])
    return found


def _flattened(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple | list):
        for item in cast("Sequence[Any]", value):
            yield from _flattened(item)
    elif isinstance(value, dict):
        for item in cast("Mapping[str, Any]", value).values():
            yield from _flattened(item)
    else:
        yield value
