"""From the arguments of a call to the signature of a kernel and the leaves it is called with.

Mistakes in a call are reported here, in the user's terms, before anything is compiled or run. This
module looks at arguments only; it knows nothing of kernels.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, cast

import numpy as np

from codegen_ad.errors import InvalidArgument
from codegen_ad.options import CONSTANT_ON_DEVICE, UNROLL, UNROLL_TOTAL
from codegen_ad.paths import parse, roots
from codegen_ad.runtime.dependencies import plain_function
from codegen_ad.runtime.foreign import device_interface
from codegen_ad.signature import (
    ArrayForm,
    Form,
    MappingForm,
    ScalarForm,
    SequenceForm,
    Signature,
    StaticForm,
    leaves,
)

NATIVE = {
    "<f8": "f8", "<f4": "f4", "|b1": "b1",
    "|i1": "i1", "<i2": "i2", "<i4": "i4", "<i8": "i8",
    "|u1": "u1", "<u2": "u2", "<u4": "u4", "<u8": "u8",
}  # fmt: skip
ON_DEVICE = "C on device"
"""The layout of an array that lies on a GPU."""

STATIC_TYPES = (type(None), bool, str, range, slice, type, np.dtype)


class Binder:
    """Binds the arguments of calls to one function's parameters."""

    def __init__(
        self,
        function: Callable[..., object],
        wrt: tuple[str, ...],
        static: tuple[str, ...],
        target: str = "cpu",
    ) -> None:
        self.name = getattr(function, "__name__", "function")
        self._function = function
        self._plain = plain_function(function)
        self._seen = self._defaults()
        self.signature = inspect.signature(function)
        parameters = self.signature.parameters
        self.names = tuple(parameters)
        self.is_open = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
        for kind, given in (("wrt", wrt), ("static", static)):
            for name in given:
                if (parse(name)[0] if kind == "wrt" else name) not in parameters:
                    known = ", ".join(self.names) or "none"
                    raise InvalidArgument(
                        f"{kind}={name!r}: {self.name}() has no parameter of that name; "
                        f"its parameters are {known}"
                    )
        if not self.names:
            raise InvalidArgument(f"{self.name}() has no parameters to differentiate")
        self.wrt = wrt or (self.names[0],)
        self.static = frozenset(static)
        self.target = target
        self.roots = roots(self.wrt)

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, Any]:
        """The value of every parameter, defaults included, in order.

        Raises
        ------
        InvalidArgument
            If an argument is missing, unknown, or given twice.
        """
        if not self.is_current():
            self._seen = self._defaults()
            self.signature = inspect.signature(self._function)
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            shown = f"{self.name}{self.signature}"
            raise InvalidArgument(f"{shown}: {error}") from None
        bound.apply_defaults()
        return dict(bound.arguments)

    def fits(self, args: Sequence[object], kwargs: Mapping[str, object]) -> bool:
        """Whether the function can be called with these arguments."""
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError:
            return False
        return True

    def is_current(self) -> bool:
        """Whether the function's defaults are those of the signature."""
        positional, keyword = self._defaults()
        return positional is self._seen[0] and keyword == self._seen[1]

    def has_fixed_defaults(self) -> bool:
        """Whether no default is a list, a dict or an object, whose parts may be replaced."""
        positional, _ = self._defaults()
        keyword = None if self._plain is None else self._plain.__kwdefaults__
        return all(_is_fixed(v) for v in (*(positional or ()), *(keyword or {}).values()))

    def _defaults(self) -> tuple[tuple[object, ...] | None, tuple[int, ...]]:
        """The defaults by identity; the signature keeps them alive."""
        plain = self._plain
        if plain is None:
            return None, ()
        keyword = plain.__kwdefaults__
        return plain.__defaults__, tuple(map(id, keyword.values())) if keyword else ()

    def form(self, arguments: Mapping[str, object]) -> Signature:
        """The signature of a call."""
        signature = Signature(tuple((n, self._form(n, v)) for n, v in arguments.items()))
        layouts = {getattr(form, "layout", "") for _, form in leaves(signature)}
        if self.target == "cpu" and ON_DEVICE in layouts:
            raise InvalidArgument(
                f"{self.name}() is compiled for the processor, and an argument lies on a GPU.\n"
                f'Call {self.name}.on("cuda") with it, or pass a copy of the array in NumPy.'
            )
        return signature

    def _form(self, name: str, value: object) -> Form:
        if name in self.static:
            return _static(name, value)
        largest = CONSTANT_ON_DEVICE if self.target == "cuda" else UNROLL_TOTAL
        return form_of(value, name, exact=largest if name in self.roots else 0)


