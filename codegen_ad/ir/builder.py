"""The builder: the only maker of nodes, owner of the intern table, the notes and the open scopes.

Within one builder, equal nodes are the same object. While a region is being built, its nodes are
kept in a scope of their own, so that what is computed inside a branch is computed only there.
A scope also knows the scalars that hold run-time sizes: what speaks of a size depends on it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from codegen_ad.ir.alike import Regions
from codegen_ad.ir.node import (
    Kind,
    Node,
    Notes,
    Op,
    Origin,
    Params,
    Region,
    RegionParams,
    TypeMismatch,
    dims_in,
    toposort,
)
from codegen_ad.ir.types import ArrayType, Type

Key = tuple[Op, tuple[Node, ...], Params | None, tuple[Node, ...]]


@dataclass(frozen=True, slots=True)
class Input(Params):
    """A parameter of a program or a region. The number makes each one distinct."""

    name: str
    number: int
    type: ArrayType


@dataclass(frozen=True, slots=True)
class Result(Params):
    """Which of a structured node's results."""

    index: int


def _infer_input(_: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Input)
    return params.type


def _infer_result(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Result)
    (source,) = types
    if isinstance(source, ArrayType):
        raise TypeMismatch("result of a node that has only one")
    return source.items[params.index]


INPUT = Op("input", Kind.INPUT, _infer_input)
RESULT = Op("result", Kind.RESULT, _infer_result)


class Scope:
    """The nodes made while one region is open."""

    __slots__ = ("_builder", "inputs", "sizes", "table")

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self.table: dict[Key, Node] = {}
        self.inputs: list[Node] = []
        self.sizes: dict[str, tuple[Node, ...]] = {}

    def owns(self, node: Node) -> bool:
        """Whether the node was made in this scope."""
        key = self._builder.key(node.op, node.args, node.params, node.sizes)
        return node in self.inputs or self.table.get(key) is node

    def input(self, name: str, type: ArrayType) -> Node:
        """A new input of the region."""
        node = self._builder.input(name, type)
        self.inputs.append(node)
        return node

    def close(self, outputs: Sequence[Node]) -> tuple[tuple[Node, ...], list[Node]]:
        """The outputs, and the outer values they need, in order of first use.

        Constants are not captured: `Builder.enclose` makes them anew inside.
        """
        own = set(self.table.values()) | set(self.inputs)
        captured: list[Node] = []
        seen: set[Node] = set()
        stack = list(reversed(outputs))
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in own and not _is_result_from(node, own):
                stack.extend(reversed(node.needs))
            elif not is_constant_expression(node):
                captured.append(node)
        return tuple(outputs), captured


def _is_result_from(node: Node, own: set[Node]) -> bool:
    """Whether it picks a result of a node outside `own`: it is captured in that node's place."""
    return node.op is RESULT and node.args[0] not in own


