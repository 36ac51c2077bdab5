"""Names that hold a value on some paths only, or None on some: the value, and whether it is there.

Where such a name is read, Python's own exception is what a kept check raises: `UnboundLocalError`
for a name without a value, `TypeError` for a None that is used as a number. A decision on whether
the value is there (`x is None`, `x is not None and …`) needs no check on the side where it is.

Only names that are read need this, so reading starts again once one is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, cast

from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks
from codegen_ad.frontend.values import Dict, Frame, List, Maybe, Record, Unbound
from codegen_ad.ir.node import Node
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


_MISSING = "cannot access local variable '{}' where it is not associated with a value"


def key_of(frame: Frame, name: str) -> object:
    """What stands for a name of a function in `Facts.maybe`."""
    return id(frame.tree), name


def is_kept(m: Machine, name: str) -> bool:
    """Whether it is kept beside the value of a name whether it has one."""
    return key_of(m.frame, name) in m.facts.maybe


def certain(m: Machine, value: Value, text: str) -> Value:
    """The value itself; that it is there is checked when the kernel runs."""
    if not isinstance(value, Maybe):
        return value
    absent = make.apply(m.b, "logical_not", m.read(value.present))
    if value.none:
        message = f"{text} is None here, where a value is needed"
        checks.refuse_when(m, absent, "TypeError", message)
    else:
        checks.refuse_when(m, absent, "UnboundLocalError", _MISSING.format(text.strip("`")))
    for name, held in m.frame.env.items():
        if held is value:
            m.frame.env[name] = value.value
    return value.value


def missing(m: Machine, frame: Frame, name: str) -> NoReturn:
    """A name of the function is read that has no value, except from an earlier iteration."""
    key = key_of(frame, name)
    if m.rolled and key in m.facts.maybe:
        checks.fails(m, "UnboundLocalError", checks.Text(_MISSING.format(name)))
    reason = f"`{name}` is read before it has a value."
    m.unbound(Unbound(reason, instead="Give it a value first.", key=key if m.rolled else None))


def is_none(m: Machine, value: Maybe) -> Value:
    """`value is None`."""
    return m.fresh(make.apply(m.b, "logical_not", m.read(value.present)), weak=True)


def knowing(m: Machine, condition: Node, *, holds: bool, run: Callable[[], None]) -> None:
    """Run a side of a decision, where names are known to hold a value or none by the condition."""
    known = narrow(m, condition, holds=holds)
    run()
    for name, (before, now) in known.items():
        if name in m.frame.env and m.frame.env[name] is now:
            m.frame.env[name] = before


def narrow(m: Machine, condition: Node, *, holds: bool) -> dict[str, tuple[Maybe, Value]]:
    """Bind names to what the condition says of them; gives what they were and are now."""
    found: dict[str, tuple[Maybe, Value]] = {}
    for name, value in list(m.frame.env.items()):
        if isinstance(value, Maybe):
            present = _said(condition, m.read(value.present), holds=holds)
            if present or (present is False and value.none):
                m.frame.env[name] = value.value if present else None
                found[name] = (value, m.frame.env[name])
    return found


def _said(condition: Node, present: Node, *, holds: bool) -> bool | None:
    """What `present` is where the condition holds, or where it does not."""
    if condition is present:
        return holds
    match condition.op.name:
        case "logical_not":
            return _said(condition.args[0], present, holds=not holds)
        case "logical_and" if holds:
            said = [_said(a, present, holds=True) for a in condition.args]
        case "logical_or" if not holds:
            said = [_said(a, present, holds=False) for a in condition.args]
        case _:
            return None
    return next((s for s in said if s is not None), None)


def is_shared(m: Machine, value: Value) -> bool:
    """Whether a value is, or holds, a list or dict that something else may hold too."""
    match value:
        case List(cell) | Dict(cell) | Record(_, cell):
            return cell in m.store
        case tuple():
            return any(is_shared(m, v) for v in cast("tuple[Value, ...]", value))
        case _:
            return False
