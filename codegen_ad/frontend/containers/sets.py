"""Sets of what is known now. They have no order, so nothing that depends on one is translated.

A set is an object outside, whether it was found there or made here. It never changes: its methods
that change it are refused, and so is `|=`, which other names of a set would see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.arrays.pointwise import compute
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Outside

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

Args = Sequence[Value]
Named = Mapping[str, Value]

_SORTED = "Go through its items in order: `sorted(s)`."
_ASKING = frozenset({
    "issubset", "issuperset", "isdisjoint", "union", "intersection", "difference",
    "symmetric_difference", "copy", "__contains__",
})  # fmt: skip


def is_set(value: Value) -> bool:
    """Whether a value is a set."""
    return isinstance(value, Outside) and isinstance(value.object, set | frozenset)


def new(m: Machine, kind: type[Any], items: Iterable[Value]) -> Value:
    """A set of items, which must be known."""
    members = [m.static(item, "item of a set") for item in items]
    return Outside(compute(m, kind, [cast("Any", members)]), ())


def wrapped(found: Any) -> Value:
    """What Python computed of sets; a set as a value."""
    return Outside(found, ()) if isinstance(found, set | frozenset) else found


def members(m: Machine, value: Value) -> list[Value]:
    """The items of a set where their order makes no difference."""
    return sorted(m.static(value, "set"), key=repr)


def refuse_order(m: Machine) -> None:
    """Refuse to go through a set."""
    m.refuse("A set has no order: its items may come in another one in the next run.", _SORTED)


def refuse_in_place(m: Machine) -> None:
    """Refuse to change a set, which its other names would see."""
    m.refuse("A set that changes in place is not translated.", "Make a new one: `s = s | {item}`.")


def _of_set(function: Callable[..., Any]) -> Callable[..., Value]:
    def run(m: Any, args: Args, kwargs: Named) -> Value:
        if kwargs or len(args) > 1:
            m.refuse(
                f"`{function.__name__}` of a set is asked for more than its items tell.",
                f"Put them in order first: `{function.__name__}(sorted(s), ...)`.",
            )
        found: Any = compute(m, function, [m.static(args[0], "set")])
        return m.list_of(found) if function is sorted else found

    return run


def _sum(m: Any, args: Args, kwargs: Named) -> Value:
    if not all(isinstance(v, int) for v in m.static(args[0], "set")):
        refuse_order(m)  # in which fractions round
    return m.call(Outside(sum, ()), [tuple(members(m, args[0])), *args[1:]], kwargs)


FUNCTIONS: dict[Any, Callable[..., Value]] = {
    **{function: _of_set(function) for function in (len, sorted, min, max, any, all, bool)},
    sum: _sum,
}
"""Functions of the items of a set that do not ask for their order."""


def _maker(kind: type[Any]) -> Callable[..., Value]:
    def make(m: Any, args: Args, _: Named) -> Value:
        if args and is_set(args[0]):
            return new(m, kind, members(m, args[0]))
        return new(m, kind, m.items(args[0], f"argument of {kind.__name__}") if args else ())

    return make


MAKERS: dict[Any, Callable[..., Value]] = {set: _maker(set), frozenset: _maker(frozenset)}


def method(m: Machine, found: Any, args: Args) -> Value | None:
    """What a method of a set gives; None if it is no such method."""
    if not isinstance(getattr(found, "__self__", None), set | frozenset):
        return None
    if found.__name__ not in _ASKING:
        refuse_in_place(m)
    plain: list[Any] = [
        m.static(arg if is_set(arg) or not _is_container(m, arg) else tuple(m.items(arg)), "item")
        for arg in args
    ]
    return wrapped(compute(m, found, plain))


def _is_container(m: Machine, value: Value) -> bool:
    return not isinstance(value, str | tuple) and m.try_items(value) is not None
