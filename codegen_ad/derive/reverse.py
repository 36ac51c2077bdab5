"""Reverse mode: a program, and the gradient of its outputs beside them, as one program.

Nodes are visited from the outputs to the inputs, each with its finished cotangent. What the
cotangents of a node's arguments are is asked of its table entry; control flow has rules of its own.
Un-broadcasting happens here and nowhere else. A cotangent may be kept in a smaller shape that
broadcasts to its node's, so that what is one number stays one number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codegen_ad.derive.branches import branch_pullback
from codegen_ad.derive.calls import custom_pullback, several_pullback
from codegen_ad.derive.integers import Known
from codegen_ad.derive.loops import loop_pullback
from codegen_ad.derive.masked import Masks
from codegen_ad.derive.scalar import known, partials
from codegen_ad.derive.structured import Checkpoints, Cotangents, Replacement, active, full
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder, Input, Result
from codegen_ad.ir.node import Kind, Node, Notes, Program, toposort
from codegen_ad.ops import ELEMENTWISE, STRUCTURAL, make
from codegen_ad.ops.expression import build
from codegen_ad.ops.indexing import SCATTER, UPDATE, Scatter, Update
from codegen_ad.ops.movement import BROADCAST_TO
from codegen_ad.ops.reduction import CONTRACT, MAX, MIN, PROD
from codegen_ad.ops.scan import CUMPROD, CUMSUM
from codegen_ad.ops.unary import Tap

RULES = {
    Kind.LOOP: loop_pullback,
    Kind.WHILE: loop_pullback,
    Kind.BRANCH: branch_pullback,
    Kind.CALL: custom_pullback,
    Kind.LINALG: several_pullback,
}


def differentiate(
    program: Program,
    wrt: Sequence[Node],
    *,
    cotangents: Sequence[Node] | None = None,
    taps: Sequence[str] = (),
    of: Sequence[int] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Program:
    """The program with the gradients in `wrt`, and at the taps named, as further outputs.

    One scalar output is differentiated by itself. Otherwise the result is the vector-Jacobian
    product: it takes one cotangent more for each floating output, `g` or `g_<output>`, unless
    `cotangents` gives their nodes. Gradients are named `d_<name>`. `of` are the positions of the
    outputs that are differentiated, all if left out. Loops record what they need, or keep
    `checkpoints`, which are told what came of it.

    Raises
    ------
    NotDifferentiable
        If `wrt` is not floating point, or an operation on the way has no derivative.
    """
    for node in wrt:
        check_differentiable(program, node)
    b = reopen(program)
    rebuilt = b.substitute((*program.results, *wrt), {})
    count = len(program.outputs)
    outputs, wrt = rebuilt[:count], rebuilt[len(program.results) :]
    checked = rebuilt[count : len(program.results)]
    targets = [*wrt, *(_tap(outputs, name) for name in taps)]
    names = [*(b.notes.names.get(node, "wrt") for node in wrt), *taps]

    chosen = range(len(outputs)) if of is None else of
    floats = [k for k in chosen if outputs[k].array.dtype.is_float]
    if cotangents is None and len(floats) == 1 and not outputs[floats[0]].array.shape:
        cotangents = [make.constant(b, 1.0, outputs[floats[0]].array.dtype)]
    elif cotangents is None:
        letters = [f"g_{program.output_names[k]}" if len(floats) > 1 else "g" for k in floats]
        letters = free_names(program, letters)
        cotangents = [
            b.input(name, outputs[k].array) for name, k in zip(letters, floats, strict=True)
        ]
    cotangents = b.substitute(cotangents, {})
    seeds = [(outputs[k], g) for k, g in zip(floats, cotangents, strict=True)]

    if checkpoints is not None:
        checkpoints.known |= {d for i in program.inputs for s in i.array.shape for d in s.symbols()}
    gradients, primal = pull(b, seeds, targets, (*outputs, *checked), checkpoints)
    outputs, checked = primal[:count], primal[count:]
    found = [full(b, t, g) for t, g in zip(targets, gradients, strict=True)]
    own = [c for c in cotangents if c.op.kind is Kind.INPUT and c not in program.inputs]
    return Program(
        program.name,
        (*program.inputs, *own),
        (*outputs, *found),
        tuple(distinct([*program.output_names, *(f"d_{name}" for name in names)])),
        b.notes,
        program.rechecked(checked),
    )


def pull(
    b: Builder,
    seeds: Sequence[tuple[Node, Node]],
    wrt: Sequence[Node],
    primal: Sequence[Node] = (),
    checkpoints: Checkpoints | None = None,
    known_integers: Known | None = None,
    masks: Mapping[Node, Node] | None = None,
) -> tuple[list[Node | None], list[Node]]:
    """The cotangents of `wrt`, given those of other nodes, and `primal` again.

    A cotangent is None where it is zero, and may have a smaller shape that broadcasts to the full
    one. `masks` say where some that are given may be other than zero. `primal` comes back because
    its loops may have to record more.
    """
    order = toposort(output for output, _ in seeds)
    sweep = _Sweep(b, active(order, wrt), checkpoints, known_integers or Known())
    for g, mask in (masks or {}).items():
        sweep.masks.tell(g, mask)
    for output, g in seeds:
        sweep.give(output, g)
    for node in reversed(order):
        sweep.visit(node)
    found = [sweep.adjoints.get(node) for node in wrt]
    settled = iter(settle(b, [*(g for g in found if g is not None), *primal], sweep.replaced))
    return [g if g is None else next(settled) for g in found], list(settled)


def reopen(program: Program) -> Builder:
    """A new builder that knows the notes of the program."""
    b, notes = Builder(), program.notes
    b.notes = Notes(dict(notes.origins), dict(notes.names), set(notes.gradients))
    return b


class _Sweep:
    """The cotangents so far, on the way from the outputs to the inputs."""

    def __init__(
        self, b: Builder, active: set[Node], checkpoints: Checkpoints | None, integers: Known
    ) -> None:
        self.b = b
        self.active = active
        self.checkpoints = checkpoints
        self.integers = integers
        self.adjoints: dict[Node, Node] = {}
        self.results: dict[Node, list[Node | None]] = {}
        self.replaced: list[Replacement] = []
        self.masks = Masks(b)

    def give(self, node: Node, g: Node) -> None:
        """Add `g` to the cotangent of `node`."""
        if node not in self.active:
            return
        while g.op is BROADCAST_TO:
            self.masks.reshaped(g, g.args[0])
            (g,) = g.args
        before = self.adjoints.get(node)
        self.adjoints[node] = g if before is None else self._sum(node, before, g)

    def visit(self, node: Node) -> None:
        """Hand the finished cotangent of `node` on to its arguments."""
        if node not in self.adjoints and node not in self.results:
            return
        with self.b.at(self.b.notes.origins.get(node), gradient=True):
            if node in self.results:
                self._structured(node)
                return
            g = self.adjoints[node]
            _name(self.b.notes, node, g)
            if isinstance(node.params, Result):
                (source,) = node.args
                known = self.results.setdefault(source, [None] * len(source.items))
                known[node.params.index] = whole = full(self.b, node, g)
                self.masks.reshaped(g, whole)
            elif node.op in ELEMENTWISE:
                self._elementwise(node, g)
            elif any(a in self.active for a in node.args):
                self._moved(node, g)

    def _elementwise(self, node: Node, g: Node) -> None:
        entry = ELEMENTWISE[node.op]
        bindings = dict(zip(entry.arguments, node.args, strict=True)) | {"out": node}
        for arg, text, letter in zip(node.args, partials(entry), entry.arguments, strict=True):
            if arg not in self.active or not known(entry, text, letter):
                continue
            contribution = self.masks.times(g, build(self.b, text, bindings), bindings.values())
            if contribution is None:
                continue
            if arg.array.shape != node.array.shape:
                spread = full(self.b, node, contribution)
                contribution = self.masks.summed(spread, arg.array.shape)
            self.give(arg, contribution)

    def _moved(self, node: Node, g: Node) -> None:
        pullback = STRUCTURAL[node.op].pullback
        if pullback is None:
            raise NotDifferentiable(
                f"`{node.op.name}` has no derivative here.\n"
                "Wrap its argument in stop_gradient(...) if it is meant to be a constant.",
                origin=self.b.notes.origins.get(node),
            )
        whole = full(self.b, node, g)
        self.masks.reshaped(g, whole)
        if node.op is CONTRACT and (found := self.masks.contracted(node, whole)) is not None:
            for arg, contribution in found:
                self.give(arg, contribution)
            return
        if node.op in (PROD, MAX, MIN) and (part := self.masks.reduced(node, whole)) is not None:
            self.give(node.args[0], part)
            return
        if node.op in (CUMSUM, CUMPROD) and (part := self.masks.scanned(node, whole)) is not None:
            self.give(node.args[0], part)
            return
        contributions = self.masks.of_stack(node, [whole], pullback(self.b, node, whole))
        if node.op is BROADCAST_TO:
            contributions = (self.masks.summed(whole, node.args[0].array.shape),)
        self.masks.through(node, whole, contributions)
        for arg, contribution in zip(node.args, contributions, strict=True):
            if contribution is not None:
                self.give(arg, contribution)

    def _structured(self, node: Node) -> None:
        alone = [a in self.active and node.args.count(a) == 1 for a in node.args]
        results = self.results[node]
        given = Cotangents(
            results,
            [a in self.active for a in node.args],
            [
                self.adjoints.get(a) if once else None
                for a, once in zip(node.args, alone, strict=True)
            ],
            self.checkpoints,
            self.integers,
            lambda k: self._mask_of(results[k]),
        )
        pulled = RULES[node.op.kind](self.b, node, given, pull)
        if pulled.results is not None:
            self.replaced.append((node, pulled.results))
        given_gs = [g for g in results if g is not None]
        cotangents = self.masks.of_stack(node, given_gs, pulled.cotangents)
        for position, (arg, g) in enumerate(zip(node.args, cotangents, strict=True)):
            if position in pulled.totals and given.so_far[position] is not None:
                self.adjoints.pop(arg, None)
            if g is not None:
                self.give(arg, g)

    def _mask_of(self, g: Node | None) -> Node | None:
        return None if g is None or not g.array.shape else self.masks.mask_of(g)

    def _sum(self, node: Node, x: Node, y: Node) -> Node:
        """`x + y`; what is added at places of zeros is added at those places of the other."""
        b = self.b
        for whole, part in ((x, y), (y, x)):
            target = part.args[0] if part.args else part
            if not _adds_in_places(part) or make.constant_value(target) != 0:
                continue
            if part.array.shape != node.array.shape:
                continue  # what is broadcast writes into a row, of which there are many
            spread = full(b, node, whole)
            self.masks.reshaped(whole, spread)
            total = b.node(part.op, (spread, *part.args[1:]), part.params)
            self.masks.added(spread, part, total)
            return total
        return self.masks.add(x, y)


def _adds_in_places(node: Node) -> bool:
    return node.op in (SCATTER, UPDATE) and (
        isinstance(node.params, Scatter | Update) and node.params.accumulate
    )


def settle(b: Builder, outputs: Sequence[Node], replaced: Sequence[Replacement]) -> list[Node]:
    """`outputs` with the results of loops replaced; the last loop was replaced first."""
    mapping: dict[Node, Node] = {}
    for old, results in reversed(replaced):
        settled = b.substitute(results, mapping)
        mapping.update(zip(b.results(old), settled, strict=True))
    return b.substitute(outputs, mapping) if mapping else list(outputs)


def _name(notes: Notes, node: Node, g: Node) -> None:
    if node in notes.names and g in notes.gradients and g.op.kind is not Kind.CONSTANT:
        notes.names.setdefault(g, f"d_{notes.names[node]}")


def _tap(outputs: Sequence[Node], name: str) -> Node:
    found = [n for n in toposort(outputs) if isinstance(n.params, Tap) and n.params.name == name]
    if not found:
        raise NotDifferentiable(
            f"the result does not depend on a value named `{name}` outside of loops and branches.\n"
            "Name an intermediate value that is assigned at the top of the function."
        )
    return found[-1]


def check_differentiable(program: Program, node: Node) -> None:
    """Refuse integers and booleans, in the user's terms."""
    if not node.array.dtype.is_float:
        name = program.notes.names.get(node, "wrt")
        raise NotDifferentiable(
            f"`{name}` is {node.type}: integers and booleans have no derivative.\n"
            f"Pass `{name}` as floating point numbers, or leave it out of `wrt`."
        )


def free_names(program: Program, names: Sequence[str]) -> list[str]:
    """The names for further inputs, with a number added where one is taken."""
    taken = [i.params.name for i in program.inputs if isinstance(i.params, Input)]
    return distinct([*taken, *names])[len(taken) :]


def distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number added where one is taken."""
    result: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in result:
            candidate, number = f"{name}_{number}", number + 1
        result.append(candidate)
    return result
