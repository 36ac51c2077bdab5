"""Functions whose derivative the user gave, and values that are not differentiated."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.calls.outside import import_
from codegen_ad.frontend.containers import parts
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks
from codegen_ad.frontend.control.states import Form, form_of, nodes_of, rebuild
from codegen_ad.frontend.values import Array, Dict, List, Provenance
from codegen_ad.frontend.words import count
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.node import Node, Region
from codegen_ad.ir.types import ArrayType
from codegen_ad.ops import make
from codegen_ad.ops.control import CUSTOM, Custom
from codegen_ad.ops.unary import STOP_GRADIENT

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def stop_gradient(m: Machine, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    """The value, of which no derivative is taken; tuples, lists and dicts item by item."""
    (value,) = (*args, *kwargs.values())
    match value:
        case Array():
            return m.fresh(m.b.node(STOP_GRADIENT, (m.read(value),)), weak=value.weak)
        case tuple():
            return tuple(stop_gradient(m, [v], {}) for v in cast("tuple[Value, ...]", value))
        case List(cell):
            return m.list_of([stop_gradient(m, [v], {}) for v in m.items(value, "argument")])
        case Dict(cell):
            return m.dict_of({k: stop_gradient(m, [v], {}) for k, v in m.store[cell].items()})
        case _:
            return value


@dataclass(slots=True)
class _Pass:
    """One of the user's functions, read: the inputs and outputs of its region."""

    scope: Scope
    outputs: Sequence[Node]

    def captured(self) -> list[Node]:
        """What it uses beside its inputs."""
        return self.scope.close(self.outputs)[1]

    def region(self, m: Machine, outer: Sequence[Node], first: int) -> Region:
        """The region, which takes what is captured after its `first` inputs."""
        closed, _ = self.scope.close(self.outputs)
        made = m.b.enclose(self.scope.inputs, closed, outer)
        count = len(self.scope.inputs)
        order = (*made.inputs[:first], *made.inputs[count:], *made.inputs[first:count])
        return Region(order, made.outputs)