def _is_fixed(value: object) -> bool:
    if type(value) is tuple:
        return all(map(_is_fixed, cast("tuple[object, ...]", value)))
    return isinstance(value, (*STATIC_TYPES, int, float, complex, np.generic, np.ndarray))


def form_of(value: object, where: str, *, exact: int) -> Form:
    """The form of one argument; sizes of arrays of at most `exact` elements are part of it.

    Raises
    ------
    InvalidArgument
        If such a value can't be an argument.
    """
    match value:
        case np.ndarray() if np.iscomplexobj(value):
            return _complex_form(value, where, exact=exact)
        case np.ndarray():
            return _array_form(cast("np.ndarray[Any, Any]", value), where, exact=exact)
        case bool() | None | str():
            return StaticForm(value)
        case complex() | np.complexfloating():
            return _complex_form(value, where, exact=exact)
        case np.generic():
            return _array_form(np.asarray(cast("Any", value)), where, exact=exact)
        case float():
            return ScalarForm(float)
        case int():
            if not -(2**63) <= value < 2**63:
                raise InvalidArgument(
                    f"{where} is {value}, which does not fit into 64 bits: pass a float"
                )
            return ScalarForm(int)
        case tuple() | list():
            sequence = cast("Sequence[object]", value)
            items = tuple(form_of(v, f"{where}[{i}]", exact=exact) for i, v in enumerate(sequence))
            return SequenceForm(type(sequence), items)
        case dict():
            mapping = cast("Mapping[object, object]", value)
            for key in mapping:
                if not isinstance(key, str):
                    raise InvalidArgument(f"{where}: the keys of a dict must be str, not {key!r}")
            keys = tuple(cast("Mapping[str, object]", mapping))
            items = tuple(form_of(mapping[k], f"{where}[{k!r}]", exact=exact) for k in keys)
            return MappingForm(dict, keys, items)
        case _:
            return _other_form(value, where, exact=exact)


def _complex_form(value: Any, where: str, *, exact: int) -> Form:
    """The form of a complex number or array: that of its two parts."""
    if exact:
        raise InvalidArgument(
            f"{where} is complex: libraries differ on what a gradient in a complex number is. "
            "Pass its real and imaginary parts as two arguments"
        )
    return SequenceForm(complex, tuple(form_of(p, where, exact=0) for p in _halves(value)))


def _halves(value: Any) -> tuple[Any, Any]:
    """The parts of a complex number or array, in memory of their own."""
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return value.real, value.imag
    return np.array(np.real(value), order="C"), np.array(np.imag(value), order="C")


