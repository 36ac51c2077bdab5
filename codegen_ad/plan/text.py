"""The text form of a kernel plan: what `explain` shows. It never decides anything.

One line a statement, loops indented, `# line 3` where the user's line changes, `gradient` where the
statement belongs to the derivative. Buffers say what they are kept for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from codegen_ad.ir.dims import AxisSize, Dim
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
    Kernel,
    Let,
    LibraryCall,
    Load,
    MatrixVector,
    Need,
    Note,
    Number,
    Product,
    Raise,
    Statement,
    Store,
    Tiles,
    Var,
    View,
    While,
    blocks,
)

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==",
    "not_equal": "!=", "logical_and": "and", "logical_or": "or",
}  # fmt: skip
_TIGHT = 3
COMBINE = {"sum": "+=", "prod": "*=", "any": "|=", "all": "&="}


def kernel_text(kernel: Kernel) -> str:
    """The plan as text."""
    head = ", ".join(f"{p.name}: {_type(str(p.dtype), p.shape)}" for p in kernel.parameters)
    lines = [f"kernel {kernel.name}({head}) {{"]
    lines += [f"  {_size(s)}" for s in kernel.sizes]
    lines += _block(kernel.body, "  ", _uses(kernel))
    outputs = [o if isinstance(o, str) else expression_text(o) for o in kernel.outputs]
    named = zip(kernel.output_names, outputs, strict=True)
    lines.append(f"  return {', '.join(o if n == o else f'{n}={o}' for n, o in named)}")
    lines.append("}")
    return "\n".join(lines) + "\n"


def expression_text(expr: Expr) -> str:
    """A scalar expression: infix where it is usual, by the operation's name elsewhere."""
    match expr:
        case Var(name):
            return name
        case Number(text):
            return text
        case Index(dim):
            return str(dim)
        case Load(buffer, indices):
            return _element(buffer, indices)
        case Apply(op, (first, second)) if op in INFIX:
            level = _level(expr)
            return f"{_operand(first, level)} {INFIX[op]} {_operand(second, level + 1)}"
        case Apply("negative", (arg,)):
            return f"-{_operand(arg, _TIGHT)}"
        case Apply("cast", (arg,), dtype):
            return f"{dtype}({expression_text(arg)})"
        case Apply(op, args):
            return f"{op}({', '.join(map(expression_text, args))})"


def _operand(expr: Expr, level: int) -> str:
    """The expression, in parentheses if it binds less tightly than `level`."""
    text = expression_text(expr)
    return f"({text})" if _level(expr) < level else text


def _level(expr: Expr) -> int:
    """How tightly an expression binds: comparisons least, then sums, then products."""
    match expr:
        case Apply("add" | "subtract" | "negative"):
            return 1
        case Apply("multiply" | "divide"):
            return 2
        case Apply(op) if op in INFIX:
            return 0
        case _:
            return _TIGHT


def _element(buffer: str, indices: tuple[Dim, ...]) -> str:
    return f"{buffer}[{', '.join(map(str, indices))}]"


def _size(size: AxisSize[str]) -> str:
    part = f" over {size.divisor}" if size.divisor > 1 else ""
    return f"{size.symbol} = size of {size.array} along axis {size.axis}{part}"


def _type(dtype: str, shape: tuple[Dim, ...]) -> str:
    return f"{dtype}[{', '.join(map(str, shape))}]" if shape else dtype


def _block(statements: Iterable[Statement], indent: str, uses: dict[str, str]) -> Iterator[str]:
    last: str | None = None
    for statement in statements:
        place = _place(statement.note)
        if place and place != last:
            yield f"{indent}# {place}"
            last = place
        yield from _statement(statement, indent, uses)


def _place(note: Note) -> str:
    if note.origin is None:
        return ""
    gradient = "gradient of " if note.gradient else ""
    return f"{gradient}line {note.origin.line}: {note.origin.text}"


def _statement(statement: Statement, indent: str, uses: dict[str, str]) -> Iterator[str]:
    inner = indent + "  "
    match statement:
        case For(variable, extent, body):
            yield f"{indent}for {variable} < {extent} {{"
            yield from _block(body, inner, uses)
            yield f"{indent}}}"
        case Tiles(first, rows, _, extent, size, body, carried=carried):
            tiles, each = ("blocks", "steps") if carried else ("tiles", "rows")
            yield f"{indent}for {first} < {extent} in {tiles} of {size}, each of {rows} {each} {{"
            yield from _block(body, inner, uses)
            yield f"{indent}}}"
        case While(test, condition, body, count):
            yield f"{indent}while, counted by {count} {{"
            yield from _block(test, inner, uses)
            yield f"{inner}leave unless {expression_text(condition)}"
            yield from _block(body, inner, uses)
            yield f"{indent}}}"
        case If(condition, then, otherwise):
            yield f"{indent}if {expression_text(condition)} {{"
            yield from _block(then, inner, uses)
            if otherwise:
                yield f"{indent}}} else {{"
                yield from _block(otherwise, inner, uses)
            yield f"{indent}}}"
        case _:
            yield f"{indent}{_simple(statement, uses)}"


