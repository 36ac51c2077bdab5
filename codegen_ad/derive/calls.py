"""Derivatives of what has several results and is one call: by the user's rules, or a table's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from codegen_ad.derive.structured import Cotangents, Pull, Pulled, full, inline, placeholders
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ops import SEVERAL, make
from codegen_ad.ops.control import Custom

Push = Callable[
    [Builder, Mapping[Node, Node], Sequence[Node]],
    tuple[list[Node | None], list[Node], list[Node]],
]
"""`derive.forward.push`, handed in."""


def several_pullback(b: Builder, node: Node, given: Cotangents, pull: Pull) -> Pulled:
    """What the operation's entry says."""
    pullback = SEVERAL[node.op].pullback
    assert pullback is not None, "factors are made after differentiation"
    return Pulled(pullback(b, node, given.of_results))


def custom_pullback(b: Builder, node: Node, given: Cotangents, pull: Pull) -> Pulled:
    """What `backward` yields for the cotangents of the outputs.

    Residuals get a cotangent only where a derivative is differentiated again: through `forward`.
    """
    call = node.params
    assert isinstance(call, Custom)
    results = b.results(node)
    found: list[Node | None] = [None] * len(node.args)
    if any(g is not None for g in given.of_results[: call.outputs]):
        if call.backward is None:
            raise NotDifferentiable(
                f"`{call.name}` has a derivative of its own for forward mode only.\n"
                'Use jvp or jacobian(..., mode="forward"), or give it a backward pass with '
                f"@{call.name}.backward.",
                origin=b.notes.origins.get(node),
            )
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
            given.known,
        )
        for k, g in zip(wanted, pulled, strict=True):
            if g is None:
                continue
            (actual_g,) = inline(b, [g], own, node.args)
            known = found[k]
            found[k] = actual_g if known is None else make.add(b, known, actual_g)
    return Pulled([g if w else None for g, w in zip(found, given.wanted, strict=True)])


def custom_pushforward(
    b: Builder,
    node: Node,
    given: Sequence[Node | None],
    is_read: Callable[[Node], bool],
    push: Push,
) -> list[Node | None]:
    """The tangent of each result: of the outputs by the user's rule, of residuals by `forward`.

    Residuals have one only where a derivative is differentiated again; `is_read` tells which
    results are read at all.
    """
    call = node.params
    assert isinstance(call, Custom)
    results = b.results(node)
    found: list[Node | None] = [None] * len(results)
    outputs = [k for k, r in enumerate(results[: call.outputs]) if r.array.dtype.is_float]
    if any(is_read(results[k]) for k in outputs):
        if call.tangent is None:
            raise NotDifferentiable(
                f"`{call.name}` has a derivative of its own for reverse mode only.\n"
                f"Use grad or vjp, or give it a rule for forward mode with @{call.name}.jvp.",
                origin=b.notes.origins.get(node),
            )
        floats = [(a, t) for a, t in zip(node.args, given, strict=True) if a.array.dtype.is_float]
        # What was found outside has no derivative, and the rule takes no tangent of it.
        count = len(call.tangent.inputs) - len(node.args)
        actual = (*node.args, *(full(b, a, t) for a, t in floats[:count]))
        moved = inline(b, call.tangent.outputs, call.tangent.inputs, actual)
        for k, tangent in zip(outputs, moved, strict=True):
            found[k] = tangent
    kept = [k for k in range(call.outputs, len(results)) if is_read(results[k])]
    if kept:
        own = placeholders(b, node.args)
        inside = inline(b, [call.forward.outputs[k] for k in kept], call.forward.inputs, own)
        moving = {k: t for k, t in enumerate(given) if t is not None}
        directions = placeholders(b, [node.args[k] for k in moving], "t_")
        starts = {own[k]: d for k, d in zip(moving, directions, strict=True)}
        tangents = push(b, starts, inside)[0]
        inputs = (*own, *directions)
        outer = (*node.args, *(full(b, node.args[k], t) for k, t in moving.items()))
        for k, tangent in zip(kept, tangents, strict=True):
            if tangent is not None:
                (found[k],) = inline(b, [tangent], inputs, outer)
    return found
