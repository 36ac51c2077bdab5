"""Check that a program is well formed. Tests call this after every stage; it never changes anything."""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.builder import INPUT
from codegen_ad.ir.node import Node, Program, Region, toposort


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
    _verify_scope(program.name, program.inputs, program.outputs)


def _verify_scope(where: str, inputs: Sequence[Node], outputs: Sequence[Node]) -> None:
    if len(set(inputs)) != len(inputs) or any(i.op is not INPUT for i in inputs):
        raise InvalidProgram(f"{where}: inputs must be distinct input nodes")
    declared = set(inputs)
    keys: dict[object, Node] = {}
    for node in toposort(outputs):
        if node.op is INPUT:
            if node not in declared:
                raise InvalidProgram(f"{where}: {node.params} is used but not declared")
            continue
        inferred = node.op.infer([a.type for a in node.args], node.params)
        if inferred != node.type:
            raise InvalidProgram(f"{where}: {node.op.name} is {inferred}, not {node.type}")
        twin = keys.setdefault((node.op, node.args, node.params), node)
        if twin is not node:
            raise InvalidProgram(f"{where}: {node.op.name} exists twice")
        for number, region in enumerate(node.regions):
            _verify_region(f"{where}/{node.op.name}[{number}]", region)


def _verify_region(where: str, region: Region) -> None:
    _verify_scope(where, region.inputs, region.outputs)