class Builder:
    """Makes nodes, interned, with notes of where they came from."""

    def __init__(self) -> None:
        self.notes = Notes()
        self._scopes: list[Scope] = [Scope(self)]
        self._regions = Regions()
        self._inputs = 0
        self._origin: Origin | None = None
        self._gradient = False
        self._sized = False

    def node(
        self,
        op: Op,
        args: Sequence[Node] = (),
        params: Params | None = None,
        sizes: Sequence[Node] | None = None,
    ) -> Node:
        """The node with this operation, these arguments and parameters; its type is inferred.

        `sizes` are the scalars of the run-time sizes in `params`; if not given, those in scope.

        Raises
        ------
        TypeMismatch, BroadcastError
            If the operation has no meaning for these arguments.
        """
        args = tuple(args)
        if self._sized:
            if isinstance(params, RegionParams):
                params, args = self._closed(params, args)
            if sizes is None:
                sizes = self._sizes_in(params)
        key = self.key(op, args, params, tuple(sizes or ()))
        for scope in reversed(self._scopes):
            found = scope.table.get(key)
            if found is not None:
                if not self._gradient:
                    # What a value and its gradient share is the value's: rules for gradients drop
                    # products with zero, which are NaN where the other factor is infinite.
                    self.notes.gradients.discard(found)
                return found
        if self._sized and op.kind is Kind.SIZE and (held := self._held(op, args, params)):
            return held
        node = Node(op, args, params, op.infer([a.type for a in args], params), key[3])
        self._scope_of(node).table[key] = node
        self.declare((node,))
        if self._origin is not None:
            self.notes.origins[node] = self._origin
        if self._gradient:
            self.notes.gradients.add(node)
        return node

    def _scope_of(self, node: Node) -> Scope:
        """Where a new node is kept: the innermost scope; a result stands beside what it is of."""
        if node.op is RESULT and len(self._scopes) > 1:
            (source,) = node.args
            for scope in reversed(self._scopes):
                if scope.owns(source):
                    return scope
        return self._scopes[-1]

    def key(
        self, op: Op, args: tuple[Node, ...], params: Params | None, sizes: tuple[Node, ...]
    ) -> Key:
        """What equal nodes have in common."""
        if isinstance(params, RegionParams):
            params = self._regions.shared(params)
        return op, args, params, sizes

    def input(self, name: str, type: ArrayType) -> Node:
        """A new input, distinct from all others."""
        self._inputs += 1
        params = Input(name, self._inputs, type)
        node = Node(INPUT, (), params, type)
        self.notes.names[node] = name
        self.declare((node,))
        return node

    # Run-time sizes --------------------------------------------------------------------------

    def declare(self, nodes: Iterable[Node]) -> None:
        """Let those of the nodes that hold a run-time size be found by its symbol from here on."""
        for node in nodes:
            if isinstance(node.type, ArrayType) and node.type.size is not None:
                sizes, symbol = self._scopes[-1].sizes, node.type.size
                if node not in sizes.get(symbol, ()):
                    sizes[symbol] = (*sizes.get(symbol, ()), node)
                self._sized = True

    def size(self, symbol: str) -> Node | None:
        """The scalar that holds a run-time size here; None for sizes of arguments."""
        for scope in reversed(self._scopes):
            if symbol in scope.sizes:
                return scope.sizes[symbol][0]
        return None

    @contextmanager
    def home(self, nodes: Iterable[Node]) -> Generator[None]:
        """Make nodes in the outermost scope in which all of `nodes` are known."""
        inner = self._scopes
        depth = 1
        for node in nodes:
            for place in range(depth, len(inner)):
                if inner[place].owns(node):
                    depth = place + 1
        self._scopes = inner[:depth]
        try:
            yield
        finally:
            self._scopes = inner

    def _held(self, op: Op, args: Sequence[Node], params: Params | None) -> Node | None:
        """What names the same run-time size already: made again, its arguments speak of that."""
        for scope in reversed(self._scopes):
            for node in (n for nodes in scope.sizes.values() for n in nodes):
                if (node.op, node.params) == (op, params) and all(
                    x is y or (x.op, x.params, x.args) == (y.op, y.params, y.args)
                    for x, y in zip(node.args, args, strict=True)
                ):
                    return node
        return None

    def _sizes_in(self, params: Params | None) -> tuple[Node, ...]:
        found: dict[Node, None] = {}
        for dim in dims_in(params):
            for key in tuple(dim.symbols()) or (str(dim),):
                held = (scope.sizes[key] for scope in reversed(self._scopes) if key in scope.sizes)
                found.update(dict.fromkeys(next(held, ())))
        return tuple(found)

    def _closed(
        self, params: RegionParams, args: tuple[Node, ...]
    ) -> tuple[RegionParams, tuple[Node, ...]]:
        """The regions with an input more for each run-time size that they use from outside."""
        known = {node for scope in self._scopes for held in scope.sizes.values() for node in held}
        own = {node for region in params.regions for node in region.inputs}
        free: dict[Node, None] = {}
        for region in params.regions:
            for node in toposort(region.outputs):
                if node in known and node not in own:
                    free[node] = None
        if not free:
            return params, args
        regions: list[Region] = []
        for region in params.regions:
            with self.scope():
                fresh = [self.input(str(node.array.size), node.array) for node in free]
                mapping = dict(zip(free, fresh, strict=True)) | {i: i for i in region.inputs}
                inside = self.substitute(region.outputs, mapping)
            regions.append(Region((*region.inputs, *fresh), tuple(inside)))
        return params.with_regions(tuple(regions)), (*args, *free)

    def results(self, node: Node) -> tuple[Node, ...]:
        """The results of a structured node, each as a node."""
        return tuple(self.node(RESULT, (node,), Result(i)) for i in range(len(node.items)))

    @property
    def depth(self) -> int:
        """How many regions are open."""
        return len(self._scopes) - 1

    @property
    def in_region(self) -> bool:
        """Whether a region is open: what is made now may not run, or run many times."""
        return self.depth > 0

    @contextmanager
    def at(self, origin: Origin | None, *, gradient: bool | None = None) -> Generator[None]:
        """Nodes made inside get this origin; `gradient` marks them as part of a derivative."""
        before = self._origin, self._gradient
        self._origin = origin
        if gradient is not None:
            self._gradient = gradient
        try:
            yield
        finally:
            self._origin, self._gradient = before

    @contextmanager
    def scope(self, again: Scope | None = None) -> Generator[Scope]:
        """Open a region, or one that was open before: what is made inside stays inside."""
        scope = Scope(self) if again is None else again
        self._scopes.append(scope)
        try:
            yield scope
        finally:
            popped = self._scopes.pop()
            assert popped is scope

    def enclose(
        self, inputs: Sequence[Node], outputs: Sequence[Node], captured: Sequence[Node]
    ) -> Region:
        """The closed region with `inputs` and one further input for each captured outer value."""
        with self.scope():
            fresh = [self.input(self.notes.names.get(c, "captured"), c.array) for c in captured]
            mapping = dict(zip(captured, fresh, strict=True))
            inside = self.substitute(outputs, mapping | {i: i for i in inputs})
        return Region((*inputs, *fresh), tuple(inside))

    def substitute(
        self, outputs: Iterable[Node], mapping: Mapping[Node, Node], *, foreign: bool = False
    ) -> list[Node]:
        """`outputs` rebuilt with nodes replaced; inputs that `mapping` lacks stay.

        Notes go over to the rebuilt nodes. This is also how a region is inlined: map its inputs to
        the actual arguments. Sizes of `foreign` nodes, those of another function's program, may be
        known only to the run here.
        """
        outputs = list(outputs)
        new: dict[Node, Node] = dict(mapping)
        self.declare(n for n in mapping.values() if n.op is INPUT)
        for node in _toposort_below(outputs, new):
            if node.op is INPUT:
                new[node] = node
                continue
            args = tuple(new[a] for a in node.args)
            is_gradient = node in self.notes.gradients
            with self.at(self.notes.origins.get(node) or self._origin, gradient=is_gradient):
                sizes = [new[s] for s in node.sizes]
                found = None if foreign and not sizes else sizes
                made = self.node(node.op, args, node.params, found)
            self.notes.copy_text(node, made)
            new[node] = made
        return [new[o] for o in outputs]


def _toposort_below(outputs: list[Node], stop: Mapping[Node, Node]) -> list[Node]:
    order: list[Node] = []
    seen: set[Node] = set(stop)
    for output in outputs:
        if output in seen:
            continue
        stack = [(output, iter(output.needs))]
        seen.add(output)
        while stack:
            node, rest = stack[-1]
            for arg in rest:
                if arg not in seen:
                    seen.add(arg)
                    stack.append((arg, iter(arg.needs)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def is_constant_expression(node: Node) -> bool:
    """Whether the value needs no input: constants, sizes, ranges, and cheap nodes over them."""
    cheap = (Kind.CONSTANT, Kind.ELEMENTWISE, Kind.MOVEMENT)
    return all(n.op.kind in cheap for n in toposort((node,)))
