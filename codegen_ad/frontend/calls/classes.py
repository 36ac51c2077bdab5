"""Objects made inside of a function: of NamedTuples and dataclasses, and of plain classes.

What fields or `__init__` set says all of such an object. A class that says otherwise how it is
made, or how its attributes are set and found, is not one of these.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.calls import inherited
from codegen_ad.frontend.calls.outside import import_
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import (
    Array,
    Cell,
    Dict,
    List,
    Outside,
    Provenance,
    Record,
    own_ways,
    remade,
)

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def is_known(cls: type[Any]) -> bool:
    """Whether objects of a class can be made here."""
    return _is_named_tuple(cls) or _is_dataclass(cls) or _is_plain(cls)


def construct(
    m: Machine, cls: type[Any], path: Provenance, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    """A new object of a class that is known."""
    path = inherited.place_of(m, cls) or path
    if path:
        m.classes[cls] = path
    if _is_named_tuple(cls):
        whole = dict(zip(cls._fields, args, strict=False)) | dict(kwargs)
        whole = _defaults(m, cls.__new__, _part(path, "__new__"), whole) | whole
        _check(m, cls, cls._fields, whole, len(args) <= len(cls._fields))
        return cls._make(whole[f] for f in cls._fields)
    if not dataclasses.is_dataclass(cls):
        return _made_by_init(m, cls, args, kwargs)
    fields = [f for f in dataclasses.fields(cls) if f.init]
    positional = [f.name for f in fields if not f.kw_only]
    whole = dict(zip(positional, args, strict=False)) | dict(kwargs)
    factories = {f.name for f in fields if f.default_factory is not dataclasses.MISSING}
    maker, there = cls.__init__, _part(path, "__init__")
    if hasattr(maker, "__wrapped__"):
        maker, there = cast("Any", maker).__wrapped__, _part(there, "__wrapped__")
    whole = _defaults(m, maker, there, {*whole, *factories}) | whole
    for f in dataclasses.fields(cls):
        if f.name in whole:
            continue
        there = (*path, ("attribute", "__dataclass_fields__"), ("item", f.name))
        if f.default is not dataclasses.MISSING:
            whole[f.name] = import_(m, f.default, (*there, ("attribute", "default")))
        elif f.default_factory is not dataclasses.MISSING:
            there = (*there, ("attribute", "default_factory"))
            whole[f.name] = m.call(Outside(f.default_factory, there), (), {})
    wanted = [f.name for f in dataclasses.fields(cls) if f.init or f.name in whole]
    _check(m, cls, wanted, whole, len(args) <= len(positional))
    cell = Cell()
    m.store[cell] = {name: whole[name] for name in wanted}
    made = Record(cls, cell)
    if hasattr(cls, "__post_init__"):
        m.call(inherited.method(m, cls, "__post_init__"), (made,), {})
    return made


def _part(path: Provenance, name: str) -> Provenance:
    """Where an attribute is found, if its owner can be found again."""
    return (*path, ("attribute", name)) if path else ()


def _defaults(m: Machine, maker: Any, path: Provenance, given: Collection[str]) -> dict[str, Value]:
    """What the function that makes an object takes for the fields that are not given."""
    code, values = maker.__code__, maker.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    found: dict[str, Any] = dict(zip(names, values, strict=True)) | (maker.__kwdefaults__ or {})
    return {
        name: import_(m, value, (*path, ("default", name)) if path else ())
        for name, value in found.items()
        if name not in given
    }


def _made_by_init(
    m: Machine, cls: type[Any], args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    """A new object of a plain class: what its `__init__` sets is all that it holds."""
    made = Record(cls, Cell())
    m.store[made.cell] = {}
    if isinstance(cls.__init__, FunctionType):
        m.call(inherited.method(m, cls, "__init__"), (made, *args), kwargs)
    elif args or kwargs:
        m.refuse(f"`{cls.__name__}` takes no arguments.", "Leave them out, or write `__init__`.")
    return made


def _check(
    m: Machine, cls: type[Any], fields: Sequence[str], given: Mapping[str, Value], fits: bool
) -> None:
    if not fits or set(given) != set(fields):
        m.refuse(
            f"`{cls.__name__}` needs the fields {', '.join(fields)}.",
            "Give each of them a value.",
        )


def _is_named_tuple(cls: type[Any]) -> bool:
    maker = next((c for c in cls.__mro__ if "_fields" in vars(c)), None)
    if maker is None or not issubclass(cls, tuple) or not hasattr(maker, "_make"):
        return False
    if own_ways(cast("type[Any]", cls)):
        return False
    return cls.__new__ is maker.__new__ and cls.__init__ is object.__init__


def _is_dataclass(cls: type[Any]) -> bool:
    """Whether a class is made and kept as `dataclasses` does it, from its fields alone."""
    if not dataclasses.is_dataclass(cls):
        return False
    making, setting = _generated(cls.__init__), cls.__setattr__
    if making is None or not (setting is object.__setattr__ or _generated(setting)):
        return False
    if cls.__getattribute__ is not object.__getattribute__ or cls.__new__ is not object.__new__:
        return False
    count = making.co_argcount + making.co_kwonlyargcount
    given = set(making.co_varnames[1:count])
    return given == {f.name for f in dataclasses.fields(cls) if f.init}  # else an `InitVar`


def _is_plain(cls: type[Any]) -> bool:
    """Whether a class is written in Python, with `__init__` alone for how its objects are made."""
    own = [c for c in cls.__mro__ if c is not object]
    if dataclasses.is_dataclass(cls) or not all(type(c) is type and _is_written(c) for c in own):
        return False
    if any("__slots__" in vars(c) or "__getattr__" in vars(c) for c in own):
        return False
    ways = ("__new__", "__setattr__", "__getattribute__", "__delattr__", "__init_subclass__")
    if any(name in vars(c) for c in own for name in ways):
        return False
    return cls.__init__ is object.__init__ or isinstance(cls.__init__, FunctionType)


def _is_written(cls: type[Any]) -> bool:
    """Whether a class is a user's, not one of the interpreter or of a library."""
    package = cls.__module__.partition(".")[0]
    return package not in sys.stdlib_module_names - {"__main__"} | {"numpy", "scipy"}


