"""Forward mode: a program, and the directional derivative of its outputs beside them.

Nodes are visited from the inputs to the outputs. An elementwise operation multiplies by the same
partial derivatives as in reverse mode. Every other operation is linear in its cotangent, so its
tangent is the adjoint of its adjoint. Control flow carries tangents beside values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from codegen_ad.derive.calls import custom_pushforward
from codegen_ad.derive.masked import Masks
from codegen_ad.derive.reverse import (
    check_differentiable,
    distinct,
    free_names,
    pull,
    reopen,
    settle,
)
from codegen_ad.derive.scalar import known, partials
from codegen_ad.derive.structured import Replacement, active, full, inline, placeholders
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder, Result, Scope
from codegen_ad.ir.node import Kind, Node, Program, Region, toposort
from codegen_ad.ops import ELEMENTWISE, SEVERAL, STRUCTURAL
from codegen_ad.ops.control import Branch, Custom, Loop, While
from codegen_ad.ops.expression import build


def pushforward(
    program: Program, wrt: Sequence[Node], *, of: Sequence[int] | None = None
) -> Program:
    """The program with the Jacobian-vector product as further outputs.

    It takes one tangent `t_<name>` more for each node of `wrt`, and gives a tangent `t_<output>`
    for each floating output, or for those at the positions `of`.

    Raises
    ------
    NotDifferentiable
        If `wrt` is not floating point, or a derivative on the way was given in reverse mode only.
    """
    for node in wrt:
        check_differentiable(program, node)
    b = reopen(program)
    rebuilt = b.substitute((*program.results, *wrt), {})
    count = len(program.outputs)
    outputs, wrt = rebuilt[:count], rebuilt[len(program.results) :]
    checked = rebuilt[count : len(program.results)]
    names = free_names(program, [f"t_{b.notes.names.get(n, 'value')}" for n in wrt])
    directions = [b.input(name, n.array) for name, n in zip(names, wrt, strict=True)]
    tangents, outputs, checked = push(b, dict(zip(wrt, directions, strict=True)), outputs, checked)
    chosen = range(len(outputs)) if of is None else of
    floats = [k for k in chosen if outputs[k].array.dtype.is_float]
    found = [full(b, outputs[k], tangents[k]) for k in floats]
    names = [*program.output_names, *(f"t_{program.output_names[k]}" for k in floats)]
    inputs = (*program.inputs, *directions)
    return Program(
        program.name, inputs, (*outputs, *found), tuple(distinct(names)), b.notes,
        program.rechecked(checked),
    )  # fmt: skip


def has_forward_rules(program: Program) -> bool:
    """Whether every derivative that the user gave, at any depth, has a rule for forward mode."""
    return not any(call.tangent is None for call in _calls(program.nodes()))


def has_reverse_rules(program: Program) -> bool:
    """The same for reverse mode."""
    return not any(call.backward is None for call in _calls(program.nodes()))


def _calls(nodes: Iterable[Node]) -> Iterator[Custom]:
    """The calls of functions with derivatives that the user gave, at any depth."""
    for node in nodes:
        if isinstance(node.params, Custom):
            yield node.params
        for region in node.regions:
            yield from _calls(toposort(region.outputs))


def push(
    b: Builder,
    directions: Mapping[Node, Node],
    outputs: Sequence[Node],
    others: Sequence[Node] = (),
) -> tuple[list[Node | None], list[Node], list[Node]]:
    """The tangents of `outputs`, given those of other nodes, and `outputs` and `others` again."""
    order = toposort(outputs)
    sweep = _Sweep(b, directions, active(order, directions))
    for node in order:
        sweep.visit(node)
    found = [sweep.tangents.get(node) for node in outputs]
    replaced = sweep.replaced[::-1]
    moving = [t for t in found if t is not None]
    settled = iter(settle(b, [*moving, *outputs, *others], replaced))
    tangents = [t if t is None else next(settled) for t in found]
    primal = list(settled)
    return tangents, primal[: len(outputs)], primal[len(outputs) :]


class _Sweep:
    """The tangents so far, on the way from the inputs to the outputs."""

    def __init__(self, b: Builder, directions: Mapping[Node, Node], active: set[Node]) -> None:
        self.b = b
        self.active = active
        self.tangents = dict(directions)
        self.results: dict[Node, list[Node | None]] = {}
        self.replaced: list[Replacement] = []
        self.masks = Masks(b)

    def visit(self, node: Node) -> None:
        """Find the tangent of `node` from those of its arguments."""
        if node not in self.active or node in self.tangents:
            return
        with self.b.at(self.b.notes.origins.get(node), gradient=True):
            if isinstance(node.params, Result):
                tangent = self.results[node.args[0]][node.params.index]
            elif isinstance(node.params, Loop | While | Branch | Custom):
                self._structured(node)
                return
            elif node.op in SEVERAL:
                self.results[node] = self._several(node)
                return
            elif node.op in ELEMENTWISE:
                tangent = self._elementwise(node)
            else:
                tangent = self._moved(node)
            if tangent is not None:
                self.tangents[node] = tangent

    def _elementwise(self, node: Node) -> Node | None:
        entry = ELEMENTWISE[node.op]
        bindings = dict(zip(entry.arguments, node.args, strict=True)) | {"out": node}
        total: Node | None = None
        for arg, text, letter in zip(node.args, partials(entry), entry.arguments, strict=True):
            t = self.tangents.get(arg)
            if t is None or not known(entry, text, letter):
                continue
            partial = build(self.b, text, bindings)
            term = self.masks.times(full(self.b, arg, t), partial, bindings.values())
            if term is not None:
                total = term if total is None else self.masks.add(total, term)
        return total if total is None else full(self.b, node, total)

    def _moved(self, node: Node) -> Node | None:
        """The same movement; else the adjoint of the adjoint, which does not need its cotangent."""
        if node.op.kind is Kind.MOVEMENT:
            parts = [full(self.b, a, self.tangents.get(a)) for a in node.args]
            return self.b.node(node.op, parts, node.params, node.sizes or None)
        pullback = STRUCTURAL[node.op].pullback
        if pullback is None:
            raise NotDifferentiable(
                f"`{node.op.name}` has no derivative here.\n"
                "Wrap its argument in stop_gradient(...) if it is meant to be a constant.",
                origin=self.b.notes.origins.get(node),
            )
        g = self.b.input("g", node.array)
        (found,) = self._adjoint(node, pullback(self.b, node, g), [g])
        return found

    def _several(self, node: Node) -> list[Node | None]:
        """The tangent of each result, by the adjoint of the adjoint."""
        g = [self.b.input("g", item) for item in node.items]
        pullback = SEVERAL[node.op].pullback
        assert pullback is not None, "factors are made after differentiation"
        return self._adjoint(node, pullback(self.b, node, g), g)

    def _adjoint(
        self, node: Node, cotangents: Sequence[Node | None], g: Sequence[Node]
    ) -> list[Node | None]:
        """The adjoint of `cotangents`, which are those of the arguments as functions of `g`."""
        seeds = [
            (cotangent, full(self.b, arg, self.tangents[arg]))
            for arg, cotangent in zip(node.args, cotangents, strict=True)
            if cotangent is not None and arg in self.tangents
        ]
        found, _ = pull(self.b, seeds, g)
        return found

    def _structured(self, node: Node) -> None:
        given = [self.tangents.get(a) for a in node.args]
        match node.params:
            case Branch():
                tangents, results = _push_branch(self.b, node, given)
            case Loop() | While():
                tangents, results = _push_loop(self.b, node, given)
            case Custom():
                read = self.active.__contains__
                self.results[node] = custom_pushforward(self.b, node, given, read, push)
                return
            case _:
                raise AssertionError(node)
        self.results[node] = tangents
        self.replaced.append((node, results))


Pushed = tuple[list[Node | None], Sequence[Node]]
"""The tangent of each result of a structured node, and what replaces these results."""


def _push_branch(b: Builder, node: Node, given: Sequence[Node | None]) -> Pushed:
    branch = node.params
    assert isinstance(branch, Branch)
    condition, *captured = node.args
    known = {k: t for k, t in enumerate(given[1:]) if t is not None}
    outer = [*captured, *(full(b, captured[k], t) for k, t in known.items())]
    sides: list[tuple[Scope, list[Node], list[Node], list[Node | None]]] = []
    for side in branch.regions:
        with b.scope() as scope:
            inputs = placeholders(b, outer)
            own, directions = inputs[: len(captured)], inputs[len(captured) :]
            outputs = inline(b, side.outputs, side.inputs, own)
            tangents, outputs, _ = push(
                b, {own[k]: t for k, t in zip(known, directions, strict=True)}, outputs
            )
            sides.append((scope, inputs, outputs, tangents))
    moving = [
        k for k in range(len(node.items)) if any(tangents[k] is not None for *_, tangents in sides)
    ]
    regions: list[Region] = []
    for scope, inputs, outputs, tangents in sides:
        with b.scope(scope):
            more = [full(b, outputs[k], tangents[k]) for k in moving]
        regions.append(Region(tuple(inputs), (*outputs, *more)))
    results = b.results(b.node(node.op, (condition, *outer), Branch(regions[0], regions[1])))
    return _in_places(results, len(node.items), moving), results[: len(node.items)]


def _push_loop(b: Builder, node: Node, given: Sequence[Node | None]) -> Pushed:
    loop = node.params
    assert isinstance(loop, Loop | While)
    first, n = (1 if isinstance(loop, Loop) else 0), loop.carried
    args, tangents = node.args[first:], given[first:]
    inputs, outputs = loop.body.inputs[first:], loop.body.outputs
    moving = _moving(loop, inputs, tangents)
    states = [k for k in moving if k < n]
    others = [k for k in range(n, len(args)) if tangents[k] is not None]
    with b.scope():
        index = placeholders(b, loop.body.inputs[:first])
        own = placeholders(b, inputs)
        own_t = {k: placeholders(b, [inputs[k]], "t_")[0] for k in (*states, *others)}
        inside = inline(b, outputs, loop.body.inputs, (*index, *own))
        found, inside, _ = push(b, {own[k]: t for k, t in own_t.items()}, inside)
        complete = {k: full(b, outputs[k], found[k]) for k in moving}
    stacked = [k for k in moving if k >= n]
    body = Region(
        (*index, *_beside(own, own_t, n)),
        (
            *inside[:n], *(complete[k] for k in states),
            *inside[n:], *(complete[k] for k in stacked),
        ),
    )  # fmt: skip
    outer_t = {k: full(b, args[k], tangents[k]) for k in (*states, *others)}
    all_args = (*node.args[:first], *_beside(args, outer_t, n))
    carried, stacks = n + len(states), loop.stacked + len(stacked)
    if isinstance(loop, Loop):
        wider: Loop | While = Loop(carried, stacks, loop.length, body)
    else:
        unread = {k: placeholders(b, [inputs[k]], "t_")[0] for k in own_t}
        cond = Region(tuple(_beside(loop.cond.inputs, unread, n)), loop.cond.outputs)
        wider = While(carried, stacks, loop.length, cond, body)
    results = b.results(b.node(node.op, all_args, wider))
    places = [*range(n), *range(carried, carried + loop.stacked)]
    if isinstance(loop, While):
        places.append(len(results) - 1)
    pushed: list[Node | None] = [None] * len(node.items)
    for place, k in enumerate(states):
        pushed[k] = results[n + place]
    for place, k in enumerate(stacked):
        pushed[k] = results[carried + loop.stacked + place]
    return pushed, [results[k] for k in places]


def _moving(
    loop: Loop | While, inputs: Sequence[Node], tangents: Sequence[Node | None]
) -> list[int]:
    """The outputs of the body that move when what has a tangent moves."""
    order = toposort(loop.body.outputs)
    wrt = [i for i, t in zip(inputs, tangents, strict=True) if t is not None]
    states = {k for k in range(loop.carried) if tangents[k] is not None}
    while True:
        reached = active(order, [*wrt, *(inputs[k] for k in states)])
        moving = {k for k, o in enumerate(loop.body.outputs) if o in reached} | states
        if {k for k in moving if k < loop.carried} <= states:
            return sorted(moving)
        states |= {k for k in moving if k < loop.carried}


def _beside(values: Sequence[Node], tangents: Mapping[int, Node], n: int) -> list[Node]:
    """Carried values, their tangents, captured values, their tangents."""
    carried = [t for k, t in tangents.items() if k < n]
    captured = [t for k, t in tangents.items() if k >= n]
    return [*values[:n], *carried, *values[n:], *captured]


def _in_places(results: Sequence[Node], count: int, moving: Sequence[int]) -> list[Node | None]:
    places: list[Node | None] = [None] * count
    for place, k in enumerate(moving):
        places[k] = results[count + place]
    return places
