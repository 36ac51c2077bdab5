"""The adjoint of what has several results and is one call: the user's own, or that of a table."""

from __future__ import annotations

from codegen_ad.derive.structured import Cotangents, Pull, Pulled, full, inline, placeholders
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ops import SEVERAL, make
from codegen_ad.ops.control import Custom


def several_pullback(b: Builder, node: Node, given: Cotangents, pull: Pull) -> Pulled:
    """What the operation's entry says."""
    return Pulled(SEVERAL[node.op].pullback(b, node, given.of_results))


def custom_pullback(b: Builder, node: Node, given: Cotangents, pull: Pull) -> Pulled:
    """What `backward` yields for the cotangents of the outputs.

    Residuals get a cotangent only where a derivative is differentiated again: through `forward`.
    """
    call = node.params
    assert isinstance(call, Custom)
    results = b.results(node)
    found: list[Node | None] = [None] * len(node.args)
    if any(g is not None for g in given.of_results[: call.outputs]):
        gs = [
            full(b, r, g) for r, g in zip(results[: call.outputs], given.of_results, strict=False)
        ]
        actual = (*results[call.outputs :], *gs)
        found = list(inline(b, call.backward.outputs, call.backward.inputs, actual))
    residuals = {
        k: g for k, g in enumerate(given.of_results) if k >= call.outputs and g is not None
    }
    if residuals:
        own = placeholders(b, node.args)
        outputs = inline(b, [call.forward.outputs[k] for k in residuals], call.forward.inputs, own)
        wanted = [k for k, is_wanted in enumerate(given.wanted) if is_wanted]
        pulled, _ = pull(
            b,
            list(zip(outputs, residuals.values(), strict=True)),
            [own[k] for k in wanted],
            (),
            None,
        )
        for k, g in zip(wanted, pulled, strict=True):
            if g is None:
                continue
            (actual_g,) = inline(b, [g], own, node.args)
            known = found[k]
            found[k] = actual_g if known is None else make.add(b, known, actual_g)
    return Pulled([g if w else None for g, w in zip(found, given.wanted, strict=True)])
