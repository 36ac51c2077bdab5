"""Arguments on the command line: `x=f8[n]` stands for any array of that dtype and rank.

A letter stands for a size that the kernel reads at run time. This module makes example arguments;
it never looks at the function that they are for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

import click

DTYPES = {
    "f8": "float64", "f4": "float32", "i8": "int64", "i4": "int32", "b1": "bool",
    "float64": "float64", "float32": "float32", "int64": "int64", "int32": "int32", "bool": "bool",
}  # fmt: skip
PLAIN = {"float": 1.0, "int": 1}
FIRST_SIZE = 101
"""The size that the first letter gets: no size that a kernel would be specialised on."""

_FORM = re.compile(r"(?P<dtype>[a-z]\w*)(?:\[(?P<shape>[^\[\]]*)\])?")


def arguments_of(specs: Iterable[str]) -> dict[str, Any]:
    """Example arguments by name, one for each `NAME=FORM`.

    A form is a dtype (`f8`: a NumPy number), a dtype and a shape (`f8[n, 3]`), `float` or `int`, or
    a literal such as `True`, `3` or `"text"`, which is the value itself.
    """
    sizes: dict[str, int] = {}
    found: dict[str, Any] = {}
    for spec in specs:
        name, separator, form = (part.strip() for part in spec.partition("="))
        if not separator or not name.isidentifier() or not form:
            raise click.UsageError(f"--arg {spec}: write NAME=FORM, for example x=f8[n]")
        if name in found:
            raise click.UsageError(f"--arg {name} is given twice")
        found[name] = _example(spec, form, sizes)
    return found


def _example(spec: str, form: str, sizes: dict[str, int]) -> Any:
    import numpy as np

    match = _FORM.fullmatch(form)
    if match is None or match["dtype"] not in DTYPES.keys() | PLAIN.keys():
        try:
            return ast.literal_eval(form)
        except (ValueError, SyntaxError):
            known = ", ".join(("f8", "f4", "i8", "i4", "b1", *PLAIN))
            raise click.UsageError(
                f"--arg {spec}: {form!r} is neither a form like f8[n, 3] nor a literal; "
                f"the dtypes are {known}"
            ) from None
    if match["shape"] is None:
        plain = PLAIN.get(match["dtype"])
        return np.ones((), DTYPES[match["dtype"]])[()] if plain is None else plain
    if match["dtype"] in PLAIN:
        raise click.UsageError(f"--arg {spec}: an array's dtype is f8, f4, i8, i4 or b1")
    parts = [p for p in match["shape"].split(",") if p.strip()]
    return np.ones([_size(spec, part, sizes) for part in parts], DTYPES[match["dtype"]])


def _size(spec: str, text: str, sizes: dict[str, int]) -> int:
    try:
        size = _value(ast.parse(text.strip(), mode="eval").body, sizes)
    except (SyntaxError, ValueError):
        raise click.UsageError(
            f"--arg {spec}: {text.strip()!r} is no size; write a number, a letter, or n + 1"
        ) from None
    if size < 0:
        raise click.UsageError(f"--arg {spec}: the size {text.strip()} is negative")
    return size


def _value(node: ast.expr, sizes: dict[str, int]) -> int:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name):
            # Sizes far apart, so that no two expressions of letters agree by chance.
            return sizes.setdefault(name, FIRST_SIZE + 16 * len(sizes))
        case ast.BinOp(left=left, op=op, right=right):
            first, second = _value(left, sizes), _value(right, sizes)
            match op:
                case ast.Add():
                    return first + second
                case ast.Sub():
                    return first - second
                case ast.Mult():
                    return first * second
                case _:
                    raise ValueError(op)
        case _:
            raise ValueError(node)
