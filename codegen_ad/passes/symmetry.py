"""Sums of what stays the same, or changes its sign, when two axes are exchanged.

What bodies do to each other, such as `x[:, None] - x[None, :]` and all that follows from distances,
is symmetric or antisymmetric in the two bodies, and so is its adjoint. Its sums over one axis and
over the other are then one sum, but for the sign: every pair is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.movement import BROADCAST_TO, RESHAPE, TRANSPOSE, Order
from codegen_ad.ops.reduction import SUM, Contract, Reduce
from codegen_ad.ops.unary import CAST
from codegen_ad.passes.arithmetic import ROUNDING
from codegen_ad.passes.rewrite import Rule

EVEN = frozenset(("square", "absolute", "cos", "cosh"))
ODD = frozenset(
    (
        "negative", "sin", "tan", "tanh", "sinh", "arcsin", "arctan", "arcsinh", "arctanh", "erf",
        "cbrt",
    )
)  # fmt: skip
COMMUTATIVE = frozenset(
    (
        "add", "multiply", "maximum", "minimum", "hypot", "logaddexp", "equal", "not_equal",
        "logical_and", "logical_or",
    )
)  # fmt: skip

Places = tuple[int | None, ...]
"""For each axis of a node the axis of the sum's argument that it is, None for an axis of size 1.

