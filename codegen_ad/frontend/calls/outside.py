"""Names that the function finds outside: globals, closures, attributes; each is a dependency."""

from __future__ import annotations

import builtins
from types import BuiltinFunctionType, EllipsisType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.frontend.arrays.data import dtype_named
from codegen_ad.frontend.calls import outer
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control.maybe import missing
from codegen_ad.frontend.values import (
    Array,
    Bound,
    Complex,
    Frame,
    Outside,
    Provenance,
    Unbound,
    own_ways,
    remade,
)
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.types import ArrayType

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

TRUSTED = frozenset({"numpy", "scipy", "math", "operator", "functools", "builtins", "typing"})


def lookup(m: Machine, name: str) -> Value:
    """What a name is bound to, here or outside."""
    frame: Frame = m.frame
    while True:
        value = outer.bound(m, frame, name)
        if value is not outer.MISSING:
            if isinstance(value, Unbound):
                m.unbound(value)
            return value
        if name in frame.locals and name not in frame.shared:
            missing(m, frame, name)
        if frame.parent is None:
            break
        frame = frame.parent
    if name in frame.closure:
        return import_(m, frame.closure[name], (*frame.path, ("closure", name)))
    path = (*frame.path, ("global", name))
    if name in frame.globals:
        if isinstance(frame.globals[name], np.ndarray):  # one input for all who read the variable
            path = m.variables.setdefault((id(frame.globals), name), path)
        return import_(m, frame.globals[name], path)
    if hasattr(builtins, name):
        m.dependencies[path] = None
        return import_(m, getattr(builtins, name), ())
    m.refuse(f"The name `{name}` is not defined.", "Define it, or pass it as an argument.")


def import_(m: Machine, found: Any, path: Provenance) -> Value:
    """An object from outside as a value; that it was read is remembered."""
    if path and not _is_library_part(found, path):
        m.dependencies[path] = None
    raw: Any = found
    match found:
        case None | bool() | int() | float() | str() | EllipsisType() | slice():
            return raw
        case complex():
            return Complex(raw.real, raw.imag)
        case np.complexfloating():
            return Complex(raw.real, raw.imag)
        case np.generic():
            return raw
        case np.ndarray():
            m.dependencies.pop(path, None)
            if np.iscomplexobj(raw):
                parts = ("real", "imag")
                return Complex(
                    *(capture(m, getattr(raw, p), (*path, ("attribute", p))) for p in parts)
                )
            return capture(m, cast("np.ndarray[Any, Any]", found), path)
        case tuple():
            plain_tuple(m, cast("Any", type(raw)))
            items = [
                import_(m, item, item_of(path, i))
                for i, item in enumerate(cast("tuple[object, ...]", raw))
            ]
            return remade(type(raw), items)
        case list() | dict():
            return _container(m, found, path)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return Outside(found, path)


def plain_tuple(m: Machine, cls: type[Any]) -> None:
    """Refuse a class of tuples whose objects are not the tuples of their items."""
    ways = own_ways(cls)
    if ways:
        m.refuse(
            f"`{cls.__name__}` is a tuple with a `{ways[0]}` of its own.",
            "Make a dataclass of it, or pass a plain tuple.",
        )


def item_of(path: Provenance, key: object) -> Provenance:
    """Where an item is found; what is static is part of the signature, and found nowhere else."""
    return (*path, ("item", str(key))) if path else ()


def _container(m: Machine, found: list[Any] | dict[Any, Any], path: Provenance) -> Value:
    if id(found) in m.outside:
        return m.outside[id(found)]
    if isinstance(found, list):
        value: Value = m.list_of([import_(m, v, item_of(path, i)) for i, v in enumerate(found)])
    else:
        value = m.dict_of({k: import_(m, v, item_of(path, k)) for k, v in found.items()})
    m.outside[id(found)] = value
    m.kept.append(found)
    m.roots[value.cell] = m.store[value.cell]  # type: ignore[attr-defined]
    m.foreign[value.cell] = path[-1][1] if path else "it"  # type: ignore[attr-defined]
    return value


def capture(m: Machine, array: np.ndarray[Any, Any], path: Provenance) -> Array:
    """An array outside, which becomes a parameter of the kernel."""
    if path in m.captured:
        return m.captured[path][0]
    dtype = dtype_named(m, array.dtype, "array outside")
    last = path[-1]
    part = last[0] == "item" or last in (("attribute", "real"), ("attribute", "imag"))
    wish = f"{path[-2][1]}_{last[1]}" if part and len(path) > 1 else str(last[1])
    name = _free_name(m, wish)
    shape = tuple(
        ONE
        if size == 1
        else m.facts.substitution.get(f"{name}_{axis}", Dim.symbol(f"{name}_{axis}"))
        for axis, size in enumerate(array.shape)
    )
    for axis, size in enumerate(array.shape):
        if size != 1:
            symbol = f"{name}_{axis}"
            m.size_names[symbol] = f"{name}.shape[{axis}]"
            if symbol not in m.facts.order:
                m.facts.order = (*m.facts.order, symbol)
    value = m.fresh(m.b.input(name, ArrayType(dtype, shape)), label=name)
    m.captured[path] = (value, array)
    m.roots[value.cell] = m.store[value.cell]
    m.foreign[value.cell] = name
    return value


def _free_name(m: Machine, name: str) -> str:
    taken = {cell.label for cell in m.store}
    number = 1
    found = name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def has_attribute(m: Machine, owner: Outside, name: str) -> bool:
    """Whether an object outside has an attribute, which is a dependency like its value."""
    if owner.path:
        m.dependencies[*owner.path, ("has", name)] = None
    return hasattr(owner.object, name)


def attribute_of(m: Machine, owner: Outside, name: str) -> Value:
    """An attribute of a module or of an object outside."""
    try:
        found = getattr(owner.object, name)
    except AttributeError:
        m.refuse(
            f"`{m.text()}` fails when the function runs: there is no attribute `{name}`.",
            "Call the function itself to see the error.",
        )
    path = (*owner.path, ("attribute", name)) if owner.path else ()
    if isinstance(found, MethodType) and found.__self__ is owner.object:
        inner = (*path, ("attribute", "__func__")) if path else ()
        if inner:
            m.dependencies[inner] = None
        return Bound(Outside(found.__func__, inner), (owner,))
    if isinstance(owner.object, np.finfo | np.iinfo):
        return cast("Value", found)
    return import_(m, found, path)


def _is_library_part(found: object, path: Provenance) -> bool:
    """Whether it is a part of a library whose version is known from the module itself."""
    if len(path) < 2 or path[-1][0] != "attribute":
        return False
    if isinstance(found, ModuleType):
        return found.__name__.partition(".")[0] in TRUSTED
    if isinstance(found, FunctionType | BuiltinFunctionType | np.ufunc | type):
        module = getattr(found, "__module__", None) or "builtins"
        return module.partition(".")[0] in TRUSTED
    return False
