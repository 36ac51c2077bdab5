"""Derivatives inside of functions: `g.grad(x)`, `codegen_ad.hessian(g)(x)`, and their kin.

The inner function is read with its arguments as inputs of a program of its own; what it sees of the
caller are further inputs. That program is differentiated by a transform which is handed in, and
what comes out is written where the call stands. It is ordinary code from then on, so derivatives of
derivatives need nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.errors import SourceError
from codegen_ad.frontend.calls.derived import name_of, place_of
from codegen_ad.frontend.calls.outside import import_
from codegen_ad.frontend.containers import parts
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control.checks import Over
from codegen_ad.frontend.control.states import form_of, nodes_of, rebuild
from codegen_ad.frontend.values import Array, Bound, Cell, Derived, List, Outside, Provenance
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.node import Checks, Node, Program
from codegen_ad.ir.types import DType

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine, Snapshot

Transform = Callable[[Program, int, str, bool], tuple[Program, int]]
"""From a program, how many of its first inputs are differentiated, a mode, and whether the first
output alone is: to the derivative program, and how many of its first outputs are values."""

_FORMS = ("jacobian", "hessian")  # that take a `mode`


def marked(
    m: Machine, kind: str, path: Provenance, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Value:
    """A call of a method of a differentiable function, or of a functional form."""
    family, _, method = kind.rpartition(":")
    if not family:
        owner = cast("Outside", args[0])
        return call(m, _of_differentiable(m, owner.object, owner.path, method), args[1:], kwargs)
    if family == "form":
        names = ("function", "argnums")
        given = dict(zip(names, args, strict=False)) | dict(kwargs)
        _check_dense(m, given.get("sparse", False))
        wrt = m.static(given.get("argnums", 0), "argnums")
        has_aux = m.static(given.get("has_aux", False), "has_aux") is True
        known = _derived(m, given["function"], method)
        items = _items(wrt)
        return replace(
            known,
            method=method,
            wrt=items,
            many=not isinstance(wrt, str | int),
            has_aux=has_aux or known.has_aux,
        )
    return _jvp(m, args, kwargs) if method == "jvp" else _vjp(m, args, kwargs)


def _jvp(m: Machine, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    names = ("function", "primals", "tangents")
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    for name in names[1:]:
        if not isinstance(given[name], tuple | List):  # the rows of an array are no arguments
            m.refuse(
                f"`jvp` takes its {name} as a tuple or list, one for each argument.",
                "Write `(x,)` for one argument `x`.",
            )
    primals, tangents = (m.items(given[n], n) for n in names[1:])
    if len(primals) != len(tangents):
        m.refuse(
            f"`jvp` gets {len(primals)} primals and {len(tangents)} tangents.",
            "Give a tangent for each argument.",
        )
    found = replace(_derived(m, given["function"], "jvp"), wrt=tuple(range(len(primals))))
    tangent = tangents[0] if len(tangents) == 1 else tuple(tangents)
    return call(m, found, primals, {"tangent": tangent})


def _vjp(m: Machine, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    wrt = m.static(kwargs.get("argnums"), "argnums")
    items = tuple(range(len(args) - 1)) if wrt is None else _items(wrt)
    many = not isinstance(wrt, str | int)
    found = replace(_derived(m, args[0], "vjp"), wrt=items, many=many)
    return call(m, found, args[1:], {})


def _items(wrt: Any) -> tuple[Any, ...]:
    return (wrt,) if isinstance(wrt, str | int) else tuple(wrt)


def _derived(m: Machine, function: Value, method: str) -> Derived:
    """A derivative of a function, which may have options of its own."""
    found = getattr(function, "object", None) if isinstance(function, Outside) else None
    if getattr(found, "__codegen_differentiable__", False) is True:
        return _of_differentiable(m, found, cast("Outside", function).path, method)
    return Derived(function, method)


def _of_differentiable(m: Machine, found: Any, path: Provenance, method: str) -> Derived:
    for name in ("wrt", "has_aux"):
        m.dependencies[(*path, ("attribute", "options"), ("attribute", name))] = None
    inner = import_(m, found.__wrapped__, (*path, ("attribute", "__wrapped__")))
    return Derived(inner, method, found.options.wrt or (0,), has_aux=found.options.has_aux)


def form(m: Machine, found: Any, path: Provenance) -> Derived:
    """A functional form that was made outside: `codegen_ad.grad(f)`."""
    for name in ("method", "many", "sparse"):
        m.dependencies[(*path, ("attribute", name))] = None
    _check_dense(m, found.sparse)
    inner = (*path, ("attribute", "derivatives"))
    made = _of_differentiable(m, found.derivatives, inner, found.method)
    return replace(made, many=found.many)


def _check_dense(m: Machine, sparse: Value) -> None:
    if m.static(sparse, "sparse"):
        m.refuse(
            "A sparse Jacobian is a matrix of SciPy, which a compiled function does not work with.",
            "Leave sparse=True out, or compute the Jacobian outside and pass its data in.",
        )


def call(m: Machine, derived: Derived, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    """The value of a call of a derivative."""
    method, given = derived.method, dict(kwargs)
    if method == "value":
        return m.call(derived.function, args, kwargs)
    if method == "pullback":
        product = _run(m, derived, args[:-1], given, "vjp", args[-1])[1]
        return (product,) if derived.many and len(derived.wrt) == 1 else product
    option = m.static(given.pop("mode", "auto"), "mode") if method in _FORMS else "auto"
    if method == "jacobian":
        _check_dense(m, given.pop("sparse", False))
    kind = "value_and_grad" if method == "grad" else method
    mode = kind if option == "auto" else f"{kind}:{option}"
    direction: Value = None
    if method in ("jvp", "hvp"):
        if "tangent" in given:
            direction = given.pop("tangent")
        elif method == "hvp" and args:
            *args, direction = args
    elif method == "vjp":
        direction = given.pop("cotangent", None)
        if direction is None:
            held = [parts.copied(m, a) for a in args]
            named = tuple((k, parts.copied(m, v)) for k, v in given.items())
            pullback = Bound(replace(derived, method="pullback"), tuple(held), named)
            return m.call(derived.function, args, given), pullback
    if method in ("jvp", "hvp") and direction is None:
        m.refuse(f"`{method}` is called without a tangent.", f"Write `.{method}(x, tangent=v)`.")
    result = _run(m, derived, args, given, mode, direction)
    return _shaped(derived, result)


def _shaped(derived: Derived, result: tuple[Value, Value]) -> Value:
    """What the method returns, of the value and the derivatives."""
    value, found = result
    single = derived.many and len(derived.wrt) == 1
    match derived.method:
        case "value_and_grad":
            return value, ((found,) if single else found)
        case "grad":
            gradient = (found,) if single else found
            return (gradient, cast("Any", value)[1]) if derived.has_aux else gradient
        case "vjp" | "jvp":
            return value, found
        case "hessian":
            return ((found,),) if single else found
        case _:
            return (found,) if single else found


@dataclass(frozen=True, slots=True)
class _Read:
    """The inner function as a program of its own, and what its inputs stand for here."""

    program: Program
    arguments: list[Value]  # what is differentiated, part by part
    actual: list[Node]  # their numbers
    outer: list[Node]  # what is seen of the caller
    result: Value  # as the function returns it, with the program's outputs as its arrays


def _run(
    m: Machine,
    derived: Derived,
    args: Sequence[Value],
    kwargs: Mapping[str, Value],
    mode: str,
    direction: Value,
) -> tuple[Value, Value]:
    """The value, and the derivatives structured as they come."""
    transform = cast("Transform | None", m.transform)
    assert transform is not None, "derivatives inside of functions need a transform"
    read = _read(m, derived, args, kwargs)
    try:
        made, count = transform(read.program, len(read.actual), mode, derived.has_aux)
    except SourceError as error:
        if error.where is not None:
            raise
        message, _, instead = error.message.partition("\n")
        m.refuse(message, instead, type(error))
    extra = made.inputs[len(read.program.inputs) :]
    given = _directions(m, read, mode, derived.has_aux, extra, direction)
    m.b.notes.origins.update(made.notes.origins)
    m.b.notes.names.update(made.notes.names)
    actual = dict(zip(made.inputs, (*read.actual, *read.outer, *given), strict=True))
    with m.b.at(None, gradient=False):
        known = set(m.b.notes.names)
        nodes = m.b.substitute(made.results, actual, foreign=True)
    for cell, node in zip(_check_cells(m), nodes[len(made.outputs) :], strict=True):
        m.store[cell] = node
    nodes = nodes[: len(made.outputs)]
    for node in set(nodes) - known:  # the caller gives results names of its own
        m.b.notes.names.pop(node, None)
    found = iter([_number(m, node) for node in nodes[count:]])
    value = _value(m, read, nodes[:count]) if count else None
    return value, _derivatives(m, derived, read, mode, found)


def _number(m: Machine, node: Node, *, weak: bool = False) -> Array:
    """A result; a compiled derivative returns single numbers of double precision as Python's."""
    plain = not node.array.rank and node.array.dtype is DType.FLOAT64
    return m.fresh(node, weak=weak or plain)


