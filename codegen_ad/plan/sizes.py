"""Run-time sizes that are index expressions are written so: `i` in place of `length_1 = i`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.kernel import Apply, Assign, Index, Load, Statement, blocks


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
                    _substitute(later, {name: dim})
                continue
            case _:
                pass
        for block in blocks(statement):
            spell_out(block, sizes)
        position += 1


def _substitute(statement: Statement, values: Mapping[str, Dim]) -> None:
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
                _substitute(cast("Statement", statement), values)
            return value  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value
