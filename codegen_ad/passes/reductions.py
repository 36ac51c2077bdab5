"""Rules for sums and contractions: what is the same along an axis leaves them."""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim, product
from codegen_ad.ir.node import Node
from codegen_ad.ops import BY_NAME, make
from codegen_ad.ops.movement import BROADCAST_TO
from codegen_ad.ops.reduction import CONTRACT, MAX, MIN, PROD, SUM, Contract, Reduce
from codegen_ad.passes.arithmetic import ROUNDING, is_moderate, like
from codegen_ad.passes.rewrite import Rule


def _axes(node: Node) -> tuple[int, ...]:
    assert isinstance(node.params, Reduce)
    return node.params.axes


def _labels(node: Node) -> Contract:
    assert isinstance(node.params, Contract)
    return node.params


def spread_axes(x: Node) -> tuple[Node, set[int]]:
    """What was broadcast to `x`, in the rank of `x`, and the axes along which it was repeated."""
    if x.op is not BROADCAST_TO:
        return x, set()
    (source,) = x.args
    extra = x.array.rank - source.array.rank
    shape = (ONE,) * extra + source.array.shape
    spread = {a for a, (s, d) in enumerate(zip(shape, x.array.shape, strict=True)) if s != d}
    return source, spread


def times(b: Builder, x: Node, count: Dim) -> Node:
    """`x` added up `count` times."""
    if count == ONE:
        return x
    return make.multiply(b, make.cast(b, make.size(b, count), x.array.dtype), x)


