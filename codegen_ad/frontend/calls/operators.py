"""The functions of `operator`: Python's operators by name, and getters of items and attributes."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any, cast

import numpy as np

from codegen_ad.frontend.arrays.access import attribute, subscript
from codegen_ad.frontend.arrays.arithmetic import OPERATORS, operate
from codegen_ad.frontend.binding import put
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches
from codegen_ad.frontend.control.comparisons import compare
from codegen_ad.frontend.library.refused import refusal
from codegen_ad.frontend.values import Bound, Outside

Args = Sequence[Value]
Named = Mapping[str, Value]
Handler = Callable[..., Value]

_COMPARED: dict[Any, type[ast.cmpop]] = {
    operator.eq: ast.Eq, operator.ne: ast.NotEq, operator.lt: ast.Lt, operator.le: ast.LtE,
    operator.gt: ast.Gt, operator.ge: ast.GtE, operator.is_: ast.Is, operator.is_not: ast.IsNot,
}  # fmt: skip


_CHANGES = "It changes its first argument where that can be changed, and gives a new value else."
_NAMES = frozenset({f.__name__.rstrip("_") for f in OPERATORS.values()} | {"matmul", "concat"})


def _operation(function: Any) -> Handler:
    def run(m: Any, args: Args, _: Named) -> Value:
        return operate(m, function, args)

    return run


def _comparison(op: ast.cmpop) -> Handler:
    def run(m: Any, args: Args, _: Named) -> Value:
        return compare(m, op, args[0], args[1])

    return run


def _matmul(m: Any, args: Args, _: Named) -> Value:
    return m.call(Outside(np.matmul, ()), args, {})


def _contains(m: Any, args: Args, _: Named) -> Value:
    return compare(m, ast.In(), args[1], args[0])


def _not(m: Any, args: Args, _: Named) -> Value:
    return branches.negated(m, args[0])


def _truth(m: Any, args: Args, _: Named) -> Value:
    return m.call(Outside(bool, ()), args, {})


def _abs(m: Any, args: Args, _: Named) -> Value:
    return m.call(Outside(abs, ()), args, {})


def _getitem(m: Any, args: Args, _: Named) -> Value:
    return subscript(m, args[0], args[1])


def _setitem(m: Any, args: Args, _: Named) -> Value:
    put(m, args[0], args[1], args[2])
    return None


def _item(m: Any, args: Args, _: Named) -> Value:
    """`itemgetter(*places)(owner)`: one item, or a tuple of several."""
    *places, owner = args
    items = tuple(subscript(m, owner, place) for place in places)
    return items[0] if len(items) == 1 else items


def _attribute(m: Any, args: Args, _: Named) -> Value:
    """`attrgetter(*names)(owner)`: each name may lead through several attributes."""
    *names, owner = args
    found: list[Value] = []
    for name in names:
        value = owner
        for part in str(m.static(name, "name of an attribute")).split("."):
            value = attribute(m, value, part)
        found.append(value)
    return found[0] if len(found) == 1 else tuple(found)


def _method(m: Any, args: Args, kwargs: Named) -> Value:
    """`methodcaller(name, *args, **kwargs)(owner)`."""
    name, *given, owner = args
    return m.call(attribute(m, owner, m.static(name, "name of a method")), given, kwargs)


GETTERS: dict[Any, Handler] = {
    operator.itemgetter: _item,
    operator.attrgetter: _attribute,
    operator.methodcaller: _method,
}
_PLAIN = (bool, int, float, str, slice, NoneType)
_KINDS = tuple(cast("tuple[type[Any], ...]", (*GETTERS,)))


def _getter(kind: Any) -> Handler:
    """The handler of a class of getters, which are functions with arguments already given."""

    def make(_: Any, args: Args, kwargs: Named) -> Value:
        return Bound(Outside(GETTERS[kind], ()), tuple(args), tuple(kwargs.items()))

    return make


def is_getter(found: object) -> bool:
    """Whether an object outside is a getter that was made there."""
    return isinstance(found, _KINDS)


def called(m: Any, getter: Any, args: Args) -> Value:
    """The value of a getter that was made outside, of places, names and plain arguments."""
    made, given, *_ = getter.__reduce__()
    before, named = (*getattr(made, "args", ()), *given), dict(getattr(made, "keywords", {}))
    if not all(isinstance(v, _PLAIN) for v in (*before, *named.values())):
        m.refuse(
            f"A `{type(getter).__name__}` outside holds more than numbers and texts.",
            "Make it in the function, or write what it does: `x.dot(w)`.",
        )
    return GETTERS[type(getter)](m, [*before, *args], named)


FUNCTIONS: dict[Any, Handler] = {
    **{function: _operation(function) for function in OPERATORS.values()},
    **{function: _comparison(op()) for function, op in _COMPARED.items()},
    operator.matmul: _matmul,
    operator.concat: _operation(operator.add),
    operator.contains: _contains,
    operator.not_: _not,
    operator.truth: _truth,
    operator.getitem: _getitem,
    operator.setitem: _setitem,
    operator.abs: _abs,
    **{
        getattr(operator, name): refusal(
            f"operator.{name}", _CHANGES, "Write `x += y` and its kin."
        )
        for name in dir(operator)
        if name[:2] != "__" and name[0] == "i" and name[1:].rstrip("_") in _NAMES
    },
    **{kind: _getter(kind) for kind in GETTERS},
    **{handler: handler for handler in GETTERS.values()},
}