def _value(m: Machine, read: _Read, nodes: Sequence[Node]) -> Value:
    results = iter(nodes)

    def leaf(old: Value) -> Value:
        return _number(m, next(results), weak=old.weak) if isinstance(old, Array) else old

    return parts.mapped(m, read.result, leaf)


def _derivatives(
    m: Machine, derived: Derived, read: _Read, mode: str, found: Iterator[Array]
) -> Value:
    kind = mode.partition(":")[0]
    like = _differentiated(read.result, derived.has_aux)

    def structured(make_leaf: Callable[[Value], Value]) -> Value:
        made = [parts.mapped(m, a, make_leaf) for a in read.arguments]
        return made[0] if len(made) == 1 else tuple(made)

    def block(_: Value) -> Value:
        return structured(lambda _: next(found))

    if kind == "jacobian":
        return parts.mapped(m, like, lambda old: block(old) if _moves(m, old) else None)
    if kind == "hessian":
        return structured(block)
    if kind == "jvp":
        return parts.mapped(m, like, lambda old: next(found) if _moves(m, old) else None)
    return structured(lambda _: next(found))


def _differentiated(result: Value, has_aux: bool) -> Value:
    return cast("Any", result)[0] if has_aux else result


def _moves(m: Machine, value: Value) -> bool:
    return isinstance(value, Array) and m.type_of(value).dtype.is_float


