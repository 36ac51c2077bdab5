"""A cotangent times a partial derivative, written as a person would: what is cheap comes first.

This module knows nothing of where cotangents are zero.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ops import make
from codegen_ad.ops.expression import apply


def product(b: Builder, g: Node, partial: Node, own: Collection[Node] = ()) -> Node:
    """`g * partial`, with divisions and signs outside and numbers gathered in `g`.

    A quotient among `own` is a factor like any other: it is there, and a product costs less than
    a second division.
    """
    name, args = partial.op.name, partial.args
    if partial in own:
        return apply(b, "multiply", g, partial)
    if name == "divide" and partial.array.rank >= g.array.rank:
        return apply(b, "divide", product(b, g, args[0], own), args[1])
    if name == "negative":
        return apply(b, "negative", product(b, g, args[0], own))
    if name == "multiply" and _comes_first(args[0], own):
        return product(b, product(b, g, args[0], own), args[1], own)
    return apply(b, "multiply", g, partial)


def _comes_first(factor: Node, own: Collection[Node]) -> bool:
    """Whether `g` is multiplied by this first: it is a number, or a quotient to divide `g` by."""
    is_quotient = factor.op.name == "divide" and factor not in own
    return is_quotient or make.constant_value(factor) is not None


def is_number(partial: Node) -> bool:
    """Whether a partial derivative is a number that is the same everywhere, and finite."""
    value = make.constant_value(partial)
    return value is not None and bool(np.isfinite(value))
