"""`np.einsum`: implicit and explicit, with ellipsis, repeated labels and broadcasting."""

from __future__ import annotations

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.contractions import einsum_of
from codegen_ad.ir.types import DType


@signature(
    "np.einsum: subscripts *operands out=None dtype=None order='K' casting='safe' optimize=False"
)
def einsum(call: Call) -> Value:
    """Einstein summation."""
    call.only_default("dtype", "order", "casting")
    call.ignore("optimize")
    text = call.static("subscripts") if call.ctx.is_static(call.value("subscripts")) else None
    if not isinstance(text, str):
        call.refuse("`np.einsum` needs its subscripts as a text.", "Write them as in 'ij,jk->ik'.")
    nodes = call.ctx.promote(*call.rest)
    text = text.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(nodes):
        call.refuse(
            f"The subscripts '{text}' are for {len(terms)} operands, and {len(nodes)} are given.",
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
    return call.fresh(einsum_of(call, nodes, labels, _labels(output, 0, hidden, alphabet)))


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
            f"The subscripts '{term}' name {len(letters)} axes; the operand has {rank}.",
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
