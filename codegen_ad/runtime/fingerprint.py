"""What a value is, in a text that another process can compare.

A fingerprint never depends on an address, on the time or on the order of a set. This module looks
at single values; which values a kernel depends on is the business of `dependencies`.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import json
import operator
import struct
import sys
from collections.abc import Iterable, Mapping
from types import (
    BuiltinFunctionType,
    EllipsisType,
    FunctionType,
    MethodType,
    ModuleType,
    NoneType,
)
from typing import Any, cast

import numpy as np

from codegen_ad.source import code_digest, lines_around

_LONGEST = 120
_TRUSTED = frozenset({"numpy", "scipy", "math", "cmath", "operator", "functools", "builtins"})
"""Packages whose functions are known by their name and the version of the package."""


def fingerprint(value: object) -> str:
    """Return a text that differs whenever what a kernel could read from the value differs.

    Numbers, strings, NumPy scalars, arrays, dtypes, modules and containers are compared by type and
    content; functions by source, compiled code and defaults; classes by name, source and methods;
    partials and bound methods by their parts. **Any other object is compared by the name of its
    type only: its attributes are dependencies of their own.** The same holds for the globals and
    the closure of a function.
    """
    text = _text(value, ())
    return text if len(text) <= _LONGEST else f"{type(value).__name__} sha256:{_sha256(text)}"


def primary_key(
    root: object,
    signature_text: str,
    options_text: str,
    template_digest: str,
    versions: Mapping[str, str],
) -> str:
    """Return the key, in hexadecimal, of everything about a kernel that is known without parsing.

    Parameters
    ----------
    root
        The user's function: its module, name, source and defaults are covered.
    signature_text, options_text, template_digest
        What it is specialised for, how, and from which templates.
    versions
        Versions of whatever takes part, by name.
    """
    owner = root
    while isinstance(owner, functools.partial):
        owner = cast("functools.partial[object]", owner).func
    parts = [
        getattr(owner, "__module__", None),
        getattr(owner, "__qualname__", None),
        fingerprint(root),
        signature_text,
        options_text,
        template_digest,
        sorted(versions.items()),
    ]
    return _sha256(json.dumps(parts))


def is_immutable(value: object) -> bool:
    """Tell whether the fingerprint of an object stays the same for as long as the object lives."""
    if type(value) in (tuple, frozenset):
        return all(is_immutable(item) for item in cast("Iterable[object]", value))
    if isinstance(value, FunctionType):
        return is_immutable(value.__defaults__ or ()) and not value.__kwdefaults__
    if isinstance(value, MethodType):
        return is_immutable(value.__func__)
    if isinstance(value, (np.void, np.ndarray, functools.partial)):
        return False
    # A subclass of tuple or frozenset may hold anything.
    return not isinstance(value, (list, dict, set, bytearray, tuple, frozenset))


def _text(value: object, seen: tuple[int, ...]) -> str:
    """Return the fingerprint at full length; `seen` holds the containers it lies in."""
    if id(value) in seen:
        return f"cycle {len(seen) - seen.index(id(value))}"
    kind = _type_name(value)
    match value:
        case enum.Enum():
            return f"{kind}.{value.name}={_text(value.value, seen)}"
        case NoneType() | EllipsisType() | bool() | int() | str() | bytes() | bytearray():
            return _plain(value)
        case np.generic():
            scalar = cast("np.generic[Any]", value)
            return f"{kind} {_dtype(scalar.dtype)} {_bytes(scalar)}"
        case float() | complex():
            return _plain(value)
        case np.dtype():
            return f"dtype {_dtype(cast('np.dtype[Any]', value))}"
        case np.ndarray():
            return _array(cast("np.ndarray[Any, Any]", value), (*seen, id(value)))
        case ModuleType():
            return f"module {value.__name__} {getattr(value, '__version__', '')}"
        case type():
            return _class(value)
        case _:
            return _compound(value, kind, (*seen, id(value)))


def _compound(value: object, kind: str, inner: tuple[int, ...]) -> str:
    """Return the fingerprint of what has parts, or of what is known by its name."""
    match value:
        case slice():
            parts = cast("tuple[object, ...]", (value.start, value.stop, value.step))
            return _items("slice", parts, inner)
        case tuple() | list():
            return _items(kind, cast("Iterable[object]", value), inner)
        case set() | frozenset():
            members = cast("Iterable[object]", value)
            return f"{kind}({','.join(sorted(_text(m, inner) for m in members))})"
        case dict():
            pairs = cast("dict[object, object]", value).items()
            return _items(kind, (part for pair in pairs for part in pair), inner)
        case FunctionType():
            return _function(value, inner)
        case MethodType():
            return f"method {_type_name(value.__self__)} {_text(value.__func__, inner)}"
        case functools.partial():
            bound = cast("functools.partial[object]", value)
            return _items("partial", (bound.func, bound.args, bound.keywords), inner)
        case operator.itemgetter() | operator.attrgetter() | operator.methodcaller():
            made, args, *_ = value.__reduce__()
            return _items(kind, (made, *cast("tuple[object, ...]", args)), inner)
        case BuiltinFunctionType():
            if isinstance(value.__self__, ModuleType | NoneType):
                return _trusted(value) or f"builtin {value.__module__}.{value.__qualname__}"
            return f"builtin {value.__qualname__} of {_text(value.__self__, inner)}"
        case np.ufunc():
            return f"ufunc {value.__name__} {_text(value.identity, inner)} {value.signature}"
        case _:
            return _trusted(value) or _other(value)


def _plain(value: object) -> str:
    match value:
        case float():
            content = _float(value)
        case complex():
            content = f"{_float(value.real)} {_float(value.imag)}"
        case int():
            content = int.__repr__(value)
        case str():
            content = str.__repr__(value)
        case _:
            content = repr(value)
    return f"{_type_name(value)} {content}"


def _float(value: float) -> str:
    return float.hex(value) if value == value else struct.pack("<d", value).hex()


def _items(name: str, items: Iterable[object], seen: tuple[int, ...]) -> str:
    return f"{name}({','.join(_text(item, seen) for item in items)})"


def _dtype(dtype: np.dtype[Any]) -> str:
    return dtype.str if dtype.names is None and dtype.subdtype is None else repr(dtype)


def _bytes(value: np.generic[Any]) -> str:
    return str(value.item()) if value.dtype.hasobject else value.tobytes().hex()


def _array(array: np.ndarray[Any, Any], seen: tuple[int, ...]) -> str:
    if isinstance(array, np.ma.MaskedArray):
        parts = (np.ma.getdata(array), np.ma.getmaskarray(array))
        return _items("masked", parts, seen)
    if array.dtype.hasobject:
        content = _sha256(_items("", cast("list[object]", array.ravel().tolist()), seen))
    else:
        content = hashlib.sha256(array.tobytes()).hexdigest()
    return f"{_type_name(array)} {_dtype(array.dtype)} {array.ndim} {array.shape} {content}"


def _function(function: FunctionType, seen: tuple[int, ...]) -> str:
    trusted = _trusted(function)
    if trusted is not None:
        return trusted
    defaults = (function.__defaults__, function.__kwdefaults__)
    # The text alone may be newer than what runs; the code alone does not show what is quoted.
    content = f"{_sha256(_source(function))} {code_digest(function.__code__)}"
    return f"function {function.__qualname__} {content} {_items('', defaults, seen)}"


def _trusted(value: object) -> str | None:
    """Return name and version of a library's own function or class, without reading its source."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    package = module.partition(".")[0]
    if package not in _TRUSTED:
        return None
    found: object = sys.modules.get(module)
    for step in name.split("."):
        found = getattr(found, step, None)
    if found is not value:  # somebody else's function that only claims to be the library's
        return None
    version = getattr(sys.modules[package], "__version__", "")
    return f"{type(value).__name__} {module}.{name} {version}"


def _other(value: object) -> str:
    """Return the type's name, and the name of what is called where the object has one."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    named = isinstance(module, str) and isinstance(name, str)
    return f"object {_type_name(value)} {module}.{name}" if named else f"object {_type_name(value)}"


def _class(kind: type) -> str:
    trusted = _trusted(kind)
    if trusted is not None:
        return trusted
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        source = ""
    methods = [
        f"{name} {code_digest(member.__code__)}"
        for name, member in sorted(vars(kind).items())
        if isinstance(member, FunctionType)
    ]
    content = _sha256("\n".join([inspect.cleandoc(source), *methods]))
    return f"class {kind.__module__}.{kind.__qualname__} {content}"


def _source(function: FunctionType) -> str:
    """Return the text that stands where a function was compiled from, or nothing."""
    lines = lines_around(function)[function.__code__.co_firstlineno - 1 :]
    try:
        return inspect.cleandoc("".join(inspect.getblock(lines)))
    except (IndexError, SyntaxError):
        return ""


def _type_name(value: object) -> str:
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