def _other_form(value: object, where: str, *, exact: int) -> Form:
    interface = device_interface(value, where)
    if interface is not None:
        return _device_form(value, interface, where, exact=exact)
    if isinstance(value, STATIC_TYPES):
        return _static(where, cast("object", value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        keys = tuple(f.name for f in dataclasses.fields(value))
        items = tuple(form_of(getattr(value, k), f"{where}.{k}", exact=exact) for k in keys)
        return MappingForm(type(value), keys, items)
    if hasattr(value, "__array__"):
        return _array_form(np.asarray(value), where, exact=exact)
    raise InvalidArgument(
        f"{where} is a {type(value).__name__}: a compiled function takes arrays, numbers, and "
        "tuples, lists, dicts and dataclasses of them"
    )


def _static(where: str, value: object) -> StaticForm:
    try:
        hash(value)
    except TypeError:
        raise InvalidArgument(
            f"{where} is marked static and must be hashable: pass numbers, texts, or tuples of them"
        ) from None
    return StaticForm(value)


def _array_form(array: np.ndarray[Any, Any], where: str, *, exact: int) -> ArrayForm:
    if type(array) is not np.ndarray and isinstance(array, np.matrix | np.ma.MaskedArray):
        raise InvalidArgument(
            f"{where} is a {type(array).__name__}, whose operators mean something else; "
            "pass a plain array: np.asarray(...)"
        )
    array = prepared(array, where)
    shape = _shape(array.shape, exact=exact)
    return ArrayForm(NATIVE[array.dtype.str], shape, _layout(array), array.shape)


def _shape(shape: tuple[int, ...], *, exact: int) -> tuple[int | None, ...]:
    """The sizes that are part of a form."""
    along = UNROLL if exact == UNROLL_TOTAL else exact
    small = exact > 0 and prod(shape) <= exact
    return tuple(s if s == 1 or (small and s <= along) else None for s in shape)


def _device_form(value: Any, interface: Mapping[str, Any], where: str, *, exact: int) -> ArrayForm:
    """The form of an array on a GPU, whatever library made it."""
    dtype = np.dtype(interface["typestr"])
    if dtype.str not in NATIVE:
        raise InvalidArgument(
            f"{where} has dtype {dtype}, and lies on a GPU: use float64, float32, an integer dtype "
            "or bool there"
        )
    return ArrayForm(NATIVE[dtype.str], _shape(tuple(value.shape), exact=exact), ON_DEVICE)


def _layout(array: np.ndarray[Any, Any]) -> str:
    if not array.ndim:
        return ""
    layout = "C" if array.flags.c_contiguous else "F" if array.flags.f_contiguous else "A"
    return layout if array.flags.writeable else f"{layout} readonly"


def prepared(value: object, where: str) -> np.ndarray[Any, Any]:
    """An array that a kernel can read: native byte order, aligned, one of the known dtypes.

    Raises
    ------
    InvalidArgument
        If the dtype has no place in a kernel: complex, object, half and extended precision, dates.
    """
    array: np.ndarray[Any, Any] = np.asarray(value)
    if array.dtype.str in NATIVE and array.flags.aligned:
        return array
    native = array.dtype.newbyteorder("=")
    if native.str in NATIVE:
        return array.astype(native)
    raise InvalidArgument(
        f"{where} has dtype {array.dtype}: use float64, float32, an integer dtype or bool"
    )


def leaves_of(value: object, form: Form, where: str) -> Iterator[Any]:
    """The arrays and numbers of an argument, in the order of its form, ready for a kernel."""
    match form:
        case ArrayForm(layout=layout) if layout == ON_DEVICE:
            yield value
        case ArrayForm(shape=shape):
            array = prepared(value, where)
            yield array if shape else array[()]
        case ScalarForm():
            yield value
        case StaticForm():
            return
        case SequenceForm(cls=cls, items=items) if cls is complex:
            for half, inner in zip(_halves(value), items, strict=True):
                yield from leaves_of(half, inner, where)
        case SequenceForm(items=items):
            for index, (item, inner) in enumerate(
                zip(cast("Sequence[object]", value), items, strict=True)
            ):
                yield from leaves_of(item, inner, f"{where}[{index}]")
        case MappingForm(cls=cls, keys=keys, items=items):
            for key, inner in zip(keys, items, strict=True):
                item = cast("Any", value)[key] if cls is dict else getattr(value, key)
                yield from leaves_of(item, inner, f"{where}.{key}")


def rebuild(form: Form, value: object, leaves: Iterator[object]) -> object:
    """A structure like `value`, with other leaves; what is static stays."""
    match form:
        case ArrayForm() | ScalarForm():
            return next(leaves)
        case StaticForm():
            return value
        case SequenceForm(cls=cls, items=items):
            sequence = cast("Sequence[object]", value)
            new = [rebuild(f, v, leaves) for f, v in zip(items, sequence, strict=True)]
            return cls(*new) if hasattr(cls, "_fields") else cls(new)
        case MappingForm(cls=cls, keys=keys, items=items):
            if cls is dict:
                mapping = cast("Mapping[str, object]", value)
                return {k: rebuild(f, mapping[k], leaves) for k, f in zip(keys, items, strict=True)}
            new_fields = {
                k: rebuild(f, getattr(value, k), leaves) for k, f in zip(keys, items, strict=True)
            }
            return dataclasses.replace(cast("Any", value), **new_fields)