def call(
    m: Machine, found: Any, path: Provenance, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    """A call of a function whose derivative the user gave: all its parts are read as Python.

    Arrays that these find outside of all functions become arguments without a derivative. In its
    own forward pass it is the plain function.
    """
    if found in m.own_passes:
        plain = import_(m, found.__wrapped__, (*path, ("attribute", "__wrapped__")))
        return m.call(plain, args, kwargs)
    forward, backward, rule = (
        import_(m, f, (*path, ("attribute", "__codegen_custom__"), ("item", i)))
        for i, f in enumerate(found.__codegen_custom__[:3])
    )
    name = getattr(found, "__name__", "custom")
    values = (*args, *kwargs.values())
    with m.b.scope() as scope, _inside(m, f"`{name}`, which has a derivative of its own,"):
        inside = _opened(m, scope, values, "argument")
        named = dict(zip(kwargs, inside[len(args) :], strict=True))
        m.own_passes.append(found)
        given = m.call(forward, inside[: len(args)], named)
        m.own_passes.pop()
        split = _split(m, given, found.__codegen_custom__[3], name)
        out, residuals = (_outputs(m, v) for v in (split or (given, inside)))
        forms = [form_of(m, v, None) for v in (out, residuals)]
        parts_out, parts_kept = (
            nodes_of(m, f, v, None) for f, v in zip(forms, (out, residuals), strict=True)
        )
    count = len(parts_out)
    passes = [_Pass(scope, (*parts_out, *parts_kept))]
    if backward is not None:
        passes.append(_backward(m, backward, forms, (parts_out, parts_kept), values, name))
    if rule is not None:
        passes.append(_rule(m, rule, values, forms[0], parts_out, name))
    outer = list(dict.fromkeys(n for p in passes for n in p.captured()))
    _check_captured(m, outer, name)
    passes[0].outputs = (*parts_out, *parts_kept, *outer)
    taken = [len(scope.inputs), *([len(parts_kept)] if backward is not None else [])]
    taken += [len(scope.inputs)] if rule is not None else []
    regions = [p.region(m, outer, first) for p, first in zip(passes, taken, strict=True)]
    if backward is not None:
        regions[1] = _with_zeros(m, regions[1], outer)
    params = Custom(
        name,
        count,
        regions[0],
        regions[1] if backward is not None else None,
        regions[-1] if rule is not None else None,
    )
    nodes = [m.node(v) for v in _arrays(m, values)]
    node = m.b.node(CUSTOM, (*nodes, *outer), params)
    return rebuild(m, forms[0], iter(m.b.results(node)[:count]), "")


@contextmanager
def _inside(m: Machine, where: str) -> Generator[None]:
    """Nothing that is read inside changes what there is outside."""
    saved = m.snapshot()
    with checks.none_in(m, where):
        yield
    m.restore(saved)


def _arrays(m: Machine, values: Sequence[Value]) -> list[Array]:
    """The data among the arguments; what is known now is part of the functions."""
    return [v for value in values for v in parts.numbers(m, value) if isinstance(v, Array)]


def _opened(m: Machine, scope: Scope, values: Sequence[Value], name: str) -> list[Value]:
    """The arguments with fresh inputs in place of their arrays."""

    def leaf(value: Value) -> Value:
        if not isinstance(value, Array):
            return value
        label = f"{name}_{len(scope.inputs)}"
        return m.fresh(scope.input(label, m.type_of(value)), weak=value.weak)

    return [parts.mapped(m, value, leaf) for value in values]


def _split(m: Machine, given: Value, saves: bool | None, name: str) -> tuple[Value, Value] | None:
    """Result and residuals, where the forward pass returns both.

    `saves` is None where that is seen by what it returns: a pair with a tuple as its second part.
    """
    pair = cast("tuple[Value, ...]", given) if isinstance(given, tuple) else ()
    if saves is None:
        saves = len(pair) == 2 and type(cast("Any", pair[1])) is tuple
    if not saves:
        return None
    if len(pair) != 2:
        m.refuse(
            f"`forward` of `{name}` must return the pair (result, residuals).",
            "Write `return result, (x, y)`.",
        )
    result, residuals = pair
    return result, residuals


def _outputs(m: Machine, value: Value | list[Value]) -> Value:
    """A structure of arrays; floating point numbers known now become arrays."""
    whole: Value = tuple(cast("list[Value]", value)) if isinstance(value, list) else value

    def leaf(number: Value) -> Value:
        if isinstance(number, Array):
            return m.fresh(m.read(number), weak=number.weak)
        return m.fresh(m.node(number), weak=True) if isinstance(number, float) else number

    return parts.mapped(m, whole, leaf)


def _backward(
    m: Machine,
    backward: Value,
    forms: Sequence[Form],
    made: tuple[list[Node], list[Node]],
    values: Sequence[Value],
    name: str,
) -> _Pass:
    """`backward(residuals, cotangent)`, which returns a cotangent for each argument."""
    with m.b.scope() as scope, _inside(m, f"the derivative of `{name}`"):
        kept = [scope.input(f"residual_{i}", n.array) for i, n in enumerate(made[1])]
        names = ["g"] if len(made[0]) == 1 else [f"g_{i}" for i in range(len(made[0]))]
        gs = [scope.input(n, o.array) for n, o in zip(names, made[0], strict=True)]
        residuals = rebuild(m, forms[1], iter(kept), "")
        back = m.call(backward, [residuals, rebuild(m, forms[0], iter(gs), "")], {})
        given: tuple[Value, ...] = (back,)
        if isinstance(back, tuple) and (len(values) > 1 or len(cast("Any", back)) == 1):
            given = cast("tuple[Value, ...]", back)
        if len(given) != len(values):
            m.refuse(
                f"`{name}` has {count(len(values), 'argument')}, and its `backward` returns "
                f"{count(len(given), 'value')}.",
                "Return one derivative for each argument, None where there is none.",
            )
        found: list[Node] = []
        for value, part in zip(values, given, strict=True):
            numbers = list(parts.numbers(m, value))
            kinds = [_kind(m, v) for v in numbers]
            what = f"derivative that `backward` of `{name}` returns"
            matched = parts.matched(m, value, kinds, part, what)
            found += [
                make.full(m.b, m.type_of(v).shape, 0, m.type_of(v).dtype) if node is None else node
                for v, node in zip(numbers, matched, strict=True)
                if isinstance(v, Array)
            ]
    return _Pass(scope, found)


def _rule(
    m: Machine,
    rule: Value,
    values: Sequence[Value],
    form: Form,
    made: Sequence[Node],
    name: str,
) -> _Pass:
    """`jvp(primals, tangents)`, which returns the tangent of the result."""
    with m.b.scope() as scope, _inside(m, f"the derivative of `{name}`"):
        primals = _opened(m, scope, values, "argument")

        def tangent(value: Value) -> Value:
            kind = _kind(m, value)
            if kind is None:
                return None
            assert isinstance(value, Array)
            return m.fresh(scope.input(f"t_{len(scope.inputs)}", kind), weak=value.weak)

        tangents = tuple(parts.mapped(m, value, tangent) for value in values)
        back = m.call(rule, [tuple(primals), tangents], {})
        like = rebuild(m, form, iter(made), "")
        kinds = [_kind(m, v) for v in parts.numbers(m, like)]
        what = f"tangent that `jvp` of `{name}` returns"
        found = [n for n in parts.matched(m, like, kinds, back, what) if n is not None]
    return _Pass(scope, found)


def _kind(m: Machine, value: Value) -> ArrayType | None:
    """The type of a derivative in a number; None where there is none."""
    kind = m.type_of(value) if isinstance(value, Array) else None
    return kind if kind is not None and kind.dtype.is_float else None


def _with_zeros(m: Machine, region: Region, outer: Sequence[Node]) -> Region:
    """The backward pass with no derivative in what was found outside."""
    zeros = [make.full(m.b, n.array.shape, 0, n.array.dtype) for n in outer]
    return Region(region.inputs, (*region.outputs, *zeros))


def _check_captured(m: Machine, captured: Sequence[Node], name: str) -> None:
    roots = [m.roots[a.cell] for a, _ in m.captured.values()]
    if any(node not in roots for node in captured):
        m.refuse(
            f"`{name}` uses an array that is not among its arguments.",
            "Pass it as an argument, and return None or zeros as its derivative.",
        )