def _directions(
    m: Machine,
    read: _Read,
    mode: str,
    has_aux: bool,
    wanted: Sequence[Node],
    direction: Value,
) -> list[Node]:
    if not wanted:
        return []
    if mode == "vjp":
        like, what = _differentiated(read.result, has_aux), "cotangent"
    else:
        many = len(read.arguments) > 1
        like, what = (tuple(read.arguments) if many else read.arguments[0]), "tangent"
    kinds = iter([w.array for w in wanted])
    if mode == "vjp":
        types = [next(kinds) if _moves(m, v) else None for v in parts.numbers(m, like)]
    else:
        types = list(kinds)
    return [n for n in parts.matched(m, like, types, direction, what) if n is not None]


def _read(
    m: Machine, derived: Derived, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> _Read:
    """Read the inner function, with what is differentiated as the first inputs of a program."""
    places = [place_of(m, derived.function, item, args, kwargs) for item in derived.wrt]
    every: dict[int | str, Value] = {**dict(enumerate(args)), **kwargs}
    held = [parts.copied(m, parts.at(m, every[p], keys, what)) for p, keys, what in places]
    saved = m.snapshot()
    with m.b.scope() as scope:
        given = {place: parts.copied(m, value) for place, value in every.items()}
        actual: list[Node] = []
        for (place, keys, what), value in zip(places, held, strict=True):
            opened = _opened(m, scope, value, what, actual)
            given[place] = parts.put(m, given[place], keys, opened, what)
        if not actual:
            m.refuse(
                f"There is no number in {', '.join(w for _, _, w in places)} to differentiate.",
                "Name an argument that holds floating point numbers.",
            )
        named = {place: value for place, value in given.items() if isinstance(place, str)}
        try:
            result = m.call(derived.function, [given[k] for k in range(len(args))], named)
        except Over:
            m.refuse(
                "The function that is differentiated here raises on every path.",
                "Let it return a number.",
            )
        result = parts.mapped(m, result, lambda v: _as_output(m, v))
        if derived.has_aux and len(_items_of(result)) != 2:
            m.refuse("With has_aux the function must return a pair.", "Write `return value, more`.")
        returned = form_of(m, result, None)
        nodes = nodes_of(m, returned, result, None)
        checked = [m.store[c] for c in _check_cells(m)]
        _check_unchanged(m, saved)
        m.restore(saved)
    closed, outer = scope.close([*nodes, *checked])
    region = m.b.enclose(scope.inputs, closed, outer)
    outputs, code = region.outputs[: len(nodes)], region.outputs[len(nodes) :]
    checks = Checks(code[0], code[1:], tuple(m.log.numbers)) if code else None
    names = ["value"] if len(nodes) == 1 else [f"value_{k}" for k in range(len(nodes))]
    name = name_of(derived.function)
    program = Program(name, region.inputs, outputs, tuple(names), m.b.notes, checks)
    result = rebuild(m, returned, iter(outputs), "")
    return _Read(program, held, actual, outer, result)


def _check_cells(m: Machine) -> tuple[Cell, ...]:
    """The storages that hold which check of the user's has failed, where there are any."""
    return (m.log.code, *m.log.cells) if m.facts.checks else ()


def _items_of(value: Value) -> tuple[Value, ...]:
    return cast("tuple[Value, ...]", value) if isinstance(value, tuple) else ()


def _as_output(m: Machine, value: Value) -> Value:
    """A number that may depend on the arguments, as an array; whole numbers known now stay."""
    if isinstance(value, Array):
        return m.fresh(m.read(value), weak=value.weak)
    return m.fresh(m.node(value), weak=True) if isinstance(value, float) else value


def _check_unchanged(m: Machine, saved: Snapshot) -> None:
    free = _check_cells(m)
    changed = [c for c, v in saved.store.items() if c not in free and m.store.get(c) is not v]
    if changed:
        what = next((f"`{m.label(c)}`" for c in changed if m.label(c)), "an array or list")
        m.refuse(
            f"The function that is differentiated here changes {what}, which is not its own.",
            "Make a copy inside of it, and return it if it is needed.",
        )


def _opened(m: Machine, scope: Scope, value: Value, what: str, actual: list[Node]) -> Value:
    """The value with a fresh input in place of each number."""

    def leaf(number: Value) -> Value:
        node = parts.floating(m, number, what)
        actual.append(node)
        name = m.b.notes.names.get(node) or what
        weak = number.weak if isinstance(number, Array) else isinstance(number, float)
        return m.fresh(scope.input(name if name.isidentifier() else "x", node.array), weak=weak)

    return parts.mapped(m, value, leaf)
