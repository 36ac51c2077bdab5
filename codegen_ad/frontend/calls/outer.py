"""`nonlocal`: names that an inner function binds for the function around it.

The inner function works on copies, which go back when it returns, so that its branches and loops
carry them like any other name. Other functions that it calls see the copies, and may change them.
When the function around has returned, the names stand in a storage, which branches and loops carry.
"""

from __future__ import annotations

import ast
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Dict, Frame

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


_KEPT = "%kept"
MISSING = object()


def bound(m: Machine, frame: Frame, name: str) -> Value:
    """What a frame's name is bound to, also after the call; `MISSING` where it is not."""
    if name in frame.env:
        return frame.env[name]
    kept = frame.env.get(_KEPT)
    return m.store[kept.cell].get(name, MISSING) if isinstance(kept, Dict) else MISSING


def keep(m: Machine, frame: Frame, tree: ast.FunctionDef) -> None:
    """At the end of a call: what its inner functions bind lives on with them."""
    inside = {n for part in ast.walk(tree) if isinstance(part, ast.Nonlocal) for n in part.names}
    names = sorted(inside & (frame.env.keys() | frame.locals) - frame.shared.keys())
    if names:
        held = {name: frame.env.pop(name) for name in names if name in frame.env}
        frame.env[_KEPT] = m.dict_of(held)


def share(m: Machine, name: str) -> None:
    """`nonlocal name`."""
    owner = m.frame.parent
    while owner is not None and bound(m, owner, name) is MISSING and name not in owner.locals:
        owner = owner.parent
    if owner is None:
        m.refuse(
            f"`nonlocal {name}` changes a variable outside of the function, and a gradient has no "
            "effects there.",
            "Return the value instead.",
        )
    owner = owner.shared.get(name, owner)  # it may have the name from further out itself
    if _KEPT not in owner.env:
        _check(m, owner, name)
    m.frame.shared[name] = owner
    _show(m, m.frame, name)


def give_back(m: Machine, frame: Frame) -> None:
    """What the names are bound to now is what they are for their owner."""
    for name, owner in frame.shared.items():
        if name not in frame.env:
            continue
        kept = owner.env.get(_KEPT)
        if not isinstance(kept, Dict):
            owner.env[name] = frame.env[name]
        elif frame.env[name] is not m.store[kept.cell].get(name, MISSING):
            m.store[kept.cell] = {**m.store[kept.cell], name: frame.env[name]}


def lend(m: Machine, frame: Frame) -> None:
    """While the function does not run, its names are the owner's, which others may change."""
    give_back(m, frame)
    for name in frame.shared:
        frame.env.pop(name, None)


@contextmanager
def seen(m: Machine, frame: Frame) -> Generator[None]:
    """During a call, the function called sees the names and may bind them."""
    lend(m, frame)
    try:
        yield
    finally:
        for name in frame.shared:
            _show(m, frame, name)


def _show(m: Machine, frame: Frame, name: str) -> None:
    """What the owner of a name has it bound to, if to anything."""
    value = bound(m, frame.shared[name], name)
    if value is not MISSING:
        frame.env[name] = value


def _check(m: Machine, owner: Frame, name: str) -> None:
    """Refuse where a branch or loop of a function between would not know of the change."""
    if owner in m.frames:
        place = m.frames.index(owner)
        if m.frames[place + 1].depth == m.frame.depth:
            return
    m.refuse(
        f"`{name}` is changed in a function that is called from a branch or loop of another one.",
        "Return the value from the inner function instead.",
    )
