"""`nonlocal`: names that an inner function binds for the function around it.

The inner function works on copies, which go back when it returns, so that its branches and loops
carry them like any other name. Other functions that it calls see the copies, and may change them.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from codegen_ad.frontend.values import Frame

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def share(m: Machine, name: str) -> None:
    """`nonlocal name`."""
    owner = m.frame.parent
    while owner is not None and name not in owner.env:
        owner = owner.parent
    if owner is None:
        m.refuse(
            f"`nonlocal {name}` changes a variable outside of the function, and a gradient has no "
            "effects there.",
            "Return the value instead.",
        )
    _check(m, owner, name)
    m.frame.shared[name] = owner
    m.frame.env[name] = owner.env[name]


def give_back(frame: Frame) -> None:
    """What the names are bound to now is what they are for their owner."""
    for name, owner in frame.shared.items():
        if name in frame.env:
            owner.env[name] = frame.env[name]


@contextmanager
def seen(frame: Frame) -> Generator[None]:
    """During a call, the function called sees the names and may bind them."""
    give_back(frame)
    yield
    for name, owner in frame.shared.items():
        frame.env[name] = owner.env[name]


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
