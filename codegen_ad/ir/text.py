"""The text form of a program: what errors, tests, goldens and `explain` show.

One line a node, `%2: f8[n] = multiply %0, %1   ; line 3`; regions are indented below their owner.
Names are given in order of appearance and each region has its own, so equal programs print equally.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import cast

from codegen_ad.ir.builder import INPUT, Input, Result
from codegen_ad.ir.node import Node, Notes, Params, Program, Region, toposort


def program_text(program: Program) -> str:
    """The program as text, with the user's lines beside the nodes."""
    printer = _Printer(program.notes)
    head = ", ".join(printer.declare(i) for i in program.inputs)
    printer.lines.append(f"program {program.name}({head}) {{")
    printer.body(program.nodes(), "  ")
    returned = ", ".join(
        f"{name}={printer.name(node)}"
        for name, node in zip(program.output_names, program.outputs, strict=True)
    )
    if program.checks is not None:
        for number, failure in enumerate(program.checks.failures, 1):
            shown = ", ".join(printer.name(program.checks.values[i]) for i in failure.shown)
            message = "" if failure.message is None else repr(failure.message)
            raised = f"{failure.exception}({', '.join(filter(None, (message, shown)))})"
            code = printer.name(program.checks.code)
            remark = f"   ; line {failure.origin.line}"
            printer.lines.append(f"  raise {raised} if {code} == {number}{remark}")
    printer.lines.append(f"  return {returned}")
    printer.lines.append("}")
    return "\n".join(printer.lines) + "\n"


def params_text(params: Params | None) -> str:
    """The parameters as `{axes=(0,), …}`; regions are left out."""
    if params is None or isinstance(params, Input | Result):
        return ""
    parts: list[str] = []
    assert is_dataclass(params)
    for field in fields(params):
        value = getattr(params, field.name)
        if isinstance(value, Region):
            continue
        parts.append(f"{field.name}={_value_text(value)}")
    return "{" + ", ".join(parts) + "}" if parts else ""


def _value_text(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_value_text(v) for v in cast('tuple[object, ...]', value))})"
    return str(value)


class _Printer:
    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.names: dict[Node, str] = {}
        self.lines: list[str] = []
        self.count = 0
        self.declared: dict[str, int] = {}

    def declare(self, node: Node) -> str:
        params = node.params
        assert isinstance(params, Input)
        name = f"%{params.name}"
        number = self.declared.get(name, 0)
        self.declared[name] = number + 1
        if number:
            name = f"{name}.{number}"
        self.names[node] = name
        return f"{name}: {node.type}"

    def name(self, node: Node) -> str:
        if node not in self.names:
            self.names[node] = f"%{self.count}"
            self.count += 1
        return self.names[node]

    def body(self, nodes: list[Node], indent: str) -> None:
        for node in nodes:
            if node.op is INPUT:
                if node not in self.names:
                    self.declare(node)
                continue
            args = ", ".join(self.name(a) for a in node.args)
            if isinstance(node.params, Result):
                text = f"{args}.{node.params.index}"
            else:
                text = f"{node.op.name}{params_text(node.params)} {args}".rstrip()
            origin = self.notes.origins.get(node)
            user = self.notes.names.get(node)
            remarks = [f"line {origin.line}"] if origin else []
            remarks += [user] if user else []
            remark = f"   ; {', '.join(remarks)}" if remarks else ""
            self.lines.append(f"{indent}{self.name(node)}: {node.type} = {text}{remark}")
            for region in node.regions:
                self.region(region, indent + "  ")

    def region(self, region: Region, indent: str) -> None:
        outside, self.names = self.names, {}
        head = ", ".join(self.declare(i) for i in region.inputs)
        self.lines.append(f"{indent}({head}) {{")
        self.body(toposort(region.outputs), indent + "  ")
        outs = ", ".join(self.name(o) for o in region.outputs)
        self.lines.append(f"{indent}  yield {outs}")
        self.lines.append(f"{indent}}}")
        self.names = outside
