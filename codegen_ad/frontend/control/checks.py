"""`assert` and `raise` where they depend on data: kept as checks that the program computes.

The number of the first check that failed is a storage like any other, so that branches and loops
carry it by themselves. What follows a failed check still runs, on values that nobody will see;
loops that might not end without the check ask for the number.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from codegen_ad.errors import CodegenError
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.sizes.symbolic import Restart
from codegen_ad.frontend.values import Array, Cell, Outside, Provenance
from codegen_ad.ir.builder import Scope, is_constant_expression
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Access, Checks, Failure, Kind, Node, toposort
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.control import BRANCH, Branch
from codegen_ad.source import Location

if TYPE_CHECKING:
    from codegen_ad.frontend.control.sides import Side
    from codegen_ad.frontend.machine import Machine


@dataclass(frozen=True, slots=True)
class Text:
    """A message: static text, or a format string and the numbers that it shows."""

    template: str | None
    values: tuple[Value, ...] = ()


class Over(Exception):
    """Every path from here raises: reading goes on at the decision that led here."""

    def __init__(self, failure: Raised, where: Location | None) -> None:
        super().__init__()
        self.failure = failure
        self.where = where


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception of the user's, as it stands: its number, and what its message shows."""

    number: int
    values: tuple[tuple[int, Node], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a check is: the way to its function, its line there, and the user's own exception."""

    function: Provenance
    row: int
    cls: Provenance


@dataclass(slots=True)
class Log:
    """The failures found so far, and the storages of the first one's number and values.

    `accesses` are those whose places the run has to check; none are noted where the log is closed.
    """

    code: Cell = field(default_factory=lambda: Cell("failed"))
    numbers: dict[Failure, int] = field(default_factory=dict[Failure, int])
    places: dict[int, Place] = field(default_factory=dict[int, Place])
    cells: list[Cell] = field(default_factory=list[Cell])
    counters: set[Node] = field(default_factory=set[Node])
    accesses: set[Access] = field(default_factory=set[Access])
    closed: bool = False


def start(m: Machine) -> None:
    """Nothing has failed yet. A function without checks has no number of a failure."""
    if not m.facts.checks:
        return
    m.store[m.log.code] = make.constant(m.b, 0, DType.INT64)
    for number, dtype in enumerate(m.facts.shown):
        cell = Cell(f"shown_{number}")
        m.log.cells.append(cell)
        m.store[cell] = make.constant(m.b, 0, dtype)


def finish(m: Machine) -> Checks | None:
    """The checks of the program, once all of it has been read."""
    if not may_have_failed(m):
        return None
    values = tuple(m.store[c] for c in m.log.cells)
    for node, cell in zip((m.store[m.log.code], *values), (m.log.code, *m.log.cells), strict=True):
        m.b.notes.names.setdefault(node, cell.label)
    return Checks(m.store[m.log.code], values, tuple(m.log.numbers))


def may_have_failed(m: Machine) -> bool:
    """Whether a check has been met on the way here."""
    return m.facts.checks and make.constant_value(m.store[m.log.code]) != 0


def passed(m: Machine) -> Node:
    """Whether no check has failed so far, as a condition."""
    zero = make.constant(m.b, 0, DType.INT64)
    return make.apply(m.b, "equal", m.store[m.log.code], zero)


def fail(m: Machine, raised: Raised, condition: Node | None = None) -> None:
    """Note a failure, where the condition holds and nothing has failed before."""
    b, store = m.b, m.store
    first = condition
    if may_have_failed(m):
        first = passed(m) if first is None else make.apply(b, "logical_and", first, passed(m))

    def change(cell: Cell, node: Node) -> None:
        store[cell] = node if first is None else make.where(b, first, node, store[cell])

    for number, node in raised.values:
        change(m.log.cells[number], node)
    change(m.log.code, make.constant(b, raised.number, DType.INT64))


def leave(m: Machine, scope: Scope, failure: Raised) -> dict[Cell, Node]:
    """What the checks hold at the end of a side that raises; empty if it does nothing else."""
    outer = m.store
    own = set(scope.table.values())
    cells = (m.log.code, *m.log.cells)
    if not any(outer[c] in own for c in cells) and not any(n in own for _, n in failure.values):
        return {}
    fail(m, failure)
    return {c: m.store[c] for c in cells}


def join(m: Machine, condition: Node, side: Side) -> None:
    """Go on without the side of a decision that raises; what failed on the way there counts."""
    assert side.raised is not None
    if not side.checks:
        fail(m, side.raised, condition)
        return
    b = m.b
    changed = [c for c, node in side.checks.items() if node is not m.store[c]]
    before = [m.store[c] for c in changed]
    after, captured = side.scope.close([side.checks[c] for c in changed])
    known = [n for n in before if not is_constant_expression(n)]
    outer = list(dict.fromkeys([*captured, *known]))
    with b.at(None):
        params = Branch(b.enclose((), after, outer), b.enclose((), before, outer))
    results = b.results(b.node(BRANCH, (condition, *outer), params))
    for cell, result in zip(changed, results, strict=True):
        m.store[cell] = result


def require(m: Machine, condition: Node, message: ast.expr | None) -> None:
    """`assert` on data."""
    origin = m.b.notes.origins.get(condition)
    raised = _raised(m, "AssertionError", (), message_of(m, message))
    with m.b.at(origin):
        fail(m, raised, make.apply(m.b, "logical_not", condition))


def refuse_when(m: Machine, condition: Node, exception: str, message: str) -> None:
    """What Python itself would raise here."""
    fail(m, _raised(m, exception, (), Text(message)), condition)


def raise_(m: Machine, error: ast.expr | None) -> NoReturn:
    """`raise` where a decision on data has led: all other paths go on."""
    if error is None:
        m.refuse("`raise` without an exception is not translated.", "Raise a new exception.")
    name, path, message = _exception(m, error)
    raise Over(_raised(m, name, path, message), m.where())


@contextmanager
def none_in(m: Machine, where: str) -> Generator[None]:
    """Refuse checks in what is read meanwhile: nothing carries them out of there."""
    before, closed = m.store.get(m.log.code), m.log.closed
    m.log.closed = True
    try:
        yield
    finally:
        m.log.closed = closed
    if m.store.get(m.log.code) is not before:
        m.refuse(
            f"A check that depends on data (`assert`, `raise`) in {where} is not translated.",
            "Check before it, or in the body of the function itself.",
        )


def guarded(m: Machine, index: Node) -> Node:
    """A place that depends on data; 0 where a check has failed, so that the check is what raises.

    Counters of loops are within their axes whatever has failed, and stay as they are.
    """
    if not may_have_failed(m) or _is_counted(m, index):
        return index
    zero = make.full(m.b, index.array.shape, 0, index.array.dtype)
    ok = make.broadcast_to(m.b, passed(m), index.array.shape)
    return make.where(m.b, ok, index, zero)


def _is_counted(m: Machine, index: Node) -> bool:
    cheap = (Kind.CONSTANT, Kind.ELEMENTWISE, Kind.MOVEMENT)
    return all(n in m.log.counters or n.op.kind in cheap for n in toposort((index,)))


def fails(m: Machine, exception: str, message: Text) -> NoReturn:
    """A check that is known to fail where a decision on data has led."""
    raise Over(_raised(m, exception, (), message), m.where())


def _raised(m: Machine, exception: str, path: Provenance, message: Text) -> Raised:
    if not m.facts.checks:
        m.facts.checks = True
        raise Restart
    # A lambda has no statement; its expression is its outermost spot.
    statement = next((s for s in reversed(m.spots) if isinstance(s, ast.stmt)), m.spots[0])
    nodes = [m.node(v) for v in message.values]
    origin = m.origin(statement)
    key = (id(statement), exception, message.template)
    places = m.facts.places(key, [n.array.dtype for n in nodes])
    failure = Failure(exception, message.template, places, origin)
    number = m.log.numbers.setdefault(failure, len(m.log.numbers) + 1)
    m.log.places[number] = Place(m.frame.path, statement.lineno - 1, path)
    return Raised(number, tuple(zip(places, nodes, strict=True)))


def _exception(m: Machine, error: ast.expr) -> tuple[str, Provenance, Text]:
    """The built-in class, the path of the user's own class, and the message."""
    call = error if isinstance(error, ast.Call) else None
    found = m.evaluate(m, error if call is None else call.func)
    kind = found.object if isinstance(found, Outside) else None
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        m.refuse(
            f"`raise` of {m.describe(found)} is not translated.",
            'Write the class and its message: `raise ValueError("…")`.',
        )
    assert isinstance(found, Outside)
    if call is None:
        message = Text(None)
    else:
        if len(call.args) > 1 or call.keywords:
            m.refuse(
                "An exception that depends on data has one message here, no further arguments.",
                'Put them into the message: `raise ValueError(f"… {x}")`.',
            )
        message = message_of(m, call.args[0] if call.args else None)
    base = next(c for c in kind.__mro__ if getattr(builtins, c.__name__, None) is c)
    return base.__name__, () if base is kind else found.path, message


def message_of(m: Machine, node: ast.expr | None) -> Text:
    """The text of a message, with places for numbers that only the run knows."""
    if node is None:
        return Text(None)
    if isinstance(node, ast.JoinedStr):
        parts = [_part(m, v) for v in node.values]
        values = tuple(v for _, v in parts if v is not None)
        if not values:
            return Text("".join(text for text, _ in parts))
        texts = [t if v is not None else _escaped(t) for t, v in parts]
        return Text("".join(texts), values)
    try:
        value = m.evaluate(m, node)
        if isinstance(value, Array | Dim) and not m.node(value).array.rank:
            return Text("{}", (value,))
        return Text(str(m.static(value, "message")))
    except CodegenError:
        return Text(_literal(node))


def _part(m: Machine, node: ast.expr) -> tuple[str, Value]:
    """A part of a formatted string: text, or a place and its number."""
    if isinstance(node, ast.Constant):
        return str(node.value), None
    assert isinstance(node, ast.FormattedValue)
    conversion = "" if node.conversion == -1 else f"!{chr(node.conversion)}"
    try:
        pattern = "" if node.format_spec is None else str(m.evaluate(m, node.format_spec))
        value = m.evaluate(m, node.value)
        if isinstance(value, Array | Dim):
            if m.node(value).array.rank:
                return f"{{{m.text(node.value)}}}", None
            return f"{{{conversion}{':' if pattern else ''}{pattern}}}", value
        known: Any = m.static(value, "value")
        if conversion:
            known = {"!r": repr, "!s": str, "!a": ascii}[conversion](known)
        return format(known, pattern), None
    except (CodegenError, ValueError, TypeError):
        return f"{{{m.text(node.value)}}}", None


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _literal(node: ast.expr) -> str:
    """The user's own words in a message that is put together when the function runs."""
    texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
    words: Sequence[str] = [t for t in texts if isinstance(t, str)]
    return words[0] if words else ast.unparse(node)
