"""Elements of arrays that a loop only adds to, at places that stay: variables in the loop.

`d_p[1] += term` in an inner loop loads and stores the element in every trip. LLVM can't keep it in
a register, because any other array that the loop writes might lie there, and it can't use vectors
for the loop. A variable takes the terms, and the element is given their sum behind the loop (scalar
replacement; Callahan, Carr and Kennedy 1990).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import Shape
from codegen_ad.plan.access import Point
from codegen_ad.plan.bounds import smallest
from codegen_ad.plan.element import identity
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    Check,
    For,
    Kernel,
    Load,
    Statement,
    Tiles,
    Var,
    View,
    While,
    blocks,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.rename import mentioned, names_in
from codegen_ad.plan.tidying.uses import changed

MOST = 16
"""Variables that a loop gets: a processor has as many registers for vectors, or twice as many."""


def promote(kernel: Kernel, names: Names, least: Mapping[str, int]) -> None:
    """Let loops add to variables where they add to elements at places that stay.

    `least` is the least that sizes are, by their symbols; of others it is 0.
    """
    views = {n for s in walk(kernel.body) if isinstance(s, View) for n in (s.buffer, s.source)}
    made = (s for s in walk(kernel.body) if isinstance(s, Allocate))
    shapes = {s.buffer: s.shape for s in made if s.buffer not in views}
    if shapes:
        sizes = {s.symbol: least.get(s.symbol, 0) for s in kernel.sizes}
        results = {
            array: name
            for array, name in zip(kernel.outputs, kernel.output_names, strict=True)
            if isinstance(array, str)
        }
        _Promotion(names, shapes, results).in_block(kernel.body, _Known(sizes))


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the indices in a block.

    Attributes
    ----------
    sizes : the least that sizes are, by their symbols.
    loops : the variables of the loops around, outermost first, with their sizes.
    checked : variables that are known to be indices of axes of these sizes.
    """

    sizes: Mapping[str, int]
    loops: tuple[tuple[str, Dim], ...] = ()
    checked: dict[str, Dim] = field(default_factory=dict[str, Dim])

    def is_inside(self, at: Point, shape: Shape) -> bool:
        """Whether a place is in an array of this shape, in all trips of the loops around."""
        return all(self._is_index(d, size) for d, size in zip(at, shape, strict=True))

    def _is_index(self, dim: Dim, size: Dim) -> bool:
        if any(dim == Dim.symbol(n) and size == extent for n, extent in self.checked.items()):
            return True
        return self._is_natural(dim) and self._is_natural(size - 1 - dim)

    def _is_natural(self, dim: Dim) -> bool:
        for name, extent in reversed(self.loops):
            dim = smallest(dim, name, extent)
        for symbol in set(dim.symbols()) & self.sizes.keys():
            least = dim.substitute({symbol: Dim.constant(self.sizes[symbol])})
            more = dim.substitute({symbol: Dim.constant(self.sizes[symbol] + 1)}) - least
            if more.is_constant and more.value >= 0:
                dim = least
        return dim.is_constant and dim.value >= 0


class _Promotion:
    """Goes through a kernel, outer loops first."""

    def __init__(self, names: Names, shapes: dict[str, Shape], results: dict[str, str]) -> None:
        self.names = names
        self.shapes = shapes
        self.results = results

    def in_block(self, block: list[Statement], known: _Known) -> None:
        """Change the loops of a block and those in them."""
        for statement in list(block):
            before: list[Statement] = []
            behind: list[Statement] = []
            if isinstance(statement, For | While | Tiles):
                before, behind = self._taken_out(statement, known)
            for inner in blocks(statement):
                self.in_block(inner, _within(statement, known))
            at = next(k for k, s in enumerate(block) if s is statement)
            block[at : at + 1] = [*before, statement, *behind]
            known = _behind(statement, known)

    def _taken_out(
        self, loop: For | While | Tiles, known: _Known
    ) -> tuple[list[Statement], list[Statement]]:
        """What comes before and behind a loop that adds to variables from now on."""
        places = self._places(loop, known)
        if not 0 < sum(map(len, places.values())) <= MOST:
            return [], []
        before: list[Statement] = []
        behind: list[Statement] = []
        variables: dict[tuple[str, Point], Var] = {}
        for statement in walk([loop]):
            match statement:
                case Accumulate(Load(array, at, dtype) as target, "sum") if array in places:
                    found = variables.get((array, at))
                    if found is None:
                        found = variables[array, at] = Var(self._name(array, at), dtype)
                        start = identity("sum", dtype)
                        before.append(Assign((found.name,), (start,), statement.note))
                        behind.append(Accumulate(target, "sum", found, statement.note))
                    statement.target = found
                case _:
                    pass
        return before, behind

    def _name(self, array: str, at: Point) -> str:
        if array in self.results and all(d.is_constant for d in at):
            name = self.names.fresh()
            self.names.wishes[name] = ("_".join((self.results[array], *map(str, at))),)
            return name
        node, _ = self.names.meaning.get(array, (None, ()))
        says = node is not None and node.array.rank == len(at)
        return self.names.fresh(node, at if says and all(d.is_constant for d in at) else ())

    def _places(self, loop: For | While | Tiles, known: _Known) -> dict[str, list[Point]]:
        """The places of arrays that a loop only adds to, where they stay and are apart."""
        moving = changed([loop]) | set(_counting(loop))
        found: dict[str, list[Point]] = {}
        bad: set[str] = set()
        for statement in walk([loop]):
            used = self.shapes.keys() & set(mentioned(statement))
            match statement:
                case Accumulate(Load(array, at, dtype), "sum", expr) if (
                    dtype.is_float
                    and expr.dtype is dtype
                    and array in used
                    and array not in names_in(expr)
                    and moving.isdisjoint(s for d in at for s in d.symbols())
                    and known.is_inside(at, self.shapes[array])
                ):
                    used -= {array}
                    points = found.setdefault(array, [])
                    if at not in points:
                        points.append(at)
                case _:
                    pass
            bad |= used
        return {a: p for a, p in found.items() if a not in bad and _are_apart(p)}


def _are_apart(places: Sequence[Point]) -> bool:
    """Whether no two of these places are ever the same element."""
    return all(
        any((d - e).is_constant and d != e for d, e in zip(one, two, strict=True))
        for k, one in enumerate(places)
        for two in places[:k]
    )


def _counting(loop: Statement) -> Iterator[str]:
    """The variables that a loop and those in it count by."""
    for statement in walk([loop]):
        match statement:
            case For(variable=variable, window=window):
                yield variable
                yield from () if window is None else (window.start, window.step)
            case Tiles(first=first, rows=rows, row=row):
                yield from (first, rows, row)
            case While(count=count):
                yield count
            case _:
                pass


def _within(statement: Statement, known: _Known) -> _Known:
    """What is known in the blocks of a statement."""
    if isinstance(statement, For | While | Tiles):
        moving = changed([statement])
        known = _Known(
            known.sizes, known.loops, {n: d for n, d in known.checked.items() if n not in moving}
        )
    match statement:
        case For(variable=variable, extent=extent, span=None):
            return _Known(known.sizes, (*known.loops, (variable, extent)), known.checked)
        case _:
            return known


def _behind(statement: Statement, known: _Known) -> _Known:
    """What is known behind a statement, of a block of which `known` was known before it."""
    moving = changed([statement])
    checked = {n: d for n, d in known.checked.items() if n not in moving}
    if isinstance(statement, Check):
        checked[statement.name] = statement.extent
    return _Known(known.sizes, known.loops, checked)
