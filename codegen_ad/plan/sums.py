"""What a region only adds to: a variable that terms are added to where they are, in any order.

Branches and loops inside add to the same variable, so that nothing is handed in and out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from codegen_ad.ir.builder import Result
from codegen_ad.ir.node import Node, Region
from codegen_ad.ops.control import Loop
from codegen_ad.ops.trips import SUBTRACT, spine
from codegen_ad.plan.kernel import Accumulate, Apply, Expr, Var
from codegen_ad.plan.planner import Planner, Sum
from codegen_ad.plan.scope import Scope, Stored
from codegen_ad.plan.units import Structured


@dataclass(slots=True)
class Sums:
    """What is added in one region.

    Attributes
    ----------
    outputs : the positions of the region's outputs that are sums.
    terms : `(variable, term, whether it is taken away)`.
    inner : results of branches and loops that add to a variable themselves.
    """

    outputs: list[int] = field(default_factory=list[int])
    terms: list[tuple[Var, Node, bool]] = field(default_factory=list[tuple[Var, Node, bool]])
    inner: list[Node] = field(default_factory=list[Node])

    @property
    def nodes(self) -> list[Node]:
        """What the region computes for its sums."""
        return [*(term for _, term, _ in self.terms), *self.inner]

    @property
    def units(self) -> list[Structured]:
        """The branches and loops that add to a variable themselves."""
        return [Structured(n) for n in dict.fromkeys(n.args[0] for n in self.inner)]


def carried_sums(loop: Loop) -> list[int]:
    """The positions of the scalars that a loop carries as sums."""
    outputs = enumerate(loop.body.outputs[: loop.carried])
    return [k for k, o in outputs if not o.array.shape and spine(loop.body, 1 + k, k) is not None]


def array_totals(loop: Loop) -> list[Node]:
    """The arrays that a loop carries as sums, as its body takes them."""
    inputs = loop.body.inputs[1 : 1 + loop.carried]
    arrays = (k for k, i in enumerate(inputs) if i.array.shape)
    return [inputs[k] for k in arrays if spine(loop.body, 1 + k, k) is not None]


def enter(p: Planner, scope: Scope, region: Region, sums: Sequence[tuple[int, int, str]]) -> Sums:
    """Let sums of a region, `(input, output, variable)`, be computed in their variables."""
    found = Sums()
    for position, output, name in sums:
        nodes = spine(region, position, output)
        assert nodes is not None
        found.outputs.append(output)
        variable = Var(name, nodes[0].array.dtype)
        for before, node in pairwise(nodes):
            scope.values[node, ()] = variable
            if isinstance(node.params, Result):
                p.sums[node] = Sum(before, name)
                found.inner.append(node)
            else:
                own = node.args.index(before)
                found.terms.append((variable, node.args[1 - own], node.op is SUBTRACT))
    return found


def add(p: Planner, scope: Scope, sums: Sums, values: Sequence[Expr | Stored]) -> None:
    """Add the values of the terms to their variables."""
    for (variable, term, negative), value in zip(sums.terms, values, strict=False):
        assert not isinstance(value, Stored)
        expr = Apply("negative", (value,), variable.dtype) if negative else value
        scope.statements.append(Accumulate(variable, "sum", expr, p.elements.note(term)))
