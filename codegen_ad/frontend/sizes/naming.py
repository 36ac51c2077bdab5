"""Names of size symbols: `n` for the rows of the data, then letters that read well."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codegen_ad.ir.dims import Dim
from codegen_ad.signature import ArrayForm, Path, Signature, leaves, path_text

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_LETTERS = ("n", "d", "k", "m", "p", "q", "r", "s", "t", "h")


@dataclass(frozen=True, slots=True)
class SizeSymbol:
    """The symbol of an axis whose size is read when the kernel is called."""

    name: str
    path: Path
    axis: int
    text: str


def size_symbols(signature: Signature, tree: ast.FunctionDef | ast.Lambda) -> list[SizeSymbol]:
    """One symbol for each axis of unknown size, those that should survive first.

    The first array that does not belong to the first parameter is taken for the data.
    """
    arrays = [(path, form) for path, form in leaves(signature) if isinstance(form, ArrayForm)]
    first = signature.parameters[0][0] if signature.parameters else ""
    data = [a for a in arrays if a[0][0] != first]
    chosen = (data or arrays)[:1]
    ordered = [*chosen, *(a for a in arrays if a not in chosen)]
    taken = taken_names(signature, tree)
    own = _users_names(tree)
    used: set[str] = set()
    found: list[SizeSymbol] = []
    for place, (path, form) in enumerate(ordered):
        axes = [axis for axis, size in enumerate(form.shape) if size is None]
        for axis in axes if place == 0 else axes[::-1]:
            text = f"{_expression(path)}.shape[{axis}]"
            name = own.get(text)
            if name is None or name in used:
                name = _free(path, axis, taken | used | set(own.values()))
            used.add(name)
            found.append(SizeSymbol(name, path, axis, text))
    return found


def taken_names(signature: Signature, tree: ast.FunctionDef | ast.Lambda) -> set[str]:
    """The names of the function and of what it takes."""
    return {path_text(path) for path, _ in leaves(signature)} | set(_names(tree))


def _free(path: Path, axis: int, taken: set[str]) -> str:
    for letter in _LETTERS:
        if letter not in taken:
            return letter
    name = f"n_{path_text(path)}_{axis}"
    while name in taken:
        name += "_"
    return name


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def _users_names(tree: ast.AST) -> dict[str, str]:
    """Sizes that the function itself gives a name to: `n, d = X.shape`, `n = len(y)`."""
    found: dict[str, str] = {}
    stored: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            stored[node.id] = stored.get(node.id, 0) + 1
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        match node.targets[0], node.value:
            case ast.Name(id=name), ast.Subscript(
                value=ast.Attribute(attr="shape"), slice=ast.Constant(value=int())
            ):
                found.setdefault(ast.unparse(node.value), name)
            case ast.Name(id=name), ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=array)]):
                found.setdefault(f"{array}.shape[0]", name)
            case ast.Name(id=name), ast.Attribute(value=ast.Name(id=array), attr="size"):
                found.setdefault(f"{array}.shape[0]", name)
            case ast.Tuple(elts=elts), ast.Attribute(attr="shape"):
                for axis, element in enumerate(elts):
                    if isinstance(element, ast.Name):
                        found.setdefault(f"{ast.unparse(node.value)}[{axis}]", element.id)
            case _:
                pass
    return {text: name for text, name in found.items() if stored[name] == 1}


def _expression(path: Path) -> str:
    """The argument as the user writes it: `params['W']`."""
    text = str(path[0])
    for step in path[1:]:
        text += f"[{step!r}]"
    return text


def part_name(symbol: str, divisor: int, taken: Collection[str]) -> str:
    """The symbol of a size divided by a number."""
    name = f"{symbol}_over_{divisor}"
    while name in taken:
        name += "_"
    return name


def size_text(m: Machine, dim: Dim) -> str:
    """The size in the user's terms: `x.shape[0] - 1`."""
    dim = m.facts.in_symbols_of_axes(dim)
    names = {s: Dim.symbol(m.size_names.get(s, s)) for s in dim.symbols()}
    return str(dim.substitute(names))
