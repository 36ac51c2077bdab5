"""Statements about whole arrays as loops over elements, which threads can share out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.device.loops import Refused, defined, parts, read
from codegen_ad.plan.device.split import taken_apart
from codegen_ad.plan.device.whole import Buffer
from codegen_ad.plan.free import fresh, letters
from codegen_ad.plan.kernel import (
    Allocate,
    Assign,
    CopyInto,
    Expr,
    Fill,
    For,
    If,
    Kernel,
    Let,
    Load,
    Note,
    Number,
    Statement,
    Store,
    Var,
    While,
    walk,
)
from codegen_ad.plan.tidying.rename import names_in
from codegen_ad.plan.tiling.rows import assigned

NOTHING = Note()
_Value = Callable[[tuple[Dim, ...]], Expr]


def with_results(kernel: Kernel, taken: set[str]) -> tuple[tuple[str, ...], list[Statement]]:
    """The arrays that hold results, and the statements that write results that are numbers."""
    names: list[str] = []
    statements: list[Statement] = []
    for output, wish, dtype in zip(
        kernel.outputs, kernel.output_names, kernel.output_dtypes, strict=True
    ):
        if isinstance(output, str):
            names.append(output)
            continue
        name = fresh(f"{wish}_out", taken)
        names.append(name)
        note = next(
            (s.note for s in kernel.body if isinstance(s, Let) and output == Var(s.name, dtype)),
            NOTHING,
        )
        statements.append(Allocate(name, (ONE,), dtype, None, note))
        statements.append(Store(name, (ZERO,), output, note))
    return tuple(names), statements


def by_element(kernel: Kernel, taken: set[str]) -> list[Statement]:
    """The kernel's statements, those about whole arrays as loops over their elements."""
    arrays: dict[str, tuple[Shape, DType]] = {p.name: (p.shape, p.dtype) for p in kernel.parameters}
    for statement in walk(kernel.body):
        if isinstance(statement, Allocate):
            arrays[statement.buffer] = statement.shape, statement.dtype
    return _plain(kernel.body, arrays, taken)


def _plain(
    body: Sequence[Statement], arrays: Mapping[str, tuple[Shape, DType]], taken: set[str]
) -> list[Statement]:
    found: list[Statement] = []
    for statement in body:
        match statement:
            case Allocate(buffer=buffer, fill=float() | int() as fill):
                found.append(replace(statement, fill=None))
                found.append(_filled(buffer, arrays[buffer], fill, statement.note, taken))
            case Fill(buffer, value, note):
                found.append(_filled(buffer, arrays[buffer], value, note, taken))
            case CopyInto(target=target, source=source, note=note):
                found.append(copied(target, source, arrays[target], note, taken))
            case For(body=inner):
                found += taken_apart(replace(statement, body=_plain(inner, arrays, taken)))
            case While(test=test, body=inner):
                changed = [_plain(b, arrays, taken) for b in (test, inner)]
                found.append(replace(statement, test=changed[0], body=changed[1]))
            case If(then=then, otherwise=otherwise):
                changed = [_plain(b, arrays, taken) for b in (then, otherwise)]
                found.append(replace(statement, then=changed[0], otherwise=changed[1]))
            case _:
                found.append(statement)
    return found


def _filled(
    buffer: str, array: tuple[Shape, DType], value: float, note: Note, taken: set[str]
) -> Statement:
    def number(at: tuple[Dim, ...]) -> Expr:
        return literal(value, array[1])

    return over(buffer, array[0], number, note, taken)


def copied(
    target: str, source: str, array: tuple[Shape, DType], note: Note, taken: set[str]
) -> Statement:
    """A loop that copies one array into another of its shape."""

    def element(at: tuple[Dim, ...]) -> Expr:
        return Load(source, at, array[1])

    return over(target, array[0], element, note, taken)


def counts_of(
    buffers: Iterable[Buffer], kernel: Kernel, more: Mapping[str, Expr] | None = None
) -> tuple[tuple[str, Expr], ...]:
    """Numbers that sizes of arrays are made of, beside the sizes of arguments: how to find each.

    The caller computes them before the kernels run, from sizes and whole numbers that are passed.
    `more` are numbers that the kernel itself does not compute.

    Raises
    ------
    Refused
        If an array has a size that only the run finds.
    """
    known = {s.symbol for s in kernel.sizes} | {p.name for p in kernel.parameters if not p.rank}
    values: dict[str, Expr] = dict(more or {})
    given = Counter(name for s in walk(kernel.body) for name in assigned(s))
    for statement in kernel.body:
        match statement:
            # What loops add to is no more what it began with.
            case Let(name, expr) | Assign((name,), (expr,)) if (
                given[name] == 1 and not expr.dtype.is_float
            ):
                values[name] = expr
            case _:
                pass
    found: dict[str, Expr] = {}

    def need(name: str, buffer: Buffer) -> None:
        if name in known or name in found:
            return
        expr = values.get(name)
        if expr is None or any(isinstance(e, Load) for e in parts(expr)):
            made = (s for s in walk(kernel.body) if isinstance(s, Allocate))
            where = next(s for s in made if s.buffer == buffer.name)
            raise Refused(where, "the size of an array is known only while the function runs")
        for inner in names_in(expr):
            need(inner, buffer)
        found[name] = expr

    for buffer in buffers:
        for dim in buffer.shape:
            if isinstance(dim, Dim):
                for symbol in dim.symbols():
                    need(symbol, buffer)
    return tuple(found.items())


def exchanged(body: Sequence[Statement], arrays: Iterable[str]) -> set[str]:
    """The arrays that change places with others, as carried values of loops do."""
    known = set(arrays)
    found: set[str] = set()
    for statement in walk(list(body)):
        if isinstance(statement, Assign):
            found |= known & set(statement.names)
    return found


def literal(value: float, dtype: DType) -> Number:
    """A number of a dtype."""
    if dtype is DType.BOOL:
        return Number(str(bool(value)), dtype)
    return Number(repr(float(value)) if dtype.is_float else str(int(value)), dtype)


def over(buffer: str, shape: Shape, value: _Value, note: Note, taken: set[str]) -> Statement:
    """A nest of loops that sets every element."""
    names = letters(len(shape), taken)
    at = tuple(Dim.symbol(n) for n in names)
    inner: Statement = Store(buffer, at, value(at), note)
    for name, extent in reversed(list(zip(names, shape, strict=True))):
        inner = For(name, extent, [inner], note)
    return inner


def is_fill(statement: Statement, buffer: str) -> bool:
    """Whether a statement sets every element of an array to 0 and does nothing else."""
    while isinstance(statement, For) and len(statement.body) == 1:
        statement = statement.body[0]
    match statement:
        case Store(name, indices, Number(text)) if name == buffer:
            return float(text == "True" or (text != "False" and float(text))) == 0.0 and not any(
                d.is_constant for d in indices
            )
        case _:
            return False


def drop_fill(body: list[Statement], buffer: str) -> bool:
    """Remove the zeros that an array would begin with, if nothing has used them; whether so."""
    for position in range(len(body) - 1, -1, -1):
        statement = body[position]
        if isinstance(statement, Allocate) or buffer not in defined(statement) | read(statement):
            continue
        if is_fill(statement, buffer):
            del body[position]
            return True
        return False
    return False
