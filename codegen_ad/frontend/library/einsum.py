"""`np.einsum`: implicit and explicit, with ellipsis, repeated labels and broadcasting."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np

from codegen_ad.frontend.arrays.views import Indexed, Transposed
from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.contractions import einsum_of
from codegen_ad.frontend.words import count
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make


@signature(
    "np.einsum: subscripts *operands out=None dtype=None order='K' casting='safe' optimize=False"
)
def einsum(call: Call) -> Value:
    """Einstein summation."""
    call.only_default("order", "casting")
    call.ignore("optimize")
    text, values = _spelled_out(call)
    nodes = call.ctx.promote(*values)
    text = text.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(nodes):
        call.refuse(
            f"The subscripts '{text}' are for {count(len(terms), 'operand')}, and {len(nodes)} "
            "are given.",
            "Write one group of letters for each operand, separated by commas.",
        )
    if nodes[0].array.dtype is DType.BOOL:
        call.refuse("`np.einsum` of booleans is not supported.", "Convert them: `.astype(int)`.")
    ranks = [_hidden(call, term, node.array.rank) for term, node in zip(terms, nodes, strict=True)]
    hidden = max(ranks)
    if not arrow:
        letters = sorted({letter for term in terms for letter in term if letter != "."})
        seen = "".join(terms)
        output = ("..." if hidden else "") + "".join(
            letter for letter in letters if seen.count(letter) == 1
        )
    _check_output(call, text, terms, output)
    alphabet = {letter: hidden + i for i, letter in enumerate(sorted(set("".join(terms)) - {"."}))}
    labels = [
        _labels(term, hidden - rank, hidden, alphabet)
        for term, rank in zip(terms, ranks, strict=True)
    ]
    wanted = _labels(output, 0, hidden, alphabet)
    if len(nodes) == 1 and set(labels[0]) == set(wanted):
        return _view(call, values[0], nodes[0], labels[0], wanted)
    if call.has("dtype"):
        nodes = [make.cast(call.b, n, call.dtype("dtype", n.array.dtype)) for n in nodes]
    return call.fresh(einsum_of(call, nodes, labels, wanted))


def _view(call: Call, value: Value, x: Node, labels: list[int], wanted: list[int]) -> Value:
    """An einsum that only takes diagonals and turns axes: a view, which may be written to."""
    call.only_default("dtype", instead="Use `.astype(...)`.")
    while len(set(labels)) < len(labels):
        label = next(name for name in labels if labels.count(name) > 1)
        axes = tuple(a for a, other in enumerate(labels) if other == label)
        for axis in axes[1:]:
            unify(call, x.array.shape[axes[0]], x.array.shape[axis])
        places = make.iota(call.b, x.array.shape[axes[0]])
        value = call.ctx.view(value, Indexed(axes, (places,) * len(axes)))
        labels = [label, *(other for other in labels if other != label)]
        x = call.node_of(value)
    return call.ctx.view(value, Transposed(tuple(labels.index(label) for label in wanted)))


def _spelled_out(call: Call) -> tuple[str, Sequence[Value]]:
    """The subscripts as a text, and the operands; they may be given as lists of numbers."""
    first = call.value("subscripts")
    text = call.static("subscripts") if call.ctx.is_static(first) else None
    if isinstance(text, str):
        return text, call.rest
    values = [first, *call.rest]
    lists = values[1::2] if len(values) % 2 == 0 else [*values[1::2], values[-1]]
    if len(values) < 2 or not all(call.ctx.is_static(v) for v in lists):
        call.refuse("`np.einsum` needs its subscripts as a text.", "Write them as in 'ij,jk->ik'.")
    terms = [_letters(call, v) for v in lists]
    if len(values) % 2 == 0:
        return ",".join(terms), values[::2]
    return ",".join(terms[:-1]) + "->" + terms[-1], values[:-1:2]


def _letters(call: Call, value: Value) -> str:
    """The letters of a list of numbers, in which `...` may stand."""
    letters: list[str] = []
    for item in call.ctx.items(value, "subscripts"):
        known = call.ctx.static(item, "subscript")
        if known is Ellipsis:
            letters.append("...")
            continue
        number = call.as_integer(known, "subscripts")
        if not 0 <= number < len(string.ascii_letters):
            call.refuse(f"`np.einsum` has no label {number}.", "Use numbers from 0 to 51.")
        letters.append(LETTERS[number])
    return "".join(letters)


LETTERS = string.ascii_uppercase + string.ascii_lowercase


def _hidden(call: Call, term: str, rank: int) -> int:
    """How many axes the ellipsis of a term stands for; refuses terms that do not fit."""
    letters = term.replace("...", "", 1)
    if not all(letter.isascii() and letter.isalpha() for letter in letters):
        call.refuse(
            f"`np.einsum` cannot read the subscripts '{term}'.", "Use letters, one for each axis."
        )
    rest = rank - len(letters)
    if rest < 0 or (rest and "..." not in term):
        call.refuse(
            f"The subscripts '{term}' name {count(len(letters), 'axis')}; the operand has {rank}.",
            "Write one letter for each axis of the operand.",
        )
    return rest


def _check_output(call: Call, text: str, terms: list[str], output: str) -> None:
    letters = output.replace("...", "", 1)
    unknown = sorted(set(letters) - set("".join(terms)))
    if unknown or len(set(letters)) != len(letters):
        call.refuse(
            f"The output of '{text}' repeats a label, or has one that no operand has.",
            "Name each label of the result once.",
        )
    if "..." not in output and any("..." in term for term in terms):
        call.refuse(
            f"The output of '{text}' lacks the `...` that an operand has.",
            "Write `...` in the output, or name those axes to sum over them.",
        )


def _labels(term: str, first: int, last: int, alphabet: dict[str, int]) -> list[int]:
    before, dots, after = term.partition("...")
    labels = [alphabet[letter] for letter in before]
    labels += range(first, last) if dots else []
    return labels + [alphabet[letter] for letter in after]


FUNCTIONS: dict[object, Handler] = {np.einsum: einsum}
