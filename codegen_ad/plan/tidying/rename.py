"""Names in statements and expressions, listed and replaced: the place that knows all fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Check,
    CheckRange,
    CopyInto,
    Expr,
    Fill,
    For,
    Grow,
    If,
    Index,
    Let,
    LibraryCall,
    Load,
    MatrixVector,
    Need,
    Number,
    Product,
    Raise,
    Statement,
    Store,
    Tiles,
    Var,
    View,
    While,
)

Rename = Callable[[str], str]


def rename_dim(dim: Dim, rename: Rename) -> Dim:
    """The index expression with its symbols renamed."""
    return dim.substitute({s: Dim.symbol(rename(s)) for s in set(dim.symbols())})


def rename_expr(expr: Expr, rename: Rename) -> Expr:
    """The expression with all names replaced."""
    match expr:
        case Var(name):
            return replace(expr, name=rename(name))
        case Index(dim):
            return Index(rename_dim(dim, rename))
        case Load(buffer, indices):
            return replace(
                expr,
                buffer=rename(buffer),
                indices=tuple(rename_dim(d, rename) for d in indices),
            )
        case Apply(args=args):
            return replace(expr, args=tuple(rename_expr(a, rename) for a in args))
        case Number():
            return expr


def rename_statement(statement: Statement, rename: Rename) -> None:
    """Replace all names in a statement and the statements in it."""
    for field in fields(statement):
        value = getattr(statement, field.name)
        setattr(statement, field.name, _renamed(value, field.name, rename))


_NAME_FIELDS = {
    "name", "names", "buffer", "buffers", "target", "source", "variable", "count", "result",
    "results", "arguments", "first", "rows", "row", "part",
}  # fmt: skip


def _renamed(value: Any, field: str, rename: Rename) -> Any:
    if isinstance(value, Dim):
        return rename_dim(value, rename)
    if isinstance(value, Var | Number | Index | Load | Apply):
        return rename_expr(value, rename)
    if isinstance(value, str):
        return rename(value) if field in _NAME_FIELDS else value
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        return tuple(_renamed(v, field, rename) for v in items)
    if isinstance(value, list):
        inner = cast("list[Any]", value)
        for statement in inner:
            assert is_dataclass(statement)
            rename_statement(statement, rename)  # pyright: ignore[reportArgumentType]
        return inner
    return value


def expressions(statement: Statement) -> list[Expr]:
    """The expressions a statement evaluates itself, its own blocks not included."""
    match statement:
        case Let(expr=expr) | Store(expr=expr):
            return [expr]
        case Accumulate(target=target, expr=expr):
            return [target, expr]
        case Assign(exprs=exprs):
            return list(exprs)
        case If(condition=condition) | While(condition=condition):
            return [condition]
        case Raise(shown=shown):
            return list(shown)
        case Need(rows=rows):
            return [rows]
        case Product(result=result, left=left, right=right):
            return [result, left, right]
        case MatrixVector(result=result, matrix=matrix, vector=vector):
            return [result, matrix, vector]
        case _:
            return []


def replace_expressions(statement: Statement, change: Callable[[Expr], Expr]) -> None:
    """Change the expressions a statement evaluates itself; targets stay."""
    match statement:
        case Let() | Store() | Accumulate():
            statement.expr = change(statement.expr)
        case Assign():
            statement.exprs = tuple(change(e) for e in statement.exprs)
        case If() | While():
            statement.condition = change(statement.condition)
        case Raise():
            statement.shown = tuple(change(e) for e in statement.shown)
        case Need():
            statement.rows = change(statement.rows)
        case _:
            pass


def dims(statement: Statement) -> Iterator[Dim]:
    """The index expressions and sizes of a statement outside its expressions."""
    match statement:
        case Store(indices=indices) | LibraryCall(at=indices):
            yield from indices
        case Allocate(shape=shape) | View(shape=shape) | CopyInto(shape=shape):
            yield from shape
        case For(extent=extent, span=span, window=window):
            yield extent
            yield from span or ()
            yield from (window.first, window.count) if window is not None else ()
        case Tiles(extent=extent, window=window):
            yield extent
            yield from (window.first, window.count) if window is not None else ()
        case Check(extent=extent):
            yield extent
        case Product(terms=terms, rows=rows):
            yield terms
            yield rows
        case MatrixVector(terms=terms, tile=tile):
            yield terms
            yield from tile or ()
        case CheckRange(count=count, extent=extent):
            yield count
            yield extent
        case _:
            pass


def mentioned(statement: Statement) -> Iterator[str]:
    """All names in a statement, the statements in it not included."""
    for field in fields(statement):
        value = getattr(statement, field.name)
        if field.name in _NAME_FIELDS:
            yield from (value,) if isinstance(value, str) else _strings(value)
    for expr in expressions(statement):
        yield from names_in(expr)
    for dim in dims(statement):
        yield from dim.symbols()


def _strings(value: Any) -> Iterator[str]:
    items = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else ()
    return (item for item in items if isinstance(item, str))


def written(statement: Statement) -> Iterator[str]:
    """The variables and buffers that a statement itself changes."""
    match statement:
        case (
            Store(buffer=buffer)
            | Fill(buffer=buffer)
            | Allocate(buffer=buffer)
            | View(buffer=buffer)
        ):
            yield buffer
        case Accumulate(target=Var(name)):
            yield name
        case Accumulate(target=Load(buffer)):
            yield buffer
        case Assign(names=names):
            yield from names
        case CopyInto(target=target):
            yield target
        case LibraryCall(results=results):
            yield from results
        case Product(result=result, part=part):
            yield result.buffer
            yield from () if part is None else (part,)
        case MatrixVector(result=result):
            yield result.buffer
        case Check(name=name):
            yield name
        case Grow(buffers=buffers):
            yield from buffers
        case _:
            pass


def names_in(expr: Expr) -> Iterator[str]:
    """The variables, buffers and index symbols that an expression reads."""
    match expr:
        case Var(name):
            yield name
        case Index(dim):
            yield from dim.symbols()
        case Load(buffer, indices):
            yield buffer
            for dim in indices:
                yield from dim.symbols()
        case Apply(args=args):
            for arg in args:
                yield from names_in(arg)
        case Number():
            pass


def is_by_element(statement: Statement, buffer: str) -> bool:
    """Whether a statement reads and writes elements of a buffer, if anything of it."""
    if buffer not in mentioned(statement):
        return True
    match statement:
        case Let() | Store() | Accumulate() | If():
            return not any(_is_whole(e, buffer) for e in expressions(statement))
        case _:
            return False


def _is_whole(expr: Expr, buffer: str) -> bool:
    match expr:
        case Var(name):
            return name == buffer
        case Apply(args=args):
            return any(_is_whole(a, buffer) for a in args)
        case _:
            return False
