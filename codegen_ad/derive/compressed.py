"""Compressed Jacobians: their products with given directions, one for each colour, in one kernel.

The directions are inputs, with the number of colours as their first or last size. Which ones there
are is none of this module's business; see `codegen_ad.sparsity`.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.derive.batched import batched
from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.jacobian import looped, sized
from codegen_ad.derive.picked import opened, picked, side_by_side
from codegen_ad.derive.reverse import differentiate, distinct, free_names, reopen
from codegen_ad.derive.structured import Checkpoints
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import AxisSize, Dim, product
from codegen_ad.ir.node import Kind, Node, Program
from codegen_ad.ir.types import ArrayType, Shape
from codegen_ad.ops import make

Sized = tuple[Program, tuple[AxisSize[int], ...]]
"""A program, and where the number of colours is read."""


def compressed(
    program: Program,
    wrt: Sequence[Node],
    mode: str,
    checkpoints: Checkpoints | None = None,
) -> Sized:
    """The Jacobian of the one output times directions, or directions times it.

    Parameters
    ----------
    program : has one output, which is floating point.
    wrt : inputs of the program.
    mode : "forward" takes `s_<name>[colours, …]` for each of `wrt`, and its one output is of shape
        `colours + output`; "reverse" takes `s[colours, …]`, directions of the output, and has an
        output of shape `colours + input` for each of `wrt`. With ":last" behind, the colours are
        the last axis of all of these: what is the same in all directions is then computed once,
        and they are next to each other, which pays for many. "picked:<colours>" takes
        `s[output, colours]`, and its one output is products with the Jacobian in what is picked
        of `wrt`, `side_by_side` or one array after another, with the colours as the last axis.

    Raises
    ------
    NotDifferentiable
        If there are several outputs, or one of whole numbers, or of a size that only the run knows.
    """
    output = _checked(program)
    mode, _, place = mode.partition(":")
    if mode == "picked":
        return _in_picked(program, wrt, Dim.constant(int(place)), checkpoints), ()
    if mode == "forward":
        derived = pushforward(program, wrt)
        names = [f"s_{program.notes.names.get(w, 'value')}" for w in wrt]
    else:
        g = Builder().input("g", output.array)
        derived = differentiate(program, wrt, cotangents=[g], checkpoints=checkpoints)
        names = ["s"]
    given = derived.inputs[len(program.inputs) :]
    b = reopen(derived)
    colours = Dim.symbol(_free_symbol(program))
    is_last = place == "last"
    seeds = [
        b.input(name, ArrayType(node.array.dtype, _with(colours, node.array.shape, is_last)))
        for name, node in zip(free_names(program, names), given, strict=True)
    ]
    # The checks are the same in every direction.
    still = {g: make.full(b, g.array.shape, 0.0, g.array.dtype) for g in given}
    products = sized(b, derived, derived.outputs[1:], still)
    checked = b.substitute(derived.checked, still)
    found = _products(b, products, dict(zip(given, seeds, strict=True)), colours, is_last)
    named = ["products"] if mode == "forward" else [f"products_{n}" for n in _names(program, wrt)]
    for node, name in zip(found, named, strict=True):
        b.notes.names.setdefault(node, name)
    made = Program(
        program.name, (*program.inputs, *seeds), tuple(found), tuple(distinct(named)), b.notes,
        program.rechecked(checked),
    )  # fmt: skip
    axis = given[0].array.rank if is_last else 0
    return made, (AxisSize(str(colours), len(program.inputs), axis),)


def _in_picked(
    program: Program, wrt: Sequence[Node], colours: Dim, checkpoints: Checkpoints | None
) -> Program:
    """Directions times the Jacobian in what is picked of `wrt`."""
    nodes = picked(program, wrt)
    inner, given = opened(program, nodes)
    output = inner.outputs[0].array
    g = Builder().input("g", output)
    derived = differentiate(inner, given, cotangents=[g], checkpoints=checkpoints)
    b = reopen(derived)
    (name,) = free_names(program, ["s"])
    seeds = b.input(name, ArrayType(output.dtype, _with(colours, output.shape, True)))
    still = {g: make.full(b, output.shape, 0.0, output.dtype)}
    outputs = sized(b, derived, derived.outputs[1:], still)
    found = _products(b, outputs, {g: seeds}, colours, True)
    products = _together(b, found, colours, side_by_side(nodes))
    checked = b.substitute(derived.checked, still)
    again = b.substitute([n for n in program.nodes() if n.op.kind is Kind.SIZE] + [*nodes], {})
    places = dict(zip(given, again[len(again) - len(nodes) :], strict=True))
    products, *checked = b.substitute([products, *checked], places)
    b.notes.names.setdefault(products, "products")
    return Program(
        program.name, (*program.inputs, seeds), (products,), ("products",), b.notes,
        program.rechecked(checked),
    )  # fmt: skip


def _together(b: Builder, products: Sequence[Node], colours: Dim, is_wide: bool) -> Node:
    """All products as one array, their rows side by side or one array after another."""
    with b.at(None, gradient=True):
        shapes = [x.array.shape[:-1] for x in products]
        flat = [
            make.reshape(
                b, x, (s[0], product(s[1:]), colours) if is_wide else (product(s), colours)
            )
            for x, s in zip(products, shapes, strict=True)
        ]
        return make.concatenate(b, flat, 1 if is_wide else 0) if len(flat) > 1 else flat[0]


def _with(colours: Dim, shape: Shape, is_last: bool) -> Shape:
    return (*shape, colours) if is_last else (colours, *shape)


def _products(
    b: Builder, outputs: Sequence[Node], seeds: dict[Node, Node], colours: Dim, is_last: bool
) -> list[Node]:
    """The outputs for all directions, on a new axis; by a loop where they have to be in turn."""
    if is_last:
        found = batched(b, outputs, seeds, colours)
        if found is not None:
            return found
        turned = {n: make.transpose(b, s, _first(s.array.rank)) for n, s in seeds.items()}
        inside = _products(b, outputs, turned, colours, False)
        return [make.transpose(b, x, _last(x.array.rank)) for x in inside]

    def directions(place: Node) -> dict[Node, Node]:
        return {node: make.gather(b, s, place) for node, s in seeds.items()}

    return looped(b, outputs, colours, directions, "colour")


def _first(rank: int) -> tuple[int, ...]:
    """The order of axes that makes the last one the first."""
    return (rank - 1, *range(rank - 1))


def _last(rank: int) -> tuple[int, ...]:
    return (*range(1, rank), 0)


def _checked(program: Program) -> Node:
    if len(program.outputs) != 1 or not program.outputs[0].array.dtype.is_float:
        shown = ", ".join(str(o.type) for o in program.outputs) or "no numbers"
        raise NotDifferentiable(
            f"{program.name}() returns {shown}, and a sparse Jacobian is of one floating point "
            "array.\nReturn that array alone, or use jacobian(...) without sparse=True."
        )
    (output,) = program.outputs
    known = {s for i in program.inputs for d in i.array.shape for s in d.symbols()}
    if not known.issuperset(s for d in output.array.shape for s in d.symbols()):
        raise NotDifferentiable(
            f"{program.name}() returns {output.type}, of a size that only the run knows: its "
            "Jacobian has no shape before.\n"
            "Return an array of full size, or use jacobian(...) without sparse=True."
        )
    return output


def _names(program: Program, wrt: Sequence[Node]) -> list[str]:
    return [str(program.notes.names.get(w, "wrt")) for w in wrt]


def _free_symbol(program: Program) -> str:
    """A symbol that no size of an input has."""
    taken = {s for i in program.inputs for d in i.array.shape for s in d.symbols()}
    names = distinct([*sorted(taken), "colours"])
    return names[-1]