def _trivial(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    axes = _axes(node)
    ones = [a for a in axes if x.array.shape[a] == ONE]
    if not ones and axes:
        return None
    rest = tuple(a for a in axes if a not in ones)
    shape = tuple(d for a, d in enumerate(x.array.shape) if a not in ones)
    renumbered = tuple(a - sum(o < a for o in ones) for a in rest)
    flat = make.reshape(b, x, shape)
    return b.node(node.op, (flat,), Reduce(renumbered)) if rest else flat


def _sum_of_same(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    source, spread = spread_axes(x)
    away = sorted(spread & set(_axes(node)))
    if not away:
        return None
    shape = (ONE,) * (x.array.rank - source.array.rank) + source.array.shape
    kept = [a for a in range(x.array.rank) if a not in away]
    flat = make.reshape(b, source, tuple(shape[a] for a in kept))
    full = make.broadcast_to(b, flat, tuple(x.array.shape[a] for a in kept))
    rest = [kept.index(a) for a in _axes(node) if a not in away]
    count = product(tuple(x.array.shape[a] for a in away))
    return times(b, make.sum_(b, full, rest), count)


def _sum_of_negative(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    return make.negative(b, make.sum_(b, x.args[0], _axes(node))) if _is_negative(x) else None


def _sum_of_sum(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    if x.op is not SUM:
        return None
    kept = [a for a in range(x.args[0].array.rank) if a not in _axes(x)]
    return make.sum_(b, x.args[0], sorted((*_axes(x), *(kept[a] for a in _axes(node)))))


def _sum_of_literal_multiple(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    if x.op is not BY_NAME["multiply"]:
        return None
    for factor, rest in (x.args, x.args[::-1]):
        if is_moderate(make.constant_value(factor)) and rest.array.shape == x.array.shape:
            number = factor if not factor.array.rank else factor.args[0]
            return make.multiply(b, number, make.sum_(b, rest, _axes(node)))
    return None


def same_along(x: Node, axes: Sequence[int]) -> tuple[Node, Node] | None:
    """The factor or divisor in `x` that is the same along these axes, and what else there is."""
    pairs = {BY_NAME["multiply"]: (x.args, x.args[::-1]), BY_NAME["divide"]: (x.args[::-1],)}
    for factor, rest in pairs.get(x.op, ()):
        shape = (ONE,) * (x.array.rank - factor.array.rank) + factor.array.shape
        if all(shape[a] == ONE for a in axes) and rest.array.shape == x.array.shape:
            return factor, rest
    return None


def without_axes(b: Builder, factor: Node, x: Node, axes: Sequence[int]) -> Node:
    """The factor or divisor of a sum of `x` over these axes where `factor` is that of each term."""
    shape = (ONE,) * (x.array.rank - factor.array.rank) + factor.array.shape
    return make.reshape(b, factor, tuple(d for a, d in enumerate(shape) if a not in axes))


def _sum_of_row_multiple(b: Builder, node: Node) -> Node | None:
    """A factor that is the same along the axes summed over, but not everywhere."""
    (x,) = node.args
    axes = _axes(node)
    found = same_along(x, axes) if x.op is BY_NAME["multiply"] else None
    if found is None or all(d == ONE for d in found[0].array.shape):
        return None
    factor, rest = found
    return make.multiply(b, make.sum_(b, rest, axes), without_axes(b, factor, x, axes))


def _contract_of_negative(b: Builder, node: Node) -> Node | None:
    minus = [_is_negative(a) for a in node.args]
    if not any(minus):
        return None
    args = [a.args[0] if m else a for a, m in zip(node.args, minus, strict=True)]
    made = b.node(CONTRACT, args, node.params)
    return make.negative(b, made) if sum(minus) % 2 else made


def _contract_one(b: Builder, node: Node) -> Node | None:
    """An einsum of one operand is a sum and a transpose."""
    if len(node.args) != 1:
        return None
    params = _labels(node)
    (labels,) = params.operands
    axes = [a for a, label in enumerate(labels) if label not in params.output]
    left = [label for label in labels if label in params.output]
    total = make.sum_(b, node.args[0], axes)
    return make.transpose(b, total, [left.index(label) for label in params.output])


def _contract_of_number(b: Builder, node: Node) -> Node | None:
    """A number among the operands is a factor."""
    params = _labels(node)
    for k, x in enumerate(node.args):
        if x.array.rank or len(node.args) == 1:
            continue
        args = [*node.args[:k], *node.args[k + 1 :]]
        labels = [*params.operands[:k], *params.operands[k + 1 :]]
        return make.multiply(b, x, make.contract(b, args, labels, params.output))
    return None


def _contract_of_same(b: Builder, node: Node) -> Node | None:
    """An operand loses the labels along which it is repeated."""
    params = _labels(node)
    dims = {
        label: d
        for x, labels in zip(node.args, params.operands, strict=True)
        for label, d in zip(labels, x.array.shape, strict=True)
    }
    for k, (x, labels) in enumerate(zip(node.args, params.operands, strict=True)):
        source, spread = spread_axes(x)
        if not spread:
            continue
        shape = (ONE,) * (x.array.rank - source.array.rank) + source.array.shape
        kept = [a for a in range(x.array.rank) if a not in spread]
        flat = make.reshape(b, source, tuple(shape[a] for a in kept))
        operands = [*params.operands]
        operands[k] = tuple(labels[a] for a in kept)
        present = {label for operand in operands for label in operand}
        output = [label for label in params.output if label in present]
        args = [*node.args[:k], flat, *node.args[k + 1 :]]
        inner = make.contract(b, args, operands, output)
        lost = product(tuple(d for n, d in dims.items() if n not in (*present, *params.output)))
        shape = tuple(dims[label] if label in present else ONE for label in params.output)
        return like(b, node, make.reshape(b, times(b, inner, lost), shape))
    return None


def _is_negative(x: Node) -> bool:
    return x.op is BY_NAME["negative"]


RULES = (
    Rule("a reduction over nothing, or over one element", (SUM, PROD, MAX, MIN), _trivial),
    Rule("sum of equal numbers -> n * number", (SUM,), _sum_of_same, ROUNDING),
    Rule("sum(-x) -> -sum(x)", (SUM,), _sum_of_negative),
    Rule("sum(sum(x)) -> sum(x)", (SUM,), _sum_of_sum, ROUNDING),
    Rule("sum(2 * x) -> 2 * sum(x)", (SUM,), _sum_of_literal_multiple, ROUNDING),
    Rule("sum(row * x) -> row * sum(x)", (SUM,), _sum_of_row_multiple, ROUNDING),
    Rule("contract(-x, y) -> -contract(x, y)", (CONTRACT,), _contract_of_negative),
    Rule("contract(x) -> sum, transpose", (CONTRACT,), _contract_one),
    Rule("contract(s, x) -> s * contract(x) for a number s", (CONTRACT,), _contract_of_number,
         ROUNDING),
    Rule("contract of what is repeated along an axis", (CONTRACT,), _contract_of_same, ROUNDING),
)  # fmt: skip