def _generated(method: object) -> CodeType | None:
    """The code of a method that `dataclasses` wrote; None for any other."""
    inner = getattr(method, "__wrapped__", method)
    if not isinstance(inner, FunctionType) or inner.__code__.co_filename != "<string>":
        return None
    return inner.__code__


def _replace(m: Any, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    """`dataclasses.replace(object, **changes)`: made anew."""
    made = _object(m, args, "replace")
    held = m.store[made.cell]
    kept = {f.name: held[f.name] for f in dataclasses.fields(made.cls) if f.init}
    return construct(m, made.cls, (), (), {**kept, **kwargs})


def _asdict(m: Any, args: Sequence[Value], _: Mapping[str, Value]) -> Value:
    """`dataclasses.asdict(object)`, which copies all that it holds."""
    return _copied(m, _object(m, args, "asdict"), m.dict_of)


def _astuple(m: Any, args: Sequence[Value], _: Mapping[str, Value]) -> Value:
    """`dataclasses.astuple(object)`, which copies all that it holds."""
    return _copied(m, _object(m, args, "astuple"), lambda held: tuple(held.values()))


def _copied(m: Any, value: Value, made: Callable[[dict[str, Value]], Value]) -> Value:
    raw: Any = value
    match value:
        case Record(cls, cell):
            held = m.store[cell]
            return made({f.name: _copied(m, held[f.name], made) for f in dataclasses.fields(cls)})
        case Array():
            return m.fresh(m.read(value), weak=value.weak) if m.type_of(value).rank else value
        case tuple():
            return remade(type(raw), [_copied(m, v, made) for v in raw])
        case List(cell) if isinstance(m.store[cell], tuple):
            return m.list_of([_copied(m, v, made) for v in m.store[cell]])
        case Dict(cell):
            return m.dict_of({k: _copied(m, v, made) for k, v in m.store[cell].items()})
        case List():
            m.refuse(
                "An object with a list whose length is not known is not copied.",
                "Make an array of the list first.",
            )
        case _:
            return value


def _fields(m: Any, args: Sequence[Value], _: Mapping[str, Value]) -> Value:
    """`dataclasses.fields(object)`."""
    if isinstance(args[0], Outside):
        return tuple(Outside(f, ()) for f in dataclasses.fields(args[0].object))
    return tuple(Outside(f, ()) for f in dataclasses.fields(_object(m, args, "fields").cls))


def _object(m: Any, args: Sequence[Value], name: str) -> Record:
    if len(args) == 1 and isinstance(args[0], Record) and dataclasses.is_dataclass(args[0].cls):
        return args[0]
    m.refuse(
        f"`dataclasses.{name}` needs an object of a dataclass that is passed or made here.",
        "Pass the object as an argument of the function.",
    )
    raise AssertionError(name)


FUNCTIONS: dict[Any, Callable[..., Value]] = {
    dataclasses.replace: _replace,
    dataclasses.asdict: _asdict,
    dataclasses.astuple: _astuple,
    dataclasses.fields: _fields,
}