def _simple(statement: Statement, uses: dict[str, str]) -> str:
    match statement:
        case Let(name, expr):
            return f"{name} = {expression_text(expr)}"
        case Assign(names, exprs):
            return f"{', '.join(names)} := {', '.join(map(expression_text, exprs))}"
        case Accumulate(target, how, expr):
            left, right = expression_text(target), expression_text(expr)
            return f"{left} {COMBINE[how]} {right}" if how in COMBINE else f"{left} {how}= {right}"
        case Store(buffer, indices, expr):
            return f"{_element(buffer, indices)} = {expression_text(expr)}"
        case Allocate(buffer, shape, dtype, fill):
            filled = "" if fill is None else f" filled with {fill:g}"
            why = f"   ; {uses[buffer]}" if buffer in uses else ""
            return f"allocate {buffer}: {_type(str(dtype), shape)}{filled}{why}"
        case Fill(buffer, value):
            return f"fill {buffer} with {value:g}"
        case CopyInto(target=target, source=source):
            return f"copy {source} into {target}"
        case View(buffer, source, shape):
            return f"view {buffer}: [{', '.join(map(str, shape))}] of {source}"
        case LibraryCall(results, function, arguments, transposed, at=at):
            flags = transposed or (False,) * len(arguments)
            given = [f"{a}.T" if t else a for a, t in zip(arguments, flags, strict=False)]
            given += [str(option) for option in statement.options]
            arrow = "written into" if statement.into or at else "gives"
            where = f" at {', '.join(map(str, at))}" if at else ""
            return f"call {function}({', '.join(given)}){where} {arrow} {', '.join(results)}"
        case Product(result, left, right, adds=adds, by_steps=by_steps):
            sign, turned = ("+=", ".T") if adds else ("=", "")
            first, second = expression_text(left), expression_text(right)
            both = f"{first}.T @ {second}" if by_steps else f"{first} @ {second}{turned}"
            return f"{expression_text(result)} {sign} {both}"
        case MatrixVector(result, matrix, vector, by_rows=by_rows, tile=tile):
            both = (matrix, vector) if by_rows else (vector, matrix)
            rows = "" if tile is None else f" for {tile[1]} rows from {tile[0]} on"
            return f"{expression_text(result)} += {' @ '.join(map(expression_text, both))}{rows}"
        case Check(name, extent, axis):
            return f"check that {name} is an index of axis {axis}, of size {extent}"
        case CheckRange(count, extent, axis):
            return f"check that {count} is at most the size of axis {axis}, {extent}"
        case Grow(buffers, count):
            return f"make room in {', '.join(buffers)} for row {count}"
        case Need(place, rows):
            return f"tell, as number {place}, that {expression_text(rows)} rows are needed"
        case Raise(exception, message, shown):
            parts = [*([] if message is None else [repr(message)]), *map(expression_text, shown)]
            return f"raise {exception}({', '.join(parts)})"
        case For() | Tiles() | While() | If():
            raise AssertionError("blocks are printed by `_statement`")


# What buffers are kept for ------------------------------------------------------------------------


def _uses(kernel: Kernel) -> dict[str, str]:
    """For each buffer, why it exists: it is an output, or who reads it."""
    readers: dict[str, dict[str, None]] = {}
    for statement, note in _noted(kernel.body, Note()):
        line = f"line {note.origin.line}" if note.origin is not None else "the kernel"
        who = f"the gradient of {line}" if note.origin is not None and note.gradient else line
        for buffer in _read(statement):
            readers.setdefault(buffer, {})[who] = None
    found = {b: f"read by {', '.join(names)}" for b, names in readers.items()}
    outputs = dict(zip(kernel.outputs, kernel.output_names, strict=True))
    return found | {b: f"the output {name}" for b, name in outputs.items() if isinstance(b, str)}


def _noted(statements: list[Statement], outer: Note) -> Iterator[tuple[Statement, Note]]:
    """All statements with their note, or with that of the block around them."""
    for statement in statements:
        note = outer if statement.note.origin is None else statement.note
        yield statement, note
        for block in blocks(statement):
            yield from _noted(block, note)


def _read(statement: Statement) -> Iterator[str]:
    match statement:
        case Let(expr=expr) | Store(expr=expr) | Accumulate(expr=expr):
            yield from _loaded(expr)
        case Assign(exprs=exprs):
            for expr in exprs:
                yield from _loaded(expr)
        case CopyInto(source=source) | View(source=source):
            yield source
        case LibraryCall(arguments=arguments):
            yield from arguments
        case Product(left=left, right=right) | MatrixVector(matrix=left, vector=right):
            yield left.buffer
            yield right.buffer
        case While(condition=condition) | If(condition=condition):
            yield from _loaded(condition)
        case _:
            pass


def _loaded(expr: Expr) -> Iterator[str]:
    match expr:
        case Load(buffer):
            yield buffer
        case Apply(args=args):
            for arg in args:
                yield from _loaded(arg)
        case _:
            pass
