"""The builder: the only maker of nodes, owner of the intern table, the notes and the open scopes.

Within one builder, equal nodes are the same object. While a region is being built, its nodes are
kept in a scope of their own, so that what is computed inside a branch is computed only there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from codegen_ad.ir.node import (
    Kind,
    Node,
    Notes,
    Op,
    Origin,
    Params,
    Region,
    TypeMismatch,
    toposort,
)
from codegen_ad.ir.types import ArrayType, Type

Key = tuple[Op, tuple[Node, ...], Params | None]


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

    __slots__ = ("_builder", "inputs", "table")

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self.table: dict[Key, Node] = {}
        self.inputs: list[Node] = []

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
                stack.extend(reversed(node.args))
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
        self._inputs = 0
        self._origin: Origin | None = None
        self._gradient = False

    def node(self, op: Op, args: Sequence[Node] = (), params: Params | None = None) -> Node:
        """The node with this operation, these arguments and parameters; its type is inferred.

        Raises
        ------
        TypeMismatch, BroadcastError
            If the operation has no meaning for these arguments.
        """
        key = (op, tuple(args), params)
        for scope in reversed(self._scopes):
            found = scope.table.get(key)
            if found is not None:
                return found
        node = Node(op, tuple(args), params, op.infer([a.type for a in args], params))
        self._scopes[-1].table[key] = node
        if self._origin is not None:
            self.notes.origins[node] = self._origin
        if self._gradient:
            self.notes.gradients.add(node)
        return node

    def input(self, name: str, type: ArrayType) -> Node:
        """A new input, distinct from all others."""
        self._inputs += 1
        params = Input(name, self._inputs, type)
        node = Node(INPUT, (), params, type)
        self.notes.names[node] = name
        return node

    def results(self, node: Node) -> tuple[Node, ...]:
        """The results of a structured node, each as a node."""
        return tuple(self.node(RESULT, (node,), Result(i)) for i in range(len(node.items)))

    @property
    def in_region(self) -> bool:
        """Whether a region is open: what is made now may not run, or run many times."""
        return len(self._scopes) > 1

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
    def scope(self) -> Generator[Scope]:
        """Open a region: what is made inside stays inside."""
        scope = Scope(self)
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
        fresh = [self.input(self.notes.names.get(c, "captured"), c.array) for c in captured]
        mapping = dict(zip(captured, fresh, strict=True))
        with self.scope():
            inside = self.substitute(outputs, mapping | {i: i for i in inputs})
        return Region((*inputs, *fresh), tuple(inside))

    def substitute(self, outputs: Iterable[Node], mapping: Mapping[Node, Node]) -> list[Node]:
        """`outputs` rebuilt with nodes replaced; inputs that `mapping` lacks stay.

        Notes go over to the rebuilt nodes. This is also how a region is inlined: map its inputs to
        the actual arguments.
        """
        outputs = list(outputs)
        new: dict[Node, Node] = dict(mapping)
        for node in _toposort_below(outputs, new):
            if node.op is INPUT:
                new[node] = node
                continue
            args = tuple(new[a] for a in node.args)
            with self.at(self._origin or self.notes.origins.get(node)):
                made = self.node(node.op, args, node.params)
            self.notes.copy(node, made)
            new[node] = made
        return [new[o] for o in outputs]


def _toposort_below(outputs: list[Node], stop: Mapping[Node, Node]) -> list[Node]:
    order: list[Node] = []
    seen: set[Node] = set(stop)
    for output in outputs:
        if output in seen:
            continue
        stack = [(output, iter(output.args))]
        seen.add(output)
        while stack:
            node, rest = stack[-1]
            for arg in rest:
                if arg not in seen:
                    seen.add(arg)
                    stack.append((arg, iter(arg.args)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def is_constant_expression(node: Node) -> bool:
    """Whether the value needs no input: constants, sizes, ranges, and cheap nodes over them."""
    cheap = (Kind.CONSTANT, Kind.ELEMENTWISE, Kind.MOVEMENT)
    return all(n.op.kind in cheap for n in toposort((node,)))
