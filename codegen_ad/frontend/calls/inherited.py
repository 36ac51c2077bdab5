"""What the classes of objects hold: methods, properties, constants, and `super()`.

Whatever is read of a class is a dependency, found by the name of the class in its module: the
object may be an argument, and its class need not be known to the function's own module.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.calls.outside import import_
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.library.applied import part
from codegen_ad.frontend.values import Bound, Frame, Outside, Provenance, Record, Super, is_number

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

MISSING = object()
"""What there is where no class says anything."""


def place_of(m: Machine, cls: type[Any]) -> Provenance:
    """How a class is found again: by its name, or as an object of it was made."""
    place: Provenance = (("class", f"{cls.__module__}:{cls.__qualname__}"),)
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not cls:
        return m.classes.get(cls, ())
    m.dependencies[place] = None
    return place


def member(m: Machine, cls: type[Any], owner: Value, name: str) -> Value:
    """What a class holds under a name, as an object of it sees that; MISSING if there is none."""
    held = inspect.getattr_static(cls, name, MISSING)
    if held is MISSING:
        return MISSING
    return _seen(m, cls, held, (("attribute", name),), owner)


def setter(m: Machine, cls: type[Any], name: str) -> Value:
    """The function that sets a property."""
    steps = (("attribute", name), ("attribute", "fset"))
    return _imported(m, cls, inspect.getattr_static(cls, name).fset, steps)


def method(m: Machine, cls: type[Any], name: str) -> Value:
    """A function that a class defines in Python."""
    return _imported(m, cls, inspect.getattr_static(cls, name), (("attribute", name),))


def _imported(m: Machine, cls: type[Any], held: Any, steps: Provenance) -> Value:
    """What a class holds, which can be found again; or belongs to the module being read."""
    place = place_of(m, cls)
    home = getattr(held, "__globals__", None)
    if not place and home is not m.frames[0].globals and not is_number(held):
        m.refuse(
            f"`{cls.__name__}` is a class inside of a function elsewhere: that what it holds has "
            "changed could not be noticed.",
            "Define it at the top of its module.",
        )
    return import_(m, held, (*place, *steps) if place else ())


def _seen(m: Machine, cls: type[Any], held: Any, steps: Provenance, owner: Value) -> Value:
    name = str(steps[-1][1])
    if isinstance(held, property):
        found = _imported(m, cls, held.fget, (*steps, ("attribute", "fget")))
        return m.call(found, [owner], {})
    if isinstance(held, FunctionType):
        return Bound(_imported(m, cls, held, steps), (owner,))
    if isinstance(held, staticmethod):
        return _imported(m, cls, cast("Any", held).__func__, steps)
    if isinstance(held, classmethod):
        function = cast("Any", held).__func__
        function = _imported(m, cls, function, (*steps, ("function", "__func__")))
        return Bound(function, (Outside(cls, place_of(m, cls)),))
    if hasattr(cast("Any", type(held)), "__get__"):
        m.refuse(
            f"`{name}` of `{cls.__name__}` is a descriptor: reading it runs code of its own.",
            "Make it a property, a method, or an attribute that `__init__` sets.",
        )
    return _imported(m, cls, held, steps)


def super_(m: Any, args: Sequence[Value], _: Mapping[str, Value]) -> Value:
    """`super()` in a method, or `super(cls, object)`."""
    if len(args) == 2 and isinstance(args[0], Outside):
        return _super(m, args[0].object, args[1])
    frame: Frame | None = m.frame
    while frame is not None and "__class__" not in frame.closure:
        frame = frame.parent
    first = None if frame is None or frame.tree is None else _first_parameter(frame)
    if args or frame is None or first is None:
        m.refuse(
            "`super` finds the class that it stands in only in a method of that class.",
            "Call the method by its class: `Base.method(self, x)`.",
        )
    assert frame is not None
    return _super(m, frame.closure["__class__"], frame.env[cast("str", first)])


def _first_parameter(frame: Frame) -> str | None:
    assert frame.tree is not None
    given = frame.tree.args
    names = [a.arg for a in (*given.posonlyargs, *given.args)]
    return names[0] if names and names[0] in frame.env else None


def _super(m: Machine, after: Any, owner: Value) -> Value:
    cls = _class_of(owner)
    if cls is None or after not in cls.__mro__:
        m.refuse(
            "`super` is called for something that is no object of this class.",
            "Call the method by its class: `Base.method(self, x)`.",
        )
    return Super(after, cls, owner)


def _class_of(owner: Value) -> type[Any] | None:
    if isinstance(owner, Record):
        return owner.cls
    if isinstance(owner, Outside):
        return owner.object if isinstance(owner.object, type) else type(owner.object)
    cls = cast("Any", type)(owner)
    return cls if hasattr(cls, "_fields") else None


def of_super(m: Machine, asked: Super, name: str) -> Value:
    """`super().name`: what the classes behind this one hold."""
    order = asked.cls.__mro__
    for place in range(order.index(asked.after) + 1, len(order)):
        held = vars(order[place]).get(name, MISSING)
        if held is MISSING:
            continue
        if order[place] is object and name == "__init__":
            return Outside(_nothing, ())
        steps = (("attribute", "__mro__"), ("item", place), ("attribute", name))
        return _seen(m, asked.cls, held, steps, asked.owner)
    m.refuse(
        f"No class behind `{asked.after.__name__}` has `{name}`.",
        "Call a method that a base class defines.",
    )


@part
def _nothing() -> None:
    """Do what `object.__init__` does."""
