"""A kernel in functions as text: each function, their calls one after another, and in threads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from codegen_ad.emit.breaking import INDENT, WIDTH, broken, called
from codegen_ad.emit.lines import Writer
from codegen_ad.emit.sizes import known_strides
from codegen_ad.emit.spell import spell, spell_dim
from codegen_ad.emit.view import (
    About,
    Helper,
    Helpers,
    head,
    imports,
    symbols_of,
    tuple_of,
    types_of,
)
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.chunking.chunks import Cut, Part
from codegen_ad.plan.chunking.dealing import Chunks
from codegen_ad.plan.cost import Cost, weights
from codegen_ad.plan.free import fixed_names
from codegen_ad.plan.kernel import Allocate, Statement, Var
from codegen_ad.plan.tiling.rows import arrays_of

_NUMPY = {DType.FLOAT32: "np.float32", DType.INT32: "np.int32"}

LONGEST_INLINED = 150
"""Lines of a part beside the loops over chunks that numba puts into the function that calls it.

numba goes through a long function in a time that grows faster than its length: 260 lines behind
an interpolation and an integral take 2.0 s by themselves, and 4.4 s in one piece.
"""

_Call = Callable[[Part], str]


@dataclass(frozen=True, slots=True)
class FunctionView:
    """One function as text: its `def` line, what it is for, its lines, and what it returns."""

    head: tuple[str, ...]
    purpose: str
    body: tuple[str, ...]
    returned: str
    is_inlined: bool = False


@dataclass(frozen=True, slots=True)
class CutView:
    """A kernel in functions as text; `whole` calls them in order, `threads` lets threads share."""

    source: str
    summary: str
    types: tuple[str, ...]
    cost: tuple[str, ...]
    imports: tuple[str, ...]
    helpers: tuple[Helper, ...]
    parts: tuple[FunctionView, ...]
    whole: FunctionView
    threads: FunctionView


def cut_view(
    cut: Cut, about: About, cost: Cost, helpers: Helpers, *, vectorise: bool = True
) -> CutView:
    """The functions as text for a template; parameters as in `view`."""
    kernel = cut.kernel
    parameters = frozenset(p.name for p in kernel.parameters)
    taken = fixed_names(kernel)
    shapes = {name: array.shape for name, array in arrays_of(kernel).items()}
    parts: list[FunctionView] = []
    for part in cut.parts:
        if _is_inline(cut, part):
            continue
        writer = Writer(about.function, parameters, taken, vectorise=vectorise)
        if part.body:
            writer.block(part.body, 0)
        sizes = [str(s) for s in part.sizes]
        returned = _results(cut) if part is cut.parts[-1] else tuple_of(list(part.outputs))
        if part.chunks is not None:
            returned = ""
        dealing = _dealing(part.chunks)
        names = [*dealing, *(n for n in part.inputs if n not in dealing)]
        outside = {n: shapes[n] for n in part.inputs if n in shapes}
        body = (*sizes, *known_strides(outside, part.body), *writer.lines)
        parts.append(
            FunctionView(
                head(part.name, names),
                _purpose(cut, part),
                body,
                returned,
                is_inlined=part.chunks is not None or len(body) <= LONGEST_INLINED,
            )
        )
    share = "share"
    while share in parameters:
        share += "_"
    whole = _calls(cut, lambda p: f"{p.name}(0, {_count(p)}, ", in_python=False)
    threads = _calls(cut, lambda p: f"{share}({p.name}, {_count(p)}, ", in_python=True)
    names = [p.name for p in kernel.parameters]
    lines = [line for p in parts for line in (*p.body, p.returned)]
    found = helpers("\n".join(lines))
    text = (*lines, *whole, *threads, *(h.text for h in found))
    name = in_threads(kernel.name)
    return CutView(
        about.source,
        about.summary,
        types_of(kernel),
        cost.lines(),
        imports(text),
        found,
        tuple(parts),
        FunctionView(head(kernel.name, names), "", tuple(whole[:-1]), whole[-1]),
        FunctionView(
            head(name, [share, *names]),
            f"Compute the same, bit for bit: `{share}` calls a function for parts of its chunks.",
            tuple(threads[:-1]),
            threads[-1],
        ),
    )


def sharing(cut: Cut, known: Collection[str]) -> dict[str, Any]:
    """The function that threads share, and the work in its loops: weights, and how often.

    `known` are the sizes that the arguments tell.
    """
    work = [
        (weight, str(extent))
        for loop in cut.loops
        for extent, weight in weights([loop])
        if set(extent.symbols()).issubset(known)
    ]
    return {"function": in_threads(cut.kernel.name), "work": work}


def in_threads(name: str) -> str:
    """The name of the function that lets threads share the chunks of a kernel."""
    return f"{name}_in_threads"


def _dealing(chunks: Chunks | None) -> list[str]:
    """The parameters of a function that say which chunks it works on, and of how many rows."""
    if chunks is None:
        return []
    return [chunks.first, chunks.last, *chunks.rows.symbols()]


def _count(part: Part) -> str:
    """The further arguments of a call for chunks: how many there are, and of how many rows."""
    assert part.chunks is not None
    return ", ".join((part.chunks.chunks, *part.chunks.rows.symbols()))


def _purpose(cut: Cut, part: Part) -> str:
    chunks = part.chunks
    if chunks is None:
        last = part is cut.parts[-1]
        return "" if not last else "Compute the results from what the chunks of rows left."
    rows = spell_dim(chunks.rows) if chunks.rows.is_constant else "as many"
    first, last = chunks.first, chunks.last
    if not chunks.parts:
        return f"Compute the chunks `{first}` up to `{last}`, of {rows} rows each."
    names = " and ".join(f"`{a.buffer}`" for a in chunks.parts)
    where = names if len(chunks.parts) < 3 else "the last arrays"
    return f"Add up each of the chunks `{first}` up to `{last}`, of {rows} rows, into {where}."


def _calls(cut: Cut, call: _Call, *, in_python: bool) -> list[str]:
    """The calls of all functions, as lines; the last is what is returned."""
    lines: list[str] = []
    used: set[str] = set()
    for part in cut.parts:
        used.update(part.inputs)
        dealing = _dealing(part.chunks)
        arguments = ", ".join(n for n in part.inputs if n not in dealing)
        if part.chunks is not None:
            deal = [line for line in _deal(part.chunks) if line not in lines]
            used.update(s for line in deal for s in symbols_of(line))
            lines += deal
            lines += _broken(f"{call(part)}{arguments})")
        elif _is_inline(cut, part):
            lines += _lines(part.body)
        elif part is not cut.parts[-1]:
            outputs = f"{', '.join(part.outputs)} = " if part.outputs else ""
            lines += broken(f"{outputs}{part.name}({arguments})", WIDTH - len(INDENT))
            for name in part.outputs if in_python else ():
                kind = _NUMPY.get(cut.dtypes.get(name, DType.FLOAT64))
                lines += [f"{name} = {kind}({name})"] if kind else []
    last = cut.parts[-1]
    sizes = [str(s) for s in cut.kernel.sizes if s.symbol in used]
    end = called(last.name, last.inputs, WIDTH - len(f"{INDENT}return "))
    returned = _results(cut) if _is_inline(cut, last) else f"\n{INDENT}".join(end)
    return [*sizes, *lines, returned]


def _is_inline(cut: Cut, part: Part) -> bool:
    """Whether a part only makes arrays: that is no function, and the same in Python."""
    if part.chunks is not None or not all(isinstance(s, Allocate) for s in part.body):
        return False
    numbers = (o for o in cut.kernel.outputs if not isinstance(o, str))
    return part is not cut.parts[-1] or all(isinstance(o, Var) for o in numbers)


def _results(cut: Cut) -> str:
    return tuple_of([o if isinstance(o, str) else spell(o) for o in cut.kernel.outputs])


def _deal(chunks: Chunks) -> list[str]:
    """How many rows a chunk has and how many chunks there are, and room for what they leave."""
    count = spell_dim(chunks.extent + chunks.rows - 1)
    lines: list[str] = []
    if not chunks.rows.is_constant:
        known = max((d.value for d in chunks.least if d.is_constant), default=1)
        least = [spell_dim(Dim.constant(known))]
        least += [spell_dim(d) for d in chunks.least if not d.is_constant]
        lines.append(f"{spell_dim(chunks.rows)} = max({', '.join(least)})")
        lines.append(f"{chunks.chunks} = ({count}) // {spell_dim(chunks.rows)}")
    else:
        whole = (chunks.extent + chunks.rows - 1) // chunks.rows.value
        lines.append(f"{chunks.chunks} = {spell_dim(whole)}")
    return [*lines, *_lines(chunks.parts)]


def _lines(statements: Sequence[Statement]) -> list[str]:
    """Arrays that are made, as lines."""
    writer = Writer("", frozenset())
    for statement in statements:
        writer.statement(statement, 0)
    return writer.lines


def _broken(line: str) -> list[str]:
    """A call alone, its arguments on a line of their own where it is long."""
    name, inside = line.removesuffix(")").split("(", 1)
    return called(name, inside.split(", "), WIDTH - len(INDENT))
