"""Run-time sizes in a kernel: each is a variable, and checked where it must be another one's value.

Those that are index expressions are written as these: `i` in place of `length_1 = i`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops.constants import SameSize
from codegen_ad.plan.kernel import (
    Apply,
    Assign,
    Expr,
    If,
    Index,
    Load,
    Raise,
    Statement,
    blocks,
)
from codegen_ad.plan.scope import Scope

if TYPE_CHECKING:
    from codegen_ad.plan.element import Elements


def bind(elements: Elements, scope: Scope, node: Node) -> Expr:
    """Give the symbol of a run-time size its value, for all index expressions from here on."""
    symbol = node.array.size
    assert symbol is not None
    value, *expected = (elements.value(scope, a, ()) for a in node.args)
    region = scope.region()
    if isinstance(node.params, SameSize):
        differ = Apply("not_equal", (value, expected[0]), DType.BOOL)
        error = Raise("ValueError", node.params.message, (), elements.note(node))
        region.statements.append(If(differ, [error], [], elements.note(node)))
        region.values[node, ()] = expected[0]
        return expected[0]
    elements.names.reserved.add(symbol)
    elements.names.sizes.add(symbol)
    region.statements.append(Assign((symbol,), (value,), elements.note(node)))
    region.symbols.add(symbol)
    if isinstance(value, Index):
        region.sizes[symbol] = value.dim
    region.values[node, ()] = Index(Dim.symbol(symbol))
    for size, wanted in elements.names.awaited.items():
        unbound = set(wanted.symbols()) - elements.names.sizes - elements.names.known
        if symbol in wanted.symbols() and not unbound:
            different = Index(Dim.symbol(size)), Index(wanted)
            differ = Apply("not_equal", different, DType.BOOL)
            message = f"{size.rpartition('_')[0]} has another size than the result"
            error = Raise("ValueError", message, (), elements.note(node))
            region.statements.append(If(differ, [error], [], elements.note(node)))
    return region.values[node, ()]


def spell_out(body: list[Statement], sizes: Collection[str]) -> None:
    """Replace each of the symbols `sizes` by what it is set to, where that is an index expression.

    What such an expression is made of does not change within the block that sets the symbol.
    """
    position = 0
    while position < len(body):
        statement = body[position]
        match statement:
            case Assign(names=(name,), exprs=(Index(dim),)) if name in sizes:
                del body[position]
                for later in body[position:]:
                    substitute(later, {name: dim})
                continue
            case _:
                pass
        for block in blocks(statement):
            spell_out(block, sizes)
        position += 1


def substitute(statement: Statement, values: Mapping[str, Dim]) -> None:
    """Replace symbols in all index expressions of a statement and the statements in it."""
    for part in fields(statement):
        setattr(statement, part.name, _substituted(getattr(statement, part.name), values))


def _substituted(value: Any, values: Mapping[str, Dim]) -> Any:
    match value:
        case Dim():
            return value.substitute(values)
        case Index(dim):
            return Index(dim.substitute(values))
        case Load(indices=indices):
            return replace(value, indices=_substituted(indices, values))
        case Apply(args=args):
            return replace(value, args=_substituted(args, values))
        case tuple():
            return tuple(_substituted(v, values) for v in cast("tuple[Any, ...]", value))
        case list():
            for statement in cast("list[Any]", value):
                assert is_dataclass(statement)
                substitute(cast("Statement", statement), values)
            return value  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value
