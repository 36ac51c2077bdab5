"""What only differentiation looks at goes away: taps, stopped gradients, calls."""

from __future__ import annotations

from codegen_ad.ir.builder import RESULT, Builder, Result
from codegen_ad.ir.node import Node, Program
from codegen_ad.ops.control import Custom
from codegen_ad.ops.unary import STOP_GRADIENT, TAP
from codegen_ad.passes.rewrite import Rule, rewrite


def _identity(_: Builder, node: Node) -> Node:
    return node.args[0]


def _inline(b: Builder, node: Node) -> Node | None:
    """The result of a call: what its forward computes."""
    (call,) = node.args
    if not isinstance(call.params, Custom) or not isinstance(node.params, Result):
        return None
    forward = call.params.forward
    actual = dict(zip(forward.inputs, call.args, strict=True))
    return b.substitute([forward.outputs[node.params.index]], actual)[0]


ERASE = (
    Rule("tap, stop_gradient -> their argument", (TAP, STOP_GRADIENT), _identity),
    Rule("a call with its own derivative -> its forward", (RESULT,), _inline),
)


def erase(program: Program) -> Program:
    """The program without taps, stopped gradients and calls."""
    return rewrite(program, ERASE)
