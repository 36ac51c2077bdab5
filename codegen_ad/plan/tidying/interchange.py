"""Loops over steps inside of loops over rows, where each row takes its steps alone.

`for k in range(K): m = m + p[k] * np.exp(-(x - c[k])**2)` is planned as steps over whole arrays.
Where no row looks at another one, a row may take all of its steps before the next row begins: then
it meets the loops over rows before and after, forward and backward, in one pass over the data, and
what it keeps from step to step is a number in place of an array (loop interchange, as in Allen and
Kennedy, Optimizing Compilers for Modern Architectures, 2001, chapter 5). What a step does with sums
over the rows comes after all rows, in a loop over the steps of its own; until then the sums stand
in an array.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    Expr,
    For,
    Kernel,
    Let,
    Load,
    Number,
    Statement,
    Store,
    Var,
    View,
    blocks,
    copied,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.sizes import substitute
from codegen_ad.plan.tidying.facts import facts
from codegen_ad.plan.tidying.fuse import fuse_block, own_axis
from codegen_ad.plan.tidying.rename import (
    expressions,
    mentioned,
    names_in,
    rename_statement,
    replace_expressions,
)
from codegen_ad.plan.tiling.distribute import is_costly
from codegen_ad.plan.tiling.rows import assigned, target_name


def interchange(kernel: Kernel, names: Names, rows: Collection[Dim]) -> None:
    """Put loops over `rows`, sizes that count rows of data, around loops over steps."""
    if any(isinstance(s, View) for s in walk(kernel.body)):
        return  # two names for one memory
    _in_block(kernel.body, names, rows)


def _in_block(block: list[Statement], names: Names, rows: Collection[Dim]) -> None:
    position = 0
    while position < len(block):
        statement = block[position]
        made = None
        if not (isinstance(statement, For) and statement.extent in rows):
            for inner in blocks(statement):
                _in_block(inner, names, rows)
            if isinstance(statement, For):
                made = _interchanged(statement, names, rows)
        if made is None:
            position += 1
        else:
            block[position : position + 1] = made
            position += len(made)


@dataclass(slots=True)
class _Step:
    """The parts of a step.

    Attributes
    ----------
    rows : the loop over the rows.
    lets : numbers that steps compute before, from what no step changes.
    dear : those of them that call functions: no row should compute them again.
    starts : where sums over the rows begin.
    rest : what is done with the sums, and all else.
    """

    rows: For
    lets: list[Let] = field(default_factory=list[Let])
    dear: list[Let] = field(default_factory=list[Let])
    starts: dict[str, Assign] = field(default_factory=dict[str, Assign])
    rest: list[Statement] = field(default_factory=list[Statement])


def _interchanged(loop: For, names: Names, rows: Collection[Dim]) -> list[Statement] | None:
    """What a loop over steps becomes, or None where rows need each other."""
    if loop.span is not None or loop.window is not None:
        return None
    said = dict(names.meaning), {n: list(found) for n, found in names.said_by.items()}
    body = [copied(s) for s in loop.body]
    fuse_block(body, names)
    step = _parts(body, rows)
    if step is None or not _is_by_row(step):
        names.meaning, names.said_by = said
        return None
    made: list[Statement] = [
        _sums(step, name, start, loop, names) for name, start in step.starts.items()
    ]
    wanted = facts(step.rows).names
    if dear := [let for let in step.dear if let.name in _needed(step.lets, wanted)]:
        made += _before(step, dear, loop, names)
    needed = _needed(step.lets, wanted)
    lets = [copied(let) for let in step.lets if let.name in needed]
    # Vectors run along the rows, also where steps only add.
    inner = replace(loop, body=[*lets, *step.rows.body], carried=True)
    made.append(replace(step.rows, body=[inner]))
    if step.rest:
        made.append(_again(step.rest, step, loop, names))
    return made


def _parts(body: Sequence[Statement], rows: Collection[Dim]) -> _Step | None:
    """A body taken apart; None unless it has one loop over the rows, in which nothing may raise."""
    loops = [s for s in body if isinstance(s, For) and s.extent in rows and not s.carried]
    if len(loops) != 1:
        return None
    known = facts(loops[0])
    if not known.is_plain or known.may_raise or loops[0].span or loops[0].window:
        return None
    step = _Step(loops[0])
    changed = {n for s in walk(list(body)) for n in assigned(s)}
    for statement in body:
        match statement:
            case For() if statement is step.rows:
                continue
            case Let(name, expr) if name not in known.changed and not _is_open(expr, changed, step):
                step.lets.append(statement)
                if is_costly(statement):
                    step.dear.append(statement)
            case Assign(names=(name,), exprs=(Number(),)) if _is_sum(step.rows, name):
                step.starts[name] = statement
            case _:
                step.rest.append(statement)
    return step


def _is_open(expr: Expr, changed: set[str], step: _Step) -> bool:
    """Whether a number may be another one in another order of steps."""
    fixed = {let.name for let in step.lets}
    return any(n in changed and n not in fixed for n in names_in(expr))


def _is_sum(loop: For, name: str) -> bool:
    """Whether a loop adds to a variable, and does nothing else with it."""
    found = False
    for statement in walk([loop]):
        if isinstance(statement, Accumulate) and statement.target == Var(
            name, statement.target.dtype
        ):
            found = True
            if statement.how != "sum" or name in names_in(statement.expr):
                return False
        elif name in mentioned(statement):
            return False
    return found


def _is_variable(target: Var | Load, name: str) -> bool:
    return isinstance(target, Var) and target.name == name


def _is_by_row(step: _Step) -> bool:
    """Whether rows meet in sums alone, and steps only where a row, or the rest, goes on."""
    loop = step.rows
    inside = facts(loop)
    rest = [facts(s) for s in step.rest]
    lets = {let.name for let in step.lets}
    changed = {n for f in rest for n in f.changed}
    named = {n for f in rest for n in f.names}
    read = inside.names | {n for let in step.lets for n in names_in(let.expr)}
    if not changed.isdisjoint(read | step.starts.keys()) or not changed.isdisjoint(lets):
        return False
    own = {s.name for s in walk(loop.body) if isinstance(s, Let)}
    own |= {s.variable for s in walk(loop.body) if isinstance(s, For)}
    for name in inside.changed - own - step.starts.keys():
        if name in named:
            return False
        if _is_sum(loop, name) or _is_added_to(loop, name):
            continue
        if any(isinstance(s, Assign) and name in s.names for s in walk(loop.body)):
            if not _begins_inside(loop, name):
                return False
        elif own_axis(loop, name) is None:
            return False
    return own.isdisjoint(named)


def _is_added_to(loop: For, name: str) -> bool:
    """Whether a loop only adds terms to an array, in one way."""
    for statement in walk([loop]):
        if isinstance(statement, Accumulate) and target_name(statement.target) == name:
            if statement.how != "sum" or name in names_in(statement.expr):
                return False
        elif name in mentioned(statement):
            return False
    return True


def _begins_inside(loop: For, name: str) -> bool:
    """Whether each trip sets a variable before it reads it."""
    for statement in loop.body:
        inside = list(walk([statement]))
        if not any(name in set(mentioned(s)) | set(assigned(s)) for s in inside):
            continue
        return isinstance(statement, Assign) and not any(
            name in names_in(e) for e in expressions(statement)
        )
    return False


def _needed(lets: Sequence[Let], wanted: Collection[str]) -> set[str]:
    """The numbers that are wanted, and those that these are made of."""
    found = set(wanted)
    for let in reversed(lets):
        if let.name in found:
            found |= set(names_in(let.expr))
    return found


def _before(step: _Step, dear: Sequence[Let], loop: For, names: Names) -> list[Statement]:
    """Arrays for numbers of all steps that the rows read, and the loop that fills them."""
    made: list[Statement] = []
    stores: list[Statement] = []
    for let in dear:
        buffer = names.part_of(let.name)
        place = Load(buffer, (Dim.symbol(loop.variable),), let.expr.dtype)
        made.append(Allocate(buffer, (loop.extent,), let.expr.dtype, None, let.note))
        stores.append(Store(buffer, place.indices, Var(let.name, let.expr.dtype), let.note))
    filling = _again(stores, step, loop, names)
    for let, store in zip(dear, stores, strict=True):
        assert isinstance(store, Store)
        let.expr = Load(store.buffer, store.indices, let.expr.dtype)
    return [*made, filling]


def _sums(step: _Step, name: str, start: Assign, loop: For, names: Names) -> Allocate:
    """An array for the sums of all steps, in the place of a variable."""
    first = start.exprs[0]
    assert isinstance(first, Number)
    dtype: DType = first.dtype
    buffer = names.part_of(name)
    place = Load(buffer, (Dim.symbol(loop.variable),), dtype)
    for statement in walk([step.rows, *step.rest]):
        replace_expressions(statement, lambda expr: _with(expr, name, place))
        if isinstance(statement, Accumulate) and _is_variable(statement.target, name):
            statement.target = place
    if any(name in mentioned(statement) for statement in walk(step.rest)):
        # Positions and checks of them have names, no elements.
        step.rest.insert(0, Let(name, place, names.meaning.get(name, (None, ()))[0], start.note))
    return Allocate(buffer, (loop.extent,), dtype, float(first.text), start.note)


def _with(expr: Expr, name: str, place: Load) -> Expr:
    """The expression with an element in the place of a variable."""
    if isinstance(expr, Var):
        return place if expr.name == name else expr
    args = getattr(expr, "args", None)
    return expr if args is None else replace(expr, args=tuple(_with(a, name, place) for a in args))


def _again(statements: Sequence[Statement], step: _Step, loop: For, names: Names) -> For:
    """Another loop over the steps, with some statements and the numbers that they read."""
    variable = names.fresh()
    wanted = _needed(step.lets, {n for s in statements for n in facts(s).names})
    lets = [let for let in step.lets if let.name in wanted]
    body = [copied(s) for s in (*lets, *statements)]
    again = {let.name: names.again(let.name) for let in lets}
    for statement in body:
        rename_statement(statement, lambda n: again.get(n, n))
        substitute(statement, {loop.variable: Dim.symbol(variable)})
    return replace(loop, variable=variable, body=body)
