"""Functions whose derivative the user gave, and values that are not differentiated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.errors import ShapeMismatch
from codegen_ad.frontend import checks
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.outside import import_
from codegen_ad.frontend.values import Array, Dict, List, Provenance
from codegen_ad.ir.node import Node
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
            return m.list_of([stop_gradient(m, [v], {}) for v in m.store[cell]])
        case Dict(cell):
            return m.dict_of({k: stop_gradient(m, [v], {}) for k, v in m.store[cell].items()})
        case _:
            return value


def call(
    m: Machine, found: Any, path: Provenance, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    """A call of a function with `forward` and `backward`: both are read as ordinary Python."""
    forward, backward = (
        import_(m, f, (*path, ("attribute", "__codegen_custom__"), ("item", i)))
        for i, f in enumerate(found.__codegen_custom__)
    )
    name = getattr(found, "__name__", "custom")
    values = [*args, *kwargs.values()]
    nodes = [m.node(v) for v in values if isinstance(v, Array)]
    weak = [isinstance(v, Array) and v.weak for v in values]
    with m.b.scope() as scope:
        saved = m.snapshot()
        inside = _inputs(m, scope, values, weak)
        named = dict(zip(kwargs, inside[len(args) :], strict=True))
        with checks.none_in(m, f"`{name}`, which has a derivative of its own,"):
            given = m.call(forward, inside[: len(args)], named)
        outs, residuals = _parts(m, given)
        primal = [m.node(v) for v in (*outs, *residuals)]
        m.restore(saved)
    outputs, captured = scope.close(primal)
    _no_capture(m, captured, name)
    region = m.b.enclose(scope.inputs, outputs, ())
    kinds = [o.array for o in region.outputs]
    with m.b.scope() as scope:
        saved = m.snapshot()
        kept = tuple(
            m.fresh(scope.input(f"residual_{i}", k)) for i, k in enumerate(kinds[len(outs) :])
        )
        held = kept[0] if len(kept) == 1 and not isinstance(_residual(m, given), tuple) else kept
        g = [m.fresh(scope.input("g" if len(outs) == 1 else f"g_{i}", k))
             for i, k in enumerate(kinds[: len(outs)])]  # fmt: skip
        with checks.none_in(m, f"the derivative of `{name}`"):
            back = m.call(backward, [held, g[0] if len(g) == 1 else tuple(g)], {})
        kinds_in = [m.type_of(v) if isinstance(v, Array) else None for v in values]
        cotangents = _cotangents(m, back, kinds_in, name)
        m.restore(saved)
    results, captured = scope.close(cotangents)
    _no_capture(m, captured, name)
    params = Custom(name, len(outs), region, m.b.enclose(scope.inputs, results, ()))
    node = m.b.node(CUSTOM, nodes, params)
    values = [m.fresh(r) for r in m.b.results(node)[: len(outs)]]
    return values[0] if len(values) == 1 else tuple(values)


def _inputs(m: Machine, scope: Any, values: Sequence[Value], weak: Sequence[bool]) -> list[Value]:
    found: list[Value] = []
    for i, (value, is_weak) in enumerate(zip(values, weak, strict=True)):
        if isinstance(value, Array):
            found.append(m.fresh(scope.input(f"argument_{i}", m.type_of(value)), weak=is_weak))
        else:
            found.append(value)
    return found


def _parts(m: Machine, given: Value) -> tuple[list[Value], list[Value]]:
    """`out`, or `(out, residuals)`, as lists."""
    if not isinstance(given, tuple):
        return [given], []
    pair = cast("tuple[Value, ...]", given)
    if len(pair) != 2:
        m.refuse("`forward` must return the result, or the pair (result, residuals).")
    out, residuals = pair
    outs = list(cast("tuple[Value, ...]", out)) if isinstance(out, tuple) else [out]
    kept = (
        list(cast("tuple[Value, ...]", residuals))
        if isinstance(residuals, tuple)
        else ([] if residuals is None else [residuals])
    )
    return outs, kept


def _residual(m: Machine, given: Value) -> Value:
    return cast("tuple[Value, ...]", given)[1] if isinstance(given, tuple) else ()


def _no_capture(m: Machine, captured: Sequence[Node], name: str) -> None:
    if captured:
        m.refuse(
            f"`{name}` uses an array that is not among its arguments.",
            "Pass it as an argument, and return None or zeros as its derivative.",
        )


def _cotangents(
    m: Machine, back: Value, kinds: Sequence[ArrayType | None], name: str
) -> list[Node]:
    parts = list(cast("tuple[Value, ...]", back)) if isinstance(back, tuple) else [back]
    if len(parts) != len(kinds):
        m.refuse(
            f"`{name}` has {len(kinds)} arguments, and its `backward` returns {len(parts)} values.",
            "Return one derivative for each argument, None where there is none.",
        )
    nodes: list[Node] = []
    for part, kind in zip(parts, kinds, strict=True):
        if kind is None:  # the argument is known now
            continue
        if part is None:
            nodes.append(make.full(m.b, kind.shape, 0, kind.dtype))
            continue
        node = make.cast(m.b, m.node(part), kind.dtype)
        if node.array.rank != kind.rank:
            m.refuse(
                f"`backward` of `{name}` returns {node.array} where the argument is {kind}.",
                error=ShapeMismatch,
            )
        for have, want in zip(node.array.shape, kind.shape, strict=True):
            m.equate(want, have, f"backward of {name}")
        nodes.append(node)
    return nodes