Axes that are summed over on the way have negative numbers.
"""

Operands = list[tuple[Node, Places]]


class Exchange:
    """The exchange of two axes; `sign` says what it does to a value."""

    def __init__(self, first: int, second: int) -> None:
        self._other = {first: second, second: first}
        self._known: dict[tuple[Node, Places, Node, Places], int] = {}
        self._summed = 0

    def sign(self, node: Node) -> int:
        """1 if exchanging the axes leaves the node as it is, -1 if it changes its sign, else 0."""
        places = tuple(None if d == ONE else a for a, d in enumerate(node.array.shape))
        return self._between(node, places, node, places)

    def _between(self, x: Node, at: Places, y: Node, there: Places) -> int:
        """The same for `x` after the exchange, compared with `y`."""
        x, at = _behind(x, at)
        y, there = _behind(y, there)
        if x is y and tuple(self._other.get(p, p) if p is not None else p for p in at) == there:
            return 1
        if x.op is not y.op:
            return 0
        key = (x, at, y, there)
        if key not in self._known:
            self._known[key] = 0
            self._known[key] = self._same_operation(x, at, y, there)
        return self._known[key]

    def _same_operation(self, x: Node, at: Places, y: Node, there: Places) -> int:
        if x.op.kind is Kind.CONTRACT:
            return self._contraction(x, at, y, there)
        if x.params != y.params:
            return 0
        if x.op in ELEMENTWISE or x.op is CAST:
            return self._elementwise(x, at, y, there)
        if x.op.kind is Kind.REDUCE and x.array.rank < x.args[0].array.rank:
            return self._reduction(x, at, y, there)
        return 0

    def _elementwise(self, x: Node, at: Places, y: Node, there: Places) -> int:
        name = x.op.name
        own = [(a, _aligned(a, at)) for a in x.args]
        others = [(a, _aligned(a, there)) for a in y.args]
        signs = [self._between(*p, *q) for p, q in zip(own, others, strict=True)]
        if name == "where":
            # 0 is its own negative.
            zeros = [k for k in (1, 2) if make.constant_value(x.args[k]) == 0]
            signs = [signs[3 - k] if k in zeros else sign for k, sign in enumerate(signs)]
        if all(signs):
            return _combined(name, signs)
        if name in COMMUTATIVE or name == "subtract":
            signs = [self._between(*p, *q) for p, q in zip(own, others[::-1], strict=True)]
            if all(signs):
                sign = _combined(name, signs)
                return -sign if name == "subtract" else sign
        return 0

    def _reduction(self, x: Node, at: Places, y: Node, there: Places) -> int:
        assert isinstance(x.params, Reduce)
        gone = {a: self._fresh() for a in x.params.axes}

        def whole(node: Node, places: Places) -> tuple[Node, Places]:
            (source,) = node.args
            kept = iter(places)
            found = [gone[a] if a in gone else next(kept) for a in range(source.array.rank)]
            return source, _without_ones(source, found)

        sign = self._between(*whole(x, at), *whole(y, there))
        return sign if x.op is SUM or sign == 1 else 0

    def _contraction(self, x: Node, at: Places, y: Node, there: Places) -> int:
        p, q = x.params, y.params
        assert isinstance(p, Contract) and isinstance(q, Contract)
        here, after = (dict(zip(n.output, o, strict=True)) for n, o in ((p, at), (q, there)))
        gone = {label for labels in p.operands for label in labels} - here.keys()
        if gone != {label for labels in q.operands for label in labels} - after.keys():
            return 0
        for label in sorted(gone):
            here[label] = after[label] = self._fresh()

        def operands(node: Node, params: Contract, places: dict[int, int | None]) -> Operands:
            pairs = zip(node.args, params.operands, strict=True)
            return [(a, _without_ones(a, [places[label] for label in own])) for a, own in pairs]

        own, others = operands(x, p, here), operands(y, q, after)
        for order in (others, others[::-1]):
            if len(own) == len(order):
                signs = [self._between(*o, *t) for o, t in zip(own, order, strict=True)]
                if all(signs):
                    return _combined("multiply", signs)
        return 0

    def _fresh(self) -> int:
        self._summed -= 1
        return self._summed


def _combined(name: str, signs: Sequence[int]) -> int:
    """What an operation makes of the signs of its arguments."""
    if name in EVEN:
        return 1
    if name in ODD:
        return signs[0]
    match name:
        case "multiply":
            sign = 1
            for other in signs:
                sign *= other
            return sign
        case "add" | "subtract":
            return signs[0] if signs[0] == signs[1] else 0
        case "divide":
            # A difference that is 0 is the same 0 both ways, and 1 / 0 has its sign.
            return signs[0] if signs[1] == 1 else 0
        case "where":
            return signs[1] if signs[0] == 1 and signs[1] == signs[2] else 0
        case _:
            return 1 if all(sign == 1 for sign in signs) else 0


def _behind(node: Node, places: Places) -> tuple[Node, Places]:
    """What a node is only another shape of, with the places of its axes."""
    while True:
        if node.op is RESHAPE:
            (source,) = node.args
            old, new = ([d for d in n.array.shape if d != ONE] for n in (source, node))
            if old != new:
                return node, places
            kept = iter([p for p, d in zip(places, node.array.shape, strict=True) if d != ONE])
            places = tuple(None if d == ONE else next(kept) for d in source.array.shape)
        elif node.op is BROADCAST_TO:
            (source,) = node.args
            places = _aligned(source, places)
        elif node.op is TRANSPOSE:
            (source,) = node.args
            assert isinstance(node.params, Order)
            found = dict(zip(node.params.axes, places, strict=True))
            places = tuple(found[a] for a in range(source.array.rank))
        else:
            return node, places
        node = source


def _aligned(arg: Node, places: Places) -> Places:
    """The places of an argument's axes that broadcasting gives them."""
    return _without_ones(arg, places[len(places) - arg.array.rank :])


def _without_ones(node: Node, places: Sequence[int | None]) -> Places:
    pairs = zip(places, node.array.shape, strict=True)
    return tuple(None if d == ONE else p for p, d in pairs)


def _sum(b: Builder, node: Node) -> Node | None:
    """The sum over the later of two axes that may be exchanged, in a gradient.

    There the order of summation, and the sign of a zero, do not matter.
    """
    if node not in b.notes.gradients:
        return None
    (x,) = node.args
    assert isinstance(node.params, Reduce)
    axes, shape = node.params.axes, x.array.shape
    for gone in axes:
        kept = next((a for a in range(gone + 1, len(shape)) if a not in axes), None)
        if kept is None or shape[kept] != shape[gone] or shape[kept] == ONE:
            continue
        sign = Exchange(gone, kept).sign(x)
        if sign:
            others = tuple(sorted({*axes, kept} - {gone}))
            total = b.node(SUM, (x,), Reduce(others))
            return total if sign > 0 else make.negative(b, total)
    return None


RULES = (
    Rule("sum of what is symmetric in two axes -> over the later one", (SUM,), _sum, ROUNDING),
)
