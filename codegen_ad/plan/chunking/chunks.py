"""A kernel cut into functions: loops over rows become functions that work on some chunks of them.

So threads can share the chunks, and each function is text of its own. A kernel is cut if such loops
are most of its work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from codegen_ad.ir.dims import AxisSize
from codegen_ad.ir.types import DType
from codegen_ad.ops.costs import COSTLY
from codegen_ad.plan.chunking.dealing import Chunks, chunks_of, combined, dealt
from codegen_ad.plan.chunking.fresh import Fresh
from codegen_ad.plan.chunking.row_loops import Before, RowLoop, is_over_rows, row_loop
from codegen_ad.plan.cost import weights
from codegen_ad.plan.kernel import (
    Allocate,
    Apply,
    Assign,
    Expr,
    For,
    Kernel,
    Let,
    LibraryCall,
    Number,
    Statement,
    Tiles,
    View,
    walk,
)
from codegen_ad.plan.tidying.rename import names_in
from codegen_ad.plan.tidying.uses import changed, exposed, exposed_behind, loads, mentioned

LOOPS, MOST_WORK, LIGHT = 3, 4, 8
"""At most so many loops become functions, if all but a fourth of the work is theirs; one with less
than an eighth of it stays where it is. More functions would be slower to compile, and to read."""

ROWS, OTHERS = 10**5, 16
"""Sizes for which work is compared: rows, and all others. Library calls are products of these."""

MOST_ARGUMENTS = 28
"""More than 30 arguments, the first and the last chunk among them, are a tuple in Python's byte
code, and numba does not put a function that is called so in the place of the call."""

LARGEST_COPY = 4
"""Expressions of at most so many operations are computed in each function that uses them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A function: one loop over rows, if it has `chunks`, or what stands between such loops.

    `sizes` are those that it uses.
    """

    name: str
    inputs: tuple[str, ...]
    sizes: tuple[AxisSize[str], ...]
    body: list[Statement]
    outputs: tuple[str, ...]
    chunks: Chunks | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """A kernel as functions that are called one after another; the last returns its outputs.

    `loops` are its loops over rows, `dtypes` those of the scalar variables.
    """

    kernel: Kernel
    parts: tuple[Part, ...]
    loops: tuple[For | Tiles, ...]
    dtypes: dict[str, DType]


@dataclass(slots=True)
class _Body:
    """The statements of a function to be; `chunks` if it is a loop over rows."""

    statements: list[Statement]
    chunks: Chunks | None = None
    copies: list[Statement] = field(default_factory=list[Statement])

    @property
    def whole(self) -> list[Statement]:
        return [*self.copies, *self.statements]


def cut(kernel: Kernel, rows: Collection[str]) -> Cut | None:
    """The kernel in functions, if it has a loop over rows whose chunks can be run apart.

    `rows` are the symbols that count rows of the data.
    """
    returned: set[str] = set()
    for output in kernel.outputs:
        returned |= {output} if isinstance(output, str) else set(names_in(output))
    copies = _copies(kernel)
    body = [s for s in kernel.body if not (isinstance(s, Let) and copies.get(s.name) is s)]
    loops: dict[int, RowLoop] = {}
    behind = exposed_behind(body, {k for k, s in enumerate(body) if is_over_rows(s, rows)})
    before = Before()
    for position, statement in enumerate(body):
        if position in behind:
            assert isinstance(statement, For | Tiles)
            found = row_loop(statement, before, behind[position] | returned)
            if found is not None:
                loops[position] = found
        before.add(statement)
    loops = _heavy(body, loops)
    if not loops:
        return None
    bodies = _bodies(kernel, body, loops)
    for index, one in enumerate(bodies):
        wanted = exposed(one.statements) | (returned if index == len(bodies) - 1 else set[str]())
        one.copies = _with(copies, wanted)
    return _linked(kernel, bodies, [x.loop for x in loops.values()], returned)


def _heavy(body: Sequence[Statement], loops: dict[int, RowLoop]) -> dict[int, RowLoop]:
    """The few longest loops, if they are most of the work."""
    rows = {s for loop in loops.values() for s in loop.loop.extent.symbols()}
    weight = {k: _weight(s, rows) for k, s in enumerate(body)}
    longest = sorted(loops, key=lambda k: (-weight[k], k))[:LOOPS]
    whole = sum(weight.values())
    if MOST_WORK * sum(weight[k] for k in longest) < whole * (MOST_WORK - 1):
        return {}
    return {k: loops[k] for k in sorted(longest) if weight[k] * LIGHT > whole}


def _weight(statement: Statement, rows: Collection[str]) -> int:
    """The work in a statement for sizes of which only those of rows are large."""
    calls = sum(isinstance(s, LibraryCall) for s in walk([statement]))
    return calls * ROWS * OTHERS**2 + sum(
        weight * extent.evaluate({s: ROWS if s in rows else OTHERS for s in extent.symbols()})
        for extent, weight in weights([statement])
    )


def _copies(kernel: Kernel) -> dict[str, Let]:
    """Small expressions of arguments, which are computed where they are used."""
    fixed = {p.name for p in kernel.parameters}
    known = fixed | {s.symbol for s in kernel.sizes}
    found: dict[str, Let] = {}
    for statement in kernel.body:
        if isinstance(statement, Let) and _operations(statement.expr) <= LARGEST_COPY:
            buffers = {x.buffer for x in loads(statement.expr)}
            if set(names_in(statement.expr)) <= known | found.keys() and buffers <= fixed:
                found[statement.name] = statement
    return found


def _operations(expr: Expr) -> int:
    if not isinstance(expr, Apply):
        return 0
    own = LARGEST_COPY + 1 if expr.op in COSTLY else 1
    return own + sum(map(_operations, expr.args))


def _with(copies: dict[str, Let], wanted: Collection[str]) -> list[Statement]:
    """The small expressions that are wanted, and those that they use, in order."""
    names = set(wanted)
    found: list[Statement] = []
    for name, statement in reversed(copies.items()):
        if name in names:
            found.insert(0, statement)
            names.update(names_in(statement.expr))
    return found


def _bodies(kernel: Kernel, body: Sequence[Statement], loops: dict[int, RowLoop]) -> list[_Body]:
    """What stands between the loops, and the loops; statements as late as they are needed."""
    names = Fresh(kernel)
    views = [s for s in walk(kernel.body) if isinstance(s, View)]
    shared = {n for s in views for n in (s.buffer, s.source)}
    bodies: list[_Body] = []
    waiting: list[Statement] = []
    done = 0
    for position, loop in sorted(loops.items()):
        staying, waiting = _split([*waiting, *body[done:position]], loop, shared)
        chunks = chunks_of(loop, names)
        bodies += [_Body(staying), _Body([dealt(loop, chunks, names)], chunks)]
        waiting += combined(loop, chunks, names)
        done = position + 1
    return [b for b in bodies if b.statements] + [_Body([*waiting, *body[done:]])]


def _split(
    serial: Sequence[Statement], loop: RowLoop, shared: Collection[str]
) -> tuple[list[Statement], list[Statement]]:
    """What must come before a loop, and what may wait until after it.

    What reads a value waits only if nothing that goes before it then changes that value. Memory
    that has several names, those in `shared`, may be changed by any of them.
    """
    staying: list[Statement] = []
    waiting: list[Statement] = []
    overtaking = changed([loop.loop]).union(shared)
    needed = mentioned([loop.loop]) - loop.results
    for statement in reversed(serial):
        if any(statement is s for s in loop.scratch):
            continue
        plain = isinstance(statement, Allocate) or (
            isinstance(statement, Assign) and all(isinstance(e, Number) for e in statement.exprs)
        )
        pure = isinstance(statement, Let) and overtaking.isdisjoint(mentioned([statement]))
        if (plain or pure) and needed.isdisjoint(changed([statement])):
            waiting.insert(0, statement)
        else:
            staying.insert(0, statement)
            needed |= mentioned([statement])
            overtaking |= changed([statement])
    return staying, waiting


def _linked(
    kernel: Kernel, bodies: Sequence[_Body], loops: Sequence[For | Tiles], returned: set[str]
) -> Cut | None:
    """Each body as a function, with what it takes and gives."""
    dtypes = _scalars([s for b in bodies for s in b.whole])
    sizes = {s.symbol: s for s in kernel.sizes}
    available = [*(p.name for p in kernel.parameters), *sizes]
    parts: list[Part] = []
    for body, name in zip(bodies, _names(kernel.name, bodies), strict=True):
        chunks, own, inputs = body.chunks, changed(body.statements), exposed(body.whole)
        outputs: set[str] = set()
        if body is bodies[-1]:
            inputs |= returned - changed(body.whole)
        elif chunks is None:
            behind = bodies[bodies.index(body) + 1 :]
            later = exposed([s for b in behind for s in b.whole]) | returned
            outputs = {n for n in own & later if n in dtypes or n not in available}
        else:
            inputs -= {chunks.first, chunks.last}
            available += [a.buffer for a in chunks.parts]
            available += [n for n in (chunks.chunks, *chunks.rows.symbols()) if n not in available]
            if chunks.parts:
                sizes[chunks.chunks] = AxisSize(chunks.chunks, chunks.parts[0].buffer, 0)
        if not inputs.issubset(available) or len(inputs) > MOST_ARGUMENTS:
            return None
        read = tuple(s for s in sizes.values() if s.symbol in inputs and s.array in inputs)
        inputs -= {s.symbol for s in read}
        taken = tuple(n for n in available if n in inputs)
        parts.append(Part(name, taken, read, body.whole, tuple(sorted(outputs)), chunks))
        available += sorted(outputs - set(available))
    return Cut(kernel, tuple(parts), tuple(loops), dtypes)


def _names(name: str, bodies: Sequence[_Body]) -> Iterator[str]:
    """What the functions of a kernel are called."""
    several = sum(b.chunks is not None for b in bodies) > 1
    number = 0
    for body in bodies:
        if body is bodies[-1]:
            yield f"{name}_end"
        elif body.chunks is not None:
            number += 1
            yield f"{name}_rows_{number}" if several else f"{name}_rows"
        else:
            yield f"{name}_between_{number}" if number else f"{name}_start"


def _scalars(statements: Sequence[Statement]) -> dict[str, DType]:
    """The scalar variables with their dtypes."""
    found: dict[str, DType] = {}
    for statement in walk(list(statements)):
        match statement:
            case Let(name=name, expr=expr):
                found.setdefault(name, expr.dtype)
            case Assign(names=names, exprs=exprs):
                for name, expr in zip(names, exprs, strict=True):
                    found.setdefault(name, expr.dtype)
            case _:
                pass
    return found
