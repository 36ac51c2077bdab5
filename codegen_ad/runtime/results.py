"""From what a kernel returns to what the user asked for: values and gradients, structured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from codegen_ad.paths import Target, targets, value_at
from codegen_ad.runtime.arguments import rebuild
from codegen_ad.runtime.compiled import flat, rebuild_output
from codegen_ad.runtime.dispatch import Kernels, Prepared
from codegen_ad.runtime.foreign import is_on_device
from codegen_ad.runtime.repeated import (
    are_taken_as_they_are,
    left_out,
    nested_key,
    plain_key,
)
from codegen_ad.runtime.structures import directions, mapped
from codegen_ad.signature import ArrayForm, ScalarForm

Finish = Callable[[Any, Mapping[str, Any]], Any]
"""What the user gets, from what a kernel returned for these arguments."""


def run(
    kernels: Kernels,
    mode: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    direction: Any = None,
) -> Any:
    """Bind, find the kernel, call it, and put the result together; remember simple calls.

    `direction` is the cotangent or tangent, in the modes that take one.
    """
    arguments = kernels.binder.bind(args, kwargs)
    prepared, leaves = kernels.prepare(mode, arguments)
    count = len(leaves)
    is_directed = bool(prepared.compiled.metadata["cotangents"])
    if is_directed:
        leaves += directions(prepared, mode, leaves, direction)
    if mode == "taps":
        data = prepared.compiled.metadata
        values = list(flat(prepared.compiled.call(leaves)))[data["values"] :]
        names = data["output_names"][data["values"] :]
        return {n.removeprefix("d_"): g for n, g in zip(names, values, strict=True)}
    finish = _finisher(prepared, mode)
    result = finish(prepared.compiled.call(leaves), arguments)
    if not kwargs and not is_directed:
        _remember(kernels, prepared, mode, args, leaves, finish)
    elif not kwargs and direction is not None:
        taken = leaves[:count], leaves[count:]
        _remember_directed(kernels, prepared, mode, args, direction, taken, finish)
    return result


def any_on_device(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether an argument, or a part of one, lies on a GPU."""
    return any(map(_has_device_part, (*args, *kwargs.values())))


def _has_device_part(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_has_device_part, cast("Sequence[Any]", value)))
    if isinstance(value, dict):
        return any(map(_has_device_part, cast("Mapping[str, Any]", value).values()))
    if is_dataclass(value) and not isinstance(value, type):
        return any(_has_device_part(getattr(value, f.name)) for f in fields(value))
    return is_on_device(value)


def _remember(
    kernels: Kernels,
    prepared: Prepared,
    mode: str,
    args: Sequence[Any],
    leaves: Sequence[Any],
    finish: Finish,
) -> None:
    """Keep the shortest way for calls whose arguments go to the kernel as they are."""
    binder = kernels.binder
    nested = nested_key(mode, args)
    given = args if nested is None else nested[1]
    rest = left_out(given, leaves)
    if rest is None or (binder.static and (rest or nested is not None)):
        return  # a static number looks like others
    function = prepared.compiled.run_for(leaves)
    run: Callable[..., Any] = partial(_call_with, function, rest) if rest else function
    plain = plain_key(mode, args)
    short = _shortcut(prepared, mode, run)
    if plain is not None and short is not None:
        kernels.remember(plain, args, prepared, short)
        return
    names = binder.names[: len(args)]
    if binder.is_open or not binder.roots <= set(names):
        return
    if plain is not None:
        kernels.remember(
            plain,
            args,
            prepared,
            lambda *args: finish(run(*args), dict(zip(names, args, strict=True))),
        )
    elif nested is not None:
        kernels.remember_nested(
            nested[0],
            args,
            prepared,
            lambda args, given: finish(run(*given), dict(zip(names, args, strict=True))),
        )


def _remember_directed(
    kernels: Kernels,
    prepared: Prepared,
    mode: str,
    args: Sequence[Any],
    direction: Any,
    taken: tuple[Sequence[Any], Sequence[Any]],
    finish: Finish,
) -> None:
    """The same for a call with a direction, which comes last; `taken` are its leaves and others."""
    binder = kernels.binder
    own, both = nested_key(mode, args), nested_key(mode, (*args, direction))
    if own is None or both is None or binder.static or binder.is_open:
        return
    behind = both[1][len(own[1]) :]
    if left_out(own[1], taken[0]) != () or not are_taken_as_they_are(behind, taken[1]):
        return
    names = binder.names[: len(args)]
    if not binder.roots <= set(names):
        return
    run = prepared.compiled.run_for([*taken[0], *taken[1]])
    key = plain_key(mode, (*args, direction))
    if key is None:
        kernels.remember_nested(
            both[0],
            args,
            prepared,
            lambda args, given: finish(run(*given), dict(zip(names, args, strict=False))),
        )
        return
    short = _shortcut(prepared, mode, run)
    kernels.remember(
        key,
        args,
        prepared,
        short or (lambda *args: finish(run(*args), dict(zip(names, args, strict=False)))),
    )


