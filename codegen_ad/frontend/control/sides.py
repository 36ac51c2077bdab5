"""One side of a branch, or one run of a loop's body: what it changed, as nodes of its own scope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks
from codegen_ad.frontend.control.checks import Over, Raised
from codegen_ad.frontend.values import Array, Cell, Dict, List, Maybe, Record, Rows
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_WIDER = {
    DType.BOOL: tuple(d for d in DType if d is not DType.BOOL),
    **{d: (DType.INT64, DType.FLOAT64) for d in DType if d.wraps},
    DType.INT64: (DType.FLOAT32, DType.FLOAT64),
    DType.FLOAT32: (DType.FLOAT64,),
    DType.FLOAT64: (),
}


@dataclass(slots=True)
class Side:
    """The state at the end of a region, and its arrays read while the region was open."""

    scope: Scope
    env: dict[str, Value] = field(default_factory=dict[str, Value])
    store: dict[Cell, Any] = field(default_factory=dict[Cell, Any])
    tangled: dict[Cell, dict[Cell, str]] = field(default_factory=dict[Cell, dict[Cell, str]])
    nodes: dict[Array, dict[DType, Node]] = field(default_factory=dict[Array, dict[DType, Node]])
    raised: Raised | None = None
    checks: dict[Cell, Node] = field(default_factory=dict[Cell, Node])

    def node(self, m: Machine, value: Value, dtype: DType) -> Node:
        """The value as a node of this dtype that may be an output of the region."""
        if isinstance(value, Array) and value in self.nodes:
            return self.nodes[value][dtype]
        return make.cast(m.b, data.node_of(m, value), dtype)


def run(m: Machine, body: Callable[[Scope], None]) -> Side:
    """Run `body` in a scope of its own; names and store are afterwards as they were before.

    Of a side that raises, only the checks count.
    """
    saved, depth = m.snapshot(), len(m.frames)
    with m.b.scope() as scope:
        try:
            try:
                body(scope)
            except Over as over:
                del m.frames[depth:]
                return Side(scope, raised=over.failure, checks=checks.leave(m, scope, over.failure))
            side = Side(scope, m.frame.env, m.store, m.tangled)
            for name, value in side.env.items():
                before = saved.store.get(value.cell) if isinstance(value, Array) else None
                rebound = name not in saved.env or saved.env[name] is not value
                if rebound or before is not side.store.get(getattr(value, "cell", None)):  # pyright: ignore
                    _dump(m, side, value)
            for cell, held in side.store.items():
                if cell in saved.store and saved.store[cell] is not held:
                    _dump_held(m, side, held)
        finally:
            m.restore(saved)
    return side


def _dump_held(m: Machine, side: Side, held: Any) -> None:
    raw: Any = held
    if isinstance(held, Rows):
        _dump(m, side, held.array)
        _dump(m, side, held.last)
    if isinstance(held, tuple | dict):
        for item in raw.values() if isinstance(held, dict) else raw:
            _dump(m, side, item)


def _dump(m: Machine, side: Side, value: Value) -> None:
    match value:
        case Array():
            if value not in side.nodes:
                node = m.read(value)
                wider = () if node.array.rank else _WIDER[node.array.dtype]
                forms = {d: make.cast(m.b, node, d) for d in wider}
                side.nodes[value] = {node.array.dtype: node, **forms}
        case List(cell) | Dict(cell) | Record(_, cell):
            _dump_held(m, side, side.store[cell])
        case tuple():
            _dump_held(m, side, value)
        case Maybe(inner, present):
            _dump(m, side, inner)
            _dump(m, side, present)
        case _:
            pass
