"""The elements of its inputs that a program picks before it computes with any.

`x[1:]`, `cameras[which]` and `w.reshape((n, 2))` hold elements of an input, in other places and
perhaps more than once. A program is a function of such arrays as much as of its inputs, and its
Jacobian in them is sparser: a camera that a thousand observations share is a thousand cameras, one
for each. It is the Jacobian in the inputs but for where its columns stand, and rows that have no
picked element in common are one product in reverse mode.

It is the partial separability of Griewank and Toint, "On the unconstrained optimization of
partially separable functions" (1982), with the picking as the maps to the elements' variables.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.derive.reverse import free_names, reopen
from codegen_ad.ir.node import Kind, Node, Program, toposort


def picked(program: Program, wrt: Sequence[Node]) -> tuple[Node, ...]:
    """What is picked of `wrt`: arrays of their elements that something else is computed with.

    Returns
    -------
    nodes
        In the order in which the program computes them. None, if nothing is picked but what the
        inputs are, if an array has a size that only the run knows, or if their dtypes differ.
    """
    order = toposort(program.outputs)
    held, depends = set(wrt), set(wrt)
    for node in order:
        if node not in depends and any(a in depends for a in node.needs):
            depends.add(node)
            if _picks(node, held, depends):
                held.add(node)
    ends = {a for node in order if node not in held for a in node.needs if a in held}
    ends |= {o for o in program.outputs if o in held}
    known = {s for i in program.inputs for d in i.array.shape for s in d.symbols()}
    used = {s for node in ends for d in node.array.shape for s in d.symbols()}
    if ends <= set(wrt) or not used <= known or len({n.array.dtype for n in ends}) > 1:
        return ()
    return tuple(node for node in order if node in ends)


def _picks(node: Node, held: set[Node], depends: set[Node]) -> bool:
    """Whether all elements of a node are elements of held ones, whatever the numbers are."""
    if any(s in depends for s in node.sizes):
        return False
    match node.op.kind:
        case Kind.MOVEMENT:
            return all(a in held for a in node.args)
        case Kind.GATHER:
            return node.args[0] in held and not any(a in depends for a in node.args[1:])
        case _:
            return False


def opened(program: Program, nodes: Sequence[Node]) -> tuple[Program, tuple[Node, ...]]:
    """The program as a function of some of its values, too: they are further inputs, returned."""
    b = reopen(program)
    names = free_names(program, [program.notes.names.get(n, "picked") for n in nodes])
    given = [b.input(name, node.array) for name, node in zip(names, nodes, strict=True)]
    rebuilt = b.substitute(program.results, dict(zip(nodes, given, strict=True)))
    count = len(program.outputs)
    made = Program(
        program.name, (*program.inputs, *given), tuple(rebuilt[:count]), program.output_names,
        b.notes, program.rechecked(rebuilt[count:]),
    )  # fmt: skip
    return made, tuple(given)


def side_by_side(nodes: Sequence[Node]) -> bool:
    """Whether what is computed for picked arrays is kept row beside row: one loop has all rows."""
    return len({n.array.shape[:1] for n in nodes}) == 1 and nodes[0].array.rank > 0
