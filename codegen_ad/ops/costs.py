"""Which operations on numbers cost as much as a call of a function."""

from __future__ import annotations

from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.unary import CAST

COSTLY = frozenset(
    (
        "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "expit",
        "softplus", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh",
        "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "erf", "erfc", "power", "cbrt",
        "hypot", "logit", *(entry.op.name for entry in ELEMENTWISE.values() if entry.carried),
    )
)  # fmt: skip
"""Elementwise operations that cost as much as some ten products or more."""


def is_costly(node: Node) -> bool:
    """Whether a node computes such an operation; whole powers are a few products."""
    return node.op.name in COSTLY and not _is_whole_power(node)


def _is_whole_power(node: Node) -> bool:
    """Whether it is a power that is computed by products."""
    if node.op.name != "power":
        return False
    exponent = node.args[1]
    while exponent.op.kind is Kind.MOVEMENT:
        exponent = exponent.args[0]
    value = make.constant_value(exponent)
    if value is not None:
        return float(value).is_integer()
    return exponent.op is CAST and not exponent.args[0].array.dtype.is_float
