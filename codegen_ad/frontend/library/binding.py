"""Bind the arguments of a library call to the parameters of NumPy's signature.

A handler is a function of one `Call`; `signature` names the parameters and makes it a `Handler`.
What is written here is only how arguments are found and read, never what a function means.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, cast

from codegen_ad.frontend.context import Context, Handler, Value
from codegen_ad.frontend.library import dtypes
from codegen_ad.frontend.library.parameters import REQUIRED, Parameters, listed, parse
from codegen_ad.frontend.values import Array
from codegen_ad.frontend.words import count
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType


@dataclass(frozen=True, slots=True)
class Call:
    """A library call with its arguments bound: what a handler reads."""

    ctx: Context
    parameters: Parameters
    given: Mapping[str, Value]
    rest: Sequence[Value]

    @property
    def b(self) -> Builder:
        """The builder of the program being read."""
        return self.ctx.b

    @property
    def name(self) -> str:
        """The function as users write it."""
        return self.parameters.function

    def has(self, name: str) -> bool:
        """Whether the argument was given, and is not None."""
        if name not in self.given:
            return False
        value = self.given[name]
        return not (self.ctx.is_static(value) and self.ctx.static(value, name) is None)

    def value(self, name: str) -> Value:
        """The abstract value of an argument that was given."""
        return self.given[name]

    def node(self, name: str) -> Node:
        """The argument as an array node."""
        return self.ctx.node(self.given[name], name)

    def static(self, name: str) -> object:
        """The Python value of the argument, or its default; it must be known now."""
        if name not in self.given:
            return self.parameters.defaults[self.parameters.names.index(name)]
        return self.ctx.static(self.given[name], name)

    def flag(self, name: str) -> bool:
        """A static true or false."""
        return bool(self.static(name))

    def integer(self, name: str) -> int:
        """A static integer."""
        return self.as_integer(self.static(name), name)

    def as_integer(self, value: object, name: str) -> int:
        """`value` as a Python integer; refused if it is something else."""
        try:
            return operator.index(cast("int", value))
        except TypeError:
            self.refuse(
                f"`{name}` of `{self.name}` must be an integer known when the function is "
                f"compiled, not {_shown(value)}.",
                f"Write `{name}` as a literal integer.",
            )

    def number(self, name: str) -> float:
        """A static real number."""
        value = self.static(name)
        if isinstance(value, int | float):
            return value
        self.refuse(
            f"`{name}` of `{self.name}` must be a number known when the function is compiled, "
            f"not {_shown(value)}.",
            f"Write `{name}` as a literal number.",
        )

    def axes(self, name: str, rank: int) -> tuple[int, ...]:
        """An axis argument as sorted axes; None means all of them."""
        if not self.has(name):
            return tuple(range(rank))
        return self.ctx.axes(self.given[name], rank, name)

    def axes_in_order(self, name: str, rank: int) -> tuple[int, ...]:
        """One axis or several, in the order given."""
        return tuple(self.one_axis(a, rank, name) for a in self.integers(name))

    def axis(self, name: str, rank: int) -> int:
        """An axis argument that names one axis; may be negative."""
        return self.one_axis(self.static(name), rank, name)

    def one_axis(self, value: object, rank: int, name: str = "axis") -> int:
        """`value` as an axis that is not negative; refused if there is no such axis."""
        axis = self.as_integer(value, name)
        if not -rank <= axis < rank:
            self.refuse(
                f"`{self.name}` has `{name}={axis}`, but the array has {count(rank, 'axis')}.",
                f"Use an axis from {-rank} to {rank - 1}." if rank else "Leave it out.",
            )
        return axis % rank

    def integers(self, name: str) -> tuple[int, ...]:
        """A static integer or sequence of integers."""
        value = self.static(name)
        items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
        return tuple(self.as_integer(item, name) for item in items)

    def items(self, name: str) -> list[Value]:
        """The items of a sequence argument, the number of which is known."""
        return self.ctx.items(self.given[name], name)

    def items_or_one(self, value: Value, name: str) -> list[Value]:
        """The items of a tuple, or the value itself."""
        if not isinstance(value, tuple):
            return [value]
        return self.ctx.items(cast("Value", value), name)

    def dim(self, name: str) -> Dim:
        """The argument as a size."""
        if name not in self.given:
            return Dim.constant(self.integer(name))
        return self.ctx.dim(self.given[name], name)

    def dtype(self, name: str, default: DType) -> DType:
        """A dtype argument; None means `default`."""
        value = self.static(name)
        if value is None:
            return default
        found = dtypes.of(value)
        if found is None:
            self.refuse(
                f"`{self.name}` is asked for the dtype {_shown(value)}, which is not supported.",
                f"Use one of {', '.join(dtypes.NAMES)}.",
            )
        return found

    def only_default(self, *names: str, instead: str = "") -> None:
        """Refuse every one of these arguments that was given a value other than its default."""
        for name in names:
            if name not in self.given:
                continue
            default = self.parameters.defaults[self.parameters.names.index(name)]
            value = self.given[name]
            if self.ctx.is_static(value):
                known = self.ctx.static(value, name)
                if known is default or (type(known) is type(default) and known == default):
                    continue
            self.refuse(
                f"`{self.name}` is called with `{name}=`, which codegen_ad does not support here.",
                instead or INSTEAD.get(name, f"Leave `{name}` out."),
            )

    def ignore(self, *names: str) -> None:
        """These arguments change neither values nor derivatives; they must only be static."""
        for name in names:
            self.static(name)

    def refuse(self, message: str, instead: str) -> NoReturn:
        """Refuse the call."""
        self.ctx.refuse(message, instead)

    def node_of(self, value: Value) -> Node:
        """Any value as an array node."""
        return self.ctx.node(value)

    def fresh(self, node: Node) -> Value:
        """The node as a new array."""
        return self.ctx.fresh(node)


INSTEAD = {
    "out": "Write the result into the array: `a[...] = result`.",
    "casting": "Convert the operands first, with `.astype(...)`.",
    "order": "Leave `order` out: arrays here are in C order.",
    "subok": "Leave `subok` out: there are no array subclasses here.",
    "where": "Use `np.where(condition, result, otherwise)`.",
    "dtype": "Convert the result, with `.astype(...)`.",
}


def bind(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value], text: str) -> Call:
    """The call with its arguments bound to the signature `text`; mistakes are refused by name."""
    parameters = parse(text)
    positional = parameters.names[: parameters.positional]
    given = dict(zip(positional, args, strict=False))
    rest = list(args[len(positional) :])
    if rest and parameters.variadic is None:
        ctx.refuse(
            f"`{parameters.function}` takes at most {count(len(positional), 'argument')} by "
            f"position, and {len(args)} are given.",
            f"Its arguments are ({listed(parameters)}).",
        )
    for name, value in kwargs.items():
        if name not in parameters.names:
            ctx.refuse(
                f"`{parameters.function}` has no argument `{name}` that codegen_ad supports.",
                f"Its arguments are ({listed(parameters)}).",
            )
        if name in given:
            ctx.refuse(
                f"`{parameters.function}` gets `{name}` twice: by position and by name.",
                "Give it once.",
            )
        given[name] = value
    for name, default in zip(parameters.names, parameters.defaults, strict=True):
        if default is REQUIRED and name not in given:
            ctx.refuse(
                f"`{parameters.function}` needs the argument `{name}`.",
                f"Its arguments are ({listed(parameters)}).",
            )
    return Call(ctx, parameters, given, rest)


def signature(text: str) -> Callable[[Callable[[Call], Value]], Handler]:
    """Make a handler of a function of one `Call`."""

    def decorate(meaning: Callable[[Call], Value]) -> Handler:
        def handler(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
            call = bind(ctx, args, kwargs, text)
            if not call.has("out"):
                return meaning(call)
            given = {name: value for name, value in call.given.items() if name != "out"}
            return _written(call, meaning(replace(call, given=given)))

        handler.__name__ = meaning.__name__
        handler.__doc__ = meaning.__doc__
        return handler

    return decorate


def _written(call: Call, result: Value) -> Value:
    """`out`, after the result has been written into it."""
    out = call.value("out")
    is_place = isinstance(out, Array) and (out.boxed or call.node("out").array.rank > 0)
    if not is_place or not call.ctx.is_array(result):
        call.refuse(f"`out` of `{call.name}` must be one array.", "Pass an array.")
    have, want = call.node("out").array, call.ctx.node(result).array
    if not want.dtype.fits(have.dtype):
        call.refuse(
            f"`{call.name}` cannot write {want.dtype.numpy_name} into an array of "
            f"{have.dtype.numpy_name}.",
            "Give `out` the dtype of the result.",
        )
    if have.rank != want.rank:
        call.refuse(
            f"`out` of `{call.name}` has {count(have.rank, 'axis')}, and the result has "
            f"{want.rank}.",
            "Give `out` the shape of the result.",
        )
    call.ctx.write(out, result)
    return out


def _shown(value: object) -> str:
    name = getattr(value, "__name__", None)
    return f"`{name}`" if isinstance(name, str) else f"`{value}`"
