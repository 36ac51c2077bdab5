"""Nests of loops over all elements of arrays as one loop, where functions are called in it.

In `for i in range(n): for j in range(d)` LLVM makes vectors of the inner loop alone. Where `d` is
6, each row is a vector of four and two elements by themselves, and an `exp` of one element costs as
much as four. If all arrays are whole and lie in one piece, their elements are gone through as one
row of `n * d`. What stands beside the inner loop in a row becomes a loop of its own before that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.free import fresh, names_of
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Expr,
    For,
    Grow,
    Kernel,
    Let,
    Load,
    Number,
    Statement,
    Store,
    Var,
    View,
    Window,
    walk,
)
from codegen_ad.plan.tidying.rename import (
    expressions,
    mentioned,
    names_in,
    replace_expressions,
)
from codegen_ad.plan.tiling.distribute import is_costly
from codegen_ad.plan.tiling.rows import accesses, assigned

SIMPLE = (Let, Assign, Accumulate, Store)


def flatten(kernel: Kernel, bodies: Sequence[list[Statement]], orders: Mapping[str, str]) -> None:
    """Let nests in the bodies of the functions that a kernel has become be one loop.

    `orders` are the orders in which parameters lie, as far as they are known.
    """
    arrays = whole_arrays(kernel, orders)
    taken = names_of(kernel)
    for body in bodies:
        taken.update(n for s in walk(body) for n in mentioned(s))
    for body in bodies:
        _in_body(body, arrays, taken)


def whole_arrays(kernel: Kernel, orders: Mapping[str, str]) -> dict[str, Shape]:
    """The arrays of a kernel that lie in one piece in C order and have one name, with their shapes.

    `orders` are those of the kernel's parameters, as far as they are known.
    """
    found = {p.name: p.shape for p in kernel.parameters if p.rank and orders.get(p.name) == "C"}
    others: set[str] = set()
    for statement in walk(kernel.body):
        match statement:
            case Allocate(buffer=buffer, shape=shape):
                if found.setdefault(buffer, shape) != shape:
                    others.add(buffer)
            case View(buffer=buffer, source=source):
                others |= {buffer, source}
            case Assign(names=names):
                others.update(names)  # arrays that change their names
            case Grow(buffers=buffers):
                others.update(buffers)
            case _:
                pass
    return {name: shape for name, shape in found.items() if name not in others}


def _in_body(body: list[Statement], arrays: Mapping[str, Shape], taken: set[str]) -> None:
    for statement in list(body):
        if not isinstance(statement, For):
            continue
        if statement.span is not None:  # over chunks
            _in_body(statement.body, arrays, taken)
        elif not statement.carried:
            at = next(k for k, s in enumerate(body) if s is statement)
            body[at : at + 1] = _flattened(statement, arrays, taken)


def _flattened(loop: For, arrays: Mapping[str, Shape], taken: set[str]) -> list[Statement]:
    """What a loop becomes: itself, or one flat loop and what the rows do beside it."""
    apart = _apart(loop)
    if apart is None:
        return [loop]
    nest = _nest(apart[0], arrays)
    if nest is None:
        return [loop]
    return [*_lowered(nest, taken), *apart[1:]]


def _apart(loop: For) -> list[For] | None:
    """The loop with its inner loop alone, and one with the other statements if there are any.

    None if they need each other. An inner sum that the row only adds to another sum is part of
    that one.
    """
    inner = [s for s in loop.body if isinstance(s, For)]
    others: list[Statement] = [s for s in loop.body if not isinstance(s, For)]
    if len(inner) != 1 or not all(isinstance(s, SIMPLE) for s in others):
        return None
    if not others:
        return [loop]
    nested = replace(inner[0], body=[replace(s) for s in inner[0].body])
    others = [replace(s) for s in others]
    for start in [s for s in others if isinstance(s, Assign)]:
        if not _join(start, nested, others):
            return None
    rest = [s for s in others if not (isinstance(s, Accumulate) and _is_zero(s.expr))]
    made = {n for s in walk([nested]) for n in assigned(s)}
    own = {n for s in rest for n in assigned(s)}
    sums = _sums(nested) & _sums(replace(loop, body=rest))
    used = {n for s in walk([nested]) for n in mentioned(s)}
    if not (made - sums).isdisjoint(n for s in rest for n in mentioned(s)):
        return None
    if not (own - sums).isdisjoint(used):
        return None
    alone = replace(loop, body=[nested])
    return [alone, replace(loop, body=rest)] if rest else [alone]


def _sums(loop: For) -> set[str]:
    """The variables that a loop adds terms to, and does nothing else with."""
    found: set[str] = set()
    others: set[str] = set()
    for s in walk(loop.body):
        names = list(mentioned(s))
        match s:
            case Accumulate(Var(name), "sum") if names.count(name) == 1:
                found.add(name)
                names.remove(name)
            case _:
                pass
        others.update(names)
    return found - others


def _join(start: Assign, nested: For, others: list[Statement]) -> bool:
    """Add the terms of an inner sum to the one that it is a term of, if that is all it is for."""
    match start:
        case Assign((name,), (Number() as zero,)) if _is_zero(zero) and name in _sums(nested):
            pass
        case _:
            return False
    users = [s for s in others if s is not start and name in set(mentioned(s))]
    if len(users) != 1:
        return False
    (user,) = users
    match user:
        case Accumulate(Var() as total, "sum", expr) if total.dtype is DType.FLOAT64:
            left = _without(expr, name)
        case _:
            return False
    if left is None or name in names_in(left) or total.name in names_in(left):
        return False
    if total.name in {n for s in walk([nested]) for n in mentioned(s)}:
        return False
    for s in walk(nested.body):
        if isinstance(s, Accumulate) and s.target == Var(name, total.dtype):
            s.target = total
    user.expr = left
    others[:] = [s for s in others if s is not start]
    return name not in {n for s in walk([nested]) for n in mentioned(s)}


def _without(expr: Expr, name: str) -> Expr | None:
    """A sum of terms without one of them, or None if the name is no term of it."""
    match expr:
        case Var(n) if n == name:
            return Number("0.0", expr.dtype)
        case Apply("add", (left, right)):
            for one, other in ((left, right), (right, left)):
                rest = _without(one, name) if name in names_in(one) else None
                if rest is not None:
                    return other if _is_zero(rest) else replace(expr, args=(rest, other))
            return None
        case _:
            return None


def _is_zero(expr: Expr) -> bool:
    return isinstance(expr, Number) and expr.text == "0.0"


@dataclass(frozen=True, slots=True)
class _Nest:
    """Loops around each other, outermost first, and the arrays of which they touch each element."""

    loops: tuple[For, ...]
    whole: tuple[str, ...]

    @property
    def body(self) -> list[Statement]:
        """What is done for each element."""
        return self.loops[-1].body


def _nest(loop: For, arrays: Mapping[str, Shape]) -> _Nest | None:
    """The loops as a nest over whole arrays, if they are one in which functions are called."""
    loops = [loop]
    while len(loops[-1].body) == 1 and isinstance(loops[-1].body[0], For):
        inner = loops[-1].body[0]
        if inner.carried or inner.span is not None or inner.window is not None:
            return None
        loops.append(inner)
    body = loops[-1].body
    if len(loops) == 1 or not all(isinstance(s, Let | Accumulate | Store) for s in body):
        return None
    if not any(map(is_costly, body)):
        return None
    variables = {x.variable for x in loops}
    place = tuple(Dim.symbol(x.variable) for x in loops)
    shape = tuple(x.extent for x in loops)
    whole: dict[str, None] = {}
    for name, at, _ in accesses(body):
        if at == place and arrays.get(name) == shape:
            whole[name] = None
        elif not variables.isdisjoint(s for d in at for s in d.symbols()):
            return None
    # Nothing else may depend on where an element stands.
    if any(not variables.isdisjoint(_outside_of(s, whole)) for s in body):
        return None
    if any(name in whole and at != place for name, at, _ in accesses(body)):
        return None
    if any(isinstance(s, Store) and s.buffer not in whole for s in body):
        return None
    return _Nest(tuple(loops), tuple(whole))


def _outside_of(statement: Statement, whole: Mapping[str, None]) -> Iterator[str]:
    """The names in a statement but for those that say which element of whole arrays is meant."""
    for expr in expressions(statement):
        yield from _names_outside(expr, whole)


def _names_outside(expr: Expr, whole: Mapping[str, None]) -> Iterator[str]:
    match expr:
        case Load(buffer) if buffer in whole:
            pass
        case Apply(args=args):
            for arg in args:
                yield from _names_outside(arg, whole)
        case _:
            yield from names_in(expr)


def _lowered(nest: _Nest, taken: set[str]) -> list[Statement]:
    """The views of the arrays, and one loop over their elements."""
    first = nest.loops[0]
    inner = ONE
    for loop in nest.loops[1:]:
        inner = inner * loop.extent
    flat = {name: fresh(f"{name}_flat", taken) for name in nest.whole}
    count = first.extent * inner
    views = [View(new, old, (count,), first.note) for old, new in flat.items()]
    at = (Dim.symbol(first.variable),)

    def change(expr: Expr) -> Expr:
        match expr:
            case Load(buffer) if buffer in flat:
                return replace(expr, buffer=flat[buffer], indices=at)
            case Apply(args=args):
                return replace(expr, args=tuple(map(change, args)))
            case _:
                return expr

    body: list[Statement] = []
    for statement in nest.body:
        made = replace(statement)
        replace_expressions(made, change)
        if isinstance(made, Store):
            made.buffer, made.indices = flat[made.buffer], at
        elif isinstance(made, Accumulate) and isinstance(made.target, Load):
            changed = change(made.target)
            assert isinstance(changed, Load)
            made.target = changed
        body.append(made)
    window = first.window
    if window is not None:
        window = Window(window.first * inner, window.count * inner, window.start, window.step)
    return [*views, replace(first, extent=count, body=body, window=window)]
