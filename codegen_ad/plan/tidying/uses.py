"""Which names statements take from around them, and which they leave behind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from codegen_ad.plan.kernel import (
    Allocate,
    Apply,
    Assign,
    CopyInto,
    Expr,
    For,
    Grow,
    If,
    Let,
    LibraryCall,
    Load,
    Statement,
    Tiles,
    View,
    While,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import dims, expressions, names_in, written


def read(statement: Statement) -> Iterator[str]:
    """What a statement reads itself, its blocks not included; also what it changes in part."""
    for expr in expressions(statement):
        yield from names_in(expr)
    for dim in dims(statement):
        yield from dim.symbols()
    match statement:
        case CopyInto(source=source) | View(source=source):
            yield source
        case LibraryCall(arguments=arguments):
            yield from arguments
        case Grow(count=count):
            yield count
        case _:
            pass
    if not isinstance(statement, Let | For | Tiles | While | If):
        yield from set(written(statement)) - set(_made(statement))


def _made(statement: Statement) -> Iterator[str]:
    """The names that a statement itself gives a value, whatever they held before."""
    match statement:
        case Let(name=name):
            yield name
        case Assign(names=names):
            yield from names
        case Allocate(buffer=buffer) | View(buffer=buffer):
            yield buffer
        case LibraryCall(results=results, into=False, at=()):
            yield from results
        case _:
            pass


def exposed(statements: Sequence[Statement]) -> set[str]:
    """The names that are read, or changed in part, before they are given a value here."""
    found: set[str] = set()
    _expose(statements, set(), found)
    return found


def exposed_behind(
    statements: Sequence[Statement], positions: Collection[int]
) -> dict[int, set[str]]:
    """The names that are exposed behind each of the statements at `positions`, in one pass."""
    found: dict[int, set[str]] = {}
    later: set[str] = set()
    for position in reversed(range(len(statements))):
        if position in positions:
            found[position] = set(later)
        own: set[str] = set()
        later -= _expose([statements[position]], set(), own)
        later |= own
    return found


def _expose(statements: Sequence[Statement], made: set[str], found: set[str]) -> set[str]:
    """Add to `found`; return what has a value behind the statements."""
    made = set(made)
    for statement in statements:
        match statement:
            case While(test=test, body=body):
                made = _expose(test, made, found)
                found.update(set(read(statement)) - made)
                _expose(body, made, found)
            case For(variable=variable, body=body):
                found.update(set(read(statement)) - made)
                _expose(body, {*made, variable}, found)
            case Tiles(first=first, rows=rows, row=row, body=body):
                found.update(set(read(statement)) - made)
                _expose(body, {*made, first, rows, row}, found)
            case If(then=then, otherwise=otherwise):
                found.update(set(read(statement)) - made)
                made = _expose(then, made, found) & _expose(otherwise, made, found)
            case _:
                found.update(set(read(statement)) - made)
                made.update(_made(statement))
    return made


def changed(statements: Sequence[Statement]) -> set[str]:
    """The names that statements give a value or change, at any depth."""
    found: set[str] = set()
    for statement in statements:
        found.update(written(statement))
        found.update(_made(statement))
        for block in blocks(statement):
            found |= changed(block)
    return found


def loads(expr: Expr) -> Iterator[Load]:
    """The elements of buffers that an expression reads."""
    match expr:
        case Load():
            yield expr
        case Apply(args=args):
            for arg in args:
                yield from loads(arg)
        case _:
            pass


def mentioned(statements: Sequence[Statement]) -> set[str]:
    """All names in statements, at any depth, but for the variables of loops."""
    found = changed(statements)
    for statement in walk(list(statements)):
        found.update(read(statement))
    return found
