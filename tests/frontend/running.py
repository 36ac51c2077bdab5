"""Read a function, run its program with the reference backend, and run the function itself."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from codegen_ad.backends.reference import evaluate
from codegen_ad.frontend.output import (
    OutputArray,
    OutputConstant,
    OutputMapping,
    OutputSequence,
    OutputTree,
)
from codegen_ad.frontend.reader import Reading, read
from codegen_ad.ir.verify import verify
from codegen_ad.runtime.dependencies import resolve
from codegen_ad.signature import (
    ArrayForm,
    Form,
    MappingForm,
    ScalarForm,
    SequenceForm,
    Signature,
    StaticForm,
)


def form_of(value: Any) -> Form:
    """The form that a call with this value is specialised on."""
    if isinstance(value, np.ndarray | np.generic):
        shape = tuple(1 if size == 1 else None for size in value.shape)
        return ArrayForm(value.dtype.str[1:], shape)
    if isinstance(value, bool | str) or value is None:
        return StaticForm(value)
    if isinstance(value, float | int):
        return ScalarForm(type(value))
    if isinstance(value, tuple | list):
        return SequenceForm(type(value), tuple(form_of(v) for v in value))
    if isinstance(value, dict):
        return MappingForm(dict, tuple(value), tuple(form_of(v) for v in value.values()))
    assert is_dataclass(value)
    keys = tuple(f.name for f in fields(value))
    return MappingForm(type(value), keys, tuple(form_of(getattr(value, k)) for k in keys))


def signature_of(
    function: Callable[..., Any], *args: Any, static: tuple[str, ...] = ()
) -> Signature:
    """The signature of a call by position."""
    names = list(inspect.signature(function).parameters)
    pairs = zip(names, args, strict=False)
    return Signature(tuple((n, StaticForm(a) if n in static else form_of(a)) for n, a in pairs))


def flat(value: Any, *, bools: bool = False) -> Iterator[Any]:
    """All arrays and numbers in a value, in order; without Python's truth values unless asked."""
    if isinstance(value, str) or value is None or (isinstance(value, bool) and not bools):
        return
    if isinstance(value, tuple | list):
        for item in value:
            yield from flat(item, bools=bools)
    elif isinstance(value, dict):
        yield from flat(list(value.values()), bools=bools)
    elif is_dataclass(value):
        yield from flat([getattr(value, f.name) for f in fields(value)], bools=bools)
    else:
        yield value


def rebuilt(tree: OutputTree, arrays: list[np.ndarray]) -> Any:
    """The returned structure."""
    match tree:
        case OutputArray(index, _):
            return arrays[index]
        case OutputConstant(value):
            return value
        case OutputSequence(cls, items):
            parts = [rebuilt(i, arrays) for i in items]
            return cls(*parts) if hasattr(cls, "_fields") else cls(parts)
        case OutputMapping(cls, keys, items):
            parts = dict(zip(keys, [rebuilt(i, arrays) for i in items], strict=True))
            return parts if cls is dict else cls(**parts)


def reading_of(function: Any, *args: Any, static: tuple[str, ...] = ()) -> Reading:
    """The reading of a function for arguments like these, in their case of sizes, verified."""
    signature = signature_of(function, *args, static=static)
    names = list(inspect.signature(function).parameters)
    given = [a for n, a in zip(names, args, strict=False) if n not in static]
    while True:
        reading = read(function, signature)
        verify(reading.program)
        inputs = [array for arg in given for array in flat(arg)]
        inputs += [resolve(function, leaf.source) for leaf in reading.leaves if leaf.captured]
        case = broken_case(reading, inputs)
        if case is None:
            return reading
        assert case not in signature.untrue
        signature = signature.without(case)


def broken_case(reading: Reading, inputs: list[Any]) -> str | None:
    """The first comparison of sizes that does not hold, of those that tell kernels apart."""
    sizes = {s.symbol: s.of(np.shape(inputs[s.array])) for s in reading.sizes}
    for r in reading.requirements:
        first, second = r.first.evaluate(sizes), r.second.evaluate(sizes)
        fits = first >= second if r.kind == "at_least" else first == second
        if r.case is not None and not fits:
            return r.case
    return None


def outputs_of(function: Any, *args: Any, static: tuple[str, ...] = ()) -> Any:
    """What the program of a function returns for these arguments."""
    reading = reading_of(function, *args, static=static)
    names = list(inspect.signature(function).parameters)
    given = [a for n, a in zip(names, args, strict=False) if n not in static]
    inputs = [np.asarray(array) for arg in given for array in flat(arg)]
    inputs += [
        np.asarray(resolve(function, leaf.source)) for leaf in reading.leaves if leaf.captured
    ]
    return rebuilt(reading.output, evaluate(reading.program, inputs))


def check(function: Any, *args: Any, static: tuple[str, ...] = ()) -> None:
    """Fail unless the program computes what the function does, in structure, dtype and value."""
    before = copy.deepcopy(args)
    found = outputs_of(function, *args, static=static)
    wanted = function(*copy.deepcopy(args))
    for arg, old in zip(flat(list(args)), flat(list(before)), strict=True):
        np.testing.assert_array_equal(arg, old)
    assert type(found) is type(wanted) or isinstance(found, np.ndarray)
    for one, other in zip(flat(found, bools=True), flat(wanted, bools=True), strict=True):
        if not isinstance(other, float | int) or isinstance(other, np.generic):
            assert one.dtype == other.dtype
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
