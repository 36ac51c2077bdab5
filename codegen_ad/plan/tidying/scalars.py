"""Arrays of a few elements that steps read and write at known places: a variable for each element.

In a loop whose steps wait for each other, what one step stores the next one loads, and that way
through memory is longer than the arithmetic of a small step. LLVM doesn't take such arrays apart:
each is memory of its own that anything might point to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from codegen_ad.ir.node import Notes
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.access import Point, unrolled_points
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    CopyInto,
    Expr,
    Fill,
    Kernel,
    Load,
    Note,
    Number,
    Statement,
    Store,
    Var,
    blocks,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.aliases import drop_aliases, name_once
from codegen_ad.plan.tidying.rename import replace_expressions
from codegen_ad.plan.tidying.small_arrays import SmallArrays

LARGEST = 4
"""Elements of an array that is taken apart. More of them make long lists of what steps hand on."""


def take_apart(kernel: Kernel, names: Names, notes: Notes) -> None:
    """Put variables in the place of small arrays that loops over steps use, where all is known."""
    arrays = SmallArrays(kernel, LARGEST)
    if arrays.made:
        elements = _Elements(kernel, names, notes, arrays)
        elements.write_all()
        name_once(kernel, elements.variables)
        drop_aliases(kernel, elements.variables)


class _Elements:
    """The variables of arrays' elements, and the statements that are about them."""

    def __init__(self, kernel: Kernel, names: Names, notes: Notes, arrays: SmallArrays) -> None:
        self.kernel = kernel
        self.arrays = arrays
        self.at: dict[str, dict[Point, str]] = {}
        own = dict(zip(kernel.outputs, kernel.output_names, strict=True))
        for name, made in arrays.made.items():
            points = unrolled_points(made.shape)
            if name in own:
                self.at[name] = {at: _part_of_result(names, own[name], at) for at in points}
                continue
            node, _ = names.meaning.get(self._named(name, names, notes), (None, ()))
            says = node is not None and node.array.rank == len(made.shape)
            self.at[name] = {at: names.fresh(node, at if says else ()) for at in points}
        self.variables = {v for of in self.at.values() for v in of.values()}

    def _named(self, array: str, names: Names, notes: Notes) -> str:
        """Of an array and those that are handed on to it, one that the user named."""
        handed = [new for new, old in self.arrays.handed_on.items() if old == array]
        for name in (array, *handed):
            if name in names.meaning and names.meaning[name][0] in notes.names:
                return name
        return array

    def write_all(self) -> None:
        """Change the kernel; arrays that it returns are filled at its end."""
        body, outputs = self.kernel.body, self.kernel.outputs
        empty = {
            n for n in self.at if n not in self.arrays.handed_on and self.arrays.is_read_empty(n)
        }
        returned = dict.fromkeys(o for o in outputs if isinstance(o, str) and o in self.at)
        body[:] = list(self._block(body, empty))
        for name in returned:
            made = self.arrays.made[name]
            body.append(replace(made, fill=None))
            body += (
                Store(name, point, Var(variable, made.dtype), made.note)
                for point, variable in self.at[name].items()
            )
        self.kernel.outputs = tuple(o if isinstance(o, str) else self._expr(o) for o in outputs)

    def _block(self, block: Sequence[Statement], empty: set[str]) -> Iterator[Statement]:
        for statement in block:
            for inner in blocks(statement):
                inner[:] = list(self._block(inner, empty))
            yield from self._written(statement, empty)

    def _written(self, statement: Statement, empty: set[str]) -> Iterator[Statement]:
        match statement:
            case Allocate(buffer=buffer, fill=fill, note=note) if buffer in self.at:
                if fill is not None or buffer in empty:
                    yield from self._filled(buffer, fill or 0.0, note)
            case Fill(buffer, value, note) if buffer in self.at:
                yield from self._filled(buffer, value, note)
            case CopyInto(target, source, note, shape) if target in self.at or source in self.at:
                yield from self._copied(target, source, shape, note)
            case Store(buffer, at, expr, note) if buffer in self.at:
                yield self._given(buffer, at, self._expr(expr), note)
            case Accumulate(Load(buffer, at, dtype), how, expr, note) if buffer in self.at:
                target = Var(self.at[buffer][at], dtype)
                yield Accumulate(target, how, self._expr(expr), note)
            case Assign():
                yield from self._assigned(statement)
            case _:
                replace_expressions(statement, self._expr)
                yield statement

    def _given(self, array: str, at: Point, expr: Expr, note: Note) -> Statement:
        return Assign((self.at[array][at],), (expr,), note)

    def _filled(self, array: str, value: float, note: Note) -> Iterator[Statement]:
        number = Number(repr(float(value)), DType.FLOAT64)
        return (self._given(array, at, number, note) for at in self.at[array])

    def _copied(self, target: str, source: str, shape: Shape, note: Note) -> Iterator[Statement]:
        for at in unrolled_points(shape):
            value = self._expr(Load(source, at, DType.FLOAT64))
            if target in self.at:
                yield self._given(target, at, value, note)
            else:
                yield Store(target, at, value, note)

    def _assigned(self, statement: Assign) -> Iterator[Statement]:
        """An exchange of two arrays hands on the elements of the one that the trip has filled."""
        names: list[str] = []
        exprs: list[Expr] = []
        for name, expr in zip(statement.names, statement.exprs, strict=True):
            if name not in self.at:
                names.append(name)
                exprs.append(self._expr(expr))
                continue
            assert isinstance(expr, Var)
            if self.arrays.handed_on.get(name) != expr.name:
                names += self.at[name].values()
                exprs += [Var(v, DType.FLOAT64) for v in self.at[expr.name].values()]
        yield Assign(tuple(names), tuple(exprs), statement.note)

    def _expr(self, expr: Expr) -> Expr:
        match expr:
            case Load(buffer, at, dtype) if buffer in self.at:
                return Var(self.at[buffer][at], dtype)
            case Apply(args=args):
                return replace(expr, args=tuple(self._expr(a) for a in args))
            case _:
                return expr


def _part_of_result(names: Names, result: str, at: Point) -> str:
    name = names.fresh()
    names.wishes[name] = ("_".join((result, *(str(d.value) for d in at))),)
    return name
