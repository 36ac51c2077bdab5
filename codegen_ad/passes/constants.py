"""Control flow that literals decide: a branch whose side is known, a loop that never runs."""

from __future__ import annotations

from codegen_ad.ir.builder import RESULT, Builder, Result
from codegen_ad.ir.node import Node, Program
from codegen_ad.ops import make
from codegen_ad.ops.control import Branch, Loop
from codegen_ad.passes.rewrite import Rule, rewrite


def _known_side(b: Builder, node: Node) -> Node | None:
    (branch,) = node.args
    if not isinstance(branch.params, Branch) or not isinstance(node.params, Result):
        return None
    known = make.constant_value(branch.args[0])
    if known is None:
        return None
    side = branch.params.then if known else branch.params.otherwise
    actual = dict(zip(side.inputs, branch.args[1:], strict=True))
    return b.substitute([side.outputs[node.params.index]], actual)[0]


def _never_runs(_: Builder, node: Node) -> Node | None:
    (loop,) = node.args
    if not isinstance(loop.params, Loop) or not isinstance(node.params, Result):
        return None
    never = make.constant_value(loop.args[0]) == 0 and node.params.index < loop.params.carried
    return loop.args[1 + node.params.index] if never else None


CONSTANTS = (
    Rule("a branch on a known condition -> that side", (RESULT,), _known_side),
    Rule("a loop of no iterations -> its first values", (RESULT,), _never_runs),
)


def constants(program: Program) -> Program:
    """The program without control flow that is decided now."""
    return rewrite(program, CONSTANTS)
