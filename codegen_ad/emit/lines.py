"""Statements as lines of Python for numba on the CPU."""

from __future__ import annotations

from collections.abc import Set

from codegen_ad.emit.breaking import INDENT, WIDTH, called
from codegen_ad.emit.matrix_calls import matrix_call, place
from codegen_ad.emit.spell import (
    spell,
    spell_dim,
    spell_element,
    spell_literal,
    spell_opposite,
    spell_pattern,
    spell_shape,
    spell_text,
    tree,
)
from codegen_ad.emit.writing import BlockWriter
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.free import letters
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    Check,
    CheckRange,
    CopyInto,
    Expr,
    Fill,
    For,
    Grow,
    If,
    Let,
    LibraryCall,
    MatrixVector,
    Need,
    Note,
    Product,
    Raise,
    Statement,
    Store,
    Tiles,
    Var,
    View,
    While,
)

_AUGMENTED = {"sum": "+=", "prod": "*="}

_NOT_NEGATIVE = "  # so that no index counts from the end"


class Writer(BlockWriter):
    """Writes the body of a function of numba's on the CPU."""

    def __init__(
        self,
        function: str,
        parameters: frozenset[str],
        taken: Set[str] = frozenset(),
        *,
        vectorise: bool = True,
    ) -> None:
        """`taken` are the names of the kernel that the body is a part of, but loop variables."""
        super().__init__(function)
        self.taken = set(taken)
        self.may_vectorise = vectorise
        self.vectorise = False  # the innermost loop's trips are independent
        self.parameters = parameters
        self.differences: set[Dim] = set()  # lengths, as `n - 2`, of arrays made so far

    def spell(self, expr: Expr) -> str:
        """The text of an expression, for the loop it stands in."""
        return spell(expr, vectorise=self.vectorise)

    def statement(self, statement: Statement, depth: int) -> None:
        """Write one statement and what is in it."""
        match statement:
            case Let(name, expr):
                self.assign(name, expr, depth)
            case Assign((name,), (expr,)):
                self.assign(name, expr, depth)
            case Assign(names, exprs):
                self.lines_of(f"{', '.join(names)} = {', '.join(map(self.spell, exprs))}", depth)
            case Accumulate():
                self._accumulate(statement, depth)
            case Store(buffer, indices, expr):
                self.assign(spell_element(buffer, indices), expr, depth)
            case Allocate():
                self._allocate(statement, depth)
            case Fill(buffer, value):
                dtype = DType.INT64 if isinstance(value, int) else DType.FLOAT64
                self.line(f"{buffer}[:] = {spell_literal(value, dtype)}", depth)
            case CopyInto(target=target, source=source, shape=shape):
                self.copy(target, source, shape, depth)
            case View(buffer, source, shape):
                text = f"np.ascontiguousarray({source}).reshape({spell_shape(shape)})"
                self.line(f"{buffer} = {text}", depth)
            case LibraryCall():
                self._call(statement, depth)
            case Product():
                self._product(statement, depth)
            case MatrixVector():
                self._matrix_vector(statement, depth)
            case Check():
                self._check(statement, depth)
            case CheckRange(count, extent, axis, note):
                self.line(f"if {spell_dim(count)} > {spell_dim(extent)}:", depth)
                self._raise_index_error(note, axis, depth + 1)
            case For():
                self._for(statement, depth)
            case Tiles():
                self._tiles(statement, depth)
            case While(test, condition, body):
                self.line("while True:", depth)
                self.vectorise, around = False, self.vectorise
                self.block(test, depth + 1) if test else None
                self.line(f"if {spell_opposite(condition)}:", depth + 1)
                self.line("break", depth + 2)
                self.block(body, depth + 1)
                self.vectorise = around
            case Need():
                raise AssertionError("only kernels of a device tell what they need")
            case Grow(buffers, count):
                self._grow(buffers, count, depth)
            case Raise():
                self._raise(statement, depth)
            case If(condition, then, otherwise):
                self.line(f"if {spell(condition)}:", depth)
                self.block(then, depth + 1)
                if otherwise:
                    self.line("else:", depth)
                    self.block(otherwise, depth + 1)

    def copy(self, target: str, source: str, shape: Shape, depth: int) -> None:
        """Write loops that copy an array: numba takes seconds to compile `target[:] = source`.

        Their trips are those of the other loops over the axis: where arrays change their names
        in each step, loops over `target.shape` are several times slower.
        """
        free = iter(letters(len(shape), self.taken))
        names = ["0" if dim == ONE else next(free) for dim in shape]
        for name, dim in zip(names, shape, strict=True):
            if dim != ONE:
                self.line(f"for {name} in range({spell_dim(dim)}):", depth)
                depth += 1
        index = ", ".join(names)
        self.line(f"{target}[{index}] = {source}[{index}]", depth)

    def _tiles(self, statement: Tiles, depth: int) -> None:
        size, extent = statement.size, spell_dim(statement.extent)
        text = f"# In tiles of {size} rows; {statement.remark}."
        if statement.carried:
            text = f"# In blocks of {size} steps; their outer products are added behind each block."
        self.line(text, depth)
        window = statement.window
        if window is None:
            self.line(f"for {statement.first} in range(0, {extent}, {size}):", depth)
        else:
            stop = f"min({spell_dim(window.first + window.count)}, {extent})"
            self.line(
                f"for {window.step} in range({spell_dim(window.first)}, {stop}, {size}):", depth
            )
            self.line(f"{statement.first} = max({window.step}, 0){_NOT_NEGATIVE}", depth + 1)
        self.line(f"{statement.rows} = min({size}, {extent} - {statement.first})", depth + 1)
        self._last = None
        self.block(statement.body, depth + 1)

    def _extent(self, dim: Dim) -> str:
        """A number of trips, or of elements.

        LLVM does not vectorise a loop over `n - 2` that it knows not to be negative from the
        length of an array; so both say what holds where it is negative.
        """
        text = spell_dim(dim)
        return f"max({text}, 0)" if dim in self.differences else text

    def _for(self, loop: For, depth: int) -> None:
        extent, window = self._extent(loop.extent), loop.window
        if loop.remark:
            self.line(f"# {loop.remark}", depth)
        if window is not None:
            start, step = window.start, window.step
            self.line(f"{start} = max({spell_dim(window.first)}, 0){_NOT_NEGATIVE}", depth)
            count = f"min({spell_dim(window.count)}, {extent} - {start})"
            self.line(f"for {step} in range({count}):", depth)
            self.line(f"{loop.variable} = {start} + {step}", depth + 1)
        elif loop.span is not None:
            first, last = map(spell_dim, loop.span)
            self.line(f"for {loop.variable} in range({first}, {last}):", depth)
        else:
            self.line(f"for {loop.variable} in range({extent}):", depth)
        self.vectorise, around = self.may_vectorise and not loop.carried, self.vectorise
        inside = {loop.variable, *((window.step,) if window is not None else ())} - self.taken
        self.taken |= inside
        self.block(loop.body, depth + 1)
        self.taken -= inside
        self.vectorise = around

    def _accumulate(self, statement: Accumulate, depth: int) -> None:
        target, expr = spell(statement.target), statement.expr
        total = statement.how == "sum" and isinstance(statement.target, Var)
        if total and expr.dtype.is_float and self.vectorise:
            text = f"{target} = plus({target}, {self.spell(expr)})"
            self.lines_of(text, depth)
        elif statement.how in _AUGMENTED:
            self.assign(target, expr, depth, _AUGMENTED[statement.how])
        elif statement.how in ("any", "all"):
            combined = "total or x" if statement.how == "any" else "total and x"
            self._combine(statement, combined, depth)
        else:
            # A nan, once met, stays: it is neither above nor equal to anything.
            sign = ">" if statement.how == "max" else "<"
            self._combine(statement, f"x if x {sign} total or x != x else total", depth)

    def _combine(self, statement: Accumulate, pattern: str, depth: int) -> None:
        """Give `total` a new value made of itself and of `x`."""
        parts = {
            "total": tree(statement.target),
            "x": tree(statement.expr, vectorise=self.vectorise),
        }
        text = spell_pattern(pattern, parts)
        self.lines_of(f"{spell(statement.target)} = {text}", depth)

    def _allocate(self, statement: Allocate, depth: int) -> None:
        self.differences |= {d for d in statement.shape[-1:] if _is_less(d)}
        shape, dtype = spell_shape(statement.shape, self._extent), ""
        if statement.dtype is not DType.FLOAT64:
            dtype = f", dtype=np.{statement.dtype.numpy_name}"
        if statement.fill is None:
            text = f"np.empty({shape}{dtype})"
        elif statement.fill == 0:
            text = f"np.zeros({shape}{dtype})"
        else:
            literal = spell_literal(statement.fill, statement.dtype)
            text = f"np.full({shape}, {literal}{dtype})"
        self.line(f"{statement.buffer} = {text}", depth)

    def _call(self, statement: LibraryCall, depth: int) -> None:
        arguments = [
            self._argument(a, t, statement.at)
            for a, t in zip(statement.arguments, statement.transposed, strict=True)
        ]
        if statement.into:
            out = place(statement.results[0], statement.at)
            self.line(f"np.dot({', '.join(arguments)}, out={out})", depth)
            return
        if statement.function == "argsort":
            text = f'np.argsort({arguments[0]}, kind="mergesort")'
            self.line(f"{statement.results[0]} = {text}", depth)
            return
        if statement.function == "positions":
            self.line(f"{statement.results[0]} = np.flatnonzero({arguments[0]})", depth)
            return
        room = WIDTH - len(INDENT) * (depth + self.margin)
        origin = statement.note.origin
        where = self.where(origin) if origin is not None else ""
        for line in matrix_call(statement, where, room):
            self.line(line, depth)

    def _product(self, statement: Product, depth: int) -> None:
        result, right = (place(x.buffer, x.indices) for x in (statement.result, statement.right))
        left = self._argument(statement.left.buffer, False, statement.left.indices)
        if statement.part is None:
            self.line(f"tile_product({left}, {right}, {result})", depth)
        else:
            rows = spell_dim(statement.rows)
            name = "add_outer_products" if statement.by_steps else "add_product"
            self.line(f"{name}({result}, {left}, {right}, {rows}, {statement.part})", depth)

    def _matrix_vector(self, statement: MatrixVector, depth: int) -> None:
        parts = (statement.result, statement.matrix, statement.vector)
        result, matrix, vector = (place(p.buffer, p.indices) for p in parts)
        if statement.tile is not None:
            first, rows = statement.tile
            matrix = f"{matrix}[{spell_dim(first)} : {spell_dim(first + rows)}]"
            if statement.by_rows:
                result = f"{result}[:{spell_dim(rows)}]"
            else:
                vector = f"{vector}[:{spell_dim(rows)}]"
        if statement.by_rows:
            self.lines_of(f"add_matrix_vector({result}, {matrix}, {vector})", depth)
        else:
            self.lines_of(f"add_vector_matrix({result}, {vector}, {matrix})", depth)

    def _argument(self, name: str, transposed: bool, at: tuple[Dim, ...]) -> str:
        # Only a parameter can be strided in a way that BLAS can't read.
        text = place(name, at)
        text = f"np.ascontiguousarray({text})" if name in self.parameters else text
        return f"{text}.T" if transposed else text

    def _check(self, statement: Check, depth: int) -> None:
        name, size = statement.name, spell_dim(statement.extent)
        self.line(f"if {name} < 0:", depth)
        self.line(f"{name} += {size}", depth + 1)
        self.line(f"if {name} < 0 or {name} >= {size}:", depth)
        self._raise_index_error(statement.note, statement.axis, depth + 1)

    def _raise_index_error(self, note: Note, axis: int, depth: int) -> None:
        line = f"{self.where(note.origin)}: " if note.origin is not None else ""
        self.line(f'raise IndexError("{line}index is out of bounds for axis {axis}")', depth)

    def _raise(self, statement: Raise, depth: int) -> None:
        if statement.message is None:
            self.line(f"raise {statement.exception}", depth)
            return
        given = [spell_text(statement.message), *map(self.spell, statement.shown)]
        room = WIDTH - len(INDENT) * (depth + self.margin)
        for line in called(f"raise {statement.exception}", given, room):
            self.line(line, depth)

    def _grow(self, buffers: tuple[str, ...], count: str, depth: int) -> None:
        self.line(f"if {count} == {buffers[0]}.shape[0]:", depth)
        for buffer in buffers:
            self.line(f"{buffer} = with_more_room({buffer})", depth + 1)


def _is_less(dim: Dim) -> bool:
    """Whether a size is a few less than another one."""
    return any(not names and count < 0 for names, count in dim.terms)