def _call_with(function: Callable[..., Any], rest: Sequence[Any], *given: Any) -> Any:
    return function(*given, *rest)


def _shortcut(
    prepared: Prepared, mode: str, function: Callable[..., Any]
) -> Callable[..., Any] | None:
    """A call of the kernel that gives what the user gets, if that takes next to no work."""
    data = prepared.compiled.metadata
    if data["output"][0] != "array":
        return None
    kind = data["output"][2]
    typed: Any = None if kind is None else np.dtype(kind).type
    if typed is not None and data.get("device") is not None:
        return None  # a number may stay on the device
    if mode == "value":
        return function if typed is None else partial(_value, function, typed)
    if any(not g["shape"] and g["dtype"] != "f8" for g in data["gradients"]):
        return None
    forms = dict(prepared.signature.parameters)
    wrt = cast("list[str]", data["wrt"])
    if not all(isinstance(forms.get(name), ArrayForm | ScalarForm) for name in wrt):
        return None
    if not data["values"]:
        return function if len(wrt) == 1 else None
    if mode == "jvp" and data["floats"] != [0]:
        return None
    if mode == "jvp" or len(wrt) == 1:
        return function if typed is None else partial(_typed_pair, function, typed)

    def call(*args: Any) -> Any:
        value, *found = function(*args)
        if typed is not None and not getattr(value, "ndim", 0):
            value = typed(value)
        return value, tuple(found)

    return call


def _value(function: Callable[..., Any], typed: Any, *args: Any) -> Any:
    """A value that is a number in its dtype; an array has it already."""
    value = function(*args)
    return value if getattr(value, "ndim", 0) else typed(value)  # np.ndim takes 2 µs for a float


def _typed_pair(function: Callable[..., Any], typed: Any, *args: Any) -> Any:
    """The same with a derivative."""
    value, derivative = function(*args)
    return value if getattr(value, "ndim", 0) else typed(value), derivative


def _finisher(prepared: Prepared, mode: str) -> Finish:
    data = prepared.compiled.metadata
    count, tree, kept, floats = data["values"], data["output"], data["gradients"], data["floats"]
    if mode == "value":
        return lambda result, _: rebuild_output(tree, list(flat(result)))
    chosen = tree[2][0] if data["has_aux"] else tree
    signature = prepared.signature
    found = targets(signature, cast("list[str]", data["wrt"]))
    kind = mode.partition(":")[0]

    def finish(result: Any, arguments: Mapping[str, Any]) -> Any:
        parts = [(target, value_at(arguments, target, signature)) for target in found]
        values = list(flat(result))
        derivatives = _typed(values[count:], kept)
        match kind:
            case "jacobian":
                blocks = {k: _structured(parts, derivatives) for k in _indices(chosen, floats)}
                return mapped(chosen, blocks.get)
            case "hessian":
                rows = (_structured(parts, derivatives) for _ in range(len(values)))
                return _structured(parts, rows)
            case "hvp" | "elementwise_grad":
                return _structured(parts, derivatives)
            case "jvp":
                tangents = dict(zip(_indices(chosen, floats), derivatives, strict=True))
                return rebuild_output(tree, values[:count]), mapped(chosen, tangents.get)
            case _:
                return rebuild_output(tree, values[:count]), _structured(parts, derivatives)

    return finish


def _structured(parts: Sequence[tuple[Target, Any]], leaves: Iterator[Any]) -> Any:
    """The next leaves, structured as what is differentiated; a tuple where there are several."""
    found = [rebuild(target.form, value, leaves) for target, value in parts]
    return found[0] if len(found) == 1 else tuple(found)


def _indices(tree: Any, floats: Sequence[int]) -> list[int]:
    """The floating point outputs in a part of the result."""
    inside: list[int] = []
    mapped(tree, inside.append)
    return [k for k in inside if k in floats]


def _typed(values: Sequence[Any], kinds: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """Scalars of other dtypes than f8 as NumPy scalars: a Python float would lose the dtype."""
    for value, kind in zip(values, kinds, strict=True):
        if kind["shape"] or kind["dtype"] == "f8" or is_on_device(value):
            yield value
        else:
            yield np.dtype(kind["dtype"]).type(value)
