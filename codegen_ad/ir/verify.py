"""Check that a program is well formed. Tests call this after every stage.

This room finds mistakes and never repairs one: nothing here changes a program.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.builder import INPUT, RESULT
from codegen_ad.ir.node import Kind, Node, Program, toposort
from codegen_ad.ir.types import TupleType, Type


class InvalidProgram(Exception):
    """A program breaks a rule of the intermediate representation; always our mistake."""


def verify(program: Program) -> None:
    """Raise `InvalidProgram` unless the program is closed, typed and interned.

    Every input reached is declared, every type is the one its operation infers, regions are closed,
    and no two reachable nodes of one scope are equal without being the same.
    """
    if len(program.outputs) != len(program.output_names):
        raise InvalidProgram("outputs and their names differ in number")
    if len(set(program.output_names)) != len(program.output_names):
        raise InvalidProgram(f"two outputs have one name: {program.output_names}")
    _verify_scope(program.name, program.inputs, program.results)


def _verify_scope(where: str, inputs: Sequence[Node], outputs: Sequence[Node]) -> None:
    if len(set(inputs)) != len(inputs) or any(i.op is not INPUT for i in inputs):
        raise InvalidProgram(f"{where}: inputs must be distinct input nodes")
    declared = set(inputs)
    held = {i.array.size for i in inputs}
    twins: dict[object, Node] = {}
    for node in (*inputs, *toposort(outputs)):
        if node.op is INPUT and node not in declared:
            raise InvalidProgram(f"{where}: {node.params} is used but not declared")
        if node.op is not RESULT and any(isinstance(a.type, TupleType) for a in node.args):
            raise InvalidProgram(f"{where}: {node.op.name} takes several results as one value")
        inferred = _inferred(where, node)
        if inferred != node.type:
            raise InvalidProgram(f"{where}: {node.op.name} is {inferred}, not {node.type}")
        if twins.setdefault((node.op, node.args, node.params, node.sizes), node) is not node:
            raise InvalidProgram(f"{where}: {node.op.name} exists twice")
        if any(s.array.size is None for s in node.sizes):
            raise InvalidProgram(f"{where}: {node.op.name} takes a size from what holds none")
        if node.op.kind is Kind.SIZE:
            if len(node.args) == 1 and node.array.size in held:
                raise InvalidProgram(f"{where}: {node.array.size} has two values")
            held.add(node.array.size)
        for number, region in enumerate(node.regions):
            _verify_scope(f"{where}/{node.op.name}[{number}]", region.inputs, region.outputs)
    if any(isinstance(o.type, TupleType) for o in outputs):
        raise InvalidProgram(f"{where}: an output has several results")


def _inferred(where: str, node: Node) -> Type:
    try:
        return node.op.infer([a.type for a in node.args], node.params)
    except Exception as error:  # a typing rule refuses, or meets what it does not expect
        raise InvalidProgram(f"{where}: {node.op.name} is mistyped: {error!r}") from error
