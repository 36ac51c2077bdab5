"""What is added up after a product of matrices is added up before it.

`(a @ x).sum(axis=1)` is `a @ x.sum(axis=1)`: a product of a matrix and a vector in the place of one
of two matrices. Gradients are full of such sums. What shifts every row, `means` in the distances
`(x - means) @ factors`, gets the sum over the rows of their cotangents times `factors`, and these
products are as much work as all else in the gradient.

The contraction has to be there for the sum alone: where others need it as well, adding it up costs
less than adding up what it is made of. A sum of a sum that came with the derivative, in which the
cotangents of several users meet, is the sum of both parts. A user's sum is left as it is, because
terms may be small differences of large numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Program, Region, toposort
from codegen_ad.ops import BY_NAME, make
from codegen_ad.ops.reduction import CONTRACT, SUM, Contract, Reduce
from codegen_ad.passes.reductions import same_along, without_axes
from codegen_ad.passes.rewrite import inherit, rebuild, reopen

NAME = "sum(contract(x, y)) -> contract(sum(x), y)"


def early_sums(program: Program, *, fired: Counter[str] | None = None) -> Program:
    """The program with sums before the contractions whose results they add up."""
    b = reopen(program)
    count: Counter[str] = Counter() if fired is None else fired
    return program.rebuilt(_Scope(b, count, program.results).rebuilt(program.inputs), b.notes)


class _Scope:
    """The outputs of a program or region, and how often each node is needed for them."""

    def __init__(self, b: Builder, fired: Counter[str], outputs: Sequence[Node]) -> None:
        self.b = b
        self.fired = fired
        self.outputs = outputs
        self.order = toposort(outputs)
        self.uses = Counter(n for node in self.order for n in node.needs)
        self.uses.update(outputs)
        self.new: dict[Node, Node] = {}

    def rebuilt(self, inputs: Sequence[Node]) -> list[Node]:
        """The outputs, with sums moved."""
        self.new = {i: i for i in inputs}
        self.b.declare(inputs)
        for node in self.order:
            if node in self.new:
                continue
            if node.op is SUM and self._gains(node.args[0], _axes(node)):
                self.new[node] = self._moved(node)
                continue
            regions = [self._region(r) for r in node.regions]
            args, sizes = ([self.new[n] for n in some] for some in (node.args, node.sizes))
            self.new[node] = rebuild(self.b, node, args, regions, sizes)
        return [self.new[o] for o in self.outputs]

    def _region(self, region: Region) -> Region:
        with self.b.scope():
            scope = _Scope(self.b, self.fired, region.outputs)
            return Region(region.inputs, tuple(scope.rebuilt(region.inputs)))

    def _moved(self, node: Node) -> Node:
        notes = self.b.notes
        with self.b.at(notes.origins.get(node), gradient=node in notes.gradients):
            made = self._sum(node.args[0], _axes(node))
        inherit(notes, node, made)
        self.fired[NAME] += 1
        return made

    def _gains(self, x: Node, axes: Sequence[int]) -> bool:
        """Whether a sum of `x` over these axes may be taken of an operand of a contraction."""
        if self.uses[x] > 1 or not x.array.dtype.is_float:
            return False
        if x.op is CONTRACT:
            return _is_shorter(_labels(x), axes)
        if x.op is BY_NAME["negative"]:
            return self._gains(x.args[0], axes)
        if _is_meeting(self.b, x):
            return any(self._gains(a, axes) for a in x.args)
        found = same_along(x, axes)
        return found is not None and self._gains(found[1], axes)

    def _sum(self, x: Node, axes: Sequence[int]) -> Node:
        """The sum of `x` over these axes, taken where it costs least."""
        if not self._gains(x, axes):
            return make.sum_(self.b, self.new[x], axes)
        if x.op is CONTRACT:
            return self._contracted(x, axes)
        if x.op is BY_NAME["negative"] or _is_meeting(self.b, x):
            return make.apply(self.b, x.op.name, *(self._sum(a, axes) for a in x.args))
        found = same_along(x, axes)
        assert found is not None
        factor = without_axes(self.b, self.new[found[0]], x, axes)
        return make.apply(self.b, x.op.name, self._sum(found[1], axes), factor)

    def _contracted(self, x: Node, axes: Sequence[int]) -> Node:
        params = _labels(x)
        gone = {params.output[a] for a in axes}
        output = [label for label in params.output if label not in gone]
        operands: list[Node] = []
        kept: list[list[int]] = []
        for k, (arg, labels) in enumerate(zip(x.args, params.operands, strict=True)):
            own = gone - _others(params, k)
            away = [a for a, label in enumerate(labels) if label in own]
            operands.append(make.sum_(self.b, self.new[arg], away))
            kept.append([label for label in labels if label not in own])
        return make.contract(self.b, operands, kept, output)


def _axes(node: Node) -> tuple[int, ...]:
    assert isinstance(node.params, Reduce)
    return node.params.axes


def _labels(node: Node) -> Contract:
    assert isinstance(node.params, Contract)
    return node.params


def _others(params: Contract, k: int) -> set[int]:
    """The labels that operands other than the k-th have."""
    return {n for i, labels in enumerate(params.operands) if i != k for n in labels}


def _is_shorter(params: Contract, axes: Sequence[int]) -> bool:
    """Whether an operand alone has a label summed over, and so is multiplied less often after it.

    It is if others have axes of the result that it lacks. Otherwise it is a matrix times a vector,
    which takes as many multiplications as the sum takes additions.
    """
    gone = {params.output[a] for a in axes}
    for k, labels in enumerate(params.operands):
        others = _others(params, k)
        if not gone.intersection(labels) <= others and (others - {*labels}) & {*params.output}:
            return True
    return False


def _is_meeting(b: Builder, x: Node) -> bool:
    """Whether cotangents of several users are added, all of one shape."""
    if x not in b.notes.gradients or x.op.name not in ("add", "subtract"):
        return False
    return all(a.array.shape == x.array.shape for a in x.args)
